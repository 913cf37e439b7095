//! The test kit of postrider: the other side of every conversation, and witnesses of what was done.
//!
//! - [`dialogue`]: a protocol conversation as a text file, played to the real session code in memory.
//! - [`server`]: what real servers have in common, each throw-away: [`dovecot`], [`cyrus`], [`courier`].
//! - [`certificate`]: the certificates of servers, good and bad, and of users.
//! - [`oracle`]: fills and inspects that server with clients that are not ours.
//! - [`maildir`]: reads a Maildir tree without our own code, and says what is wrong with it.
//! - [`digest`]: the hashes by which messages are compared.
//! - [`postrider`]: the built binary, with a home of its own.
//! - [`daemon`]: that binary as a daemon: its log, its notify socket, its signals.
//! - [`control`]: its control socket, spoken to by a client that is not ours.
//! - [`counting_relay`]: how many connections there are at once.
//! - [`cutting_proxy`]: a line that ends at an exact octet, between that binary and a real server.
//! - [`hostile`]: servers that mean harm, and the built binary between them.
//! - [`oauth_server`]: an authorization server, with failures to order.
//! - [`lossy_disk`]: a disk that loses what was not flushed, under that binary.
//! - [`foretold`]: a dry run beside the pass that follows it.
//! - [`scram_server`]: a server whose logins are bound to their connections, and a man in the middle.
//! - [`small_disk`]: a disk that is full or read-only, under that binary.
//! - [`network`]: two machines and a line between them, under that binary and a server.
//! - [`policies`]: retention policies of one rule each.
//! - [`dice`]: chance that is the same in every run.
//! - [`disclosure`]: whether a secret can be found anywhere.
//! - [`proxies`]: real proxies on the way to a server.
//! - [`readers`]: mail readers that people use, on a tree of ours.
//! - [`soak`]: a daemon that works for long, and what it takes meanwhile.
//! - [`systemd`]: a machine with a real systemd and postrider on it.
//! - [`terminal`]: a screen for programs that want one.
//! - [`wire`]: a line with delay and loss, which can be cut either way.
//! - [`rig`]: the engine with a server in memory, a real disk and a real index.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a kit tells a test what went wrong by panicking with a sentence"
)]

mod cell;
pub mod certificate;
pub mod control;
pub mod counting_relay;
pub mod courier;
pub mod cutting_proxy;
pub mod cyrus;
pub mod daemon;
pub mod dialogue;
pub mod dice;
pub mod digest;
pub mod disclosure;
pub mod dovecot;
pub mod foretold;
pub mod hostile;
pub mod lossy_disk;
pub mod maildir;
pub mod network;
pub mod oauth_server;
pub mod oracle;
pub mod policies;
pub mod postrider;
pub mod proxies;
pub mod readers;
pub mod rig;
pub mod scram_server;
pub mod server;
pub mod small_disk;
pub mod soak;
pub mod systemd;
pub mod terminal;
pub mod wire;
