//! One connection: IMAP or POP3 up to the login, and from there on the server in memory.

use super::exchange::{Exchange, Proof};
use super::{Attempt, ScramServer, Shared, tls};
use crate::hostile::Protocol;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

pub(super) struct Session<'a> {
    line: BufReader<TlsStream<TcpStream>>,
    shared: &'a Shared,
}

impl<'a> Session<'a> {
    pub(super) fn new(stream: TlsStream<TcpStream>, shared: &'a Shared) -> Self {
        let line = BufReader::new(stream);
        Self { line, shared }
    }

    pub(super) async fn speak(mut self) -> io::Result<()> {
        match self.shared.protocol {
            Protocol::Imap => self.say("* OK ready").await?,
            Protocol::Pop3 => self.say("+OK ready").await?,
        }
        while let Some(heard) = self.heard().await? {
            let (tag, command) = match self.shared.protocol {
                Protocol::Imap => heard.split_once(' ').unwrap_or_default(),
                Protocol::Pop3 => ("", heard.as_str()),
            };
            let words: Vec<&str> = command.split(' ').collect();
            let said = match words.as_slice() {
                ["CAPABILITY" | "CAPA"] => self.capabilities(tag),
                ["LOGOUT" | "QUIT"] => return self.say(&self.answer(tag, "OK", "bye")).await,
                ["AUTHENTICATE" | "AUTH", mechanism, first @ ..] => {
                    match self.authenticate(mechanism, first.first().copied()).await? {
                        Ok(()) => {
                            self.say(&self.answer(tag, "OK", "come in")).await?;
                            return self.hand_over().await;
                        }
                        Err(why) => self.answer(tag, "NO", why),
                    }
                }
                _ => self.answer(tag, "NO", "log in first"),
            };
            self.say(&said).await?;
        }
        Ok(())
    }

    fn capabilities(&self, tag: &str) -> String {
        let ways = self.shared.ways;
        match self.shared.protocol {
            Protocol::Imap => {
                let mechanisms = ways.mechanisms.iter().map(|name| format!(" AUTH={name}"));
                let mechanisms: String = mechanisms.collect();
                let sasl_ir = if ways.sasl_ir { " SASL-IR" } else { "" };
                let done = self.answer(tag, "OK", "that is all");
                format!("* CAPABILITY IMAP4rev1 LOGINDISABLED{sasl_ir}{mechanisms}\r\n{done}")
            }
            Protocol::Pop3 => {
                let mechanisms = ways.mechanisms.join(" ");
                format!("+OK\r\nUIDL\r\nTOP\r\nSASL {mechanisms}\r\n.")
            }
        }
    }

    /// The line that ends a command.
    fn answer(&self, tag: &str, verdict: &str, why: &str) -> String {
        match (self.shared.protocol, verdict) {
            (Protocol::Imap, "NO") => format!("{tag} NO [AUTHENTICATIONFAILED] {why}"),
            (Protocol::Imap, _) => format!("{tag} {verdict} {why}"),
            (Protocol::Pop3, "NO") => format!("-ERR [AUTH] {why}"),
            (Protocol::Pop3, _) => format!("+OK {why}"),
        }
    }

    /// A login, and what was wrong with it.
    async fn authenticate(
        &mut self,
        mechanism: &str,
        first: Option<&str>,
    ) -> io::Result<Result<(), &'static str>> {
        let ways = self.shared.ways;
        if !ways.mechanisms.contains(&mechanism) {
            return Ok(Err("no such mechanism"));
        }
        let binding = tls::binding(self.line.get_ref().get_ref().1);
        let mut exchange = Exchange::new(mechanism, ways.mechanisms, binding);
        let proven = self.proven(&mut exchange, first).await?;
        // Before the client can know how it ended, let alone end itself.
        self.shared.note(Attempt {
            mechanism: mechanism.to_owned(),
            flag: exchange.flag().to_owned(),
            outcome: proven.as_ref().map(|_| ()).map_err(|why| *why),
        });
        let verifier = match (proven, ways.proof) {
            (Err(why), _) => return Ok(Err(why)),
            (Ok(_), Proof::Missing) => return Ok(Ok(())),
            (Ok(_), Proof::Wrong) => format!("v={}", STANDARD.encode([0; 32])),
            (Ok(verifier), Proof::Right) => verifier,
        };
        // Whoever does not believe it says `*`, or hangs up.
        match self.asked(&verifier).await?.as_str() {
            "" => Ok(Ok(())),
            _ => Ok(Err("broken off")),
        }
    }

    /// What the client proves, and what is to be said then.
    async fn proven(
        &mut self,
        exchange: &mut Exchange,
        first: Option<&str>,
    ) -> io::Result<Result<String, &'static str>> {
        let first = match first {
            Some(first) => decoded(first),
            None => self.asked("").await?,
        };
        match exchange.first(&first) {
            Ok(answer) => {
                let last = self.asked(&answer).await?;
                Ok(exchange.last(&last))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    /// What the client answers to a challenge; `*` when it breaks off.
    async fn asked(&mut self, challenge: &str) -> io::Result<String> {
        let challenge = STANDARD.encode(challenge);
        self.say(&format!("+ {challenge}")).await?;
        let heard = self.heard().await?;
        let heard = heard.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(decoded(&heard))
    }

    /// Lets the server in memory go on, to which this session logs in as its one user.
    async fn hand_over(mut self) -> io::Result<()> {
        let (near, far) = tokio::io::duplex(64 << 10);
        let mut near = BufReader::new(near);
        let (user, password) = (ScramServer::USER, ScramServer::PASSWORD);
        let (login, lines) = match self.shared.protocol {
            Protocol::Imap => {
                let plain = STANDARD.encode(format!("\0{user}\0{password}"));
                (format!("in AUTHENTICATE PLAIN {plain}\r\n"), 2)
            }
            Protocol::Pop3 => (format!("USER {user}\r\nPASS {password}\r\n"), 3),
        };
        let speaking = async {
            match self.shared.protocol {
                Protocol::Imap => self.shared.service.serve_imap(far).await,
                Protocol::Pop3 => self.shared.service.serve_pop3(far).await,
            }
            io::Result::Ok(())
        };
        let relaying = async {
            near.write_all(login.as_bytes()).await?;
            for _ in 0..lines {
                near.read_line(&mut String::new()).await?;
            }
            tokio::io::copy_bidirectional(&mut self.line, &mut near).await?;
            Ok(())
        };
        tokio::try_join!(speaking, relaying).map(|_| ())
    }

    /// The next line that the client says; `None` when it has hung up.
    async fn heard(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let octets = self.line.read_line(&mut line).await?;
        Ok((octets > 0).then(|| line.trim_end().to_owned()))
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.line
            .write_all(format!("{text}\r\n").as_bytes())
            .await?;
        self.line.flush().await
    }
}

/// What stands for itself stays: `*`.
fn decoded(base64: &str) -> String {
    let decoded = STANDARD.decode(base64).ok();
    let decoded = decoded.and_then(|octets| String::from_utf8(octets).ok());
    decoded.unwrap_or_else(|| base64.to_owned())
}
