//! What changes a mailbox: flags of its messages.

use crate::dialogues::imap::Asked::{self, Store};
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

#[tokio::test(start_paused = true)]
async fn r7_a_flag_is_changed_where_the_server_says_so_and_nowhere_else() {
    play(STORES).await;
}
