//! Trying an account without changing anything: connect, log in, list.

use crate::choose::{Choice, Chooser};
use crate::connect::{self, Access};
use crate::error::EngineError;
use crate::imap::observe;
use postrider_core::account::Protocol;
use postrider_core::certificate::Secured;
use postrider_core::mailbox::Role;
use postrider_core::settings::AccountSettings;
use postrider_imap::{Listed, Memory, Session};
use postrider_transport::Connector;
use std::sync::Arc;

/// What a person should know of Gmail, which says none of it (docs/pop3.md).
const GMAIL: &str = "Gmail lists some 250 messages in a session, and each message to one program only; \
    `user: recent:NAME@gmail.com` lists the last 30 days to every one. Its own settings say whether a \
    deletion deletes";

/// What a server told about itself and its mailboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The server's capabilities, as it names them.
    pub capabilities: Vec<String>,
    /// Its mailboxes; for POP3, the maildrop as INBOX.
    pub mailboxes: Vec<CheckedMailbox>,
    /// Messages in the maildrop. Requires POP3.
    pub messages: Option<u64>,
    /// Their octets, by the server's word. Requires POP3.
    pub octets: Option<u64>,
    /// What a person should know: missing UIDLs, sizes that disagree.
    pub notes: Vec<String>,
}

/// One mailbox at the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedMailbox {
    /// Its decoded name.
    pub name: String,
    /// Its role, if it has one.
    pub role: Option<Role>,
    /// Whether the configuration chooses it, and why.
    pub choice: Choice,
    /// Messages in it, where the server told.
    pub messages: Option<u64>,
}

/// How far it went.
#[derive(Debug)]
pub struct Checked {
    /// How the connection was secured, if it came to that.
    pub secured: Option<Arc<Secured>>,
    /// What the server told after that, or why it did not.
    pub report: Result<CheckReport, EngineError>,
}

/// Connects, logs in and lists; changes nothing on either side.
pub async fn check(settings: &AccountSettings) -> Checked {
    let connector = Connector::new();
    let report = match settings.protocol {
        Protocol::Imap => check_imap(settings, &connector).await,
        Protocol::Pop3 => check_pop3(settings, &connector).await,
    };
    Checked {
        secured: connector.secured(),
        report,
    }
}

async fn check_imap(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<CheckReport, EngineError> {
    let (session, listed) = listed(settings, connector).await?;
    let mailboxes = listed.into_iter().map(|(listed, choice)| CheckedMailbox {
        name: listed.name.to_string(),
        role: listed.role,
        choice,
        messages: messages(&listed),
    });
    let report = CheckReport {
        capabilities: session.capabilities().words().to_vec(),
        mailboxes: mailboxes.collect(),
        ..CheckReport::default()
    };
    session.log_out().await;
    Ok(report)
}

/// A session that has listed every mailbox, and which of them are chosen.
pub(crate) async fn listed(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<(Session, Vec<(Listed, Choice)>), EngineError> {
    let access = Access::new(Memory::default());
    let questions = observe::first_questions(&settings.folders);
    let (session, events) = access.open(settings, connector, questions).await?;
    let listed = observe::listed(events)?;
    let chooser = Chooser::of(settings, session.capabilities(), &listed);
    let choices: Vec<Choice> = listed.iter().map(|listed| chooser.choose(listed)).collect();
    let listed = listed.into_iter().zip(choices).collect();
    Ok((session, listed))
}

/// Messages in a mailbox. Requires LIST-STATUS (RFC 5819).
pub(crate) fn messages(listed: &Listed) -> Option<u64> {
    listed.status.as_ref()?.messages.map(u64::from)
}

async fn check_pop3(
    settings: &AccountSettings,
    connector: &Connector,
) -> Result<CheckReport, EngineError> {
    let mut session = connect::pop3(settings, connector).await?;
    let maildrop = session.survey().await?;
    let mut notes = Vec::new();
    if !maildrop.uidl_supported {
        notes.push("the server has no UIDL: messages are told apart by their content".to_owned());
    }
    if session.limits_sessions() {
        notes.push(GMAIL.to_owned());
    }
    if !maildrop.witnesses_agree {
        notes.push("STAT and LIST disagree about the maildrop".to_owned());
    }
    let report = CheckReport {
        capabilities: session.capabilities().names(),
        mailboxes: vec![CheckedMailbox {
            name: "INBOX".to_owned(),
            role: None,
            choice: Choice::Maildrop,
            messages: Some(maildrop.messages.len() as u64),
        }],
        messages: Some(maildrop.messages.len() as u64),
        octets: Some(maildrop.octets),
        notes,
    };
    session.quit().await?;
    Ok(report)
}
