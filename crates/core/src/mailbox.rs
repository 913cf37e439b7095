//! Mailboxes: their names and their roles.

use std::fmt;

/// A mailbox's name, decoded to UTF-8 and cut into its levels of hierarchy.
///
/// `Display` joins the levels with `/`, whatever delimiter the server uses. `INBOX` is that in any
/// case (RFC 9051 §5.1). The name on the wire is another type, of the `imap` crate: this one is for
/// people, globs and directories, and two mailboxes may share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName {
    levels: Vec<String>,
}

impl MailboxName {
    /// The mailbox that every account has.
    #[must_use]
    pub fn inbox() -> Self {
        Self {
            levels: vec!["INBOX".to_owned()],
        }
    }

    /// Cuts a decoded name at the server's hierarchy delimiter (`None`: a flat name space).
    /// Empty levels (a trailing or a doubled delimiter) are left out.
    #[must_use]
    pub fn from_decoded(name: &str, delimiter: Option<char>) -> Self {
        Self::from_levels(match delimiter {
            Some(delimiter) => name.split(delimiter).map(str::to_owned).collect(),
            None => vec![name.to_owned()],
        })
    }

    /// Takes levels that are already cut, outermost first (a directory read back, for one).
    /// Empty levels are left out.
    #[must_use]
    pub fn from_levels(mut levels: Vec<String>) -> Self {
        levels.retain(|level| !level.is_empty());
        if let Some(first) = levels.first_mut()
            && first.eq_ignore_ascii_case("INBOX")
        {
            "INBOX".clone_into(first);
        }
        Self { levels }
    }

    /// The levels, outermost first. Any text may stand in a level: nothing here is a path.
    #[must_use]
    pub fn levels(&self) -> &[String] {
        &self.levels
    }

    /// Whether this is INBOX itself.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        matches!(self.levels.as_slice(), [only] if only == "INBOX")
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, level) in self.levels.iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            f.write_str(level)?;
        }
        Ok(())
    }
}

/// What a mailbox is for (SPECIAL-USE, RFC 6154 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `\All`: every message of the account.
    All,
    /// `\Archive`.
    Archive,
    /// `\Drafts`.
    Drafts,
    /// `\Flagged`: every flagged message.
    Flagged,
    /// `\Junk`.
    Junk,
    /// `\Sent`.
    Sent,
    /// `\Trash`.
    Trash,
}

impl Role {
    /// Every role with its word on the wire.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::All, "\\All"),
        (Self::Archive, "\\Archive"),
        (Self::Drafts, "\\Drafts"),
        (Self::Flagged, "\\Flagged"),
        (Self::Junk, "\\Junk"),
        (Self::Sent, "\\Sent"),
        (Self::Trash, "\\Trash"),
    ];

    /// The role that a LIST attribute names, in any case.
    #[must_use]
    pub fn parse(attribute: &str) -> Option<Self> {
        let named = |(_, word): &&(Self, &str)| word.eq_ignore_ascii_case(attribute);
        Self::ALL.iter().find(named).map(|(role, _)| *role)
    }

    /// The word on the wire, in the configuration and in the index.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let word = Self::ALL.iter().find(|(role, _)| *role == self);
        word.map_or("", |(_, word)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_inbox_in_any_case_and_only_at_the_top() {
        let name = |text: &str| MailboxName::from_decoded(text, Some('.')).to_string();
        assert_eq!(name("inbox"), "INBOX");
        assert_eq!(name("InBox.Work"), "INBOX/Work");
        assert_eq!(name("Work.inbox"), "Work/inbox");
        assert!(!MailboxName::from_decoded("INBOX.x", Some('.')).is_inbox());
    }

    #[test]
    fn delimiters_that_name_nothing_vanish() {
        assert_eq!(
            MailboxName::from_decoded("/a//b/", Some('/')).to_string(),
            "a/b"
        );
        assert_eq!(MailboxName::from_decoded("a/b", None).levels().len(), 1);
    }
}
