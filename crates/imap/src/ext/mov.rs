//! MOVE (RFC 6851): from one mailbox into another in one step, `\Deleted` never set.
//!
//! Without it the caller copies, marks and expunges: UID COPY is in every server (RFC 9051 §6.4.7).
//! What they answer with is in [`uidplus`](super::uidplus). The two differ when something breaks in between: a MOVE has happened or not, for each message.

use crate::capability::Capability;
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::wire_name::WireName;
use postrider_core::uid::UidSet;

/// UID MOVE, when the server has it.
pub(crate) fn command(
    dialect: &Dialect<'_>,
    uids: &UidSet,
    to: &WireName,
) -> Result<Option<CommandText>, EncodeError> {
    if !dialect.capabilities.has(Capability::Move) {
        return Ok(None);
    }
    naming("UID MOVE", dialect, uids, to).map(Some)
}

/// UID COPY.
pub(crate) fn copy_command(
    dialect: &Dialect<'_>,
    uids: &UidSet,
    to: &WireName,
) -> Result<CommandText, EncodeError> {
    naming("UID COPY", dialect, uids, to)
}

fn naming(
    word: &str,
    dialect: &Dialect<'_>,
    uids: &UidSet,
    to: &WireName,
) -> Result<CommandText, EncodeError> {
    let mut command = CommandText::new(word);
    command.text(&format!(" {uids} "));
    dialect.mailbox(&mut command, to)?;
    Ok(command)
}

#[cfg(test)]
mod tests {
    use crate::step::Step;
    use crate::testing::{flown, logged_in, open, selected, set};
    use crate::wire_name::WireName;

    fn to_trash(uids: &str) -> Step {
        Step::Move {
            uids: set(uids),
            to: WireName::encode("My \"Trash\""),
        }
    }

    fn copied(uids: &str) -> Step {
        Step::Copy {
            uids: set(uids),
            to: WireName::encode("Trash"),
        }
    }

    #[tokio::test]
    async fn exactly_the_named_messages_are_moved() {
        let script = "C: p1 UID MOVE 1:3,9 \"My \\\"Trash\\\"\"\n\
            S: * OK [COPYUID 7 1:3,9 11:14] moved\nS: * 1 EXPUNGE\nS: p1 OK\n\
            C: p2 UID COPY 4 \"Trash\"\nS: p2 NO [TRYCREATE] no such mailbox";
        let (mut session, server) = selected("MOVE", script).await;
        let events = flown(&mut session, [to_trash("1:3,9"), copied("4")]).await;
        let expected = [
            "0 copied 1-11 2-12 3-13 9-14",
            "0 done",
            "1 refused no such mailbox",
        ];
        assert_eq!(events.unwrap(), expected);
        server.await.unwrap();
    }

    /// RFC 6851 §4.3 and RFC 4315 §3: before or with the OK. It goes to whoever asked for these messages.
    #[tokio::test]
    async fn copies_are_told_to_whoever_asked_for_them() {
        let script = "C: p1 UID MOVE 1:2 \"Trash\"\nC: p2 UID COPY 3 \"Trash\"\nC: p3 UID MOVE 4:5 \"Trash\"\n\
            S: * OK [COPYUID 7 4:5 12:13] of the third\nS: * OK [COPYUID 7 8 14] of nobody\n\
            S: p1 OK [COPYUID 7 2,1 10:11] done\nS: p2 OK [COPYUID 7 3,9 8:9] not what was asked\n\
            S: p3 NO [OVERQUOTA] half of it";
        let (mut session, server) = selected("MOVE UIDPLUS", script).await;
        let to = |uids: &str| Step::Move {
            uids: set(uids),
            to: WireName::encode("Trash"),
        };
        let events = flown(&mut session, [to("1:2"), copied("3"), to("4:5")]).await;
        let expected = [
            "2 copied 4-12 5-13",
            "0 copied 1-11 2-10",
            "0 done",
            "1 done",
            "2 refused half of it",
        ];
        assert_eq!(events.unwrap(), expected);
        server.await.unwrap();
    }

    /// RFC 7162 §3.2.8 and RFC 6851 §4.4. What changed before it is not known for that, so nobody is told.
    #[tokio::test]
    async fn a_mod_sequence_that_comes_with_the_ok_is_passed_over() {
        let script = "C: p1 UID MOVE 1 \"Trash\"\nC: p2 UID EXPUNGE 2\n\
            S: * OK [COPYUID 7 1 10] moved\nS: * VANISHED 1\nS: p1 OK [HIGHESTMODSEQ 41]\n\
            S: * VANISHED 2\nS: p2 OK [HIGHESTMODSEQ 42]";
        let (mut session, server) = selected("MOVE UIDPLUS", script).await;
        let to = Step::Move {
            uids: set("1"),
            to: WireName::encode("Trash"),
        };
        let steps = [to, Step::Expunge { uids: set("2") }];
        let expected = ["0 copied 1-10", "0 done", "1 done"];
        assert_eq!(flown(&mut session, steps).await.unwrap(), expected);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_server_without_it_is_not_asked() {
        let (mut session, server) = selected("", "S?").await;
        let events = flown(&mut session, [to_trash("1")]).await.unwrap();
        assert_eq!(events, ["0 refused not sent: the server lacks MOVE"]);
        server.await.unwrap();
    }

    /// A server that stays in the old mailbox would move that one's messages.
    #[tokio::test]
    async fn nothing_is_moved_before_the_mailbox_is_known_to_be_open() {
        let script = "C: p1 SELECT \"a\"\nS?\nS: p1 NO gone\nS?";
        let (mut session, server) = logged_in("MOVE", script).await;
        let steps = [open("a"), to_trash("1"), copied("1")];
        let events = flown(&mut session, steps).await.unwrap();
        let unsent = "refused not sent: no mailbox is open";
        let expected = [
            "0 refused gone".to_owned(),
            format!("1 {unsent}"),
            format!("2 {unsent}"),
        ];
        assert_eq!(events, expected);
        server.await.unwrap();
    }
}
