//! What changes a mailbox: flags of its messages, and messages that go elsewhere.

use crate::dialogues::imap::Asked::{self, Move, Store};
use crate::dialogues::{Row, play, row};

pub(super) const STORES: &[Row<Asked>] = &[
    row(
        "store",
        Store(None),
        "0 open: 4 messages, epoch ?, next ?
        0 done
        1 stored: (1:2), left alone ()
        1 done
        2 stored: (3), left alone ()
        2 done
        3 stored: (4), left alone ()
        3 done",
    ),
    row(
        "store-one-refused",
        Store(None),
        r"0 open: 4 messages, epoch ?, next ?, keeps (\Flagged \Seen)
        0 done
        1 stored: (1:2), left alone ()
        1 done
        2 refused: no keywords here
        3 stored: (4), left alone ()
        3 done",
    ),
    row(
        "store-unchanged-since",
        Store(Some(40)),
        r"0 open: 4 messages, epoch ?, next ?, at 40
        0 done
        1 flags of 2: (\Draft \Seen) at 41
        1 stored: (1) at 42, left alone (2)
        1 done
        2 stored: (3) at 43, left alone ()
        2 done
        3 refused: it is gone",
    ),
    row(
        "store-not-silent",
        Store(None),
        r"0 open: 4 messages, epoch ?, next ?
        0 done
        1 flags of 1: (\Seen)
        1 flags of 2: (\Seen)
        1 flags of 9: (\Draft)
        1 stored: (1:2), left alone ()
        1 done
        2 stored: (3), left alone ()
        2 done
        3 stored: (4), left alone ()
        3 done
        news: exists 4, vanished 0, flags 1",
    ),
    row(
        "store-no-condstore",
        Store(Some(40)),
        "0 open: 4 messages, epoch ?, next ?
        0 done
        1 refused: not sent: the server lacks CONDSTORE
        2 refused: not sent: the server lacks CONDSTORE
        3 refused: not sent: the server lacks CONDSTORE",
    ),
    row(
        "store-cut",
        Store(None),
        "0 open: 4 messages, epoch ?, next ?
        0 done
        1 stored: (1:2), left alone ()
        1 done
        ! unreachable: the server closed the connection in the middle of a session",
    ),
];

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
