//! One pass over an IMAP account, in the order of its journey.
//!
//! [`pass`] walks it; [`quick`] walks a part of it, where the server has told of something. [`observe`] says which mailboxes there are, [`lost`] what became of those that are
//! not listed any more ([`unlisted`]: and that nobody remembers); [`look`] asks what the changed ones hold ([`fresh`]: and what is new in them),
//! [`compare`] puts it beside what is known, [`planned`] decides, with [`rematch`] for a changed
//! UIDVALIDITY, [`doubt`] for UIDs given out twice and [`limits`] for what is too large or too old.
//! [`apply`] pulls flags, [`absent`] asks a second witness, [`moves`] lets files follow, unless a reader put them elsewhere ([`departed`]). [`crew`] opens
//! connections that [`fetch`] what is left ([`promise`]: or would), [`copies`] links what is here already. [`release`] deals
//! with local copies of vanished messages, [`expire`] with server copies: [`quota`] says how full the
//! box is, [`there`] which are left, [`removal`] how they go, [`in_trash`] what an earlier pass has left half gone.

pub(crate) mod absent;
pub(crate) mod apply;
pub(crate) mod compare;
pub(crate) mod copies;
pub(crate) mod crew;
pub(crate) mod departed;
pub(crate) mod doubt;
pub(crate) mod expire;
pub(crate) mod fetch;
pub(crate) mod fresh;
pub(crate) mod in_trash;
pub(crate) mod limits;
pub(crate) mod look;
pub(crate) mod lost;
pub(crate) mod moves;
pub(crate) mod observe;
pub(crate) mod pass;
pub(crate) mod planned;
pub(crate) mod promise;
pub(crate) mod quick;
pub(crate) mod quota;
pub(crate) mod release;
pub(crate) mod rematch;
pub(crate) mod removal;
pub(crate) mod strays;
pub(crate) mod there;
pub(crate) mod unlisted;
