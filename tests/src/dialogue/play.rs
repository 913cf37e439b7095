//! The server's part, spoken from the script; the client's part, checked against it.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::timeout;

use super::script::{Piece, Step};
use super::{Dialogue, Mismatch};

/// How long the client may be silent where the script has it speak: far above what code without
/// a network needs, so a hung client is told from a slow machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Plays the whole script.
pub(super) async fn play(dialogue: &Dialogue, stream: DuplexStream) -> Result<(), Mismatch> {
    let mut stream = BufReader::new(stream);
    let mut tags: Vec<String> = Vec::new();
    for line in &dialogue.lines {
        let fail = |what: String| Mismatch::at(&dialogue.path, line.number, what);
        match &line.step {
            Step::Close => return Ok(()),
            Step::Send(pieces) => {
                let octets = fill_in(pieces, &tags).map_err(fail)?;
                if stream.write_all(&octets).await.is_err() {
                    return Err(fail("the client closed the connection before this".into()));
                }
            }
            Step::ExpectLine(expected) => {
                let got = read_line(&mut stream).await;
                let got = got.map_err(|why| fail(format!("{why}\n  expected: {expected}")))?;
                let tag = check_line(expected, &got, dialogue.tagged).map_err(fail)?;
                tags.extend(tag);
            }
            Step::ExpectOctets(expected) => {
                let mut got = vec![0; expected.len()];
                let read = timeout(PATIENCE, stream.read_exact(&mut got)).await;
                if !matches!(read, Ok(Ok(_))) {
                    return Err(fail("the client sent fewer octets than this".into()));
                }
                if got != *expected {
                    return Err(fail(difference(&show(expected), &show(&got))));
                }
            }
        }
    }
    let last = dialogue.lines.last().map_or(0, |line| line.number);
    match read_line(&mut stream).await {
        Ok(line) => Err(Mismatch::at(
            &dialogue.path,
            last,
            format!(
                "after the end of the script the client sent: {}",
                show(&line)
            ),
        )),
        Err(Silence::Closed) => Ok(()),
        Err(Silence::TimedOut) => Err(Mismatch::at(
            &dialogue.path,
            last,
            "after the end of the script the client neither spoke nor closed the connection",
        )),
    }
}

/// The server's part without its client.
pub(super) fn server_octets(dialogue: &Dialogue) -> Result<Vec<u8>, Mismatch> {
    let mut octets = Vec::new();
    let mut tags: Vec<String> = Vec::new();
    for line in &dialogue.lines {
        match &line.step {
            Step::Send(pieces) => {
                let sent = fill_in(pieces, &tags);
                let sent = sent.map_err(|what| Mismatch::at(&dialogue.path, line.number, what))?;
                octets.extend(sent);
            }
            Step::ExpectLine(_) => tags.push(format!("p{}", tags.len() + 1)),
            Step::Close | Step::ExpectOctets(_) => {}
        }
    }
    Ok(octets)
}

fn fill_in(pieces: &[Piece], tags: &[String]) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Octets(text) => octets.extend_from_slice(text),
            Piece::Tag(back) => {
                let tag = tags.iter().rev().nth(*back);
                let tag = tag.ok_or("{tag}: the client has not sent so many commands yet")?;
                octets.extend_from_slice(tag.as_bytes());
            }
        }
    }
    Ok(octets)
}

/// Compares one client line; the tag it bore, if any.
fn check_line(expected: &str, got: &[u8], tagged: bool) -> Result<Option<String>, String> {
    let text = show(got);
    let body = text.strip_suffix("\\r\\n");
    let body = body.ok_or_else(|| format!("a line that does not end in CRLF: {text}"))?;
    let fits = |line: &str| match expected.strip_suffix("{any}") {
        Some(start) => line.starts_with(start),
        None => line == expected,
    };
    if !tagged {
        return if fits(body) {
            Ok(None)
        } else {
            Err(difference(expected, body))
        };
    }
    match body.split_once(' ') {
        Some((tag, command)) if is_tag(tag) && fits(command) => Ok(Some(tag.to_owned())),
        _ if fits(body) => Ok(None),
        Some((tag, command)) if is_tag(tag) => Err(difference(expected, command)),
        _ => Err(difference(expected, body)),
    }
}

/// RFC 9051 §9 `tag`; in practice letters and digits, and never a command's own first word.
fn is_tag(word: &str) -> bool {
    !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_graphic() && !"+(){%*\"\\".contains(c))
}

fn difference(expected: &str, got: &str) -> String {
    let common = expected
        .chars()
        .zip(got.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let caret = " ".repeat(common);
    format!(
        "the client left the script\n  expected: {expected}\n  received: {got}\n            {caret}^"
    )
}

/// Octets as readable text: what is not printable ASCII or UTF-8 is escaped.
fn show(octets: &[u8]) -> String {
    let mut text = String::new();
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for octet in chunk.invalid() {
            text.push_str(&format!("\\x{octet:02x}"));
        }
    }
    text
}

/// Why there is no line.
enum Silence {
    Closed,
    TimedOut,
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "the client closed the connection instead of sending a line",
            Self::TimedOut => "the client sent nothing for five seconds",
        })
    }
}

async fn read_line(stream: &mut BufReader<DuplexStream>) -> Result<Vec<u8>, Silence> {
    let mut line = Vec::new();
    match timeout(PATIENCE, stream.read_until(b'\n', &mut line)).await {
        Ok(Ok(0) | Err(_)) => Err(Silence::Closed),
        Ok(Ok(_)) => Ok(line),
        Err(_) if line.is_empty() => Err(Silence::TimedOut),
        // A line without its end is shown as it is.
        Err(_) => Ok(line),
    }
}
