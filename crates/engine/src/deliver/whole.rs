//! A message between `tmp` and its name.

use super::{Arrival, Stored};
use crate::context::{Account, LocalMailbox};
use crate::delivery_pool::Arriving;
use crate::error::EngineError;
use crate::events;
use crate::step::Steps;
use crate::written::Written;
use postrider_core::flag::FlagSet;
use postrider_core::message::{MessageKey, ServerRef, Sha256};
use postrider_core::plan::flags;
use postrider_core::time::UnixTime;
use postrider_index::{HeaderFields, Intent, NewMessage};
use postrider_maildir::{Entry, Placement, Received};
use std::borrow::Borrow;

/// A message that lies whole in `tmp`, with everything the index will want to know of it.
pub(super) struct Whole {
    pub(super) mailbox: LocalMailbox,
    pub(super) server: ServerRef,
    number: Option<u32>,
    flags: FlagSet,
    placement: Placement,
    internal_date: Option<UnixTime>,
    pub(super) size_octets: Option<u64>,
    pub(super) octets: u64,
    pub(super) received: Received,
    header: HeaderFields,
    header_sha256: Sha256,
    steps: Steps,
}

impl Whole {
    pub(super) async fn of(arrival: Arrival, account: &Account) -> Result<Self, EngineError> {
        let name = &arrival.mailbox.name;
        let deleted_flag = account.settings.deleted_flag;
        let Arriving::Coming(coming) = arrival.arriving else {
            return Err(EngineError::JobLost);
        };
        let written = coming.await.map_err(|_| EngineError::JobLost)?;
        let Written {
            received,
            header,
            header_sha256,
        } = written.map_err(|error| error.in_mailbox(name))?;
        Ok(Self {
            placement: Placement::for_flags(&flags::delivered(&arrival.flags, deleted_flag)),
            mailbox: arrival.mailbox,
            server: arrival.server,
            number: arrival.number,
            flags: arrival.flags,
            internal_date: arrival.internal_date,
            size_octets: arrival.size_octets,
            octets: arrival.octets,
            received,
            header,
            header_sha256,
            steps: account.shared.steps.clone(),
        })
    }

    pub(super) fn intent(&self) -> Intent {
        let received = &self.received;
        Intent {
            mailbox: self.mailbox.id,
            tmp: received.unique.clone(),
            message: NewMessage {
                server: self.server.clone(),
                flags: self.flags.clone(),
                header: self.header.clone(),
                internal_date: self.internal_date,
                octets: received.octets,
                octets_crlf: received.octets_crlf,
                server_octets: self.size_octets,
                sha256: received.sha256,
                header_sha256: Some(self.header_sha256),
                base: received.base.clone(),
                file: self.entry().to_string(),
            },
        }
    }

    /// Whether it is as long as the server had said.
    fn is_as_told(&self) -> bool {
        self.size_octets == Some(self.received.octets_crlf)
    }

    /// What is told of it once it is in the index as `key`; `fresh` when a file was delivered for it.
    pub(super) fn stored(&self, key: MessageKey, fresh: bool) -> Stored {
        Stored {
            key,
            mailbox: self.mailbox.id,
            number: self.number,
            fresh,
            as_told: self.is_as_told(),
        }
    }

    pub(super) fn entry(&self) -> Entry {
        self.placement.entry(&self.received)
    }

    pub(super) fn place(&mut self) -> Result<(), EngineError> {
        let maildir = &self.mailbox.maildir;
        let placed = postrider_maildir::place(&mut self.received, maildir, &self.placement);
        placed
            .map(drop)
            .map_err(|error| EngineError::disk(error).in_mailbox(&self.mailbox.name))
    }
}

impl Borrow<Received> for Whole {
    fn borrow(&self) -> &Received {
        &self.received
    }
}

impl Drop for Whole {
    /// A crash removes no files: the crash tests must find what a real one would leave.
    fn drop(&mut self) {
        if self.steps.stopped() {
            self.received.abandon();
        }
    }
}

/// One line for each message that is stored.
pub(super) fn log_stored(account: &Account, whole: &Whole) {
    let (uid, uidl) = match &whole.server {
        ServerRef::Imap { uid, .. } => (Some(u64::from(uid.as_u32())), None),
        ServerRef::Pop3 { uidl } => (None, uidl.as_ref().map(|uidl| uidl.as_str())),
    };
    events::MessageStored {
        account: account.log_name(),
        mailbox: &whole.mailbox.name,
        uid,
        uidl,
        octets: whole.octets,
        file: &whole.entry().to_string(),
    }
    .emit();
}
