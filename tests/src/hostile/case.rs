//! Many hostile servers and a good one in one configuration, and the built binary run on it once.

use super::{HostileServer, Protocol, Trap, Tree};
use crate::maildir::MaildirTree;
use crate::postrider::Home;
use crate::rig::message;
use postrider_mailserver::{Mailstore, Options, Service};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long the binary may take on a busy machine before it counts as hanging.
const HANGS: Duration = Duration::from_secs(240);

/// The most memory that a whole process may take with hostile servers, in KiB (issue: below 64 MB).
pub const MOST_KIB: u64 = 64 << 10;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Messages in every honest mailbox.
const MESSAGES: usize = 3;

/// The name of the account that nobody harms.
const GOOD: &str = "good";

/// What becomes of an account.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Whatever it is, it is an end.
    Any,
    /// It fails with an error of this kind, which says this.
    Fails(&'static str, &'static str),
    /// Nothing of it is worth an error, and as many messages as this are stored.
    Stores(usize),
}

/// An account with a server of its own.
#[derive(Debug)]
pub struct Case {
    name: String,
    protocol: Protocol,
    traps: Vec<Trap>,
    end: End,
    options: Options,
    config: String,
    tls: &'static str,
}

impl Case {
    /// An IMAP account.
    #[must_use]
    pub fn imap(name: &str, traps: impl IntoIterator<Item = Trap>, end: End) -> Self {
        Self {
            name: name.to_owned(),
            protocol: Protocol::Imap,
            traps: traps.into_iter().collect(),
            end,
            options: Options::default(),
            config: String::new(),
            tls: "none",
        }
    }

    /// A POP3 account. It leaves everything on the server.
    #[must_use]
    pub fn pop3(name: &str, traps: impl IntoIterator<Item = Trap>, end: End) -> Self {
        Self {
            protocol: Protocol::Pop3,
            config: "retention: keep".to_owned(),
            ..Self::imap(name, traps, end)
        }
    }

    /// The honest part of its server is of this kind.
    #[must_use]
    pub fn of(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The client expects this of TLS.
    #[must_use]
    pub fn tls(mut self, tls: &'static str) -> Self {
        self.tls = tls;
        self
    }

    /// With one more line in the configuration of the account.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.config += "\n    ";
        self.config += line;
        self
    }
}

/// What became of all.
#[derive(Debug)]
pub struct Outcome {
    /// Where it happened.
    pub home: Home,
    /// What the binary said of each account.
    pub accounts: BTreeMap<String, Value>,
    /// Its exit status.
    pub status: Option<i32>,
    /// The most memory it has taken, in KiB.
    pub peak_kib: u64,
    /// What it said on stderr.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
    ends: Vec<(String, End)>,
    outside: Tree,
}

/// Where anything may be written.
const INSIDE: [&str; 2] = ["state", "a/b/c/Mail"];

fn account(case: &Case, port: u16) -> String {
    let protocol = match case.protocol {
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop3",
    };
    format!(
        "  {name}:\n    protocol: {protocol}\n    host: 127.0.0.1\n    port: {port}\n    tls: {tls}\n    user: {name}\n    \
         password: secret\n    {config}\n",
        name = case.name,
        tls = case.tls,
        config = case.config.trim_start()
    )
}

/// Passes over all accounts once, with a good one among them. Must be called inside a tokio runtime of several
/// threads.
///
/// # Panics
/// When the binary hangs, or says nothing that can be read.
pub async fn run(cases: Vec<Case>) -> Outcome {
    let store = Mailstore::new();
    let mut yaml = "state_dir: {home}/state\ndefaults:\n  maildir: {home}/a/b/c/Mail/{account}\n\
                    accounts:\n"
        .to_owned();
    let mut servers = Vec::new();
    let mut ends = Vec::new();
    let good = Case::imap(GOOD, [], End::Stores(MESSAGES));
    for case in cases.iter().chain([&good]) {
        let held = store.account(&case.name, "secret");
        for n in 0..MESSAGES {
            held.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
        }
        let honest = Service::new(store.clone(), case.options.clone());
        let server = HostileServer::start(honest, case.protocol, case.traps.clone()).await;
        yaml += &account(case, server.port);
        servers.push(server);
        ends.push((case.name.clone(), case.end));
    }
    let ran = tokio::task::spawn_blocking(move || {
        let home = Home::new(&yaml);
        sync(home, ends)
    });
    let outcome = ran.await.expect("the binary was run");
    drop(servers);
    outcome
}

fn sync(home: Home, ends: Vec<(String, End)>) -> Outcome {
    let outside = || Tree::of(home.path(), &INSIDE);
    std::fs::create_dir_all(home.path().join("a/b/c/Mail")).expect("a directory of ours");
    std::fs::create_dir_all(home.path().join("state")).expect("a directory of ours");
    let before = outside();
    let files = tempfile::tempdir().expect("a directory");
    let file = |name: &str| std::fs::File::create(files.path().join(name)).expect("a file");
    let begun = Instant::now();
    let mut child = home
        .command(&["sync", "--json"])
        .stdout(Stdio::from(file("out")))
        .stderr(Stdio::from(file("err")))
        .spawn()
        .expect("the binary runs");
    let read = |name: &str| {
        let octets = std::fs::read(files.path().join(name)).expect("a file of ours");
        String::from_utf8_lossy(&octets).into_owned()
    };
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak(child.id()).unwrap_or_default().max(peak_kib);
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break status;
        }
        if begun.elapsed() > HANGS {
            child.kill().ok();
            child.wait().ok();
            panic!("it hangs:\n{}", read("err"));
        }
        std::thread::sleep(LOOK);
    };
    let (stdout, stderr) = (read("out"), read("err"));
    let told: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));
    let rows = told.get("accounts").and_then(Value::as_array);
    let rows = rows.expect("accounts").iter();
    let name = |row: &Value| row["account"].as_str().unwrap_or_default().to_owned();
    Outcome {
        accounts: rows.map(|row| (name(row), row.clone())).collect(),
        status: status.code(),
        peak_kib,
        stderr,
        took: begun.elapsed(),
        ends,
        outside: {
            let after = outside();
            assert_eq!(before, after, "it wrote elsewhere");
            after
        },
        home,
    }
}

/// The most memory a process has had, in KiB, as the kernel tells it while it lives.
#[must_use]
pub fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

impl Outcome {
    /// What an account has stored.
    ///
    /// # Panics
    /// When its mail tree cannot be read.
    #[must_use]
    pub fn mail(&self, account: &str) -> MaildirTree {
        let tree = self.home.path().join("a/b/c/Mail").join(account);
        MaildirTree::read(tree).expect("a mail tree")
    }

    /// The same, if it has stored anything.
    #[must_use]
    pub fn mail_or_none(&self, account: &str) -> Option<MaildirTree> {
        let tree = self.home.path().join("a/b/c/Mail").join(account);
        tree.exists().then(|| self.mail(account))
    }

    /// Every account ended as its case says, the good one among them; memory stayed within bounds, nothing
    /// panicked, and nothing was written elsewhere.
    ///
    /// # Panics
    /// When it is not so; all that is wrong is said at once.
    pub fn assert_contained(&self) {
        let mut wrong: Vec<String> = Vec::new();
        for (name, end) in &self.ends {
            wrong.extend(
                self.wrong(name, *end)
                    .map(|wrong| format!("{name}: {wrong}")),
            );
        }
        if self.peak_kib >= MOST_KIB {
            wrong.push(format!("it took {} KiB", self.peak_kib));
        }
        if self.peak_kib < 1_000 {
            wrong.push("the measurement saw nothing".to_owned());
        }
        if self.stderr.contains("panicked") {
            wrong.push(format!("it panicked:\n{}", self.stderr));
        }
        if self.outside.paths().count() == 0 {
            wrong.push("the look at the disk saw nothing".to_owned());
        }
        let statuses = |kind: &str| self.accounts.values().any(|row| row["kind"] == kind);
        let ranked = [
            ("config", 78),
            ("auth", 77),
            ("tls", 77),
            ("local_io", 74),
            ("protocol", 76),
            ("unreachable", 69),
            ("throttled", 75),
        ];
        let expected = ranked.iter().find(|(kind, _)| statuses(kind));
        let expected = expected.map_or(0, |(_, status)| *status);
        if self.status != Some(expected) {
            wrong.push(format!("it ended with {:?}, not {expected}", self.status));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// What is wrong with an account.
    fn wrong(&self, name: &str, end: End) -> Option<String> {
        let Some(row) = self.accounts.get(name) else {
            return Some("nothing was said".to_owned());
        };
        let tree = self.home.path().join("a/b/c/Mail").join(name);
        if tree.exists() {
            let mail = self.mail(name);
            if !mail.findings().is_empty() {
                return Some(format!("{:?}", mail.findings()));
            }
        }
        match end {
            End::Any => None,
            End::Fails(kind, says) => {
                let said = format!("{}: {}", row["error"], row["caused_by"]);
                let as_it_should = row["kind"] == kind && said.contains(says);
                (!as_it_should).then(|| format!("not {kind} ({says}): {row}"))
            }
            End::Stores(messages) => {
                let stored = if tree.exists() {
                    self.mail(name).len()
                } else {
                    0
                };
                let as_it_should = row["ok"] == true && stored == messages;
                (!as_it_should).then(|| format!("{stored} of {messages} messages: {row}"))
            }
        }
    }
}
