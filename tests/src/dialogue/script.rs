//! The language of a dialogue: lines of text into steps.

use std::path::Path;

use super::Mismatch;

/// One step of the conversation, and the line of the script that says so.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) step: Step,
}

/// What happens at a line.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The server closes the connection.
    Close,
    /// The client sends this line.
    ExpectLine(String),
    /// The client sends exactly these octets.
    ExpectOctets(Vec<u8>),
    /// The server sends these pieces.
    Send(Vec<Piece>),
}

/// A piece of what the server sends.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// These octets.
    Octets(Vec<u8>),
    /// The tag of the client command so many before the last.
    Tag(usize),
}

/// The steps of a script.
pub(super) fn parse_lines(path: &Path, text: &str) -> Result<Vec<Line>, Mismatch> {
    let mut lines = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let number = at + 1;
        if raw.trim().is_empty() || raw.starts_with('#') {
            continue;
        }
        let step = parse_step(path, raw).map_err(|what| Mismatch::at(path, number, what))?;
        lines.push(Line { number, step });
    }
    Ok(lines)
}

fn parse_step(path: &Path, raw: &str) -> Result<Step, String> {
    if raw.trim_end() == "S!" {
        return Ok(Step::Close);
    }
    // An editor may strip the blank of an empty `S: `.
    let (mark, rest) = raw.split_once(' ').unwrap_or((raw, ""));
    match mark {
        "C:" => Ok(Step::ExpectLine(rest.to_owned())),
        "C<<" => unescape(rest).map(Step::ExpectOctets),
        "S:" => {
            let mut pieces = parse_pieces(path, rest)?;
            pieces.push(Piece::Octets(b"\r\n".to_vec()));
            Ok(Step::Send(pieces))
        }
        "S<<" => Ok(Step::Send(vec![Piece::Octets(unescape(rest)?)])),
        _ => Err(format!(
            "a line starts with `#`, `S:`, `S<<`, `S!`, `C:` or `C<<`, not with `{mark}`"
        )),
    }
}

/// Splits a server line at `{tag}`, `{tag-N}` and `{literal …}`; other braces are text.
fn parse_pieces(path: &Path, text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        pieces.push(Piece::Octets(before.as_bytes().to_vec()));
        // An inline literal may hold a brace: it ends with `"}`.
        let end = if after.starts_with("literal \"") {
            after.find("\"}").map(|at| at + 1)
        } else {
            after.find('}')
        };
        let special = end.and_then(|at| after.split_at_checked(at));
        match special {
            Some((word, tail)) if word == "tag" || word.starts_with("tag-") => {
                let back = word.strip_prefix("tag-").unwrap_or("0");
                let back = back
                    .parse()
                    .map_err(|_| format!("`{{{word}}}`: not a number"))?;
                pieces.push(Piece::Tag(back));
                rest = tail.strip_prefix('}').unwrap_or(tail);
            }
            Some((word, tail)) if word.starts_with("literal ") => {
                let octets = literal(path, word.strip_prefix("literal ").unwrap_or(word))?;
                pieces.push(Piece::Octets(format!("{{{}}}\r\n", octets.len()).into()));
                pieces.push(Piece::Octets(octets));
                rest = tail.strip_prefix('}').unwrap_or(tail);
            }
            _ => {
                pieces.push(Piece::Octets(b"{".to_vec()));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Octets(rest.as_bytes().to_vec()));
    Ok(pieces)
}

/// The octets of `"inline text"` or of a file beside the script.
fn literal(path: &Path, word: &str) -> Result<Vec<u8>, String> {
    if let Some(inline) = word.strip_prefix('"') {
        return unescape(inline.strip_suffix('"').unwrap_or(inline));
    }
    let file = path.with_file_name(word.trim());
    let octets = std::fs::read(&file)
        .map_err(|error| format!("cannot read the literal {}: {error}", file.display()))?;
    Ok(with_crlf(&octets))
}

fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut last = 0;
    for &octet in octets {
        if octet == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(octet);
        last = octet;
    }
    out
}

/// Resolves `\r \n \t \0 \\ \" \xHH`.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('\\') => out.push(b'\\'),
            Some('"') => out.push(b'"'),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                let octet = u8::from_str_radix(&digits, 16)
                    .map_err(|_| format!("`\\x{digits}` is not an octet"))?;
                out.push(octet);
            }
            other => return Err(format!("unknown escape `\\{}`", other.unwrap_or(' '))),
        }
    }
    Ok(out)
}

/// Whether client commands carry tags: IMAP, as opposed to POP3.
pub(super) fn is_tagged(lines: &[Line]) -> bool {
    let greeting = lines.iter().find_map(|line| match &line.step {
        Step::Send(pieces) => pieces.first(),
        _ => None,
    });
    let untagged = matches!(greeting, Some(Piece::Octets(text)) if text.starts_with(b"* "));
    let names_a_tag = |line: &Line| match &line.step {
        Step::Send(pieces) => pieces.iter().any(|piece| matches!(piece, Piece::Tag(_))),
        Step::Close | Step::ExpectLine(_) | Step::ExpectOctets(_) => false,
    };
    untagged || lines.iter().any(names_a_tag)
}
