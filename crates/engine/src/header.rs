//! What the index keeps of a message's header.

use mail_parser::{Address, HeaderName, MessageParser};
use postrider_core::message::Sha256;
use postrider_core::time::UnixTime;
use postrider_index::HeaderFields;
use sha2::Digest as _;
use std::sync::LazyLock;

/// How much of a header is looked at. Real headers stay below; what is longer is an attack or not
/// mail, and is stored all the same.
pub(crate) const LONGEST_HEADER: usize = 64 * 1024;

/// How long a field of the index may become, in characters. A subject of a megabyte serves nobody.
const LONGEST_FIELD: usize = 1000;

/// Of what is not kept nothing is taken apart: of most headers the larger part is `Received`.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .header_id(HeaderName::MessageId)
        .header_text(HeaderName::Subject)
        .header_address(HeaderName::From)
        .header_address(HeaderName::To)
        .header_date(HeaderName::Date)
        .default_header_ignore()
});

/// Reads the fields of a header; what is missing or broken is `None`, never an error: mail is stored
/// whatever its header says.
pub(crate) fn fields(header: &[u8]) -> HeaderFields {
    let Some(message) = PARSER.parse_headers(header) else {
        return HeaderFields::default();
    };
    HeaderFields {
        message_id: message.message_id().map(bounded),
        subject: message.subject().map(bounded),
        from_addr: message.from().and_then(addresses),
        to_addrs: message.to().and_then(addresses),
        date: message
            .date()
            .map(|d| UnixTime::from_seconds(d.to_timestamp())),
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST_FIELD).collect()
}

fn addresses(address: &Address<'_>) -> Option<String> {
    let named = address.iter().filter_map(|a| a.address());
    let joined: Vec<_> = named.collect();
    (!joined.is_empty()).then(|| bounded(&joined.join(", ")))
}

/// The hash of a header, the same whether it comes from a stored file or from TOP: line ends LF,
/// without the empty line that ends it, at most [`LONGEST_HEADER`] octets.
pub(crate) fn fingerprint(octets: &[u8]) -> Sha256 {
    let mut header = Vec::with_capacity(octets.len().min(LONGEST_HEADER));
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || header.len() >= LONGEST_HEADER {
            break;
        }
        header.extend_from_slice(line);
        header.push(b'\n');
    }
    header.truncate(LONGEST_HEADER);
    Sha256(sha2::Sha256::digest(&header).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From: Ada <ada@example.org>\nTo: bob@example.org, c@example.org\n\
        Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <1@example.org>\n\
        Date: Mon, 23 Nov 2026 10:00:00 +0100\n\n";

    #[test]
    fn the_fields_of_a_header_are_found() {
        let fields = fields(HEADER);
        assert_eq!(fields.message_id.as_deref(), Some("1@example.org"));
        assert_eq!(fields.subject.as_deref(), Some("Grüße"));
        assert_eq!(fields.from_addr.as_deref(), Some("ada@example.org"));
        assert_eq!(
            fields.to_addrs.as_deref(),
            Some("bob@example.org, c@example.org")
        );
        assert_eq!(fields.date, Some(UnixTime::from_seconds(1_795_424_400)));
    }

    #[test]
    fn a_message_without_a_header_has_no_fields_and_does_no_harm() {
        for octets in [&b""[..], b"\n", b"no header here", b"\nbody", &[0xFF; 300]] {
            assert_eq!(fields(octets).message_id, None);
        }
    }

    #[test]
    fn top_and_file_give_the_same_fingerprint() {
        let crlf = String::from_utf8(HEADER.to_vec())
            .unwrap()
            .replace('\n', "\r\n");
        assert_eq!(fingerprint(HEADER), fingerprint(crlf.as_bytes()));
        let with_body = [HEADER, b"body\nbody\n"].concat();
        assert_eq!(fingerprint(HEADER), fingerprint(&with_body));
        assert_ne!(fingerprint(HEADER), fingerprint(b"Subject: x\n\n"));
    }
}
