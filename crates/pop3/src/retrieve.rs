//! Messages and headers: RETR and TOP, a window of them in flight.

use crate::codec::Data;
use crate::command::Command;
use crate::error::Pop3Error;
use crate::reply::{Refusal, Reply};
use crate::session::Transaction;
use crate::wire::Follows;
use bytes::Bytes;
use std::collections::VecDeque;

/// The largest message taken, in octets. No mail is; it ends a server that never stops sending.
const LARGEST_MESSAGE: u64 = 4 * 1024 * 1024 * 1024;

/// How much of a header is kept, in octets; the rest of the answer is read and dropped.
const LARGEST_HEADER: usize = 128 * 1024;

/// What happens during a retrieval. For each message either Start, Chunks and End, or Refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetrieveEvent {
    /// A message begins.
    Start {
        /// Its number.
        number: u32,
    },
    /// Octets of the message that began last: dots unstuffed, line ends as they came.
    Chunk(Bytes),
    /// The message is whole: its terminator was seen.
    End {
        /// Its number.
        number: u32,
        /// The message's octets with CRLF as they came, which LIST should have said: the sum of its
        /// chunks, without what dot-stuffing and the terminator added.
        octets_on_wire: u64,
    },
    /// The server will not give it out; the others follow.
    Refused {
        /// Its number.
        number: u32,
        /// Why not.
        refusal: Refusal,
    },
}

/// Messages coming in. Made by [`Transaction::retrieve`].
///
/// Dropped before its end, it leaves the session useless: answers to commands already sent would be
/// taken for others.
#[derive(Debug)]
pub struct Retrieval<'a> {
    session: &'a mut Transaction,
    kind: Kind,
    unsent: VecDeque<u32>,
    /// Sent, not yet answered in full; oldest first.
    sent: VecDeque<u32>,
    /// Octets of the message that is coming in; `None` between messages.
    octets: Option<u64>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Message,
    Header,
}

impl Transaction {
    /// Fetches messages, in the order given, as they are pulled by [`Retrieval::next`].
    pub fn retrieve(&mut self, numbers: Vec<u32>) -> Retrieval<'_> {
        Retrieval::new(self, Kind::Message, numbers)
    }

    /// Fetches headers by `TOP n 0` and hands each to `digest`, so that no more than one is held.
    /// Messages whose TOP is refused are left out. At most 128 KiB of each are looked at; the blank
    /// line and, with servers that ignore the 0, some of the body may follow.
    ///
    /// # Errors
    /// When the session breaks.
    pub async fn digest_headers<T>(
        &mut self,
        numbers: &[u32],
        mut digest: impl FnMut(u32, &[u8]) -> T,
    ) -> Result<Vec<(u32, T)>, Pop3Error> {
        let mut told = Vec::new();
        let mut header = Vec::new();
        let mut retrieval = Retrieval::new(self, Kind::Header, numbers.to_vec());
        while let Some(event) = retrieval.next().await? {
            match event {
                RetrieveEvent::Start { .. } => header.clear(),
                RetrieveEvent::Chunk(chunk) => {
                    keep_header(&mut header, &chunk);
                }
                RetrieveEvent::End { number, .. } => told.push((number, digest(number, &header))),
                RetrieveEvent::Refused { .. } => {}
            }
        }
        Ok(told)
    }

    /// Fetches headers and keeps them; for many, [`Transaction::digest_headers`] needs less memory.
    ///
    /// # Errors
    /// When the session breaks.
    pub async fn headers(&mut self, numbers: &[u32]) -> Result<Vec<(u32, Vec<u8>)>, Pop3Error> {
        self.digest_headers(numbers, |_, header| header.to_vec())
            .await
    }

    /// Fetches one message's header and its first `lines` lines; `None` when the server refuses. At
    /// most 128 KiB are kept.
    ///
    /// # Errors
    /// When the session breaks.
    pub async fn top(&mut self, number: u32, lines: u32) -> Result<Option<Vec<u8>>, Pop3Error> {
        let reply = self.wire.ask(Command::Top(number, lines), Follows::Data);
        let Reply::Ok(_) = reply.await? else {
            return Ok(None);
        };
        let mut header = Vec::new();
        while let Data::Chunk(chunk) = self.wire.data().await? {
            keep_header(&mut header, &chunk);
        }
        Ok(Some(header))
    }
}

impl<'a> Retrieval<'a> {
    fn new(session: &'a mut Transaction, kind: Kind, numbers: Vec<u32>) -> Self {
        Self {
            session,
            kind,
            unsent: numbers.into(),
            sent: VecDeque::new(),
            octets: None,
        }
    }

    /// What happens next; `None` when every message has been answered for. Cancelling the future
    /// loses nothing.
    ///
    /// # Errors
    /// When the session breaks: what began and did not end is not whole (R7).
    pub async fn next(&mut self) -> Result<Option<RetrieveEvent>, Pop3Error> {
        if self.sent.is_empty() {
            self.session.wire.expect_idle()?;
        }
        self.fill_window()?;
        let Some(number) = self.sent.front().copied() else {
            return Ok(None);
        };
        let wire = &mut self.session.wire;
        let Some(octets) = &mut self.octets else {
            let event = match wire.reply(Follows::Data).await? {
                // Whoever is told to ask for less does not ask for the rest.
                Reply::Refused(refusal) if refusal.is_throttle() => {
                    let command = "to give out more";
                    return Err(Pop3Error::Refused { command, refusal });
                }
                Reply::Refused(refusal) => {
                    self.sent.pop_front();
                    RetrieveEvent::Refused { number, refusal }
                }
                Reply::Ok(_) | Reply::Challenge(_) => {
                    self.octets = Some(0);
                    RetrieveEvent::Start { number }
                }
            };
            return Ok(Some(event));
        };
        match wire.data().await? {
            Data::Chunk(chunk) => {
                *octets += chunk.len() as u64;
                if *octets > LARGEST_MESSAGE {
                    return Err(Pop3Error::TooLarge {
                        command: self.kind.command(number).name(),
                        limit: LARGEST_MESSAGE,
                    });
                }
                Ok(Some(RetrieveEvent::Chunk(chunk)))
            }
            Data::End => {
                let octets_on_wire = *octets;
                self.octets = None;
                self.sent.pop_front();
                Ok(Some(RetrieveEvent::End {
                    number,
                    octets_on_wire,
                }))
            }
        }
    }

    /// Half a window at a time, so that many commands share a packet.
    fn fill_window(&mut self) -> Result<(), Pop3Error> {
        let window = self.session.window();
        if self.sent.len() > window / 2 {
            return Ok(());
        }
        while self.sent.len() < window
            && let Some(number) = self.unsent.pop_front()
        {
            self.session.wire.send(self.kind.command(number))?;
            self.sent.push_back(number);
        }
        Ok(())
    }
}

fn keep_header(header: &mut Vec<u8>, chunk: &[u8]) {
    let room = LARGEST_HEADER.saturating_sub(header.len());
    header.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
}

impl Kind {
    const fn command(self, number: u32) -> Command<'static> {
        match self {
            Self::Message => Command::Retr(number),
            Self::Header => Command::Top(number, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Authorization;
    use postrider_core::secret::Secret;
    use postrider_core::settings::{AuthChoice, TlsMode};
    use postrider_transport::Login;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};

    /// Answers each command with one of these, and stays.
    async fn answer(server: DuplexStream, answers: &'static [&'static str]) {
        let mut server = BufReader::new(server);
        let mut said = String::new();
        for answer in answers {
            server.write_all(answer.as_bytes()).await.unwrap();
            server.read_line(&mut said).await.unwrap();
        }
    }

    async fn logged_in(answers: &'static [&'static str]) -> Transaction {
        let (ours, theirs) = duplex(1 << 16);
        tokio::spawn(answer(theirs, answers));
        let session = Authorization::greet(Box::new(ours), TlsMode::None).await;
        let login = Login {
            user: "ada".to_owned(),
            password: Secret::new("secret".to_owned()),
            choice: AuthChoice::Auto,
            service: "imap@localhost".to_owned(),
        };
        session.unwrap().log_in(&login).await.unwrap()
    }

    const BEGUN: [&str; 5] = [
        "+OK\r\n",
        "-ERR no CAPA\r\n",
        "+OK\r\n",
        "+OK in\r\n",
        "+OK\r\nanother line\r\n",
    ];

    #[tokio::test]
    async fn r11_a_message_without_end_is_left_at_four_gibibytes() {
        let mut session = logged_in(&BEGUN).await;
        let mut retrieval = session.retrieve(vec![1]);
        let start = retrieval.next().await.unwrap();
        assert_eq!(start, Some(RetrieveEvent::Start { number: 1 }));
        // As if so many had come.
        retrieval.octets = Some(LARGEST_MESSAGE);
        let error = retrieval.next().await.unwrap_err();
        let limit = LARGEST_MESSAGE;
        assert!(
            matches!(error, Pop3Error::TooLarge { command: "RETR", limit: told } if told == limit),
            "{error:?}"
        );
    }
}
