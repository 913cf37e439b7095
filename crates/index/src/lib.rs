//! What postrider knows: accounts, mailboxes, every message ever stored, the deliveries under way,
//! and the ledger of what was done and why. One SQLite file, readable by anyone at any time.
//!
//! **Deliberately absent:** the network, the Maildir (paths are text here), any clock but the one
//! handed in, and any decision. One [`Index`] has one owner, who calls it from a thread that may
//! block; a `&mut self` is one transaction, durable when it returns.
//!
//! Reading order: `migrations/0001_initial.sql`, which is the schema with its reasons; then [`open`],
//! [`lock`] and `seal`, the way of a message ([`journal`], [`messages`], [`marks`], [`pop3`], [`maildrops`]), and around it
//! [`accounts`], [`mailboxes`], [`renames`], [`relocations`], [`known_files`], [`inventory`], [`identities`],
//! [`skips`], [`vanished`], [`take_in`], `returned`, [`outdated`], [`strays`], [`aside`], what readers do ([`flag_changes`], [`newcomers`],
//! [`partings`], [`outgoing`], [`creations`]),
//! [`brakes`], [`certificates`], [`writers`], [`status`], `check`, `clock`, [`listening`], [`history`], [`verify`], [`undo`]; [`scratch`] and [`named`]
//! are a rehearsal's.

pub mod absences;
pub mod accounts;
pub mod aside;
pub mod brakes;
pub mod certificates;
mod check;
mod clock;
mod column;
pub mod creations;
pub mod error;
pub mod flag_changes;
pub mod history;
pub mod identities;
pub mod inventory;
pub mod journal;
pub mod known_files;
mod ledger;
pub mod listening;
pub mod lock;
pub mod mailboxes;
pub mod maildrops;
pub mod marks;
pub mod message;
pub mod messages;
mod migrate;
pub mod named;
pub mod newcomers;
pub mod open;
pub mod outdated;
pub mod outgoing;
mod owned;
pub mod partings;
pub mod pop3;
pub mod relocations;
pub mod renames;
pub mod retained;
mod returned;
pub mod scratch;
mod seal;
pub mod skips;
pub mod status;
pub mod strays;
pub mod take_in;
pub mod undo;
pub mod vanished;
pub mod verify;
pub mod writers;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use accounts::{AccountId, KnownCapabilities};
pub use aside::set_aside;
pub use brakes::{BrakeRow, Braking, Side};
pub use error::IndexError;
pub use flag_changes::{FlagChangeRow, Followed, Reflagging};
pub use history::{CopyRow, LedgerFilter, LedgerRow};
pub use identities::{Described, Identity, LocalCopy};
pub use inventory::Inventory;
pub use journal::{Intent, JournalId, OpenEntry};
pub use known_files::KnownFiles;
pub use lock::StateLock;
pub use mailboxes::{MailboxId, MailboxRow, NewMailbox, ScanStamp, ServerState};
pub use maildrops::MaildropSkip;
pub use marks::Attachment;
pub use message::{HeaderFields, NewMessage};
pub use messages::{BaseHit, MessageFile, PresentRow, UnmatchedRow};
pub use named::NamedRow;
pub use newcomers::{Newcomer, NewcomerId};
pub use open::Index;
pub use outgoing::{OutgoingRow, ServerCopy};
pub use partings::{Octets, Parting};
pub use pop3::Pop3Row;
pub use relocations::{OpenRelocation, Relocation};
pub use renames::OpenMove;
pub use retained::RetainedRow;
pub use skips::Skip;
pub use status::AccountStatusRow;
pub use strays::Stray;
pub use take_in::FoundFile;
pub use undo::{UndoFilter, UndoRow};
pub use verify::KeptRow;
