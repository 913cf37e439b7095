//! The control socket of a running daemon: who may speak to it, what can be asked, and what is answered
//! (docs/control.md).
//!
//! One connection is one request: the daemon greets, the client asks with one line, the daemon answers with
//! lines until one is the last. Everything is bounded: the number of clients, the length of a request, the time
//! for it and for each answer to be taken; nobody who asks can make the daemon wait.
//!
//! Reading order: [`words`] (the lines), `asked` (how one is read), [`place`] (where the socket lies), `bind` and `server` (the daemon's
//! end), `answers` (what each request does), [`client`] (the other end), [`error`] (what can go wrong on either).

mod answers;
mod asked;
mod bind;
pub mod client;
pub mod error;
pub mod place;
pub mod server;
pub mod words;

use std::time::Duration;

/// The version of the protocol. It grows when a client of before would misread an answer; fields and answers
/// that are new do not count, for a client passes over what it does not know.
pub const PROTOCOL: u32 = 1;

/// The longest request, in octets: a thousand names of accounts.
const LONGEST_REQUEST: u64 = 64 << 10;

/// The longest answer, in octets: one account, with an error of a thousand characters, takes 5 KiB.
const LONGEST_ANSWER: u64 = 1 << 20;

/// How long a client may take for its request: it is one line.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// How long a client may take to read an answer: a person's terminal scrolls meanwhile, a stopped client does
/// not come back.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// Between two signs of life, while something takes long: what finds out that a client has gone, and tells a
/// client that the daemon has not.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How long a client waits for a sign of life: several of those above, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The least time between two accounts of what has changed: as fast as anybody reads.
const CALM: Duration = Duration::from_millis(200);

/// Clients at once. Each is a task and two descriptors.
const CLIENTS: usize = 32;
