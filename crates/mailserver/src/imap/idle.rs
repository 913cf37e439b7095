//! IDLE (RFC 2177), and how it goes wrong.

use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Conversation, Refusal, args};
use crate::Misbehaviour;
use crate::store::{Command, Protocol};
use crate::wire::{Course, Gone, Input, Reply, Status, Stop};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(86_400 * 365);

/// What ends a wait for news.
enum Woken {
    Change,
    Input(Input),
    /// Idle for too long, or somebody told the server to end it.
    Bye(String),
}

impl<W: AsyncWrite + Unpin> Conversation<W> {
    /// Tells what is new until DONE; the status.
    pub(super) async fn idle(
        &mut self,
        inputs: &mut mpsc::UnboundedReceiver<Input>,
    ) -> Result<String, Gone> {
        let account = match self.session.may_idle() {
            Ok(account) => account,
            Err(Refusal::Bad(text)) => return Ok(format!("BAD {text}")),
            Err(Refusal::No(text)) => return Ok(format!("NO {text}")),
        };
        let faults = self.session.service.faults.clone();
        let (mut changes, mut byes) = (account.changes(), faults.byes());
        let is_deaf = faults.has(Misbehaviour::DeafWhileIdling);
        let limit = Instant::now() + faults.idle_limit().unwrap_or(FOR_EVER);
        self.session.reply.line("+ idling");
        if faults.has(Misbehaviour::TellsOfNothing) {
            self.session.reply.line("* 1 EXPUNGE");
            self.session.reply.line("* 4321 EXISTS");
        }
        loop {
            if !is_deaf {
                self.session.tell_changes(true);
                self.session.tell_mailboxes();
            }
            self.send(None).await?;
            let woken = tokio::select! {
                input = inputs.recv() => Woken::Input(input.ok_or(Gone)?),
                _ = changes.changed() => Woken::Change,
                _ = byes.changed() => Woken::Bye(byes.borrow_and_update().clone()),
                () = sleep_until(limit) => Woken::Bye("Idle for too long".to_owned()),
            };
            match woken {
                Woken::Change => {}
                Woken::Bye(_) | Woken::Input(_) if is_deaf => return self.stall().await,
                Woken::Bye(text) => return self.bye(&text).await,
                Woken::Input(input) => return self.done(input).await,
            }
        }
    }

    /// Takes the line that ends IDLE.
    async fn done(&mut self, input: Input) -> Result<String, Gone> {
        let Input::Command(raw) = input else {
            return self.bye("A literal in place of DONE").await;
        };
        let line = String::from_utf8_lossy(&raw).into_owned();
        if !line.eq_ignore_ascii_case("DONE") {
            return Ok("BAD Expected DONE".to_owned());
        }
        self.session.service.store.log(Command {
            connection: self.connection,
            protocol: Protocol::Imap,
            line,
        });
        let course = Course::of(&self.session.service.faults, "DONE");
        tokio::time::sleep(course.delay).await;
        match course.stop {
            Some(Stop::Stall(_)) => return self.stall().await,
            Some(stop @ Stop::Cut(_)) => {
                self.outgoing.send(Reply::default(), Some(stop)).await?;
            }
            None => {}
        }
        match course.status {
            Some(Status::Answer(text)) => Ok(text),
            Some(Status::Bye(text)) => self.bye(&text).await,
            None => Ok("OK idled".to_owned()),
        }
    }

    async fn bye(&mut self, text: &str) -> Result<String, Gone> {
        self.session.reply.line(&format!("* BYE {text}"));
        self.session.ends = true;
        self.send(None).await?;
        Err(Gone)
    }

    /// Nothing more is said, and nothing ends.
    async fn stall(&mut self) -> Result<String, Gone> {
        self.outgoing
            .send(Reply::default(), Some(Stop::Stall(0)))
            .await?;
        Err(Gone)
    }
}

/// Whether a command is IDLE.
pub(super) fn is_idle(request: &args::Request) -> bool {
    request.name == "IDLE" && request.args.is_empty()
}
