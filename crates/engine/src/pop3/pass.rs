//! The journey of one pass: survey, identify, fetch, prove, delete, QUIT.

use crate::connect;
use crate::context::{Account, LocalMailbox, now};
use crate::deliver::Delivery;
use crate::error::EngineError;
use crate::local;
use crate::pop3::{expire, fetch, identify};
use crate::report::{PassReport, Progress};
use postrider_core::mailbox::MailboxName;
use postrider_core::message::MessageKey;
use postrider_core::settings::Layout;
use postrider_index::{Index, MailboxRow, NewMailbox, ServerState};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Fetches what is new, and deletes what is proven where the policy says so.
pub(crate) async fn run(account: &Account) -> Result<PassReport, EngineError> {
    let mut report = PassReport {
        mailboxes: 1,
        ..PassReport::default()
    };
    let (mailbox, row) = inbox(account).await?;
    local::refresh(account, &[(&mailbox, row.stamp)]).await?;
    let mut session = connect::pop3(&account.settings, &account.shared.connector).await?;
    let maildrop = session.survey().await?;
    let identified =
        identify::identify(account, &mailbox, &mut session, &maildrop, &mut report).await?;
    account.tell(Progress::Found {
        account: account.name().clone(),
        messages: identified.new.len() as u64,
        octets: identified.new.iter().filter_map(|m| m.size_octets).sum(),
    });
    let mut delivery = Delivery::start(account.clone()).await?;
    delivery.expect(identified.orphans);
    let order = fetch::Order {
        mailbox: &mailbox,
        listed: &identified.new,
    };
    let fetched = fetch::fetch(account, &mut session, order, &mut delivery, &mut report).await;
    // What arrived whole is stored even when the line broke: it will not be fetched again.
    let stored = delivery.finish().await?;
    report.new += stored.iter().filter(|message| message.fresh).count() as u64;
    fetched?;
    let mut held: HashMap<u32, MessageKey> = identified.known;
    held.extend(
        stored
            .iter()
            .filter_map(|message| Some((message.number?, message.key))),
    );
    settle_absent(account, &mailbox, identified.absent, &held, &mut report).await?;
    record_state(account, &mailbox, held.len()).await?;
    report.round_trips =
        expire::expire_and_quit(account, &mailbox, session, held, &mut report).await?;
    Ok(report)
}

/// The one mailbox of a maildrop. It is the mail tree's root, or its INBOX under Maildir++, which is
/// the root too.
async fn inbox(account: &Account) -> Result<(LocalMailbox, MailboxRow), EngineError> {
    let name = MailboxName::inbox();
    let relative = match account.settings.layout {
        Layout::Fs => Path::new("").to_owned(),
        Layout::MaildirPlusPlus => postrider_maildir::directory(account.settings.layout, &name),
    };
    let root = &account.settings.maildir;
    let path = if relative.as_os_str().is_empty() {
        root.clone()
    } else {
        root.join(relative)
    };
    let wanted = NewMailbox {
        wire_name: "INBOX".to_owned(),
        name,
        role: None,
        mailbox_id: None,
        path,
    };
    let mut registered = local::register(account, vec![wanted]).await?;
    let (row, maildir) = registered.pop().ok_or(EngineError::IndexGone)?;
    let mailbox = LocalMailbox {
        id: row.id,
        name: Arc::from(row.name.as_str()),
        maildir: Arc::new(maildir),
        synced: row.synced_at.is_some(),
    };
    Ok((mailbox, row))
}

/// Known messages that the listing lacks and no comparison has found again.
async fn settle_absent(
    account: &Account,
    mailbox: &LocalMailbox,
    absent: identify::Absent,
    held: &HashMap<u32, MessageKey>,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let found_again: Vec<_> = held.values().copied().collect();
    let gone = |keys: Vec<MessageKey>| -> Vec<MessageKey> {
        keys.into_iter()
            .filter(|key| !found_again.contains(key))
            .collect()
    };
    let (expired, vanished) = (gone(absent.expired), gone(absent.vanished));
    report.expired += expired.len() as u64;
    report.vanished += vanished.len() as u64;
    let index = &account.shared.index;
    let expired = expire::lost_answers(account, mailbox, &expired).await?;
    if !expired.is_empty() {
        expire::log_expired(account, mailbox, &expired).await?;
    }
    let write = move |index: &mut Index| {
        index.mark_expired(&expired, now())?;
        index.mark_vanished(&vanished, now()).map(drop)
    };
    index.call(write).await
}

async fn record_state(
    account: &Account,
    mailbox: &LocalMailbox,
    messages: usize,
) -> Result<(), EngineError> {
    let id = mailbox.id;
    let state = ServerState {
        uid_validity: None,
        uid_next: None,
        highest_mod_seq: None,
        messages: Some(messages as u64),
    };
    let write = move |index: &mut Index| index.set_server_states(&[(id, state)], now());
    account.shared.index.call(write).await
}
