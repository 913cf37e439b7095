//! What can be wrong with a configuration, in words that say where and what to write instead.
//!
//! A value is quoted only where its key cannot hold a secret.

use super::BadRow;
use postrider_core::account::AccountNameError;
use postrider_core::fault::Fault;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where something stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// There is no configuration to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no file in any of the places.
    #[error("there is no configuration; looked for {}", list(looked))]
    NotFound {
        /// The places, in the order of looking.
        looked: Vec<PathBuf>,
    },
    /// The file cannot be read.
    #[error("reading the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rows of `accounts_from` are wrong; the rest is in force.
    #[error("{}", of_rows(rows))]
    Rows {
        /// They, in the order of their file; never empty.
        rows: Vec<BadRow>,
    },
    /// The file was read and is wrong.
    #[error("{}", lines(path, complaints))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// All that is wrong with it, in the order of the file; never empty.
        complaints: Vec<Complaint>,
    },
}

impl ConfigError {
    /// What it means: a human must act.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        Fault::Config
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { looked } => Some(smallest(looked)),
            Self::Read { path, .. } => Some(format!("ls -l {}", path.display())),
            Self::Rows { rows } => rows.iter().find_map(BadRow::hint),
            Self::Wrong { path, complaints } => close(path, complaints),
        }
    }
}

/// What to type where a password is everybody's to read.
fn close(path: &Path, complaints: &[Complaint]) -> Option<String> {
    complaints.iter().find_map(|complaint| {
        let open = matches!(complaint.problem, Problem::ReadableByOthers { .. });
        open.then(|| format!("chmod 600 {}", path.display()))
    })
}

impl BadRow {
    /// What is wrong, a line for each complaint, with its place.
    #[must_use]
    pub fn told(&self) -> String {
        lines(&self.path, &self.complaints)
    }

    /// What to type next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        close(&self.path, &self.complaints)
    }
}

/// Rows that are told of one by one: whoever has generated a thousand wrong ones needs to see a few.
const ROWS_TOLD: usize = 20;

fn of_rows(rows: &[BadRow]) -> String {
    let told: Vec<String> = rows.iter().take(ROWS_TOLD).map(BadRow::told).collect();
    let more = rows.len().saturating_sub(ROWS_TOLD);
    let rest = (more > 0).then(|| format!("\nand {more} more rows are wrong"));
    told.join("\n") + &rest.unwrap_or_default()
}

/// The smallest configuration, and where to put it: the first of the places.
fn smallest(looked: &[PathBuf]) -> String {
    let place = looked.first().map_or_else(
        || "a file, and name it with --config".to_owned(),
        |path| path.display().to_string(),
    );
    format!(
        "write this to {place}\n\n\
         accounts:\n\
         \x20 home:\n\
         \x20   host: imap.example.org\n\
         \x20   user: ada@example.org\n\
         \x20   password: {{command: pass show mail/home}}\n"
    )
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    shown.join(", ")
}

fn lines(path: &Path, complaints: &[Complaint]) -> String {
    let line = |c: &Complaint| {
        let Place { line, column } = c.at;
        format!("{}:{line}:{column}: {}", path.display(), c.problem)
    };
    complaints.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it stands, or where something is missing.
    pub at: Place,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not YAML, or YAML that a configuration has no use for.
    Syntax {
        /// What the parser says; never text of the file.
        what: String,
    },
    /// A key that does not exist here.
    UnknownKey {
        /// As written.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A key inside `password` that is none: not shown, it may be the password.
    UnknownPasswordKey,
    /// A key twice in one mapping; not named inside `password`.
    Twice {
        /// As written.
        key: Option<String>,
        /// Where it stood first.
        first: Place,
    },
    /// A key that every account needs.
    Missing {
        /// The account.
        account: String,
        /// The key.
        key: &'static str,
    },
    /// No account at all.
    NoAccounts,
    /// Nothing, a list or a mapping where something else is wanted.
    Kind {
        /// The key.
        key: &'static str,
        /// What is wanted.
        wanted: &'static str,
    },
    /// A word that the key does not know.
    Word {
        /// The key.
        key: &'static str,
        /// As written.
        found: String,
        /// The words it knows.
        known: Vec<&'static str>,
    },
    /// Text of the wrong form: a bad duration, number, host, variable or path.
    Form {
        /// The key.
        key: &'static str,
        /// As written.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// Not a name of an account.
    AccountName {
        /// Why not.
        why: AccountNameError,
    },
    /// A user or password that cannot be sent; not shown.
    Unsendable {
        /// The key.
        key: &'static str,
    },
    /// `tls: none` to another machine.
    Cleartext {
        /// That machine.
        host: String,
    },
    /// Two keys that each say who makes the connection.
    TunnelAndProxy,
    /// A key that another one leaves without a meaning.
    SaysNothing {
        /// The key.
        key: &'static str,
        /// Because of what.
        because: &'static str,
    },
    /// An inline password in a file that others can read.
    ReadableByOthers {
        /// The mode of the file.
        mode: u32,
    },
    /// Something that this binary was built without.
    NotBuiltIn {
        /// What, and how to have it.
        what: &'static str,
    },
    /// Not exactly one source of a password.
    PasswordSources,
    /// A key that means something to IMAP only.
    ImapOnly {
        /// The key.
        key: &'static str,
        /// Why POP3 has no use for it, where that is not plain.
        because: Option<&'static str>,
    },
    /// A key about certificates beside `tls: none`.
    NeedsTls {
        /// The key.
        key: &'static str,
    },
    /// One of two keys that belong together.
    Alone {
        /// It.
        key: &'static str,
        /// The other one.
        lacking: &'static str,
    },
    /// Keys that cannot stand together, or not without another.
    Clash {
        /// What is wrong.
        what: &'static str,
    },
    /// Two mailboxes that shall have one name here.
    SameName {
        /// The name.
        name: String,
        /// The mailbox that has it.
        other: String,
    },
    /// Two IMAP accounts in one mail tree.
    SharedMaildir {
        /// The other account.
        other: String,
        /// The tree of both.
        path: PathBuf,
    },
    /// No place for the index.
    NoStateDir,
    /// The file of `accounts_from` cannot be used.
    Table {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: Option<Place>,
        /// What is wrong with it.
        what: String,
    },
    /// A row that is no account's.
    Row {
        /// What is wrong with it.
        what: String,
    },
}

const UNKNOWN_PASSWORD_KEY: &str = "unknown key in `password`; known are `command`, `file`, `env`, `credential` \
     and `secret_service` (a password that begins with `{` stands in quotes)";
const PASSWORD_SOURCES: &str =
    "`password` wants exactly one of `command`, `file`, `env`, `credential` and `secret_service`";
const TUNNEL_AND_PROXY: &str =
    "`tunnel` and `proxy` each make the connection; an account has one of them";
const NO_STATE_DIR: &str = "neither `state_dir` nor $STATE_DIRECTORY, $XDG_STATE_HOME or $HOME says \
     where the index may live";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { what } => write!(f, "not a YAML document that makes sense here: {what}"),
            Self::UnknownKey { key, nearest } => {
                write!(f, "unknown key `{}`", shown(key))?;
                nearest.map_or(Ok(()), |near| {
                    write!(f, "; the nearest known key is `{near}`")
                })
            }
            Self::UnknownPasswordKey => f.write_str(UNKNOWN_PASSWORD_KEY),
            Self::Twice { key, first } => {
                let key = key.as_ref().map(|key| format!(" `{}`", shown(key)));
                let (key, line) = (key.unwrap_or_default(), first.line);
                write!(f, "the key{key} is given twice, first on line {line}")
            }
            Self::Missing { account, key } => write!(f, "account `{account}` has no `{key}`"),
            Self::NoAccounts => f.write_str("there are no `accounts`"),
            Self::Kind { key, wanted } => write!(f, "`{key}` wants {wanted}"),
            Self::Word { key, found, known } => {
                let known = known.join("`, `");
                write!(
                    f,
                    "`{key}` cannot be `{}`; it is one of `{known}`",
                    shown(found)
                )
            }
            Self::Form { key, found, wanted } => {
                write!(f, "`{key}` cannot be `{}`: {wanted}", shown(found))
            }
            Self::AccountName { why } => write!(f, "{why}"),
            Self::Unsendable { key } => {
                write!(f, "`{key}` has a line end or a control character in it")
            }
            Self::Cleartext { host } => write_cleartext(f, host),
            Self::TunnelAndProxy => f.write_str(TUNNEL_AND_PROXY),
            Self::SaysNothing { key, because } => {
                write!(f, "`{key}` says nothing here: {because}")
            }
            Self::ReadableByOthers { mode } => write_readable(f, *mode),
            Self::NotBuiltIn { what } => f.write_str(what),
            Self::PasswordSources => f.write_str(PASSWORD_SOURCES),
            Self::ImapOnly { key, because } => {
                write!(f, "`{key}` is for IMAP accounts")?;
                because.map_or(Ok(()), |because| write!(f, ": {because}"))
            }
            Self::NeedsTls { key } => write!(
                f,
                "`{key}` is about certificates, and with `tls: none` there are none"
            ),
            Self::Alone { key, lacking } => write!(f, "`{key}` is nothing without `{lacking}`"),
            Self::Clash { what } => f.write_str(what),
            Self::SameName { name, other } => write_same_name(f, name, other),
            Self::SharedMaildir { other, path } => write!(
                f,
                "account `{other}` has the same maildir, {}; two IMAP accounts cannot share one",
                path.display()
            ),
            Self::NoStateDir => f.write_str(NO_STATE_DIR),
            Self::Table { path, at, what } => write_table(f, path, *at, what),
            Self::Row { what } => f.write_str(what),
        }
    }
}

fn write_cleartext(f: &mut fmt::Formatter<'_>, host: &str) -> fmt::Result {
    let host = shown(host);
    write!(
        f,
        "`tls: none` would send the password to {host} in the clear; if that is meant, add `allow_cleartext: true`"
    )
}

fn write_readable(f: &mut fmt::Formatter<'_>, mode: u32) -> fmt::Result {
    let mode = mode & 0o7777;
    write!(
        f,
        "a password stands here, and others can read the file (mode {mode:04o})"
    )
}

fn write_table(
    f: &mut fmt::Formatter<'_>,
    path: &Path,
    at: Option<Place>,
    what: &str,
) -> fmt::Result {
    write!(f, "`accounts_from`: {}:", path.display())?;
    if let Some(Place { line, column }) = at {
        write!(f, "{line}:{column}:")?;
    }
    write!(f, " {what}")
}

fn write_same_name(f: &mut fmt::Formatter<'_>, name: &str, other: &str) -> fmt::Result {
    let (name, other) = (shown(name), shown(other));
    write!(
        f,
        "two mailboxes cannot be called `{name}`; `{other}` is already"
    )
}

/// The longest piece of a file that a message repeats, in characters.
const SHOWN: usize = 60;

/// Text of a file, safe on a terminal.
fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
