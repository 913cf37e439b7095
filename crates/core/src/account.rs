//! Accounts: whose mail it is.

use std::fmt;

/// The name a user gave an account; also a directory name, so it is kept plain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Box<str>);

/// The name cannot name an account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account name has 1 to 64 letters, digits, `_`, `-`, `.`, `@` or `+`, and does not begin with `.` or `-`"
)]
pub struct AccountNameError;

impl AccountName {
    /// Accepts a name that is safe as a directory, a log field and an argument.
    ///
    /// # Errors
    /// When it is empty, longer than 64 characters, or has a character that is not safe.
    pub fn parse(name: &str) -> Result<Self, AccountNameError> {
        let plain = |c: char| c.is_alphanumeric() || "_-.@+".contains(c);
        let good = (1..=64).contains(&name.chars().count())
            && name.chars().all(plain)
            && !name.starts_with(['.', '-']);
        good.then(|| Self(name.into())).ok_or(AccountNameError)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051).
    Imap,
    /// POP3 (RFC 1939).
    Pop3,
}

impl Protocol {
    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "imap" => Some(Self::Imap),
            "pop3" => Some(Self::Pop3),
            _ => None,
        }
    }

    /// The word of the configuration, the log and the index.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for name in ["", ".", "..", "a/b", "a b", "-x", ".hidden", "a\0", "a\n"] {
            assert!(AccountName::parse(name).is_err(), "{name:?}");
        }
        for name in ["home", "ada@example.org", "büro", "a.b-c_d+e"] {
            assert!(AccountName::parse(name).is_ok(), "{name:?}");
        }
    }
}
