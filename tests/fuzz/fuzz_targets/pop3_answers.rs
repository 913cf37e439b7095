//! Whatever a POP3 server sends is judged, where its packets are cut changes nothing, and a message that
//! was dot-stuffed comes out as it was, its end where the terminator is and nowhere else (R7).
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use postrider_pop3::codec::{Data, Decoder};
use postrider_pop3::reply::Reply;

/// What came out of a status line and, if it opens data, of those.
#[derive(Debug, Default, PartialEq)]
struct Told {
    reply: Option<String>,
    too_long: bool,
    data: Vec<u8>,
    ended: bool,
    left: Vec<u8>,
}

fn told<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Told {
    let mut decoder = Decoder::default();
    let mut input = BytesMut::new();
    let mut told = Told::default();
    for part in parts {
        input.extend_from_slice(part);
        if told.ended || told.too_long {
            continue;
        }
        if told.reply.is_none() {
            match decoder.line(&mut input) {
                Ok(None) => continue,
                Ok(Some(line)) => told.reply = Some(format!("{:?}", Reply::parse(&line))),
                Err(_) => {
                    told.too_long = true;
                    continue;
                }
            }
            decoder.open_data();
        }
        while let Some(piece) = decoder.data(&mut input) {
            match piece {
                Data::Chunk(chunk) => {
                    assert!(!chunk.is_empty(), "an empty chunk");
                    told.data.extend_from_slice(&chunk);
                }
                Data::End => {
                    told.ended = true;
                    break;
                }
            }
        }
    }
    told.left = input.to_vec();
    told
}

/// As a server sends a message (RFC 1939 §3).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut sent = b"+OK\r\n".to_vec();
    let mut last = [b'\r', b'\n'];
    for octet in message {
        if last == *b"\r\n" && *octet == b'.' {
            sent.push(b'.');
        }
        sent.push(*octet);
        last = [last[1], *octet];
    }
    if last != *b"\r\n" {
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b".\r\n");
    sent
}

fuzz_target!(|input: &[u8]| {
    // The first octet says how long packets are.
    let Some((size, octets)) = input.split_first() else {
        return;
    };
    let size = usize::from(*size).max(1);
    let whole = told(std::iter::once(octets));
    let cut = told(octets.chunks(size));
    assert_eq!(whole, cut);

    let sent = stuffed(octets);
    let told = told(sent.chunks(size));
    assert!(told.ended && told.left.is_empty());
    let end = octets.len();
    assert_eq!(told.data.get(..end), Some(octets));
    assert!(
        matches!(&told.data[end..], b"" | b"\r\n"),
        "octets that nobody sent"
    );
});
