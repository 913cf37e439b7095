//! Which of the server's mailboxes are synced, and why (or why not).

use postrider_core::mailbox::{MailboxName, Role};
use postrider_core::settings::FolderChoice;
use wildmatch::WildMatchPattern;

/// Whether a mailbox is synced, with the words that `check` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) chosen: bool,
    pub(crate) because: String,
}

/// Decides for one mailbox. Exclusion wins; INBOX matches in any case; a pattern that begins with a
/// backslash names a role.
pub(crate) fn choose(choice: &FolderChoice, name: &MailboxName, role: Option<Role>) -> Choice {
    let shown = name.to_string();
    let matching = |patterns: &[String]| {
        let hit = |pattern: &&String| matches(pattern, &shown, role);
        patterns.iter().find(hit).cloned()
    };
    if let Some(pattern) = matching(&choice.exclude) {
        return Choice {
            chosen: false,
            because: format!("excluded by `{pattern}`"),
        };
    }
    match matching(&choice.include) {
        Some(pattern) => Choice {
            chosen: true,
            because: format!("included by `{pattern}`"),
        },
        None => Choice {
            chosen: false,
            because: "no `include` pattern matches".to_owned(),
        },
    }
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

    fn chosen(include: &[&str], exclude: &[&str], name: &str, role: Option<Role>) -> bool {
        let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        let choice = FolderChoice {
            include: owned(include),
            exclude: owned(exclude),
        };
        choose(&choice, &MailboxName::from_decoded(name, Some('/')), role).chosen
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
}
