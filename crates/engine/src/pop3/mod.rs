//! One pass over a POP3 account.
//!
//! [`pass`] walks the journey, in as many sessions as the server's limits demand; [`identify`] finds
//! out which listed messages are known; [`limits`] leaves out what is too large; [`fetch`] receives
//! the others; [`expire`] proves local copies and deletes on the server, after [`confirm`] has seen
//! that each message is the one that was proven; [`returned`] knows those that come back after that.
//! [`announced`] is what CAPA says of the server's own deletions.

pub(crate) mod announced;
pub(crate) mod confirm;
pub(crate) mod download;
pub(crate) mod expire;
pub(crate) mod fetch;
pub(crate) mod identify;
pub(crate) mod limits;
pub(crate) mod pass;
pub(crate) mod returned;
