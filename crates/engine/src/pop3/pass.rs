//! The journey of one pass: survey, identify, fetch, prove, delete, QUIT.

use crate::choose::is_meant;
use crate::connect;
use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::local;
use crate::place;
use crate::pop3::identify::Known;
use crate::pop3::{announced, download, expire, identify, limits, returned};
use crate::report::{PassReport, Progress};
use crate::strength;
use postrider_core::plan::deed::Deed;
use postrider_index::{Index, MailboxRow, ServerState};
use std::collections::HashSet;
use std::sync::Arc;

/// The most sessions of one pass: at 250 messages each more than a maildrop holds.
const MOST_SESSIONS: usize = 1_000;

/// A server that lists fewer than this does so because there are no more.
const LEAST_LIMIT: u64 = 50;

/// Fetches what is new, and deletes what is proven where the policy says so.
pub(crate) async fn run(account: &Account) -> Result<PassReport, EngineError> {
    if !is_meant(account.only.as_deref(), "INBOX", None) {
        return Ok(PassReport::default());
    }
    let mut report = PassReport {
        mailboxes: 1,
        ..PassReport::default()
    };
    let (mailbox, row) = inbox(account).await?;
    local::refresh(account, &[(&mailbox, row.stamp)]).await?;
    let (mut before, mut went) = (row.server.messages, 0);
    for _ in 0..MOST_SESSIONS {
        // What the brake held in the session before is listed again.
        report.braked = 0;
        let listing = session(account, &mailbox, went, &mut report).await?;
        went += listing.went;
        // A rehearsal deletes nothing: another session would show the same.
        let is_over = account.shutdown.is_requested() || account.part.leave().is_none();
        if !listing.goes_on(before) || is_over {
            break;
        }
        before = Some(listing.listed);
    }
    Ok(report)
}

/// What one session showed.
#[derive(Clone, Copy, Debug)]
struct Listing {
    listed: u64,
    new: u64,
    /// Messages that it removed by rules that the brake is asked for.
    went: u64,
    /// The server is known to list only some of its messages in one session.
    is_limited: bool,
    /// It wants time between two logins.
    has_delay: bool,
}

impl Listing {
    /// Whether the server may list more in another session right away: it is known to limit them, or
    /// two sessions in a row listed as many messages, and most of them new.
    fn goes_on(self, before: Option<u64>) -> bool {
        let is_fresh = self.new > 0 && self.new >= self.listed / 2;
        let is_full = self.listed >= LEAST_LIMIT && before == Some(self.listed);
        is_fresh && !self.has_delay && (self.is_limited || is_full)
    }
}

/// One session, from login to QUIT; `went` is what those before have removed.
async fn session(
    account: &Account,
    mailbox: &LocalMailbox,
    went: u64,
    report: &mut PassReport,
) -> Result<Listing, EngineError> {
    let mut session = connect::pop3(&account.settings, &account.shared.connector).await?;
    strength::compare_pop3(account, session.offered()).await?;
    announced::note(account, session.capabilities()).await?;
    report.login_delay = session.capabilities().login_delay();
    let maildrop = session.survey().await?;
    let listed = maildrop.messages.len() as u64;
    let mut identified =
        identify::identify(account, mailbox, &mut session, maildrop, report).await?;
    limits::hold_back(account, mailbox, &mut identified.new, report).await?;
    let mut listing = Listing {
        listed,
        new: identified.new.len() as u64,
        went: 0,
        is_limited: session.limits_sessions(),
        has_delay: report.login_delay.is_some(),
    };
    account.tell(Progress::Found {
        account: account.name().clone(),
        messages: listing.new,
        octets: identified.new.iter().filter_map(|m| m.size_octets).sum(),
    });
    let order = download::Order {
        mailbox,
        listed: &identified.new,
        orphans: identified.orphans,
        suspected: identified.suspected.len() as u64,
    };
    let stored = download::download(account, &mut session, order, report).await?;
    let mut holding = expire::Holding {
        held: identified.known,
        went,
        retrieved: stored.iter().map(|message| message.key).collect(),
        stored: stored
            .iter()
            .filter(|m| m.fresh && m.as_told)
            .map(|m| m.key)
            .collect(),
    };
    holding
        .held
        .extend(stored.iter().filter_map(Known::by_octets));
    let mut absent = identified.absent;
    if !absent.is_empty() {
        let mut here: HashSet<_> = holding.held.iter().map(|known| known.key).collect();
        // A rehearsal has fetched nothing; what most likely would have been found again is not missed.
        here.extend(identified.suspected);
        absent.forget(&here);
        settle_absent(account, mailbox, absent, report).await?;
    }
    let held = holding.held.iter().map(|known| known.key);
    returned::note(account, mailbox, &identified.expired, held).await?;
    record_state(account, mailbox, listing.listed).await?;
    let ended = expire::expire_and_quit(account, mailbox, session, holding, report).await?;
    report.round_trips += ended.round_trips;
    listing.went = ended.went;
    Ok(listing)
}

/// The one mailbox of a maildrop.
async fn inbox(account: &Account) -> Result<(LocalMailbox, MailboxRow), EngineError> {
    let wanted = place::maildrop(&account.settings);
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
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let identify::Absent { expired, vanished } = absent;
    report.expired += expired.len() as u64;
    report.vanished += vanished.len() as u64;
    let index = &account.shared.index;
    let expired = expire::lost_answers(account, &expired).await?;
    for left in &expired {
        account.note(&mailbox.name, || Deed::Settle {
            message: left.key,
            because: left.because.clone(),
        });
    }
    for message in vanished.iter().copied() {
        account.note(&mailbox.name, || Deed::Vanish { message });
    }
    if !expired.is_empty() {
        expire::log_expired(account, mailbox, &expired);
    }
    let expired: Vec<_> = expired.into_iter().map(|l| (l.key, l.because)).collect();
    let write = move |index: &mut Index| {
        index.mark_expired(&expired, now())?;
        index.mark_vanished(&vanished, now()).map(drop)
    };
    index.call(write).await
}

async fn record_state(
    account: &Account,
    mailbox: &LocalMailbox,
    messages: u64,
) -> Result<(), EngineError> {
    let id = mailbox.id;
    let state = ServerState {
        messages: Some(messages),
        ..ServerState::default()
    };
    let write = move |index: &mut Index| index.set_server_states(&[(id, state)], now());
    account.shared.index.call(write).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_session_follows_only_where_there_may_be_more() {
        let listing = |listed, new, is_limited| Listing {
            listed,
            new,
            went: 0,
            is_limited,
            has_delay: false,
        };
        assert!(listing(250, 250, true).goes_on(None));
        assert!(listing(7, 7, true).goes_on(Some(250)));
        assert!(!listing(250, 0, true).goes_on(None));
        assert!(!listing(400, 400, false).goes_on(None));
        assert!(listing(250, 250, false).goes_on(Some(250)));
        assert!(!listing(249, 249, false).goes_on(Some(250)));
        assert!(!listing(250, 1, false).goes_on(Some(250)));
        assert!(!listing(9, 9, false).goes_on(Some(9)));
        let delayed = Listing {
            has_delay: true,
            ..listing(250, 250, true)
        };
        assert!(!delayed.goes_on(None));
    }
}
