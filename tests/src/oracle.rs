//! Fills and inspects a server over loopback with clients that are not ours, so that postrider never
//! checks itself: the `imap` crate, and ten lines of POP3.

mod pop3;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;

use chrono::DateTime;
use imap::types::Flag;
use imap::{Client, Session};

use crate::digest::{sha256, sha256_lf};

pub use pop3::Pop3Oracle;

/// An IMAP session in clear. Mailbox names are as on the wire (modified UTF-7).
#[derive(Debug)]
pub struct Oracle {
    session: Session<TcpStream>,
}

/// One message as the server holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `\Seen` and keywords, without `\Recent`.
    pub flags: BTreeSet<String>,
    /// INTERNALDATE in seconds since the epoch.
    pub internal_date: i64,
    /// Its Message-ID with angle brackets; empty when it has none.
    pub message_id: String,
    /// How many octets it has.
    pub octets: usize,
    /// Of the bytes as they travel.
    pub sha256: String,
    /// Of the bytes with LF line ends, as a Maildir holds them.
    pub sha256_lf: String,
}

impl Held {
    /// Whether it bears a flag or keyword; case does not matter (RFC 9051 §2.3.2).
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags
            .iter()
            .any(|held| held.eq_ignore_ascii_case(flag))
    }
}

impl Oracle {
    /// Logs in at a port of loopback.
    ///
    /// # Panics
    /// When the server does not want it; so do all methods here.
    #[must_use]
    pub fn login(port: u16, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        let mut client = Client::new(stream);
        client.read_greeting().expect("the server greets");
        let session = client.login(user, password);
        let session = session
            .map_err(|(error, _)| error)
            .expect("the oracle may log in");
        Self { session }
    }

    /// Makes a mailbox.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn create(&mut self, mailbox: &str) {
        self.session.create(mailbox).expect("CREATE works");
    }

    /// Removes a mailbox.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn delete(&mut self, mailbox: &str) {
        self.session.delete(mailbox).expect("DELETE works");
    }

    /// Renames a mailbox.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn rename(&mut self, from: &str, to: &str) {
        self.session.rename(from, to).expect("RENAME works");
    }

    /// Puts a message into an existing mailbox; `internal_date` in seconds since the epoch.
    ///
    /// # Panics
    /// When the server refuses, or the date is beyond the calendar.
    pub fn append(&mut self, mailbox: &str, bytes: &[u8], flags: &[&str], internal_date: i64) {
        let date = DateTime::from_timestamp(internal_date, 0).expect("a date of this era");
        let flags = flags.iter().map(|flag| Flag::from(*flag));
        // Of all commands the crate quotes nothing in this one.
        let mailbox = mailbox.replace('\\', r"\\").replace('"', "\\\"");
        let mut append = self.session.append(&mailbox, bytes);
        append.flags(flags).internal_date(date.fixed_offset());
        append.finish().expect("APPEND works");
    }

    /// The names of all mailboxes, sorted, those that cannot be selected left out.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn mailboxes(&mut self) -> Vec<String> {
        let names = self.session.list(Some(""), Some("*")).expect("LIST works");
        let selectable = names.iter().filter(|name| {
            let attributes = format!("{:?}", name.attributes()).to_ascii_lowercase();
            !attributes.contains("noselect") && !attributes.contains("nonexistent")
        });
        let mut names: Vec<String> = selectable.map(|name| name.name().to_owned()).collect();
        names.sort();
        names
    }

    /// The messages of a mailbox by UID; looking changes nothing.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn messages(&mut self, mailbox: &str) -> BTreeMap<u32, Held> {
        let opened = self.session.examine(mailbox).expect("EXAMINE works");
        let held = if opened.exists == 0 {
            BTreeMap::new()
        } else {
            self.fetch_all()
        };
        self.close_examined();
        held
    }

    /// What another session expunges in this moment has no body, or spoils the answer (RFC 2180 §4.1): then once more.
    fn fetch_all(&mut self) -> BTreeMap<u32, Held> {
        for _ in 0..20 {
            if let Some(held) = self.try_fetch_all() {
                return held;
            }
            self.session.noop().expect("NOOP works");
        }
        panic!("messages have no bodies, or UID FETCH does not work");
    }

    fn try_fetch_all(&mut self) -> Option<BTreeMap<u32, Held>> {
        let items = "(UID FLAGS INTERNALDATE BODY.PEEK[])";
        let fetched = self.session.uid_fetch("1:*", items).ok()?;
        let held = fetched.iter().map(|message| {
            let bytes = message.body()?;
            let flags = message.flags().iter().filter(|flag| **flag != Flag::Recent);
            let held = Held {
                flags: flags.map(ToString::to_string).collect(),
                internal_date: message.internal_date()?.timestamp(),
                message_id: message_id(bytes),
                octets: bytes.len(),
                sha256: sha256(bytes),
                sha256_lf: sha256_lf(bytes),
            };
            Some((message.uid?, held))
        });
        held.collect()
    }

    /// Replaces the flags of one message.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn set_flags(&mut self, mailbox: &str, uid: u32, flags: &[&str]) {
        self.session.select(mailbox).expect("SELECT works");
        let query = format!("FLAGS.SILENT ({})", flags.join(" "));
        self.session
            .uid_store(uid.to_string(), query)
            .expect("UID STORE works");
    }

    /// Removes one message, and every other that bears `\Deleted`.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn expunge(&mut self, mailbox: &str, uid: u32) {
        self.set_flags(mailbox, uid, &["\\Deleted"]);
        self.session.expunge().expect("EXPUNGE works");
    }

    /// Moves one message as clients did before MOVE: a copy, and [`Oracle::expunge`].
    ///
    /// # Panics
    /// When the server refuses.
    pub fn move_message(&mut self, from: &str, uid: u32, to: &str) {
        self.session.select(from).expect("SELECT works");
        let copied = self.session.uid_copy(uid.to_string(), to);
        copied.expect("UID COPY works");
        self.expunge(from, uid);
    }

    /// The UIDVALIDITY of a mailbox.
    ///
    /// # Panics
    /// When the server refuses or does not tell.
    #[must_use]
    pub fn uid_validity(&mut self, mailbox: &str) -> u32 {
        let opened = self.session.examine(mailbox).expect("EXAMINE works");
        self.close_examined();
        opened.uid_validity.expect("the server tells UIDVALIDITY")
    }

    /// Courier refuses to append to a mailbox that is examined. What was not opened for writing loses no
    /// message by CLOSE (RFC 9051 §6.4.1).
    fn close_examined(&mut self) {
        self.session.close().expect("CLOSE works");
    }
}

/// What the header says; empty when it says nothing.
#[must_use]
pub fn message_id(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let header = text.lines().take_while(|line| !line.trim().is_empty());
    let mut ids = header.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.trim_end().eq_ignore_ascii_case("Message-ID");
        is_it.then(|| value.trim().to_owned())
    });
    ids.next().unwrap_or_default()
}
