//! Messages: their bodies and what tells them apart; and what a server says besides.

use crate::dialogues::imap::Asked::{self, Bodies, Facts, Flags, Noop, Status};
use crate::dialogues::{Row, play, row};

pub(super) const BODIES: &[Row<Asked>] = &[
    row(
        "bodies",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 19 announced
        "Subject: a\r\n\r\none\r\n"
        1 body of 1: 19 octets, flags (\Seen), date ?, size 99999
        1 body, 3 announced
        "two"
        1 body of 3: 3 octets, flags (), date 60, size 3
        1 done"#,
    ),
    row(
        "bodies-octets",
        Bodies("1:3"),
        r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 body, 24 announced
        "\r\nFrom x\r\n\x00\r\xff\n)\r\np2 OK\r\n"
        1 body of 1: 24 octets, flags ?, date ?, size ?
        1 body, 0 announced
        1 body of 2: 0 octets, flags ?, date ?, size ?
        1 body, 13 announced
        "no header end"
        1 body of 3: 13 octets, flags ?, date ?, size ?
        1 done"#,
    ),
    row(
        "bodies-quoted",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 7 announced
        "a \"b\" \\"
        1 body of 1: 7 octets, flags ?, date ?, size ?
        1 body, 0 announced
        1 body of 2: 0 octets, flags ?, date ?, size ?
        1 done"#,
    ),
    row(
        "bodies-nil",
        Bodies("1:3"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 no body of 1
        1 no body of ?
        1 done
        news: exists 3, vanished 0, flags 1",
    ),
    row(
        "bodies-whose",
        Bodies("1:3"),
        r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 body, 1 announced
        "a"
        1 no body of ?
        1 body, 1 announced
        "b"
        1 no body of ?
        1 body, 1 announced
        "c"
        1 no body of ?
        1 body, 1 announced
        "d"
        1 body of 3: 1 octets, flags ?, date ?, size ?
        1 done"#,
    ),
    row(
        "bodies-duplicates",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 5 announced
        "first"
        1 body of 1: 5 octets, flags ?, date ?, size ?
        1 body, 6 announced
        "second"
        1 body of 1: 6 octets, flags ?, date ?, size ?
        1 done"#,
    ),
    row(
        "bodies-between",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 3 announced
        "one"
        1 body of 1: 3 octets, flags ?, date ?, size ?
        1 body, 5 announced
        "three"
        1 body of 3: 5 octets, flags ?, date ?, size ?
        1 done
        news: exists 0, vanished 4, flags 1"#,
    ),
    row(
        "bodies-bad-dates",
        Bodies("1:3"),
        r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 body, 1 announced
        "x"
        1 body of 1: 1 octets, flags ?, date 0, size ?
        1 body, 1 announced
        "y"
        1 body of 2: 1 octets, flags ?, date ?, size ?
        1 body, 1 announced
        "z"
        1 body of 3: 1 octets, flags ?, date ?, size ?
        1 done"#,
    ),
    row(
        "bodies-unasked",
        Flags,
        r"0 open: 1 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 1: (\Draft)
        1 done",
    ),
];

#[tokio::test(start_paused = true)]
async fn bodies_are_the_octets_that_came() {
    play(BODIES).await;
}

pub(super) const CUTS: &[Row<Asked>] = &[
    row(
        "bodies-one-refused",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 3 announced
        "one"
        1 body of 1: 3 octets, flags ?, date ?, size ?
        1 refused: some of the requested messages no longer exist"#,
    ),
    row(
        "bodies-cut-bye",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 3 announced
        "one"
        1 body of 1: 3 octets, flags ?, date ?, size ?
        ! throttled: the server said goodbye: maintenance"#,
    ),
    row(
        "bodies-cut-literal",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 10 announced
        "half"
        ! unreachable: the server closed the connection in the middle of a session"#,
    ),
    row(
        "bodies-cut-row",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 5 announced
        "whole"
        ! unreachable: the server closed the connection in the middle of a session"#,
    ),
    row(
        "bodies-cut-tag",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 5 announced
        "whole"
        1 body of 1: 5 octets, flags ?, date ?, size ?
        ! unreachable: the server closed the connection in the middle of a session"#,
    ),
    row(
        "bodies-two",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 1 announced
        "a"
        ! protocol: reading a response: the server sent two message bodies in one response"#,
    ),
    row(
        "bodies-negative-literal",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 unreadable Fetch
        1 body, 3 announced
        "two"
        1 body of 2: 3 octets, flags ?, date ?, size ?
        1 done"#,
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_a_body_that_was_cut_is_no_message() {
    play(CUTS).await;
}

pub(super) const ANNOUNCED: &[Row<Asked>] = &[
    row(
        "bodies-two-gib",
        Bodies("1:3"),
        r#"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 body, 4294967295 announced
        "x"
        ! unreachable: the server closed the connection in the middle of a session"#,
    ),
    row(
        "bodies-too-long",
        Bodies("1:3"),
        "0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        ! protocol: reading a response: the server announced a message of 18446744073709551615 octets; at most 4294967296 are taken",
    ),
    row(
        "bodies-overflow",
        Bodies("1:3"),
        "0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        ! protocol: reading a response: the server announced a literal whose length is beyond 64 bits",
    ),
];

#[tokio::test(start_paused = true)]
async fn r11_an_announced_length_is_only_a_number() {
    play(ANNOUNCED).await;
}

pub(super) const OTHERS: &[Row<Asked>] = &[
    row(
        "facts",
        Facts,
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 facts of 1: a@b, size 12, date ?
        1 facts of 2: folded@b, size ?, date 7
        1 facts of 3: ?, size 5, date ?
        1 done",
    ),
    row(
        "status",
        Status,
        "0 status: 2 messages, epoch 7, next 5
        0 done",
    ),
    row("status-no-answer", Status, "0 done"),
    row(
        "noop-bye",
        Noop,
        "! unreachable: the server said goodbye: Server shutting down.",
    ),
    row(
        "noop-news",
        Noop,
        "0 done
        alert: password expires tomorrow
        alert: really",
    ),
];

#[tokio::test(start_paused = true)]
async fn facts_status_and_noop() {
    play(OTHERS).await;
}
