//! What was said on a line, and the octets at which to cut it.

use super::Side;
use std::collections::BTreeSet;

/// Both sides' octets in the order in which they passed.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    said: Vec<(Side, Vec<u8>)>,
    counts: [u64; 2],
}

impl Transcript {
    /// How many octets a side has said.
    #[must_use]
    pub const fn count(&self, side: Side) -> u64 {
        let [client, server] = self.counts;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// All that a side has said, as text.
    #[must_use]
    pub fn text(&self, side: Side) -> String {
        let octets = self.said.iter().filter(|(said_by, _)| *said_by == side);
        let octets: Vec<u8> = octets.flat_map(|(_, octets)| octets.clone()).collect();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// `count` octets of a side, evenly spread from the first to the last but one.
    #[must_use]
    pub fn spread(&self, side: Side, count: u64) -> BTreeSet<u64> {
        let all = self.count(side);
        (0..count).map(|n| all * n / count).collect()
    }

    /// Where a side's lines end, and three octets before, from the moment when the client has first said one
    /// of `words`.
    #[must_use]
    pub fn line_ends_since(&self, side: Side, words: &[&str]) -> BTreeSet<u64> {
        let mut ends = BTreeSet::new();
        let (mut counted, mut since) = (0, None);
        for (said_by, octets) in &self.said {
            let text = String::from_utf8_lossy(octets);
            let is_it = words.iter().any(|word| text.contains(word));
            if since.is_none() && *said_by == Side::Client && is_it {
                since = Some(counted);
            }
            if *said_by != side {
                continue;
            }
            for octet in octets {
                counted += 1;
                if since.is_some() && *octet == b'\n' {
                    // The line whole, and without its end.
                    ends.extend([counted, counted - 3]);
                }
            }
        }
        ends
    }

    pub(super) fn note(&mut self, side: Side, octets: &[u8]) {
        let [client, server] = &mut self.counts;
        let count = match side {
            Side::Client => client,
            Side::Server => server,
        };
        *count += octets.len() as u64;
        self.said.push((side, octets.to_vec()));
    }
}
