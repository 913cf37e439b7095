//! Sets of sequence numbers and UIDs (RFC 3501 §9 `sequence-set`).

/// What the numbers of a command count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Positions in the mailbox, from one.
    Sequence,
    /// UIDs.
    Uid,
}

/// The ranges of a set, each in ascending order; `*` is `largest`. `None` when it is no set.
pub(super) fn parse(text: &str, largest: u32) -> Option<Vec<(u32, u32)>> {
    let number = |word: &str| match word {
        "*" => Some(largest),
        word => word.parse().ok().filter(|n| *n != 0),
    };
    let range = |part: &str| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        let (from, to) = (number(from)?, number(to)?);
        Some((from.min(to), from.max(to)))
    };
    text.split(',').map(range).collect()
}

/// Ascending numbers as a set with ranges: `1:4,9`.
pub(super) fn format(numbers: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(number) => *to = number,
            _ => parts.push((number, number)),
        }
    }
    let words = parts.iter().map(|(from, to)| {
        if from == to {
            from.to_string()
        } else {
            format!("{from}:{to}")
        }
    });
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_in_any_order_and_written_with_ranges() {
        assert_eq!(parse("4,9:7,*", 12), Some(vec![(4, 4), (7, 9), (12, 12)]));
        assert_eq!(parse("20:*", 12), Some(vec![(12, 20)]));
        for wrong in ["", "0", "1,", "a", "1:2:3", "-1", "4294967296"] {
            assert_eq!(parse(wrong, 12), None, "{wrong:?}");
        }
        assert_eq!(format(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(format(&[]), "");
    }
}
