use super::*;
use crate::brake::Percent;
use crate::retention::{Arrival, Level, Method, Protect};
use crate::time::UnixTime;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

const DAY: i64 = 86_400;
/// Noon of the hundredth day.
const NOON: Now = Now(UnixTime::from_seconds(100 * DAY + DAY / 2));

fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

fn mark(share: u8) -> Option<Percent> {
    Percent::new(share)
}

const fn protect(flagged: bool, unread: bool) -> Protect {
    Protect { flagged, unread }
}

/// Every rule alone, together with others, and with what protects.
fn policies() -> Vec<Policy> {
    let (mut policies, rest) = (by_time(), by_count_and_reader());
    policies.extend(rest);
    policies.extend(by_deletion());
    policies
}

fn by_time() -> Vec<Policy> {
    let keep = Policy::KEEP;
    vec![
        keep,
        Policy::DELETE,
        Policy {
            protect: protect(true, false),
            ..Policy::DELETE
        },
        Policy {
            delete_after: days(30),
            ..keep
        },
        Policy {
            delete_after: days(30),
            protect: protect(false, true),
            ..keep
        },
        Policy {
            delete_after: Some(Duration::ZERO),
            ..keep
        },
    ]
}

fn by_deletion() -> Vec<Policy> {
    let pushed = Policy {
        deletions_pushed: true,
        ..Policy::KEEP
    };
    vec![
        pushed,
        Policy {
            delete_after: days(60),
            until_deleted_locally: true,
            protect: protect(true, true),
            ..pushed
        },
        Policy {
            delete: true,
            protect: protect(true, false),
            method: Method::Trash,
            ..pushed
        },
    ]
}

fn by_count_and_reader() -> Vec<Policy> {
    let keep = Policy::KEEP;
    let all = Policy {
        delete_after: days(90),
        keep_latest: NonZeroU32::new(7),
        quota: mark(90),
        until_deleted_locally: true,
        protect: protect(true, true),
        method: Method::Trash,
        ..keep
    };
    vec![
        Policy {
            keep_latest: NonZeroU32::new(3),
            ..keep
        },
        Policy {
            keep_latest: NonZeroU32::new(3),
            protect: protect(true, true),
            ..keep
        },
        Policy {
            quota: mark(80),
            ..keep
        },
        Policy {
            quota: mark(0),
            protect: protect(true, false),
            ..keep
        },
        Policy {
            until_deleted_locally: true,
            ..keep
        },
        Policy {
            until_deleted_locally: true,
            delete_after: days(60),
            ..keep
        },
        Policy {
            keep_latest: NonZeroU32::new(1),
            quota: mark(50),
            ..keep
        },
        all,
        Policy {
            protect: protect(true, true),
            ..keep
        },
    ]
}

/// `date` and `proven` are days; `marks` are `F` flagged, `S` read, `?` not identified, `d` deleted
/// here, `m` missing here.
fn facts(key: i64, (mailbox, place): (i64, u32), times: (i64, Option<i64>), marks: &str) -> Facts {
    let at = |day: i64| UnixTime::from_seconds(day * DAY);
    let (date, proven) = times;
    Facts {
        message: MessageKey(key),
        mailbox,
        place,
        proven_at: proven.map(at),
        identified: !marks.contains('?'),
        arrival: Arrival::InternalDate(at(date)),
        flagged: marks.contains('F'),
        read: marks.contains('S'),
        octets: 1_000,
        local: match marks {
            marks if marks.contains('d') => LocalCopy::Deleted,
            marks if marks.contains('m') => LocalCopy::Missing,
            _ => LocalCopy::Present,
        },
    }
}

/// One mailbox, and a second one beside it, in which everything happens.
fn mailbox() -> Vec<Facts> {
    let rows = [
        (1, 1, 1, Some(2), "S"),
        (1, 2, 5, Some(5), "FS"),
        (1, 3, 5, None, "S"),
        (1, 4, 10, Some(95), "S"),
        (1, 5, 40, Some(40), ""),
        (1, 6, 60, Some(60), "S?"),
        (1, 7, 69, Some(70), "Sd"),
        (1, 8, 71, Some(71), "Sm"),
        (1, 9, 300, Some(90), "S"),
        (1, 10, 99, Some(300), "FSd"),
        (2, 1, 20, Some(20), "S"),
        (2, 2, 90, Some(90), ""),
        (2, 3, 91, None, "Sd"),
    ];
    let row = |(key, (mailbox, place, date, proven, marks)): (i64, (i64, u32, _, _, &str))| {
        facts(key, (mailbox, place), (date, proven), marks)
    };
    (1..).zip(rows).map(row).collect()
}

/// The box of those two mailboxes, nearly full.
fn full() -> Usage {
    Usage {
        octets: Some(Level {
            used: 12_000,
            limit: 12_500,
        }),
        messages: None,
    }
}

#[test]
fn a_pushed_deletion_asks_for_no_more_than_a_deleted_and_proven_copy() {
    let [plain, combined, delete] = by_deletion()[..] else {
        panic!("three policies");
    };
    let all = |policy| gone(policy, &mailbox(), full(), NOON);
    assert_eq!(all(&plain), [7, 10]);
    // 10 is flagged, and `protect` is for the rules of retention.
    assert!(all(&combined).contains(&10) && !all(&combined).contains(&2));
    assert!(all(&delete).contains(&10) && !all(&delete).contains(&2));
    for policy in [plain, combined, delete] {
        for marks in ["d?", "m", ""] {
            let one = [facts(1, (1, 1), (99, Some(99)), &format!("F{marks}"))];
            assert!(gone(&policy, &one, full(), NOON).is_empty(), "{marks}");
        }
        let unproven = [facts(1, (1, 1), (99, None), "Fd")];
        assert!(gone(&policy, &unproven, full(), NOON).is_empty());
    }
}

#[test]
fn r6_only_plain_delete_is_unbraked_and_it_does_not_take_a_pushed_deletion_along() {
    let policy = by_deletion()[2];
    let verdicts = decide(&policy, &mailbox(), full(), NOON);
    let because = |key: i64| {
        verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Expire { message, because } if message.0 == key => Some(*because),
            Verdict::Expire { .. } | Verdict::Keep { .. } => None,
        })
    };
    // 7 was on its way to be deleted; 10 is protected from that and goes because a reader deleted it.
    assert_eq!(because(7), Some(ExpireReason::Delete));
    assert_eq!(because(10), Some(ExpireReason::DeletionPushed));
    assert!(ExpireReason::Delete.is_unbraked() && !ExpireReason::DeletionPushed.is_unbraked());
}

#[test]
fn every_policy_on_one_box() {
    let mut page = String::new();
    let messages = mailbox();
    for policy in policies() {
        writeln!(page, "{policy}.").unwrap();
        for (facts, verdict) in messages
            .iter()
            .zip(decide(&policy, &messages, full(), NOON))
        {
            let name = format!("{}/{}", facts.mailbox, facts.place);
            match verdict {
                Verdict::Expire { because, .. } => {
                    writeln!(page, "  {name:5} goes: {because}").unwrap();
                }
                Verdict::Keep { because, .. } => {
                    writeln!(page, "  {name:5} stays: {because}").unwrap();
                }
            }
        }
        page.push('\n');
    }
    insta::assert_snapshot!(page);
}

fn gone(policy: &Policy, messages: &[Facts], usage: Usage, now: Now) -> Vec<i64> {
    let verdicts = decide(policy, messages, usage, now).into_iter();
    let mut gone: Vec<_> = verdicts
        .filter_map(|verdict| match verdict {
            Verdict::Expire { message, .. } => Some(message.0),
            Verdict::Keep { .. } => None,
        })
        .collect();
    gone.sort_unstable();
    gone
}

#[test]
fn pop3_ages_count_from_first_seen_and_a_late_proof_makes_nothing_younger() {
    let policy = Policy {
        delete_after: days(30),
        ..Policy::KEEP
    };
    let mut message = facts(1, (1, 1), (70, Some(99)), "");
    assert!(gone(&policy, &[message], Usage::default(), NOON).is_empty());
    message.arrival = Arrival::FirstSeen(message.arrival.time());
    assert_eq!(gone(&policy, &[message], Usage::default(), NOON), [1]);
    message.proven_at = None;
    assert!(gone(&policy, &[message], Usage::default(), NOON).is_empty());
}

#[test]
fn a_maildrops_latest_are_those_that_were_first_seen_last_whatever_the_clock_said_then() {
    let policy = Policy {
        keep_latest: NonZeroU32::new(4),
        ..Policy::KEEP
    };
    // Four came while the clock was a month ahead, three after it was set right. The server numbers them anew
    // in each session, here the newest first.
    let days = [60, 60, 60, 60, 30, 31, 31];
    let rows = (1..).zip(days).map(|(key, day): (i64, i64)| {
        let number = u32::try_from(8 - key).unwrap();
        let mut message = facts(key, (1, number), (day, Some(day)), "");
        message.arrival = Arrival::FirstSeen(message.arrival.time());
        message
    });
    let messages: Vec<_> = rows.collect();
    let gone = gone(&policy, &messages, Usage::default(), NOON);
    assert_eq!(gone, [1, 2, 3]);
}

#[test]
fn the_last_second_of_an_age_is_exact() {
    let policy = Policy {
        delete_after: days(30),
        ..Policy::KEEP
    };
    let message = [facts(1, (1, 1), (10, Some(10)), "")];
    let at = |seconds| Now(UnixTime::from_seconds(40 * DAY + seconds));
    assert!(gone(&policy, &message, Usage::default(), at(-1)).is_empty());
    assert_eq!(gone(&policy, &message, Usage::default(), at(0)), [1]);
}

#[test]
fn a_box_is_emptied_by_octets_and_by_messages_until_it_is_under_the_mark() {
    let policy = Policy {
        quota: mark(80),
        ..Policy::KEEP
    };
    let messages: Vec<_> = (1..=10)
        .map(|n| facts(n, (1, u32::try_from(n).unwrap()), (n, Some(n)), "S"))
        .collect();
    let level = |used, limit| Some(Level { used, limit });
    let box_of = |octets, messages| Usage { octets, messages };
    for (usage, oldest) in [
        (box_of(None, None), 0),
        (box_of(level(8_000, 10_000), None), 0),
        (box_of(level(8_001, 10_000), None), 1),
        (box_of(level(10_000, 10_000), None), 2),
        (box_of(level(10_001, 10_000), None), 3),
        (box_of(None, level(10, 10)), 2),
        (box_of(level(8_500, 10_000), level(10, 10)), 2),
        (box_of(level(10_000, 10_000), level(8, 10)), 2),
        (box_of(level(50_000, 10_000), None), 10),
        (box_of(level(5, 0), None), 1),
        (box_of(level(u64::MAX, u64::MAX), None), 10),
    ] {
        let expected: Vec<_> = (1..=oldest).collect();
        assert_eq!(gone(&policy, &messages, usage, NOON), expected, "{usage:?}");
    }
}

#[test]
fn what_other_rules_let_go_makes_room_first() {
    let policy = Policy {
        keep_latest: NonZeroU32::new(8),
        quota: mark(80),
        ..Policy::KEEP
    };
    let messages: Vec<_> = (1..=10)
        .map(|n| facts(n, (1, u32::try_from(n).unwrap()), (n, Some(n)), "S"))
        .collect();
    let octets = Some(Level {
        used: 10_000,
        limit: 10_000,
    });
    let usage = Usage {
        octets,
        messages: None,
    };
    assert_eq!(gone(&policy, &messages, usage, NOON), [1, 2]);
}

fn any_facts() -> impl Strategy<Value = Vec<Facts>> {
    let one = (
        (1_i64..4, -50 * DAY..200 * DAY),
        proptest::option::of(-50 * DAY..200 * DAY),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        (0_u64..5_000, 0_u8..3),
    );
    type Row = ((i64, i64), Option<i64>, (bool, bool, bool, bool), (u64, u8));
    let make = |(key, row): (i64, Row)| {
        let ((mailbox, date), proven, marks, (octets, local)) = row;
        let (identified, flagged, read, dated) = marks;
        let date = UnixTime::from_seconds(date);
        Facts {
            message: MessageKey(key),
            mailbox,
            place: u32::try_from(key).unwrap(),
            proven_at: proven.map(UnixTime::from_seconds),
            identified,
            arrival: if dated {
                Arrival::InternalDate(date)
            } else {
                Arrival::FirstSeen(date)
            },
            flagged,
            read,
            octets,
            local: [LocalCopy::Deleted, LocalCopy::Missing, LocalCopy::Present][usize::from(local)],
        }
    };
    proptest::collection::vec(one, 0..60)
        .prop_map(move |rows| (1_i64..).zip(rows).map(make).collect())
}

fn any_usage() -> impl Strategy<Value = Usage> {
    let level = (0_u64..100_000, 0_u64..100_000).prop_map(|(used, limit)| Level { used, limit });
    let level = proptest::option::of(level);
    let few = (0_u64..80, 0_u64..80).prop_map(|(used, limit)| Level { used, limit });
    (level, proptest::option::of(few)).prop_map(|(octets, messages)| Usage { octets, messages })
}

fn any_now() -> impl Strategy<Value = Now> {
    (-20 * DAY..300 * DAY).prop_map(|seconds| Now(UnixTime::from_seconds(seconds)))
}

proptest! {
    #[test]
    fn keep_and_expire_are_all_in_the_order_given(
        messages in any_facts(), usage in any_usage(), now in any_now(),
    ) {
        for policy in policies() {
            let verdicts = decide(&policy, &messages, usage, now);
            let named = verdicts.iter().map(|verdict| match verdict {
                Verdict::Expire { message, .. } => *message,
                Verdict::Keep { message, because } => {
                    assert!(!because.is_empty(), "{policy}: no reason");
                    *message
                }
            });
            let given: Vec<_> = messages.iter().map(|facts| facts.message).collect();
            prop_assert_eq!(named.collect::<Vec<_>>(), given);
        }
    }

    #[test]
    fn r1_nothing_unproven_and_nothing_unidentified_goes(
        messages in any_facts(), usage in any_usage(), now in any_now(),
    ) {
        for policy in policies() {
            for (facts, verdict) in messages.iter().zip(decide(&policy, &messages, usage, now)) {
                if matches!(verdict, Verdict::Expire { .. }) {
                    prop_assert!(facts.identified && facts.proven_at.is_some(), "{}", policy);
                }
            }
        }
    }

    #[test]
    fn r5_nothing_goes_whose_local_copy_is_missing(
        messages in any_facts(), usage in any_usage(), now in any_now(),
    ) {
        for policy in policies() {
            for (facts, verdict) in messages.iter().zip(decide(&policy, &messages, usage, now)) {
                if matches!(verdict, Verdict::Expire { .. }) {
                    prop_assert!(facts.local != LocalCopy::Missing, "{}", policy);
                }
            }
        }
    }

    #[test]
    fn what_is_protected_stays(
        messages in any_facts(), usage in any_usage(), now in any_now(),
    ) {
        for policy in policies() {
            for (facts, verdict) in messages.iter().zip(decide(&policy, &messages, usage, now)) {
                // What a reader deleted is no rule of retention.
                let by_rule = |because| because != ExpireReason::DeletionPushed;
                if matches!(verdict, Verdict::Expire { because, .. } if by_rule(because)) {
                    prop_assert!(!policy.protect.flagged || !facts.flagged, "{}", policy);
                    prop_assert!(!policy.protect.unread || facts.read, "{}", policy);
                }
            }
        }
    }

    #[test]
    fn a_later_now_never_keeps_more_by_age(
        messages in any_facts(), now in any_now(), later in 0_i64..400 * DAY,
    ) {
        let later = Now(UnixTime::from_seconds(now.0.as_seconds() + later));
        for policy in policies().into_iter().filter(|policy| policy.quota.is_none()) {
            let goes = gone(&policy, &messages, Usage::default(), now);
            let goes_later = gone(&policy, &messages, Usage::default(), later);
            prop_assert!(goes.iter().all(|key| goes_later.contains(key)), "{}", policy);
        }
    }

    #[test]
    fn the_order_of_the_messages_makes_no_difference(
        (messages, shuffled) in any_facts().prop_flat_map(|messages| {
            (Just(messages.clone()), Just(messages).prop_shuffle())
        }),
        usage in any_usage(),
        now in any_now(),
    ) {
        for policy in policies() {
            prop_assert_eq!(
                gone(&policy, &messages, usage, now),
                gone(&policy, &shuffled, usage, now),
                "{}", policy
            );
        }
    }

    #[test]
    fn what_was_let_go_once_leaves_nothing_to_let_go_again(
        messages in any_facts(), usage in any_usage(), now in any_now(),
    ) {
        for policy in policies() {
            let first = gone(&policy, &messages, usage, now);
            let went = |facts: &&Facts| first.contains(&facts.message.0);
            let freed: u64 = messages.iter().filter(went).map(|facts| facts.octets).sum();
            let less = |level: Option<Level>, freed| level.map(|level| Level {
                used: level.used.saturating_sub(freed),
                ..level
            });
            let left = Usage {
                octets: less(usage.octets, freed),
                messages: less(usage.messages, first.len() as u64),
            };
            let rest: Vec<_> = messages.iter().filter(|facts| !went(facts)).copied().collect();
            let second = gone(&policy, &rest, left, now);
            prop_assert!(second.is_empty(), "{}: {:?} after {:?}", policy, second, first);
        }
    }

    #[test]
    fn of_each_mailbox_the_latest_stay_unless_another_rule_takes_them(
        messages in any_facts(), count in 1_u32..20, now in any_now(),
    ) {
        let policy = Policy { keep_latest: NonZeroU32::new(count), ..Policy::KEEP };
        let gone = gone(&policy, &messages, Usage::default(), now);
        for mailbox in 1..4 {
            let of = messages.iter().filter(|facts| facts.mailbox == mailbox);
            let kept = of.clone().filter(|facts| !gone.contains(&facts.message.0)).count();
            prop_assert!(kept >= of.count().min(usize::try_from(count).unwrap()));
        }
    }

    #[test]
    fn a_quota_takes_no_more_than_it_must_and_the_oldest_first(
        messages in any_facts(), usage in any_usage(), now in any_now(), share in 0_u8..=100,
    ) {
        let policy = Policy { quota: mark(share), ..Policy::KEEP };
        let gone = gone(&policy, &messages, usage, now);
        let took = |facts: &&Facts| gone.contains(&facts.message.0);
        let may_go = |facts: &&Facts| {
            facts.identified && facts.proven_at.is_some() && facts.local != LocalCopy::Missing
        };
        let youngest = messages.iter().filter(took).max_by_key(|facts| facts.seniority());
        let Some(youngest) = youngest else { return Ok(()) };
        for facts in messages.iter().filter(may_go) {
            prop_assert!(took(&facts) || facts.seniority() > youngest.seniority());
        }
        // Without the last one the box would still be above its mark.
        let freed: u64 = messages.iter().filter(took).map(|f| f.octets).sum();
        let above = |level: Option<Level>| level.map_or(0, |l| l.above(mark(share).unwrap()));
        let octets = freed - youngest.octets < above(usage.octets);
        let count = (gone.len() as u64 - 1) < above(usage.messages);
        prop_assert!(octets || count);
    }
}
