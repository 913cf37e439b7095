//! Mail readers that people use, on a tree of ours: `tests/readers/run`, which drives them, and mail that is hard to keep.
//!
//! What is expected of a tree is a file beside the mail; what a checker or a reader has to say is a list of findings.

mod corpus;
mod stay;

pub use corpus::Corpus;
pub use stay::Stay;

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every reader that can be asked what it shows.
pub const READERS: [&str; 7] = [
    "aerc", "mutt", "neomutt", "dovecot", "mu", "notmuch", "python",
];

/// The tree of one account, as readers are told of it.
#[derive(Clone, Debug)]
pub struct ReadersTree {
    root: PathBuf,
    layout: &'static str,
    shows_deleted: bool,
}

impl ReadersTree {
    /// A tree of this layout: `fs`, `maildir++`, or `single`, which is INBOX alone.
    #[must_use]
    pub fn new(root: PathBuf, layout: &'static str) -> Self {
        Self {
            root,
            layout,
            shows_deleted: false,
        }
    }

    /// The same tree, where `\Deleted` is `T`.
    #[must_use]
    pub fn showing_deleted(self) -> Self {
        Self {
            shows_deleted: true,
            ..self
        }
    }

    /// Ends the test unless the tree holds exactly what is `expected`, and every reader shows exactly that.
    ///
    /// # Panics
    /// With all that was found.
    pub fn assert_shows(&self, expected: &Path) {
        std::thread::scope(|scope| {
            for reader in READERS {
                scope.spawn(move || {
                    let arguments = ["--reader".as_ref(), reader.as_ref()];
                    let found = self.findings("show", expected, &arguments);
                    assert!(found.is_empty(), "{reader}: {found:#?}");
                });
            }
            let found = self.findings("check", expected, &[]);
            assert!(found.is_empty(), "{found:#?}");
        });
    }

    fn findings(&self, command: &str, expected: &Path, more: &[&OsStr]) -> Vec<Value> {
        let mut run = self.command(command);
        run.arg("--expected").arg(expected).args(more);
        if self.shows_deleted {
            run.arg("--deleted");
        }
        let told = printed(&mut run, &[0, 1]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let found = told.get("findings").and_then(Value::as_array);
        found.expect("a list of findings").clone()
    }

    /// Does one thing after the other in one session of a reader that has these lines in its configuration besides its
    /// own; each is seen done on disk before the next.
    ///
    /// # Panics
    /// When one of them does not happen.
    pub fn act(&self, reader: &str, settings: &[String], deeds: &[Deed<'_>]) {
        let mut run = self.command("do");
        run.args(["--reader", reader]);
        for setting in settings {
            run.args(["--setting", setting]);
        }
        run.args(deeds.iter().map(|deed| deed.told().to_string()));
        let _nothing = printed(&mut run, &[0]);
    }

    /// Opens INBOX in a reader and leaves it open until it shows `count` messages.
    ///
    /// # Panics
    /// When the reader does not open it.
    #[must_use]
    pub fn stay(&self, reader: &str, count: usize) -> Stay {
        let mut run = self.command("stay");
        run.args(["--reader", reader, "--until", &count.to_string()]);
        Stay::begin(run)
    }

    fn command(&self, name: &str) -> Command {
        let mut run = program();
        run.arg(name).arg(&self.root);
        run.args(["--layout", self.layout]);
        run
    }
}

/// Ends the test unless every fault of a tree is found by the checker and by the readers that need no terminal.
///
/// # Panics
/// With what was not found.
pub fn assert_faults_are_found() {
    let _nothing = printed(program().arg("self-test"), &[0]);
}

/// What a user does to one message.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    name: &'static str,
    mailbox: &'a str,
    message_id: &'a str,
    to: &'a str,
}

impl<'a> Deed<'a> {
    /// `open`, `read`, `unread`, `flag`, `unflag`, `answer` or `delete` the message of INBOX with this Message-ID.
    #[must_use]
    pub const fn of(name: &'static str, message_id: &'a str) -> Self {
        Self {
            name,
            mailbox: "INBOX",
            message_id,
            to: "",
        }
    }

    /// `move` or `copy` it into another mailbox.
    #[must_use]
    pub const fn to(name: &'static str, message_id: &'a str, to: &'a str) -> Self {
        Self {
            to,
            ..Self::of(name, message_id)
        }
    }

    /// `draft`: write a message and postpone it. `send` it. `redraft`: take the one draft there is, change it, postpone
    /// it again; `recall`: send it.
    #[must_use]
    pub const fn write(name: &'static str) -> Self {
        Self::of(name, "")
    }

    fn told(&self) -> Value {
        json!({
            "name": self.name,
            "mailbox": self.mailbox,
            "message_id": self.message_id,
            "to": self.to,
        })
    }
}

fn program() -> Command {
    let mut program = Command::new("python3");
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("readers/run"));
    program.stdin(Stdio::null());
    program
}

/// What a command prints; it must end with one of these statuses.
fn printed(run: &mut Command, statuses: &[i32]) -> String {
    let output = run
        .output()
        .unwrap_or_else(|error| panic!("python3 does not run ({error}); run tests/install"));
    let said = crate::postrider::said(&output);
    let status = output.status.code();
    assert!(
        status.is_some_and(|status| statuses.contains(&status)),
        "{run:?}: {}\n{said}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
