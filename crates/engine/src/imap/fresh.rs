//! What the server says of messages that may be new, besides their flags: how large and how old they
//! are, and by what name it knows their octets.

use postrider_core::flag::FlagSet;
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::FlagsRow;
use postrider_index::Identity;
use std::collections::HashMap;

/// Messages fetched by one command at most. The commands of a flight run one after another at the
/// server while we store; small ones keep what a refusal costs small.
const PIECE_MESSAGES: usize = 256;
/// Octets fetched by one command, unless one message has more: a cut connection loses at most what
/// was under way.
const PIECE_OCTETS: u64 = 4 << 20;
/// What a message counts for when the server did not tell its size.
const USUAL_OCTETS: u64 = 16 << 10;

/// What the server says of a message's octets, and the flags it shows with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) identity: Identity,
    pub(crate) flags: FlagSet,
}

/// Facts by UID. Sizes take eight octets each, so that a million fit; the others are kept only where
/// they are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fresh {
    sizes: Vec<(Uid, u32)>,
    dates: HashMap<Uid, UnixTime>,
    identities: HashMap<Uid, Told>,
}

impl Fresh {
    pub(crate) fn take(&mut self, row: FlagsRow) {
        if let Some(size) = row.size_octets {
            self.sizes
                .push((row.uid, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        if let Some(date) = row.internal_date {
            self.dates.insert(row.uid, date);
        }
        let (email_id, labels) = match row.gmail {
            Some(gmail) => (Some(gmail.msg_id.to_string()), Some(gmail.labels)),
            None => (row.email_id, None),
        };
        if email_id.is_some() || labels.is_some() {
            let identity = Identity { email_id, labels };
            let flags = row.flags;
            self.identities.insert(row.uid, Told { identity, flags });
        }
    }

    /// To be called once after the last [`Fresh::take`].
    pub(crate) fn settle(&mut self) {
        self.sizes.sort_unstable();
        self.sizes.dedup_by_key(|(uid, _)| *uid);
        self.sizes.shrink_to_fit();
    }

    /// RFC822.SIZE. It may lie: it cuts downloads and serves `max_size`, no more (R7).
    pub(crate) fn size_octets(&self, uid: Uid) -> Option<u64> {
        let at = self
            .sizes
            .binary_search_by_key(&uid, |(uid, _)| *uid)
            .ok()?;
        self.sizes.get(at).map(|(_, size)| u64::from(*size))
    }

    pub(crate) fn internal_date(&self, uid: Uid) -> Option<UnixTime> {
        self.dates.get(&uid).copied()
    }

    pub(crate) fn told(&self, uid: Uid) -> Option<&Told> {
        self.identities.get(&uid)
    }

    pub(crate) const fn identities(&self) -> &HashMap<Uid, Told> {
        &self.identities
    }

    /// Octets of these messages, as far as the server told.
    pub(crate) fn octets(&self, uids: &UidSet) -> u64 {
        uids.iter().filter_map(|uid| self.size_octets(uid)).sum()
    }

    /// Cuts a set into commands, the highest UIDs first: whoever waits for mail waits for the newest.
    pub(crate) fn pieces(&self, uids: &UidSet) -> Vec<UidSet> {
        let mut pieces = Vec::new();
        let mut piece: Vec<Uid> = Vec::new();
        let mut octets = 0;
        for uid in uids.iter().rev() {
            let size = self.size_octets(uid).unwrap_or(USUAL_OCTETS);
            let full = piece.len() >= PIECE_MESSAGES || octets + size > PIECE_OCTETS;
            if full && !piece.is_empty() {
                pieces.push(piece.drain(..).rev().collect());
                octets = 0;
            }
            piece.push(uid);
            octets += size;
        }
        if !piece.is_empty() {
            pieces.push(piece.into_iter().rev().collect());
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(sizes: &[(u32, u64)]) -> Fresh {
        let mut fresh = Fresh::default();
        for (uid, size) in sizes {
            fresh.take(FlagsRow {
                uid: Uid::new(*uid).unwrap(),
                flags: FlagSet::new(),
                mod_seq: None,
                size_octets: Some(*size),
                internal_date: None,
                gmail: None,
                email_id: None,
            });
        }
        fresh.settle();
        fresh
    }

    fn pieces(fresh: &Fresh, uids: &str) -> String {
        let pieces = fresh.pieces(&uids.parse().unwrap());
        let texts: Vec<_> = pieces.iter().map(ToString::to_string).collect();
        texts.join(" ")
    }

    #[test]
    fn the_newest_come_first_and_large_ones_alone() {
        let big = 5 << 20;
        let fresh = fresh(&[(1, 10), (2, 10), (3, big), (4, 10), (5, 10)]);
        assert_eq!(pieces(&fresh, "1:5"), "4:5 3 1:2");
        assert_eq!(pieces(&fresh, "2:3"), "3 2");
        assert_eq!(fresh.octets(&"1:3".parse().unwrap()), big + 20);
    }

    #[test]
    fn without_sizes_there_are_256_to_a_command() {
        let fresh = Fresh::default();
        assert_eq!(pieces(&fresh, "1:600"), "345:600 89:344 1:88");
    }
}
