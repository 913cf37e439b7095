//! What the tests of the control socket share: a server in memory, and homes for daemons.

use postrider_mailserver::{Account, Mailstore, Options, Server};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use serde_json::Value;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

pub(crate) const PASSWORD: &str = "hunter2-is-secret";

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The top of a configuration; accounts follow, which make passes only when they are asked to.
pub(crate) fn header(more: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\n{more}\
         defaults:\n  tls: none\n  host: 127.0.0.1\n  user: ada\n  password: {PASSWORD}\n  poll: 1h\n  push: off\naccounts:\n"
    )
}

/// An account with a mail tree of its own; `more` are further keys.
pub(crate) fn account(name: &str, port: u16, more: &str) -> String {
    format!("  {name}: {{port: {port}, maildir: \"{{home}}/{name}\"{more}}}\n")
}

pub(crate) async fn server() -> (Server, Account) {
    server_with(Options::default()).await
}

/// One that can do more than usual, or less.
pub(crate) async fn server_with(options: Options) -> (Server, Account) {
    let store = Mailstore::new();
    let ada = store.account("ada", PASSWORD);
    let server = Server::start(store, options).await.unwrap();
    (server, ada)
}

pub(crate) fn fill(ada: &Account, from: usize, to: usize) {
    for n in from..to {
        ada.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
}

/// A port that nobody listens on: it was free a moment ago, and the kernel hands out others first.
pub(crate) fn dead_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The status, as programs read it.
pub(crate) fn status(home: &Home) -> Value {
    let output = home.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One account of it.
pub(crate) fn of(status: &Value, account: &str) -> Value {
    let accounts = status["accounts"].as_array().unwrap();
    let found = accounts.iter().find(|a| a["account"] == account);
    found
        .unwrap_or_else(|| panic!("{account}: {status}"))
        .clone()
}

/// Asks until the answer is as wanted.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the end of a process that should come by itself.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    until("the process ends", || child.try_wait().unwrap())
}
