//! `max_size` and `max_age`: messages that stay on the server alone. They are recorded, so that they
//! are told of once and asked for again when the limits change; they are never expired, for there is
//! no local copy to prove.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use crate::imap::planned::Planned;
use crate::report::PassReport;
use postrider_core::plan::deed::Deed;
use postrider_core::settings::AccountSettings;
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidSet};
use postrider_index::{Index, Skip};

/// The time before which messages are too old.
fn oldest(settings: &AccountSettings) -> Option<UnixTime> {
    let age = i64::try_from(settings.max_age?.as_secs()).unwrap_or(i64::MAX);
    let seconds = now().0.as_seconds().saturating_sub(age);
    Some(UnixTime::from_seconds(seconds))
}

/// Forgets what was skipped under limits that are not those of today. To be called before mailboxes
/// are read from the index: theirs is then a new look.
pub(crate) async fn welcome_back(account: &Account) -> Result<(), EngineError> {
    let (id, max_size) = (account.id, account.settings.max_size_octets);
    let oldest = oldest(&account.settings).map(Now);
    let unskip = move |index: &mut Index| index.unskip(id, max_size, oldest);
    account.shared.index.call(unskip).await.map(drop)
}

/// Takes out of the downloads what is skipped already and what the limits forbid.
pub(crate) async fn hold_back(
    account: &Account,
    planned: &mut Planned,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    if planned.fetch.is_empty() {
        return Ok(());
    }
    let (id, epoch) = (planned.observed.local.id, planned.uid_validity);
    let index = &account.shared.index;
    let known = index.call(move |index| index.skipped(id, epoch)).await?;
    let oldest = oldest(&account.settings);
    let mut skips = Vec::new();
    let mut fetch = UidSet::new();
    for uid in planned.fetch.iter().filter(|uid| !known.contains(*uid)) {
        match beyond(account, planned, uid, oldest) {
            Some(skip) => skips.push(skip),
            None => fetch.insert(uid),
        }
    }
    planned.fetch = fetch;
    if skips.is_empty() {
        return Ok(());
    }
    report.skipped += skips.len() as u64;
    for skip in &skips {
        account.note(&planned.observed.local.name, || Deed::Skip {
            uid: Some(skip.uid),
            octets: skip.octets,
            because: skip.because.clone(),
        });
        events::MessageSkipped {
            account: account.log_name(),
            mailbox: &planned.observed.local.name,
            uid: Some(skip.uid.as_u32().into()),
            number: None,
            because: &skip.because,
        }
        .emit();
    }
    let record = move |index: &mut Index| index.skip(id, epoch, &skips);
    index.call(record).await
}

fn beyond(
    account: &Account,
    planned: &Planned,
    uid: Uid,
    oldest: Option<UnixTime>,
) -> Option<Skip> {
    let (octets, internal_date) = (
        planned.fresh.size_octets(uid),
        planned.fresh.internal_date(uid),
    );
    let max_size = account.settings.max_size_octets;
    let because = match (octets, internal_date) {
        (Some(size), _) if max_size.is_some_and(|max| size > max) => {
            let max = max_size.unwrap_or_default();
            format!("it has {size} octets and max_size is {max}")
        }
        (_, Some(date)) if oldest.is_some_and(|oldest| date < oldest) => {
            "it is older than max_age".to_owned()
        }
        _ => return None,
    };
    Some(Skip {
        uid,
        octets,
        internal_date,
        because,
    })
}
