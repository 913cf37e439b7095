//! A daemon that is made to work for long, and whether it grows: thousands of passes over both protocols on
//! Dovecot and on the server in memory, with new mail now and then, and with lines that break.
//!
//! Passes are ordered by USR1, each when the one before is over, so that the daemon is at rest when it is looked at.

mod line;
mod measure;

use crate::daemon::RunningDaemon;
use crate::dovecot::Dovecot;
use crate::oracle::Oracle;
use crate::postrider::Home;
use crate::rig::message;
use line::Line;
pub use measure::{Growth, Sample, Soaked};
use postrider_mailserver::{Account, Mailstore, Options, Server};
use rustix::process::Signal;
use std::time::Instant;
use tokio::runtime::Runtime;

/// The accounts, and what each passes over.
const ACCOUNTS: [&str; 4] = ["dovecot-imap", "dovecot-pop3", "memory-imap", "memory-pop3"];

/// Every so many rounds each account gets a message.
const ROUNDS_PER_MESSAGE: usize = 10;

/// Messages that each account has before: with them the index is larger than what SQLite keeps of it in memory
/// (2 MiB), which would otherwise grow with the index until it is.
const BEFORE: usize = 1_500;

/// Every so many rounds the daemon is looked at.
const SAMPLES: usize = 40;

/// How long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds: so many passes over each account.
    pub passes: usize,
    /// How often all lines break, for a pass that fails and one that finds them mended.
    pub reconnects: usize,
}

/// Lets a daemon work, and looks at it.
///
/// # Panics
/// When it does not do what it is told to.
#[must_use]
pub fn soak(plan: Plan) -> Soaked {
    let runtime = Runtime::new().expect("a runtime");
    let mut bench = Bench::new(&runtime);
    (0..BEFORE).for_each(|n| bench.deliver(n));
    let home = Home::new(&bench.config());
    let daemon = RunningDaemon::start(&home);
    for account in ACCOUNTS {
        daemon.after(0, "sync.finished", account);
    }
    let begun = Instant::now();
    let mut soaked = Soaked::default();
    let every = |parts: usize| (plan.passes / parts.max(1)).max(1);
    let (reconnecting, sampling) = (every(plan.reconnects), every(SAMPLES));
    for round in 1..=plan.passes {
        if round % ROUNDS_PER_MESSAGE == 0 {
            bench.deliver(BEFORE + round);
        }
        if round % reconnecting == 0 && soaked.reconnects < plan.reconnects {
            bench.reconnect(&daemon);
            soaked.reconnects += 1;
        } else {
            pass(&daemon);
        }
        if round % sampling == 0 {
            soaked.samples.push(Sample::of(daemon.pid(), round));
        }
    }
    soaked.took = begun.elapsed();
    soaked.passes = plan.passes * ACCOUNTS.len();
    daemon.end(Signal::TERM).assert_orderly();
    soaked
}

/// A pass over every account.
fn pass(daemon: &RunningDaemon) {
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    for account in ACCOUNTS {
        daemon.after(mark, "sync.finished", account);
    }
}

/// The servers, and the lines to them.
struct Bench {
    dovecot: Dovecot,
    oracle: [Oracle; 2],
    memory: [Account; 2],
    lines: [Line; 4],
    _server: Server,
}

impl Bench {
    fn new(runtime: &Runtime) -> Self {
        let dovecot = Dovecot::start();
        let login = |user| Oracle::login(dovecot.imap_port, user, Dovecot::PASSWORD);
        let store = Mailstore::new();
        let memory = ["ada", "bob"].map(|user| store.account(user, Dovecot::PASSWORD));
        let started = runtime.block_on(Server::start(store, Options::default()));
        let server = started.expect("a port of loopback");
        let ports = [
            dovecot.imaps_port,
            dovecot.pop3s_port,
            server.imap_addr.port(),
            server.pop3_addr.port(),
        ];
        let lines = ports.map(|port| runtime.block_on(Line::to(port)));
        Self {
            oracle: [login("ada"), login("bob")],
            dovecot,
            memory,
            lines,
            _server: server,
        }
    }

    fn config(&self) -> String {
        let [imap, pop3, memory_imap, memory_pop3] = self.lines.each_ref().map(|line| line.port);
        let ca_file = self.dovecot.ca_file.display();
        let account = |name: &str, port: u16, user: &str, more: &str| {
            format!(
                "  {name}: {{port: {port}, user: {user}, maildir: \"{{home}}/{name}\", {more}}}\n"
            )
        };
        let [a, b, c, d] = ACCOUNTS;
        let tls = format!("host: localhost, ca_file: {ca_file}");
        let clear = "host: 127.0.0.1, tls: none";
        format!(
            "state_dir: {{home}}/state\nlog: {{format: json}}\ndefaults: {{password: {}, poll: 1h}}\naccounts:\n",
            Dovecot::PASSWORD
        ) + &account(a, imap, "ada", &tls)
            + &account(b, pop3, "bob", &format!("{tls}, protocol: pop3"))
            + &account(c, memory_imap, "ada", clear)
            + &account(d, memory_pop3, "bob", &format!("{clear}, protocol: pop3"))
    }

    /// A message for everybody.
    fn deliver(&mut self, n: usize) {
        for oracle in &mut self.oracle {
            oracle.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
        }
        for account in &self.memory {
            account.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
        }
    }

    /// All lines break, are tried in vain, and are whole again.
    fn reconnect(&self, daemon: &RunningDaemon) {
        let before = self.lines.each_ref().map(Line::refused);
        self.lines.iter().for_each(Line::tear);
        daemon.signal(Signal::USR1);
        for (line, before) in self.lines.iter().zip(before) {
            line.was_tried(before);
        }
        self.lines.iter().for_each(Line::mend);
        pass(daemon);
    }
}
