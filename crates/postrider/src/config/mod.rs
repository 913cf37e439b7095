//! The configuration: which file, what it says, and what is wrong with it (CONTRACT sections 2, 3).
//!
//! Reading order: [`surroundings`] (where to look), `file` (YAML to a tree with places), `reading`
//! (values by what their key wants), `account`, `password`, `folders` and `removal` (the keys of an
//! account), `resolve` (the whole), [`error`] (what is said about it). Nobody below the binary knows any of this: what
//! leaves here are the settings of `core`.

mod account;
pub mod duration;
pub mod error;
mod file;
mod folders;
mod password;
mod paths;
mod push;
mod readers;
mod reading;
mod removal;
mod resolve;
mod size;
pub mod surroundings;

#[cfg(test)]
mod documentation_tests;
#[cfg(test)]
mod tests;

pub(crate) use reading::nearest;

use error::{Complaint, ConfigError, Place, Problem};
use postrider_core::settings::AccountSettings;
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
    /// How to log.
    pub log: LogSettings,
    /// The accounts, in the order of the file; never empty.
    pub accounts: Vec<AccountSettings>,
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
    // Of the open file, not of the name: it may have been replaced since.
    let mode = file.metadata().map_err(unread)?.mode();
    let mut octets = Vec::new();
    let taken = file.take(MAX_OCTETS + 1).read_to_end(&mut octets);
    taken.map_err(unread)?;
    parse(&path, (&octets, mode), around).map_err(|complaints| ConfigError::Wrong {
        path: path.clone(),
        complaints,
    })
}

/// Reads the content of a file, given with the mode of the file.
fn parse(
    path: &Path,
    (octets, mode): (&[u8], u32),
    around: &Surroundings,
) -> Result<Config, Vec<Complaint>> {
    let wrong = |at, what: &str| {
        let problem = Problem::Syntax {
            what: what.to_owned(),
        };
        vec![Complaint { at, problem }]
    };
    if u64::try_from(octets.len()).unwrap_or(u64::MAX) > MAX_OCTETS {
        return Err(wrong(
            Place { line: 1, column: 1 },
            "it is larger than 16 MiB",
        ));
    }
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
