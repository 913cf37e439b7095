//! What a command says on its standard error, as far as a person needs it when it fails.

use crate::escape::escape_server_text;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Octets that are kept, of the end: before ssh says why it gives up, it may show the banner of a host. The rest is
/// read, so that nobody waits for us, and dropped.
const KEPT: usize = 1_024;
/// Lines of them that are shown.
const LINES: usize = 3;
/// How long children of a command may hold its standard error open after it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Reads along.
#[derive(Debug)]
pub struct LastWords {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl LastWords {
    /// Begins to read.
    pub fn of(from: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let kept = Arc::default();
        let reader = tokio::spawn(read(from, Arc::clone(&kept)));
        Self { kept, reader }
    }

    /// The last lines as one, safe on a terminal; empty when nothing was said. The command has ended.
    pub async fn shown(&mut self) -> String {
        if !self.reader.is_finished() && timeout(LAST_WORDS, &mut self.reader).await.is_err() {
            self.reader.abort();
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = kept
            .split(|octet| matches!(octet, b'\n' | b'\r'))
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .map(escape_server_text)
            .collect();
        let from = lines.len().saturating_sub(LINES);
        lines.get(from..).unwrap_or_default().join("; ")
    }
}

impl Drop for LastWords {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(mut from: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut octets = [0; KEPT];
    while let Ok(read @ 1..) = from.read(&mut octets).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(octets.get(..read).unwrap_or_default());
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(said: &'static [u8]) -> String {
        LastWords::of(said).shown().await
    }

    #[tokio::test]
    async fn the_last_lines_are_shown_and_move_no_cursor() {
        assert_eq!(shown(b"").await, "");
        assert_eq!(shown(b"one\r\n\ntwo\x1b[2J\n").await, "one; two\\u{1b}[2J");
        assert_eq!(shown(b"1\n2\n3\n4\n5").await, "3; 4; 5");
    }

    #[tokio::test]
    async fn a_flood_is_read_and_little_of_it_kept() {
        let mut flood = b"x".repeat(1 << 20);
        flood.extend_from_slice(b"\nthe reason\n");
        let shown = LastWords::of(std::io::Cursor::new(flood)).shown().await;
        assert!(shown.ends_with("; the reason"), "{shown}");
        assert!(shown.len() < KEPT, "{shown}");
    }
}
