//! New messages: fetched and stored, or, in a rehearsal, promised.

use crate::context::{Account, LocalMailbox};
use crate::deliver::{Delivery, Orphans, Stored};
use crate::error::EngineError;
use crate::pop3::fetch;
use crate::rehearsal::Promise;
use crate::report::PassReport;
use postrider_core::flag::FlagSet;
use postrider_core::message::ServerRef;
use postrider_core::plan::deed::Deed;
use postrider_core::plan::pop3::ListedMessage;
use postrider_pop3::Transaction;

/// What is to be here afterwards.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) mailbox: &'a LocalMailbox,
    pub(crate) listed: &'a [ListedMessage],
    /// Known messages that are among the listed ones, perhaps.
    pub(crate) orphans: Orphans,
    /// So many of them are missed, and one of the listed ones is as long.
    pub(crate) suspected: u64,
}

/// Brings the ordered messages here. Those that are, with their numbers.
pub(crate) async fn download(
    account: &Account,
    session: &mut Transaction,
    order: Order<'_>,
    report: &mut PassReport,
) -> Result<Vec<Stored>, EngineError> {
    let Order {
        mailbox,
        listed,
        orphans,
        suspected,
    } = order;
    let fetch = || {
        let octets = listed.iter().filter_map(|message| message.size_octets);
        let messages = listed.len() as u64;
        (messages > 0).then(|| Deed::Fetch {
            messages,
            octets: octets.sum(),
            suspected,
        })
    };
    let Some(leave) = account.leave(&mailbox.name, fetch) else {
        return promise(account, mailbox, listed, report).await;
    };
    if !listed.is_empty() {
        let octets = listed.iter().filter_map(|message| message.size_octets);
        let (shares, tree) = (&account.shared.shares, &account.settings.maildir);
        shares.admits(tree, octets.sum()).await?;
    }
    let mut delivery = Delivery::start(account.clone(), leave).await?;
    if account.lets_go() {
        delivery = delivery.proving();
    }
    delivery.expect(orphans);
    let order = fetch::Order { mailbox, listed };
    let fetched = fetch::fetch(account, session, order, &mut delivery, report).await;
    // What arrived whole is stored even when the line broke: it will not be fetched again.
    let stored = delivery.finish().await?;
    report.new += stored.iter().filter(|message| message.fresh).count() as u64;
    fetched?;
    Ok(stored)
}

async fn promise(
    account: &Account,
    mailbox: &LocalMailbox,
    listed: &[ListedMessage],
    report: &mut PassReport,
) -> Result<Vec<Stored>, EngineError> {
    let promise = |listed: &ListedMessage| Promise {
        mailbox: mailbox.id,
        server: ServerRef::Pop3 {
            uidl: listed.uidl.clone(),
        },
        flags: FlagSet::new(),
        internal_date: None,
        message_id: None,
        octets: listed.size_octets,
    };
    let keys = account
        .promise(listed.iter().map(promise).collect())
        .await?;
    report.new += listed.len() as u64;
    report.octets += listed.iter().filter_map(|m| m.size_octets).sum::<u64>();
    let stored = keys.into_iter().zip(listed).map(|(key, listed)| Stored {
        key,
        mailbox: mailbox.id,
        number: Some(listed.number),
        fresh: true,
        // What it would be nobody knows; most often the server is right.
        as_told: true,
    });
    Ok(stored.collect())
}
