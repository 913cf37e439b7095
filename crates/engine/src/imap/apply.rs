//! Carrying out a plan, all but its downloads: flags into file names, absences into the index.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::imap::observe::{self, Observed};
use crate::local;
use crate::report::PassReport;
use crate::step::Step;
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::plan::imap::Action;
use postrider_core::uid::Uid;
use postrider_imap::Session;
use postrider_index::Index;

/// Does what `plan` says. Returns whether all of it was done: a file that a reader renamed under our
/// hands is left for the next pass.
pub(crate) async fn apply(
    account: &Account,
    session: &mut Session,
    observed: &Observed,
    plan: &[Action],
    report: &mut PassReport,
) -> Result<bool, EngineError> {
    let mut reflag: Vec<(MessageKey, FlagSet)> = Vec::new();
    let mut agreed: Vec<(MessageKey, FlagSet)> = Vec::new();
    let mut returned: Vec<MessageKey> = Vec::new();
    let mut absent: Vec<(MessageKey, Uid)> = Vec::new();
    for action in plan {
        match action {
            Action::Fetch(_) => {}
            Action::PullFlags {
                key,
                agreed: flags,
                file,
                ..
            } => {
                agreed.push((*key, flags.clone()));
                reflag.extend(file.clone().map(|file| (*key, file)));
            }
            Action::Return { key, .. } => returned.push(*key),
            Action::Vanish { key, uid } => absent.push((*key, *uid)),
        }
    }
    let failed = local::set_flags(account, &observed.local, reflag).await?;
    account.shared.steps.reached(Step::Reflagged)?;
    agreed.retain(|(key, _)| !failed.contains(key));
    report.flags_pulled += agreed.len() as u64;
    let gone = confirmed(session, observed, &absent).await?;
    let all = failed.is_empty() && gone.len() == absent.len();
    report.vanished += gone.len() as u64;
    let write = move |index: &mut Index| {
        index.set_server_flags(&agreed)?;
        index.mark_present(&returned)?;
        index.mark_vanished(&gone, now()).map(drop)
    };
    account.shared.index.call(write).await?;
    Ok(all)
}

/// Those absent messages that a second, different question does not find either (R5).
async fn confirmed(
    session: &mut Session,
    observed: &Observed,
    absent: &[(MessageKey, Uid)],
) -> Result<Vec<MessageKey>, EngineError> {
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let Some(found) = observe::still_there(session, observed, absent).await? else {
        return Ok(Vec::new());
    };
    let gone = absent.iter().filter(|(_, uid)| !found.contains(*uid));
    Ok(gone.map(|(key, _)| *key).collect())
}
