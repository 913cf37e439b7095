//! Which of the server's mailboxes are synced, and why (or why not).

use postrider_core::mailbox::Role;
use postrider_core::settings::{AccountSettings, FolderChoice, LabelChoice};
use postrider_imap::{Capabilities, Capability, Listed};
use std::fmt;
use wildmatch::WildMatchPattern;

/// Why a mailbox is synced, or why it is not. `Display` is what `check` and `mailboxes` show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A pattern of `include` names it, and nothing speaks against it.
    Included {
        /// The first pattern that does.
        pattern: String,
    },
    /// A pattern of `exclude` names it.
    Excluded {
        /// The first pattern that does.
        pattern: String,
    },
    /// `labels: all-mail`: the mailbox that has all has its messages.
    InAllMail,
    /// It is the one that a POP3 account has.
    Maildrop,
    /// It cannot be opened: the server says `\Noselect`, or its name is that of the root.
    NoSelect,
    /// There are only mailboxes below it: the server says `\NonExistent` (RFC 5258 §3).
    NonExistent,
    /// `subscribed: true`, and the user has not subscribed to it.
    NotSubscribed,
    /// No pattern of `include` names it.
    NotIncluded,
}

impl Choice {
    /// Whether it is synced.
    #[must_use]
    pub const fn is_chosen(&self) -> bool {
        matches!(self, Self::Included { .. } | Self::Maildrop)
    }

    /// The word of the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Included { .. } => "included",
            Self::Excluded { .. } => "excluded",
            Self::InAllMail => "in_all_mail",
            Self::Maildrop => "maildrop",
            Self::NoSelect => "no_select",
            Self::NonExistent => "non_existent",
            Self::NotSubscribed => "not_subscribed",
            Self::NotIncluded => "not_included",
        }
    }

    /// The pattern of the configuration that decided.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        match self {
            Self::Included { pattern } | Self::Excluded { pattern } => Some(pattern),
            Self::InAllMail
            | Self::Maildrop
            | Self::NoSelect
            | Self::NonExistent
            | Self::NotSubscribed
            | Self::NotIncluded => None,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Included { pattern } => write!(f, "included by `{pattern}`"),
            Self::Excluded { pattern } => write!(f, "excluded by `{pattern}`"),
            Self::InAllMail => {
                f.write_str("`labels: all-mail`: its messages are in the mailbox that has all")
            }
            Self::Maildrop => f.write_str("a POP3 account has one maildrop"),
            Self::NoSelect => f.write_str("holds no messages"),
            Self::NonExistent => f.write_str("does not exist; there are others below it"),
            Self::NotSubscribed => f.write_str("not subscribed"),
            Self::NotIncluded => f.write_str("no `include` pattern matches"),
        }
    }
}

/// What decides for the mailboxes of one listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chooser<'a> {
    folders: &'a FolderChoice,
    /// `labels: all-mail`, on a server that has labels.
    all_mail: bool,
}

impl<'a> Chooser<'a> {
    /// `labels: all-mail` means something only where mailboxes are labels and one of them has all:
    /// everywhere else it would lose the other mailboxes.
    pub(crate) fn of(
        settings: &'a AccountSettings,
        capabilities: &Capabilities,
        listed: &[Listed],
    ) -> Self {
        let all = |listed: &Listed| listed.selectable && listed.role == Some(Role::All);
        Self {
            folders: &settings.folders,
            all_mail: settings.labels == LabelChoice::AllMail
                && capabilities.has(Capability::XGmExt1)
                && listed.iter().any(all),
        }
    }

    /// Decides for one mailbox. Exclusion wins; INBOX matches in any case and needs no subscription; a
    /// pattern that begins with a backslash names a role.
    pub(crate) fn choose(&self, listed: &Listed) -> Choice {
        if !listed.exists {
            return Choice::NonExistent;
        }
        if !listed.selectable {
            return Choice::NoSelect;
        }
        let (name, role) = (listed.name.to_string(), listed.role);
        let matching = |patterns: &[String]| {
            let hit = |pattern: &&String| matches(pattern, &name, role);
            patterns.iter().find(hit).cloned()
        };
        if let Some(pattern) = matching(&self.folders.exclude) {
            return Choice::Excluded { pattern };
        }
        if self.all_mail && !matches!(role, Some(Role::All | Role::Junk | Role::Trash)) {
            return Choice::InAllMail;
        }
        if self.folders.subscribed && listed.subscribed == Some(false) && name != "INBOX" {
            return Choice::NotSubscribed;
        }
        match matching(&self.folders.include) {
            Some(pattern) => Choice::Included { pattern },
            None => Choice::NotIncluded,
        }
    }
}

/// Whether a pass over some mailboxes only is about this one.
pub(crate) fn is_meant(only: Option<&str>, name: &str, role: Option<Role>) -> bool {
    only.is_none_or(|pattern| matches(pattern, name, role))
}

fn matches(pattern: &str, name: &str, role: Option<Role>) -> bool {
    if pattern.starts_with('\\') {
        return role.is_some_and(|role| role.as_str().eq_ignore_ascii_case(pattern));
    }
    let inbox = pattern.eq_ignore_ascii_case("INBOX") && name == "INBOX";
    inbox || WildMatchPattern::<'*', '?'>::new(pattern).matches(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::mailbox::MailboxName;
    use postrider_imap::WireName;

    fn listed(name: &str, role: Option<Role>, subscribed: Option<bool>) -> Listed {
        Listed {
            wire_name: WireName::from_octets(name.as_bytes()),
            name: MailboxName::from_decoded(name, Some('/')),
            delimiter: Some('/'),
            role,
            selectable: true,
            exists: true,
            subscribed,
            status: None,
            old_name: None,
        }
    }

    fn folders(include: &[&str], exclude: &[&str]) -> FolderChoice {
        let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        FolderChoice {
            include: owned(include),
            exclude: owned(exclude),
            ..FolderChoice::default()
        }
    }

    fn chosen(include: &[&str], exclude: &[&str], name: &str, role: Option<Role>) -> bool {
        let chooser = Chooser {
            folders: &folders(include, exclude),
            all_mail: false,
        };
        chooser.choose(&listed(name, role, None)).is_chosen()
    }

    #[test]
    fn globs_run_across_levels_and_exclusion_wins() {
        assert!(chosen(&["*"], &[], "Work/Projects", None));
        assert!(chosen(&["Work*"], &[], "Work/Projects", None));
        assert!(!chosen(&["Work"], &[], "Work/Projects", None));
        assert!(chosen(&["Entw?rfe"], &[], "Entwürfe", None));
        assert!(!chosen(&["*"], &["Work/*"], "Work/Projects", None));
        assert!(!chosen(&[], &[], "INBOX", None));
    }

    #[test]
    fn inbox_matches_in_any_case_and_others_do_not() {
        assert!(chosen(&["inbox"], &[], "INBOX", None));
        assert!(!chosen(&["sent"], &[], "Sent", None));
    }

    #[test]
    fn roles_match_whatever_the_language() {
        assert!(!chosen(
            &["*"],
            &["\\junk"],
            "Unerwünscht",
            Some(Role::Junk)
        ));
        assert!(chosen(&["\\Sent"], &[], "Gesendet", Some(Role::Sent)));
        assert!(!chosen(&["\\Sent"], &[], "Gesendet", None));
    }

    #[test]
    fn only_what_is_subscribed_and_the_inbox() {
        let mut folders = folders(&["*"], &[]);
        folders.subscribed = true;
        let chooser = Chooser {
            folders: &folders,
            all_mail: false,
        };
        for (name, subscribed, chosen) in [
            ("Work", Some(true), true),
            ("Work", Some(false), false),
            ("INBOX", Some(false), true),
        ] {
            let choice = chooser.choose(&listed(name, None, subscribed));
            assert_eq!(choice.is_chosen(), chosen, "{name}: {choice}");
        }
    }

    #[test]
    fn all_mail_alone_leaves_out_labels_but_not_what_all_mail_lacks() {
        let folders = folders(&["*"], &[]);
        let chooser = Chooser {
            folders: &folders,
            all_mail: true,
        };
        let chosen = |name, role| chooser.choose(&listed(name, role, None)).is_chosen();
        assert!(chosen("[Gmail]/All Mail", Some(Role::All)));
        assert!(chosen("[Gmail]/Spam", Some(Role::Junk)));
        assert!(!chosen("INBOX", None) && !chosen("[Gmail]/Sent Mail", Some(Role::Sent)));
    }

    #[test]
    fn what_holds_no_messages_is_not_chosen_whatever_the_patterns() {
        let folders = folders(&["*"], &[]);
        let chooser = Chooser {
            folders: &folders,
            all_mail: false,
        };
        let mut parent = listed("Parent", None, None);
        parent.selectable = false;
        assert_eq!(chooser.choose(&parent), Choice::NoSelect);
        parent.exists = false;
        assert_eq!(chooser.choose(&parent), Choice::NonExistent);
    }
}
