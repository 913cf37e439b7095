//! Sparing the next pass a scan of the mailboxes that we alone have changed ([`Alone`]).

use super::whole::Whole;
use crate::context::Account;
use crate::delivery_pool::DeliveryPool;
use crate::error::EngineError;
use crate::local::scan_stamp;
use postrider_index::{Index, MailboxId, ScanStamp};
use postrider_maildir::{Alone, Mailbox, Stamp};
use std::collections::HashMap;

/// The mailboxes that one delivery changes, under watch.
#[derive(Debug, Default)]
pub(super) struct Watched {
    alone: Option<Alone>,
    ids: HashMap<Mailbox, MailboxId>,
}

impl Watched {
    /// Watches the mailboxes of a batch before anything of it is placed.
    pub(super) async fn begin(
        &mut self,
        account: &Account,
        batch: &[Whole],
    ) -> Result<(), EngineError> {
        let mut new: HashMap<MailboxId, Mailbox> = HashMap::new();
        for whole in batch {
            let maildir = &*whole.mailbox.maildir;
            if !self.ids.contains_key(maildir) {
                new.insert(whole.mailbox.id, maildir.clone());
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let ids: Vec<MailboxId> = new.keys().copied().collect();
        let asked = ids.clone();
        let known = account.shared.index.call(move |index| index.stamps(&asked));
        let known = known.await?;
        if self.ids.is_empty() {
            self.alone = Alone::new();
        }
        for (id, known) in ids.into_iter().zip(known) {
            let Some(mailbox) = new.remove(&id) else {
                continue;
            };
            if let Some(alone) = &mut self.alone {
                let known = known.map(|ScanStamp { new_ns, cur_ns }| Stamp { new_ns, cur_ns });
                alone.watch(&mailbox, known);
            }
            self.ids.insert(mailbox, id);
        }
        Ok(())
    }

    /// To be called before a message is placed.
    pub(super) fn expect(&mut self, whole: &Whole) {
        if let Some(alone) = &mut self.alone {
            alone.expect(&whole.mailbox.maildir, &whole.entry());
        }
    }

    /// To be called after a batch was placed.
    pub(super) fn listen(&mut self) {
        if let Some(alone) = &mut self.alone {
            alone.listen();
        }
    }

    /// Records of the mailboxes that nobody else changed that their files are known.
    pub(super) async fn finish(self, account: &Account) -> Result<(), EngineError> {
        let (ids, Some(alone)) = (self.ids, self.alone) else {
            return Ok(());
        };
        let stamps = DeliveryPool::run(move || alone.stamps()).await?;
        let known =
            |(mailbox, stamp): (Mailbox, Stamp)| Some((*ids.get(&mailbox)?, scan_stamp(stamp)));
        let known: Vec<_> = stamps.into_iter().filter_map(known).collect();
        if known.is_empty() {
            return Ok(());
        }
        let record = move |index: &mut Index| index.set_stamps(&known);
        account.shared.index.call(record).await
    }
}
