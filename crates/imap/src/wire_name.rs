//! Names of mailboxes: the octets a server uses, and what they say to people.
//!
//! A [`WireName`] is a mailbox's identity: it goes back to the server octet for octet, or as UTF-8 in a
//! session that speaks UTF-8 (RFC 6855), where it came so. What people read is decoded from it, from modified UTF-7 (RFC 3501 §5.1.3) or UTF-8. Only a decoding that
//! encodes back to the same octets is believed: encoded ASCII, overlong forms and lone surrogates are
//! no text, and a name that does not decode stays as it is.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};
use std::borrow::Cow;
use std::fmt::{self, Write as _};

const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// A mailbox's name as the server says it where names are no UTF-8. A session in which they are gives the
/// same name the same identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireName(Box<[u8]>);

impl WireName {
    /// Takes the octets; INBOX in any case becomes the one INBOX there is (RFC 9051 §5.1).
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        if octets.eq_ignore_ascii_case(b"INBOX") {
            return Self(Box::from(&b"INBOX"[..]));
        }
        Self(octets.into())
    }

    /// Takes the octets of a session in which names are UTF-8. What could not come back from modified
    /// UTF-7 (octets that are no UTF-8, control characters) stays as it is.
    #[must_use]
    pub fn from_utf8(octets: &[u8]) -> Self {
        match std::str::from_utf8(octets) {
            Ok(text) if !text.contains(|c: char| c.is_ascii_control()) => Self::encode(text),
            _ => Self::from_octets(octets),
        }
    }

    /// The octets for a session in which names are UTF-8: what [`WireName::from_utf8`] took.
    #[must_use]
    pub fn utf8_octets(&self) -> Cow<'_, [u8]> {
        let ascii = std::str::from_utf8(&self.0)
            .ok()
            .filter(|text| text.is_ascii());
        match ascii.and_then(decode_mutf7) {
            Some(text) => Cow::Owned(text.into_bytes()),
            None => Cow::Borrowed(&self.0),
        }
    }

    /// Whether it is the same octets in every session.
    pub(crate) fn is_alike(&self) -> bool {
        *self.utf8_octets() == *self.0
    }

    /// The octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The name as people read it. What is no text shows U+FFFD.
    #[must_use]
    pub fn decode(&self) -> String {
        decode_name(&self.0)
    }

    /// The wire name of a text, as a server without UTF-8 wants it.
    #[must_use]
    pub fn encode(text: &str) -> Self {
        Self::from_octets(encode_mutf7(text).as_bytes())
    }

    /// Text that names the octets without loss, for the index: what `Display` writes.
    #[must_use]
    pub fn to_index(&self) -> String {
        self.to_string()
    }

    /// Reads back [`WireName::to_index`]; `None` when it was not that.
    #[must_use]
    pub fn from_index(text: &str) -> Option<Self> {
        let mut octets = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((plain, escape)) = rest.split_once('\\') {
            octets.extend_from_slice(plain.as_bytes());
            let (code, after) = escape.split_at_checked(3)?;
            octets.push(u8::from_str_radix(code.strip_prefix('x')?, 16).ok()?);
            rest = after;
        }
        octets.extend_from_slice(rest.as_bytes());
        Some(Self(octets.into()))
    }
}

/// Text that names the octets without loss: UTF-8 as it is; backslashes, control characters and
/// octets that are no UTF-8 as `\x5C`. For the index, and for people when nothing better is known.
impl fmt::Display for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character == '\\' || character.is_ascii_control() {
                    write!(f, "\\x{:02X}", u32::from(character))?;
                } else {
                    f.write_char(character)?;
                }
            }
            for octet in chunk.invalid() {
                write!(f, "\\x{octet:02X}")?;
            }
        }
        Ok(())
    }
}

/// A name or label as people read it, from modified UTF-7 or UTF-8. What is no text shows U+FFFD.
pub(crate) fn decode_name(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if text.is_ascii() => decode_mutf7(text).unwrap_or_else(|| text.to_owned()),
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(octets).into_owned(),
    }
}

/// Modified UTF-7 to text; `None` for anything but the one form that RFC 3501 allows.
fn decode_mutf7(name: &str) -> Option<String> {
    if !name.contains('&') {
        return Some(name.to_owned());
    }
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        text.push_str(plain);
        let (code, after) = shifted.split_once('-')?;
        if code.is_empty() {
            text.push('&');
        } else {
            let octets = BASE64.decode(code).ok()?;
            let (pairs, odd) = octets.as_chunks::<2>();
            if !odd.is_empty() {
                return None;
            }
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            for character in char::decode_utf16(units) {
                text.push(character.ok()?);
            }
        }
        rest = after;
    }
    text.push_str(rest);
    // Encoded ASCII, two shifts in a row, bits left over: all of them have a twin in proper form.
    (encode_mutf7(&text) == name).then_some(text)
}

/// Text to modified UTF-7.
fn encode_mutf7(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut pending = Vec::new();
    let flush = |name: &mut String, pending: &mut Vec<u8>| {
        if !pending.is_empty() {
            name.push('&');
            BASE64.encode_string(pending.as_slice(), name);
            name.push('-');
            pending.clear();
        }
    };
    for character in text.chars() {
        match character {
            '&' => {
                flush(&mut name, &mut pending);
                name.push_str("&-");
            }
            ' '..='~' => {
                flush(&mut name, &mut pending);
                name.push(character);
            }
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    pending.extend_from_slice(&unit.to_be_bytes());
                }
            }
        }
    }
    flush(&mut name, &mut pending);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(name: &[u8]) -> String {
        WireName::from_octets(name).decode()
    }

    #[test]
    fn vectors() {
        for (wire, text) in [
            ("INBOX", "INBOX"),
            ("inbox", "INBOX"),
            ("A &- B", "A & B"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("&ZeVnLIqe-", "日本語"),
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
            ("&2D3eAA-", "😀"),
            (
                "Sent [Gmail]/&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-",
                "Sent [Gmail]/Отправленные",
            ),
        ] {
            assert_eq!(decoded(wire.as_bytes()), text);
            if wire != "inbox" {
                assert_eq!(WireName::encode(text).octets(), wire.as_bytes());
            }
        }
    }

    #[test]
    fn what_is_not_the_one_form_stays_as_it_is() {
        for wire in [
            "a&b",        // a shift that never ends
            "&AGEAYg-",   // encoded ASCII: "ab"
            "&AC8-etc",   // encoded slash
            "&AAA-",      // encoded NUL would be "\0": no, see below
            "&2D0-",      // a lone high surrogate
            "&3gA-",      // a lone low surrogate
            "&APz-",      // bits left over
            "&APw=-",     // padding
            "&APw/-",     // the alphabet of another base64
            "&APwA-",     // an odd octet
            "&APw-&APw-", // two shifts where one would do
            "&A-",        // no octet at all
        ] {
            let text = decoded(wire.as_bytes());
            if wire == "&AAA-" {
                // NUL has no other form, so it decodes; whoever makes a path of it escapes it.
                assert_eq!(text, "\0");
            } else {
                assert_eq!(text, wire);
            }
        }
        assert_eq!(decoded("Entwürfe".as_bytes()), "Entwürfe");
        assert_eq!(decoded(b"a\xff"), "a\u{fffd}");
    }

    #[test]
    fn a_name_has_one_identity_in_every_session() {
        for (mutf7, utf8) in [
            ("INBOX", "inbox"),
            ("Work", "Work"),
            ("A &- B", "A & B"),
            ("Entw&APw-rfe", "Entwürfe"),
            ("&2D3eAA-", "😀"),
        ] {
            let name = WireName::from_utf8(utf8.as_bytes());
            assert_eq!(name, WireName::from_octets(mutf7.as_bytes()), "{utf8}");
            assert_eq!(name.is_alike(), utf8.eq_ignore_ascii_case(mutf7), "{utf8}");
        }
        // What only one of the two forms can say is said as it came.
        for octets in [&b"a&b"[..], b"&AGEAYg-", b"caf\xe9", "Entwürfe".as_bytes()] {
            assert_eq!(*WireName::from_octets(octets).utf8_octets(), *octets);
        }
    }

    proptest! {
        #[test]
        fn what_came_as_utf8_goes_back_so(octets in utf8_wire()) {
            let name = WireName::from_utf8(&octets);
            prop_assert_eq!(&*name.utf8_octets(), &octets[..]);
        }

        #[test]
        fn every_text_comes_back(text in "\\PC*") {
            prop_assert_eq!(decode_mutf7(&encode_mutf7(&text)), Some(text));
        }

        #[test]
        fn every_name_survives_the_index(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let name = WireName::from_octets(&octets);
            let text = name.to_string();
            prop_assert!(!text.contains(|c: char| c.is_ascii_control()));
            prop_assert_eq!(WireName::from_index(&text), Some(name));
        }

        #[test]
        fn two_names_never_decode_alike(a in name(), b in name()) {
            let alike = decode_mutf7(&a).is_some() && decode_mutf7(&a) == decode_mutf7(&b);
            prop_assert!(!alike || a == b);
        }
    }

    /// What a server may send where names are UTF-8: text, and octets that are none.
    fn utf8_wire() -> impl Strategy<Value = Vec<u8>> {
        let pieces: [&[u8]; 10] = [
            b"a",
            b"&",
            b"-",
            b"&-",
            b"\n",
            b"\xff",
            "ü".as_bytes(),
            b"&APw-",
            b"\x7f",
            "😀".as_bytes(),
        ];
        let piece = proptest::sample::select(pieces.to_vec());
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    /// Names of pieces that are good, bad, and good twins of bad ones.
    fn name() -> impl Strategy<Value = String> {
        let pieces = [
            "a", "ab", "&-", "&", "&AGE-", "&APw-", "&APwA-", "&APwAYQ-", "&2D3eAA-", "&2D0-", "/",
            "-",
        ];
        let piece = proptest::sample::select(pieces.to_vec());
        proptest::collection::vec(piece, 0..3).prop_map(|pieces| pieces.concat())
    }
}
