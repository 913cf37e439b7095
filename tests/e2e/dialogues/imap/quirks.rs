//! What known servers do, and what we make of it.

use crate::dialogues::imap::Asked::{
    self, Bodies, Expunge, First, List, NotifyTwice, Search, Select, Status,
};
use crate::dialogues::{Row, directory, play, row};
use postrider_imap::Quirk;

pub(super) const SIGHTINGS: &[Row<Asked>] = &[
    row(
        "quirk-deaf-after-second-notify",
        NotifyTwice,
        "0 done
        1 done",
    ),
    row(
        "quirk-inbox-in-other-case",
        List,
        "0 mailbox INBOX
        0 mailbox INBOX/old (on the wire Inbox/old)
        0 done",
    ),
    row(
        "quirk-inbox-not-selectable",
        List,
        "0 mailbox INBOX, levels by .
        0 mailbox INBOX/Archiv (on the wire INBOX.Archiv), levels by .
        0 done",
    ),
    row(
        "quirk-loses-what-follows-login",
        First("", "IMAP4REV1 UIDPLUS NAMESPACE asked"),
        "0 mailbox INBOX, levels by .
        0 done
        remembered: IMAP4REV1 UIDPLUS NAMESPACE | IMAP4REV1 UIDPLUS NAMESPACE login-alone asked",
    ),
    row(
        "quirk-mod-seq-without-condstore",
        Select,
        "0 open: 5 messages, epoch 1, next 333878, keeps ()
        0 done",
    ),
    row("quirk-nothing-for-empty", Bodies("1:3"), r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 unreadable Fetch
        1 body, 3 announced
        "two"
        1 body of 2: 3 octets, flags ?, date ?, size ?
        1 done"#),
    row("quirk-nothing-for-rfc822", Bodies("1:3"), r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 body, 3 announced
        "one"
        1 body of 1: 3 octets, flags ?, date ?, size ?
        1 done
        news: exists 3, vanished 0, flags 1"#),
    row("quirk-refuses-whole-fetch", Bodies("1:3"), r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 body, 3 announced
        "one"
        1 body of 1: 3 octets, flags ?, date ?, size ?
        1 refused: UID FETCH Server error while fetching messages"#),
    row("quirk-refuses-search", Search("1:9"), "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 refused: UID SEARCH Backend error. sc=oUKM15T7x8c1"),
    row("quirk-refuses-uid-expunge", Expunge, "0 open: 3 messages, epoch ?, next ?
        0 done
        1 stored: (3)
        1 done
        2 refused: UID EXPUNGE"),
    row("quirk-root-listed", List, "0 mailbox , not selectable
        0 mailbox  (on the wire /), not selectable
        0 mailbox INBOX
        0 done"),
    row("quirk-size-estimated", Bodies("1:3"), r#"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 body, 3 announced
        "one"
        1 body of 1: 3 octets, flags (\Seen), date ?, size 19189
        1 done"#),
    row("quirk-status-empty", Status, "0 status: ? messages, epoch ?, next ?
        0 done"),
    row(
        "quirk-tells-nothing-unasked",
        First(
            "IMAP4 IMAP4REV1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID NAMESPACE LITERAL+",
            "IMAP4 IMAP4REV1 AUTH=PLAIN SASL-IR UIDPLUS ID NAMESPACE LITERAL+ asked",
        ),
        "0 mailbox INBOX
        0 done
        remembered: IMAP4 IMAP4REV1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID NAMESPACE LITERAL+ | IMAP4 IMAP4REV1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+ asked",
    ),
    row("quirk-wants-id", Select, "0 open: 1 messages, epoch ?, next ?
        0 done"),
];

#[tokio::test(start_paused = true)]
async fn quirks() {
    play(SIGHTINGS).await;
}

/// A quirk without a dialogue would be hearsay, and so would one whose dialogue names nobody.
#[test]
fn every_quirk_has_a_dialogue_that_names_the_server() {
    for sighting in Quirk::TABLE {
        let file = format!("{}.txt", sighting.dialogue);
        let path = directory::<Asked>().join(file);
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let server = sighting.seen.split([' ', ',', ':']).next().unwrap();
        assert!(
            text.contains(server),
            "{} does not name {server}",
            path.display()
        );
    }
}
