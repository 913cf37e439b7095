//! A message as the index takes it.

use postrider_core::flag::FlagSet;
use postrider_core::message::{ServerRef, Sha256};
use postrider_core::time::UnixTime;

/// What a message's header says; each may be missing, a message is stored whatever it looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderFields {
    /// `Message-ID`, without its angle brackets or with them, always the same way.
    pub message_id: Option<String>,
    /// `Subject`, decoded.
    pub subject: Option<String>,
    /// The address of `From`.
    pub from_addr: Option<String>,
    /// The addresses of `To` and `Cc`, as the searches want them.
    pub to_addrs: Option<String>,
    /// `Date`.
    pub date: Option<UnixTime>,
}

/// Everything the index records of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// Who it is to the server.
    pub server: ServerRef,
    /// Its flags at the server.
    pub flags: FlagSet,
    /// What its header says.
    pub header: HeaderFields,
    /// INTERNALDATE; `None` under POP3.
    pub internal_date: Option<UnixTime>,
    /// Octets of the file.
    pub octets: u64,
    /// Octets with CRLF line ends.
    pub octets_crlf: u64,
    /// RFC822.SIZE or LIST's word. May lie; decides nothing (R7).
    pub server_octets: Option<u64>,
    /// The hash of the file.
    pub sha256: Sha256,
    /// The hash of the header block, to compare with a TOP of the same message.
    pub header_sha256: Option<Sha256>,
    /// The file's base name.
    pub base: String,
    /// The file relative to its mailbox: `new/x`, `cur/x:2,S`.
    pub file: String,
}
