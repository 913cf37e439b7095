//! How the accounts fare, from the index alone, and the one thing that a person says to it.

use crate::context::now;
use crate::error::EngineError;
use postrider_core::account::{AccountName, Protocol};
use postrider_core::time::UnixTime;
use postrider_index::{AccountStatusRow, BrakeRow, Index, IndexError};
use std::path::Path;

/// How one account fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStatus {
    /// Its name.
    pub name: AccountName,
    /// How its server is spoken to.
    pub protocol: Protocol,
    /// When a pass was last complete.
    pub last_success_at: Option<UnixTime>,
    /// When a pass last failed.
    pub last_error_at: Option<UnixTime>,
    /// The kind of that failure.
    pub last_error_kind: Option<String>,
    /// Its story.
    pub last_error: Option<String>,
    /// Mailboxes in the index.
    pub mailboxes: u64,
    /// Messages whose server copy is there, as far as known.
    pub messages: u64,
    /// Those among them whose local copy is not proven.
    pub unproven: u64,
    /// Those whose deletion was asked for and not yet confirmed.
    pub pending_expiry: u64,
    /// Messages whose removal the brakes hold and nobody has approved (R6).
    pub braked: u64,
    /// Messages that a reader deleted before they were proven: they stay on the server (R1).
    pub deleted_unproven: u64,
    /// Those brakes, each with what it holds and why.
    pub brakes: Vec<Braked>,
}

/// What one brake holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Braked {
    /// The mailbox's decoded name.
    pub mailbox: String,
    /// `local` or `server`: which copies would be removed.
    pub side: String,
    /// How many.
    pub removing: u64,
    /// Of so many.
    pub held: u64,
    /// The rule by which they would go, in the words of the configuration.
    pub because: String,
    /// When it engaged.
    pub since: Option<UnixTime>,
}

impl From<BrakeRow> for Braked {
    fn from(row: BrakeRow) -> Self {
        Self {
            mailbox: row.name,
            side: row.side,
            removing: row.removing,
            held: row.held,
            because: row.because,
            since: row.engaged_at,
        }
    }
}

/// Lets everything go that an account's brakes hold now; says what that is. A running daemon sees it in
/// its next pass.
///
/// # Errors
/// When the index cannot be written.
pub fn approve(state_dir: &Path, account: &AccountName) -> Result<Vec<Braked>, EngineError> {
    let mut index = match Index::open_beside(state_dir) {
        Ok(index) => index,
        Err(IndexError::Missing { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let Some(id) = index.account_named(account)? else {
        return Ok(Vec::new());
    };
    let held = index.approve(id, now())?;
    Ok(held.into_iter().map(Braked::from).collect())
}

/// Reads the state of every account the index knows, without disturbing a running daemon. Empty when
/// there is no index yet.
///
/// # Errors
/// When the index cannot be read.
pub fn status(state_dir: &Path) -> Result<Vec<AccountStatus>, EngineError> {
    let index = match Index::open_read_only(state_dir) {
        Ok(index) => index,
        Err(IndexError::Missing { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut statuses = Vec::new();
    for row in index.statuses()? {
        let brakes = index.brakes(row.id)?;
        statuses.extend(of_row(row, brakes));
    }
    Ok(statuses)
}

/// `None` for a name that no configuration can hold: somebody else wrote it.
fn of_row(row: AccountStatusRow, brakes: Vec<BrakeRow>) -> Option<AccountStatus> {
    let name = AccountName::parse(&row.name).ok()?;
    let protocol = Protocol::parse(&row.protocol)?;
    let waiting = brakes.into_iter().filter(|row| row.approved_at.is_none());
    Some(AccountStatus {
        name,
        protocol,
        last_success_at: row.last_success_at,
        last_error_at: row.last_error_at,
        last_error_kind: row.last_error_kind,
        last_error: row.last_error,
        mailboxes: row.mailboxes,
        messages: row.messages,
        unproven: row.waiting_for_proof,
        pending_expiry: row.waiting_for_expiry,
        braked: row.waiting_for_approval,
        deleted_unproven: row.deleted_unproven,
        brakes: waiting.map(Braked::from).collect(),
    })
}
