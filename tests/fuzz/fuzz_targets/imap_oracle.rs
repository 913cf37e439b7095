//! What another parser reads as a response, ours reads too, and sees the same in it.
#![no_main]

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::extensions::quota::Resource;
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Data, Response as Theirs, Status, StatusKind};
use libfuzzer_sys::fuzz_target;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::framer::RawResponse;
use postrider_imap::parse::{Kind, Response as Ours, Untagged, Verdict, parse};

fuzz_target!(|input: &[u8]| {
    let Ok((rest, theirs)) = ResponseCodec::default().decode(input) else {
        return;
    };
    let text = input[..input.len() - rest.len()].to_vec();
    let raw = RawResponse {
        text: text.into(),
        streamed: None,
    };
    let ours = parse(&raw).expect("the other parser sees a response");
    match (&ours, &theirs) {
        (Ours::Continuation(_), Theirs::CommandContinuationRequest(_)) => {}
        (Ours::Tagged { tag, status }, Theirs::Status(Status::Tagged(theirs))) => {
            assert_eq!(tag, theirs.tag.inner());
            assert_eq!(status.verdict, verdict(&theirs.body.kind));
        }
        (Ours::Untagged(Untagged::Status(status)), Theirs::Status(Status::Untagged(body))) => {
            assert_eq!(status.verdict, verdict(&body.kind));
        }
        (Ours::Untagged(Untagged::Status(status)), Theirs::Status(Status::Bye(_))) => {
            assert_eq!(status.verdict, Verdict::Bye);
        }
        (Ours::Untagged(ours), Theirs::Data(theirs)) => compare(ours, theirs),
        _ => panic!("ours: {ours:?}\ntheirs: {theirs:?}"),
    }
});

fn verdict(kind: &StatusKind) -> Verdict {
    match kind {
        StatusKind::Ok => Verdict::Ok,
        StatusKind::No => Verdict::No,
        StatusKind::Bad => Verdict::Bad,
    }
}

fn compare(ours: &Untagged, theirs: &Data<'_>) {
    match (ours, theirs) {
        (Untagged::Exists(ours), Data::Exists(theirs)) => assert_eq!(ours, theirs),
        (Untagged::Expunge(ours), Data::Expunge(theirs)) => assert_eq!(*ours, theirs.get()),
        (Untagged::Search(ours), Data::Search(theirs, ..)) => {
            let theirs = theirs.iter().filter_map(|number| Uid::new(number.get()));
            assert_eq!(ours.uids, theirs.collect::<UidSet>());
        }
        (
            Untagged::List(ours) | Untagged::Lsub(ours),
            Data::List {
                mailbox, delimiter, ..
            },
        )
        | (
            Untagged::List(ours) | Untagged::Lsub(ours),
            Data::Lsub {
                mailbox, delimiter, ..
            },
        ) => {
            assert_eq!(ours.wire_name.octets(), name(mailbox));
            assert_eq!(ours.delimiter, delimiter.map(|delimiter| delimiter.inner()));
        }
        (Untagged::MailboxStatus(ours), Data::Status { mailbox, .. }) => {
            assert_eq!(ours.wire_name.octets(), name(mailbox));
        }
        (Untagged::Fetch(ours), Data::Fetch { items, .. }) => {
            // Of an item that comes twice, any may count.
            let uids = items.as_ref().iter().filter_map(|item| match item {
                MessageDataItem::Uid(uid) => Uid::new(uid.get()),
                _ => None,
            });
            let uids: Vec<Uid> = uids.collect();
            match (ours.uid, uids.as_slice()) {
                (ours, [one]) => assert_eq!(ours, Some(*one)),
                (Some(uid), many) => assert!(many.contains(&uid), "{uid:?} of {many:?}"),
                (None, _) => {}
            }
        }
        (Untagged::Quota(ours), Data::Quota { root, quotas }) => {
            assert_eq!(ours.root, String::from_utf8_lossy(root.as_ref()));
            // Of a resource that comes twice, the last counts.
            let last = |wanted: &Resource<'_>| {
                let mut rows = quotas.as_ref().iter().rev();
                let row = rows.find(|row| row.resource == *wanted);
                row.map(|row| (row.usage, row.limit))
            };
            let octets = |units: u64| units.saturating_mul(1_024);
            let storage = last(&Resource::Storage);
            let storage = storage.map(|(used, limit)| (octets(used), octets(limit)));
            assert_eq!(ours.octets, storage);
            assert_eq!(ours.messages, last(&Resource::Message));
        }
        // More resources than any server has.
        (Untagged::Malformed(Kind::Quota), Data::Quota { quotas, .. })
            if quotas.as_ref().len() >= 32 => {}
        (Untagged::Capability(_), Data::Capability(_))
        | (Untagged::Enabled(_), Data::Enabled { .. })
        | (Untagged::Flags(_), Data::Flags(_)) => {}
        // We have no use for these.
        (
            Untagged::Unknown,
            Data::Recent(_) | Data::Sort(..) | Data::Thread(_) | Data::QuotaRoot { .. },
        ) => {}
        _ => panic!("ours: {ours:?}\ntheirs: {theirs:?}"),
    }
}

fn name<'a>(mailbox: &'a Mailbox<'_>) -> &'a [u8] {
    match mailbox {
        Mailbox::Inbox => b"INBOX",
        Mailbox::Other(other) => other.as_ref(),
    }
}
