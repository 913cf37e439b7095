//! What changes a mailbox: flags of its messages, messages that go elsewhere, and messages that come; and what
//! makes one.

use crate::dialogues::imap::Asked::{self, Append, Create, Expunge, ExpungeDeleted, Move, Store};
use crate::dialogues::{Row, play, row};
use postrider_core::flag::FlagSet;
use postrider_core::time::UnixTime;
use postrider_imap::{
    Appended, AppendedAll, FlagChange, ImapError, SelectMode, Session, Source, Step, WireName,
};

/// The steps of what changes a mailbox, or makes one.
pub(super) fn steps(asked: Asked) -> Vec<Step> {
    let uids = |text: &str| text.parse().unwrap();
    let open = Step::Select {
        mailbox: WireName::encode("INBOX"),
        mode: SelectMode::ReadWrite,
        resync: None,
    };
    let mark = store("3", FlagChange::Add(FlagSet::from_index("\\Deleted")));
    match asked {
        Create => {
            let name = WireName::encode("Entwürfe");
            vec![Step::Create(name.clone()), Step::Subscribe(name)]
        }
        Expunge => vec![open, mark, Step::Expunge { uids: uids("3") }],
        ExpungeDeleted => vec![open, Step::SearchDeleted, mark, Step::ExpungeDeleted],
        Move => {
            let moved = Step::Move {
                uids: uids("3:4,9"),
                to: WireName::encode("Entwürfe"),
            };
            let copied = Step::Copy {
                uids: uids("5"),
                to: WireName::encode("a \"b\""),
            };
            vec![open, moved, copied]
        }
        Store => {
            let add = |flags| FlagChange::Add(FlagSet::from_index(flags));
            let unflag = FlagChange::Remove(FlagSet::from_index("\\Flagged"));
            vec![
                open,
                store("1:2", add("\\Seen")),
                store("3", add("$Forwarded work")),
                store("4", unflag),
            ]
        }
        _ => Vec::new(),
    }
}

fn store(uids: &str, change: FlagChange) -> Step {
    Step::StoreFlags {
        uids: uids.parse().unwrap(),
        change,
    }
}

/// Appends messages, several of them together, and tells what became of them.
pub(super) async fn appended(
    session: &mut Session,
    messages: &[&'static str],
) -> Result<String, ImapError> {
    let append = |octets: &&str| postrider_imap::Append {
        mailbox: WireName::encode("Sent"),
        flags: FlagSet::from_index("\\Seen work"),
        internal_date: Some(UnixTime::from_seconds(837_596_665)),
        octets: octets.len() as u64,
    };
    let appends: Vec<_> = messages.iter().map(append).collect();
    if let ([append], [octets]) = (&appends[..], messages) {
        let source = Source::new(octets.as_bytes());
        return Ok(match session.append(append, source).await? {
            Appended::Done { uid } => match uid {
                Some((epoch, uid)) => format!("there as {uid}, epoch {epoch}"),
                None => "there".to_owned(),
            },
            Appended::Refused(refusal) => format!("refused: {refusal}, {:?}", refusal.code),
        });
    }
    let sources = messages.iter().map(|octets| Source::new(octets.as_bytes()));
    let together = session.together(&appends);
    let all = appends.iter().zip(sources).collect();
    let became = match session.append_all(all).await? {
        AppendedAll::Done { uids } => format!("all there: {uids:?}"),
        AppendedAll::Refused(refusal) => format!("refused: {refusal}, {:?}", refusal.code),
    };
    Ok(format!("{together} together; {became}"))
}

pub(super) const STORES: &[Row<Asked>] = &[
    row(
        "store",
        Store,
        "0 open: 4 messages, epoch ?, next ?
        0 done
        1 stored: (1:2)
        1 done
        2 stored: (3)
        2 done
        3 stored: (4)
        3 done",
    ),
    row(
        "store-one-refused",
        Store,
        r"0 open: 4 messages, epoch ?, next ?, keeps (\Flagged \Seen)
        0 done
        1 stored: (1:2)
        1 done
        2 refused: no keywords here
        3 stored: (4)
        3 done",
    ),
    row(
        "store-not-silent",
        Store,
        r"0 open: 4 messages, epoch ?, next ?
        0 done
        1 flags of 1: (\Seen)
        1 flags of 2: (\Seen)
        1 flags of 9: (\Draft)
        1 stored: (1:2)
        1 done
        2 stored: (3)
        2 done
        3 stored: (4)
        3 done
        news: exists 4, vanished 0, flags 1",
    ),
    row(
        "store-cut",
        Store,
        "0 open: 4 messages, epoch ?, next ?
        0 done
        1 stored: (1:2)
        1 done
        ! unreachable: the server closed the connection in the middle of a session",
    ),
];

const ONE: Asked = Append(&["a: b\r\n\r\nx"]);
const TWO: Asked = Append(&["a: b\r\n\r\nx", "c: d\r\n\r\n"]);

pub(super) const APPENDS: &[Row<Asked>] = &[
    row("append", ONE, "there as 12, epoch 7"),
    row("append-at-once", ONE, "there"),
    row(
        "append-no-mailbox",
        ONE,
        "refused: no such mailbox, Some(TryCreate)",
    ),
    row(
        "append-over-quota",
        ONE,
        "refused: the box is full, Some(OverQuota)",
    ),
    row(
        "append-limit",
        ONE,
        "refused: not sent: the server takes messages of at most 8 octets, Some(TooBig)",
    ),
    row(
        "append-cut",
        ONE,
        "! unreachable: the server closed the connection in the middle of a session",
    ),
    row("append-two-uids", ONE, "there"),
    row(
        "append-all",
        TWO,
        "2 together; all there: Some((UidValidity(7), [Uid(12), Uid(9)]))",
    ),
    row("append-all-one-uid", TWO, "2 together; all there: None"),
    row(
        "append-all-refused",
        TWO,
        "2 together; refused: not the second, None",
    ),
    row(
        "append-all-cut",
        TWO,
        "! unreachable: the server closed the connection in the middle of a session",
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_a_message_is_there_when_the_server_says_so() {
    play(APPENDS).await;
}

pub(super) const CREATES: &[Row<Asked>] = &[
    row("create", Create, "0 done\n        1 done"),
    row("create-there", Create, "0 done\n        1 refused: no"),
    row(
        "create-refused",
        Create,
        "0 refused: not here\n        1 refused: no such mailbox",
    ),
];

#[tokio::test(start_paused = true)]
async fn a_mailbox_is_made_and_subscribed_to() {
    play(CREATES).await;
}

pub(super) const MOVES: &[Row<Asked>] = &[
    row(
        "move",
        Move,
        "0 open: 9 messages, epoch ?, next ?
        0 done
        1 copied: 3 is 21, 4 is 22, 9 is 20, epoch 7
        1 done
        2 copied: 5 is 31, epoch 8
        2 done
        news: exists 6, vanished 3, flags 0",
    ),
    row(
        "move-half",
        Move,
        "0 open: 9 messages, epoch ?, next ?
        0 done
        1 copied: 3 is 20, 4 is 21, epoch 7
        1 refused: no more room
        2 refused: no such mailbox
        news: exists 7, vanished 2, flags 0",
    ),
    row(
        "move-lacking",
        Move,
        "0 open: 9 messages, epoch ?, next ?
        0 done
        1 refused: not sent: the server lacks MOVE
        2 done",
    ),
    row(
        "move-unpaired",
        Move,
        "0 open: 9 messages, epoch ?, next ?
        0 done
        1 done
        2 done",
    ),
    row(
        "move-cut",
        Move,
        "0 open: 9 messages, epoch ?, next ?
        0 done
        1 copied: 3 is 20, 4 is 21, 9 is 22, epoch 7
        ! unreachable: the server closed the connection in the middle of a session",
    ),
];

#[tokio::test(start_paused = true)]
async fn r7_a_copy_is_there_when_the_server_says_so_and_is_who_it_says() {
    play(MOVES).await;
}

#[tokio::test(start_paused = true)]
async fn r7_a_flag_is_changed_where_the_server_says_so_and_nowhere_else() {
    play(STORES).await;
}
