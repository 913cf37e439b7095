//! What lies in the maildrop, by three witnesses.

use crate::dialogues::pop3::Asked::{self, Survey, WholePass};
use crate::dialogues::{Row, play, row};

pub(super) const SURVEYS: &[Row<Asked>] = &[
    row(
        "survey-pipelined",
        Survey,
        "2 messages, 320 octets, UIDL, witnesses agree
        1 of 120 octets, key whqtswO00WBw418f9t5JxYwZ
        2 of 200 octets, key QhdPYR:00WBw1Ph7x7",
    ),
    row(
        "survey-one-by-one",
        Survey,
        "1 messages, 120 octets, UIDL, witnesses agree
        1 of 120 octets, key a",
    ),
    row(
        "survey-empty",
        Survey,
        "0 messages, 0 octets, UIDL, witnesses agree",
    ),
    row(
        "uidl-unsupported",
        Survey,
        "1 messages, 120 octets, no UIDL, witnesses agree
        1 of 120 octets, no key",
    ),
    row(
        "uidl-blank",
        Survey,
        "3 messages, 30 octets, UIDL, witnesses agree
        1 of 10 octets, no key
        2 of 10 octets, no key
        3 of 10 octets, key c",
    ),
    row(
        "uidl-duplicates",
        Survey,
        "3 messages, 30 octets, UIDL, witnesses agree
        1 of 10 octets, an ambiguous key
        2 of 10 octets, key other
        3 of 10 octets, an ambiguous key",
    ),
    row(
        "uidl-over-long",
        Survey,
        "5 messages, 50 octets, UIDL, witnesses agree
        1 of 10 octets, key 1234567890123456789012345678901234567890123456789012345678901234567890
        2 of 10 octets, key 12345678901234567890123456789012345678901234567890123456789012345678901
        3 of 10 octets, no key
        4 of 10 octets, key café
        5 of 10 octets, no key",
    ),
    row(
        "uidl-hostile",
        Survey,
        "1 messages, 10 octets, UIDL, witnesses agree
        1 of 10 octets, key ../../etc/passwd",
    ),
];

#[tokio::test(start_paused = true)]
async fn surveys_and_what_can_be_a_key() {
    play(SURVEYS).await;
}

pub(super) const WITNESSES: &[Row<Asked>] = &[
    row(
        "uidl-missing-row",
        Survey,
        "2 messages, 20 octets, UIDL, witnesses disagree
        1 of 10 octets, no key
        2 of 10 octets, key b",
    ),
    row(
        "list-empty-stat-not",
        Survey,
        "3 messages, 30 octets, UIDL, witnesses disagree",
    ),
    row(
        "stat-empty-list-not",
        Survey,
        "0 messages, 0 octets, UIDL, witnesses disagree",
    ),
    row(
        "list-short",
        Survey,
        "2 messages, 20 octets, UIDL, witnesses disagree
        1 of 10 octets, key a",
    ),
    row(
        "numbers-beyond-stat",
        WholePass,
        r#"1 messages, 10 octets, UIDL, witnesses disagree
        1 of 5 octets, key a
        1 begins
        "one\r\n"
        1 is whole, 5 octets
        committed, acknowledged [1]"#,
    ),
    row(
        "sizes-odd",
        Survey,
        "4 messages, 40 octets, no UIDL, witnesses disagree
        1 of ? octets, no key
        2 of ? octets, no key
        3 of ? octets, no key
        4 of ? octets, no key",
    ),
    row(
        "stat-huge",
        Survey,
        "4294967295 messages, 18446744073709551615 octets, UIDL, witnesses disagree",
    ),
];

#[tokio::test(start_paused = true)]
async fn r5_witnesses_that_disagree_are_not_believed() {
    play(WITNESSES).await;
}

pub(super) const NO_ANSWERS: &[Row<Asked>] = &[
    row(
        "stat-negative",
        Survey,
        r#"! protocol: the server answered STAT with "-1 320""#,
    ),
    row(
        "stat-bare",
        Survey,
        r#"! protocol: the server answered STAT with """#,
    ),
    row(
        "list-refused",
        Survey,
        "! unreachable: the server refused LIST: [SYS/TEMP] index is locked",
    ),
    row(
        "list-cut",
        Survey,
        "! unreachable: the server closed the connection during LIST",
    ),
    row(
        "uidl-cut",
        Survey,
        "! unreachable: the server closed the connection during UIDL",
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_half_a_listing_is_none() {
    play(NO_ANSWERS).await;
}
