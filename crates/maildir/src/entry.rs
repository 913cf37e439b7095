//! Where in its mailbox a message's file lies.

use crate::name::FileName;
use std::fmt;

/// The two directories that hold messages; `tmp` holds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subdir {
    /// Seen by a reader, or flagged at the server.
    Cur,
    /// Not yet seen by any reader; no flags at all.
    New,
}

impl Subdir {
    /// The directory's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cur => "cur",
            Self::New => "new",
        }
    }
}

/// A message's file. `Display` is the path relative to the mailbox, as the index keeps it:
/// `new/x`, `cur/x:2,S`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The directory.
    pub subdir: Subdir,
    /// The name in it.
    pub file_name: FileName,
}

impl Entry {
    /// Takes back what `Display` gave to the index; `None` for anything else.
    #[must_use]
    pub fn parse(file: &str) -> Option<Self> {
        let (subdir, name) = file.split_once('/')?;
        let subdir = match subdir {
            "cur" => Subdir::Cur,
            "new" => Subdir::New,
            _ => return None,
        };
        let file_name = FileName::parse(name)?;
        Some(Self { subdir, file_name })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.subdir.as_str(), self.file_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_in_cur_or_new_is_an_entry() {
        for file in ["new/x", "cur/x:2,S", "cur/x;2,F"] {
            assert_eq!(Entry::parse(file).unwrap().to_string(), file);
        }
        for file in [
            "", "x", "tmp/x", "cur/", "cur/..", "cur/a/b", "new/.x", "../x",
        ] {
            assert_eq!(Entry::parse(file), None, "{file}");
        }
    }
}
