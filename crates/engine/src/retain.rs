//! From what retention decides to what may really go: for both protocols.
//!
//! The decision is `core::retention::decide`; here its facts are gathered, the local copies proven,
//! read back once more just before, and the brake asked. How a server copy goes is the protocol's.

use crate::absence::{self, Directories};
use crate::brake::{self, Removal};
use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::prove::{prove, prove_again};
use crate::report::PassReport;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::retention::{
    Arrival, ExpireReason, Facts, LocalCopy, Method, Policy, Usage, Verdict, decide,
};
use postrider_core::time::Now;
use postrider_core::uid::Uid;
use postrider_index::{Index, RetainedRow, Side};
use std::collections::{BTreeSet, HashSet};

mod holds;
pub(crate) use holds::tell;

/// A server copy that is to go, and the rule that says so.
pub(crate) type Going = (MessageKey, ExpireReason);

/// One mailbox and the messages that its server holds for us.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    pub(crate) mailbox: &'a LocalMailbox,
    pub(crate) facts: Vec<Facts>,
    /// Messages that this pass has removed from it before, by rules that the brake is asked for: what is asked
    /// about is a pass, not a session of one (R6).
    pub(crate) went: u64,
}

/// What a decision depends on besides the messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge {
    /// What may go: the account's policy, but for the trash.
    pub(crate) policy: Policy,
    /// How full the box is.
    pub(crate) usage: Usage,
    /// The time by which ages are judged.
    pub(crate) now: Now,
}

/// Notes what readers deleted in a mailbox, as far as the policy asks. Where its directories are others than
/// before, what they lack has to be known in any case: no rule takes it for deleted (R5). What was missed for
/// the first time wants another look, soon.
pub(crate) async fn look_for_absent(
    account: &Account,
    mailbox: &LocalMailbox,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let directories = absence::recognise(account, mailbox).await?;
    absence::review(account, mailbox).await?;
    let others = matches!(directories, Directories::Others(_));
    let looks = account.settings.retention.looks_for_deleted();
    if others || looks {
        let missed = absence::compare(account, mailbox, directories).await?;
        report.missed += if looks { missed } else { 0 };
    }
    Ok(())
}

/// The facts of a row.
pub(crate) fn facts(row: &RetainedRow, mailbox: i64) -> Facts {
    let first_seen = Arrival::FirstSeen(row.stored_at);
    Facts {
        message: row.key,
        mailbox,
        place: row.uid.map(Uid::as_u32).unwrap_or_default(),
        proven_at: row.proven_at,
        // Rows are of the present epoch and UID, or what UIDL and size, header or octets identified;
        // and IMAP asks once more before anything goes.
        identified: true,
        arrival: match (row.uid, row.internal_date) {
            (None, _) => first_seen,
            (Some(_), Some(date)) => Arrival::InternalDate(date),
            // A date that could not be read: the later of the two times that are known.
            (Some(_), None) => Arrival::InternalDate(row.stored_at),
        },
        flagged: row.flagged,
        read: row.read,
        octets: row.octets,
        local: row.local,
    }
}

/// Which server copies of these mailboxes may go now. What the brake or a missing proof holds is told. If
/// those that were `stored` in this pass are proven, then in this pass.
pub(crate) async fn let_go(
    account: &Account,
    (mut held, stored): (Vec<Held<'_>>, &HashSet<MessageKey>),
    judge_by: Judge,
    report: &mut PassReport,
) -> Result<Vec<Going>, EngineError> {
    let mut fresh = prove_all(account, &mut held).await?;
    fresh.extend(stored);
    let mut verdicts = judge(&held, judge_by);
    if stand_again(account, &mut held, (&going(&verdicts), &fresh)).await? {
        verdicts = judge(&held, judge_by);
    }
    holds::tell_held(account, &held, &verdicts).await?;
    let (going, mut free) = (going(&verdicts), Vec::new());
    for held in &held {
        let of_here: HashSet<_> = held.facts.iter().map(|facts| facts.message).collect();
        let here = going.iter().filter(|(key, _)| of_here.contains(key));
        let here: Vec<Going> = here.copied().collect();
        let (unbraked, here): (Vec<_>, Vec<_>) = here
            .into_iter()
            .partition(|(_, because)| because.is_unbraked());
        // What goes without being asked for is not there to be counted.
        let staying = held.facts.len().saturating_sub(unbraked.len()) as u64;
        free.extend(unbraked);
        if !braked(account, (held, staying), &here, report).await? {
            free.extend(here);
        }
    }
    Ok(free)
}

fn judge(held: &[Held<'_>], by: Judge) -> Vec<Verdict> {
    let facts: Vec<Facts> = held.iter().flat_map(|h| h.facts.iter().copied()).collect();
    decide(&by.policy, &facts, by.usage, by.now)
}

fn going(verdicts: &[Verdict]) -> Vec<Going> {
    let going = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Expire { message, because } => Some((*message, *because)),
        Verdict::Keep { .. } => None,
    });
    going.collect()
}

/// Proves what is not proven yet; those that are from now on.
async fn prove_all(
    account: &Account,
    held: &mut [Held<'_>],
) -> Result<HashSet<MessageKey>, EngineError> {
    let all = held.iter().flat_map(|held| held.facts.iter());
    // What is absent cannot be proven; looking for it again and again costs readings.
    let is_open = |f: &&Facts| f.proven_at.is_none() && f.identified;
    let unproven = all.filter(|f| is_open(f) && f.local == LocalCopy::Present);
    let unproven: Vec<_> = unproven.map(|facts| facts.message).collect();
    let proven = prove(account, &unproven).await?;
    let proven_at = Some(account.notes().0);
    for facts in held.iter_mut().flat_map(|held| held.facts.iter_mut()) {
        if proven.contains(&facts.message) {
            facts.proven_at = proven_at;
        }
    }
    Ok(proven)
}

/// Reads those that are to go back once more; `true` when that changed the facts. A proof under plain
/// `delete` that is of this very pass is enough; one of a pass that was cut short is not.
async fn stand_again(
    account: &Account,
    held: &mut [Held<'_>],
    (going, fresh): (&[Going], &HashSet<MessageKey>),
) -> Result<bool, EngineError> {
    let all = held.iter().flat_map(|held| held.facts.iter());
    let there: HashSet<_> = all
        .filter(|facts| facts.local == LocalCopy::Present)
        .map(|facts| facts.message)
        .collect();
    let asked = going
        .iter()
        .filter(|(key, because)| *because != ExpireReason::Delete || !fresh.contains(key))
        .filter(|(key, _)| there.contains(key));
    let asked: Vec<_> = asked.map(|(key, _)| *key).collect();
    if asked.is_empty() {
        return Ok(false);
    }
    let standing = prove_again(account, &asked).await?;
    let absent: HashSet<_> = standing.absent.iter().copied().collect();
    let asked: HashSet<_> = asked.into_iter().collect();
    let note = move |index: &mut Index| index.note_absent(&standing.absent, now());
    account.shared.index.call(note).await?;
    let mut changed = false;
    for facts in held.iter_mut().flat_map(|held| held.facts.iter_mut()) {
        if absent.contains(&facts.message) {
            facts.local = LocalCopy::Missing;
            changed = true;
        } else if asked.contains(&facts.message) && !standing.whole.contains(&facts.message) {
            facts.proven_at = None;
            changed = true;
        }
    }
    Ok(changed)
}

/// What is about to be done to a server copy that goes.
pub(crate) fn deed(account: &Account, (message, because): Going, method: Method) -> Deed {
    Deed::Expire {
        message,
        because,
        method,
        fetched: account.is_promised(message),
    }
}

/// Whether the brake holds what is to go from one mailbox of so many messages (R6).
async fn braked(
    account: &Account,
    (of, held): (&Held<'_>, u64),
    going: &[Going],
    report: &mut PassReport,
) -> Result<bool, EngineError> {
    if account.settings.retention.is_unbraked() {
        return Ok(false);
    }
    let (mailbox, name) = (of.mailbox.id, &of.mailbox.name);
    let removing = going.len() as u64;
    if going.is_empty() {
        brake::release(account, (mailbox, name), Side::Server, 0).await?;
        return Ok(false);
    }
    let rules: BTreeSet<ExpireReason> = going.iter().map(|(_, rule)| *rule).collect();
    let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
    let removal = Removal {
        mailbox,
        name,
        side: Side::Server,
        removing,
        held,
        went: of.went,
        because: &rules.join(", "),
    };
    let holds = brake::holds(account, removal).await?;
    if holds {
        report.braked += removing;
    }
    Ok(holds)
}

/// Brakes of a policy that is no more: where nothing goes, or nothing that a brake is asked about, none holds
/// anything. One that stayed would wait for an approval that lets something else go one day.
pub(crate) async fn release_of_another_policy(account: &Account) -> Result<(), EngineError> {
    let policy = account.settings.retention;
    if policy.has_rule() && !policy.is_unbraked() {
        return Ok(());
    }
    let id = account.id;
    let brakes = account.shared.index.call(move |index| index.brakes(id));
    for brake in brakes.await? {
        if brake.side == Side::Server.as_str() {
            brake::release(account, (brake.mailbox, &brake.name), Side::Server, 0).await?;
        }
    }
    Ok(())
}

/// The server has let these go. The brake on this mailbox has nothing to hold any more, unless it was never
/// asked about any of them.
pub(crate) async fn went(
    account: &Account,
    mailbox: &LocalMailbox,
    went: &[ExpireReason],
) -> Result<(), EngineError> {
    if went.iter().all(|because| because.is_unbraked()) {
        return Ok(());
    }
    let (place, messages) = ((mailbox.id, &*mailbox.name), went.len() as u64);
    brake::release(account, place, Side::Server, messages).await
}
