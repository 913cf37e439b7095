//! A POP3 session (RFC 1939; CAPA and PIPELINING of RFC 2449; AUTH of RFC 5034).

mod maildrop;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::Misbehaviour;
use crate::imap::plain_credentials;
use crate::server::Service;
use crate::store::{Command, Protocol};
use crate::wire::{
    Course, Gone, Incoming, Input, Literals, Outgoing, Reply, Status, Stop, next_command,
    read_until_end,
};
use maildrop::Maildrop;

/// Serves one connection until either side ends it.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(service: Service, stream: S) {
    let (incoming, outgoing) = tokio::io::split(stream);
    let (sender, mut inputs) = mpsc::unbounded_channel();
    let incoming = Incoming::new(incoming, service.faults.clone());
    let reading = read_until_end(incoming, sender, Literals::None);
    let outgoing = Outgoing::new(outgoing, service.faults.clone());
    let mut conversation = Conversation {
        connection: service.store.open_connection(),
        session: Session::new(service),
        outgoing,
    };
    let talking = async {
        if conversation.greet().await.is_ok() {
            while conversation.answer(&mut inputs).await.is_ok() {}
        }
        conversation.session.hang_up();
    };
    tokio::select! {
        () = reading => {}
        () = talking => {}
    }
}

/// A session and its way to the client.
struct Conversation<W> {
    connection: u64,
    session: Session,
    outgoing: Outgoing<W>,
}

impl<W: AsyncWrite + Unpin> Conversation<W> {
    async fn greet(&mut self) -> Result<(), Gone> {
        let is_gmail = self.session.service.options.has_imap("X-GM-EXT-1");
        let name = if is_gmail {
            "Gpop"
        } else {
            "postrider-mailserver"
        };
        self.session.reply.line(&format!("+OK {name} ready"));
        self.send(None).await
    }

    async fn answer(&mut self, inputs: &mut mpsc::UnboundedReceiver<Input>) -> Result<(), Gone> {
        let raw = next_command(inputs).await.ok_or(Gone)?;
        let mut line = String::from_utf8_lossy(&raw).into_owned();
        self.session.service.store.log(Command {
            connection: self.connection,
            protocol: Protocol::Pop3,
            line: line.clone(),
        });
        let course = Course::of(&self.session.service.faults, &line.to_ascii_uppercase());
        if !course.delay.is_zero() {
            tokio::time::sleep(course.delay).await;
        }
        if !course.skips_command {
            if line.trim().eq_ignore_ascii_case("AUTH PLAIN") && self.session.has_sasl() {
                self.session.reply.line("+ ");
                self.send(None).await?;
                let response = next_command(inputs).await.ok_or(Gone)?;
                line = format!("AUTH PLAIN {}", String::from_utf8_lossy(&response));
            }
            self.session.perform(&line, self.connection);
        }
        match course.status {
            Some(Status::Answer(text)) => {
                // The status line of POP3 comes first: what was performed is not told.
                self.session.reply = Reply::default();
                self.session.reply.line(&text);
            }
            Some(Status::Bye(text)) => {
                self.session.reply = Reply::default();
                self.session.reply.line(&format!("-ERR {text}"));
                self.session.ends = true;
            }
            None => {}
        }
        if let Some(octets) = course.garbage {
            let right = std::mem::take(&mut self.session.reply);
            self.session.reply.octets(octets);
            self.send(None).await?;
            self.session.reply = right;
        }
        self.send(course.stop).await
    }

    async fn send(&mut self, stop: Option<Stop>) -> Result<(), Gone> {
        let reply = std::mem::take(&mut self.session.reply);
        self.outgoing.send(reply, stop).await?;
        if self.session.ends {
            return self.outgoing.end().await;
        }
        Ok(())
    }
}

/// The state of one connection: AUTHORIZATION without a maildrop, TRANSACTION with one.
#[derive(Debug)]
struct Session {
    service: Service,
    user: Option<String>,
    maildrop: Option<Maildrop>,
    reply: Reply,
    ends: bool,
}

impl Session {
    fn new(service: Service) -> Self {
        Self {
            service,
            user: None,
            maildrop: None,
            reply: Reply::default(),
            ends: false,
        }
    }

    fn has_sasl(&self) -> bool {
        self.service.options.has_pop3("SASL PLAIN")
    }

    /// Carries out a command and fills the reply.
    fn perform(&mut self, line: &str, connection: u64) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let name = name.to_ascii_uppercase();
        let result = match name.as_str() {
            "CAPA" => self.capa(),
            "QUIT" => self.quit(),
            "USER" | "PASS" | "AUTH" => self.log_in(&name, rest, connection),
            _ => match &mut self.maildrop {
                Some(maildrop) => {
                    maildrop.perform(&name, rest, &mut self.reply, &self.service.faults)
                }
                None => Err("-ERR Log in first"),
            },
        };
        if let Err(status) = result {
            self.reply.line(status);
        }
    }

    fn capa(&mut self) -> Result<(), &'static str> {
        let lines = &self.service.options.pop3_capabilities;
        if lines.is_empty() {
            return Err("-ERR Unknown command");
        }
        self.reply.line("+OK capabilities follow");
        let no_uidl = self.service.faults.has(Misbehaviour::NoUidl);
        for line in lines.iter().filter(|line| !(no_uidl && *line == "UIDL")) {
            self.reply.line(line);
        }
        self.reply.line(".");
        Ok(())
    }

    fn log_in(&mut self, name: &str, rest: &str, connection: u64) -> Result<(), &'static str> {
        if self.maildrop.is_some() {
            return Err("-ERR Already logged in");
        }
        let (user, password) = match name {
            "USER" => {
                self.user = Some(rest.to_owned());
                self.reply.line("+OK and your password?");
                return Ok(());
            }
            "PASS" => {
                let user = self.user.take().ok_or("-ERR USER first")?;
                // RFC 1939 §7: blanks belong to the password.
                (user, rest.to_owned())
            }
            _ => {
                let (mechanism, response) = rest.split_once(' ').unwrap_or((rest, ""));
                if !mechanism.eq_ignore_ascii_case("PLAIN") || !self.has_sasl() {
                    return Err("-ERR Unsupported mechanism");
                }
                plain_credentials(response).ok_or("-ERR Not a PLAIN response")?
            }
        };
        let refuses = self.service.faults.has(Misbehaviour::RefusesLogins);
        let account = self.service.store.login(&user, &password);
        let account = account
            .filter(|_| !refuses)
            .ok_or("-ERR [AUTH] Wrong user or password")?;
        let maildrop = Maildrop::open(account, &self.service.faults, connection);
        self.reply.line(&format!("+OK {} messages", maildrop.len()));
        self.maildrop = Some(maildrop);
        Ok(())
    }

    /// Only QUIT enters the UPDATE state, where marked messages go (RFC 1939 §6).
    fn quit(&mut self) -> Result<(), &'static str> {
        self.ends = true;
        if let Some(mut maildrop) = self.maildrop.take() {
            if self.service.faults.has(Misbehaviour::QuitFails) {
                return Err("-ERR [SYS/TEMP] Some messages not removed");
            }
            if self.service.options.has_pop3("EXPIRE 0") {
                maildrop.mark_retrieved();
            }
            if self.service.faults.has(Misbehaviour::HidesRetrieved) {
                self.service.faults.hide(&maildrop.retrieved());
            }
            if !self.service.faults.has(Misbehaviour::ForgetsDele) {
                maildrop.remove_marked();
            }
        }
        self.reply.line("+OK bye");
        Ok(())
    }

    /// The connection ended, with or without QUIT.
    fn hang_up(&mut self) {
        if let Some(maildrop) = self.maildrop.take()
            && self.service.faults.has(Misbehaviour::DeletesWithoutQuit)
        {
            maildrop.remove_marked();
        }
    }
}
