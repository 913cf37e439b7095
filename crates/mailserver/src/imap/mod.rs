//! An IMAP4rev1 session (RFC 3501): one file per group of commands.

mod append;
mod args;
mod copy;
mod fetch;
mod idle;
mod list;
mod login;
mod mailboxes;
mod namespace;
mod notify;
mod qresync;
mod quota;
mod search;
mod select;
mod set;
mod status;
mod store;
mod view;

pub(crate) use fetch::header_end;
pub(crate) use login::plain_credentials;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::server::Service;
use crate::store::{Account, Command, Protocol};
use crate::wire::{
    Course, Gone, Incoming, Input, Literals, Outgoing, Reply, Status, Stop, next_command,
    read_until_end,
};
use crate::wire_name::Spelling;
use args::{Arg, Request};
use view::{News, View};

/// Serves one connection until either side ends it.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(service: Service, stream: S) {
    let (incoming, outgoing) = tokio::io::split(stream);
    let (sender, mut inputs) = mpsc::unbounded_channel();
    let incoming = Incoming::new(incoming, service.faults.clone());
    let unasked_octets = service.options.unasked_octets();
    let reading = read_until_end(incoming, sender, Literals::Read { unasked_octets });
    let outgoing = Outgoing::new(outgoing, service.faults.clone());
    let mut conversation = Conversation {
        connection: service.store.open_connection(),
        session: Session::new(service),
        outgoing,
    };
    let talking = async { while conversation.step(&mut inputs).await.is_ok() {} };
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
    /// Greets, or takes up the next input and answers it.
    async fn step(&mut self, inputs: &mut mpsc::UnboundedReceiver<Input>) -> Result<(), Gone> {
        if !self.session.greeted {
            self.session.greet();
            return self.send(None).await;
        }
        let input = loop {
            tokio::select! {
                input = inputs.recv() => break input.ok_or(Gone)?,
                () = notify::changed(&mut self.session.watched) => {}
            }
            self.session.tell_mailboxes();
            self.send(None).await?;
        };
        match input {
            Input::UnaskedLiteral => {
                let session = &mut self.session;
                session.reply.line("* BYE A literal must wait here");
                session.ends = true;
                self.send(None).await
            }
            Input::WaitsForContinuation => {
                self.session.reply.line("+ go on");
                self.send(None).await
            }
            Input::Command(raw) => self.answer(&raw, inputs).await,
        }
    }

    async fn answer(
        &mut self,
        raw: &[u8],
        inputs: &mut mpsc::UnboundedReceiver<Input>,
    ) -> Result<(), Gone> {
        let (tag, line) = args::split_tag(raw);
        self.session.service.store.log(Command {
            connection: self.connection,
            protocol: Protocol::Imap,
            line: line.clone(),
        });
        let course = Course::of(&self.session.service.faults, &line.to_ascii_uppercase());
        if !course.delay.is_zero() {
            tokio::time::sleep(course.delay).await;
        }
        if let Some(octets) = course.garbage {
            self.session.reply.octets(octets);
        }
        let mut status = String::new();
        if !course.skips_command {
            let request = args::parse(raw);
            let request = match request {
                Some(request) if request.wants_response() => {
                    self.session.reply.line("+ ");
                    self.send(None).await?;
                    let response = next_command(inputs).await.ok_or(Gone)?;
                    Some(request.with_response(response))
                }
                request => request,
            };
            self.session.tag.clone_from(&tag);
            self.session.literal_lie = course.literal_lie;
            status = match request {
                Some(request) if idle::is_idle(&request) => self.idle(inputs).await?,
                request => self.session.perform(request),
            };
        }
        match course.status {
            Some(Status::Bye(text)) => {
                self.session.reply.line(&format!("* BYE {text}"));
                self.session.ends = true;
            }
            Some(Status::Answer(text)) => self.session.reply.line(&format!("{tag} {text}")),
            None => self.session.reply.line(&format!("{tag} {status}")),
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

/// Why a command did not succeed; the text is the whole status, `[CODE]` included.
#[derive(Debug)]
enum Refusal {
    Bad(&'static str),
    No(&'static str),
}

/// The text after `OK `, or a refusal.
type Outcome = Result<String, Refusal>;

/// What the client has enabled, by ENABLE or by using it.
#[derive(Clone, Copy, Debug, Default)]
struct Enabled {
    /// RFC 7162 §3.1.
    condstore: bool,
    /// RFC 7162 §3.2.3: VANISHED in place of EXPUNGE.
    qresync: bool,
    /// RFC 6855: names are UTF-8.
    utf8: bool,
}

/// The state of one connection.
#[derive(Debug)]
struct Session {
    service: Service,
    account: Option<Account>,
    selected: Option<View>,
    /// Of the command at hand: ESEARCH repeats it.
    tag: String,
    enabled: Enabled,
    /// What NOTIFY asked for.
    watched: Option<notify::Watched>,
    reply: Reply,
    literal_lie: i64,
    greeted: bool,
    ends: bool,
}

impl Session {
    fn new(service: Service) -> Self {
        Self {
            service,
            account: None,
            selected: None,
            tag: String::new(),
            enabled: Enabled::default(),
            watched: None,
            reply: Reply::default(),
            literal_lie: 0,
            greeted: false,
            ends: false,
        }
    }

    fn has(&self, capability: &str) -> bool {
        self.service.options.has_imap(capability)
    }

    fn needs(&self, capability: &str) -> Result<(), Refusal> {
        let known = self.has(capability);
        known.then_some(()).ok_or(Refusal::Bad("Unknown command"))
    }

    fn account(&self) -> Result<Account, Refusal> {
        self.account.clone().ok_or(Refusal::Bad("Log in first"))
    }

    /// Carries out a command: fills the reply and returns the status line without its tag.
    fn perform(&mut self, request: Option<Request>) -> String {
        let Some(request) = request else {
            return "BAD Cannot read this command".to_owned();
        };
        match self.dispatch(&request) {
            Ok(text) => {
                // RFC 3501 §7.4.1: no EXPUNGE while the client may be using sequence numbers.
                let may_expunge = !matches!(request.name.as_str(), "FETCH" | "STORE" | "SEARCH");
                self.tell_changes(may_expunge);
                self.tell_mailboxes();
                format!("OK {text}")
            }
            Err(Refusal::Bad(text)) => format!("BAD {text}"),
            Err(Refusal::No(text)) => format!("NO {text}"),
        }
    }

    fn dispatch(&mut self, request: &Request) -> Outcome {
        let args = request.args.as_slice();
        match request.name.as_str() {
            "CAPABILITY" => Ok(self.capability()),
            "NOOP" | "CHECK" => Ok("done".to_owned()),
            "LOGOUT" => Ok(self.logout()),
            "ID" => self.id(),
            "LOGIN" => self.login(args),
            "AUTHENTICATE" => self.authenticate(args),
            "ENABLE" => self.enable(args),
            "NAMESPACE" => self.namespace(),
            "NOTIFY" => self.notify(args),
            "LIST" => self.list(args),
            "LSUB" => self.lsub(args),
            "STATUS" => self.status(args),
            "GETQUOTAROOT" => self.quota_root(args),
            "SELECT" => self.select(args, false),
            "EXAMINE" => self.select(args, true),
            "CLOSE" => self.close(),
            "UNSELECT" => self.unselect(),
            "CREATE" => self.create(args),
            "DELETE" => self.delete(args),
            "RENAME" => self.rename(args),
            "SUBSCRIBE" => self.subscribe(args, true),
            "UNSUBSCRIBE" => self.subscribe(args, false),
            "APPEND" => self.append(args),
            "FETCH" | "UID FETCH" => self.fetch(args, request.by()),
            "SEARCH" | "UID SEARCH" => self.search(args, request.by()),
            "STORE" | "UID STORE" => self.store(args, request.by()),
            "COPY" | "UID COPY" => self.copy(args, request.by()),
            "MOVE" | "UID MOVE" => self.move_messages(args, request.by()),
            "EXPUNGE" => self.expunge(None),
            "UID EXPUNGE" => self.expunge(Some(args)),
            _ => Err(Refusal::Bad("Unknown command")),
        }
    }

    /// Tells what others did to the selected mailbox since it was last told.
    fn tell_changes(&mut self, may_expunge: bool) {
        let news = News {
            may_expunge,
            enabled: self.enabled,
        };
        let (Some(account), Some(view)) = (&self.account, &mut self.selected) else {
            return;
        };
        let state = account.lock();
        let mailbox = state.mailbox(&view.name);
        let mailbox = mailbox.filter(|m| m.uid_validity == view.uid_validity);
        if let Some(mailbox) = mailbox {
            view.tell_changes(mailbox, &mut self.reply, news);
        } else {
            // RFC 3501 §2.3.1.1 forbids a new UIDVALIDITY within a session: end it, as Dovecot does.
            self.reply.line("* BYE The selected mailbox is gone");
            self.ends = true;
        }
    }

    /// The store name of a mailbox argument.
    fn mailbox_name(&self, arg: Option<&Arg>) -> Result<String, Refusal> {
        let text = arg
            .and_then(Arg::text)
            .ok_or(Refusal::Bad("No mailbox name"))?;
        let name = self.spelling().decode(&text);
        name.ok_or(Refusal::No("[CANNOT] Not a modified UTF-7 name"))
    }

    /// A store name, quoted for the wire.
    fn quoted_name(&self, name: &str) -> String {
        args::quote(&self.spelling().encode(name))
    }

    const fn spelling(&self) -> Spelling {
        Spelling {
            separator: self.service.options.separator,
            utf8: self.enabled.utf8,
        }
    }
}
