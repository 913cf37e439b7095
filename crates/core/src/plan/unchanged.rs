//! A maildrop that is as it was when we last looked, told at the cost of one look at each message.

use crate::message::MessageKey;
use crate::plan::pop3::ListedMessage;
use crate::uidl::Uidl;
use std::vec;

/// Compares a listing with the known messages that are there, and gives up at the first difference. Most passes
/// find none, and many people leave tens of thousands of messages on the server.
///
/// Where it finds none, [`plan_pop3`](super::pop3::plan_pop3) would find every message known, and nothing gone.
#[derive(Debug)]
pub struct Unchanged<'l> {
    listed: vec::IntoIter<(&'l Uidl, &'l ListedMessage)>,
    same: Vec<(u32, MessageKey)>,
}

impl<'l> Unchanged<'l> {
    /// `None` where a message has no unique-id of its own: then more than a look is needed.
    #[must_use]
    pub fn new(listing: &'l [ListedMessage]) -> Option<Self> {
        let named = |listed: &'l ListedMessage| Some((listed.uidl.as_ref()?, listed));
        let mut listed = listing.iter().map(named).collect::<Option<Vec<_>>>()?;
        listed.sort_unstable_by_key(|(uidl, _)| *uidl);
        Some(Self {
            same: Vec::with_capacity(listed.len()),
            listed: listed.into_iter(),
        })
    }

    /// Looks at the next known message that is there, in the order of their unique-ids' octets. Whether it is listed as
    /// it was, and the next is worth a look.
    pub fn look(&mut self, key: MessageKey, uidl: Option<&str>, size_octets: Option<u64>) -> bool {
        let Some((name, listed)) = self.listed.next() else {
            return false;
        };
        let is_same = uidl == Some(name.as_str()) && size_octets == listed.size_octets;
        if is_same {
            self.same.push((listed.number, key));
        }
        is_same
    }

    /// The messages by their numbers, once all known ones were looked at and none differed; `None` where more are
    /// listed than were known.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<(u32, MessageKey)>> {
        self.listed.next().is_none().then_some(self.same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::pop3::{Identity, KnownMessage, KnownState, Plan, plan_pop3};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn unchanged(
        known: &[KnownMessage],
        listing: &[ListedMessage],
    ) -> Option<Vec<(u32, MessageKey)>> {
        let mut there: Vec<_> = known.iter().collect();
        there.sort_by(|one, other| one.uidl.cmp(&other.uidl));
        let mut walk = Unchanged::new(listing)?;
        let look = |known: &&KnownMessage| {
            walk.look(
                known.key,
                known.uidl.as_ref().map(Uidl::as_str),
                known.size_octets,
            )
        };
        there.iter().all(look).then_some(())?;
        let mut same = walk.finish()?;
        same.sort_unstable();
        Some(same)
    }

    /// What the plan says where it finds nothing to do.
    fn nothing_to_do(plan: Plan) -> Option<Vec<(u32, MessageKey)>> {
        let known = |(number, identity)| match identity {
            Identity::Known(key) => Some((number, key)),
            Identity::Compare(_) | Identity::New => None,
        };
        let is_all = plan.expired.is_empty() && plan.vanished.is_empty();
        let same: Option<Vec<_>> = plan.listed.into_iter().map(known).collect();
        same.filter(|_| is_all)
    }

    /// `(unique-id, size)`, few of each, so that they meet.
    fn messages() -> impl Strategy<Value = Vec<(Option<u8>, Option<u64>)>> {
        let uidl = prop_oneof![9 => (0..6_u8).prop_map(Some), 1 => Just(None)];
        let size = prop_oneof![9 => (1..3_u64).prop_map(Some), 1 => Just(None)];
        prop::collection::vec((uidl, size), 0..6)
    }

    fn uidl(id: Option<u8>) -> Option<Uidl> {
        Uidl::parse(&[b'a' + id?])
    }

    fn listing(messages: &[(Option<u8>, Option<u64>)]) -> Vec<ListedMessage> {
        let is_only = |id| messages.iter().filter(|(other, _)| *other == id).count() == 1;
        let listed =
            |(number, (id, size_octets)): (u32, &(Option<u8>, Option<u64>))| ListedMessage {
                number,
                uidl: uidl(id.filter(|id| is_only(Some(*id)))),
                size_octets: *size_octets,
            };
        (1..).zip(messages).map(listed).collect()
    }

    /// Two that are there never have one unique-id: the index refuses it.
    fn known(messages: &[(Option<u8>, Option<u64>)]) -> Vec<KnownMessage> {
        let mut ids = HashSet::new();
        let is_first = |(id, _): &&(Option<u8>, Option<u64>)| id.is_none_or(|id| ids.insert(id));
        let known = |(key, (id, size_octets)): (i64, &(Option<u8>, Option<u64>))| KnownMessage {
            key: MessageKey(key),
            uidl: uidl(*id),
            size_octets: *size_octets,
            header: None,
            named: true,
            state: if key % 3 == 0 {
                KnownState::ExpiryRequested
            } else {
                KnownState::Present
            },
        };
        (1..)
            .zip(messages.iter().filter(is_first))
            .map(known)
            .collect()
    }

    proptest! {
        #[test]
        fn r4_what_is_unchanged_is_what_the_plan_finds_known(before in messages(), now in messages(), is_same: bool) {
            let now = if is_same { before.clone() } else { now };
            let (known, listing) = (known(&before), listing(&now));
            let found = unchanged(&known, &listing);
            let planned = nothing_to_do(plan_pop3(&known, &listing));
            prop_assert_eq!(found, planned);
        }
    }

    #[test]
    fn each_difference_is_one() {
        let known = known(&[(Some(0), Some(1)), (Some(1), Some(2))]);
        for (now, is_unchanged) in [
            (&[(Some(1), Some(2)), (Some(0), Some(1))][..], true),
            (&[(Some(0), Some(1)), (Some(1), Some(1))], false),
            (&[(Some(0), Some(1)), (Some(2), Some(2))], false),
            (&[(Some(0), Some(1))], false),
            (
                &[(Some(0), Some(1)), (Some(1), Some(2)), (Some(2), Some(2))],
                false,
            ),
            (&[(Some(0), Some(1)), (Some(1), None)], false),
            (&[(Some(0), Some(1)), (None, Some(2))], false),
            (&[], false),
        ] {
            assert_eq!(
                unchanged(&known, &listing(now)).is_some(),
                is_unchanged,
                "{now:?}"
            );
        }
        assert_eq!(unchanged(&[], &[]), Some(Vec::new()));
    }
}
