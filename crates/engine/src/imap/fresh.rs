//! What the server says of messages that may be new, besides their flags: how large and how old they
//! are, and by what name it knows their octets.

use postrider_core::flag::FlagSet;
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::FlagsRow;
use postrider_index::Identity;
use std::collections::HashMap;

/// What one command fetches, unless a message alone has more octets: the first of a mailbox, and the last.
///
/// Within a command the oldest comes first. So the first ones are small, for whoever waits for the newest, and each
/// has twice the one before: between two commands a server looks after its mailbox, which Dovecot does by listing the
/// whole directory while that is young. For 20,000 messages it needed twice the CPU when each command had 256.
const FIRST_PIECE: Extent = Extent {
    messages: 256,
    octets: 4 << 20,
};
const LAST_PIECE: Extent = Extent {
    messages: 16 << 10,
    octets: 64 << 20,
};
/// What a message counts for when the server did not tell its size.
const USUAL_OCTETS: u64 = 16 << 10;

#[derive(Clone, Copy, Debug)]
struct Extent {
    messages: usize,
    octets: u64,
}

impl Extent {
    fn doubled(self) -> Self {
        Self {
            messages: LAST_PIECE.messages.min(self.messages * 2),
            octets: LAST_PIECE.octets.min(self.octets * 2),
        }
    }
}

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
        let (mut bound, mut octets) = (FIRST_PIECE, 0);
        for uid in uids.iter().rev() {
            let size = self.size_octets(uid).unwrap_or(USUAL_OCTETS);
            let full = piece.len() >= bound.messages || octets + size > bound.octets;
            if full && !piece.is_empty() {
                pieces.push(piece.drain(..).rev().collect());
                (bound, octets) = (bound.doubled(), 0);
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
        let big = 50 << 20;
        let fresh = fresh(&[(1, 10), (2, 10), (3, big), (4, 10), (5, 10)]);
        assert_eq!(pieces(&fresh, "1:5"), "4:5 3 1:2");
        assert_eq!(pieces(&fresh, "2:3"), "3 2");
        assert_eq!(fresh.octets(&"1:3".parse().unwrap()), big + 20);
    }

    #[test]
    fn without_sizes_the_newest_256_come_by_one_command_and_twice_as_many_by_the_next() {
        let fresh = Fresh::default();
        assert_eq!(pieces(&fresh, "1:600"), "345:600 1:344");
        assert_eq!(pieces(&fresh, "1:1792"), "1537:1792 1025:1536 1:1024");
        // 64 MiB at 16 KiB each.
        let many = pieces(&fresh, "1:20000");
        assert_eq!(many.split(' ').count(), 8, "{many}");
        assert!(many.ends_with(" 3873:7968 1:3872"), "{many}");
    }
}
