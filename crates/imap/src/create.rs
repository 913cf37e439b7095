//! CREATE and SUBSCRIBE (RFC 9051 §6.3.4, §6.3.7).

use crate::code::Code;
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::error::Refusal;
use crate::wire_name::WireName;

/// CREATE. The levels above it come into being with it (§6.3.4).
pub(crate) fn command(
    dialect: &Dialect<'_>,
    mailbox: &WireName,
) -> Result<CommandText, EncodeError> {
    naming("CREATE ", dialect, mailbox)
}

/// SUBSCRIBE.
pub(crate) fn subscribe_command(
    dialect: &Dialect<'_>,
    mailbox: &WireName,
) -> Result<CommandText, EncodeError> {
    naming("SUBSCRIBE ", dialect, mailbox)
}

fn naming(
    word: &str,
    dialect: &Dialect<'_>,
    mailbox: &WireName,
) -> Result<CommandText, EncodeError> {
    let mut command = CommandText::new(word);
    dialect.mailbox(&mut command, mailbox)?;
    Ok(command)
}

/// Whether a mailbox is there although it was not made: another client was first (RFC 5530 §3).
pub(crate) fn is_there(refusal: &Refusal) -> bool {
    refusal.code == Some(Code::AlreadyExists)
}

#[cfg(test)]
mod tests {
    use crate::step::Step;
    use crate::testing::{flown, logged_in};
    use crate::wire_name::WireName;

    fn make(name: &str) -> Step {
        Step::Create(WireName::encode(name))
    }

    fn subscribe(name: &str) -> Step {
        Step::Subscribe(WireName::encode(name))
    }

    #[tokio::test]
    async fn a_mailbox_that_is_there_already_is_there() {
        let script = "C: p1 CREATE \"Entw&APw-rfe\"\nC: p2 SUBSCRIBE \"Entw&APw-rfe\"\nC: p3 CREATE \"a/b\"\nC: p4 CREATE \"c\"\n\
            S: p1 OK\nS: p2 OK\nS: p3 NO [ALREADYEXISTS] there\nS: p4 NO [NOPERM] not here";
        let (mut session, server) = logged_in("", script).await;
        let steps = [
            make("Entwürfe"),
            subscribe("Entwürfe"),
            make("a/b"),
            make("c"),
        ];
        let expected = ["0 done", "1 done", "2 done", "3 refused not here"];
        assert_eq!(flown(&mut session, steps).await.unwrap(), expected);
        server.await.unwrap();
    }

    /// How a name is written is known only when UTF8=ACCEPT is (RFC 6855 §3).
    #[tokio::test]
    async fn the_name_is_written_as_the_session_writes_names() {
        let script = "C: p1 ENABLE UTF8=ACCEPT\nS?\nS: * ENABLED UTF8=ACCEPT\nS: p1 OK\n\
            C: p2 CREATE \"Entwürfe\"\nC: p3 SUBSCRIBE \"Entwürfe\"\nS: p2 OK\nS: p3 NO no";
        let (mut session, server) = logged_in("ENABLE UTF8=ACCEPT", script).await;
        let steps = [make("Entwürfe"), subscribe("Entwürfe")];
        let expected = ["0 done", "1 refused no"];
        assert_eq!(flown(&mut session, steps).await.unwrap(), expected);
        server.await.unwrap();
    }
}
