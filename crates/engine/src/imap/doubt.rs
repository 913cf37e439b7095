//! UIDs that may have been given out twice under one UIDVALIDITY. No RFC permits it; a server that was
//! restored from a backup does it, and taking the new message for the old one would lose it (R4).
//!
//! What is doubted: everything known, when UIDNEXT or HIGHESTMODSEQ went backwards; and always a
//! message that was gone and seems to be back.

use crate::context::{Account, now};
use crate::deliver::Orphans;
use crate::error::EngineError;
use crate::imap::look::Look;
use crate::imap::rematch::describe;
use postrider_core::message::MessageKey;
use postrider_core::plan::uid_validity::{Orphan, impostors};
use postrider_core::plan::view::{Base, BaseMessage};
use postrider_core::uid::{Uid, UidSet};
use postrider_imap::Session;
use postrider_index::{Index, MailboxId};

/// Whether the server counts from an earlier point than the one that was recorded of the same epoch.
pub(crate) fn went_back(look: &Look) -> bool {
    let (was, is) = (&look.observed.row.server, &look.selected);
    let listed = look.observed.status.as_ref();
    let listed = listed.and_then(|status| status.highest_mod_seq);
    was.uid_validity == is.uid_validity
        && (less(is.uid_next, was.uid_next)
            || less(is.highest_mod_seq, was.highest_mod_seq)
            || less(listed, was.highest_mod_seq))
}

fn less<T: PartialOrd>(is: Option<T>, was: Option<T>) -> bool {
    matches!((is, was), (Some(is), Some(was)) if is < was)
}

/// Compares what is doubted with what the server says of it. Messages whose UIDs are another's lose
/// them; returns whether there were any.
pub(crate) async fn settle(
    account: &Account,
    session: &mut Session,
    look: &Look,
    base: &Base,
) -> Result<bool, EngineError> {
    let shown: UidSet = look.view.messages().iter().map(|m| m.uid).collect();
    let everything = went_back(look);
    let doubted =
        |known: &&BaseMessage| (everything || known.vanished) && shown.contains(known.uid);
    let doubted: Vec<(MessageKey, Uid)> = base
        .messages
        .iter()
        .filter(doubted)
        .map(|known| (known.key, known.uid))
        .collect();
    if doubted.is_empty() {
        return Ok(false);
    }
    let uids = doubted.iter().map(|(_, uid)| *uid).collect();
    let candidates = describe(session, &look.observed.wire_name, uids).await?;
    let settle = move |index: &mut Index| {
        let keys: Vec<_> = doubted.iter().map(|(key, _)| *key).collect();
        let known = index.describe(&keys)?.into_iter().zip(&doubted);
        let known: Vec<(Uid, Orphan)> = known
            .map(|(described, (key, uid))| {
                let likeness = described.likeness;
                (
                    *uid,
                    Orphan {
                        key: *key,
                        likeness,
                    },
                )
            })
            .collect();
        let others = impostors(&known, &candidates);
        index.displace(&others, now())?;
        Ok(!others.is_empty())
    };
    account.shared.index.call(settle).await
}

/// Adds the displaced messages of a mailbox to those that are to be known by their octets.
pub(crate) async fn expect_displaced(
    account: &Account,
    id: MailboxId,
    orphans: &mut Orphans,
) -> Result<(), EngineError> {
    let displaced = account.shared.index.call(move |index| index.displaced(id));
    for row in displaced.await? {
        let alike = orphans.entry((id, row.sha256)).or_default();
        if !alike.contains(&row.key) {
            alike.push(row.key);
        }
    }
    Ok(())
}
