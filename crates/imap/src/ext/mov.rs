//! MOVE (RFC 6851): from one mailbox into another in one step, `\Deleted` never set.
//!
//! Without it the caller copies, marks and expunges: UID COPY is in every server (RFC 9051 §6.4.7).
//! The two differ when something breaks in between: a MOVE has happened or not, for each message.

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
        assert_eq!(events.unwrap(), ["0 done", "1 refused no such mailbox"]);
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
