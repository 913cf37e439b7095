//! Whatever an IMAP server sends is judged, and where its packets are cut changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider_imap::Limits;
use postrider_imap::framer::{FrameError, Framer, Piece};
use postrider_imap::parse::parse;

/// Small enough for an input to cross them.
fn limits() -> Limits {
    Limits {
        response_octets: 2048,
        literal_octets: 512,
        body_octets: 1 << 20,
        ..Limits::default()
    }
}

/// What came out, bodies in one piece each.
#[derive(Debug, Default, PartialEq)]
struct Told {
    responses: Vec<String>,
    bodies: Vec<(u64, Vec<u8>, bool)>,
    error: Option<FrameError>,
}

fn take(framer: &mut Framer, told: &mut Told) {
    loop {
        match framer.next_piece() {
            Ok(None) => return,
            Ok(Some(Piece::BodyStart { octets })) => told.bodies.push((octets, Vec::new(), false)),
            Ok(Some(Piece::BodyChunk(chunk))) => {
                assert!(!chunk.is_empty(), "an empty chunk");
                let body = told.bodies.last_mut().expect("a chunk without a body");
                body.1.extend_from_slice(&chunk);
            }
            Ok(Some(Piece::BodyEnd)) => {
                let body = told.bodies.last_mut().expect("an end without a body");
                assert_eq!(body.0, body.1.len() as u64, "a body of another length");
                body.2 = true;
            }
            Ok(Some(Piece::Response(raw))) => {
                told.responses
                    .push(format!("{:?} {:?}", raw.streamed, parse(&raw)))
            }
            Err(error) => {
                told.error = Some(error);
                return;
            }
        }
    }
}

fn told<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Told {
    let mut framer = Framer::new(limits());
    let mut told = Told::default();
    for part in parts {
        framer.input().extend_from_slice(part);
        take(&mut framer, &mut told);
        if told.error.is_some() {
            break;
        }
    }
    told
}

fuzz_target!(|input: &[u8]| {
    // The first octet says how long packets are.
    let Some((size, octets)) = input.split_first() else {
        return;
    };
    let whole = told(std::iter::once(octets));
    let cut = told(octets.chunks(usize::from(*size).max(1)));
    assert_eq!(whole, cut);
});
