//! The configuration: which file, what it says, and what is wrong with it (CONTRACT sections 2, 3).
//!
//! Reading order: [`surroundings`] (where to look), `file` (YAML to a tree with places), `reading`
//! (values by what their key wants), `account`, `way` (who makes the connection), `password`, `folders` and `removal` (the keys of an
//! account), `rows` (accounts in a table: `table`, `columns`), `limits`, `status` (who may ask how it goes), `resolve` (the whole), [`error`] (what is said about it). Nobody below the binary knows any of this: what
//! leaves here are the settings of `core`.

mod account;
mod columns;
pub mod duration;
pub mod error;
mod file;
mod folders;
mod limits;
mod on_new;
mod owner;
mod password;
mod paths;
mod push;
mod readers;
mod reading;
mod removal;
mod resolve;
mod rows;
mod size;
mod status;
pub mod surroundings;
mod table;
mod tls_trust;
mod trees;
mod way;

#[cfg(test)]
mod documentation_tests;
#[cfg(test)]
mod tests;

pub(crate) use reading::nearest;
pub use status::{MetricsPlace, StatusSettings};

use error::{Complaint, ConfigError, Place, Problem};
use postrider_core::account::AccountName;
use postrider_core::limits::Limits;
use postrider_core::settings::AccountSettings;
use postrider_core::shard::Shard;
use reading::Reading;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use surroundings::Surroundings;

/// The largest file read, in octets: ten thousand accounts take 2 MB; past this it is another file.
const MAX_OCTETS: u64 = 16 << 20;

/// A configuration that was accepted whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file; absolute.
    pub path: PathBuf,
    /// Where the index and the locks live; absolute.
    pub state_dir: PathBuf,
    /// Where the control socket lies; absolute.
    pub runtime_dir: PathBuf,
    /// How to log.
    pub log: LogSettings,
    /// What all accounts together may use.
    pub limits: Limits,
    /// What a daemon tells those who ask how it is doing.
    pub status: StatusSettings,
    /// The accounts, in the order of the file, then those of `accounts_from` in the order of theirs.
    pub accounts: Vec<AccountSettings>,
    /// Rows of `accounts_from` that are wrong: their accounts are not among them.
    pub bad_rows: Vec<BadRow>,
}

/// A row of `accounts_from` that is wrong; its account is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub path: PathBuf,
    /// The line on which it begins.
    pub line: usize,
    /// The name of the account, where it has one.
    pub account: Option<String>,
    /// What is wrong, with places in that file; never empty.
    pub complaints: Vec<Complaint>,
}

impl Config {
    /// The same with the accounts of one shard alone.
    #[must_use]
    pub fn of_shard(mut self, shard: Option<Shard>) -> Self {
        let Some(shard) = shard else { return self };
        self.accounts.retain(|account| shard.keeps(&account.name));
        // What has no name is nobody's, so everybody tells of it.
        self.bad_rows.retain(|row| {
            let name = row.account.as_deref().map(AccountName::parse);
            name.and_then(Result::ok)
                .is_none_or(|name| shard.keeps(&name))
        });
        self
    }
}

/// How to log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// In which form.
    pub format: LogFormat,
    /// How much.
    pub level: LogLevel,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Journald's own when stderr is the journal, else text.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One flat JSON object per line.
    Json,
    /// Journald's native protocol: every field of an event is a field of the entry.
    Journald,
}

/// How much is logged: this and all that is more serious.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What needs a human.
    Error,
    /// What went wrong and heals.
    Warn,
    /// What happened to mail.
    #[default]
    Info,
    /// Why.
    Debug,
    /// What was said on the wire, without secrets.
    Trace,
}

impl LogLevel {
    /// From the most serious to the most talkative.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Reads the configuration: the file `named` by an option, or the first that there is.
///
/// # Errors
/// When there is none, when it cannot be read, and when anything in it is wrong.
pub fn load(named: Option<&Path>, around: &Surroundings) -> Result<Config, ConfigError> {
    let looked = match named {
        Some(path) => vec![path.to_owned()],
        None => around.config_places(),
    };
    // A file that was named must be there; the places are tried in turn.
    let must_be_there = named.is_some() || around.var("POSTRIDER_CONFIG").is_some();
    for place in &looked {
        match open(place) {
            Ok((path, file)) => return read(path, &file, around),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_be_there => {}
            Err(source) => {
                let path = place.clone();
                return Err(ConfigError::Read { path, source });
            }
        }
    }
    Err(ConfigError::NotFound { looked })
}

fn open(path: &Path) -> io::Result<(PathBuf, File)> {
    Ok((std::path::absolute(path)?, File::open(path)?))
}

fn read(path: PathBuf, file: &File, around: &Surroundings) -> Result<Config, ConfigError> {
    let unread = |source| ConfigError::Read {
        path: path.clone(),
        source,
    };
    let (octets, mode) = take(file).map_err(unread)?;
    let parsed = match &octets {
        Some(octets) => parse(&path, (octets, mode), around),
        None => Err(wrong(Place { line: 1, column: 1 }, TOO_LARGE)),
    };
    parsed.map_err(|complaints| ConfigError::Wrong {
        path: path.clone(),
        complaints,
    })
}

const TOO_LARGE: &str = "it is larger than 16 MiB";

/// The octets of an open file, `None` when they are too many, and its mode: of the file, not of the name, which
/// may have been given to another one since. One that others may have written is not read.
fn take(file: &File) -> io::Result<(Option<Vec<u8>>, u32)> {
    let metadata = file.metadata()?;
    owner::check(&metadata)?;
    let mode = metadata.mode();
    let mut octets = Vec::new();
    file.take(MAX_OCTETS + 1).read_to_end(&mut octets)?;
    let fits = u64::try_from(octets.len()).is_ok_and(|octets| octets <= MAX_OCTETS);
    Ok((fits.then_some(octets), mode))
}

fn wrong(at: Place, what: &str) -> Vec<Complaint> {
    let problem = Problem::Syntax {
        what: what.to_owned(),
    };
    vec![Complaint { at, problem }]
}

/// Reads the content of a file, given with the mode of the file.
fn parse(
    path: &Path,
    (octets, mode): (&[u8], u32),
    around: &Surroundings,
) -> Result<Config, Vec<Complaint>> {
    let text = std::str::from_utf8(octets)
        .map_err(|error| wrong(after(octets, error.valid_up_to()), "it is not UTF-8"))?;
    let root = file::parse(text).map_err(|(at, problem)| vec![Complaint { at, problem }])?;
    let reading = Reading {
        base: path.parent().unwrap_or_else(|| Path::new("/")),
        mode,
        around,
        complaints: Vec::new(),
    };
    resolve::config(reading, path, &root)
}

/// The place behind so many octets that are UTF-8.
fn after(octets: &[u8], good: usize) -> Place {
    let text = String::from_utf8_lossy(octets.get(..good).unwrap_or_default());
    let line_start = text.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: text.matches('\n').count() + 1,
        column: text
            .get(line_start..)
            .map_or(0, |line| line.chars().count())
            + 1,
    }
}
