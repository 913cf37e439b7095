//! DELE and QUIT. Only QUIT's `+OK` makes a deletion count (R2, RFC 1939 §6).

use crate::command::Command;
use crate::error::Pop3Error;
use crate::reply::{Refusal, Reply};
use crate::session::Transaction;
use crate::wire::Follows;

/// How a session that deleted ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quit {
    /// Messages whose DELE was acknowledged, by number.
    pub deleted: Vec<u32>,
    /// Messages whose DELE was refused.
    pub refused: Vec<(u32, Refusal)>,
    /// QUIT was answered `+OK`: what was acknowledged is gone. When not, it may or may not be; the
    /// next session tells.
    pub committed: bool,
    /// The session's round trips.
    pub round_trips: u64,
}

impl Transaction {
    /// Deletes messages by number and ends the session, in one flight with PIPELINING.
    ///
    /// # Errors
    /// When the connection breaks before QUIT is answered. Then the server may have deleted all,
    /// some or none; whoever called must find out in the next session.
    pub async fn delete_and_quit(mut self, numbers: &[u32]) -> Result<Quit, Pop3Error> {
        self.wire.expect_idle()?;
        let is_pipelined = self.window() > 1;
        let mut deleted = Vec::new();
        let mut refused = Vec::new();
        if is_pipelined {
            for number in numbers {
                self.wire.send(Command::Dele(*number))?;
            }
            self.wire.send(Command::Quit)?;
        }
        for number in numbers {
            if !is_pipelined {
                self.wire.send(Command::Dele(*number))?;
            }
            match self.wire.reply(Follows::Nothing).await? {
                Reply::Ok(_) => deleted.push(*number),
                Reply::Refused(refusal) => refused.push((*number, refusal)),
                Reply::Challenge(text) => {
                    return Err(Pop3Error::Reply {
                        command: "DELE",
                        line: text.into_bytes(),
                    });
                }
            }
        }
        if !is_pipelined {
            self.wire.send(Command::Quit)?;
        }
        let answer = self.wire.reply(Follows::Nothing).await?;
        Ok(Quit {
            deleted,
            refused,
            committed: matches!(answer, Reply::Ok(_)),
            round_trips: self.wire.round_trips(),
        })
    }
}
