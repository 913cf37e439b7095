//! What can be measured of a daemon, in the text format that Prometheus reads (docs/metrics.md).
//!
//! Nothing is counted here: accounts tell how they are doing anyway (`postrider_engine::LiveAccount`), and a
//! scrape looks at that. So a daemon that nobody measures does no work for it, and an account that was removed
//! has no series any more. No name of a mailbox and nothing of a message is in them.
//!
//! Reading order: [`table`] (what there is), `text` (how it is written), `process` (what the system knows of us),
//! `server` (where it is served).

pub mod process;
mod server;
pub mod table;
mod text;

pub use server::{Bound, Metrics};
