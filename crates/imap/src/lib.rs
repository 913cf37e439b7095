//! An IMAP client that pipelines and streams (RFC 3501, RFC 9051).
//!
//! Codecs do no I/O: the [`framer`] cuts octets into responses and lets message bodies flow past,
//! [`mod@parse`] makes values of responses, `encode` makes octets of commands. A [`session`] drives
//! them over any stream, and a [`flight`] carries many [`step`]s in few round trips.
//!
//! **Invariants:** memory does not grow with a message or with what a server announces
//! ([`limits`]); only a tagged OK to a tag of ours is success; no password crosses a connection in
//! the clear unless the settings asked for that; server text is data.
//!
//! Absent on purpose: message numbers (everything goes by UID), and any opinion on which messages
//! to fetch or remove.
//!
//! Reading order: [`step`], [`flight`], `launch`, `attribution`, `landing`, `compressing`, [`session`], `listening`, `intake`, `greeting`, `login`, `early`, [`memory`], `wire`,
//! [`framer`], [`mod@parse`], then one file per command, `ext`, one file per
//! capability, and [`quirks`].

pub mod append;
pub mod capability;
pub mod code;
pub mod create;
pub mod date;
pub mod encode;
pub mod error;
pub mod fetch;
pub mod flight;
pub mod framer;
pub mod heard;
pub mod limits;
pub mod list;
pub mod memory;
pub mod parse;
pub mod permanent_flags;
pub mod quirks;
pub mod search;
pub mod select;
pub mod session;
pub mod source;
pub mod status;
pub mod step;
pub mod store;
pub mod wire_name;

pub use append::{Append, Appended, AppendedAll};
pub use capability::{Capabilities, Capability};
pub use error::{ImapError, Refusal};
pub use ext::qresync::{Resync, Vanished};
pub use ext::quota::Quota;
pub use ext::uidplus::{CopyUid, UidList};
pub use fetch::{FactsRow, Fetched, FlagsRow, GmailRow, RowItems};
pub use flight::Flight;
pub use heard::{Heard, OpenNews};
pub use limits::Limits;
pub use list::Listed;
pub use memory::Memory;
pub use permanent_flags::PermanentFlags;
pub use quirks::Quirk;
pub use select::{SelectMode, Selected};
pub use session::{Session, SessionState, Unsolicited};
pub use source::Source;
pub use status::MailboxStatus;
pub use step::{FlightEvent, Step};
pub use store::FlagChange;
pub use wire_name::WireName;

mod attribution;
mod compressing;
mod cursor;
mod dialect;
mod early;
mod ext;
mod greeting;
mod intake;
mod landing;
mod launch;
mod listening;
mod login;
mod shown;
#[cfg(test)]
mod testing;
mod wire;
