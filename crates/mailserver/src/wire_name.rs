//! Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3) or UTF-8 (RFC 6855), and the server's own
//! separator.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const ENGINE: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// In the store's names a slash that separates nothing: what `/` is on a server with another separator.
pub const PLAIN_SLASH: char = '\u{1f}';

/// How a session spells mailbox names. In the store, `/` stands between levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spelling {
    /// `None`: no levels at all.
    pub(crate) separator: Option<char>,
    /// Whether UTF8=ACCEPT was enabled.
    pub(crate) utf8: bool,
}

impl Spelling {
    /// A store name as it travels, not yet quoted.
    pub(crate) fn encode(self, name: &str) -> String {
        let mut out = String::new();
        let mut wide: Vec<u8> = Vec::new();
        for c in name.chars().map(|c| self.to_wire(c)) {
            if self.utf8 {
                out.push(c);
            } else if (' '..='~').contains(&c) {
                flush(&mut out, &mut wide);
                match c {
                    '&' => out.push_str("&-"),
                    c => out.push(c),
                }
            } else {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    wide.extend(unit.to_be_bytes());
                }
            }
        }
        flush(&mut out, &mut wide);
        out
    }

    /// The store name of what a client sent; `None` when it is not modified UTF-7.
    pub(crate) fn decode(self, wire: &str) -> Option<String> {
        let plain = if self.utf8 {
            wire.to_owned()
        } else {
            from_utf7(wire)?
        };
        Some(plain.chars().map(|c| self.to_store(c)).collect())
    }

    fn to_wire(self, c: char) -> char {
        match (c, self.separator) {
            ('/', Some(separator)) => separator,
            (PLAIN_SLASH, _) => '/',
            (c, _) => c,
        }
    }

    fn to_store(self, c: char) -> char {
        match self.separator {
            Some(separator) if c == separator => '/',
            Some(_) if c == '/' => PLAIN_SLASH,
            _ => c,
        }
    }
}

fn flush(out: &mut String, wide: &mut Vec<u8>) {
    if !wide.is_empty() {
        out.push('&');
        out.push_str(&ENGINE.encode(&wide));
        out.push('-');
        wide.clear();
    }
}

fn from_utf7(wire: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = wire;
    while let Some((plain, after)) = rest.split_once('&') {
        out.push_str(plain);
        let (code, tail) = after.split_once('-')?;
        if code.is_empty() {
            out.push('&');
        } else {
            let octets = ENGINE.decode(code).ok()?;
            let (pairs, []) = octets.as_chunks::<2>() else {
                return None;
            };
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            for c in char::decode_utf16(units) {
                out.push(c.ok()?);
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn separated(by: char) -> Spelling {
        Spelling {
            separator: Some(by),
            utf8: false,
        }
    }

    #[test]
    fn the_examples_of_the_rfc_travel_both_ways() {
        for (name, wire) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Q&A", "Q&-A"),
            ("📬", "&2D3c7A-"),
        ] {
            assert_eq!(separated('/').encode(name), wire);
            assert_eq!(separated('/').decode(wire).as_deref(), Some(name));
        }
        assert_eq!(separated('.').encode("Work/Projects"), "Work.Projects");
        assert_eq!(separated('/').decode("&*-"), None);
    }

    #[test]
    fn a_slash_is_a_separator_only_where_it_is_one() {
        let name = "Work/In\u{1f}Out";
        assert_eq!(separated('.').encode(name), "Work.In/Out");
        assert_eq!(separated('.').decode("Work.In/Out").as_deref(), Some(name));
        let flat = Spelling {
            separator: None,
            utf8: true,
        };
        assert_eq!(flat.encode("a/ü&"), "a/ü&");
        assert_eq!(flat.decode("a/ü&").as_deref(), Some("a/ü&"));
    }
}
