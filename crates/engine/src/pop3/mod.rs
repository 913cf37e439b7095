//! One pass over a POP3 account.
//!
//! [`pass`] walks the journey; [`identify`] finds out which listed messages are known; [`fetch`]
//! receives the others; [`expire`] proves local copies and deletes on the server.

pub(crate) mod download;
pub(crate) mod expire;
pub(crate) mod fetch;
pub(crate) mod identify;
pub(crate) mod pass;
