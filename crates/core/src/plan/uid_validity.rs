//! What a changed UIDVALIDITY means: the same messages under other numbers. Known ones are found
//! again by what the server says of them; nothing is deleted, duplicated or fetched twice (R4).

use crate::message::MessageKey;
use crate::time::UnixTime;
use crate::uid::{Uid, UidSet};
use std::collections::HashMap;

/// A known message that has no UID in the present epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The message.
    pub key: MessageKey,
    /// What tells it from others.
    pub likeness: Likeness,
}

/// A message of the new epoch, as the server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its new UID.
    pub uid: Uid,
    /// What tells it from others.
    pub likeness: Likeness,
}

/// What a server says of a message without handing out its octets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Likeness {
    /// Message-ID without angle brackets; `None` when the message has none.
    pub message_id: Option<String>,
    /// RFC822.SIZE.
    pub size_octets: Option<u64>,
    /// INTERNALDATE.
    pub internal_date: Option<UnixTime>,
}

impl Likeness {
    /// Whether all of it is there: less does not tell messages apart.
    pub(crate) const fn is_telling(&self) -> bool {
        self.message_id.is_some() && self.size_octets.is_some() && self.internal_date.is_some()
    }
}

/// Who was found again, and who must be fetched to be compared by content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rematch {
    /// Known messages and their new UIDs.
    pub attach: Vec<(MessageKey, Uid)>,
    /// Everything else.
    pub fetch: UidSet,
}

/// Finds known messages in a new epoch.
///
/// A pair must agree in all of Message-ID, size and date, and each must be the only one of its side
/// with those. Whatever is not that plain is fetched and compared by its octets: attaching the wrong
/// message would let retention delete one that was never downloaded.
#[must_use]
pub fn rematch(orphans: &[Orphan], candidates: &[Candidate]) -> Rematch {
    let mut known: HashMap<&Likeness, Vec<MessageKey>> = HashMap::new();
    for orphan in orphans.iter().filter(|o| o.likeness.is_telling()) {
        known.entry(&orphan.likeness).or_default().push(orphan.key);
    }
    let mut shown: HashMap<&Likeness, u32> = HashMap::new();
    for candidate in candidates {
        *shown.entry(&candidate.likeness).or_default() += 1;
    }
    let mut rematch = Rematch::default();
    for candidate in candidates {
        let only = shown.get(&candidate.likeness) == Some(&1);
        match known.get(&candidate.likeness).map(Vec::as_slice) {
            Some([key]) if only => rematch.attach.push((*key, candidate.uid)),
            _ => rematch.fetch.insert(candidate.uid),
        }
    }
    rematch
}

/// Which known messages are not the ones that the server shows under their UIDs: a server restored from
/// a backup gives UIDs out again, whatever the RFC says.
///
/// `shown` may lack some of the known; of those nothing is said. A message that nothing tells apart
/// is not the same: its octets will say.
#[must_use]
pub fn impostors(known: &[(Uid, Orphan)], shown: &[Candidate]) -> Vec<MessageKey> {
    let shown: HashMap<Uid, &Likeness> = shown.iter().map(|c| (c.uid, &c.likeness)).collect();
    let other = |(uid, orphan): &&(Uid, Orphan)| {
        let same = |likeness: &&Likeness| orphan.likeness == **likeness && likeness.is_telling();
        shown.get(uid).is_some_and(|likeness| !same(likeness))
    };
    let others = known.iter().filter(other);
    others.map(|(_, orphan)| orphan.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(text: &str) -> Likeness {
        let mut words = text.split('/').map(|w| (w != "-").then(|| w.to_owned()));
        Likeness {
            message_id: words.next().unwrap(),
            size_octets: words.next().unwrap().map(|w| w.parse().unwrap()),
            internal_date: words
                .next()
                .unwrap()
                .map(|w| UnixTime::from_seconds(w.parse().unwrap())),
        }
    }

    /// Orphans are keys 1.. in order, candidates UIDs 1.. in order.
    fn case(orphans: &[&str], candidates: &[&str]) -> String {
        let orphans: Vec<_> = (1..)
            .zip(orphans)
            .map(|(n, text)| Orphan {
                key: MessageKey(n),
                likeness: likeness(text),
            })
            .collect();
        let candidates: Vec<_> = (1..)
            .zip(candidates)
            .map(|(n, text)| Candidate {
                uid: Uid::new(n).unwrap(),
                likeness: likeness(text),
            })
            .collect();
        let found = rematch(&orphans, &candidates);
        let pairs = found
            .attach
            .iter()
            .map(|(key, uid)| format!("{}={uid}", key.0));
        format!(
            "{} fetch {}",
            pairs.collect::<Vec<_>>().join(","),
            found.fetch
        )
    }

    #[test]
    fn r4_a_renumbered_mailbox_is_found_again() {
        let found = case(&["a/10/1", "b/10/1"], &["b/10/1", "a/10/1", "c/9/2"]);
        assert_eq!(found, "2=1,1=2 fetch 3");
    }

    #[test]
    fn r4_what_is_not_unique_or_has_no_message_id_is_compared_by_content() {
        assert_eq!(case(&["a/10/1", "a/10/1"], &["a/10/1"]), " fetch 1");
        assert_eq!(case(&["a/10/1"], &["a/10/1", "a/10/1"]), " fetch 1:2");
        assert_eq!(case(&["-/10/1"], &["-/10/1"]), " fetch 1");
        assert_eq!(case(&["a/-/1"], &["a/-/1"]), " fetch 1");
        assert_eq!(case(&["a/10/1"], &["a/11/1"]), " fetch 1");
    }

    #[test]
    fn r4_a_uid_given_out_again_is_another_message() {
        let known = |uid, text| {
            let likeness = likeness(text);
            let key = MessageKey(i64::from(uid));
            (Uid::new(uid).unwrap(), Orphan { key, likeness })
        };
        let shown = |uid, text| Candidate {
            uid: Uid::new(uid).unwrap(),
            likeness: likeness(text),
        };
        let known = [
            known(1, "a/10/1"),
            known(2, "b/10/1"),
            known(3, "-/10/1"),
            known(4, "d/10/1"),
            known(9, "e/10/1"),
        ];
        let shown = [
            shown(1, "a/10/1"),
            shown(2, "c/10/1"),
            shown(3, "-/10/1"),
            shown(4, "d/10/2"),
        ];
        let keys: Vec<_> = impostors(&known, &shown).iter().map(|key| key.0).collect();
        assert_eq!(keys, [2, 3, 4]);
    }
}
