//! A scripted server for tests, and flights as lines of text.
//!
//! `S: text` says a line, `S= text` says octets (`\r`, `\n` as written), `S!` hangs up, `S~` says
//! nothing more and stays, `S?` waits a moment and makes sure that nothing is said to it; `C: text`
//! and `C= text` expect the same from the client. At the end of the script the server hangs up.

use crate::error::ImapError;
use crate::ext::uidplus::CopyUid;
use crate::fetch::RowItems;
use crate::list::Listed;
use crate::select::{SelectMode, Selected};
use crate::session::{Session, SessionState};
use crate::step::{FlightEvent, Step};
use crate::store::FlagChange;
use crate::wire_name::WireName;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::secret::Secret;
use postrider_core::settings::{AuthChoice, TlsMode};
use postrider_core::uid::{Uid, UidSet};
use postrider_transport::Login;
use postrider_transport::Stream;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

/// Plays a script; the handle tells of the client's mistakes.
pub(crate) fn play(script: &str) -> (Stream, JoinHandle<()>) {
    let (client, mut server) = tokio::io::duplex(1 << 16);
    let script = script.to_owned();
    let server = tokio::spawn(async move {
        for line in script.lines() {
            let (verb, text) = line.split_at_checked(2).unwrap();
            let text = text.strip_prefix(' ').unwrap_or(text);
            let octets = text.replace("\\r", "\r").replace("\\n", "\n");
            match verb {
                "S:" => server
                    .write_all(format!("{text}\r\n").as_bytes())
                    .await
                    .unwrap(),
                "S=" => server.write_all(octets.as_bytes()).await.unwrap(),
                "S!" => return,
                "S~" => return std::future::pending().await,
                "S?" => silence(&mut server).await,
                "C:" => expect(&mut server, &format!("{text}\r\n")).await,
                "C=" => expect(&mut server, &octets).await,
                other => panic!("{other} is no verb"),
            }
        }
    });
    (Box::new(client), server)
}

async fn expect(server: &mut DuplexStream, text: &str) {
    let mut heard = Vec::new();
    // Not beyond the first octet that is another: the client may wait for an answer to it.
    for octet in text.bytes() {
        let next = server.read_u8().await;
        heard.push(next.unwrap_or_else(|error| panic!("instead of {text}: {error}")));
        if heard.last() != Some(&octet) {
            break;
        }
    }
    assert_eq!(String::from_utf8_lossy(&heard), text);
}

async fn silence(server: &mut DuplexStream) {
    let heard = tokio::time::timeout(Duration::from_millis(20), server.read_u8()).await;
    // The client may have hung up: that says nothing either.
    assert!(
        !matches!(heard, Ok(Ok(_))),
        "the client said something: {heard:?}"
    );
}

/// A session past its greeting.
pub(crate) async fn greeted(script: &str) -> (Session, JoinHandle<()>) {
    let (stream, server) = play(&format!("S: * OK hi\n{script}"));
    (Session::greet(stream, TlsMode::None).await.unwrap(), server)
}

/// A session that is logged in, at a server that can do `capabilities`. The first tag is `p1`.
pub(crate) async fn logged_in(capabilities: &str, script: &str) -> (Session, JoinHandle<()>) {
    let greeting = format!("S: * PREAUTH [CAPABILITY IMAP4rev1 {capabilities}] hi\n");
    let (stream, server) = play(&format!("{greeting}{script}"));
    (Session::greet(stream, TlsMode::None).await.unwrap(), server)
}

/// As [`logged_in`], with a mailbox open.
pub(crate) async fn selected(capabilities: &str, script: &str) -> (Session, JoinHandle<()>) {
    let (mut session, server) = logged_in(capabilities, script).await;
    session.state = SessionState::Selected;
    (session, server)
}

/// A set of UIDs.
pub(crate) fn set(text: &str) -> UidSet {
    text.parse().unwrap()
}

/// Whole messages.
pub(crate) fn bodies(uids: &str) -> Step {
    Step::Bodies { uids: set(uids) }
}

/// All flags.
pub(crate) fn flags(uids: &str) -> Step {
    Step::Flags {
        uids: set(uids),
        changed_since: None,
        items: RowItems::default(),
    }
}

/// Opens a mailbox for writing.
pub(crate) fn open(mailbox: &str) -> Step {
    Step::Select {
        mailbox: WireName::encode(mailbox),
        mode: SelectMode::ReadWrite,
        resync: None,
    }
}

/// Marks messages as deleted.
pub(crate) fn mark(uids: &str) -> Step {
    Step::StoreFlags {
        uids: set(uids),
        change: FlagChange::Add(FlagSet::new().with(Flag::Deleted)),
    }
}

/// Ada and her password.
pub(crate) fn login(choice: AuthChoice) -> Login {
    Login {
        user: "ada".to_owned(),
        password: Secret::new("pass word".to_owned()),
        choice,
        service: "imap@localhost".to_owned(),
    }
}

/// Flies steps and tells of the events, a line each.
pub(crate) async fn flown(
    session: &mut Session,
    steps: impl IntoIterator<Item = Step>,
) -> Result<Vec<String>, ImapError> {
    let mut lines = Vec::new();
    let mut flight = session.flight(steps)?;
    while let Some(event) = flight.next().await? {
        lines.push(line(event));
    }
    Ok(lines)
}

/// An event as a line.
pub(crate) fn line(event: FlightEvent) -> String {
    match event {
        FlightEvent::BodyChunk(chunk) => String::from_utf8_lossy(&chunk).into_owned(),
        FlightEvent::BodyEnd { step, fetched } => {
            let flags = fetched.flags.map(|flags| flags.to_string());
            let flags = flags.map_or_else(|| "None".to_owned(), |flags| format!("Some({flags})"));
            let date = fetched.internal_date.map(|date| date.as_seconds());
            let (uid, size, octets) = (fetched.uid, fetched.size_octets, fetched.octets);
            format!("{step} fetched {uid} {flags} {date:?} {size:?} {octets}")
        }
        FlightEvent::BodyMissing { step, uid } => {
            format!("{step} missing {:?}", uid.map(|uid| uid.as_u32()))
        }
        FlightEvent::BodyStart { step, octets } => format!("{step} body {octets}"),
        FlightEvent::Copied { step, copied } => format!("{step} copied{}", copies(&copied)),
        FlightEvent::Done { step } => format!("{step} done"),
        FlightEvent::Facts { step, row } => format!("{step} facts {}", row.uid),
        FlightEvent::Flags { step, row } => format!("{step} flags {} {}", row.uid, row.flags),
        FlightEvent::Found { step, uids } => format!("{step} found {uids}"),
        FlightEvent::Listed { step, mailbox } => format!("{step} listed {}", listed(mailbox)),
        FlightEvent::Quota { step, quota } => {
            let (root, octets, messages) = (quota.root, quota.octets, quota.messages);
            format!("{step} quota {root:?} {octets:?} {messages:?}")
        }
        FlightEvent::Refused { step, refusal } => format!("{step} refused {refusal}"),
        FlightEvent::Selected { step, selected } => {
            format!("{step} selected {}", opened(&selected))
        }
        FlightEvent::Status { step, status } => {
            let uid_validity = status
                .uid_validity
                .map(|uid_validity| uid_validity.as_u32());
            format!("{step} status {:?} {uid_validity:?}", status.messages)
        }
        FlightEvent::Stored { step, uids } => format!("{step} stored {uids}"),
        FlightEvent::Subscribed { step, mailboxes } => {
            let names: Vec<_> = mailboxes.iter().map(ToString::to_string).collect();
            format!("{step} subscribed {}", names.join(" "))
        }
        FlightEvent::Unreadable { step, kind } => format!("{step} unreadable {kind:?}"),
        FlightEvent::Vanished {
            step,
            uids,
            earlier,
        } => {
            let when = if earlier { " earlier" } else { "" };
            format!("{step} vanished {uids}{when}")
        }
    }
}

/// The pairs among the first hundred.
fn copies(copied: &CopyUid) -> String {
    let all = (1..100).filter_map(Uid::new);
    let pairs = all.filter_map(|uid| Some(format!(" {uid}-{}", copied.copy_of(uid)?)));
    pairs.collect()
}

fn listed(mailbox: Listed) -> String {
    let role = mailbox
        .role
        .map_or(String::new(), |role| format!(" {role:?}"));
    let selectable = if mailbox.selectable {
        " selectable"
    } else {
        ""
    };
    let status = mailbox.status.and_then(|status| status.messages);
    let status = status.map_or(String::new(), |messages| format!(" Some({messages})"));
    let (name, subscribed) = (mailbox.name, mailbox.subscribed);
    format!("{name}{role}{selectable} {subscribed:?}{status}")
}

fn opened(selected: &Selected) -> String {
    let uid_validity = selected
        .uid_validity
        .map(|uid_validity| uid_validity.as_u32());
    let uid_next = selected.uid_next.map(|uid_next| uid_next.as_u32());
    let mode = if selected.read_only { "ro" } else { "rw" };
    let permanent = &selected.permanent_flags;
    let new = if permanent.named().is_some() && permanent.accepts_new_keywords() {
        " new keywords"
    } else {
        ""
    };
    let exists = selected.exists;
    format!("{exists:?} {uid_validity:?} {uid_next:?} {mode}{new}")
}

/// Both ways of opening a mailbox, on the wire.
#[tokio::test]
async fn read_only_is_examine() {
    let script = "C: p1 EXAMINE \"a\"\nS: * 0 EXISTS\nS: p1 OK\nC: p2 SELECT \"a\"\nS: * 0 EXISTS\nS: p2 OK [READ-ONLY]";
    let (mut session, server) = logged_in("", script).await;
    for mode in [SelectMode::ReadOnly, SelectMode::ReadWrite] {
        let name = WireName::encode("a");
        assert!(session.select(name, mode).await.unwrap().read_only);
    }
    server.await.unwrap();
}
