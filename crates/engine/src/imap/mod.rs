//! One pass over an IMAP account.
//!
//! [`observe`] asks which mailboxes there are, [`look`] what is in them, [`pass`] walks the journey, [`fetch`] receives octets,
//! [`apply`] carries out the rest of the plan, [`rematch`] survives a changed UIDVALIDITY,
//! [`expire`] deletes what retention lets go.

pub(crate) mod apply;
pub(crate) mod expire;
pub(crate) mod fetch;
pub(crate) mod look;
pub(crate) mod observe;
pub(crate) mod pass;
pub(crate) mod rematch;
