//! The first flight, with memories that are right and wrong.

use crate::dialogues::imap::Asked::{self, First};
use crate::dialogues::{Row, play, row};

pub(super) const MEMORIES: &[Row<Asked>] = &[
    row(
        "first-flight",
        First("", "IMAP4REV1 ENABLE QRESYNC ID LIST-EXTENDED LIST-STATUS"),
        "0 mailbox INBOX, subscribed, 3 messages, epoch 1, next 4
        0 done
        remembered: IMAP4REV1 SASL-IR AUTH=PLAIN | IMAP4REV1 ENABLE QRESYNC ID LIST-EXTENDED LIST-STATUS",
    ),
    row(
        "first-flight-cold",
        First("", ""),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4REV1 | IMAP4REV1",
    ),
    row(
        "first-flight-mute-greeting",
        First("IMAP4REV1 SASL-IR AUTH=PLAIN", "IMAP4REV1"),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4REV1 SASL-IR AUTH=PLAIN | IMAP4REV1",
    ),
    row(
        "first-flight-preauth",
        First("IMAP4REV1", "IMAP4REV1 LIST-EXTENDED"),
        "0 mailbox INBOX
        0 done
        remembered:  | IMAP4REV1",
    ),
    row(
        "first-flight-enable-refused",
        First("", "IMAP4REV1 ENABLE CONDSTORE asked"),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4REV1 | IMAP4REV1 asked",
    ),
    row(
        "first-flight-return-refused",
        First("", "IMAP4REV1 LIST-EXTENDED SPECIAL-USE"),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4REV1 | IMAP4REV1 asked",
    ),
    row(
        "first-flight-mechanism-gone",
        First("IMAP4REV1 SASL-IR AUTH=PLAIN", "IMAP4REV1"),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4REV1 | IMAP4REV1",
    ),
];

#[tokio::test(start_paused = true)]
async fn first_flights() {
    play(MEMORIES).await;
}

pub(super) const REFUSED: &[Row<Asked>] = &[
    row(
        "first-flight-login-refused",
        First("", "IMAP4REV1 ENABLE QRESYNC"),
        "! auth: the server refused the login: wrong",
    ),
    row(
        "first-flight-login-disabled",
        First("IMAP4REV1", "IMAP4REV1"),
        "! auth: the server takes no password here: LOGIN is disabled and none of its mechanisms () can be used",
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_a_refused_login_leaves_nothing_to_believe() {
    play(REFUSED).await;
}

pub(super) const NAMESPACES: &[Row<Asked>] = &[
    row(
        "first-flight-namespace",
        First("", "IMAP4REV1 NAMESPACE"),
        "0 mailbox INBOX
        0 mailbox Other Users/bob
        0 done
        remembered: IMAP4REV1 | IMAP4REV1 NAMESPACE namespace=Other\\x20Users/",
    ),
    row(
        "first-flight-namespace-known",
        First("", "IMAP4REV1 NAMESPACE namespace=Other\\x20Users/"),
        "0 mailbox INBOX
        0 mailbox Other Users/bob
        0 done
        remembered: IMAP4REV1 | IMAP4REV1 NAMESPACE namespace=Other\\x20Users/",
    ),
    row(
        "first-flight-namespace-gone",
        First("", "IMAP4REV1 NAMESPACE namespace=Other\\x20Users/"),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4REV1 | IMAP4REV1 NAMESPACE",
    ),
];

#[tokio::test(start_paused = true)]
async fn what_is_known_of_namespaces_costs_no_round_trip() {
    play(NAMESPACES).await;
}
