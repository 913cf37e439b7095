//! A command as the client wrote it: tag, name, arguments (RFC 3501 §9).

use super::set::By;

/// How deep lists may nest: no client needs more, and a test must not overflow our stack.
const DEPTH_LIMIT: u32 = 32;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// An atom; `[...]` and what is in it belong to it.
    Atom(String),
    /// A parenthesised list.
    List(Vec<Self>),
    /// A literal.
    Literal(Vec<u8>),
    /// A quoted string.
    Text(Vec<u8>),
}

impl Arg {
    /// An atom or string as text; `None` for lists and for what is not UTF-8.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Atom(text) => Some(text.clone()),
            Self::Literal(octets) | Self::Text(octets) => String::from_utf8(octets.clone()).ok(),
            Self::List(_) => None,
        }
    }

    /// An atom in upper case.
    pub(super) fn word(&self) -> Option<String> {
        match self {
            Self::Atom(text) => Some(text.to_ascii_uppercase()),
            Self::List(_) | Self::Literal(_) | Self::Text(_) => None,
        }
    }

    /// An atom of digits.
    pub(super) fn number(&self) -> Option<u64> {
        self.word()?.parse().ok()
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Atom(_) | Self::Literal(_) | Self::Text(_) => None,
        }
    }

    /// A list of atoms and strings, or a lone one, as texts.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::List(items) => items.iter().map(Self::text).collect(),
            Self::Atom(_) | Self::Literal(_) | Self::Text(_) => self.text().map(|text| vec![text]),
        }
    }
}

/// A command, read.
#[derive(Debug)]
pub(super) struct Request {
    /// In upper case; `UID` commands with their `UID `.
    pub(super) name: String,
    pub(super) args: Vec<Arg>,
}

impl Request {
    /// Whether its first argument counts messages by UID or by sequence number.
    pub(super) fn by(&self) -> By {
        if self.name.starts_with("UID ") {
            By::Uid
        } else {
            By::Sequence
        }
    }

    /// Whether it is an AUTHENTICATE without initial response (RFC 4959).
    pub(super) fn wants_response(&self) -> bool {
        self.name == "AUTHENTICATE" && self.args.len() == 1
    }

    pub(super) fn with_response(mut self, response: Vec<u8>) -> Self {
        self.args.push(Arg::Text(response));
        self
    }
}

/// The tag, and the rest as text for the log.
pub(super) fn split_tag(raw: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(raw);
    let (tag, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let tag = if tag.is_empty() { "*" } else { tag };
    (tag.to_owned(), rest.to_owned())
}

/// Reads a whole command, literals included; `None` when it is none.
pub(super) fn parse(raw: &[u8]) -> Option<Request> {
    let mut reader = Reader { rest: raw };
    reader.atom()?;
    reader.skip(b' ')?;
    let mut name = reader.atom()?.to_ascii_uppercase();
    if name == "UID" {
        reader.skip(b' ')?;
        name = format!("UID {}", reader.atom()?.to_ascii_uppercase());
    }
    let mut args = Vec::new();
    while !reader.rest.is_empty() {
        reader.skip(b' ')?;
        args.push(reader.arg(0)?);
    }
    Some(Request { name, args })
}

/// A quoted string (RFC 3501 §9 `quoted`).
pub(super) fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn skip(&mut self, octet: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == octet).then_some(())
    }

    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(head)
    }

    fn arg(&mut self, depth: u32) -> Option<Arg> {
        match self.rest.first()? {
            b'"' => self.quoted().map(Arg::Text),
            b'{' => self.literal().map(Arg::Literal),
            b'(' if depth < DEPTH_LIMIT => self.list(depth + 1).map(Arg::List),
            _ => self.atom().map(Arg::Atom),
        }
    }

    fn list(&mut self, depth: u32) -> Option<Vec<Arg>> {
        self.skip(b'(')?;
        let mut items = Vec::new();
        loop {
            match self.rest.first()? {
                b')' => {
                    self.skip(b')')?;
                    return Some(items);
                }
                b' ' => self.skip(b' ')?,
                _ => items.push(self.arg(depth)?),
            }
        }
    }

    /// Octets up to a blank or a parenthesis; within brackets those belong to it.
    fn atom(&mut self) -> Option<String> {
        let mut bracketed = false;
        let end = self.rest.iter().position(|octet| {
            match octet {
                b'[' => bracketed = true,
                b']' => bracketed = false,
                _ => {}
            }
            !bracketed && b" ()\"".contains(octet)
        });
        let atom = self.take(end.unwrap_or(self.rest.len()))?;
        let text = std::str::from_utf8(atom).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        self.skip(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.take(1)? {
                b"\"" => return Some(text),
                b"\\" => text.extend_from_slice(self.take(1)?),
                octet => text.extend_from_slice(octet),
            }
        }
    }

    fn literal(&mut self) -> Option<Vec<u8>> {
        self.skip(b'{')?;
        let end = self.rest.iter().position(|octet| *octet == b'}')?;
        let digits = std::str::from_utf8(self.take(end)?).ok()?;
        let octets = digits.trim_end_matches('+').parse().ok()?;
        self.skip(b'}')?;
        if self.rest.first() == Some(&b'\r') {
            self.skip(b'\r')?;
        }
        self.skip(b'\n')?;
        self.take(octets).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_strings_literals_and_lists_are_told_apart() {
        let request = parse(
            b"a uid fetch 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (TO CC)]<0.9>) \"q\\\"\" {3}\r\nx)y",
        );
        let request = request.unwrap();
        assert_eq!(request.name, "UID FETCH");
        let atom = |text: &str| Arg::Atom(text.to_owned());
        assert_eq!(
            request.args,
            [
                atom("1:*"),
                Arg::List(vec![
                    atom("FLAGS"),
                    atom("BODY.PEEK[HEADER.FIELDS (TO CC)]<0.9>")
                ]),
                Arg::Text(b"q\"".to_vec()),
                Arg::Literal(b"x)y".to_vec()),
            ]
        );
    }

    #[test]
    fn what_is_no_command_is_none() {
        for raw in [
            "",
            "a",
            "a ",
            "a LIST \"",
            "a X {9}\r\nshort",
            "a X (",
            "a X )",
        ] {
            assert!(parse(raw.as_bytes()).is_none(), "{raw:?}");
        }
        let deep = format!("a X {}", "(".repeat(100_000));
        assert!(parse(deep.as_bytes()).is_none());
    }
}
