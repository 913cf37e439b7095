use super::*;
use proptest::prelude::*;

/// Feeds `wire` in pieces of the given lengths; what is left comes in one piece. Answers the
/// message when its end was seen, and what was left over.
fn decode(status: &[u8], wire: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut decoder = Decoder::default();
    let mut input = BytesMut::from(status);
    decoder.line(&mut input).unwrap().unwrap();
    decoder.open_data();
    let (mut message, mut rest) = (Vec::new(), wire);
    let mut pieces = pieces.iter();
    loop {
        while let Some(data) = decoder.data(&mut input) {
            match data {
                Data::Chunk(chunk) => {
                    assert!(!chunk.is_empty());
                    message.extend_from_slice(&chunk);
                }
                Data::End => {
                    input.extend_from_slice(rest);
                    return (message, Some(input.to_vec()));
                }
            }
        }
        if rest.is_empty() {
            return (message, None);
        }
        let length = pieces.next().map_or(rest.len(), |n| (*n).min(rest.len()));
        let (piece, later) = rest.split_at(length);
        input.extend_from_slice(piece);
        rest = later;
    }
}

/// The server's side, written the slow way: RFC 1939 section 3.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut at_line_start = true;
    for (at, octet) in message.iter().enumerate() {
        if at_line_start && *octet == b'.' {
            wire.push(b'.');
        }
        wire.push(*octet);
        at_line_start = *octet == b'\n' && at > 0 && message[at - 1] == b'\r';
    }
    if !at_line_start {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

const MESSAGES: [(&[u8], &[u8]); 12] = [
    (b".\r\n", b""),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"\r\n.\r\n", b"\r\n"),
    (b"..\r\n.\r\n", b".\r\n"),
    (b"..a\r\n..b\r\n.\r\n", b".a\r\n.b\r\n"),
    (b"a\r\n...\r\n.\r\n", b"a\r\n..\r\n"),
    // Only CRLF ends a line, so none of these dots ends anything.
    (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
    (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
    (b"a\r.\r\n.\r\n", b"a\r.\r\n"),
    (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
    (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
    (b"a\0\xFF\r\r\n.\r\n", b"a\0\xFF\r\r\n"),
];

#[test]
fn data_end_at_crlf_dot_crlf_wherever_the_octets_are_split() {
    for (wire, message) in MESSAGES {
        let mut with_next = wire.to_vec();
        with_next.extend_from_slice(b"+OK next\r\n");
        for first in 0..=wire.len() {
            for second in 0..=wire.len() - first {
                let (got, rest) = decode(b"+OK\r\n", &with_next, &[first, second]);
                let shown = String::from_utf8_lossy(wire);
                assert_eq!(got, message, "{shown:?} split at {first}, {second}");
                assert_eq!(rest.unwrap(), b"+OK next\r\n");
            }
        }
        let (got, rest) = decode(b"+OK\r\n", &with_next, &vec![1; with_next.len()]);
        assert_eq!(
            (got.as_slice(), rest.unwrap().as_slice()),
            (message, &b"+OK next\r\n"[..])
        );
    }
}

#[test]
fn data_that_stop_early_never_end() {
    for (wire, _) in MESSAGES {
        for length in 0..wire.len() {
            let (_, end) = decode(b"+OK\r\n", &wire[..length], &[]);
            assert_eq!(end, None, "{:?}", String::from_utf8_lossy(&wire[..length]));
        }
    }
}

#[test]
fn a_server_of_bare_line_feeds_ends_data_with_them() {
    for (wire, message) in [
        (&b"a\n.\n+OK"[..], &b"a\n"[..]),
        (b"a\n..b\n.\n+OK", b"a\n.b\n"),
        (b"a\r\n.\r\n+OK", b"a\r\n"),
        (b".\n+OK", b""),
    ] {
        for first in 0..wire.len() {
            let (got, rest) = decode(b"+OK\n", wire, &[first]);
            assert_eq!(got, message);
            assert_eq!(rest.unwrap(), b"+OK");
        }
    }
}

#[test]
fn lines_come_whole_and_bounded() {
    let mut decoder = Decoder::default();
    let mut input = BytesMut::new();
    for octet in b"+OK a\r\n-ERR\nrest" {
        input.extend_from_slice(&[*octet]);
        if let Some(line) = decoder.line(&mut input).unwrap() {
            assert!(line == "+OK a" || line == "-ERR", "{line:?}");
        }
    }
    assert_eq!(&input[..], b"rest");
    let mut decoder = Decoder::default();
    let mut endless = BytesMut::from(&vec![b'x'; LONGEST_LINE + 1][..]);
    assert_eq!(decoder.line(&mut endless), Err(LineTooLong));
    endless.extend_from_slice(b"\r\n");
    assert_eq!(Decoder::default().line(&mut endless), Err(LineTooLong));
}

/// Octets that make the interesting cases likely.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        Just(b'.'),
        Just(b'\r'),
        Just(b'\n'),
        Just(b'a'),
        any::<u8>()
    ];
    proptest::collection::vec(octet, 0..200)
}

proptest! {
    #[test]
    fn what_is_stuffed_comes_back(
        message in octets(),
        pieces in proptest::collection::vec(0_usize..9, 0..40),
    ) {
        let (got, rest) = decode(b"+OK\r\n", &stuffed(&message), &pieces);
        // A server must end the last line where the message does not.
        let mut whole = message;
        if !whole.is_empty() && !whole.ends_with(b"\r\n") {
            whole.extend_from_slice(b"\r\n");
        }
        prop_assert_eq!(got, whole);
        prop_assert_eq!(rest, Some(Vec::new()));
    }

    #[test]
    fn splitting_changes_nothing(
        wire in octets(),
        bare_lf in any::<bool>(),
        pieces in proptest::collection::vec(0_usize..9, 0..40),
    ) {
        let status: &[u8] = if bare_lf { b"+OK\n" } else { b"+OK\r\n" };
        prop_assert_eq!(decode(status, &wire, &pieces), decode(status, &wire, &[]));
    }
}
