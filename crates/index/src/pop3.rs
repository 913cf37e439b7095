//! What we hold of a maildrop.

use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::open::Index;
use postrider_core::message::{MessageKey, Sha256};
use postrider_core::time::UnixTime;
use postrider_core::uidl::Uidl;
use rusqlite::Row;

/// A message of a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3Row {
    /// The message.
    pub key: MessageKey,
    /// Its unique-id; `None` once another message has taken its place.
    pub uidl: Option<Uidl>,
    /// LIST's word.
    pub server_octets: Option<u64>,
    /// Octets with CRLF line ends: what LIST should have said.
    pub octets_crlf: u64,
    /// The hash of the header block, to compare with a TOP.
    pub header_sha256: Option<Sha256>,
    /// The hash of the file.
    pub sha256: Sha256,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// The file relative to the mailbox.
    pub file: String,
    /// Whether its octets came from the server; else its header alone must not let it go.
    pub received: bool,
    /// When the local copy was proven (R1).
    pub proven_at: Option<UnixTime>,
    /// When a DELE was about to be sent; it counts only after QUIT's `+OK` (R2).
    pub expire_requested_at: Option<UnixTime>,
    /// The rule by which it was to go.
    pub expire_because: Option<String>,
    /// When the server copy went, by us.
    pub expired_at: Option<UnixTime>,
    /// When the server copy was found gone, not by us.
    pub vanished_at: Option<UnixTime>,
    /// How often it was listed again after the server had confirmed its deletion.
    pub returns: u64,
}

impl Index {
    /// Every message of a maildrop, oldest first, the gone ones included: their content still says
    /// what need not be fetched again when unique-ids change (R4).
    ///
    /// # Errors
    /// When the database refuses.
    pub fn pop3_rows(&self, mailbox: MailboxId) -> Result<Vec<Pop3Row>, IndexError> {
        let sql = "SELECT * FROM message WHERE mailbox = ? ORDER BY id";
        self.list(
            "list the messages of a maildrop",
            sql,
            [mailbox.0],
            pop3_row,
        )
    }
}

fn pop3_row(row: &Row<'_>) -> rusqlite::Result<Pop3Row> {
    let uidl: Option<String> = row.get("uidl")?;
    let header_sha256: Option<[u8; 32]> = row.get("header_sha256")?;
    Ok(Pop3Row {
        key: MessageKey(row.get("id")?),
        uidl: uidl.as_deref().map(Uidl::from_index),
        server_octets: column::count(row, "server_octets")?,
        octets_crlf: column::count(row, "octets_crlf")?.unwrap_or_default(),
        header_sha256: header_sha256.map(Sha256),
        sha256: column::sha256(row, "sha256")?,
        message_id: row.get("message_id")?,
        file: row.get("file")?,
        received: row.get("received")?,
        proven_at: column::time(row, "proven_at")?,
        expire_requested_at: column::time(row, "expire_requested_at")?,
        expire_because: row.get("expire_because")?,
        expired_at: column::time(row, "expired_at")?,
        vanished_at: column::time(row, "vanished_at")?,
        returns: column::count(row, "returns")?.unwrap_or_default(),
    })
}
