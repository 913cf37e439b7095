//! IDLE (RFC 2177): the server tells of the open mailbox as soon as something happens in it.
//!
//! It ends with DONE, and what is asked next leaves together with that. DONE is the last line of IDLE:
//! whatever a server reads after it is a command like any other, and RFC 9051 §5.5 lets commands follow one
//! another without waiting. What must wait is DONE itself, for the server's `+`: one that refuses IDLE
//! would take it for a command.
//!
//! Without it the caller looks from time to time.

use crate::capability::Capability;
use crate::error::{ImapError, Refusal};
use crate::parse::StatusText;
use crate::session::{Session, SessionState};

/// An IDLE that was asked for and that no DONE has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idling {
    number: u64,
    /// The server has said `+`.
    pub(crate) granted: bool,
}

impl Session {
    /// Whether the server can tell of the open mailbox.
    #[must_use]
    pub const fn can_idle(&self) -> bool {
        self.capabilities.has(Capability::Idle)
    }

    /// Begins to listen to the open mailbox, and returns when the server has agreed;
    /// [`Session::hear`] tells what it tells.
    ///
    /// # Errors
    /// [`ImapError::Refused`] where the server has no IDLE, no mailbox is open, or it does not want to; the
    /// session can be used all the same. Else as [`Flight::next`](crate::Flight::next).
    pub async fn idle(&mut self) -> Result<(), ImapError> {
        self.check()?;
        if !self.can_idle() || self.state != SessionState::Selected {
            return Err(ImapError::Refused {
                command: "IDLE",
                refusal: Refusal::ours("not sent: the server lacks IDLE, or no mailbox is open"),
            });
        }
        self.wire.end_calm();
        self.begin_idle();
        self.settle().await
    }

    /// Asks for IDLE, behind the end of the one before.
    pub(crate) fn begin_idle(&mut self) {
        self.end_idle();
        self.last_number += 1;
        let number = self.last_number;
        self.wire.queue_idle(number);
        self.listening.idling = Some(Idling {
            number,
            granted: false,
        });
    }

    /// Ends IDLE: what is sent next goes with DONE.
    pub(crate) fn end_idle(&mut self) {
        if let Some(idling) = self.listening.idling.take() {
            self.wire.queue_done(idling.number);
            self.listening.owed.push(idling.number);
        }
    }

    /// The server said `+` to this command; whether that was IDLE.
    pub(crate) fn grant_idle(&mut self, number: Option<u64>) -> bool {
        let idling = self.listening.idling.as_mut();
        let granted = idling.filter(|idling| Some(idling.number) == number);
        granted.is_some_and(|idling| {
            idling.granted = true;
            true
        })
    }

    /// Takes in the end of a command that nobody waits for; `false`: it is none of these.
    pub(crate) fn settle_tagged(&mut self, number: u64, status: &StatusText) -> bool {
        let listening = &mut self.listening;
        if let Some(at) = listening.owed.iter().position(|owed| *owed == number) {
            listening.owed.swap_remove(at);
            self.wire.drop_command(number);
            self.wire.progressed();
            return true;
        }
        let Some(idling) = listening.idling.take_if(|idling| idling.number == number) else {
            return false;
        };
        match Refusal::of(status.clone()) {
            refusal @ Some(_) if !idling.granted => listening.refused = refusal,
            // After a while, some servers have had enough of it.
            _ => listening.heard.is_over = true,
        }
        self.wire.drop_command(number);
        true
    }
}
