//! A message that lies whole in `tmp`, and what the index will keep of its header.

use crate::header;
use postrider_core::message::Sha256;
use postrider_index::HeaderFields;
use postrider_maildir::Received;

/// Read where it was written, on a thread of its own: a header has many times the octets of what is kept.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) received: Received,
    pub(crate) header: HeaderFields,
    pub(crate) header_sha256: Sha256,
}

impl Written {
    pub(crate) fn of(mut received: Received) -> Self {
        let lines = std::mem::take(&mut received.header);
        Self {
            received,
            header: header::fields(&lines),
            header_sha256: header::fingerprint(&lines),
        }
    }
}
