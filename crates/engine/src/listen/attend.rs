//! The life of one further line, which is a task of its own.

use super::News;
use super::board::{Because, Board, LostLine};
use super::choice::Choice;
use super::line::{Idles, Line};
use super::silence::Silence;
use crate::connect::Access;
use crate::context::Account;
use crate::error::EngineError;
use postrider_imap::{ImapError, Refusal};
use postrider_transport::{Slots, Yielding};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a line is for, and what it needs.
#[derive(Debug)]
pub(super) struct Attending {
    pub(super) choice: Choice,
    pub(super) access: Access,
    pub(super) silence: Silence,
}

/// Why a line ends that works.
enum GiveWay {
    /// Nobody wants it any more.
    Unwanted,
    /// Somebody else needs its connection. To be held until it is given back.
    Needed(Yielding),
}

/// Listens to a mailbox until the line is lost or has to give way, and leaves word of what it hears; until
/// `unwanted` resolves at the longest.
pub(super) async fn attend(
    account: &Account,
    board: &Board,
    attending: Attending,
    mut unwanted: oneshot::Receiver<()>,
) {
    let mailbox = attending.choice.name.clone();
    let over = |because, lasted| {
        board.lost(LostLine {
            mailbox,
            because,
            lasted,
        });
    };
    let Some(place) = account.places().and_then(Slots::further) else {
        return over(Because::Needed, Duration::ZERO);
    };
    let opened = tokio::select! {
        opened = open(account, &attending) => opened,
        why = give_way(account, &mut unwanted) => {
            drop(place);
            if let GiveWay::Needed(yielding) = why {
                yielding.given_back().await;
                over(Because::Needed, Duration::ZERO);
            }
            return;
        }
    };
    let (mut line, news) = match opened {
        Ok(opened) => opened,
        Err(error) => return over(Because::Failed(error), Duration::ZERO),
    };
    board.tell(news);
    let (began, listener) = (Instant::now(), attending.silence.joins());
    board.changed();
    let ended = tokio::select! {
        because = listen(account, board, (&mut line, &attending.silence)) => Err(because),
        why = give_way(account, &mut unwanted) => Ok(why),
    };
    drop(listener);
    if !matches!(ended, Err(Because::Failed(_))) {
        line.session.log_out().await;
    }
    drop(place);
    match ended {
        Ok(GiveWay::Unwanted) => board.changed(),
        Ok(GiveWay::Needed(yielding)) => {
            yielding.given_back().await;
            over(Because::Needed, began.elapsed());
        }
        Err(because) => over(because, began.elapsed()),
    }
}

/// A connection of its own, on which the server tells of the mailbox.
async fn open(account: &Account, attending: &Attending) -> Result<(Line, News), EngineError> {
    let (access, mailbox) = (&attending.access, &attending.choice.mailbox);
    let connector = account.shared.connector.further();
    let opened = access.open(&account.settings, &connector, Vec::new());
    let mut line = Line::new(opened.await?.0);
    let idles = line.idle(account, mailbox).await;
    let (command, refusal) = match idles.map_err(EngineError::imap)? {
        Idles::Yes(news) => return Ok((line, news)),
        Idles::NoMailbox(refusal) => ("EXAMINE", refusal),
        Idles::No(refusal) => ("IDLE", refusal),
    };
    line.session.log_out().await;
    Err(refused(command, refusal))
}

fn refused(command: &'static str, refusal: Refusal) -> EngineError {
    EngineError::imap(ImapError::Refused { command, refusal })
}

/// Leaves word of what is heard, until there is nothing more to hear.
async fn listen(
    account: &Account,
    board: &Board,
    (line, silence): (&mut Line, &Silence),
) -> Because {
    loop {
        match line.hear(account, silence).await {
            Ok(heard) => {
                board.tell(line.news(account, &heard));
                if heard.is_over {
                    return Because::Ended;
                }
            }
            Err(error) => return Because::Failed(EngineError::imap(error)),
        }
    }
}

/// Returns when the line is to be given up though it works.
async fn give_way(account: &Account, unwanted: &mut oneshot::Receiver<()>) -> GiveWay {
    let place = async {
        match account.places() {
            Some(places) => places.wanted_back().await,
            // The server wants fewer: whoever tends the lines ends those that are too many.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = unwanted => GiveWay::Unwanted,
        () = account.shutdown.requested() => GiveWay::Unwanted,
        needed = account.shared.shares.slots.wanted_back() => GiveWay::Needed(needed),
        needed = place => GiveWay::Needed(needed),
    }
}
