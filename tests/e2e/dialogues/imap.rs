//! What is asked of an IMAP session, and what comes of it as text.

mod changes;
mod first;
mod listening;
mod login;
mod mailbox;
mod messages;
mod quirks;

use postrider_core::mod_seq::ModSeq;
use postrider_core::settings::{AuthChoice, TlsMode};
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::{
    CopyUid, Flight, FlightEvent, ImapError, Listed, Memory, RowItems, SelectMode, Selected,
    Session, SessionState, Step, WireName,
};
use postrider_transport::{Connector, Stream, escape_server_text};

use super::{Ask, Row, address, assert_complete, authority, failed, quoted};

/// What is asked. All but the first four fly on a session that is greeted and logged in, by PREAUTH
/// in most files.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// The greeting alone, on a connection that is secured like this.
    Greet(TlsMode),
    /// STARTTLS, and no further: no file can speak TLS.
    StartTls,
    /// A login.
    LogIn(TlsMode, AuthChoice),
    /// A login, and a listing with it where this memory allows it: what the server could do before
    /// the login, and after it with our notes. The next time's memory is told.
    First(&'static str, &'static str),
    /// Goodbye.
    LogOut,
    /// INBOX read-only, what IDLE tells, and then nothing more.
    Idle,
    /// What NOTIFY tells of two mailboxes.
    Notify,
    /// The same asked twice.
    NotifyTwice,
    /// INBOX opened and closed.
    Close,
    List,
    /// What there is, and what of it the user subscribed to.
    Subscribed,
    /// What there is, and then a mailbox's status.
    ListThenStatus(&'static str),
    /// What there is, and then INBOX read-write.
    ListOpen,
    Noop,
    Status,
    /// INBOX read-write, and nothing more.
    Select,
    /// INBOX read-only, and all flags.
    Flags,
    /// INBOX read-only, and what changed since a mod-sequence.
    ChangedSince(u64),
    /// INBOX read-only, and what tells messages apart.
    Facts,
    /// INBOX read-only, and whole messages.
    Bodies(&'static str),
    /// INBOX read-only, and which of these exist.
    Search(&'static str),
    /// INBOX, `\Deleted` for one message, and UID EXPUNGE of it.
    Expunge,
    /// INBOX, and flags of four messages changed in three ways.
    Store,
    /// A message into `Sent`, or several in one command.
    Append(&'static [&'static str]),
    /// A mailbox made and subscribed to.
    Create,
    /// INBOX, and messages moved and copied elsewhere.
    Move,
    /// INBOX, who bears `\Deleted`, `\Deleted` for one message, and EXPUNGE of all that bear it.
    ExpungeDeleted,
}

impl Ask for Asked {
    const DIRECTORY: &'static str = "imap";

    async fn carry_out(self, stream: Stream) -> Vec<String> {
        let mut lines = Vec::new();
        if let Err(error) = self.ask(stream, &mut lines).await {
            lines.push(failed(error.fault(), &error));
        }
        lines
    }
}

impl Asked {
    async fn ask(self, stream: Stream, lines: &mut Vec<String>) -> Result<(), ImapError> {
        match self {
            Self::Greet(tls) => {
                let session = Session::greet(stream, tls).await?;
                lines.push(stands(&session));
            }
            Self::StartTls => {
                let session = Session::greet(stream, TlsMode::StartTls).await?;
                let (_dir, ca_file) = authority();
                let (connector, address) = (Connector::new(), address(ca_file));
                lines.push(stands(&session.start_tls(&connector, &address).await?));
            }
            Self::LogIn(tls, choice) => {
                let mut session = Session::greet(stream, tls).await?;
                session.log_in(&super::login(choice)).await?;
                lines.push(stands(&session));
            }
            Self::First(greeting, session) => {
                let memory = memory(greeting, session);
                let mut session = Session::greet(stream, TlsMode::Implicit).await?;
                let flown = first(&mut session, &memory, lines).await;
                lines.extend(news(&mut session));
                flown?;
                lines.push(remembered(&session));
            }
            Self::LogOut => {
                let session = Session::greet(stream, TlsMode::Implicit).await?;
                session.log_out().await;
                lines.push("gone".to_owned());
            }
            Self::Close | Self::Idle | Self::Notify | Self::NotifyTwice => {
                let mut session = Session::greet(stream, TlsMode::Implicit).await?;
                listening::listened(self, &mut session, lines).await?;
            }
            Self::Append(messages) => {
                let mut session = Session::greet(stream, TlsMode::Implicit).await?;
                lines.push(changes::appended(&mut session, messages).await?);
            }
            _ => {
                let mut session = Session::greet(stream, TlsMode::Implicit).await?;
                let flown = fly(&mut session, self.steps(), lines).await;
                lines.extend(news(&mut session));
                flown?;
            }
        }
        Ok(())
    }

    /// The steps of what flies.
    fn steps(self) -> Vec<Step> {
        let uids = |text: &str| text.parse::<UidSet>().unwrap();
        let open = |mode| Step::Select {
            mailbox: WireName::encode("INBOX"),
            mode,
            resync: None,
        };
        let look = |step| vec![open(SelectMode::ReadOnly), step];
        let flags = |changed_since| Step::Flags {
            uids: uids("1:9"),
            changed_since,
            items: RowItems::default(),
        };
        match self {
            Self::Append(_)
            | Self::Close
            | Self::Greet(_)
            | Self::Idle
            | Self::LogIn(..)
            | Self::LogOut
            | Self::Notify
            | Self::NotifyTwice
            | Self::StartTls => Vec::new(),
            Self::Create | Self::Expunge | Self::ExpungeDeleted | Self::Move | Self::Store => {
                changes::steps(self)
            }
            Self::First(..) | Self::List => vec![Step::List],
            Self::Subscribed => vec![Step::List, Step::Subscriptions],
            Self::ListThenStatus(name) => vec![Step::List, Step::Status(WireName::encode(name))],
            Self::ListOpen => vec![Step::List, open(SelectMode::ReadWrite)],
            Self::Noop => vec![Step::Noop],
            Self::Status => vec![Step::Status(WireName::encode("Entwürfe"))],
            Self::Select => vec![open(SelectMode::ReadWrite)],
            Self::Flags => look(flags(None)),
            Self::ChangedSince(since) => look(flags(ModSeq::new(since))),
            Self::Facts => look(Step::Facts { uids: uids("1:9") }),
            Self::Bodies(set) => look(Step::Bodies { uids: uids(set) }),
            Self::Search(set) => look(Step::Search { uids: uids(set) }),
        }
    }
}

/// Where a session stands, and what its server can.
fn stands(session: &Session) -> String {
    let state = match session.state() {
        SessionState::NotAuthenticated => "not authenticated",
        SessionState::Authenticated => "authenticated",
        SessionState::Selected => "selected",
    };
    let words = session.capabilities().words().join(" ");
    format!("{state}: {words}").trim_end().to_owned()
}

fn memory(greeting: &str, session: &str) -> Memory {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Memory {
        greeting: words(greeting),
        session: words(session),
    }
}

fn remembered(session: &Session) -> String {
    let Memory { greeting, session } = session.memory();
    let (greeting, session) = (greeting.join(" "), session.join(" "));
    format!("remembered: {greeting} | {session}")
}

/// Logs in with a memory, and lists.
async fn first(
    session: &mut Session,
    memory: &Memory,
    lines: &mut Vec<String>,
) -> Result<(), ImapError> {
    let login = super::login(AuthChoice::Auto);
    let steps = Asked::List.steps();
    let flight = session.log_in_with(&login, memory, steps).await?;
    land(flight, lines).await
}

/// Flies the steps.
async fn fly(
    session: &mut Session,
    steps: Vec<Step>,
    lines: &mut Vec<String>,
) -> Result<(), ImapError> {
    land(session.flight(steps)?, lines).await
}

/// Tells of all that comes; chunks of one body are one line, however they came.
async fn land(mut flight: Flight<'_>, lines: &mut Vec<String>) -> Result<(), ImapError> {
    let mut body = Vec::new();
    loop {
        let event = flight.next().await;
        if let Ok(Some(FlightEvent::BodyChunk(chunk))) = event {
            body.extend_from_slice(&chunk);
            continue;
        }
        if !body.is_empty() {
            lines.push(quoted(&std::mem::take(&mut body)));
        }
        match event? {
            Some(event) => lines.push(told(&event)),
            None => return Ok(()),
        }
    }
}

/// What the server said unasked of the open mailbox, and to people.
fn news(session: &mut Session) -> Vec<String> {
    let news = session.unsolicited();
    let mut lines = Vec::new();
    if (news.vanished, news.flag_changes) != (0, 0) {
        let exists = optional(news.exists);
        let (vanished, flags) = (news.vanished, news.flag_changes);
        lines.push(format!(
            "news: exists {exists}, vanished {vanished}, flags {flags}"
        ));
    }
    let alerts = session.take_alerts();
    lines.extend(alerts.into_iter().map(|text| format!("alert: {text}")));
    lines
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// An event as a line; it begins with the step's number.
fn told(event: &FlightEvent) -> String {
    match event {
        FlightEvent::BodyChunk(chunk) => quoted(chunk),
        FlightEvent::BodyEnd { step, fetched } => {
            let (uid, octets) = (fetched.uid, fetched.octets);
            let flags = fetched.flags.as_ref().map(|flags| format!("({flags})"));
            let date = fetched.internal_date.map(|date| date.as_seconds());
            let (flags, date) = (optional(flags), optional(date));
            let size = optional(fetched.size_octets);
            format!(
                "{step} body of {uid}: {octets} octets, flags {flags}, date {date}, size {size}"
            )
        }
        FlightEvent::BodyMissing { step, uid } => format!("{step} no body of {}", optional(*uid)),
        FlightEvent::BodyStart { step, octets } => format!("{step} body, {octets} announced"),
        FlightEvent::Copied { step, copied } => format!("{step} copied: {}", copies(copied)),
        FlightEvent::Done { step } => format!("{step} done"),
        FlightEvent::Facts { step, row } => {
            let like = &row.likeness;
            let date = optional(like.internal_date.map(|date| date.as_seconds()));
            let id = optional(like.message_id.as_ref());
            let (uid, size) = (row.uid, optional(like.size_octets));
            format!("{step} facts of {uid}: {id}, size {size}, date {date}")
        }
        FlightEvent::Flags { step, row } => {
            let at = row.mod_seq.map_or(String::new(), |at| format!(" at {at}"));
            format!("{step} flags of {}: ({}){at}", row.uid, row.flags)
        }
        FlightEvent::Found { step, uids } => format!("{step} found ({uids})"),
        FlightEvent::Listed { step, mailbox } => format!("{step} {}", listed(mailbox)),
        FlightEvent::Quota { step, quota } => {
            let (root, octets, messages) = (&quota.root, quota.octets, quota.messages);
            format!("{step} quota {root:?}: octets {octets:?}, messages {messages:?}")
        }
        FlightEvent::Refused { step, refusal } => format!("{step} refused: {refusal}"),
        FlightEvent::Selected { step, selected } => format!("{step} {}", opened(selected)),
        FlightEvent::Status { step, status } => {
            let messages = optional(status.messages);
            let (validity, next) = (optional(status.uid_validity), optional(status.uid_next));
            format!("{step} status: {messages} messages, epoch {validity}, next {next}")
        }
        FlightEvent::Stored { step, uids } => format!("{step} stored: ({uids})"),
        FlightEvent::Subscribed { step, mailboxes } => {
            let names: Vec<_> = mailboxes.iter().map(ToString::to_string).collect();
            format!("{step} subscribed: {}", names.join(", "))
        }
        FlightEvent::Unreadable { step, kind } => format!("{step} unreadable {kind:?}"),
        FlightEvent::Vanished {
            step,
            uids,
            earlier,
        } => {
            let when = if *earlier { " earlier" } else { "" };
            format!("{step} vanished{when}: {uids}")
        }
    }
}

/// The pairs among the first hundred.
fn copies(copied: &CopyUid) -> String {
    let all = (1..=99).filter_map(Uid::new);
    let pairs = all.filter_map(|uid| Some(format!("{uid} is {}", copied.copy_of(uid)?)));
    let pairs = pairs.collect::<Vec<_>>().join(", ");
    format!("{pairs}, epoch {}", copied.uid_validity)
}

fn listed(mailbox: &Listed) -> String {
    let mut line = format!("mailbox {}", escape_server_text(mailbox.name.to_string()));
    if mailbox.name.to_string() != mailbox.wire_name.to_string() {
        line.push_str(&format!(" (on the wire {})", mailbox.wire_name));
    }
    match mailbox.delimiter {
        Some('/') => {}
        Some(other) => line.push_str(&format!(", levels by {other}")),
        None => line.push_str(", no levels"),
    }
    if let Some(role) = mailbox.role {
        line.push_str(&format!(", {role:?}"));
    }
    if !mailbox.selectable {
        line.push_str(", not selectable");
    }
    if let Some(subscribed) = mailbox.subscribed {
        line.push_str(if subscribed {
            ", subscribed"
        } else {
            ", not subscribed"
        });
    }
    if let Some(old) = &mailbox.old_name {
        line.push_str(&format!(", was {old}"));
    }
    if let Some(status) = &mailbox.status {
        let messages = optional(status.messages);
        let (validity, next) = (optional(status.uid_validity), optional(status.uid_next));
        line.push_str(&format!(
            ", {messages} messages, epoch {validity}, next {next}"
        ));
    }
    line
}

fn opened(selected: &Selected) -> String {
    let exists = optional(selected.exists);
    let (validity, next) = (optional(selected.uid_validity), optional(selected.uid_next));
    let mut line = format!("open: {exists} messages, epoch {validity}, next {next}");
    if let Some(mod_seq) = selected.highest_mod_seq {
        line.push_str(&format!(", at {mod_seq}"));
    }
    if let Some(id) = &selected.mailbox_id {
        line.push_str(&format!(", id {id}"));
    }
    if selected.read_only {
        line.push_str(", read-only");
    }
    if selected.uid_not_sticky {
        line.push_str(", UIDs do not last");
    }
    let permanent = &selected.permanent_flags;
    if let Some(flags) = permanent.named() {
        let new = if permanent.accepts_new_keywords() {
            " and new ones"
        } else {
            ""
        };
        line.push_str(&format!(", keeps ({flags}){new}"));
    }
    line
}

/// Every table, so that no file is without a row.
const TABLES: &[&[Row<Asked>]] = &[
    login::GREETINGS,
    login::STARTTLS,
    login::LOGINS,
    login::FAREWELLS,
    first::MEMORIES,
    first::REFUSED,
    first::NAMESPACES,
    mailbox::NAMES,
    mailbox::LISTS,
    mailbox::SELECTS,
    mailbox::FLAGS,
    mailbox::CUTS,
    mailbox::SEARCHES,
    mailbox::EXPUNGES,
    changes::APPENDS,
    changes::CREATES,
    changes::MOVES,
    changes::STORES,
    listening::TOLD,
    messages::BODIES,
    messages::CUTS,
    messages::ANNOUNCED,
    messages::OTHERS,
    quirks::SIGHTINGS,
];

#[test]
fn every_imap_dialogue_has_a_row() {
    assert_complete(TABLES);
}
