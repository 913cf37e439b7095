use super::*;
use crate::time::UnixTime;

/// `mailbox message-id/size/date email-id`, `-` for what is missing.
fn words(text: &str) -> (char, Likeness, Option<String>) {
    let (mailbox, rest) = text.split_once(' ').unwrap();
    let there = |word: &str| (word != "-").then(|| word.to_owned());
    let mut words = rest.split(['/', ' ']).map(there);
    let mut next = || words.next().unwrap();
    let likeness = Likeness {
        message_id: next(),
        size_octets: next().map(|word| word.parse().unwrap()),
        internal_date: next().map(|word| UnixTime::from_seconds(word.parse().unwrap())),
    };
    (mailbox.chars().next().unwrap(), likeness, next())
}

/// Gone messages are keys 1.. in order, new ones UIDs 1.. in order.
fn case(gone: &[&str], new: &[&str]) -> String {
    let gone: Vec<_> = (1..)
        .zip(gone)
        .map(|(n, text)| {
            let (mailbox, likeness, email_id) = words(text);
            Gone {
                key: MessageKey(n),
                mailbox,
                likeness,
                email_id,
            }
        })
        .collect();
    let new: Vec<_> = (1..)
        .zip(new)
        .map(|(n, text)| {
            let (mailbox, likeness, email_id) = words(text);
            Shown {
                mailbox,
                uid: Uid::new(n).unwrap(),
                likeness,
                email_id,
                flags: None,
            }
        })
        .collect();
    let found = moves(&gone, &new);
    let pairs = found
        .iter()
        .map(|m| format!("{}={}{}", m.key.0, m.mailbox, m.uid));
    pairs.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_message_that_left_one_mailbox_is_found_in_another() {
    assert_eq!(case(&["a m/10/1 -"], &["b m/10/1 -"]), "1=b1");
    assert_eq!(case(&["a m/10/1 e"], &["b -/-/- e"]), "1=b1");
    // One side has no identities: the likeness speaks.
    assert_eq!(case(&["a m/10/1 -"], &["b m/10/1 e"]), "1=b1");
    assert_eq!(
        case(
            &["a m/10/1 -", "a n/10/1 -", "b o/9/2 -"],
            &["c n/10/1 -", "a o/9/2 -", "c p/1/1 -"]
        ),
        "2=c1 3=a2"
    );
}

#[test]
fn a_message_does_not_move_to_where_it_was() {
    assert_eq!(case(&["a m/10/1 e"], &["a m/10/1 e"]), "");
    assert_eq!(case(&["a m/10/1 -"], &["a m/10/1 -"]), "");
}

#[test]
fn r4_what_is_not_unique_is_no_move() {
    for (gone, new) in [
        (&["a m/10/1 -", "b m/10/1 -"][..], &["c m/10/1 -"][..]),
        (&["a m/10/1 -"], &["b m/10/1 -", "c m/10/1 -"]),
        (&["a m/10/1 -"], &["b m/10/1 -", "a m/10/1 -"]),
        (&["a -/-/- e", "b -/-/- e"], &["c -/-/- e"]),
        (&["a -/-/- e"], &["b -/-/- e", "c -/-/- e"]),
        // The likeness does not settle what the identity leaves open.
        (&["a m/10/1 e", "b n/9/1 e"], &["c m/10/1 e"]),
    ] {
        assert_eq!(case(gone, new), "", "{gone:?} {new:?}");
    }
}

#[test]
fn r4_no_message_moves_to_two_places() {
    let found = case(&["a m/10/1 e"], &["b n/9/1 e", "c m/10/1 -"]);
    assert_eq!(found, "1=b1");
    let found = case(&["a m/10/1 -", "b n/9/1 e"], &["c m/10/1 e"]);
    assert_eq!(found, "2=c1");
    // Which one it is, is open; that it is none of the others, is not.
    let found = case(&["a m/10/1 -", "b n/9/1 e", "b o/9/1 e"], &["c m/10/1 e"]);
    assert_eq!(found, "");
    let found = case(&["a m/10/1 e"], &["b n/9/1 e", "b o/9/1 e", "c m/10/1 -"]);
    assert_eq!(found, "");
}

#[test]
fn r4_half_a_likeness_or_another_identity_is_no_move() {
    for (gone, new) in [
        ("a -/10/1 -", "b -/10/1 -"),
        ("a m/-/1 -", "b m/-/1 -"),
        ("a m/10/- -", "b m/10/- -"),
        ("a m/10/1 -", "b m/11/1 -"),
        ("a m/10/1 -", "b m/10/2 -"),
        ("a m/10/1 e", "b m/10/1 f"),
    ] {
        assert_eq!(case(&[gone], &[new]), "", "{gone} {new}");
    }
}

/// `name epoch/next mailbox-id`, `-` for what is missing; found mailboxes are named by their old names.
/// Lost ones have their name's first letter as id.
fn renamed(lost: &[&str], found: &[&str]) -> String {
    let parse = |text: &str| {
        let there = |word: &str| (word != "-").then(|| word.to_owned());
        let mut words = text.split([' ', '/']).map(there);
        let mut next = || words.next().unwrap();
        let name = next();
        let number = |word: Option<String>| word.map(|word| word.parse::<u32>().unwrap());
        let uid_validity = number(next()).and_then(UidValidity::new);
        let uid_next = number(next()).and_then(Uid::new);
        (name, uid_validity, uid_next, next())
    };
    let lost = lost.iter().map(|text| {
        let (name, uid_validity, uid_next, mailbox_id) = parse(text);
        let name = name.unwrap();
        LostMailbox {
            id: name.chars().next().unwrap(),
            name,
            uid_validity,
            uid_next,
            mailbox_id,
        }
    });
    let found = found.iter().map(|text| {
        let (old_name, uid_validity, uid_next, mailbox_id) = parse(text);
        FoundMailbox {
            uid_validity,
            uid_next,
            mailbox_id,
            old_name,
        }
    });
    let pairs = renames(&lost.collect::<Vec<_>>(), &found.collect::<Vec<_>>());
    let pairs = pairs.iter().map(|(id, at)| format!("{id}={at}"));
    pairs.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_renamed_mailbox_is_known_by_identity_old_name_or_epoch() {
    assert_eq!(renamed(&["a -/- F1"], &["- -/- F1"]), "a=0");
    assert_eq!(renamed(&["a 1/5 -"], &["a -/- -"]), "a=0");
    assert_eq!(renamed(&["a 7/5 -"], &["- 7/5 -"]), "a=0");
    assert_eq!(renamed(&["a 7/5 -"], &["- 7/9 -"]), "a=0");
    assert_eq!(renamed(&["a 7/5 F1"], &["- 7/5 -"]), "a=0");
    assert_eq!(
        renamed(&["a 7/5 -", "b 8/5 -"], &["- 9/9 -", "- 8/6 -", "- 7/6 -"]),
        "a=2 b=1"
    );
}

#[test]
fn a_surer_reason_comes_first_and_clears_the_way() {
    // All in one epoch: the identity takes one pair away, what is left is unique.
    let lost = ["a 1/5 F1", "b 1/5 -"];
    assert_eq!(renamed(&lost, &["- 1/5 -", "- 1/5 F1"]), "a=1 b=0");
    let lost = ["a 1/5 -", "b 1/5 -"];
    assert_eq!(renamed(&lost, &["- 1/5 -", "a 1/5 -"]), "a=1 b=0");
}

#[test]
fn r4_what_is_not_unique_is_no_rename() {
    for (lost, found) in [
        (&["a 1/5 -", "b 1/5 -"][..], &["- 1/5 -"][..]),
        (&["a 1/5 -"], &["- 1/5 -", "- 1/5 -"]),
        (&["a 1/5 F1", "b 2/5 F1"], &["- -/- F1"]),
        (&["a 1/5 F1"], &["- -/- F1", "- -/- F1"]),
    ] {
        assert_eq!(renamed(lost, found), "", "{lost:?} {found:?}");
    }
}

#[test]
fn r4_what_disagrees_is_no_rename() {
    for (lost, found) in [
        ("a 7/5 -", "- 8/5 -"),
        ("a 7/5 -", "- 7/4 -"),
        ("a -/5 -", "- -/5 -"),
        ("a 7/- -", "- 7/- -"),
        ("a 7/5 -", "- 7/- -"),
        ("a 7/5 F1", "- 7/5 F2"),
        ("a 7/5 F1", "a 7/5 F2"),
        ("a 7/5 -", "b 8/5 -"),
    ] {
        assert_eq!(renamed(&[lost], &[found]), "", "{lost} {found}");
    }
}
