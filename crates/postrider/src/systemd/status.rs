//! What `systemctl status` shows: how the accounts fare, in one line.

use crate::moment::shown;
use crate::words::{count, short};
use postrider_core::account::AccountName;
use postrider_engine::{Activity, LiveAccount};
use std::collections::BTreeMap;

/// So many accounts of a kind are named; `systemctl status` has one line.
const NAMED: usize = 3;

/// Longest text about something that went wrong, in characters.
const LONGEST: usize = 120;

/// What is to be said besides how the accounts fare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// The last reload failed: the configuration before it is in force.
    pub(super) reload_failed: bool,
    /// What has come to a halt, and how.
    pub(super) stalled: Option<String>,
}

/// `3 accounts: 1 fine, 1 failing (isp, 4 times in a row), 1 syncing (home, 120 of 400 messages); last mail …`.
///
/// An account that fails stays a failing one while it tries again.
pub(super) fn line(accounts: &BTreeMap<AccountName, LiveAccount>, note: &Note) -> String {
    let mut parts = vec![of_accounts(accounts)];
    let last_mail = accounts.values().filter_map(|a| a.last_mail_at).max();
    parts.push(last_mail.map_or_else(
        || "no mail since the start".to_owned(),
        |at| format!("last mail {}", shown(at)),
    ));
    if note.reload_failed {
        parts.push("the last reload failed, see the log".to_owned());
    }
    if let Some(stalled) = &note.stalled {
        parts.push(format!("HALTED: {}", short(stalled, LONGEST)));
    }
    parts.join("; ")
}

fn of_accounts(accounts: &BTreeMap<AccountName, LiveAccount>) -> String {
    let mut fine = 0;
    let (mut failing, mut syncing, mut starting, mut paused) = (Vec::new(), Vec::new(), 0, 0);
    for (name, live) in accounts {
        match live.activity {
            _ if live.failures > 0 => failing.push(failed(name, live)),
            Activity::Starting => starting += 1,
            Activity::Syncing => syncing.push(synced(name, live)),
            Activity::Waiting => fine += 1,
            Activity::Paused => paused += 1,
        }
    }
    let mut kinds = Vec::new();
    if fine > 0 {
        kinds.push(format!("{fine} fine"));
    }
    if !failing.is_empty() {
        kinds.push(format!("{} failing ({})", failing.len(), named(&failing)));
    }
    if !syncing.is_empty() {
        kinds.push(format!("{} syncing ({})", syncing.len(), named(&syncing)));
    }
    if starting > 0 {
        kinds.push(format!("{starting} starting"));
    }
    if paused > 0 {
        kinds.push(format!("{paused} paused"));
    }
    let accounts = count(accounts.len() as u64, "account", "accounts");
    if kinds.is_empty() {
        accounts
    } else {
        format!("{accounts}: {}", kinds.join(", "))
    }
}

fn failed(name: &AccountName, live: &LiveAccount) -> String {
    match live.failures {
        1 => name.to_string(),
        failures => format!("{name}, {failures} times in a row"),
    }
}

fn synced(name: &AccountName, live: &LiveAccount) -> String {
    match live.found.messages {
        0 => name.to_string(),
        found => format!(
            "{name}, {} of {}",
            live.stored.messages,
            count(found, "message", "messages")
        ),
    }
}

fn named(all: &[String]) -> String {
    let first: Vec<&str> = all.iter().take(NAMED).map(String::as_str).collect();
    let first = first.join("; ");
    match all.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::time::UnixTime;
    use postrider_engine::Load;

    fn accounts<const N: usize>(
        accounts: [(&str, LiveAccount); N],
    ) -> BTreeMap<AccountName, LiveAccount> {
        let named = |(name, live)| (AccountName::parse(name).unwrap(), live);
        accounts.into_iter().map(named).collect()
    }

    fn live(activity: Activity, failures: u32) -> LiveAccount {
        LiveAccount {
            activity,
            failures,
            ..LiveAccount::default()
        }
    }

    #[test]
    fn every_account_is_counted_once_and_those_that_matter_are_named() {
        let fine = LiveAccount {
            last_mail_at: Some(UnixTime::from_seconds(1_780_000_000)),
            ..live(Activity::Waiting, 0)
        };
        let syncing = LiveAccount {
            found: Load {
                messages: 400,
                octets: 1,
            },
            stored: Load {
                messages: 120,
                octets: 1,
            },
            ..live(Activity::Syncing, 0)
        };
        let all = accounts([
            ("a", fine),
            ("b", live(Activity::Waiting, 4)),
            ("c", live(Activity::Syncing, 1)),
            ("d", syncing),
            ("e", live(Activity::Starting, 0)),
        ]);
        assert_eq!(
            line(&all, &Note::default()),
            "5 accounts: 1 fine, 2 failing (b, 4 times in a row; c), 1 syncing (d, 120 of 400 messages), \
             1 starting; last mail 2026-05-28T20:26:40Z"
        );
    }

    #[test]
    fn a_crowd_is_a_number() {
        let failing = || live(Activity::Waiting, 1);
        let all = accounts(["a", "b", "c", "d", "e"].map(|name| (name, failing())));
        let said = line(&all, &Note::default());
        let wanted = "5 accounts: 5 failing (a; b; c; and 2 more); no mail since the start";
        assert_eq!(said, wanted);
    }

    #[test]
    fn what_a_person_must_know_is_said_besides() {
        let all = accounts([("home", live(Activity::Waiting, 0))]);
        let note = Note {
            reload_failed: true,
            stalled: Some("account home: it has not moved".to_owned()),
        };
        assert_eq!(
            line(&all, &note),
            "1 account: 1 fine; no mail since the start; the last reload failed, see the log; \
             HALTED: account home: it has not moved"
        );
        assert_eq!(
            line(&BTreeMap::new(), &Note::default()),
            "0 accounts; no mail since the start"
        );
    }
}
