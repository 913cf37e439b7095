use super::*;
use proptest::prelude::*;

/// What came out, bodies put together again: where chunks were cut is not part of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    Body(u64, Vec<u8>),
    Response(Vec<u8>, Option<(usize, u64)>),
    Error(FrameError),
}

fn take(framer: &mut Framer, out: &mut Vec<Out>) {
    loop {
        match framer.next_piece() {
            Ok(None) => return,
            Ok(Some(Piece::BodyStart { octets })) => out.push(Out::Body(octets, Vec::new())),
            Ok(Some(Piece::BodyChunk(chunk))) => match out.last_mut() {
                Some(Out::Body(_, body)) => {
                    assert!(!chunk.is_empty());
                    body.extend_from_slice(&chunk);
                }
                other => panic!("a chunk after {other:?}"),
            },
            Ok(Some(Piece::BodyEnd)) => match out.last() {
                Some(Out::Body(octets, body)) => assert_eq!(*octets, body.len() as u64),
                other => panic!("an end after {other:?}"),
            },
            Ok(Some(Piece::Response(raw))) => {
                out.push(Out::Response(raw.text.to_vec(), raw.streamed));
            }
            Err(error) => return out.push(Out::Error(error)),
        }
    }
}

fn fed_within(limits: Limits, parts: &[&[u8]]) -> Vec<Out> {
    let mut framer = Framer::new(limits);
    let mut out = Vec::new();
    for part in parts {
        framer.input().extend_from_slice(part);
        take(&mut framer, &mut out);
        if let Some(Out::Error(_)) = out.last() {
            break;
        }
    }
    out
}

fn fed(parts: &[&[u8]]) -> Vec<Out> {
    fed_within(Limits::default(), parts)
}

fn response(text: &[u8]) -> Out {
    Out::Response(text.to_vec(), None)
}

const DIALOGUE: &[u8] = b"* OK [ALERT] free text that ends in {5}\r\n\
    * LIST (\\HasNoChildren) \"/\" {5}\r\na\r\nb{\r\n\
    p1 OK done {3}\r\n\
    * 12 FETCH (FLAGS (\\Seen) BODY[] {11}\r\nSubject: x\n UID 7)\r\n\
    * 13 fetch (UID 8 RFC822 ~{0}\r\n)\r\n\
    * 14 FETCH (UID 9 BODY[HEADER.FIELDS (MESSAGE-ID)] {2+}\r\n\r\n BODY[]<0> {3}\r\n)\r\n)\n\
    + {7}\r\n\
    * X {0}\r\n {1}\r\n*\r\n";

fn dialogue() -> Vec<Out> {
    let fetch = b"* 12 FETCH (FLAGS (\\Seen) BODY[] {11}\r\n";
    let fetched = b"* 12 FETCH (FLAGS (\\Seen) BODY[] {11}\r\n UID 7)\r\n";
    let empty = b"* 13 fetch (UID 8 RFC822 ~{0}\r\n";
    let emptied = b"* 13 fetch (UID 8 RFC822 ~{0}\r\n)\r\n";
    let header =
        b"* 14 FETCH (UID 9 BODY[HEADER.FIELDS (MESSAGE-ID)] {2+}\r\n\r\n BODY[]<0> {3}\r\n";
    let headed = [&header[..], b")\n"].concat();
    vec![
        response(b"* OK [ALERT] free text that ends in {5}\r\n"),
        response(b"* LIST (\\HasNoChildren) \"/\" {5}\r\na\r\nb{\r\n"),
        response(b"p1 OK done {3}\r\n"),
        Out::Body(11, b"Subject: x\n".to_vec()),
        Out::Response(fetched.to_vec(), Some((fetch.len(), 11))),
        Out::Body(0, Vec::new()),
        Out::Response(emptied.to_vec(), Some((empty.len(), 0))),
        Out::Body(3, b")\r\n".to_vec()),
        Out::Response(headed, Some((header.len(), 3))),
        response(b"+ {7}\r\n"),
        response(b"* X {0}\r\n {1}\r\n*\r\n"),
    ]
}

#[test]
fn the_same_comes_out_wherever_the_octets_are_cut() {
    assert_eq!(fed(&[DIALOGUE]), dialogue());
    for at in 0..=DIALOGUE.len() {
        let (first, second) = DIALOGUE.split_at(at);
        assert_eq!(fed(&[first, second]), dialogue(), "cut at {at}");
    }
    let octets = DIALOGUE.chunks(1).collect::<Vec<_>>();
    assert_eq!(fed(&octets), dialogue());
}

#[test]
fn every_limit_is_an_error() {
    let limits = Limits {
        response_octets: 100,
        literal_octets: 50,
        body_octets: 1_000,
        ..Limits::default()
    };
    let error = |text: &str| match fed_within(limits, &[text.as_bytes()]).pop() {
        Some(Out::Error(error)) => error,
        other => panic!("{text}: {other:?}"),
    };
    let too_long = FrameError::ResponseTooLong { limit: 100 };
    let literal = |octets| FrameError::LiteralTooLong { octets, limit: 50 };
    let body = |octets| FrameError::BodyTooLong {
        octets,
        limit: 1_000,
    };
    assert_eq!(error(&"x".repeat(101)), too_long);
    assert_eq!(
        error(&format!(
            "* X {{50}}\r\n{}{}",
            "y".repeat(50),
            "x".repeat(99)
        )),
        too_long
    );
    assert_eq!(error("* X {51}\r\n"), literal(51));
    assert_eq!(
        error(&format!("* X {{30}}\r\n{} {{21}}\r\n", "y".repeat(30))),
        literal(21)
    );
    assert_eq!(error("* X {9223372036854775808}\r\n"), literal(1 << 63));
    assert_eq!(
        error("* 1 FETCH (BODY[] {9223372036854775808}\r\n"),
        body(1 << 63)
    );
    assert_eq!(error("* 1 FETCH (BODY[] {1001}\r\n"), body(1_001));
    assert_eq!(
        error("* 1 FETCH (BODY[] {18446744073709551616}\r\n"),
        FrameError::LengthOverflow
    );
    let two = "* 1 FETCH (BODY[] {1}\r\nx RFC822 {1}\r\n";
    assert_eq!(error(two), FrameError::TwoBodies);
}

#[test]
fn a_line_without_end_is_not_searched_again_and_again() {
    // Quadratic time would take minutes here.
    let limits = Limits {
        response_octets: 64 << 20,
        ..Limits::default()
    };
    let parts = vec![&b"xxxxxxxx"[..]; 1 << 20];
    assert_eq!(fed_within(limits, &parts), []);
}

#[test]
fn only_bodies_of_fetches_flow() {
    for text in [
        "* LIST () \"/\" BODY[] {2}\r\nhi\r\n",
        "* 1 FETCH (BODY[TEXT] {2}\r\nhi)\r\n",
        "* 1 FETCH (BODY[HEADER] {2}\r\nhi)\r\n",
        "* 1 FETCH (XBODY[] {2}\r\nhi)\r\n",
        "* x FETCH (BODY[] {2}\r\nhi)\r\n",
    ] {
        assert_eq!(
            fed(&[text.as_bytes()]),
            [response(text.as_bytes())],
            "{text}"
        );
    }
}

#[test]
fn what_only_looks_like_a_literal_is_none() {
    for text in [
        "* X {}\r\n",
        "* X {a}\r\n",
        "* X {-1}\r\n",
        "* X 5}\r\n",
        "* BYE {1}\r\n",
    ] {
        assert_eq!(
            fed(&[text.as_bytes()]),
            [response(text.as_bytes())],
            "{text}"
        );
    }
}

#[test]
fn a_body_leaves_nothing_behind() {
    let mut framer = Framer::new(Limits::default());
    let head = b"* 1 FETCH (UID 1 BODY[] {10000000}\r\n";
    framer.input().extend_from_slice(head);
    assert_eq!(
        framer.next_piece(),
        Ok(Some(Piece::BodyStart { octets: 10_000_000 }))
    );
    for _ in 0..1_000 {
        framer.input().extend_from_slice(&[b'x'; 10_000]);
        assert!(matches!(framer.next_piece(), Ok(Some(Piece::BodyChunk(c))) if c.len() == 10_000));
        assert_eq!(framer.pending_octets(), head.len());
    }
    assert_eq!(framer.next_piece(), Ok(Some(Piece::BodyEnd)));
    framer.input().extend_from_slice(b")\r\n");
    assert!(matches!(framer.next_piece(), Ok(Some(Piece::Response(_)))));
    assert!(framer.is_between_responses());
}

proptest! {
    #[test]
    fn nothing_panics_and_cuts_do_not_matter(
        text in proptest::collection::vec(prop_oneof![
            "[* +p0-9]{0,4}", "(OK|FETCH|LIST|BODY\\[\\]|RFC822) ?", "[~]?\\{[0-9]{1,2}[+]?\\}", "\\PC{0,3}",
            Just("\r\n".to_owned()), Just(" (".to_owned()), Just("* 1 FETCH (BODY[] {3}\r\n".to_owned()),
        ], 0..30),
        at in any::<prop::sample::Index>(),
    ) {
        let text = text.concat().into_bytes();
        let (first, second) = text.split_at(at.index(text.len() + 1));
        prop_assert_eq!(fed(&[&text]), fed(&[first, second]));
    }

    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        fed(&[&octets]);
    }
}
