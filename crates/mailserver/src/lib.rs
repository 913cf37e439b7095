//! An IMAP and POP3 server in memory, with faults on demand: the other side in the demo and in the
//! simulation tests, never part of the shipped binary.
//!
//! **Invariant:** it uses no other crate of ours. It is an independent reading of the same RFCs, so a
//! misreading in the client is not repeated here.
//!
//! Left out on purpose: TLS and STARTTLS (a real Dovecot tests those), ENVELOPE and BODYSTRUCTURE
//! (postrider never asks for them), any disk.
//!
//! Reading order: what is held ([`Mailstore`], [`Account`], [`Message`]), how it is served
//! ([`Server`], [`Service`], [`Options`]), how it goes wrong ([`Faults`]), and the mail of the demo ([`sample`]).

mod date;
mod faults;
mod imap;
mod options;
mod pop3;
pub mod sample;
mod server;
mod store;
mod wire;
mod wire_name;

pub use faults::{Action, Fault, Faults, Misbehaviour};
pub use options::{Namespaces, Options};
pub use server::{Server, Service};
pub use store::{Account, Command, Mailstore, Message, Protocol};
pub use wire_name::PLAIN_SLASH;

#[cfg(test)]
mod tests;
