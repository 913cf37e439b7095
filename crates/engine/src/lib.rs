//! Wait, look, plan, fetch, deliver, record, expire: the way of a message, walked.
//!
//! Everything that decides is in `postrider-core`; everything that touches server, disk or index is
//! in the adapter crates; this crate brings them together and is the only one that logs.
//!
//! Reading order: [`sync`](sync()) and [`Daemon`] start passes, `rounds` is an account's life in the daemon, `listen` its pauses, `rhythm` when its passes begin, `surroundings` what else may start them, `calls` the passes that somebody waits for, `live` what it tells of itself, and `heart` shows that it goes on; a [`Handle`] is for whoever has something to ask; `account` frames one pass;
//! `imap::pass` and `pop3::pass` are the journeys, which `rehearsal` plays through without a step; `deliver` stores messages, `push` tells the server what readers did, `prove` reads them
//! back, `hooks` runs what the user wants run, `shares` is what all accounts together may use, `recover` heals what a crash left and `take_in` what a lost index left; `watch` sees what readers do; [`events`] is what the log says.

mod absence;
mod access_token;
mod account;
mod brake;
mod calls;
mod certificates;
mod check;
mod choose;
mod connect;
mod connections;
mod context;
mod daemon;
mod deliver;
mod delivery_pool;
mod descriptors;
mod disk_space;
mod error;
pub mod events;
mod handle;
mod header;
mod heart;
mod history;
mod hooks;
mod imap;
mod index_thread;
mod listen;
mod live;
mod local;
mod mailboxes;
mod outgoing;
mod pass_clock;
mod password;
mod place;
mod pop3;
mod prove;
mod push;
mod recover;
mod rehearsal;
mod report;
mod retain;
mod rhythm;
mod rounds;
mod shares;
mod shutdown;
mod state;
mod status;
mod step;
mod strength;
mod surroundings;
mod sync;
mod take_in;
mod ticks;
mod totals;
mod trees;
mod undo;
mod veil;
mod verify;
mod vigil;
mod watch;
mod written;

pub use access_token::client_secret;
pub use calls::{Failure, LastFailure, Outcome};
pub use check::{CheckReport, Checked, CheckedMailbox, check};
pub use choose::Choice;
pub use daemon::{Daemon, Reloaded};
pub use error::EngineError;
pub use handle::{Accounts, Awaited, Became, Handle};
pub use history::{HistoryEntry, HistoryFilter, Whereabouts, history, tells_of};
pub use live::{Activity, Listening, LiveAccount, Load, PushKind};
pub use mailboxes::{KnownMailbox, MailboxReport, Standing, known_mailboxes, mailboxes};
pub use rehearsal::{NamedMessage, Rehearsed};
pub use report::{AccountOutcome, PassReport, Progress, ProgressSender};
pub use shutdown::{Shutdown, ShutdownTrigger};
pub use state::EngineSettings;
pub use status::{AccountStatus, Braked, approve, status};
pub use step::{Step, Steps};
pub use sync::{Rehearsal, SyncOptions, rehearse, sync};
pub use totals::{PASS_BOUNDS_MS, PassTimes, Totals};
pub use undo::{UndoItem, UndoOptions, UndoOutcome, plan_undo, release, undo};
pub use verify::{
    Checking, Finding, FindingKind, ServerReport, VerifyOptions, VerifyOutcome, VerifyReport,
    verify,
};
pub use vigil::{Organ, Stalled, Vigil};
