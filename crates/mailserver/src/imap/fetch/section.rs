//! Parts of a message: `BODY[...]` sections and partial ranges (RFC 3501 §6.4.5).

use bytes::{Bytes, BytesMut};

/// A `BODY[...]` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BodyItem {
    /// What stands before the literal in the response.
    pub(super) label: String,
    /// Leaves `\Seen` alone.
    pub(super) peek: bool,
    section: Section,
    /// First octet, and at most so many.
    partial: Option<(usize, usize)>,
}

/// Which part.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Section {
    All,
    Fields(Vec<String>),
    FieldsNot(Vec<String>),
    Header,
    Text,
}

impl BodyItem {
    /// Reads `BODY.PEEK[HEADER.FIELDS (TO)]<0.100>`, `RFC822` and their like; `None` for numbered parts.
    pub(super) fn parse(word: &str) -> Option<Self> {
        let upper = word.to_ascii_uppercase();
        let whole = |label: &str, section, peek| Self {
            label: label.to_owned(),
            peek,
            section,
            partial: None,
        };
        match upper.as_str() {
            "RFC822" => return Some(whole("RFC822", Section::All, false)),
            "RFC822.HEADER" => return Some(whole("RFC822.HEADER", Section::Header, true)),
            "RFC822.TEXT" => return Some(whole("RFC822.TEXT", Section::Text, false)),
            _ => {}
        }
        let (name, rest) = upper.split_once('[')?;
        let (section, partial) = rest.split_once(']')?;
        let peek = match name {
            "BODY" => false,
            "BODY.PEEK" => true,
            _ => return None,
        };
        let partial = match partial {
            "" => None,
            range => {
                let (from, octets) = range
                    .strip_prefix('<')?
                    .strip_suffix('>')?
                    .split_once('.')?;
                Some((from.parse().ok()?, octets.parse().ok()?))
            }
        };
        let origin = partial.map_or_else(String::new, |(from, _)| format!("<{from}>"));
        Some(Self {
            label: format!("BODY[{section}]{origin}"),
            peek,
            section: parse_section(section)?,
            partial,
        })
    }

    /// The octets of this part: shared with the message where they are contiguous.
    pub(super) fn octets(&self, message: &Bytes) -> Bytes {
        let split = header_end(message);
        let octets = match &self.section {
            Section::All => message.clone(),
            Section::Header => message.slice(..split),
            Section::Text => message.slice(split..),
            Section::Fields(names) => fields(message.slice(..split), |name| names.contains(name)),
            Section::FieldsNot(names) => {
                fields(message.slice(..split), |name| !names.contains(name))
            }
        };
        match self.partial {
            None => octets,
            Some((from, length)) => {
                let from = from.min(octets.len());
                octets.slice(from..from.saturating_add(length).min(octets.len()))
            }
        }
    }
}

fn parse_section(section: &str) -> Option<Section> {
    let names = |text: &str| -> Option<Vec<String>> {
        let list = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        let names = list.split_ascii_whitespace();
        Some(
            names
                .map(|name| name.trim_matches('"').to_owned())
                .collect(),
        )
    };
    match section {
        "" => Some(Section::All),
        "HEADER" => Some(Section::Header),
        "TEXT" => Some(Section::Text),
        other => match other.strip_prefix("HEADER.FIELDS.NOT ") {
            Some(list) => names(list).map(Section::FieldsNot),
            None => names(other.strip_prefix("HEADER.FIELDS ")?).map(Section::Fields),
        },
    }
}

/// Where the header ends, its blank line included; a message without one is all header.
pub(crate) fn header_end(message: &[u8]) -> usize {
    let mut at = 0;
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
    }
    at
}

/// The chosen fields with their folded lines, and the blank line (RFC 3501 §6.4.5).
fn fields(header: Bytes, wanted: impl Fn(&String) -> bool) -> Bytes {
    let mut out = BytesMut::new();
    let mut keeps = false;
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
        if !line.first().is_some_and(|octet| b" \t".contains(octet)) {
            let name = line
                .split(|octet| *octet == b':')
                .next()
                .unwrap_or_default();
            let name = String::from_utf8_lossy(name)
                .trim_end()
                .to_ascii_uppercase();
            keeps = wanted(&name);
        }
        if keeps {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(b"\r\n");
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_the_parts_they_name() {
        let message = Bytes::from_static(b"To: a\r\nSubject: x\r\n y\r\nFrom: b\r\n\r\nbody\r\n");
        for (item, label, octets) in [
            ("BODY[]", "BODY[]", &message[..]),
            (
                "BODY.PEEK[HEADER]",
                "BODY[HEADER]",
                b"To: a\r\nSubject: x\r\n y\r\nFrom: b\r\n\r\n",
            ),
            ("BODY[TEXT]<1.2>", "BODY[TEXT]<1>", b"od"),
            ("BODY[TEXT]<99.2>", "BODY[TEXT]<99>", b""),
            (
                "body.peek[header.fields (\"Subject\" from)]",
                "BODY[HEADER.FIELDS (\"SUBJECT\" FROM)]",
                b"Subject: x\r\n y\r\nFrom: b\r\n\r\n",
            ),
            (
                "BODY[HEADER.FIELDS.NOT (TO FROM)]",
                "BODY[HEADER.FIELDS.NOT (TO FROM)]",
                b"Subject: x\r\n y\r\n\r\n",
            ),
        ] {
            let body = BodyItem::parse(item).unwrap();
            assert_eq!(body.label, label);
            assert_eq!(body.octets(&message), octets, "{item}");
        }
        assert_eq!(BodyItem::parse("BODY[1.MIME]"), None);
        assert_eq!(BodyItem::parse("ENVELOPE"), None);
    }

    #[test]
    fn odd_messages_have_a_header_end_too() {
        assert_eq!(header_end(b"\r\nbody"), 2);
        assert_eq!(header_end(b"no end of header"), 16);
        assert_eq!(header_end(b""), 0);
        assert_eq!(header_end(b"a: b\n\nbody"), 6);
    }
}
