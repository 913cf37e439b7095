//! The words, plans and verdicts of postrider, and nothing that touches the world.
//!
//! **Invariant:** this crate has no clock, no randomness, no environment, no files, no sockets, no
//! locks, no async and no logging. The same input gives the same answer, so every decision about
//! somebody's mail can be printed, tested and replayed.
//!
//! Reading order: the words ([`account`], [`mailbox`], [`uid`], [`uidl`], [`flag`], [`message`]),
//! what a user chose ([`settings`], [`way`], [`limits`], [`hook`]), whose an account is ([`shard`]), which certificate a server must have ([`pin`]) and when one runs out ([`certificate`]), what to do about a server ([`plan`]), what may leave it
//! ([`retention`]), what stops a pass ([`brake`]), when to try again ([`pace`], [`haste`]), how long a line may be silent ([`refresh`]), which
//! mailboxes are listened to ([`attention`]), what servers say when
//! they want less of us ([`wish`]), how many connections that leaves ([`allowance`]), when a failure is told again ([`outage`]), what has
//! come to a halt ([`vigil`]), and what an error means ([`fault`]).

pub mod account;
pub mod allowance;
pub mod attention;
pub mod brake;
pub mod certificate;
pub mod fault;
pub mod flag;
pub mod haste;
pub mod hook;
pub mod limits;
pub mod mailbox;
pub mod message;
pub mod mod_seq;
pub mod outage;
pub mod pace;
pub mod pin;
pub mod plan;
pub mod refresh;
pub mod retention;
pub mod secret;
pub mod settings;
pub mod shard;
pub mod time;
pub mod uid;
pub mod uidl;
pub mod vigil;
pub mod way;
pub mod wish;
