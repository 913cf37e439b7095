use super::*;
use crate::framer::{Framer, Piece};
use crate::limits::Limits;
use bytes::Bytes;
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::imap_types::response as oracle;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{Uid, UidSet, UidValidity};
use proptest::prelude::*;

fn response(text: &str) -> Result<Response, NotAResponse> {
    parse(&RawResponse {
        text: Bytes::copy_from_slice(text.as_bytes()),
        streamed: None,
    })
}

fn untagged(text: &str) -> Untagged {
    match response(&format!("* {text}\r\n")) {
        Ok(Response::Untagged(untagged)) => untagged,
        other => panic!("{text}: {other:?}"),
    }
}

fn status(verdict: Verdict, code: Option<Code>, text: &str) -> StatusText {
    StatusText {
        verdict,
        code,
        text: text.to_owned(),
    }
}

fn set(text: &str) -> UidSet {
    text.parse().unwrap()
}

#[test]
fn the_three_forms() {
    assert_eq!(
        response("+ aGk=\r\n"),
        Ok(Response::Continuation(b"aGk=".to_vec()))
    );
    assert_eq!(response("+\r\n"), Ok(Response::Continuation(Vec::new())));
    let tagged = |tag: &str, status| {
        Ok(Response::Tagged {
            tag: tag.to_owned(),
            status,
        })
    };
    assert_eq!(
        response("p1 OK\r\n"),
        tagged("p1", status(Verdict::Ok, None, ""))
    );
    assert_eq!(
        response("p1 no\n"),
        tagged("p1", status(Verdict::No, None, ""))
    );
    assert_eq!(
        response("p1  BAD  [X y] what\r\n"),
        tagged(
            "p1",
            status(Verdict::Bad, Some(Code::Unknown("X".to_owned())), "what")
        )
    );
    for text in [
        "\r\n",
        "hello\r\n",
        "p1\r\n",
        "p1 BYE\r\n",
        "p1 PREAUTH x\r\n",
        "HTTP/1.1 400 Bad\r\n",
    ] {
        assert!(response(text).is_err(), "{text}");
    }
}

#[test]
fn codes() {
    let code = |text: &str| match untagged(&format!("OK [{text}] t")) {
        Untagged::Status(StatusText { code, .. }) => code.unwrap(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(
        code("UIDVALIDITY 7"),
        Code::UidValidity(UidValidity::new(7).unwrap())
    );
    assert_eq!(code("uidnext 8"), Code::UidNext(Uid::new(8).unwrap()));
    assert_eq!(
        code("HIGHESTMODSEQ 9"),
        Code::HighestModSeq(ModSeq::new(9).unwrap())
    );
    assert_eq!(code("READ-ONLY"), Code::ReadOnly);
    assert_eq!(
        code("CAPABILITY A B=C"),
        Code::Capability(vec!["A".to_owned(), "B=C".to_owned()])
    );
    let flags = "\\Seen $x"
        .split(' ')
        .fold(FlagSet::new(), |mut set, word| {
            set.insert_wire(word);
            set
        });
    assert_eq!(
        code("PERMANENTFLAGS (\\Seen $x \\*)"),
        Code::PermanentFlags(flags, true)
    );
    // Broken or unknown: the word is kept, the text still begins after the bracket.
    for odd in [
        "UIDVALIDITY 0",
        "UIDVALIDITY x",
        "UIDNEXT 4294967296",
        "UIDNEXT",
        "HIGHESTMODSEQ 0",
    ] {
        let word = odd.split(' ').next().unwrap();
        assert_eq!(code(odd), Code::Unknown(word.to_owned()), "{odd}");
    }
    for unpaired in [
        "COPYUID 1 2",
        "COPYUID 1 2:3 4",
        "COPYUID 0 2 3",
        "COPYUID 1 * 3",
    ] {
        assert_eq!(code(unpaired), Code::Unknown("COPYUID".to_owned()));
    }
    let Code::CopyUid(copied) = code("copyuid 7 2:3  8,5") else {
        panic!("no COPYUID");
    };
    assert_eq!(copied.copy_of(Uid::new(3).unwrap()), Uid::new(5));
    assert_eq!(code("X \"]\" (y)"), Code::Unknown("X".to_owned()));
    assert_eq!(
        untagged("OK [UNSEEN 3 t"),
        Untagged::Status(status(Verdict::Ok, None, "[UNSEEN 3 t"))
    );
}

#[test]
fn untagged_responses() {
    assert_eq!(untagged("172 EXISTS"), Untagged::Exists(172));
    assert_eq!(untagged("3  expunge "), Untagged::Expunge(3));
    let vanished = |uids: &str, earlier| {
        let uids = set(uids);
        Untagged::Vanished(Vanished { uids, earlier })
    };
    assert_eq!(
        untagged("VANISHED (EARLIER) 1:3,9"),
        vanished("1:3,9", true)
    );
    assert_eq!(untagged("VANISHED 405,407"), vanished("405,407", false));
    assert_eq!(
        untagged("NO"),
        Untagged::Status(status(Verdict::No, None, ""))
    );
    assert_eq!(
        untagged("CAPABILITY  A  B"),
        Untagged::Capability(vec!["A".to_owned(), "B".to_owned()])
    );
    assert_eq!(
        untagged("ENABLED CONDSTORE"),
        Untagged::Enabled(vec!["CONDSTORE".to_owned()])
    );
    assert_eq!(untagged("ID NIL"), Untagged::Id(Vec::new()));
    let id = vec![("name".to_owned(), "Dovecot".to_owned())];
    assert_eq!(untagged("ID (\"name\" \"Dovecot\")"), Untagged::Id(id));
    assert_eq!(
        untagged("NAMESPACE ((\"\" \"/\")) NIL NIL"),
        Untagged::Namespace(Vec::new())
    );
    assert_eq!(untagged("SEARCH"), Untagged::Search(Search::default()));
    assert!(matches!(
        untagged("XLIST (\\Inbox) \"/\" INBOX"),
        Untagged::List(_)
    ));
    assert!(matches!(untagged("LSUB () \"/\" a"), Untagged::Lsub(_)));
}

#[test]
fn what_cannot_be_is_unknown_or_malformed() {
    for text in [
        "-1 EXISTS",
        "4294967296 EXISTS",
        "EXISTS",
        "1 RECENT",
        "",
        "FLAGS",
        "FLAGS (",
        "ID (",
        "QUOTAROOT INBOX",
        "\u{fc}",
    ] {
        assert_eq!(untagged(text), Untagged::Unknown, "{text}");
    }
    for (text, kind) in [
        ("1 FETCH", Kind::Fetch),
        ("1 FETCH (UID", Kind::Fetch),
        ("99999999999 FETCH (UID 1)", Kind::Fetch),
        ("LIST x", Kind::List),
        ("SEARCH x", Kind::Search),
        ("ESEARCH (TAG", Kind::Search),
        ("STATUS x", Kind::Status),
        ("VANISHED x", Kind::Vanished),
    ] {
        assert_eq!(untagged(text), Untagged::Malformed(kind), "{text}");
    }
}

#[test]
fn parentheses_without_end_are_no_stack_overflow() {
    let bomb = "(".repeat(1_000_000);
    assert_eq!(
        untagged(&format!("1 FETCH (ENVELOPE {bomb}")),
        Untagged::Malformed(Kind::Fetch)
    );
    assert_eq!(
        untagged(&format!("STATUS a (X {bomb}")),
        Untagged::Malformed(Kind::Status)
    );
    let deep = format!("1 FETCH (X {}{} UID 4)", "(".repeat(60), ")".repeat(60));
    let Untagged::Fetch(row) = untagged(&deep) else {
        panic!("60 levels are not too deep");
    };
    assert_eq!(row.uid, Uid::new(4));
}

#[test]
fn a_streamed_body_stands_in_its_place() {
    let mut framer = Framer::new(Limits::default());
    framer
        .input()
        .extend_from_slice(b"* 1 FETCH (BODY[] {3}\r\n)\r\n UID 5)\r\n");
    let raw = loop {
        match framer.next_piece().unwrap().unwrap() {
            Piece::Response(raw) => break raw,
            Piece::BodyStart { .. } | Piece::BodyChunk(_) | Piece::BodyEnd => {}
        }
    };
    let Ok(Response::Untagged(Untagged::Fetch(row))) = parse(&raw) else {
        panic!("{:?}", parse(&raw));
    };
    assert_eq!(row.uid, Uid::new(5));
    assert_eq!(row.body, Some(crate::fetch::Body::Streamed(3)));
}

/// Valid responses, which another parser reads too: both must see the same.
#[test]
fn imap_codec_agrees() {
    for text in [
        "* 23 EXISTS\r\n",
        "* 44 EXPUNGE\r\n",
        "* SEARCH 2 3 84\r\n",
        "* SEARCH\r\n",
        "* OK [UIDVALIDITY 3857529045] UIDs valid\r\n",
        "* OK [UIDNEXT 4392] Predicted next UID\r\n",
        "* NO [ALERT] System shutdown\r\n",
        "* BYE bye\r\n",
        "* CAPABILITY IMAP4REV1 STARTTLS AUTH=PLAIN LITERAL+\r\n",
        "* STATUS \"blurdybloop\" (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 9)\r\n",
        "* STATUS {3}\r\na b (MESSAGES 1)\r\n",
        "* LIST (\\Noselect) \"/\" \"~/Mail/foo\"\r\n",
        "* LIST () NIL {3}\r\na b\r\n",
        "* LIST () \"\\\\\" \"a \\\"b\\\\c\"\r\n",
        "* 12 FETCH (FLAGS (\\Seen work) UID 4827313 RFC822.SIZE 44827)\r\n",
        "* 12 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 1)\r\n",
        "* 1 FETCH (UID 2 BODY[HEADER] {4}\r\na: b)\r\n",
        "* 1 FETCH (UID 2 BODY[HEADER.FIELDS (\"a) ]\" b]c)] {4}\r\na: b)\r\n",
        "p7 OK [READ-WRITE] SELECT completed\r\n",
        "p7 NO no such mailbox\r\n",
        "p7 BAD what\r\n",
        "+ idling\r\n",
    ] {
        let decoded = ResponseCodec::default().decode(text.as_bytes());
        let Ok((b"", theirs)) = decoded else {
            panic!("{text}: {decoded:?}");
        };
        let ours = response(text).unwrap();
        assert!(
            agree(&ours, &theirs),
            "{text}\nours:   {ours:?}\ntheirs: {theirs:?}"
        );
    }
}

fn agree(ours: &Response, theirs: &oracle::Response<'_>) -> bool {
    match (ours, theirs) {
        (Response::Continuation(_), oracle::Response::CommandContinuationRequest(_)) => true,
        (
            Response::Tagged { tag, status },
            oracle::Response::Status(oracle::Status::Tagged(theirs)),
        ) => {
            tag == theirs.tag.inner()
                && status.text == theirs.body.text.inner()
                && status.code.is_some() == theirs.body.code.is_some()
                && same_verdict(status.verdict, &theirs.body.kind)
        }
        (Response::Untagged(Untagged::Status(status)), oracle::Response::Status(theirs)) => {
            match theirs {
                oracle::Status::Untagged(body) => {
                    status.text == body.text.inner() && same_verdict(status.verdict, &body.kind)
                }
                oracle::Status::Bye(bye) => {
                    status.verdict == Verdict::Bye && status.text == bye.text.inner()
                }
                oracle::Status::Tagged(_) => false,
            }
        }
        (Response::Untagged(ours), oracle::Response::Data(theirs)) => agree_on_data(ours, theirs),
        _ => false,
    }
}

fn same_verdict(ours: Verdict, theirs: &oracle::StatusKind) -> bool {
    match theirs {
        oracle::StatusKind::Ok => ours == Verdict::Ok,
        oracle::StatusKind::No => ours == Verdict::No,
        oracle::StatusKind::Bad => ours == Verdict::Bad,
    }
}

fn agree_on_data(ours: &Untagged, theirs: &oracle::Data<'_>) -> bool {
    use imap_codec::imap_types::fetch::MessageDataItem as Item;
    use imap_codec::imap_types::mailbox::Mailbox;
    let name = |mailbox: &Mailbox<'_>| match mailbox {
        Mailbox::Inbox => b"INBOX".to_vec(),
        Mailbox::Other(other) => other.as_ref().to_vec(),
    };
    match (ours, theirs) {
        (Untagged::Exists(ours), oracle::Data::Exists(theirs)) => ours == theirs,
        (Untagged::Expunge(ours), oracle::Data::Expunge(theirs)) => *ours == theirs.get(),
        (Untagged::Search(ours), oracle::Data::Search(theirs, ..)) => {
            let theirs = theirs.iter().filter_map(|n| Uid::new(n.get()));
            ours.uids == theirs.collect::<UidSet>()
        }
        (Untagged::Capability(ours), oracle::Data::Capability(theirs)) => ours.iter().eq(theirs
            .as_ref()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .iter()),
        (Untagged::MailboxStatus(ours), oracle::Data::Status { mailbox, items }) => {
            let told = [
                ours.status.messages.is_some(),
                ours.status.uid_next.is_some(),
                ours.status.uid_validity.is_some(),
            ];
            ours.wire_name.octets() == name(mailbox)
                && told.iter().filter(|told| **told).count() == items.len()
        }
        (
            Untagged::List(ours),
            oracle::Data::List {
                items,
                delimiter,
                mailbox,
            },
        ) => {
            ours.wire_name.octets() == name(mailbox)
                && ours.delimiter == delimiter.map(|delimiter| delimiter.inner())
                && ours.attributes.len() == items.len()
        }
        (Untagged::Fetch(ours), oracle::Data::Fetch { items, .. }) => {
            items.as_ref().iter().all(|item| match item {
                Item::Uid(uid) => ours.uid == Uid::new(uid.get()),
                Item::Rfc822Size(size) => ours.size_octets == Some(u64::from(*size)),
                Item::Flags(flags) => ours.flags.as_ref().is_some_and(|ours| {
                    ours.flags().count() + ours.keywords().len() == flags.len()
                }),
                Item::InternalDate(date) => {
                    ours.internal_date.map(|ours| ours.as_seconds())
                        == Some(date.as_ref().timestamp())
                }
                Item::BodyExt { data, .. } => {
                    let theirs = data.0.as_ref().map(|data| data.as_ref().to_vec());
                    ours.header == theirs
                }
                _ => false,
            })
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "(\\* )?([0-9]{1,3} )?(FETCH|LIST|STATUS|SEARCH|ESEARCH|OK \\[|ID|FLAGS|VANISHED|CAPABILITY)? ?[() \\[\\]\"\\\\{}0-9A-Za-z:,~+<>*\r\n\u{fc}-]{0,60}(\r\n)?") {
        // Whatever it is, it is judged, and a streamed body anywhere in it changes nothing.
        for streamed in [None, Some((text.len() / 2, 3))] {
            drop(parse(&RawResponse { text: Bytes::copy_from_slice(text.as_bytes()), streamed }));
        }
    }

    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        drop(parse(&RawResponse { text: octets.into(), streamed: None }));
    }

    #[test]
    fn sets_are_read_as_core_reads_them(text in "[0-9:,]{0,20}") {
        let ours = crate::search::parse_uid_set(text.as_bytes()).ok();
        prop_assert_eq!(ours, text.parse::<UidSet>().ok());
    }
}
