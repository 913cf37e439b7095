//! Uploads against the server in memory, cut at every octet of either side: what the client takes for there is
//! there, and of messages that went in one command all are there or none is.

use std::time::Duration;

use postrider_core::flag::FlagSet;
use postrider_core::settings::TlsMode;
use postrider_core::time::UnixTime;
use postrider_imap::{Append, AppendedAll, ImapError, Session, Source, WireName};
use postrider_mailserver::{Account, Mailstore, Options, Service};

const MESSAGES: [&str; 3] = ["a: b\r\n\r\none", "a: c\r\n\r\ntwo\r\n", ""];

/// A server with this much of its abilities, and its account.
fn server(options: Options) -> (Service, Account) {
    let store = Mailstore::new();
    let account = store.account("ada", "secret");
    let options = Options {
        preauth: Some("ada".to_owned()),
        ..options
    };
    (Service::new(store, options), account)
}

fn append(octets: &str) -> Append {
    Append {
        mailbox: WireName::encode("INBOX"),
        flags: FlagSet::from_index("\\Seen work"),
        internal_date: Some(UnixTime::from_seconds(837_596_665)),
        octets: octets.len() as u64,
    }
}

/// Uploads as many at once as the server lets, and tells how many of them it says are there, with a
/// UID or without.
async fn upload(service: &Service) -> (usize, usize, Option<ImapError>) {
    let (client, stream) = tokio::io::duplex(1 << 16);
    let service = service.clone();
    let serving = tokio::spawn(async move { service.serve_imap(stream).await });
    let (mut there, mut named) = (0, 0);
    let error = match Session::greet(Box::new(client), TlsMode::None).await {
        Ok(mut session) => put_in(&mut session, &mut there, &mut named).await.err(),
        Err(error) => Some(error),
    };
    serving.abort();
    (there, named, error)
}

async fn put_in(
    session: &mut Session,
    there: &mut usize,
    named: &mut usize,
) -> Result<(), ImapError> {
    let appends: Vec<Append> = MESSAGES.iter().copied().map(append).collect();
    while *there < appends.len() {
        let count = session.together(&appends[*there..]);
        let some = appends.iter().zip(MESSAGES).skip(*there).take(count);
        let open =
            |octets: &'static str| Source::opened_by(move || Ok(Source::new(octets.as_bytes())));
        let some = some.map(|(append, octets)| (append, open(octets)));
        match session.append_all(some.collect()).await? {
            AppendedAll::Done { uids } => {
                *there += count;
                *named += uids.map_or(0, |(_, uids)| uids.len());
            }
            AppendedAll::Refused(refusal) => panic!("{refusal}"),
        }
    }
    Ok(())
}

fn held(account: &Account) -> Vec<String> {
    let messages = account.messages("INBOX");
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    messages.iter().map(|held| text(&held.bytes)).collect()
}

fn kinds() -> [(Options, usize); 4] {
    let full = Options::default;
    [
        (full(), 3),
        (full().without(&["LITERAL+", "UIDPLUS"]), 3),
        (full().without(&["LITERAL+"]).with(&["LITERAL-"]), 3),
        (full().without(&["MULTIAPPEND", "LITERAL+"]), 1),
    ]
}

#[tokio::test]
async fn messages_come_as_they_were_sent_on_every_kind_of_server() {
    for (options, together) in kinds() {
        let uidplus = options.imap_capabilities.iter().any(|c| c == "UIDPLUS");
        let (service, account) = server(options);
        let (there, named, error) = upload(&service).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!((there, named), (3, if uidplus { 3 } else { 0 }));
        assert_eq!(held(&account), MESSAGES);
        let messages = account.messages("INBOX");
        assert!(
            messages
                .iter()
                .all(|held| held.internal_date == 837_596_665)
        );
        assert!(messages.iter().all(|held| held.flags.contains("work")));
        let commands = service.store().commands();
        let appends = commands.iter().filter(|c| c.line.starts_with("APPEND"));
        assert_eq!(appends.count(), 3 / together);
    }
}

#[tokio::test]
async fn r7_an_upload_that_is_cut_anywhere_claims_nothing_that_is_not_there() {
    for (options, together) in kinds() {
        let (whole, _) = server(options.clone());
        upload(&whole).await;
        let (heard, sent) = (whole.faults().octets_heard(), whole.faults().octets_sent());
        let cuts = (0..heard).map(|at| (true, at));
        for (hears, at) in cuts.chain((0..sent).map(|at| (false, at))) {
            let (service, account) = server(options.clone());
            if hears {
                service.faults().cut_after_hearing(at);
            } else {
                service.faults().cut_after_octets(at);
            }
            let cut = tokio::time::timeout(Duration::from_secs(20), upload(&service));
            let (there, named, error) = cut.await.unwrap();
            let held = held(&account);
            let point = format!("{together} together, hears: {hears}, cut at {at}");
            assert!(named <= there && there <= held.len(), "{point}");
            assert_eq!(held, MESSAGES[..held.len()], "{point}");
            assert_eq!(held.len() % together, 0, "{point}");
            assert!(error.is_some() || there == 3, "{point}");
        }
    }
}
