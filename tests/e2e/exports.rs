//! `postrider mailboxes --export`: each snippet in the real reader, which must find every mailbox of an account
//! of either layout and of a maildrop, with what is in them, whatever they are called.

mod dovecot;
mod indexers;
mod screens;

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::postrider::{Home, said};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What shells, configuration files, mutt's shortcuts, globs and formats have a meaning for. `touch` would
/// leave a file behind.
const MAILBOXES: [&str; 38] = [
    "INBOX",
    "Work",
    "Work/Projects",
    "Entwürfe",
    "a b",
    "it's",
    "'",
    "say \"hi\"",
    "$HOME",
    "`touch pwned`",
    "$(touch pwned)",
    "#hash",
    "a # b",
    "100%",
    "%s%u%n",
    "back\\slash",
    "trailing\\",
    " lead",
    "trail ",
    "=eq",
    "+plus",
    "!bang",
    "-dash",
    "<lt>",
    "|pipe",
    "a;b",
    "a,b",
    "a::b",
    "{x}",
    "[x]",
    "@at",
    "~tilde",
    ".hidden",
    "*star?",
    "^caret",
    "&amp",
    "v1.0 of it",
    "new",
];

/// Roles of mailboxes whose names are hard to write.
const ROLES: [(&str, &str); 5] = [
    ("`touch pwned`", "\\Drafts"),
    ("say \"hi\"", "\\Junk"),
    ("Sent ''; `$USER \\ #1", "\\Sent"),
    ("100%", "\\Trash"),
    ("a # b", "\\Archive"),
];

/// Messages in every mailbox, one of them in `cur`.
const EACH: usize = 2;

/// The accounts of a server, synced.
struct Synced {
    home: Home,
    /// What is above the three trees.
    above: PathBuf,
    _server: Server,
}

/// A mailbox as directories spell it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    account: &'static str,
    name: String,
    path: PathBuf,
}

/// `above` is the name of the directory that holds the trees; without `%`.
async fn synced(above: &str) -> Synced {
    let store = Mailstore::new();
    for user in ["ada", "bob"] {
        let account = store.account(user, "secret");
        let names = MAILBOXES.into_iter().chain(ROLES.map(|(name, _)| name));
        for (at, name) in names.enumerate() {
            if !account.messages(name).is_empty() {
                continue;
            }
            for n in 0..EACH {
                let flags: &[&str] = if n == 0 { &[] } else { &["\\Flagged"] };
                account.append(name, message(user, at, n), flags, 1_700_000_000);
            }
        }
        for (name, role) in ROLES {
            account.set_role(name, role);
        }
    }
    let eve = store.account("eve", "secret");
    for n in 0..EACH {
        eve.append("INBOX", message("eve", 0, n), &[], 1_700_000_000);
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let (imap, pop3) = (server.imap_addr.port(), server.pop3_addr.port());
    let tree = |name: &str| format!("{{home}}/{above}/{name}").replace('\'', "''");
    let yaml = format!(
        "state_dir: {{home}}/state\n\
         defaults: {{tls: none, host: 127.0.0.1, password: secret, brake: off}}\naccounts:\n  \
         home: {{port: {imap}, user: ada, maildir: '{}'}}\n  \
         work: {{port: {imap}, user: bob, layout: maildir++, maildir: '{}'}}\n  \
         isp: {{protocol: pop3, port: {pop3}, user: eve, maildir: '{}', retention: keep}}\n",
        tree("home"),
        tree("work"),
        tree("isp"),
    );
    let home = Home::new(&yaml);
    home.succeed(&["sync"]);
    let above = home.path().join(above);
    Synced {
        home,
        above,
        _server: server,
    }
}

fn message(user: &str, mailbox: usize, n: usize) -> String {
    format!(
        "From: Ada <ada@example.org>\r\nTo: {user}@example.org\r\nSubject: {user}.{mailbox}.{n}\r\n\
         Message-ID: <{user}.{mailbox}.{n}@example.org>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nHello\r\n"
    )
}

impl Synced {
    /// What a reader is told.
    fn export(&self, reader: &str) -> String {
        let output = self.home.run(&["mailboxes", "--export", reader]);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Every mailbox, from the index's public view, as its directory spells it.
    fn mailboxes(&self) -> Vec<Shown> {
        let index = self.home.path().join("state/index.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let index = rusqlite::Connection::open_with_flags(index, flags).unwrap();
        let mut rows = index
            .prepare("SELECT account, path FROM mailboxes")
            .unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let shown = rows.unwrap().map(|row| {
            let (account, path): (String, String) = row.unwrap();
            self.shown(&account, Path::new(&path))
        });
        let shown: Vec<Shown> = shown.collect();
        assert_eq!(shown.len(), 2 * (MAILBOXES.len() + 1) + 1);
        shown
    }

    fn shown(&self, account: &str, path: &Path) -> Shown {
        let account = ["home", "work", "isp"]
            .into_iter()
            .find(|known| *known == account)
            .unwrap();
        let below = path.strip_prefix(self.above.join(account)).unwrap();
        let below = below.to_str().unwrap();
        let name = match (account, below) {
            (_, "") => "INBOX".to_owned(),
            ("home", below) => below.to_owned(),
            (_, below) => below.strip_prefix('.').unwrap().replace('.', "/"),
        };
        Shown {
            account,
            name,
            path: path.to_owned(),
        }
    }

    /// A program in the home directory, with an environment of its own.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("USER", "nobody");
        command
    }

    /// No name was run.
    fn assert_nothing_ran(&self) {
        let mut left: Vec<PathBuf> = vec![self.home.path().join("pwned")];
        left.push(self.above.join("pwned"));
        left.push(self.above.join("home/pwned"));
        left.push(PathBuf::from("pwned"));
        left.retain(|path| path.exists());
        assert!(left.is_empty(), "{left:?}");
    }
}

/// What a finished program printed; it must have succeeded.
fn printed(command: &mut Command) -> String {
    let output = command.output().expect("run tests/install");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_never_synced_is_told_what_to_type_and_stops_no_other() {
    let synced = synced("Mail").await;
    let path = synced.home.path().join("config.yaml");
    let yaml = std::fs::read_to_string(path).unwrap();
    let lone = "  lone: {port: 1, user: ada, maildir: '{home}/Mail/lone'}\n";
    synced.home.configure(&(yaml + lone));
    let output = synced.home.run(&["mailboxes", "--export", "aerc"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    let (told, wrong) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        told.contains("\n[isp]\n") && !told.contains("lone"),
        "{told}"
    );
    assert!(wrong.contains("hint: postrider sync lone"), "{wrong}");
    let lone = synced.home.run(&["mailboxes", "lone", "--export", "mu"]);
    assert_eq!(lone.status.code(), Some(75), "{}", said(&lone));
    assert!(lone.stdout.is_empty());
}
