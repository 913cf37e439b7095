//! Mailboxes: listing them, opening them, their flags, and removing from them.

use crate::dialogues::imap::Asked::{
    self, ChangedSince, Expunge, ExpungeDeleted, Flags, List, ListOpen, ListThenStatus, Search,
    Select, Subscribed,
};
use crate::dialogues::{Row, play, row};

pub(super) const LISTS: &[Row<Asked>] = &[
    row(
        "list-plain",
        List,
        "0 mailbox INBOX
        0 mailbox Work
        0 mailbox Work/to do
        0 mailbox Sent, Sent
        0 mailbox [Gmail]/All Mail, All
        0 done",
    ),
    row(
        "list-status",
        List,
        "0 mailbox INBOX, subscribed, 0 messages, epoch 1, next 1
        0 mailbox Spam, Junk, not subscribed, 2 messages, epoch 7, next 30
        0 done",
    ),
    row(
        "list-status-refused-row",
        List,
        "0 mailbox broken
        0 mailbox INBOX, 1 messages, epoch 1, next 2
        0 done",
    ),
    row(
        "list-nil-delimiter",
        List,
        "0 mailbox INBOX, no levels
        0 mailbox a/b.c, no levels
        0 done",
    ),
    row(
        "list-delimiters",
        List,
        r"0 mailbox INBOX/Work/2026 (on the wire INBOX.Work.2026), levels by .
        0 mailbox a/b (on the wire a\x5Cb), levels by \
        0 done",
    ),
    row(
        "list-literal",
        List,
        r#"0 mailbox a "b" {3}
        0 mailbox two\r\nlines (on the wire two\x0D\x0Alines)
        0 mailbox Sent, Sent
        0 done"#,
    ),
    row(
        "list-noselect",
        List,
        "0 mailbox Public, not selectable
        0 mailbox [Gmail], not selectable
        0 mailbox gone, not selectable
        0 mailbox box
        0 done",
    ),
    row(
        "list-mutf7",
        List,
        "0 mailbox Entwürfe (on the wire Entw&APw-rfe)
        0 mailbox ~peter/台北 (on the wire ~peter/&U,BTFw-)
        0 mailbox A&B (on the wire A&-B)
        0 mailbox &AC8-etc
        0 mailbox &2D0-
        0 mailbox a&b
        0 mailbox &AGEAYg-
        0 done",
    ),
    row(
        "list-utf8",
        List,
        r"0 mailbox Entwürfe
        0 mailbox caf� (on the wire caf\xE9)
        0 done",
    ),
    row(
        "list-hostile-names",
        List,
        "0 mailbox ../../etc/cron.d/x
        0 mailbox `id`
        0 mailbox  (on the wire /), not selectable
        0 mailbox , not selectable
        0 done",
    ),
    row(
        "list-inbox-twice",
        List,
        "0 mailbox INBOX, levels by .
        0 done",
    ),
    row(
        "list-unreadable",
        List,
        "0 unreadable List
        0 mailbox INBOX
        0 done",
    ),
    row("list-empty", List, "0 done"),
    row(
        "list-unknown",
        List,
        "0 mailbox INBOX
        0 done",
    ),
    row("list-cut-no", List, "0 refused: try later"),
    row(
        "list-cut-bye",
        List,
        "! unreachable: the server said goodbye: shutting down",
    ),
    row(
        "list-cut-eof",
        List,
        "! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "list-literal-too-long",
        List,
        "! protocol: reading a response: the server announced a literal of 734003200 octets where a name or header belongs; at most 1048576 are taken in one response",
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_half_a_list_is_none() {
    play(LISTS).await;
}

pub(super) const SELECTS: &[Row<Asked>] = &[
    row(
        "select",
        Select,
        r"0 open: 3 messages, epoch 1234567890, next 12, at 715194045007, keeps (\Seen \Deleted work) and new ones
        0 done",
    ),
    row(
        "select-alert",
        Select,
        "0 open: 3 messages, epoch 7, next 12
        0 done
        alert: Mailbox is at 98% of quota",
    ),
    row(
        "select-odd-spaces",
        Select,
        "0 open: 3 messages, epoch 7, next 12, read-only
        0 done",
    ),
    row(
        "select-bare",
        Select,
        "0 open: ? messages, epoch ?, next ?
        0 done",
    ),
    row(
        "select-nonsense",
        Select,
        "0 open: ? messages, epoch ?, next ?
        0 done",
    ),
    row(
        "select-uids-do-not-last",
        Select,
        "0 open: 1 messages, epoch 7, next ?, UIDs do not last
        0 done",
    ),
    row(
        "select-unasked-codes",
        Select,
        "0 open: 3 messages, epoch ?, next ?
        0 done",
    ),
    row(
        "select-refused",
        Flags,
        "0 refused: no such mailbox
        1 refused: not done: the mailbox could not be opened",
    ),
    row(
        "select-refused-fetch-answered",
        Flags,
        "0 refused: NO
        1 refused: not done: the mailbox could not be opened
        news: exists ?, vanished 0, flags 1",
    ),
];

#[tokio::test(start_paused = true)]
async fn opening_a_mailbox() {
    play(SELECTS).await;
}

pub(super) const FLAGS: &[Row<Asked>] = &[
    row(
        "flags",
        Flags,
        r"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ($Forwarded \Seen)
        1 flags of 5: () at 17
        1 flags of 6: (work)
        1 done",
    ),
    row(
        "flags-between",
        Flags,
        r"0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ()
        1 flags of 6: (\Flagged)
        1 done
        news: exists 3, vanished 1, flags 1",
    ),
    row(
        "flags-duplicates",
        Flags,
        r"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ()
        1 flags of 2: (\Seen)
        1 done",
    ),
    row(
        "flags-bad-uids",
        Flags,
        r"0 open: 5 messages, epoch ?, next ?, read-only
        0 done
        1 unreadable Fetch
        1 unreadable Fetch
        1 unreadable Fetch
        1 unreadable Fetch
        1 unreadable Fetch
        1 flags of 9: (\Seen)
        1 done",
    ),
    row(
        "flags-deep",
        Flags,
        r"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 unreadable Fetch
        1 flags of 2: (\Seen)
        1 done",
    ),
    row(
        "flags-8bit",
        Flags,
        r"0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: (\Seen)
        1 flags of 3: (grün)
        1 done",
    ),
    row(
        "flags-no-uid",
        Flags,
        "0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 done
        news: exists 2, vanished 0, flags 1",
    ),
    row(
        "changed-since",
        ChangedSince(41),
        r"0 open: 3 messages, epoch 7, next 12, at 45, read-only
        0 done
        1 flags of 8: (\Seen) at 43
        1 flags of 11: () at 45
        1 done",
    ),
    row(
        "changed-since-lacking",
        ChangedSince(41),
        r"0 open: 1 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 8: (\Seen)
        1 done",
    ),
    row(
        "changed-since-mod-seq-zero",
        ChangedSince(41),
        "0 open: 2 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 8: ()
        1 flags of 9: ()
        1 done",
    ),
];

#[tokio::test(start_paused = true)]
async fn flags_and_what_comes_between_them() {
    play(FLAGS).await;
}

pub(super) const CUTS: &[Row<Asked>] = &[
    row(
        "flags-cut-no",
        Flags,
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ()
        1 refused: storage went away",
    ),
    row(
        "flags-cut-bye",
        Flags,
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ()
        ! unreachable: the server said goodbye",
    ),
    row(
        "flags-cut-eof",
        Flags,
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ()
        ! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "flags-tagged-eof",
        Flags,
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 flags of 2: ()
        ! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "unknown-tag",
        Flags,
        r#"! protocol: the server answered a command that was not sent, tagged "A042""#,
    ),
    row(
        "tag-answered-twice",
        Flags,
        r#"0 open: 0 messages, epoch ?, next ?, read-only
        0 done
        ! protocol: the server answered a command that was not sent, tagged "p1""#,
    ),
    row(
        "no-response",
        Flags,
        r#"! protocol: reading a response: "<html>502 gateway</html>""#,
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_only_a_tagged_ok_of_our_own_ends_a_listing() {
    play(CUTS).await;
}

pub(super) const SEARCHES: &[Row<Asked>] = &[
    row(
        "search",
        Search("1:9"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 found (2:3,9)
        1 done",
    ),
    row(
        "search-two-answers",
        Search("1:9"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 found (2,9)
        1 done",
    ),
    row(
        "search-empty",
        Search("1:9"),
        "0 open: 0 messages, epoch ?, next ?, read-only
        0 done
        1 found ()
        1 done",
    ),
    row(
        "search-no-answer",
        Search("1:9"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 done",
    ),
    row(
        "search-unreadable",
        Search("1:9"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 unreadable Search
        1 done",
    ),
    row(
        "search-cut-no",
        Search("1:9"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 refused: index is broken",
    ),
    row(
        "esearch",
        Search("1:9"),
        "0 open: 3 messages, epoch ?, next ?, read-only
        0 done
        1 found (1:4294967295)
        1 done",
    ),
    row(
        "esearch-empty",
        Search("1:9"),
        "0 open: 0 messages, epoch ?, next ?, read-only
        0 done
        1 found ()
        1 done",
    ),
];

#[tokio::test(start_paused = true)]
async fn r5_a_search_without_an_answer_is_no_witness() {
    play(SEARCHES).await;
}

pub(super) const EXPUNGES: &[Row<Asked>] = &[
    row(
        "expunge-uidplus",
        Expunge,
        r"0 open: 3 messages, epoch ?, next ?
        0 done
        1 flags of 3: (\Deleted)
        1 stored: (3)
        1 done
        2 done
        news: exists 2, vanished 1, flags 0",
    ),
    row(
        "expunge-no-uidplus",
        Expunge,
        "0 open: 3 messages, epoch ?, next ?
        0 done
        2 refused: not sent: the server lacks UIDPLUS
        1 stored: (3)
        1 done",
    ),
    row(
        "expunge-select-refused",
        Expunge,
        "0 refused: not yours
        1 refused: not sent: no mailbox is open
        2 refused: not sent: no mailbox is open",
    ),
    row(
        "expunge-store-refused",
        Expunge,
        "0 open: 3 messages, epoch ?, next ?
        0 done
        1 refused: no
        2 done",
    ),
    row(
        "expunge-cut",
        Expunge,
        "0 open: 3 messages, epoch ?, next ?
        0 done
        1 stored: (3)
        1 done
        news: exists 2, vanished 1, flags 0
        ! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "expunge-deleted",
        ExpungeDeleted,
        "0 open: 3 messages, epoch ?, next ?
        0 done
        1 found (3)
        1 done
        2 stored: (3)
        2 done
        3 done
        news: exists 2, vanished 1, flags 0",
    ),
];

#[tokio::test(start_paused = true)]
async fn r1_nothing_is_removed_but_what_is_named_in_the_mailbox_that_is_open() {
    play(EXPUNGES).await;
}

pub(super) const NAMES: &[Row<Asked>] = &[
    row(
        "list-old-name",
        List,
        "0 mailbox New, was Old
        0 mailbox Second, was Entw&APw-rfe
        0 mailbox Broken
        0 done",
    ),
    row(
        "quirk-mailbox-id-of-freed-memory",
        ListOpen,
        "0 mailbox INBOX, not subscribed, 1 messages, epoch 1, next 2
        0 done
        1 open: 1 messages, epoch 1, next 2, id F2212ea87
        1 done",
    ),
    row(
        "list-namespaces",
        List,
        "0 unreadable List
        0 mailbox INBOX, levels by .
        0 mailbox INBOX/Sent (on the wire INBOX.Sent), levels by .
        0 mailbox #shared/team/news (on the wire #shared.team.news), levels by .
        0 done",
    ),
    row(
        "list-namespaces-covered",
        List,
        "0 mailbox INBOX
        0 mailbox Shared Folders/team
        0 done",
    ),
    row(
        "list-namespaces-refused",
        List,
        "0 mailbox INBOX
        0 done",
    ),
    row(
        "list-lsub",
        Subscribed,
        "0 mailbox INBOX
        0 mailbox Work
        0 mailbox Lists
        0 done
        1 subscribed: Work, gone
        1 done",
    ),
    row(
        "list-lsub-refused",
        Subscribed,
        "0 mailbox INBOX
        0 done
        1 refused: not here",
    ),
    row(
        "list-lsub-needless",
        Subscribed,
        "1 done
        0 mailbox INBOX, subscribed
        0 done",
    ),
    row(
        "utf8-accept",
        ListThenStatus("Entwürfe"),
        r"0 mailbox Entwürfe (on the wire Entw&APw-rfe)
        0 mailbox A&B (on the wire A&-B)
        0 mailbox caf� (on the wire caf\xE9)
        0 done
        1 status: 2 messages, epoch 1, next 3
        1 done",
    ),
    row(
        "utf8-accept-refused",
        ListThenStatus("Entwürfe"),
        "0 mailbox Entwürfe (on the wire Entw&APw-rfe)
        0 done
        1 status: 2 messages, epoch 1, next 3
        1 done",
    ),
];

#[tokio::test(start_paused = true)]
async fn names_subscriptions_and_namespaces() {
    play(NAMES).await;
}
