//! The engine with a server in memory, a real disk and a real index: what the simulation tests turn.

use postrider_core::account::{AccountName, Protocol};
use postrider_core::brake::Brake;
use postrider_core::limits::Limits;
use postrider_core::retention::{Policy, Vanished};
use postrider_core::secret::Secret;
use postrider_core::settings::{
    AccountSettings, AuthChoice, FlagSync, FolderChoice, LabelChoice, Layout, Moves,
    PasswordSource, Push, ServerAddress, TlsMode,
};
use postrider_core::way::Way;
use postrider_engine::{
    EngineError, EngineSettings, PassReport, Rehearsal, Shutdown, Steps, SyncOptions, rehearse,
    sync,
};
use postrider_mailserver::{Account, Mailstore, Options, Server};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// One account on a server in memory, with a mail tree and a state directory of its own.
#[derive(Debug)]
pub struct Rig {
    /// The server; its faults and its command log are the test's to use.
    pub server: Server,
    /// The account as the server holds it.
    pub account: Account,
    /// What the user chose; change it before a pass.
    pub settings: AccountSettings,
    /// What all accounts together may use.
    pub limits: Limits,
    dir: TempDir,
}

impl Rig {
    /// An empty account on a server with every extension.
    pub async fn new(protocol: Protocol) -> Self {
        Self::with(protocol, Options::default()).await
    }

    /// An empty account on a server with these options.
    pub async fn with(protocol: Protocol, options: Options) -> Self {
        let store = Mailstore::new();
        let account = store.account("ada", "secret");
        let server = Server::start(store, options)
            .await
            .expect("a port of loopback");
        let dir = tempfile::tempdir().expect("a directory");
        let settings = settings(protocol, &server, dir.path());
        Self {
            server,
            account,
            settings,
            limits: Limits::default(),
            dir,
        }
    }

    /// Puts `count` distinct messages into `mailbox`.
    pub fn fill(&self, mailbox: &str, count: usize) {
        for n in 0..count {
            self.account
                .append(mailbox, message(mailbox, n), &[], 1_700_000_000 + n as i64);
        }
    }

    /// One complete pass.
    ///
    /// # Errors
    /// What the pass ended with.
    pub async fn pass(&self) -> Result<PassReport, EngineError> {
        self.pass_until(Steps::default()).await
    }

    /// A pass that stops dead where `steps` says, as a crash would.
    ///
    /// # Errors
    /// What the pass ended with.
    pub async fn pass_until(&self, steps: Steps) -> Result<PassReport, EngineError> {
        let settings = EngineSettings {
            state_dir: self.state_dir(),
            accounts: vec![self.settings.clone()],
            limits: self.limits,
        };
        let options = SyncOptions {
            steps,
            ..SyncOptions::default()
        };
        let (_trigger, shutdown) = Shutdown::new();
        let mut outcomes = sync(settings, options, shutdown).await?;
        outcomes.pop().expect("one outcome for one account").result
    }

    /// What [`Rig::pass`] would do.
    ///
    /// # Errors
    /// What the pass would end with.
    pub async fn rehearse(&self) -> Result<Rehearsal, EngineError> {
        let settings = EngineSettings {
            state_dir: self.state_dir(),
            accounts: vec![self.settings.clone()],
            limits: self.limits,
        };
        let (_trigger, shutdown) = Shutdown::new();
        let mut outcomes = rehearse(settings, SyncOptions::default(), shutdown).await?;
        outcomes.pop().expect("one outcome for one account").1
    }

    /// A copy of the index, so that looking at it leaves nothing beside it.
    #[must_use]
    pub fn index(&self) -> rusqlite::Connection {
        let copy = tempfile::NamedTempFile::new().expect("a file");
        std::fs::copy(self.state_dir().join("index.db"), copy.path()).expect("an index");
        let path = copy.into_temp_path().keep().expect("a path");
        let index = rusqlite::Connection::open(&path).expect("an index");
        // The connection has the file; nobody else needs it.
        index
            .pragma_update(None, "journal_mode", "DELETE")
            .expect("no log");
        std::fs::remove_file(path).expect("a file without a name");
        index
    }

    /// Where index and lock live.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The account's mail tree.
    #[must_use]
    pub fn maildir(&self) -> &Path {
        &self.settings.maildir
    }

    /// Everything below the rig's directory, to see that nothing was written beside tree and state.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The messages in the Maildir: how often each content stands there, by content.
    #[must_use]
    pub fn stored(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for path in files(self.maildir()) {
            if !is_in(&path, "tmp") {
                let octets = std::fs::read(&path).expect("a readable message");
                *found
                    .entry(String::from_utf8_lossy(&octets).into_owned())
                    .or_default() += 1;
            }
        }
        found
    }

    /// What the Maildir should hold: the server's messages of these mailboxes, each once, line ends LF.
    #[must_use]
    pub fn expected(&self, mailboxes: &[&str]) -> BTreeMap<String, usize> {
        let mut expected = BTreeMap::new();
        for mailbox in mailboxes {
            for message in self.account.messages(mailbox) {
                let text = String::from_utf8_lossy(&message.bytes).replace("\r\n", "\n");
                *expected.entry(text).or_default() += 1;
            }
        }
        expected
    }

    /// Files in any `tmp`.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        files(self.maildir())
            .iter()
            .filter(|path| is_in(path, "tmp"))
            .count()
    }

    /// Lets time pass for all that was stored and proven so far: the index remembers it `seconds` earlier.
    pub fn grow_older(&self, seconds: i64) {
        let path = self.state_dir().join("index.db");
        let index = rusqlite::Connection::open(path).expect("an index");
        let sql = "UPDATE message SET stored_at = stored_at - ?1, proven_at = proven_at - ?1";
        index.execute(sql, [seconds]).expect("older messages");
    }

    /// The single number that a query over the index's public views gives.
    #[must_use]
    pub fn count(&self, sql: &str) -> i64 {
        let path = self.state_dir().join("index.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let index = rusqlite::Connection::open_with_flags(path, flags).expect("an index");
        index
            .query_row(sql, [], |row| row.get(0))
            .expect("a number")
    }

    /// The command lines that the server has received since [`Mailstore::forget_commands`] and that
    /// begin with `word`.
    #[must_use]
    pub fn commands(&self, word: &str) -> Vec<String> {
        let lines = self
            .server
            .store()
            .commands()
            .into_iter()
            .map(|command| command.line);
        lines
            .filter(|line| line.to_ascii_uppercase().starts_with(word))
            .collect()
    }
}

/// The nth message of a mailbox: distinct, with a header, lines that begin with a dot, and a body whose
/// length depends on `n`.
#[must_use]
pub fn message(mailbox: &str, n: usize) -> String {
    let body = "a line of some length\r\n..two dots\r\n.\r\n".repeat(1 + n % 7);
    format!(
        "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: {mailbox} {n}\r\n\
         Message-ID: <{n}.{mailbox}@example.org>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n{body}"
    )
}

fn settings(protocol: Protocol, server: &Server, dir: &Path) -> AccountSettings {
    let (addr, retention) = match protocol {
        Protocol::Imap => (server.imap_addr, Policy::KEEP),
        Protocol::Pop3 => (server.pop3_addr, Policy::DELETE),
    };
    AccountSettings {
        name: AccountName::parse("home").expect("a name"),
        protocol,
        server: ServerAddress {
            host: addr.ip().to_string(),
            port: addr.port(),
            tls: TlsMode::None,
            ca_file: None,
            way: Way::Direct,
            pins: Vec::new(),
            client: None,
        },
        user: "ada".to_owned(),
        password: PasswordSource::Inline(Secret::new("secret".to_owned())),
        auth: AuthChoice::Auto,
        maildir: dir.join("mail"),
        layout: Layout::Fs,
        folders: FolderChoice::default(),
        poll: Duration::from_secs(300),
        push: Push::Auto,
        idle_refresh: None,
        timeout: Duration::from_secs(5),
        connections: 3,
        retention,
        vanished: Vanished::Keep,
        brake: Some(Brake::default()),
        max_size_octets: None,
        max_age: None,
        flags: FlagSync::Both,
        deleted_flag: false,
        moves: Moves::Push,
        upload: false,
        labels: LabelChoice::Link,
        on_new: None,
    }
}

/// All regular files below `dir`.
#[must_use]
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                // A socket has no content.
                found.push(path);
            }
        }
    }
    found
}

/// Whether a file lies directly in a directory of this name; a test's own directory may lie in `/tmp`.
#[must_use]
pub fn is_in(path: &Path, directory: &str) -> bool {
    path.parent()
        .and_then(Path::file_name)
        .is_some_and(|name| name == directory)
}
