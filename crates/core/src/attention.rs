//! Which mailboxes deserve a connection of their own, where a server tells of one mailbox on each.
//!
//! New mail comes to INBOX, and to where it is sorted at the server: mailboxes in which some came lately are
//! those in which some will come. A mailbox that is listened to stays so for a while: another one costs a login.

use crate::mailbox::Role;
use crate::time::UnixTime;

/// A mailbox that is listened to counts as if its last message had come so much later, in seconds: what is
/// written to in turns does not change places with every message.
const LOYALTY: i64 = 24 * 60 * 60;

/// A mailbox that may be listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its decoded name.
    pub name: String,
    /// What it is for.
    pub role: Option<Role>,
    /// When the newest message that we know of came to it.
    pub newest: Option<UnixTime>,
    /// How many messages it holds.
    pub messages: u64,
    /// Whether it is listened to now.
    pub listened: bool,
}

impl Candidate {
    fn is_inbox(&self) -> bool {
        self.name == "INBOX"
    }

    /// Whether it is worth a connection besides the first one: what lies in `\All` and `\Flagged` lies elsewhere too, and
    /// nobody waits for what comes to `\Junk` and `\Trash`.
    const fn is_waited_for(&self) -> bool {
        !matches!(
            self.role,
            Some(Role::All | Role::Flagged | Role::Junk | Role::Trash)
        )
    }

    /// When mail last came, as far as it counts.
    fn warmth(&self) -> Option<i64> {
        let loyalty = if self.listened { LOYALTY } else { 0 };
        let newest = self.newest.map(UnixTime::as_seconds);
        newest.map(|seconds| seconds.saturating_add(loyalty))
    }
}

/// The mailbox that is listened to where there is but one connection: INBOX; else the one that has everything,
/// else any.
#[must_use]
pub fn first(candidates: &[Candidate]) -> Option<usize> {
    let rank = |at: &usize| {
        let candidate = candidates.get(*at);
        candidate.map(|c| (!c.is_inbox(), c.role != Some(Role::All), !c.is_waited_for()))
    };
    (0..candidates.len()).min_by_key(rank)
}

/// Those besides the `first` that deserve one of so many further `places`, the most deserving first: where mail
/// came last, then where most lies. Where the first has everything, none does.
#[must_use]
pub fn further(candidates: &[Candidate], first: usize, places: usize) -> Vec<usize> {
    let has_all = candidates
        .get(first)
        .is_some_and(|candidate| candidate.role == Some(Role::All));
    if has_all {
        return Vec::new();
    }
    let deserving = candidates.iter().enumerate();
    let mut deserving: Vec<(usize, &Candidate)> = deserving
        .filter(|(at, candidate)| *at != first && candidate.is_waited_for())
        .collect();
    deserving.sort_by_key(|(_, candidate)| {
        let (newest, messages) = (candidate.warmth(), candidate.messages);
        std::cmp::Reverse((newest, messages, candidate.listened))
    });
    let chosen = deserving.into_iter().map(|(at, _)| at);
    chosen.take(places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name role newest messages`, the newest in hours; `*` behind the name: it is listened to.
    fn candidates(text: &str) -> Vec<Candidate> {
        let parse = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name = words[0].trim_end_matches('*');
            Candidate {
                name: name.to_owned(),
                role: match words[1] {
                    "all" => Some(Role::All),
                    "flagged" => Some(Role::Flagged),
                    "junk" => Some(Role::Junk),
                    "sent" => Some(Role::Sent),
                    "trash" => Some(Role::Trash),
                    _ => None,
                },
                newest: words[2]
                    .parse()
                    .ok()
                    .map(|hours: i64| UnixTime::from_seconds(hours * 3_600)),
                messages: words[3].parse().unwrap(),
                listened: name != words[0],
            }
        };
        let lines = text.trim().lines();
        lines.map(|line| parse(line.trim())).collect()
    }

    /// The first and so many further ones, by name.
    fn chosen(text: &str, places: usize) -> Vec<String> {
        let candidates = candidates(text);
        let first = first(&candidates).unwrap();
        let all = [first]
            .into_iter()
            .chain(further(&candidates, first, places));
        all.map(|at| candidates[at].name.clone()).collect()
    }

    const USUAL: &str = "
        Archive  -      100  9000
        Empty    -      -       0
        INBOX    -      900     5
        Junk     junk   999   700
        Lists    -      990    50
        Sent     sent   500   300
        Starred  flagged 999   90
        Trash    trash  998    80
        Work     -      980    10";

    #[test]
    fn where_mail_came_last_it_is_listened_to_and_inbox_always() {
        assert_eq!(chosen(USUAL, 0), ["INBOX"]);
        assert_eq!(chosen(USUAL, 2), ["INBOX", "Lists", "Work"]);
        assert_eq!(
            chosen(USUAL, 99),
            ["INBOX", "Lists", "Work", "Sent", "Archive", "Empty"],
            "and never in what is all, flagged, junk or trash"
        );
    }

    #[test]
    fn where_nobody_knows_when_mail_came_the_larger_one_is_taken() {
        let text = "
            A      -  -  3
            B      -  -  30
            INBOX  -  -  0";
        assert_eq!(chosen(text, 1), ["INBOX", "B"]);
    }

    #[test]
    fn who_is_listened_to_stays_so_until_another_was_busy_a_day_longer() {
        let held = |newest: &str| {
            let text = format!("INBOX - 1 1\nOld* - 100 1\nNew - {newest} 1");
            chosen(&text, 1).remove(1)
        };
        assert_eq!(held("123"), "Old");
        assert_eq!(held("124"), "Old");
        assert_eq!(held("125"), "New");
    }

    #[test]
    fn without_inbox_what_has_everything_is_enough() {
        let text = "
            Everything  all  -  9
            Junk        junk -  9
            Work        -    7  9";
        assert_eq!(chosen(text, 2), ["Everything"]);
        let text = "
            Junk  junk  9  9
            Lists -     8  9
            Work  -     7  9";
        assert_eq!(chosen(text, 2), ["Lists", "Work"]);
        assert_eq!(first(&[]), None);
    }
}
