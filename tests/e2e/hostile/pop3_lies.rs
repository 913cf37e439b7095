//! POP3 servers that say what no server may say.

use super::{edited, instead};
use postrider_tests::hostile::{Act, Case, End, Trap, case};

fn fails(name: &str, at: &str, text: &str, says: &'static str) -> Case {
    Case::pop3(name, [instead(at, text)], End::Fails("protocol", says))
}

fn uidls(name: &str, rows: &str, stores: usize) -> Case {
    let text = format!("+OK\r\n{rows}.\r\n");
    Case::pop3(name, [instead("UIDL", &text)], End::Stores(stores))
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_pop3_answers_that_are_none_are_protocol_errors() {
    let answered = "the server answered";
    let outcome = case::run(vec![
        fails("imap", "GREETING", "* OK ready\r\n", answered),
        fails("smtp", "GREETING", "220 ready\r\n", answered),
        fails("http", "GREETING", "HTTP/1.1 400 Bad\r\n", answered),
        fails("octets", "GREETING", "\u{0}\u{1b}[2J\r\n", answered),
        fails("stat-negative", "STAT", "+OK -1 -1\r\n", answered),
        fails("stat-overflow", "STAT", "+OK 4294967296 1\r\n", answered),
        fails("stat-words", "STAT", "+OK some mail\r\n", answered),
        fails("stat-none", "STAT", "+OK\r\n", answered),
        fails("challenge", "STAT", "+ go on\r\n", answered),
        fails(
            "before-its-question",
            "AUTH",
            "+OK\r\n+OK 3 3\r\n+OK 3 3\r\n",
            "",
        ),
    ])
    .await;
    outcome.assert_contained();
    assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
#[tokio::test(flavor = "multi_thread")]
async fn r1_r11_pop3_numbers_sizes_and_names_are_not_believed() {
    let long = format!("1 {}\r\n2 b\r\n3 c\r\n", "u".repeat(600));
    let outcome = case::run(vec![
        // Rows beyond STAT, negative, zero, beyond 32 bits, twice.
        Case::pop3(
            "list-beyond",
            [instead(
                "LIST",
                "+OK\r\n1 220\r\n2 220\r\n3 220\r\n4 1\r\n-1 1\r\n0 1\r\n4294967297 1\r\n.\r\n",
            )],
            End::Stores(3),
        ),
        Case::pop3(
            "list-sizes",
            [instead(
                "LIST",
                "+OK\r\n1 -1\r\n2 99999999999999999999\r\n3 x\r\n.\r\n",
            )],
            End::Stores(3),
        ),
        Case::pop3(
            "list-twice",
            [instead("LIST", "+OK\r\n1 1\r\n1 2\r\n2 1\r\n3 1\r\n.\r\n")],
            End::Stores(3),
        ),
        uidls(
            "uidl-beyond",
            "1 a\r\n2 b\r\n3 c\r\n4 d\r\n-1 e\r\n99 f\r\n",
            3,
        ),
        uidls("uidl-blank", "1 \r\n2\r\n3  \r\n", 3),
        uidls("uidl-same", "1 a\r\n2 a\r\n3 a\r\n", 3),
        uidls("uidl-long", &long, 3),
        uidls(
            "uidl-shell",
            "1 ../../../evil\r\n2 $(touch\u{a0}evil)`id`;|&\r\n3 /etc/passwd%00\r\n",
            3,
        ),
        uidls("uidl-escapes", "1 \u{1b}[2J\r\n2 '\"\\\r\n3 --help\r\n", 3),
        // Where a size was promised that is not the message's, it is the message that counts.
        Case::pop3(
            "sizes-lie",
            [edited("LIST", "\r\n1 ", "\r\n1 9")],
            End::Stores(3),
        ),
        Case::pop3(
            "no-message",
            [instead("RETR 2", "-ERR gone\r\n")],
            End::Stores(2),
        ),
        Case::pop3(
            "empty-message",
            [instead("RETR 2", "+OK\r\n.\r\n")],
            End::Stores(3),
        ),
        // No header at all, and a body that begins with an empty line.
        Case::pop3(
            "bare-message",
            [instead("RETR 2", "+OK\r\n\r\nno header\r\n..\r\n.\r\n")],
            End::Stores(3),
        ),
        // A message that is cut is none, however it is cut.
        Case::pop3(
            "cut-message",
            [Trap::at(
                "RETR 2",
                [
                    Act::say("+OK\r\nSubject: half\r\n\r\nhalf\r\n."),
                    Act::Close,
                ],
            )],
            End::Fails("unreachable", "closed the connection"),
        ),
    ])
    .await;
    outcome.assert_contained();
    assert_eq!(outcome.mail("cut-message").len(), 1);
}
