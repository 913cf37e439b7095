//! Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3), and the server's own separator.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const ENGINE: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A store name (`/` between levels) as it travels, not yet quoted.
pub(crate) fn encode(name: &str, separator: char) -> String {
    let mut out = String::new();
    let mut wide: Vec<u8> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut out, &mut wide);
            match c {
                '/' => out.push(separator),
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

fn flush(out: &mut String, wide: &mut Vec<u8>) {
    if !wide.is_empty() {
        out.push('&');
        out.push_str(&ENGINE.encode(&wide));
        out.push('-');
        wide.clear();
    }
}

/// The store name of what a client sent; `None` when it is not modified UTF-7.
pub(crate) fn decode(wire: &str, separator: char) -> Option<String> {
    let mut out = String::new();
    let mut rest = wire;
    while let Some((plain, after)) = rest.split_once('&') {
        push_plain(&mut out, plain, separator);
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
    push_plain(&mut out, rest, separator);
    Some(out)
}

fn push_plain(out: &mut String, plain: &str, separator: char) {
    out.extend(plain.chars().map(|c| if c == separator { '/' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_travel_both_ways() {
        for (name, wire) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Q&A", "Q&-A"),
            ("📬", "&2D3c7A-"),
        ] {
            assert_eq!(encode(name, '/'), wire);
            assert_eq!(decode(wire, '/').as_deref(), Some(name));
        }
        assert_eq!(encode("Work/Projects", '.'), "Work.Projects");
        assert_eq!(decode("&*-", '/'), None);
    }
}
