//! Whether what is about to be deleted is what was proven (R1).
//!
//! A unique-id should never be given out twice, and some servers do; two messages of one size are
//! common. A message that this session has neither received nor compared was taken for the proven one
//! by these two alone. That is good enough not to fetch it, not to delete it: so its header is compared
//! now, in one flight for all. Where TOP cannot tell, or where the header has no Message-ID, its octets are: what a
//! device sends every day differs in nothing else.

use crate::context::{Account, LocalMailbox, now};
use crate::error::EngineError;
use crate::header;
use crate::pop3::announced;
use crate::pop3::expire::again;
use crate::retain;
use postrider_core::message::{MessageKey, Sha256};
use postrider_index::{Index, Pop3Row};
use postrider_pop3::Transaction;
use std::collections::{HashMap, HashSet};

/// Messages that are about to go, by number.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Those whose header says enough, where it has a Message-ID.
    pub(crate) by_header: HashMap<u32, &'a Pop3Row>,
    /// Those of which only the octets do.
    pub(crate) by_octets: HashMap<u32, &'a Pop3Row>,
}

/// Which of these messages are not what the index takes them for, or cannot be told. The
/// former are marked as gone: the next pass fetches what has their names now.
pub(crate) async fn strangers(
    account: &Account,
    mailbox: &LocalMailbox,
    session: &mut Transaction,
    asked: Asked<'_>,
) -> Result<HashSet<MessageKey>, EngineError> {
    let Asked {
        by_header,
        by_octets: mut open,
    } = asked;
    if by_header.is_empty() && open.is_empty() {
        return Ok(HashSet::new());
    }
    let numbers: Vec<u32> = by_header.keys().copied().collect();
    let told = session.digest_headers(&numbers, |_, header| header::fingerprint(header));
    let told: HashMap<u32, Sha256> = told.await?.into_iter().collect();
    let (mut replaced, mut alike) = (Vec::new(), Vec::new());
    for (number, row) in by_header {
        match told.get(&number).zip(row.header_sha256) {
            Some((header, ours)) if *header != ours => replaced.push(row.key),
            Some(_) if row.named => {}
            Some(_) | None => drop(open.insert(number, row)),
        }
    }
    if account.part.leave().is_none() {
        // Asked for, they might count as read at the server. Most often they are what they seem.
        open.clear();
    }
    let mut strangers: HashSet<_> = replaced.iter().copied().collect();
    // What is retrieved there is deleted, whoever it is.
    let octets = if announced::deletes_on_retrieval(session.capabilities()) {
        HashMap::new()
    } else {
        again(account, session, open.keys().copied().collect()).await?
    };
    for (number, row) in open {
        match octets.get(&number) {
            Some(octets) if *octets == row.sha256 => {}
            Some(_) => {
                alike.push(row.key);
                strangers.insert(row.key);
            }
            None => drop(strangers.insert(row.key)),
        }
    }
    if !strangers.is_empty() {
        let because = "another message bears its unique-id now, or the server does not show it";
        retain::tell(account, mailbox, strangers.len() as u64, because);
    }
    replaced.extend(&alike);
    let write = move |index: &mut Index| {
        // The next pass must not find in them again, by their headers, what has other octets.
        index.forget_headers(&alike)?;
        index.mark_vanished(&replaced, now())
    };
    account.shared.index.call(write).await?;
    Ok(strangers)
}
