//! Messages: fetching and deleting them.

use crate::dialogues::pop3::Asked::{self, DeleteAndQuit, Headers, Quit, Reset, Retrieve};
use crate::dialogues::{Row, play, row};

pub(super) const RETRIEVALS: &[Row<Asked>] = &[
    row(
        "retr",
        Retrieve,
        r#"1 begins
        "Subject: dots\r\n\r\n.\r\n..x\r\na.\r\n"
        1 is whole, 29 octets
        2 begins
        2 is whole, 0 octets"#,
    ),
    row(
        "retr-octets",
        Retrieve,
        r#"1 begins
        "\r\nFrom x\r\n\x00\r\xff\r\n"
        1 is whole, 15 octets
        2 begins
        "no header end\r\n"
        2 is whole, 15 octets"#,
    ),
    row(
        "retr-bare-lf",
        Retrieve,
        r#"1 begins
        "a\n.\n+OK\r\nb\r\n\n.\r\n"
        1 is whole, 16 octets
        2 refused: -ERR"#,
    ),
    row(
        "retr-bare-lf-server",
        Retrieve,
        r#"1 begins
        "Subject: x\n.\n"
        1 is whole, 13 octets
        2 refused: -ERR"#,
    ),
    row(
        "retr-pipelined",
        Retrieve,
        r#"1 begins
        "one\r\n"
        1 is whole, 5 octets
        2 begins
        "two\r\n"
        2 is whole, 5 octets"#,
    ),
    row(
        "retr-one-refused",
        Retrieve,
        r#"1 refused: message is corrupt
        2 begins
        "two\r\n"
        2 is whole, 5 octets"#,
    ),
    row("headers", Headers, r#"1 "Message-ID: <a@b>\r\n\r\n""#),
];

#[tokio::test(start_paused = true)]
async fn messages_are_the_octets_that_came() {
    play(RETRIEVALS).await;
}

pub(super) const CUTS: &[Row<Asked>] = &[
    row(
        "retr-cut",
        Retrieve,
        r#"1 begins
        "Subject: half\r\n\r\n"
        ! unreachable: the server closed the connection during RETR"#,
    ),
    row(
        "retr-cut-dot",
        Retrieve,
        r#"1 begins
        "Subject: half\r\n"
        ! unreachable: the server closed the connection during RETR"#,
    ),
    row(
        "retr-cut-between",
        Retrieve,
        r#"1 begins
        "one\r\n"
        1 is whole, 5 octets
        ! unreachable: the server closed the connection during RETR"#,
    ),
    row(
        "retr-no-answer",
        Retrieve,
        r#"! protocol: the server answered RETR with "Subject: where is the status line?""#,
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_a_message_without_its_terminator_is_not_whole() {
    play(CUTS).await;
}

pub(super) const DELETIONS: &[Row<Asked>] = &[
    row("quit", DeleteAndQuit, "committed, acknowledged [1, 2]"),
    row(
        "quit-pipelined",
        DeleteAndQuit,
        "committed, acknowledged [1], 2 refused: locked",
    ),
    row(
        "quit-refused",
        DeleteAndQuit,
        "not committed, acknowledged [1, 2]",
    ),
    row(
        "quit-cut",
        DeleteAndQuit,
        "! unreachable: the server closed the connection during QUIT",
    ),
    row(
        "quit-half",
        DeleteAndQuit,
        "! unreachable: the server closed the connection during QUIT",
    ),
    row(
        "dele-refused",
        DeleteAndQuit,
        "committed, acknowledged [2], 1 refused: [SYS/PERM] read-only",
    ),
    row(
        "dele-cut",
        DeleteAndQuit,
        "! unreachable: the server closed the connection during DELE",
    ),
];

#[tokio::test(start_paused = true)]
async fn r2_only_ok_to_quit_makes_a_deletion_count() {
    play(DELETIONS).await;
}

pub(super) const FAREWELLS: &[Row<Asked>] = &[
    row("goodbye", Quit, "gone"),
    row("goodbye-cut", Quit, "gone"),
    row("reset", Reset, "taken back"),
];

#[tokio::test(start_paused = true)]
async fn farewells() {
    play(FAREWELLS).await;
}
