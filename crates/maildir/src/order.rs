//! In which order files were delivered, as far as their names tell.

use crate::entry::Entry;
use crate::name::made;
use std::collections::HashMap;

/// Puts files into the order in which they were delivered, the oldest first.
///
/// Of the names that one process of ours made, their numbers tell, whatever its clock said; processes follow one
/// another by the time of their first name. Messages that arrived at the same moment may have been numbered in
/// another order. Of other programs' files nothing is known but the second with which a Maildir's names begin; a
/// name without one counts as older than all.
pub fn sort_by_delivery(entries: &mut [Entry]) {
    let mut begun: HashMap<String, (u64, u64)> = HashMap::new();
    for made in entries.iter().filter_map(|e| made(e.file_name.as_str())) {
        let first = (made.nth, made.at_micros);
        match begun.get_mut(made.token) {
            Some(known) => *known = first.min(*known),
            None => drop(begun.insert(made.token.to_owned(), first)),
        }
    }
    entries.sort_unstable_by(|one, other| place(one, &begun).cmp(&place(other, &begun)));
}

fn place<'e>(
    entry: &'e Entry,
    begun: &HashMap<String, (u64, u64)>,
) -> (u64, &'e str, u64, &'e str) {
    let name = entry.file_name.as_str();
    match made(name) {
        Some(made) => {
            let began = begun.get(made.token).map_or(0, |(_, at)| *at);
            (began, made.token, made.nth, name)
        }
        None => (second(name).saturating_mul(1_000_000), "", 0, name),
    }
}

/// The second with which a name begins.
fn second(name: &str) -> u64 {
    let (digits, _) = name.split_once('.').unwrap_or_default();
    let is_number = digits.bytes().all(|c| c.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_delivery_whatever_the_clock_said() {
        let ordered = [
            "cur/mail7:2,S",
            "new/1699999999.4711_1.host",
            // A process that ran while the clock was a month ahead, and after it was set right.
            "new/1702592000.M9P7Q9Rbbbbbbbbbbbbbbbb.host,S=1,W=1",
            "cur/1702592000.M10P7Q10Rbbbbbbbbbbbbbbbb.host,S=1,W=1:2,S",
            "new/1700000000.M1P7Q11Rbbbbbbbbbbbbbbbb.host,S=1,W=1",
            // The next one, and what another program delivered after its start.
            "cur/1702700000.M0P8Q0Raaaaaaaaaaaaaaaa.host,S=1,W=1:2,",
            "new/1702700000.M1P8Q1Raaaaaaaaaaaaaaaa.host,S=1,W=1",
            "new/1702700001.4711_1.host",
        ];
        let parse = |file: &&str| Entry::parse(file).unwrap();
        let mut entries: Vec<_> = ordered.iter().rev().map(parse).collect();
        entries.swap(1, 4);
        sort_by_delivery(&mut entries);
        let sorted: Vec<_> = entries.iter().map(ToString::to_string).collect();
        assert_eq!(sorted, ordered);
    }
}
