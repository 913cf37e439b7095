//! Proving local copies, deleting on the server, and QUIT, which alone makes it count (R2).

use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::events;
use crate::prove::prove;
use crate::report::PassReport;
use crate::step::Step;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::retention::{ExpireReason, Facts, Policy, Verdict, decide};
use postrider_index::Pop3Row;
use postrider_maildir::ContentHash;
use postrider_pop3::{RetrieveEvent, Transaction};
use std::collections::{HashMap, HashSet};

/// Why a message counts as expired whose deletion was asked for and never answered: the next
/// listing lacks it.
pub(crate) const QUIT_WAS_LOST: &str = "retention: delete (the answer to QUIT was lost)";

/// Deletes what the policy lets go and ends the session. Returns the session's round trips.
pub(crate) async fn expire_and_quit(
    account: &Account,
    mailbox: &LocalMailbox,
    mut session: Transaction,
    held: HashMap<u32, MessageKey>,
    report: &mut PassReport,
) -> Result<u64, EngineError> {
    let policy = account.settings.retention;
    let going = match policy {
        Policy::KEEP => HashMap::new(),
        Policy::DELETE => let_go(account, mailbox, &mut session, &held).await?,
    };
    if going.is_empty() {
        let round_trips = session.round_trips();
        session.quit().await?;
        return Ok(round_trips + 1);
    }
    let index = &account.shared.index;
    let asked: Vec<_> = going.values().copied().collect();
    index
        .call(move |index| index.request_expiry(&asked, now()))
        .await?;
    account.shared.steps.reached(Step::ExpiryRequested)?;
    let numbers: Vec<u32> = going.keys().copied().collect();
    let quit = session.delete_and_quit(&numbers).await?;
    account.shared.steps.reached(Step::Expired)?;
    if !quit.refused.is_empty() {
        let messages = quit.refused.len();
        hold(account, mailbox, messages, "the server refused DELE");
    }
    if !quit.committed {
        hold(
            account,
            mailbox,
            quit.deleted.len(),
            "the server did not confirm QUIT; the next pass finishes it",
        );
        return Ok(quit.round_trips);
    }
    let expired = quit
        .deleted
        .iter()
        .filter_map(|number| going.get(number).copied());
    let expired: Vec<_> = expired.collect();
    report.expired += expired.len() as u64;
    let because = ExpireReason::Delete.to_string();
    log_expired(account, mailbox, &expired, &because).await?;
    index
        .call(move |index| index.mark_expired(&expired, now(), &because))
        .await?;
    Ok(quit.round_trips)
}

/// The messages that may go, by number, after their local copies were proven.
async fn let_go(
    account: &Account,
    mailbox: &LocalMailbox,
    session: &mut Transaction,
    held: &HashMap<u32, MessageKey>,
) -> Result<HashMap<u32, MessageKey>, EngineError> {
    let id = mailbox.id;
    let rows = account
        .shared
        .index
        .call(move |index| index.pop3_rows(id))
        .await?;
    let rows: HashMap<MessageKey, Pop3Row> = rows.into_iter().map(|row| (row.key, row)).collect();
    let unproven: HashMap<u32, MessageKey> = held
        .iter()
        .filter(|(_, key)| rows.get(key).is_some_and(|row| row.proven_at.is_none()))
        .map(|(number, key)| (*number, *key))
        .collect();
    let doubtful = confirm_by_second_fetch(account, mailbox, session, &unproven, &rows).await?;
    let sure = unproven
        .values()
        .copied()
        .filter(|key| !doubtful.contains(key));
    let proven = prove(account, &sure.collect::<Vec<_>>()).await?;
    let numbers: HashMap<MessageKey, u32> = held.iter().map(|(n, key)| (*key, *n)).collect();
    let facts = held.values().map(|key| Facts {
        message: *key,
        proven: proven.contains(key) || rows.get(key).is_some_and(|row| row.proven_at.is_some()),
        // `held` maps only what UIDL and size, header, or octets have identified.
        identified: true,
    });
    let verdicts = decide(account.settings.retention, &facts.collect::<Vec<_>>());
    let going = verdicts.into_iter().filter_map(|verdict| match verdict {
        Verdict::Expire { message, .. } => Some((*numbers.get(&message)?, message)),
        Verdict::Keep { .. } => None,
    });
    let going: HashMap<_, _> = going.collect();
    let kept = held.len() - going.len();
    if kept > 0 {
        hold(account, mailbox, kept, "their local copies are not proven");
    }
    Ok(going)
}

/// Where what arrived is not as long as LIST said, one of the two is wrong: only a second fetch with
/// the same octets counts as whole (R1). Returns those that are still in doubt.
async fn confirm_by_second_fetch(
    account: &Account,
    mailbox: &LocalMailbox,
    session: &mut Transaction,
    unproven: &HashMap<u32, MessageKey>,
    rows: &HashMap<MessageKey, Pop3Row>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let differs = |key: &MessageKey| {
        let row = rows.get(key);
        row.is_none_or(|row| row.server_octets != Some(row.octets_crlf))
    };
    let suspect = unproven.iter().filter(|(_, key)| differs(key));
    let suspect: HashMap<u32, MessageKey> = suspect.map(|(n, key)| (*n, *key)).collect();
    let mut doubtful: HashSet<_> = suspect.values().copied().collect();
    if suspect.is_empty() {
        return Ok(doubtful);
    }
    let mut retrieval = session.retrieve(suspect.keys().copied().collect());
    let mut hash = ContentHash::default();
    loop {
        let event = tokio::select! {
            event = retrieval.next() => event?,
            () = account.shutdown.requested() => return Err(EngineError::Stopped),
        };
        match event {
            None => break,
            Some(RetrieveEvent::Start { .. }) => hash = ContentHash::default(),
            Some(RetrieveEvent::Chunk(chunk)) => hash.update(&chunk),
            Some(RetrieveEvent::End { number, .. }) => {
                let again: Sha256 = std::mem::take(&mut hash).finish();
                let key = suspect.get(&number);
                let row = key.and_then(|key| rows.get(key));
                if row.is_some_and(|row| row.sha256 == again) {
                    key.map(|key| doubtful.remove(key));
                }
            }
            Some(RetrieveEvent::Refused { .. }) => {}
        }
    }
    if !doubtful.is_empty() {
        hold(
            account,
            mailbox,
            doubtful.len(),
            "two fetches of the same message differ",
        );
    }
    Ok(doubtful)
}

fn hold(account: &Account, mailbox: &LocalMailbox, messages: usize, because: &str) {
    events::ServerCopyHeld {
        account: account.log_name(),
        mailbox: &mailbox.name,
        messages: messages as u64,
        because,
    }
    .emit();
}

/// One line for each message that left the server.
pub(crate) async fn log_expired(
    account: &Account,
    mailbox: &LocalMailbox,
    keys: &[MessageKey],
    because: &str,
) -> Result<(), EngineError> {
    let id = mailbox.id;
    let rows = account
        .shared
        .index
        .call(move |index| index.pop3_rows(id))
        .await?;
    let gone: HashSet<_> = keys.iter().collect();
    for row in rows.iter().filter(|row| gone.contains(&row.key)) {
        events::ServerCopyExpired {
            account: account.log_name(),
            mailbox: &mailbox.name,
            uid: None,
            uidl: row.uidl.as_ref().map(|uidl| uidl.as_str()),
            because,
        }
        .emit();
    }
    Ok(())
}
