//! Which of the server's mailboxes are synced, and why (or why not).

use postrider_core::mailbox::Role;
use postrider_core::settings::{AccountSettings, FolderChoice, LabelChoice};
use postrider_imap::{Capabilities, Capability, Listed};
use wildmatch::WildMatchPattern;

/// Whether a mailbox is synced, with the words that `check` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) chosen: bool,
    pub(crate) because: String,
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
        if !listed.selectable {
            return no("holds no messages");
        }
        let (name, role) = (listed.name.to_string(), listed.role);
        let matching = |patterns: &[String]| {
            let hit = |pattern: &&String| matches(pattern, &name, role);
            patterns.iter().find(hit).cloned()
        };
        if let Some(pattern) = matching(&self.folders.exclude) {
            return no(&format!("excluded by `{pattern}`"));
        }
        if self.all_mail && !matches!(role, Some(Role::All | Role::Junk | Role::Trash)) {
            return no("`labels: all-mail`: its messages are in the mailbox that has all");
        }
        if self.folders.subscribed && listed.subscribed == Some(false) && name != "INBOX" {
            return no("not subscribed");
        }
        match matching(&self.folders.include) {
            Some(pattern) => Choice {
                chosen: true,
                because: format!("included by `{pattern}`"),
            },
            None => no("no `include` pattern matches"),
        }
    }
}

fn no(because: &str) -> Choice {
    Choice {
        chosen: false,
        because: because.to_owned(),
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
        chooser.choose(&listed(name, role, None)).chosen
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
            assert_eq!(choice.chosen, chosen, "{name}: {}", choice.because);
        }
    }

    #[test]
    fn all_mail_alone_leaves_out_labels_but_not_what_all_mail_lacks() {
        let folders = folders(&["*"], &[]);
        let chooser = Chooser {
            folders: &folders,
            all_mail: true,
        };
        let chosen = |name, role| chooser.choose(&listed(name, role, None)).chosen;
        assert!(chosen("[Gmail]/All Mail", Some(Role::All)));
        assert!(chosen("[Gmail]/Spam", Some(Role::Junk)));
        assert!(!chosen("INBOX", None) && !chosen("[Gmail]/Sent Mail", Some(Role::Sent)));
    }
}
