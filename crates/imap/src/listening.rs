//! A session that has asked nothing and listens, for hours if need be.
//!
//! By IDLE, NOTIFY, or neither: then it hears at least when the server hangs up. Whatever is asked next ends
//! the listening by itself ([`Session::flight`]). All futures here may be dropped at any time; what was under
//! way is settled by whoever speaks or listens next.

use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::ext::idle::Idling;
use crate::heard::{Heard, OpenNews};
use crate::intake::Incoming;
use crate::parse::{Kind, Untagged};
use crate::session::Session;
use crate::status::StatusRow;
use crate::wire::tag;
use postrider_transport::Calm;
use std::time::Duration;
use tokio::time::timeout;

/// How a session stands with what it is told unasked.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    pub(crate) idling: Option<Idling>,
    /// NOTIFY is in force, as far as we know.
    pub(crate) notifying: bool,
    /// Commands whose end nobody waits for, but that must come: of IDLE after DONE, of NOOP.
    pub(crate) owed: Vec<u64>,
    /// Why IDLE was not granted, or ended by the server.
    pub(crate) refused: Option<Refusal>,
    pub(crate) heard: Heard,
    /// The server has answered nothing since somebody doubted that it is still there.
    pub(crate) doubted: bool,
}

impl Session {
    /// What tells the stream of this session that silence is as it should be.
    pub fn set_calm(&mut self, calm: Calm) {
        self.wire.set_calm(calm);
    }

    /// Doubts that the server is still there, after nobody has asked it anything for a while.
    pub const fn doubt(&mut self) {
        self.listening.doubted = true;
    }

    /// Whether the server has answered no command since that was doubted: then an error says nothing
    /// about the server but that this connection is over.
    #[must_use]
    pub const fn is_doubted(&self) -> bool {
        self.listening.doubted
    }

    /// Waits until something is told, for as long as it takes.
    ///
    /// # Errors
    /// As [`Flight::next`](crate::Flight::next), BYE among them.
    pub async fn hear(&mut self) -> Result<Heard, ImapError> {
        self.settle().await?;
        self.wire.begin_calm();
        loop {
            if self.listening.heard.is_nothing() {
                let incoming = self.next_incoming().await?;
                self.overhear(incoming)?;
                continue;
            }
            // What has come together is told together.
            match timeout(Duration::ZERO, self.next_incoming()).await {
                Ok(incoming) => self.overhear(incoming?)?,
                Err(_nothing_more) => {
                    // It was worth saying.
                    self.wire.progressed();
                    return Ok(std::mem::take(&mut self.listening.heard));
                }
            }
        }
    }

    /// Shows the server that we are still there, and finds out whether it is: IDLE is begun anew, which
    /// servers ask for every 29 minutes (RFC 2177 §3); without IDLE it is NOOP.
    ///
    /// # Errors
    /// As [`Session::idle`].
    pub async fn refresh(&mut self) -> Result<(), ImapError> {
        self.check()?;
        self.wire.end_calm();
        if self.listening.idling.is_some() {
            self.begin_idle();
        } else {
            let number = self.send(CommandText::new("NOOP"));
            self.listening.owed.push(number);
        }
        self.settle().await
    }

    /// Waits until the server owes no answer.
    pub(crate) async fn settle(&mut self) -> Result<(), ImapError> {
        self.check()?;
        loop {
            let Listening { idling, owed, .. } = &self.listening;
            if owed.is_empty() && idling.as_ref().is_none_or(|idling| idling.granted) {
                return match self.listening.refused.take() {
                    None => Ok(()),
                    Some(refusal) => Err(ImapError::Refused {
                        command: "IDLE",
                        refusal,
                    }),
                };
            }
            let incoming = self.next_incoming().await?;
            self.overhear(incoming)?;
        }
    }

    /// Ends the calm, and IDLE with it: something is about to be asked.
    pub(crate) fn speak(&mut self) {
        self.wire.end_calm();
        self.end_idle();
        // Whoever asks something else does not listen any more.
        self.listening.refused = None;
    }

    fn overhear(&mut self, incoming: Incoming) -> Result<(), ImapError> {
        match incoming {
            Incoming::Untagged(untagged) => self.take_heard(untagged),
            Incoming::Tagged { number, .. } => {
                self.broken = true;
                return Err(ImapError::UnknownTag { tag: tag(number) });
            }
            // Nobody asked for a body.
            Incoming::BodyStart { .. }
            | Incoming::BodyChunk(_)
            | Incoming::BodyEnd
            | Incoming::Continuation(_)
            | Incoming::Settled => {}
        }
        Ok(())
    }

    fn take_heard(&mut self, untagged: Untagged) {
        let was = self.unsolicited;
        self.take_unsolicited(&untagged);
        let open = &mut self.listening.heard.open;
        match untagged {
            Untagged::Exists(count) => {
                open.new |= was.exists.is_none_or(|was| count > was);
                // Some servers do not say EXPUNGE.
                open.gone |= was.exists.is_some_and(|was| count < was);
            }
            Untagged::Expunge(_) => open.gone = true,
            Untagged::Vanished(vanished) => open.gone |= !vanished.earlier,
            Untagged::Fetch(_) => open.flags = true,
            Untagged::MailboxStatus(row) => self.hear_status(row),
            Untagged::Malformed(Kind::Fetch | Kind::Status | Kind::Vanished) => {
                self.listening.heard.is_unclear = true;
            }
            _ => {}
        }
    }

    /// Takes in what was said of a mailbox that nobody asked about.
    pub(crate) fn hear_status(&mut self, row: StatusRow) {
        if self.listening.notifying {
            self.listening.heard.take_status(row);
        }
    }

    /// The server says that it will tell nothing more.
    pub(crate) const fn hear_overflow(&mut self) {
        self.listening.notifying = false;
        self.listening.heard.is_unclear = true;
        self.listening.heard.is_over = true;
    }

    /// Another mailbox is open now, or none: news of the one before are of no use.
    pub(crate) fn forget_open_news(&mut self) {
        self.listening.heard.open = OpenNews::default();
    }
}

#[cfg(test)]
mod tests;
