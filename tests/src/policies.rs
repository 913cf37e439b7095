//! Retention policies of one rule each, as tests of retention need them.

use postrider_core::retention::{Method, Policy};
use std::num::NonZeroU32;
use std::time::Duration;

/// `{delete_after: <days>d}`.
#[must_use]
pub fn after(days: u64) -> Policy {
    Policy {
        delete_after: Some(Duration::from_secs(days * 86_400)),
        ..Policy::KEEP
    }
}

/// `{keep_latest: <count>}`.
#[must_use]
pub fn latest(count: u32) -> Policy {
    Policy {
        keep_latest: NonZeroU32::new(count),
        ..Policy::KEEP
    }
}

/// `{until_deleted_locally: true}`.
#[must_use]
pub const fn locally() -> Policy {
    Policy {
        until_deleted_locally: true,
        ..Policy::KEEP
    }
}

/// `deletions: push` and nothing else.
#[must_use]
pub const fn pushed() -> Policy {
    Policy {
        deletions_pushed: true,
        ..Policy::KEEP
    }
}

/// The same, by way of the trash.
#[must_use]
pub const fn trash(policy: Policy) -> Policy {
    Policy {
        method: Method::Trash,
        ..policy
    }
}
