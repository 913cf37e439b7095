//! What is asked of a POP3 session, and what comes of it as text.

mod login;
mod messages;
mod survey;

use postrider_core::settings::{AuthChoice, TlsMode};
use postrider_pop3::{
    Authorization, Maildrop, Pop3Error, Quit, RetrieveEvent, Transaction, UidlState,
};
use postrider_transport::{Connector, Stream};

use super::{Ask, Row, address, assert_complete, authority, failed, quoted};

/// What is asked. All but the first three begin with a login under TLS, by whatever is strongest.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// The greeting alone.
    Greet,
    /// STLS, and no further: no file can speak TLS.
    StartTls,
    /// A login.
    LogIn(TlsMode, AuthChoice),
    /// What lies in the maildrop.
    Survey,
    /// Messages 1 and 2.
    Retrieve,
    /// Headers of messages 1 and 2.
    Headers,
    /// DELE of messages 1 and 2, and QUIT.
    DeleteAndQuit,
    /// QUIT alone.
    Quit,
    /// RSET.
    Reset,
    /// A survey; then every message it lists is retrieved and deleted.
    WholePass,
}

impl Ask for Asked {
    const DIRECTORY: &'static str = "pop3";

    async fn carry_out(self, stream: Stream) -> Vec<String> {
        let mut lines = Vec::new();
        if let Err(error) = self.ask(stream, &mut lines).await {
            lines.push(failed(error.fault(), &error));
        }
        lines
    }
}

impl Asked {
    async fn ask(self, stream: Stream, lines: &mut Vec<String>) -> Result<(), Pop3Error> {
        match self {
            Self::Greet => {
                let session = Authorization::greet(stream, TlsMode::Implicit).await?;
                let banner = session.apop_banner().unwrap_or_default();
                lines.push(format!("greeted {banner}").trim_end().to_owned());
            }
            Self::StartTls => {
                let session = Authorization::greet(stream, TlsMode::StartTls).await?;
                let (_dir, ca_file) = authority();
                let (connector, address) = (Connector::new(), address(ca_file));
                session.start_tls(&connector, &address).await?;
                lines.push("encrypted".to_owned());
            }
            Self::LogIn(tls, choice) => {
                let session = log_in(stream, tls, choice).await?;
                let names = session.capabilities().names().join(", ");
                lines.push(format!("in: {names}").trim_end().to_owned());
            }
            _ => {
                let session = log_in(stream, TlsMode::Implicit, AuthChoice::Auto).await?;
                self.transact(session, lines).await?;
            }
        }
        Ok(())
    }

    /// What is asked after the login.
    async fn transact(
        self,
        mut session: Transaction,
        lines: &mut Vec<String>,
    ) -> Result<(), Pop3Error> {
        match self {
            Self::Greet | Self::StartTls | Self::LogIn(..) => {}
            Self::Survey => lines.extend(told(&session.survey().await?)),
            Self::Retrieve => retrieve(&mut session, vec![1, 2], lines).await?,
            Self::Headers => {
                let headers = session.headers(&[1, 2]).await?;
                let line =
                    |(number, header): (u32, Vec<u8>)| format!("{number} {}", quoted(&header));
                lines.extend(headers.into_iter().map(line));
            }
            Self::DeleteAndQuit => lines.push(ended(&session.delete_and_quit(&[1, 2]).await?)),
            Self::Quit => {
                session.quit().await?;
                lines.push("gone".to_owned());
            }
            Self::Reset => {
                session.reset().await?;
                lines.push("taken back".to_owned());
            }
            Self::WholePass => {
                let maildrop = session.survey().await?;
                lines.extend(told(&maildrop));
                let numbers: Vec<u32> = maildrop.messages.iter().map(|m| m.number).collect();
                retrieve(&mut session, numbers.clone(), lines).await?;
                lines.push(ended(&session.delete_and_quit(&numbers).await?));
            }
        }
        Ok(())
    }
}

async fn log_in(
    stream: Stream,
    tls: TlsMode,
    choice: AuthChoice,
) -> Result<Transaction, Pop3Error> {
    let session = Authorization::greet(stream, tls).await?;
    session.log_in(&super::login(choice)).await
}

/// A maildrop as lines: what it sums up to, then each message.
fn told(maildrop: &Maildrop) -> Vec<String> {
    let (count, octets) = (maildrop.count, maildrop.octets);
    let uidl = if maildrop.uidl_supported {
        "UIDL"
    } else {
        "no UIDL"
    };
    let agree = if maildrop.witnesses_agree {
        "agree"
    } else {
        "disagree"
    };
    let mut lines = vec![format!(
        "{count} messages, {octets} octets, {uidl}, witnesses {agree}"
    )];
    for message in &maildrop.messages {
        let octets = message
            .octets
            .map_or_else(|| "?".to_owned(), |n| n.to_string());
        let uidl = match &message.uidl {
            UidlState::Unique(uidl) => format!("key {}", uidl.as_str()),
            UidlState::Ambiguous => "an ambiguous key".to_owned(),
            UidlState::Missing => "no key".to_owned(),
        };
        lines.push(format!("{} of {octets} octets, {uidl}", message.number));
    }
    lines
}

/// Retrieves messages; chunks of one message are one line, however they came.
async fn retrieve(
    session: &mut Transaction,
    numbers: Vec<u32>,
    lines: &mut Vec<String>,
) -> Result<(), Pop3Error> {
    let mut message = Vec::new();
    let mut retrieval = session.retrieve(numbers);
    loop {
        let event = retrieval.next().await;
        if let Ok(Some(RetrieveEvent::Chunk(chunk))) = event {
            message.extend_from_slice(&chunk);
            continue;
        }
        if !message.is_empty() {
            lines.push(quoted(&std::mem::take(&mut message)));
        }
        lines.push(match event? {
            Some(RetrieveEvent::Chunk(chunk)) => quoted(&chunk),
            Some(RetrieveEvent::Start { number }) => format!("{number} begins"),
            Some(RetrieveEvent::End {
                number,
                octets_on_wire,
            }) => format!("{number} is whole, {octets_on_wire} octets"),
            Some(RetrieveEvent::Refused { number, refusal }) => {
                format!("{number} refused: {refusal}")
            }
            None => return Ok(()),
        });
    }
}

/// How a session that deleted ended, as a line.
fn ended(quit: &Quit) -> String {
    let committed = if quit.committed {
        "committed"
    } else {
        "not committed"
    };
    let mut line = format!("{committed}, acknowledged {:?}", quit.deleted);
    for (number, refusal) in &quit.refused {
        line.push_str(&format!(", {number} refused: {refusal}"));
    }
    line
}

/// Every table, so that no file is without a row.
const TABLES: &[&[Row<Asked>]] = &[
    login::GREETINGS,
    login::STLS,
    login::LOGINS,
    survey::SURVEYS,
    survey::WITNESSES,
    survey::NO_ANSWERS,
    messages::RETRIEVALS,
    messages::CUTS,
    messages::DELETIONS,
    messages::FAREWELLS,
];

#[test]
fn every_pop3_dialogue_has_a_row() {
    assert_complete(TABLES);
}
