//! A POP3 client (RFC 1939) that loses nothing and trusts nobody.
//!
//! A session is a value whose type is its state: [`Authorization`] becomes a [`Transaction`] by
//! logging in; the Transaction ends in [`Transaction::quit`], or in
//! [`Transaction::delete_and_quit`], which alone enters the UPDATE state (RFC 1939 §6).
//!
//! **Invariants:**
//! - The end of a message is its terminator; the end of the connection never is (CONTRACT R7).
//! - No number reaches a command that the server's STAT does not cover.
//! - What a server announces reserves no memory; what it sends is bounded, but for message bodies,
//!   which pass through in chunks (R11).
//! - No password leaves before TLS, unless `tls: none` was asked for (R9).
//!
//! What it deliberately lacks: APOP (RFC 1939 §7 offers MD5 and no proof of the server), and any
//! opinion on which messages to fetch or delete: that is `postrider-core`'s.
//!
//! Reading order: [`codec`], [`reply`], `command`, `listing` (no I/O); `wire` (octets and
//! deadlines); `session`, `survey`, `retrieve`, `update`; `ext` (one file per capability).

pub mod codec;
mod command;
pub mod error;
mod ext;
mod listing;
pub mod reply;
mod retrieve;
mod session;
mod survey;
mod update;
mod wire;

pub use error::Pop3Error;
pub use ext::capa::Capabilities;
pub use listing::{ListedMessage, UidlState};
pub use reply::{Code, Refusal};
pub use retrieve::{Retrieval, RetrieveEvent};
pub use session::{Authorization, Transaction};
pub use survey::Maildrop;
pub use update::Quit;
