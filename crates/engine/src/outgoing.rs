//! A stored message on its way from its file into a session.

use crate::error::EngineError;
use postrider_core::message::Sha256;
use postrider_imap::Source;
use postrider_maildir::Outgoing;
use std::path::Path;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Handle;

/// Octets between the file and the connection.
const IN_BETWEEN: usize = 128 * 1_024;

/// The file's octets as the session takes them. A file that has not the hash given ends early, and the
/// session with it: the server gets no whole message.
///
/// # Errors
/// When the file cannot be opened.
pub(crate) fn source(path: &Path, sha256: Sha256) -> Result<Source, EngineError> {
    let mut outgoing = Outgoing::open(path, sha256).map_err(EngineError::disk)?;
    let (mut into, from) = tokio::io::duplex(IN_BETWEEN);
    let handle = Handle::current();
    let send = move || {
        while let Ok(Some(chunk)) = outgoing.next_chunk() {
            if handle.block_on(into.write_all(&chunk)).is_err() {
                // The session ended first, and says why.
                return;
            }
        }
    };
    // Its end is the end of the stream, whoever reads that.
    drop(tokio::task::spawn_blocking(send));
    Ok(Source::new(from))
}
