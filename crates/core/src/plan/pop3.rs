//! How to bring one POP3 maildrop up to date.
//!
//! A message number lives for one session, a UIDL is a promise that many servers break, and a size
//! is the server's word. So a listed message is *known* only where UIDL and size agree with the
//! record; where they half agree its header is compared; where that cannot tell, its octets are.

use crate::message::{MessageKey, Sha256};
use crate::uidl::Uidl;
use std::collections::{HashMap, HashSet};

/// A message of this maildrop that the index has a row for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMessage {
    /// The message.
    pub key: MessageKey,
    /// The unique-id under which it was last listed, if it had a usable one.
    pub uidl: Option<Uidl>,
    /// What LIST said of its size.
    pub size_octets: Option<u64>,
    /// The hash of its header, as TOP would show it, where it was kept.
    pub header: Option<Sha256>,
    /// Whether that header has a Message-ID. What devices and scripts write often has none, nor a date, and one
    /// message's is another's.
    pub named: bool,
    /// What became of its server copy.
    pub state: KnownState,
}

/// What became of a known message's server copy, as far as we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownState {
    /// We expired it, and QUIT was acknowledged.
    Expired,
    /// DELE was sent, but QUIT's answer never came (R2).
    ExpiryRequested,
    /// It was there when we last looked.
    Present,
    /// It was gone when we last looked, and not by us.
    Vanished,
}

/// A message of the present session's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMessage {
    /// Its number, for this session only.
    pub number: u32,
    /// Its unique-id; `None` when missing, blank or not unique.
    pub uidl: Option<Uidl>,
    /// LIST's word on its size.
    pub size_octets: Option<u64>,
}

/// What to do about one listed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Unique-id and size agree with the record: it is this one.
    Known(MessageKey),
    /// It may be one of these: ask for its header and see [`settle`].
    Compare(Vec<MessageKey>),
    /// Unknown: fetch it.
    New,
}

/// What to do about a maildrop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What each listed message is, in the listing's order.
    pub listed: Vec<(u32, Identity)>,
    /// Known messages that are in the listing no more, and whose deletion we had asked for: it was
    /// carried out, only the answer was lost (R2).
    pub expired: Vec<MessageKey>,
    /// Known messages whose unique-id is in the listing no more; those that a comparison finds again
    /// have not vanished.
    pub vanished: Vec<MessageKey>,
}

/// Decides what each listed message is. Same views, same plan.
///
/// For each listed message:
/// a) its UIDL and size are those of a present one: known;
/// b) its UIDL is known, but the size is another or the message was gone: the header tells whether
///    the server reuses unique-ids, forgot a deletion, or came back from a backup;
/// c) its UIDL is unknown, and a message of that size left the listing: the server may have changed
///    its unique-ids (R4), the header tells;
/// d) it has no usable UIDL: only known messages without one, of that size, can be it;
/// e) otherwise it is new.
#[must_use]
pub fn plan_pop3(known: &[KnownMessage], listing: &[ListedMessage]) -> Plan {
    // Room for all at once: a maildrop that is left as it is may hold very many.
    let mut listed_uidls: HashSet<&Uidl> = HashSet::with_capacity(listing.len());
    listed_uidls.extend(listing.iter().filter_map(|m| m.uidl.as_ref()));
    let mut by_uidl: HashMap<&Uidl, &KnownMessage> = HashMap::with_capacity(known.len());
    let mut lost_by_size: HashMap<Option<u64>, Vec<MessageKey>> = HashMap::new();
    for message in known {
        let is_listed = message
            .uidl
            .as_ref()
            .is_some_and(|u| listed_uidls.contains(u));
        if let Some(uidl) = &message.uidl {
            // What is there owns it; else the one that had it last.
            let owner = by_uidl.entry(uidl).or_insert(message);
            if is_there(message) || !is_there(owner) {
                *owner = message;
            }
        }
        if !is_listed && message.state != KnownState::Expired {
            let lost = lost_by_size.entry(message.size_octets).or_default();
            lost.push(message.key);
        }
    }
    let identify = |listed: &ListedMessage| {
        let owner = listed.uidl.as_ref().and_then(|uidl| by_uidl.get(uidl));
        match owner {
            Some(owner) if is_same(owner, listed) => Identity::Known(owner.key),
            Some(owner) => Identity::Compare(vec![owner.key]),
            None => match lost_by_size.get(&listed.size_octets) {
                Some(lost) => Identity::Compare(lost.clone()),
                None => Identity::New,
            },
        }
    };
    let mut plan = Plan {
        listed: listing.iter().map(|m| (m.number, identify(m))).collect(),
        ..Plan::default()
    };
    let gone = |m: &&KnownMessage| m.uidl.as_ref().is_none_or(|u| !listed_uidls.contains(u));
    for message in known.iter().filter(gone) {
        match message.state {
            KnownState::ExpiryRequested => plan.expired.push(message.key),
            KnownState::Present => plan.vanished.push(message.key),
            KnownState::Expired | KnownState::Vanished => {}
        }
    }
    plan
}

fn is_same(known: &KnownMessage, listed: &ListedMessage) -> bool {
    is_there(known) && known.size_octets == listed.size_octets
}

const fn is_there(known: &KnownMessage) -> bool {
    matches!(
        known.state,
        KnownState::Present | KnownState::ExpiryRequested
    )
}

/// Settles a [`Identity::Compare`] once the header's hash is known: the one candidate with that
/// header and that size, if it is the only one; else the message must be fetched and compared whole. So must one
/// whose header has no Message-ID: what has come may be another. But where it has no unique-id either, it would be
/// fetched in every pass, and one that is there is taken for it.
#[must_use]
pub fn settle<'k>(
    candidates: impl IntoIterator<Item = &'k KnownMessage>,
    listed: &ListedMessage,
    header: Sha256,
) -> Option<&'k KnownMessage> {
    let alike = |m: &&KnownMessage| m.header == Some(header) && m.size_octets == listed.size_octets;
    let mut matching = candidates.into_iter().filter(alike);
    let first = matching.next()?;
    let is_told = first.named || (listed.uidl.is_none() && is_there(first));
    (is_told && matching.next().is_none()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uidl(text: &str) -> Option<Uidl> {
        Uidl::parse(text.trim_matches('-').as_bytes())
    }

    /// `a/10` is UIDL a of 10 octets, then `!` vanished, `x` expired, `?` expiry requested; `-` is no
    /// UIDL. Keys and numbers count from 1; a header's hash is the key.
    fn case(known: &[&str], listing: &[&str]) -> String {
        let known: Vec<_> = (1..)
            .zip(known)
            .map(|(n, text)| known_row(n, text))
            .collect();
        let listing: Vec<_> = (1..)
            .zip(listing)
            .map(|(number, text)| {
                let (id, size) = text.split_once('/').unwrap();
                ListedMessage {
                    number,
                    uidl: uidl(id),
                    size_octets: size.parse().ok(),
                }
            })
            .collect();
        let plan = plan_pop3(&known, &listing);
        let names = |keys: &[MessageKey]| {
            let keys = keys.iter().map(|k| k.0.to_string());
            keys.collect::<Vec<_>>().join("+")
        };
        let mut out: Vec<_> = plan
            .listed
            .iter()
            .map(|(number, identity)| match identity {
                Identity::Known(key) => format!("{number}={}", key.0),
                Identity::Compare(keys) => format!("{number}~{}", names(keys)),
                Identity::New => format!("{number}new"),
            })
            .collect();
        out.push(format!(
            "expired {} vanished {}",
            names(&plan.expired),
            names(&plan.vanished)
        ));
        out.join(" ")
    }

    fn known_row(n: i64, text: &str) -> KnownMessage {
        let (id, rest) = text.split_once('/').unwrap();
        let state = match rest.chars().last().unwrap() {
            '!' => KnownState::Vanished,
            'x' => KnownState::Expired,
            '?' => KnownState::ExpiryRequested,
            _ => KnownState::Present,
        };
        KnownMessage {
            key: MessageKey(n),
            uidl: uidl(id),
            size_octets: rest.trim_end_matches(['!', 'x', '?']).parse().ok(),
            header: Some(Sha256([u8::try_from(n).unwrap(); 32])),
            named: true,
            state,
        }
    }

    #[test]
    fn a_first_look_fetches_everything() {
        assert_eq!(case(&[], &["a/1", "b/2"]), "1new 2new expired  vanished ");
    }

    #[test]
    fn known_by_uidl_and_size() {
        assert_eq!(
            case(&["a/1"], &["b/2", "a/1"]),
            "1new 2=1 expired  vanished "
        );
    }

    #[test]
    fn r2_a_deletion_whose_quit_was_lost_is_found_or_finished() {
        assert_eq!(case(&["a/1?", "b/2?"], &["b/2"]), "1=2 expired 1 vanished ");
    }

    #[test]
    fn a_reused_uidl_is_not_taken_for_the_old_message() {
        assert_eq!(case(&["a/1"], &["a/9"]), "1~1 expired  vanished ");
        assert_eq!(case(&["a/1x"], &["a/1"]), "1~1 expired  vanished ");
    }

    #[test]
    fn what_is_there_owns_its_uidl_however_often_it_was_given_out() {
        let listing = ["a/1"];
        for known in [["a/1", "a/9x"], ["a/9!", "a/1"], ["a/1?", "a/1!"]] {
            let there = known.iter().position(|k| k.ends_with(['1', '?'])).unwrap() + 1;
            let told = case(&known, &listing);
            assert_eq!(told, format!("1={there} expired  vanished "), "{known:?}");
        }
        assert_eq!(case(&["a/1x", "a/1!"], &listing), "1~2 expired  vanished ");
    }

    #[test]
    fn r4_changed_uidls_are_compared_by_header() {
        assert_eq!(
            case(&["a/1", "b/2"], &["x/2", "y/1"]),
            "1~2 2~1 expired  vanished 1+2"
        );
        assert_eq!(case(&["a/1!"], &["a/1"]), "1~1 expired  vanished ");
    }

    #[test]
    fn expired_messages_do_not_slow_down_new_mail_of_the_same_size() {
        assert_eq!(case(&["a/1x"], &["b/1"]), "1new expired  vanished ");
    }

    #[test]
    fn without_uidl_only_messages_of_that_size_can_be_it() {
        assert_eq!(
            case(&["-/5"], &["-/5", "-/6"]),
            "1~1 2new expired  vanished 1"
        );
    }

    #[test]
    fn a_header_settles_only_what_is_unique() {
        let known = [
            known_row(1, "a/5"),
            known_row(2, "b/5"),
            known_row(2, "c/5"),
        ];
        let listed = ListedMessage {
            number: 1,
            uidl: None,
            size_octets: Some(5),
        };
        let settle = |header: u8| {
            let settled = settle(&known, &listed, Sha256([header; 32]));
            settled.map(|known| known.key)
        };
        assert_eq!(settle(1), Some(MessageKey(1)));
        assert_eq!(settle(2), None, "two rows alike");
        assert_eq!(settle(3), None);
    }

    #[test]
    fn r1_r4_a_header_without_a_message_id_tells_nothing_of_what_has_a_unique_id() {
        for (was, named, comes, is_it) in [
            ("a/5x", true, "a/5", true),
            ("a/5x", false, "a/5", false),
            ("a/5!", false, "a/5", false),
            ("b/5", true, "a/5", true),
            ("b/5", false, "a/5", false),
            ("b/5?", false, "a/5", false),
            ("-/5", false, "-/5", true),
            ("-/5?", false, "-/5", true),
            ("-/5!", false, "-/5", false),
            ("-/5!", true, "-/5", true),
        ] {
            let known = [KnownMessage {
                named,
                ..known_row(1, was)
            }];
            let listed = ListedMessage {
                number: 1,
                uidl: uidl(comes.split_once('/').unwrap().0),
                size_octets: Some(5),
            };
            let settled = settle(&known, &listed, Sha256([1; 32]));
            assert_eq!(settled.is_some(), is_it, "{was} {named} {comes}");
        }
    }
}
