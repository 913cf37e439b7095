//! Server text made fit to be shown.

use std::fmt::Write as _;

/// The most characters of server text that are shown: a line of a log, and no room for a flood
/// (fetchmail CVE-2008-2711, CVE-2010-1167: long server text felled the logger).
const SHOWN_CHARS: usize = 200;

/// Makes server text fit for a log or a terminal: control characters, line ends and bidirectional
/// overrides are escaped, what is not UTF-8 shows as U+FFFD, and the whole is cut after 200
/// characters.
///
/// Text from a server can otherwise move the cursor, forge log lines or reorder what is read; mbsync
/// 1.4.4 prints such escapes as they come.
#[must_use]
pub fn escape_server_text(text: impl AsRef<[u8]>) -> String {
    // A character is at most four octets, and one more tells whether something was cut.
    let enough = (SHOWN_CHARS + 1) * 4;
    let text = text.as_ref();
    let text = String::from_utf8_lossy(text.get(..enough).unwrap_or(text));
    let mut shown = String::with_capacity(text.len().min(SHOWN_CHARS) + 8);
    for (at, c) in text.chars().enumerate() {
        if at == SHOWN_CHARS {
            shown.push('…');
            break;
        }
        if c.is_ascii_control() {
            shown.extend(c.escape_default());
        } else if is_deceptive(c) {
            // Writing to a String cannot fail.
            write!(shown, "{}", c.escape_unicode()).ok();
        } else {
            shown.push(c);
        }
    }
    shown
}

/// C1 controls, line and paragraph separators, zero-width and bidirectional controls (UAX #9).
fn is_deceptive(c: char) -> bool {
    let ranges = [
        '\u{80}'..='\u{9F}',
        '\u{200B}'..='\u{200F}',
        '\u{2028}'..='\u{202E}',
        '\u{2066}'..='\u{2069}',
        '\u{FEFF}'..='\u{FEFF}',
    ];
    ranges.iter().any(|range| range.contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_or_forges_a_line_is_escaped() {
        for (text, shown) in [
            (&b"plain text"[..], "plain text"),
            (b"caf\xC3\xA9", "café"),
            (b"a\r\nfake: line", "a\\r\\nfake: line"),
            (b"\x1B[2J", "\\u{1b}[2J"),
            (b"\0", "\\u{0}"),
            ("\u{9B}2J\u{202E}x".as_bytes(), "\\u{9b}2J\\u{202e}x"),
            (b"\xFF", "\u{FFFD}"),
        ] {
            assert_eq!(escape_server_text(text), shown);
        }
    }

    #[test]
    fn a_flood_is_cut() {
        assert_eq!(escape_server_text("é".repeat(200)), "é".repeat(200));
        let shown = escape_server_text("é".repeat(1_000_000));
        assert_eq!(shown, "é".repeat(200) + "…");
    }
}
