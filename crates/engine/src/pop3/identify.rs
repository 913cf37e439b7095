//! Which listed messages are known, by UIDL and size, by header, or not at all.

use crate::context::{Account, LocalMailbox, now};
use crate::deliver::{Orphans, Stored};
use crate::error::EngineError;
use crate::events;
use crate::header;
use crate::report::PassReport;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::plan::pop3::{
    Identity, KnownMessage, KnownState, ListedMessage, Plan, plan_pop3, settle,
};
use postrider_core::plan::unchanged::Unchanged;
use postrider_index::{Attachment, Index, Pop3Row};
use postrider_pop3::{Maildrop, Transaction, UidlState};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The listing, sorted.
#[derive(Debug, Default)]
pub(crate) struct Identified {
    /// Messages whose identity is certain enough not to fetch them.
    pub(crate) known: Vec<Known>,
    /// Messages that the server had confirmed to have deleted.
    pub(crate) expired: HashSet<MessageKey>,
    /// Messages to fetch.
    pub(crate) new: Vec<ListedMessage>,
    /// Known messages that a fetched one may turn out to be.
    pub(crate) orphans: Orphans,
    /// Those of them that the listing lacks, and that a fetched one of their size may turn out to be. Asked for in a
    /// rehearsal alone, which does not fetch it.
    pub(crate) suspected: HashSet<MessageKey>,
    pub(crate) absent: Absent,
}

/// A listed message that we know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Its number in this session.
    pub(crate) number: u32,
    pub(crate) key: MessageKey,
    pub(crate) by: Sign,
}

impl Known {
    const fn by_name((number, key): (u32, MessageKey)) -> Self {
        let by = Sign::Name;
        Self { number, key, by }
    }

    /// `None` where it has no number: no maildrop lists it.
    pub(crate) fn by_octets(stored: &Stored) -> Option<Self> {
        Some(Self {
            number: stored.number?,
            key: stored.key,
            by: Sign::Octets,
        })
    }
}

/// By what a listed message was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Nothing but UIDL and size.
    Name,
    /// Its header too.
    Header,
    /// Its header, and only its octets would make it certain: it is without a UIDL.
    Likeness,
    /// Its octets, which came in this session.
    Octets,
}

/// Known messages that the listing lacks. Empty when only one witness says so (R5).
#[derive(Debug, Default)]
pub(crate) struct Absent {
    pub(crate) expired: Vec<MessageKey>,
    pub(crate) vanished: Vec<MessageKey>,
}

impl Absent {
    pub(crate) const fn is_empty(&self) -> bool {
        self.expired.is_empty() && self.vanished.is_empty()
    }

    /// These were found again.
    pub(crate) fn forget(&mut self, found: &HashSet<MessageKey>) {
        self.expired.retain(|key| !found.contains(key));
        self.vanished.retain(|key| !found.contains(key));
    }
}

/// Sorts the listing. Asks for headers where UIDL and size do not settle it.
pub(crate) async fn identify(
    account: &Account,
    mailbox: &LocalMailbox,
    session: &mut Transaction,
    maildrop: Maildrop,
    report: &mut PassReport,
) -> Result<Identified, EngineError> {
    let agree = maildrop.witnesses_agree;
    let listing: Arc<[_]> = maildrop.messages.into_iter().map(listed_message).collect();
    if agree && let Some(known) = unchanged(account, mailbox, &listing).await? {
        return Ok(Identified {
            known,
            ..Identified::default()
        });
    }
    let (rows, known, plan) = compare(account, mailbox, &listing).await?;
    let mut sorted = Identified {
        expired: expired(&rows),
        ..Identified::default()
    };
    if agree {
        sorted.absent.expired = plan.expired;
        sorted.absent.vanished = plan.vanished;
    } else {
        let because = "STAT and LIST disagree: absences are not believed";
        skipped(account, mailbox, because, report);
    }
    let doubtful = doubtful(account, &rows);
    let (mut open, mut displaced) = (Vec::new(), Vec::new());
    for ((number, identity), listed) in plan.listed.into_iter().zip(&*listing) {
        match identity {
            Identity::Known(key) if doubtful.contains(&key) => {
                displaced.push(key);
                sorted.new.push(listed.clone());
            }
            Identity::Known(key) => sorted.known.push(Known::by_name((number, key))),
            Identity::Compare(mut candidates) => {
                candidates.retain(|key| !doubtful.contains(key));
                open.push((candidates, listed));
            }
            Identity::New => sorted.new.push(listed.clone()),
        }
    }
    let headers = headers(session, &open).await?;
    let settled = settle_open(open, &headers, &known);
    sorted.known.extend(settled.known);
    sorted.new.extend(settled.new);
    sorted.orphans = orphans(mailbox, &rows, &sorted.known);
    if account.part.leave().is_none() {
        sorted.suspected = suspected(&rows, &sorted);
    }
    let gone = [settled.replaced.as_slice(), &displaced].concat();
    account.note_gone(&mailbox.name, &gone).await?;
    let write = move |index: &mut Index| {
        index.mark_vanished(&settled.replaced, now())?;
        // Until their octets have come: what comes may be another message with the same unique-id.
        index.mark_vanished(&displaced, now())?;
        index.attach(&settled.attach, now())
    };
    account.shared.index.call(write).await?;
    Ok(sorted)
}

/// The listed messages where the maildrop is as it was when we last looked, which needs no more than one look at
/// each; else `None`.
async fn unchanged(
    account: &Account,
    mailbox: &LocalMailbox,
    listing: &Arc<[ListedMessage]>,
) -> Result<Option<Vec<Known>>, EngineError> {
    let (id, listing, lets_go) = (mailbox.id, Arc::clone(listing), account.lets_go());
    let look = move |index: &mut Index| {
        // Where the policy deletes, nothing but their octets will do.
        if lets_go && index.holds_unreceived(id)? {
            return Ok(None);
        }
        let Some(mut unchanged) = Unchanged::new(&listing) else {
            return Ok(None);
        };
        let look = |key, uidl: Option<&str>, octets| unchanged.look(key, uidl, octets);
        let has_seen_all = index.look_through_maildrop(id, look)?;
        Ok(has_seen_all.then(|| unchanged.finish()).flatten())
    };
    let same = account.shared.index.call(look).await?;
    Ok(same.map(|same| same.into_iter().map(Known::by_name).collect()))
}

/// Compares the listing with what the maildrop held when we last looked; and, where that does not say what
/// each message is, with all that it has ever held.
async fn compare(
    account: &Account,
    mailbox: &LocalMailbox,
    listing: &[ListedMessage],
) -> Result<(Vec<Pop3Row>, Vec<KnownMessage>, Plan), EngineError> {
    let (id, index) = (mailbox.id, &account.shared.index);
    let mut rows = index.call(move |index| index.maildrop(id)).await?;
    let mut known: Vec<_> = rows.iter().map(known_message).collect();
    let mut plan = plan_pop3(&known, listing);
    let doubtful = doubtful(account, &rows);
    let is_certain = |(_, identity): &(u32, Identity)| match identity {
        Identity::Known(key) => !doubtful.contains(key),
        Identity::Compare(_) | Identity::New => false,
    };
    if !plan.listed.iter().all(is_certain) {
        rows.extend(index.call(move |index| index.former_maildrop(id)).await?);
        known = rows.iter().map(known_message).collect();
        plan = plan_pop3(&known, listing);
    }
    Ok((rows, known, plan))
}

/// Messages whose deletion the server has confirmed.
fn expired(rows: &[Pop3Row]) -> HashSet<MessageKey> {
    let expired = rows.iter().filter(|row| row.expired_at.is_some());
    expired.map(|row| row.key).collect()
}

/// Messages that another program delivered: where the policy deletes, nothing but their octets will do.
fn doubtful(account: &Account, rows: &[Pop3Row]) -> HashSet<MessageKey> {
    let doubtful = |row: &&Pop3Row| !row.received && account.lets_go();
    rows.iter().filter(doubtful).map(|row| row.key).collect()
}

/// What the headers told.
#[derive(Default)]
struct Settled {
    known: Vec<Known>,
    attach: Vec<Attachment>,
    /// Known messages whose unique-id another message bears now, unless its octets say otherwise.
    replaced: Vec<MessageKey>,
    new: Vec<ListedMessage>,
}

/// Settles what UIDL and size left open. A known message is found again once: of two listed ones that
/// look like it, the second must show its octets.
fn settle_open(
    open: Vec<(Vec<MessageKey>, &ListedMessage)>,
    headers: &HashMap<u32, Sha256>,
    known: &[KnownMessage],
) -> Settled {
    let mut settled = Settled::default();
    if open.is_empty() {
        return settled;
    }
    let mut claimed = HashSet::new();
    let by_key: HashMap<_, _> = known.iter().map(|known| (known.key, known)).collect();
    for (mut candidates, listed) in open {
        candidates.retain(|key| !claimed.contains(key));
        let candidates = candidates.iter().filter_map(|key| by_key.get(key).copied());
        let header = headers.get(&listed.number);
        let found = header.and_then(|header| settle(candidates, listed, *header));
        if let Some(&KnownMessage { key, .. }) = found {
            claimed.insert(key);
            settled.known.push(Known {
                number: listed.number,
                key,
                by: if listed.uidl.is_some() {
                    Sign::Header
                } else {
                    Sign::Likeness
                },
            });
            settled.attach.push(Attachment {
                key,
                server: ServerRef::Pop3 {
                    uidl: listed.uidl.clone(),
                },
                server_octets: listed.size_octets,
            });
        } else {
            let same = |known: &&KnownMessage| known.uidl.is_some() && known.uidl == listed.uidl;
            let bearers = known.iter().filter(same).map(|known| known.key);
            settled
                .replaced
                .extend(bearers.filter(|key| !claimed.contains(key)));
            settled.new.push(listed.clone());
        }
    }
    settled
}

/// The header hashes of the messages that must be compared.
async fn headers(
    session: &mut Transaction,
    open: &[(Vec<MessageKey>, &ListedMessage)],
) -> Result<HashMap<u32, Sha256>, EngineError> {
    let comparable = open.iter().filter(|(candidates, _)| !candidates.is_empty());
    let numbers: Vec<u32> = comparable.map(|(_, listed)| listed.number).collect();
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let told = session.digest_headers(&numbers, |_, header| header::fingerprint(header));
    Ok(told.await?.into_iter().collect())
}

fn known_message(row: &Pop3Row) -> KnownMessage {
    let state = if row.expired_at.is_some() {
        KnownState::Expired
    } else if row.vanished_at.is_some() {
        KnownState::Vanished
    } else if row.expire_requested_at.is_some() {
        KnownState::ExpiryRequested
    } else {
        KnownState::Present
    };
    KnownMessage {
        key: row.key,
        uidl: row.uidl.clone(),
        size_octets: row.server_octets,
        header: row.header_sha256,
        named: row.named,
        state,
    }
}

fn listed_message(listed: postrider_pop3::ListedMessage) -> ListedMessage {
    ListedMessage {
        number: listed.number,
        uidl: match listed.uidl {
            UidlState::Unique(uidl) => Some(uidl),
            UidlState::Ambiguous | UidlState::Missing => None,
        },
        size_octets: listed.octets,
    }
}

/// Rows that no listed message was found to be: what is fetched may be one of them.
fn orphans(mailbox: &LocalMailbox, rows: &[Pop3Row], known: &[Known]) -> Orphans {
    let found: HashSet<_> = known.iter().map(|known| known.key).collect();
    let mut orphans = Orphans::new();
    for row in rows.iter().filter(|row| !found.contains(&row.key)) {
        orphans
            .entry((mailbox.id, row.sha256))
            .or_default()
            .push(row.key);
    }
    orphans
}

/// Of the messages that the listing lacks as many as there are new ones of their size.
fn suspected(rows: &[Pop3Row], sorted: &Identified) -> HashSet<MessageKey> {
    let found: HashSet<_> = sorted.known.iter().map(|known| known.key).collect();
    let absent = sorted.absent.vanished.iter().chain(&sorted.absent.expired);
    let absent: HashSet<_> = absent.filter(|key| !found.contains(key)).collect();
    let mut by_size: HashMap<Option<u64>, Vec<MessageKey>> = HashMap::new();
    for row in rows.iter().filter(|row| absent.contains(&row.key)) {
        by_size.entry(row.server_octets).or_default().push(row.key);
    }
    let new = sorted.new.iter();
    new.filter_map(|listed| by_size.get_mut(&listed.size_octets)?.pop())
        .collect()
}

fn skipped(account: &Account, mailbox: &LocalMailbox, because: &str, report: &mut PassReport) {
    report.skipped += 1;
    events::MessageSkipped {
        account: account.log_name(),
        mailbox: &mailbox.name,
        uid: None,
        number: None,
        because,
    }
    .emit();
}
