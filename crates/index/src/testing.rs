//! An index with one account and one mailbox, and messages to put in it.

use crate::{AccountId, FoundFile, HeaderFields, Index, Intent, MailboxId, NewMailbox, NewMessage};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::flag::FlagSet;
use postrider_core::mailbox::MailboxName;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::retention::Ticks;
use postrider_core::time::{Now, UnixTime};
use postrider_core::uid::{Uid, UidValidity};
use postrider_core::uidl::Uidl;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Bench {
    pub(crate) index: Index,
    pub(crate) account: AccountId,
    pub(crate) mailbox: MailboxId,
    pub(crate) home: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self::at(home)
    }

    fn at(home: TempDir) -> Self {
        let mut index = Index::open(home.path()).unwrap();
        let account = index
            .account(&AccountName::parse("home").unwrap(), Protocol::Imap)
            .unwrap();
        let mailbox = index.mailbox(account, &new_mailbox("INBOX")).unwrap();
        Self {
            index,
            account,
            mailbox,
            home,
        }
    }

    /// What a kill and a new start do: whatever was not committed is gone.
    pub(crate) fn restart(self) -> Self {
        let Self { index, home, .. } = self;
        drop(index);
        Self::at(home)
    }

    pub(crate) fn store(&mut self, messages: Vec<NewMessage>) -> Vec<MessageKey> {
        let intents: Vec<Intent> = messages.into_iter().map(intent).collect();
        let begun = self.index.begin(&intents).unwrap();
        self.index.record(&begun, now(100), now(100)).unwrap()
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.index
            .connection
            .query_row(&sql, (), |row| row.get(0))
            .unwrap()
    }
}

pub(crate) fn now(seconds: i64) -> Now {
    Now(UnixTime::from_seconds(seconds))
}

pub(crate) fn new_mailbox(wire_name: &str) -> NewMailbox {
    NewMailbox {
        wire_name: wire_name.to_owned(),
        name: MailboxName::from_decoded(wire_name, Some('.')),
        role: None,
        path: format!("/mail/home/{wire_name}").into(),
    }
}

pub(crate) fn epoch(number: u32) -> UidValidity {
    UidValidity::new(number).unwrap()
}

pub(crate) fn imap(epoch_number: u32, uid: u32) -> ServerRef {
    ServerRef::Imap {
        uid_validity: epoch(epoch_number),
        uid: Uid::new(uid).unwrap(),
    }
}

pub(crate) fn pop3(uidl: &str) -> ServerRef {
    ServerRef::Pop3 {
        uidl: Some(Uidl::parse(uidl.as_bytes()).unwrap()),
    }
}

pub(crate) fn message(server: ServerRef, mark: u8) -> NewMessage {
    NewMessage {
        server,
        flags: FlagSet::from_index("\\Seen work"),
        header: HeaderFields {
            message_id: Some(format!("{mark}@example.org")),
            subject: Some("Grüße".to_owned()),
            from_addr: Some("ada@example.org".to_owned()),
            to_addrs: None,
            date: Some(UnixTime::from_seconds(-5)),
        },
        internal_date: Some(UnixTime::from_seconds(50)),
        octets: 10,
        octets_crlf: 12,
        server_octets: Some(13),
        sha256: Sha256([mark; 32]),
        header_sha256: Some(Sha256([mark ^ 0xFF; 32])),
        base: format!("base{mark}"),
        file: format!("cur/base{mark}:2,S"),
    }
}

pub(crate) fn intent(message: NewMessage) -> Intent {
    Intent {
        // The bench's first and usually only mailbox.
        mailbox: MailboxId(1),
        tmp: format!("tmp-{}", message.base),
        message,
    }
}

/// A file that holds the message of this mark.
pub(crate) fn found(mark: u8, received: bool) -> FoundFile {
    let like = message(imap(7, 1), mark);
    FoundFile {
        header: like.header,
        internal_date: like.internal_date,
        octets: like.octets,
        octets_crlf: like.octets_crlf,
        server_octets: Some(like.octets_crlf),
        sha256: like.sha256,
        header_sha256: Sha256([mark; 32]),
        base: like.base,
        file: like.file,
        flags: FlagSet::new(),
        received,
    }
}

/// So many seconds into a run.
pub(crate) fn ticks(run: i64, at: u64) -> Ticks {
    let at = Duration::from_secs(at);
    Ticks { run, at }
}
