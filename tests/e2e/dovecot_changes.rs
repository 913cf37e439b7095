//! What pushing says, with a real Dovecot: it is our reading of the RFCs that is tested here, and not the
//! in-memory server's.

use postrider_core::flag::FlagSet;
use postrider_core::secret::Secret;
use postrider_core::settings::{AuthChoice, TlsMode};
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::code::Code;
use postrider_imap::{
    Append, AppendedAll, CopyUid, FlagChange, FlightEvent, SelectMode, Selected, Session, Source,
    Step, WireName,
};
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_transport::Login;
use tokio::net::TcpStream;

const DATE: i64 = 1_700_000_000;

async fn session(server: &Dovecot) -> Session {
    let tcp = TcpStream::connect(("127.0.0.1", server.imap_port)).await;
    let stream = Box::new(tcp.unwrap());
    let mut session = Session::greet(stream, TlsMode::None).await.unwrap();
    let login = Login {
        user: "ada".to_owned(),
        password: Secret::new(Dovecot::PASSWORD.to_owned()),
        choice: AuthChoice::Auto,
        service: "imap@localhost".to_owned(),
    };
    session.log_in(&login).await.unwrap();
    session
}

/// Puts messages in, in one command; their UIDs.
async fn put_in(session: &mut Session, messages: &[&'static str]) -> Vec<Uid> {
    let append = |octets: &&'static str| Append {
        mailbox: WireName::encode("Entwürfe"),
        flags: FlagSet::from_index("\\Draft $Forwarded work"),
        internal_date: Some(UnixTime::from_seconds(DATE)),
        octets: octets.len() as u64,
    };
    let appends: Vec<_> = messages.iter().map(append).collect();
    assert_eq!(session.together(&appends), messages.len());
    let sources = messages.iter().map(|octets| Source::new(octets.as_bytes()));
    let all = appends.iter().zip(sources).collect();
    match session.append_all(all).await.unwrap() {
        AppendedAll::Done { uids } => uids.unwrap().1,
        AppendedAll::Refused(refusal) => panic!("{refusal}"),
    }
}

async fn open(session: &mut Session) -> Selected {
    let mailbox = WireName::encode("Entwürfe");
    session
        .select(mailbox, SelectMode::ReadWrite)
        .await
        .unwrap()
}

fn copied(events: &[FlightEvent]) -> &CopyUid {
    let copied = events.iter().find_map(|event| match event {
        FlightEvent::Copied { copied, .. } => Some(copied),
        _ => None,
    });
    copied.unwrap_or_else(|| panic!("{events:?}"))
}

#[tokio::test]
async fn what_is_pushed_arrives_and_is_told_of() {
    let server = Dovecot::start();
    let mut session = session(&server).await;
    for name in ["Entwürfe", "Entwürfe", "Ziel"] {
        let name = WireName::encode(name);
        session.run(Step::Create(name.clone())).await.unwrap();
        session.run(Step::Subscribe(name)).await.unwrap();
    }
    let large: &'static str = format!("a: b\r\n\r\n{}", "x\r\n".repeat(3_000)).leak();
    let uids = put_in(
        &mut session,
        &["a: b\r\n\r\none\r\n", large, "a: c\r\n\r\n"],
    )
    .await;
    let selected = open(&mut session).await;
    assert!(selected.permanent_flags.accepts_new_keywords());
    let first = UidSet::range(uids[0], uids[0]);
    let store = Step::StoreFlags {
        uids: first.clone(),
        change: FlagChange::Add(FlagSet::from_index("\\Seen fun")),
    };
    let events = session.run(store).await.unwrap();
    let [FlightEvent::Stored { uids: stored, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(*stored, first);
    goes_elsewhere(&mut session, &uids, first).await;
    session.log_out().await;
    let mut oracle = Oracle::login(server.imap_port, "ada", Dovecot::PASSWORD);
    assert_eq!(oracle.messages("Ziel").len(), 4, "{}", server.log());
}

/// Copies the first message and moves all.
async fn goes_elsewhere(session: &mut Session, uids: &[Uid], first: UidSet) {
    let to = WireName::encode("Ziel");
    let all = uids.iter().copied();
    let copy = Step::Copy {
        uids: first.clone(),
        to: to.clone(),
    };
    let events = session.run(copy).await.unwrap();
    assert_eq!(copied(&events).copy_of(uids[0]), Uid::new(1));
    let nowhere = Step::Move {
        uids: first.clone(),
        to: WireName::encode("nowhere"),
    };
    let mut flight = session.flight([nowhere]).unwrap();
    let refused = flight.next().await.unwrap();
    let Some(FlightEvent::Refused { refusal, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, Some(Code::TryCreate), "{refusal:?}");
    drop(flight);
    let step = Step::Move {
        uids: all.collect(),
        to: to.clone(),
    };
    let moved = session.run(step).await.unwrap();
    for (at, uid) in (2..).zip(uids) {
        assert_eq!(copied(&moved).copy_of(*uid), Uid::new(at));
    }
    // Nobody is left to be moved: that is no failure, and no copy.
    let again = Step::Move { uids: first, to };
    assert!(session.run(again).await.unwrap().is_empty());
}
