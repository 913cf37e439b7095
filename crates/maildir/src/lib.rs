//! A Maildir as readers like it: names, delivery, scanning, flags, and the proof of what lies there.
//!
//! **Deliberately absent:** the network, the index, any clock but the one handed in, and any way to
//! rewrite a delivered file. Everything is synchronous; callers run it on threads that may block.
//!
//! Reading order: where a mailbox lies ([`layout`], [`mailbox`], [`mod@tree`]), what a file is called ([`name`],
//! [`entry`]), how it comes there ([`incoming`], `line_ends`,
//! [`mod@link`], [`deliver`]), how it is found again
//! ([`mod@scan`], [`alone`] where that is spared, and [`mod@identity`] where it is not), read ([`mod@examine`]), re-flagged ([`flags`]),
//! moved ([`mod@follow`]), known again after a reader wrote into it ([`mod@plain`]), sent back ([`outgoing`]) and proven ([`prove`]), and what is cleared away
//! ([`mod@sweep`]).

pub mod alone;
pub mod content;
pub mod deliver;
pub mod disk;
pub mod entry;
pub mod error;
pub mod examine;
pub mod flags;
pub mod follow;
pub mod identity;
pub mod incoming;
pub mod layout;
mod line_ends;
pub mod link;
pub mod mailbox;
pub mod name;
pub mod order;
pub mod outgoing;
pub mod plain;
pub mod prove;
mod rename;
pub mod scan;
pub mod sweep;
pub mod tree;

pub use alone::Alone;
pub use content::ContentHash;
pub use deliver::{
    MANY_FILES, Placement, Resumed, flush, flush_directories, flush_directories_on, place,
    resumable, resume,
};
pub use disk::Disk;
pub use entry::{Entry, Subdir};
pub use error::MaildirError;
pub use examine::{Examined, examine};
pub use flags::{reflagged, set_flags};
pub use follow::{follow, follow_all, remove, remove_empty};
pub use identity::identity;
pub use incoming::{Incoming, Received};
pub use layout::{directory, name_of, twin, twin_key};
pub use link::{Original, link};
pub use mailbox::Mailbox;
pub use name::{FileName, Namer};
pub use order::sort_by_delivery;
pub use outgoing::Outgoing;
pub use plain::hash_of_plain;
pub use prove::{Cold, Proof, read_back};
pub use scan::{Scan, Stamp, is_there, locate, scan, stamp, truer};
pub use sweep::sweep;
pub use tree::mailboxes;
