//! Carrying out a plan, all but its downloads: flags into file names, returns into the index.

use crate::context::{Account, LocalMailbox};
use crate::error::EngineError;
use crate::local::{self, Reflag};
use crate::report::PassReport;
use postrider_core::flag::FlagSet;
use postrider_core::message::MessageKey;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::imap::Action;
use postrider_index::Index;

/// Does what `plan` says of flags and returns. Returns whether all of it was done: a file that a
/// reader renamed under our hands is left for the next pass.
pub(crate) async fn apply(
    account: &Account,
    mailbox: &LocalMailbox,
    plan: &[Action],
    report: &mut PassReport,
) -> Result<bool, EngineError> {
    let mut reflag: Vec<Reflag> = Vec::new();
    let mut agreed: Vec<(MessageKey, FlagSet)> = Vec::new();
    let mut returned: Vec<MessageKey> = Vec::new();
    for action in plan {
        match action {
            Action::PullFlags {
                key,
                agreed: flags,
                file,
                ..
            } => {
                agreed.push((*key, flags.clone()));
                reflag.extend(file.clone().map(|file| Reflag {
                    key: *key,
                    flags: file,
                    agreed: Some(flags.clone()),
                }));
            }
            Action::Return { key, .. } => returned.push(*key),
            // Others see to these: `fetch.rs`, `absent.rs`.
            Action::Fetch(_) | Action::Vanish { .. } => {}
        }
    }
    if agreed.is_empty() && returned.is_empty() {
        return Ok(true);
    }
    let leave = account.leave(&mailbox.name, || plan.iter().cloned().map(Deed::Plan));
    let failed = local::set_flags(account, mailbox, reflag, leave).await?;
    agreed.retain(|(key, _)| !failed.contains(key));
    if account.settings.flags.pulls() {
        report.flags_pulled += agreed.len() as u64;
    }
    let write = move |index: &mut Index| {
        index.set_server_flags(&agreed)?;
        index.mark_present(&returned)
    };
    account.shared.index.call(write).await?;
    Ok(failed.is_empty())
}
