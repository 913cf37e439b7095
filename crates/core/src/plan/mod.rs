//! What to do about one mailbox, as a value that can be printed before it is carried out.
//!
//! Every three-way decision names its base: [`view::Base`] is what server and we last agreed on,
//! [`view::LocalView`] what lies in the Maildir, [`view::ServerView`] what the server says now.
//! [`imap::plan_imap`] and [`pop3::plan_pop3`] compare them, [`unchanged::Unchanged`] where nothing has changed; [`uid_validity::rematch`] finds known
//! messages again when the server has renumbered them (R4), [`moves::moves`] and [`moves::renames`]
//! when it has moved them or renamed their mailbox. [`local`] says what the server is told of what readers did,
//! [`origin::origin`] where a file of theirs comes from. A [`deed::Deed`] is anything that a pass does.

pub mod deed;
pub mod flags;
pub mod imap;
pub mod local;
pub mod moves;
pub mod origin;
pub mod pop3;
pub mod uid_validity;
pub mod unchanged;
pub mod view;
