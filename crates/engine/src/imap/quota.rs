//! How full the boxes are (QUOTA, RFC 9208), and a warning well before one is full.

use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use crate::imap::observe::Observed;
use postrider_core::brake::Percent;
use postrider_core::retention::{Level, Usage};
use postrider_imap::capability::Capability;
use postrider_imap::{FlightEvent, Session, Step};
use postrider_index::{Index, MailboxId};
use std::collections::BTreeMap;

/// Shares at which the log warns, each once: there must be time to do something about it.
const WARNINGS: [u64; 3] = [80, 90, 95];

/// What the quota roots say, and which mailboxes are in which.
#[derive(Debug, Default)]
pub(crate) struct Room {
    roots: BTreeMap<String, Usage>,
    /// Root and mailbox; a mailbox may be in several.
    members: Vec<(String, MailboxId)>,
}

/// Mailboxes that are decided upon together, with what their box says.
type Together<'a> = Vec<(Usage, Vec<&'a Observed>)>;
/// Mailboxes that are decided upon one by one.
type Alone<'a> = Vec<(Usage, &'a Observed)>;

impl Room {
    /// The mailboxes of boxes that are above the mark, box by box, and all others.
    pub(crate) fn above<'a>(
        &self,
        mark: Option<Percent>,
        mailboxes: Vec<&'a Observed>,
    ) -> (Together<'a>, Alone<'a>) {
        let is_above = |usage: &Usage| {
            let levels = [usage.octets, usage.messages].into_iter().flatten();
            let mut shares = levels.map(Level::share);
            mark.is_some_and(|mark| shares.any(|share| share >= u64::from(mark.as_u8())))
        };
        let mut together: BTreeMap<&str, (Usage, Vec<&Observed>)> = BTreeMap::new();
        let mut alone = Vec::new();
        for mailbox in mailboxes {
            let id = mailbox.local.id;
            let of = self.members.iter().filter(|(_, member)| *member == id);
            let roots = of.filter_map(|(root, _)| self.roots.get_key_value(root));
            let fullest = roots.max_by_key(|(_, usage)| share(usage));
            match fullest {
                Some((root, usage)) if is_above(usage) => {
                    let group = together.entry(root).or_insert((*usage, Vec::new()));
                    group.1.push(mailbox);
                }
                Some((_, usage)) => alone.push((*usage, mailbox)),
                None => alone.push((Usage::default(), mailbox)),
            }
        }
        (together.into_values().collect(), alone)
    }

    /// The fullest of all.
    pub(crate) fn fullest(&self) -> Usage {
        let fullest = self.roots.values().max_by_key(|usage| share(usage));
        fullest.copied().unwrap_or_default()
    }
}

/// The fuller of the two, in hundredths.
fn share(usage: &Usage) -> Option<u64> {
    let levels = [usage.octets, usage.messages].into_iter().flatten();
    levels.map(Level::share).max()
}

/// Whether the server says how full a box is.
pub(crate) const fn is_told(session: &Session) -> bool {
    session.capabilities().has(Capability::Quota)
}

/// Asks about every mailbox in one flight where a rule is about it, about INBOX, or the first one, where only a
/// warning is.
pub(crate) async fn ask(
    account: &Account,
    session: &mut Session,
    observed: &[Observed],
) -> Result<Room, EngineError> {
    let mut room = Room::default();
    if !is_told(session) {
        return Ok(room);
    }
    let asked: Vec<&Observed> = if account.settings.retention.quota.is_some() {
        observed.iter().collect()
    } else {
        let inbox = |o: &&Observed| o.wire_name.octets().eq_ignore_ascii_case(b"INBOX");
        let one = observed.iter().find(inbox).or_else(|| observed.first());
        one.into_iter().collect()
    };
    let steps = asked.iter().map(|o| Step::Quota(o.wire_name.clone()));
    let steps: Vec<_> = steps.collect();
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        // One that is refused or cannot be read is one of which nothing is known.
        let FlightEvent::Quota { step, quota } = event else {
            continue;
        };
        let level = |told: Option<(u64, u64)>| told.map(|(used, limit)| Level { used, limit });
        let usage = Usage {
            octets: level(quota.octets),
            messages: level(quota.messages),
        };
        if let Some(mailbox) = asked.get(step).filter(|_| usage.is_told()) {
            room.members.push((quota.root.clone(), mailbox.local.id));
            room.roots.insert(quota.root, usage);
        }
    }
    account.live.asked_for_quota();
    Ok(room)
}

/// Warns of a box that has become fuller than when it was last warned of.
pub(crate) async fn warn(account: &Account, usage: Usage) -> Result<(), EngineError> {
    if !usage.is_told() {
        return Ok(());
    }
    account.live.change(|live| live.quota = usage);
    let share = share(&usage).unwrap_or_default();
    let reached = WARNINGS.into_iter().rfind(|warning| share >= *warning);
    let id = account.id;
    let note = move |index: &mut Index| index.note_quota(id, reached);
    if account.shared.index.call(note).await? {
        let full = |level: Level| level.share() == share;
        let (resource, level) = match (usage.octets, usage.messages) {
            (Some(octets), _) if full(octets) => ("octets", octets),
            (_, Some(messages)) => ("messages", messages),
            (Some(octets), None) => ("octets", octets),
            (None, None) => return Ok(()),
        };
        events::QuotaNeared {
            account: account.log_name(),
            resource,
            used: level.used,
            limit: level.limit,
            share,
            hint: if account.settings.retention.quota.is_some() {
                "a full box takes no mail; `quota` lets go what is proven and not protected, and the \
                 rest is for you to delete"
            } else {
                "a full box takes no mail; delete something on the server, or let \
                 `retention: {quota: 80%}` do it"
            },
        }
        .emit();
    }
    Ok(())
}
