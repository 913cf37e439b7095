//! What CAPA says of deletions that nobody asked for (EXPIRE, RFC 2449 §6.7).

use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use postrider_core::retention::Policy;
use postrider_index::Index;
use postrider_pop3::Capabilities;
use std::time::Duration;

/// Tells once, when the server deletes earlier than the policy would have it.
pub(crate) async fn note(account: &Account, can: &Capabilities) -> Result<(), EngineError> {
    let days = can.expires_after_days();
    let id = account.id;
    let note = move |index: &mut Index| index.note_server_expiry(id, days);
    if !account.shared.index.call(note).await? {
        return Ok(());
    }
    let Some(days) = days.filter(|days| outlasts(&account.settings.retention, *days)) else {
        return Ok(());
    };
    let hint = match days {
        0 => "what was retrieved is deleted when the session ends; only the local copy remains",
        _ => "the local copies stay; ask the provider whether it can keep mail longer",
    };
    events::ServerExpiryAnnounced {
        account: account.log_name(),
        days,
        hint,
    }
    .emit();
    Ok(())
}

/// Whether the server deletes what was merely retrieved.
pub(crate) fn deletes_on_retrieval(can: &Capabilities) -> bool {
    can.expires_after_days() == Some(0)
}

/// Whether the policy may leave a message for longer than so many days.
fn outlasts(policy: &Policy, days: u64) -> bool {
    let allowed = Duration::from_secs(days.saturating_mul(24 * 60 * 60));
    !policy.delete && policy.delete_after.is_none_or(|after| after > allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_outlasts_what_it_would_keep_longer() {
        let after = |days: u64| Policy {
            delete_after: Some(Duration::from_secs(days * 86_400)),
            ..Policy::KEEP
        };
        assert!(!outlasts(&Policy::DELETE, 0));
        assert!(outlasts(&Policy::KEEP, 60));
        assert!(outlasts(&after(61), 60) && !outlasts(&after(60), 60));
        assert!(outlasts(&after(1), 0));
    }
}
