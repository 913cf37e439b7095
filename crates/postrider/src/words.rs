//! Quantities in words, and words in columns, for people. Scripts have `--json`.

use std::time::Duration;

/// A span of time by its largest unit, rounded down: `3 min`.
#[must_use]
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

/// Octets by their largest binary unit, with one decimal: `1.4 MiB`.
#[must_use]
pub fn octets(octets: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| octets >= *unit) {
        Some((name, unit)) => {
            let whole = octets / unit;
            let tenth = octets % unit * 10 / unit;
            format!("{whole}.{tenth} {name}")
        }
        None => format!("{octets} octets"),
    }
}

/// A count and its noun: `1 message`, `2 messages`.
#[must_use]
pub fn count(number: u64, noun: &str, nouns: &str) -> String {
    format!("{number} {}", if number == 1 { noun } else { nouns })
}

/// A few words that are hard to read past the end of a line: cut, and control characters escaped.
#[must_use]
pub fn short(text: &str, longest: usize) -> String {
    let mut short: String = text.chars().take(longest).flat_map(visible).collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}

fn visible(c: char) -> Box<dyn Iterator<Item = char>> {
    if c.is_control() {
        Box::new(c.escape_default())
    } else {
        Box::new(std::iter::once(c))
    }
}

/// Lines of cells, each column as wide as its widest cell.
#[must_use]
pub fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for line in lines {
        let cells = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let text = cells.collect::<Vec<_>>().join("  ");
        table.push_str(text.trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_octets_have_one_unit() {
        let spans = [0, 59, 60, 3_599, 3_600, 172_799, 172_800];
        let spans = spans.map(|seconds| span(Duration::from_secs(seconds)));
        let words = ["0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 days"];
        assert_eq!(spans, words);
        let sizes = [0, 1_023, 1_024, 1_500_000, 5 << 30, u64::MAX].map(octets);
        let words = [
            "0 octets",
            "1023 octets",
            "1.0 KiB",
            "1.4 MiB",
            "5.0 GiB",
            "17179869183.9 GiB",
        ];
        assert_eq!(sizes, words);
    }

    #[test]
    fn what_a_server_said_cannot_move_the_cursor() {
        assert_eq!(short("a\u{1b}[2Jb", 80), "a\\u{1b}[2Jb");
        assert_eq!(short("abcdef", 3), "abc…");
    }
}
