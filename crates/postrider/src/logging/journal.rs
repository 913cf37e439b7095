//! Entries of the journal, in its native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>): every field of an
//! event is a field there (`journalctl ACCOUNT=home`), and MESSAGE is the line that the text format
//! shows, so that plain `journalctl` is worth reading.

use super::fields::Fields;
use super::text::{Paint, said};
use serde_json::Value;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The most octets of one value. An entry has to fit into a datagram, whose limit is some 200 KiB; what is
/// longer is a server's text, and its beginning says enough.
const LONGEST: usize = 16 * 1024;

/// Writes every event to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// The journal of this machine.
    ///
    /// # Errors
    /// When journald does not listen.
    pub(super) fn open() -> io::Result<Self> {
        Self::at(Path::new(SOCKET))
    }

    /// A journal that listens at `path`.
    ///
    /// # Errors
    /// When nobody does.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        let journal = Self {
            socket,
            path: path.to_owned(),
        };
        // Journald throws away what is empty, but somebody has to be there for it.
        journal.send(&[])?;
        Ok(journal)
    }

    /// By name each time: journald may have been restarted.
    fn send(&self, entry: &[u8]) -> io::Result<()> {
        self.socket.send_to(entry, &self.path).map(|_sent| ())
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // There is nowhere left to tell it.
        let _lost = self.send(&entry(event)).is_err();
    }
}

fn entry(event: &Event<'_>) -> Vec<u8> {
    let fields = Fields::of(event);
    let (level, target) = (*event.metadata().level(), event.metadata().target());
    let mut entry = Vec::with_capacity(512);
    put(&mut entry, "PRIORITY", priority(level));
    put(&mut entry, "SYSLOG_IDENTIFIER", "postrider");
    let message = said(&fields, (level, target), Paint::default());
    put(&mut entry, "MESSAGE", &message);
    match &fields.event {
        Some(event) => put(&mut entry, "EVENT", event),
        // A library's: where it comes from is the next best thing.
        None => put(&mut entry, "TARGET", target),
    }
    for (name, value) in &fields.others {
        let name = field_name(name);
        match value {
            Value::String(text) => put(&mut entry, &name, text),
            other => put(&mut entry, &name, &other.to_string()),
        }
    }
    entry
}

/// syslog(3)'s numbers: what somebody should look at is at least a warning, and `journalctl -p info`
/// shows what `log.level: info` does.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// The journal's names are of capital letters, digits and underscores, and begin with a letter. Ours are ours;
/// those that journald and its readers know keep their meaning.
fn field_name(name: &str) -> String {
    let capital = |c: char| match c.to_ascii_uppercase() {
        c @ ('A'..='Z' | '0'..='9') => c,
        _ => '_',
    };
    let name: String = name.chars().map(capital).collect();
    let taken = [
        "EVENT",
        "MESSAGE",
        "MESSAGE_ID",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
    ];
    if taken.contains(&name.as_str()) || !name.starts_with(|c: char| c.is_ascii_uppercase()) {
        format!("F_{name}")
    } else {
        name
    }
}

/// With its length in front: a value may hold line ends, and none can forge a field.
fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let value = value.as_bytes().get(..end).unwrap_or_default();
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value);
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tracing::{error, info, warn};
    use tracing_subscriber::layer::SubscriberExt;

    /// The fields of the next entry.
    fn next(socket: &UnixDatagram) -> BTreeMap<String, String> {
        let mut octets = vec![0; 1 << 18];
        let length = socket.recv(&mut octets).unwrap();
        let mut rest = &octets[..length];
        let mut fields = BTreeMap::new();
        while !rest.is_empty() {
            let end = rest.iter().position(|octet| *octet == b'\n').unwrap();
            let name = String::from_utf8(rest[..end].to_vec()).unwrap();
            let (length, value) = rest[end + 1..].split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap());
            let (value, after) = value.split_at(usize::try_from(length).unwrap());
            let value = String::from_utf8(value.to_vec()).unwrap();
            assert!(fields.insert(name, value).is_none());
            rest = after.strip_prefix(b"\n").unwrap();
        }
        fields
    }

    fn told(tell: impl FnOnce(), look: impl FnOnce(&UnixDatagram)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let socket = UnixDatagram::bind(&path).unwrap();
        let patience = std::time::Duration::from_secs(10);
        socket.set_read_timeout(Some(patience)).unwrap();
        let journal = Journal::at(&path).unwrap();
        assert!(next(&socket).is_empty());
        let subscriber = tracing_subscriber::registry().with(journal);
        tracing::subscriber::with_default(subscriber, tell);
        look(&socket);
    }

    #[test]
    fn an_entry_has_a_line_to_read_and_every_field_to_search() {
        let tell = || {
            info!(
                target: "postrider", event = "message.stored", uid = 7_u64, mailbox = "IN\"BOX",
                account = "home", octets = 2_311_u64, "a message was stored"
            );
            error!(
                target: "postrider", event = "account.failed", account = "home",
                error = "NO\nMESSAGE=forged", message_id = 1, "the account's pass failed"
            );
            warn!(target: "rustls", priority = 0, "a library speaks");
        };
        told(tell, |socket| {
            let entry = next(socket);
            let said = "message.stored account=home mailbox=\"IN\\\"BOX\" uid=7 octets=2311";
            assert_eq!(entry["MESSAGE"], said);
            assert_eq!(entry["PRIORITY"], "6");
            assert_eq!(entry["SYSLOG_IDENTIFIER"], "postrider");
            for (name, value) in [
                ("EVENT", "message.stored"),
                ("ACCOUNT", "home"),
                ("MAILBOX", "IN\"BOX"),
                ("UID", "7"),
                ("OCTETS", "2311"),
            ] {
                assert_eq!(entry[name], value, "{name}");
            }
            let entry = next(socket);
            let said = "account.failed the account's pass failed: account=home \
                        error=\"NO\\nMESSAGE=forged\" message_id=1";
            assert_eq!(entry["MESSAGE"], said);
            assert_eq!(entry["ERROR"], "NO\nMESSAGE=forged");
            assert_eq!(entry["F_MESSAGE_ID"], "1");
            assert_eq!(entry["PRIORITY"], "3");
            let entry = next(socket);
            assert_eq!(entry["MESSAGE"], "rustls: a library speaks priority=0");
            assert_eq!(entry["TARGET"], "rustls");
            assert_eq!((&*entry["PRIORITY"], &*entry["F_PRIORITY"]), ("4", "0"));
        });
    }

    #[test]
    fn a_value_beyond_all_bounds_is_cut_between_two_characters() {
        let long = "ü".repeat(1 << 20);
        let tell = || error!(target: "postrider", event = "x.failed", error = long, "x");
        told(tell, |socket| {
            let entry = next(socket);
            assert_eq!(entry["ERROR"].len(), LONGEST);
            assert!(entry["ERROR"].chars().all(|c| c == 'ü'));
            assert!(entry["MESSAGE"].len() <= LONGEST);
        });
    }

    #[test]
    fn a_journal_that_is_not_there_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Journal::at(&dir.path().join("journal")).is_err());
    }
}
