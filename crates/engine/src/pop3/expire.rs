//! Proving local copies, deleting on the server, and QUIT, which alone makes it count (R2).

use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::events;
use crate::pop3::identify::{Known, Sign};
use crate::pop3::{announced, confirm, returned};
use crate::prove::prove;
use crate::rehearsal::Leave;
use crate::report::PassReport;
use crate::retain::{self, Going, Held, Judge};
use crate::step::Step;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::plan::deed::Deed;
use postrider_core::retention::{Facts, Method, Usage};
use postrider_core::uidl::Uidl;
use postrider_index::{Index, Pop3Row};
use postrider_maildir::ContentHash;
use postrider_pop3::{Quit, RetrieveEvent, Transaction};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What follows the rule in the ledger when a deletion was asked for and QUIT was not answered with `+OK`, and
/// the next listing lacks the message.
const QUIT_WAS_LOST: &str = " (QUIT was not confirmed)";

/// A message that is to leave the server.
#[derive(Debug)]
struct Leaving {
    going: Going,
    uidl: Option<Uidl>,
}

/// A message that left it, and what the ledger says of it.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) key: MessageKey,
    pub(crate) uidl: Option<Uidl>,
    pub(crate) because: String,
}

/// The messages of the listing that we know.
#[derive(Debug)]
pub(crate) struct Holding {
    /// All of them.
    pub(crate) held: Vec<Known>,
    /// Messages that earlier sessions of this pass have removed by rules that the brake is asked for.
    pub(crate) went: u64,
    /// Those that were retrieved in this session.
    pub(crate) retrieved: HashSet<MessageKey>,
    /// Those among them that got a file in this session, and were read back then.
    pub(crate) stored: HashSet<MessageKey>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Its round trips.
    pub(crate) round_trips: u64,
    /// Messages that it removed by rules that the brake is asked for.
    pub(crate) went: u64,
}

impl Ended {
    /// After so many round trips, with nothing removed.
    const fn after(round_trips: u64) -> Self {
        Self {
            round_trips,
            went: 0,
        }
    }
}

/// Deletes what the policy lets go and ends the session.
pub(crate) async fn expire_and_quit(
    account: &Account,
    mailbox: &LocalMailbox,
    mut session: Transaction,
    holding: Holding,
    report: &mut PassReport,
) -> Result<Ended, EngineError> {
    retain::release_of_another_policy(account).await?;
    let going = if account.settings.retention.has_rule() {
        let_go(account, mailbox, (&mut session, &holding), report).await?
    } else {
        BTreeMap::new()
    };
    if announced::deletes_on_retrieval(session.capabilities())
        && !all_proven(account, mailbox, &holding.retrieved).await?
    {
        // Without QUIT the server deletes nothing (RFC 1939 §6).
        let because = "the server deletes what it gave out, and not all of it is proven here";
        retain::tell(account, mailbox, holding.retrieved.len() as u64, because);
        return Ok(Ended::after(session.round_trips()));
    }
    if going.is_empty() {
        let round_trips = session.round_trips();
        session.quit().await?;
        return Ok(Ended::after(round_trips + 1));
    }
    let deeds = || {
        let deed = |leaving: &Leaving| retain::deed(account, leaving.going, Method::Expunge);
        going.values().map(deed).collect::<Vec<Deed>>()
    };
    match account.leave(&mailbox.name, deeds) {
        Some(leave) => delete(account, mailbox, (session, leave), going, report).await,
        None => {
            report.expired += going.len() as u64;
            let round_trips = session.round_trips();
            session.quit().await?;
            Ok(Ended::after(round_trips + 1))
        }
    }
}

/// Deletes on the server. Nothing counts before QUIT is confirmed (R2).
async fn delete(
    account: &Account,
    mailbox: &LocalMailbox,
    (session, leave): (Transaction, Leave),
    mut going: BTreeMap<u32, Leaving>,
    report: &mut PassReport,
) -> Result<Ended, EngineError> {
    let index = &account.shared.index;
    let asked = going.values().map(|leaving| leaving.going);
    let asked: Vec<_> = asked.map(|(key, why)| (key, why.to_string())).collect();
    index
        .call(move |index| index.request_expiry(&asked, now()))
        .await?;
    account.shared.steps.reached(Step::ExpiryRequested)?;
    let numbers: Vec<u32> = going.keys().copied().collect();
    let quit = delete_and_quit(session, &numbers, leave).await?;
    account.shared.steps.reached(Step::Expired)?;
    if !quit.refused.is_empty() {
        let messages = quit.refused.len() as u64;
        retain::tell(account, mailbox, messages, "the server refused DELE");
        let refused = quit.refused.iter();
        let refused = refused.filter_map(|(number, _)| going.remove(number));
        let refused: Vec<_> = refused.map(|leaving| leaving.going.0).collect();
        // It keeps them, however the session ends. Whoever deletes them one day, it was not us.
        let withdraw = move |index: &mut Index| index.withdraw_expiry(&refused);
        index.call(withdraw).await?;
    }
    if !quit.committed {
        let because = "the server did not confirm QUIT; the next pass finishes it";
        retain::tell(account, mailbox, quit.deleted.len() as u64, because);
        return Ok(Ended::after(quit.round_trips));
    }
    let gone = quit.deleted.iter().filter_map(|n| going.remove(n));
    let gone: Vec<Leaving> = gone.collect();
    report.expired += gone.len() as u64;
    let went: Vec<_> = gone.iter().map(|leaving| leaving.going.1).collect();
    let left = gone.into_iter().map(Left::from).collect::<Vec<_>>();
    let marked: Vec<_> = left.iter().map(|l| (l.key, l.because.clone())).collect();
    let mark = index.call(move |index| index.mark_expired(&marked, now()));
    let log = async {
        log_expired(account, mailbox, &left);
        Ok(())
    };
    tokio::try_join!(mark, log)?;
    retain::went(account, mailbox, &went).await?;
    let braked = went.iter().filter(|because| !because.is_unbraked());
    Ok(Ended {
        round_trips: quit.round_trips,
        went: braked.count() as u64,
    })
}

async fn delete_and_quit(
    session: Transaction,
    numbers: &[u32],
    _leave: Leave,
) -> Result<Quit, EngineError> {
    Ok(session.delete_and_quit(numbers).await?)
}

/// The messages that may go, by number, after their local copies were proven.
async fn let_go(
    account: &Account,
    mailbox: &LocalMailbox,
    (session, holding): (&mut Transaction, &Holding),
    report: &mut PassReport,
) -> Result<BTreeMap<u32, Leaving>, EngineError> {
    retain::look_for_absent(account, mailbox, report).await?;
    let (id, index) = (mailbox.id, &account.shared.index);
    let mut retained = index.call(move |index| index.retained(id, None)).await?;
    let held: HashMap<MessageKey, Known> = holding.held.iter().map(|k| (k.key, *k)).collect();
    // Held is only what UIDL and size, header, or octets have identified.
    retained.retain(|row| held.contains_key(&row.key));
    let unproven = retained.iter().filter(|row| row.proven_at.is_none());
    let unproven: Vec<Known> = unproven
        .filter_map(|row| held.get(&row.key).copied())
        .collect();
    let doubtful = confirm_by_second_fetch(account, mailbox, session, &unproven).await?;
    let judged = retained
        .iter()
        .filter(|row| !returned::is_given_up(row.returns));
    let facts = judged.map(|row| Facts {
        identified: !doubtful.contains(&row.key),
        ..retain::facts(row, 0)
    });
    let judged = Held {
        mailbox,
        facts: facts.collect(),
        went: holding.went,
    };
    let judge = Judge {
        policy: account.settings.retention,
        usage: Usage::default(),
        now: account.ages_by(),
    };
    let judged = (vec![judged], &holding.stored);
    let going = retain::let_go(account, judged, judge, report).await?;
    let numbered = going.into_iter();
    let numbered = numbered.filter_map(|(key, why)| Some((held.get(&key)?.number, (key, why))));
    let mut going: BTreeMap<u32, Going> = numbered.collect();
    let rows = rows(account, going.values().map(|(key, _)| *key).collect()).await?;
    let known_by = |sign| -> HashMap<u32, &Pop3Row> {
        let known = going.values().filter_map(|(key, _)| held.get(key));
        let known = known.filter(|known| known.by == sign);
        known
            .filter_map(|known| Some((known.number, rows.get(&known.key)?)))
            .collect()
    };
    let asked = confirm::Asked {
        by_header: known_by(Sign::Name),
        by_octets: known_by(Sign::Likeness),
    };
    let strangers = confirm::strangers(account, mailbox, session, asked).await?;
    going.retain(|_, (key, _)| !strangers.contains(key));
    let leaving = going.into_iter().map(|(number, going)| {
        let uidl = rows.get(&going.0).and_then(|row| row.uidl.clone());
        (number, Leaving { going, uidl })
    });
    Ok(leaving.collect())
}

/// What the index knows of these messages.
async fn rows(
    account: &Account,
    keys: Vec<MessageKey>,
) -> Result<HashMap<MessageKey, Pop3Row>, EngineError> {
    let rows = account
        .shared
        .index
        .call(move |index| index.pop3_rows(&keys));
    Ok(rows.await?.into_iter().map(|row| (row.key, row)).collect())
}

/// Whether these local copies are proven, now if not before.
async fn all_proven(
    account: &Account,
    mailbox: &LocalMailbox,
    retrieved: &HashSet<MessageKey>,
) -> Result<bool, EngineError> {
    let id = mailbox.id;
    let rows = account.shared.index.call(move |index| index.maildrop(id));
    let rows = rows.await?.into_iter();
    // Those whose size differs were retrieved once more.
    let was_given_out =
        |row: &Pop3Row| retrieved.contains(&row.key) || row.server_octets != Some(row.octets_crlf);
    let open = rows.filter(|row| row.proven_at.is_none() && was_given_out(row));
    let open: Vec<_> = open.map(|row| row.key).collect();
    Ok(prove(account, &open).await?.len() == open.len())
}

/// Known messages that left the listing after their deletion had been asked for, with what the ledger
/// says of them.
pub(crate) async fn lost_answers(
    account: &Account,
    keys: &[MessageKey],
) -> Result<Vec<Left>, EngineError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (index, keys) = (&account.shared.index, keys.to_vec());
    let rows = index.call(move |index| index.pop3_rows(&keys)).await?;
    let left = rows.into_iter().map(|row| {
        let rule = row.expire_because.unwrap_or_else(|| "retention".to_owned());
        Left {
            key: row.key,
            uidl: row.uidl,
            because: format!("{rule}{QUIT_WAS_LOST}"),
        }
    });
    Ok(left.collect())
}

/// Where what arrived is not as long as LIST said, one of the two is wrong: only a second fetch with
/// the same octets counts as whole (R1). Returns those that are still in doubt.
async fn confirm_by_second_fetch(
    account: &Account,
    mailbox: &LocalMailbox,
    session: &mut Transaction,
    unproven: &[Known],
) -> Result<HashSet<MessageKey>, EngineError> {
    let rows = rows(account, unproven.iter().map(|known| known.key).collect()).await?;
    let differs = |key: &MessageKey| {
        let row = rows.get(key);
        row.is_none_or(|row| row.server_octets != Some(row.octets_crlf))
    };
    let suspect = unproven.iter().filter(|known| differs(&known.key));
    let suspect: HashMap<u32, MessageKey> = suspect.map(|k| (k.number, k.key)).collect();
    let mut doubtful: HashSet<_> = suspect.values().copied().collect();
    if suspect.is_empty() {
        return Ok(doubtful);
    }
    let deeds = || {
        doubtful
            .iter()
            .map(|message| Deed::Confirm { message: *message })
    };
    if account.leave(&mailbox.name, deeds).is_none() {
        // Asked for once more, it might count as read at the server. Most often both are the same.
        return Ok(HashSet::new());
    }
    let octets = again(account, session, suspect.keys().copied().collect()).await?;
    for (number, key) in &suspect {
        let row = rows.get(key);
        if row.is_some_and(|row| octets.get(number) == Some(&row.sha256)) {
            doubtful.remove(key);
        }
    }
    if !doubtful.is_empty() {
        let because = "two fetches of the same message differ";
        retain::tell(account, mailbox, doubtful.len() as u64, because);
    }
    Ok(doubtful)
}

/// Fetches messages once more and returns what their octets hash to. Those that the server refuses are
/// left out.
pub(crate) async fn again(
    account: &Account,
    session: &mut Transaction,
    numbers: Vec<u32>,
) -> Result<HashMap<u32, Sha256>, EngineError> {
    let mut hashes = HashMap::new();
    let mut retrieval = session.retrieve(numbers);
    let mut hash = ContentHash::default();
    loop {
        let event = tokio::select! {
            event = retrieval.next() => event?,
            () = account.shutdown.requested() => return Err(EngineError::Stopped),
        };
        match event {
            None => return Ok(hashes),
            Some(RetrieveEvent::Start { .. }) => hash = ContentHash::default(),
            Some(RetrieveEvent::Chunk(chunk)) => hash.update(&chunk),
            Some(RetrieveEvent::End { number, .. }) => {
                hashes.insert(number, std::mem::take(&mut hash).finish());
            }
            Some(RetrieveEvent::Refused { .. }) => {}
        }
    }
}

/// One line for each message that left the server.
pub(crate) fn log_expired(account: &Account, mailbox: &LocalMailbox, left: &[Left]) {
    for Left { uidl, because, .. } in left {
        events::ServerCopyExpired {
            account: account.log_name(),
            mailbox: &mailbox.name,
            uid: None,
            uidl: uidl.as_ref().map(Uidl::as_str),
            because,
        }
        .emit();
        account.live.change(|live| live.totals.expired += 1);
    }
}

impl From<Leaving> for Left {
    fn from(Leaving { going, uidl }: Leaving) -> Self {
        let (key, because) = (going.0, going.1.to_string());
        Self { key, uidl, because }
    }
}
