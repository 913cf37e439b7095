//! The built daemon while its server cannot be found, does not want it, or sends it away; and what the log says of
//! that. The pauses themselves are tested in `crates/core/src/pace`.

use postrider_mailserver::{Account, Action, Fault, Mailstore, Options, Server, Service};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::TcpListener;

fn header(level: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: {level}}}\n\
         defaults: {{tls: none, host: 127.0.0.1, user: ada, password: secret, poll: 1h}}\naccounts:\n"
    )
}

fn account(name: &str, port: u16, more: &str) -> String {
    format!("  {name}: {{port: {port}, maildir: \"{{home}}/{name}\"{more}}}\n")
}

fn store(messages: usize) -> (Mailstore, Account) {
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    for n in 0..messages {
        ada.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
    (store, ada)
}

async fn server(messages: usize) -> Server {
    let (store, _) = store(messages);
    Server::start(store, Options::default()).await.unwrap()
}

/// A listener that hangs up, and counts, until it is told to serve.
struct Moody {
    port: u16,
    serves: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl Moody {
    async fn start() -> Self {
        let (store, _) = store(2);
        let service = Service::new(store, Options::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let moody = Self {
            port: listener.local_addr().unwrap().port(),
            serves: Arc::default(),
            connections: Arc::default(),
        };
        let (serves, connections) = (Arc::clone(&moody.serves), Arc::clone(&moody.connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                if serves.load(Ordering::SeqCst) {
                    let service = service.clone();
                    tokio::spawn(async move { service.serve_imap(stream).await });
                }
            }
        });
        moody
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_a_few_tries_and_two_lines_of_the_log() {
    let moody = Moody::start().await;
    let home = Home::new(&(header("info") + &account("home", moody.port, "")));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "account.failed", "home");
    let begun = std::time::Instant::now();
    while moody.connections.load(Ordering::SeqCst) < 3 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // Pauses of at least 2.5 and 5 s, jitter taken off.
    assert!(
        begun.elapsed().as_millis() >= 7_400,
        "{:?}",
        begun.elapsed()
    );
    moody.serves.store(true, Ordering::SeqCst);
    let recovered = daemon.after(0, "account.recovered", "home");
    assert_eq!(recovered["failures"], 3, "{recovered}");
    assert!(recovered["lasted_s"].as_u64() >= Some(7), "{recovered}");
    daemon.after(0, "sync.finished", "home");
    assert_eq!(moody.connections.load(Ordering::SeqCst), 4);
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    let of_home = ended.log.iter().filter(|line| line["account"] == "home");
    let mut told: Vec<_> = of_home
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    let wanted = [
        "account.failed",
        "account.recovered",
        "message.stored",
        "message.stored",
        "sync.finished",
    ];
    assert_eq!(told, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_lasts_says_how_often_and_since_when() {
    let moody = Moody::start().await;
    let home = Home::new(&(header("debug") + &account("home", moody.port, "")));
    let daemon = RunningDaemon::start(&home);
    let first = daemon.after(0, "account.failed", "home");
    assert_eq!(first["failures"], 1, "{first}");
    assert_eq!(first["again"], Value::Null, "{first}");
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    let second = daemon.after(mark, "account.retried", "home");
    let since = first["since"].as_str().unwrap();
    let time = since.get(11..16).unwrap();
    let again = format!("still unreachable, 2nd time since {time} UTC");
    assert_eq!(second["again"], again, "{second}");
    assert_eq!(second["level"], "debug", "{second}");
    daemon.end(Signal::TERM).assert_orderly();
}

/// The daemon where /etc/hosts and /etc/resolv.conf are files of the home.
fn with_names_of(home: &Home) -> Command {
    let script = "mount --bind \"$1/hosts\" /etc/hosts && mount --bind \"$1/resolv.conf\" /etc/resolv.conf \
                  && shift && exec \"$@\"";
    let inner = home.command(&["run"]);
    let mut outer = Command::new("unshare");
    outer.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        outer.arg("--map-root-user");
    }
    outer.args(["sh", "-c", script, "sh"]).arg(home.path());
    outer.arg(inner.get_program()).args(inner.get_args());
    let environment = inner.get_envs();
    outer
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))));
    outer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_found_is_looked_up_again_and_found_within_seconds() {
    let server = server(1).await;
    let more = ", host: mail.example.test, allow_cleartext: true";
    let home = Home::new(&(header("debug") + &account("home", server.imap_addr.port(), more)));
    let hosts = home.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let nobody = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    std::fs::write(home.path().join("resolv.conf"), nobody).unwrap();
    let daemon = RunningDaemon::started_by(&home, with_names_of(&home));
    let failed = daemon.after(0, "account.failed", "home");
    assert_eq!(failed["kind"], "unreachable", "{failed}");
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("looking up mail.example.test"), "{error}");
    let hint = failed["hint"].as_str().unwrap();
    assert!(hint.contains("host: mail.example.test"), "{hint}");
    std::fs::write(&hosts, "127.0.0.1 localhost mail.example.test\n").unwrap();
    let recovered = daemon.after(0, "account.recovered", "home");
    assert!(recovered["failures"].as_u64() <= Some(3), "{recovered}");
    daemon.after(0, "sync.finished", "home");
    daemon.end(Signal::TERM).assert_orderly();
}

/// What the log says of an account whose server answers like this at that command; how often it was asked.
async fn throttled(protocol: &str, command: &str, action: Action) -> (Value, Server) {
    let server = server(5).await;
    server.faults().plan(Fault::on(command, action).always());
    let port = match protocol {
        "pop3" => server.pop3_addr.port(),
        _ => server.imap_addr.port(),
    };
    let more = format!(", protocol: {protocol}");
    let home = Home::new(&(header("debug") + &account("home", port, &more)));
    let daemon = RunningDaemon::start(&home);
    let told = daemon.after(0, "account.throttled", "home");
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    assert_eq!(ended.events("account.failed"), Vec::<Value>::new());
    assert_eq!(ended.events("message.skipped"), Vec::<Value>::new());
    (told, server)
}

const BACKOFF: &str = "Request is throttled. Suggested Backoff Time: 299923 milliseconds";

/// What a server says, where, the least pause in seconds that comes of it, and a part of the hint.
const WISHES: [(&str, &str, &str, u64, &str); 7] = [
    (
        "imap",
        "AUTHENTICATE",
        "NO [ALERT] Too many simultaneous connections. (Failure)",
        60,
        "connections",
    ),
    (
        "imap",
        "UID FETCH",
        "BAD Request is throttled. Suggested Backoff Time: 299923 milliseconds",
        299,
        "ask for in a while",
    ),
    (
        "imap",
        "UID FETCH",
        "NO [OVERQUOTA] Account exceeded command or bandwidth limits.",
        3_600,
        "2500 MB",
    ),
    (
        "imap",
        "LIST",
        "NO [THROTTLED] slow down",
        300,
        "ask for in a while",
    ),
    (
        "pop3",
        "RETR",
        "-ERR Account exceeded command or bandwidth limits",
        3_600,
        "2500 MB",
    ),
    (
        "pop3",
        "AUTH",
        "-ERR [LOGIN-DELAY/900] too soon",
        900,
        "poll:",
    ),
    (
        "pop3",
        "AUTH",
        "-ERR too many connections",
        60,
        "connections",
    ),
];

fn assert_obeyed(told: &Value, least: u64, hint: &str) {
    assert_eq!(told["kind"], "throttled", "{told}");
    let pause = told["retry_in_s"].as_u64().unwrap();
    let most = least * 11 / 10 + 60;
    assert!((least..=most).contains(&pause), "{least}: {told}");
    assert!(told["hint"].as_str().unwrap().contains(hint), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_wish_is_obeyed_and_shown() {
    for (protocol, command, answer, least, hint) in WISHES {
        let (told, server) = throttled(protocol, command, Action::Answer(answer.to_owned())).await;
        assert_obeyed(&told, least, hint);
        // Whoever is throttled asks for nothing more: no halves, no other mailboxes, no second login.
        assert_eq!(server.store().connections(), 1, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_in_the_midst_of_a_pass_is_a_wish_too() {
    let goodbye = Action::Bye(BACKOFF.to_owned());
    let (told, server) = throttled("imap", "UID FETCH", goodbye).await;
    assert_obeyed(&told, 299, "ask for in a while");
    assert_eq!(server.store().connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_one_fewer_for_a_while() {
    let (store, ada) = store(0);
    // Enough for a second and a third connection.
    let large = "x".repeat(1 << 20).into_bytes();
    for mailbox in ["INBOX", "One", "Two"] {
        ada.create(mailbox);
        for n in 0..18 {
            let mut octets = message(mailbox, n).into_bytes();
            octets.extend(large.chunks(70).flat_map(|line| [line, b"\r\n"].concat()));
            ada.append(mailbox, octets, &[], 1_700_000_000);
        }
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let refusal = "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=2)";
    let refuse = Fault::on("AUTHENTICATE", Action::Answer(refusal.to_owned()));
    server.faults().plan(refuse.nth(3));
    let home = Home::new(
        &(header("info") + &account("home", server.imap_addr.port(), ", connections: 3")),
    );
    let daemon = RunningDaemon::start(&home);
    let lowered = daemon.after(0, "connections.lowered", "home");
    assert_eq!(lowered["connections"], 2, "{lowered}");
    assert!(
        lowered["hint"].as_str().unwrap().contains("`connections:`"),
        "{lowered}"
    );
    let finished = daemon.after(0, "sync.finished", "home");
    assert_eq!(finished["new"], 54, "{finished}");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_accounts_do_not_begin_at_once() {
    let moody = Moody::start().await;
    let accounts = (0..60).map(|n| account(&format!("a{n:02}"), moody.port, ""));
    let home = Home::new(&(header("info") + &accounts.collect::<String>()));
    let daemon = RunningDaemon::start(&home);
    for n in 0..60 {
        daemon.after(0, "account.failed", &format!("a{n:02}"));
    }
    let failed = daemon.events("account.failed");
    let at = |line: &Value| {
        let time = line["timestamp"].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(time).unwrap()
    };
    let took = at(failed.last().unwrap()) - at(failed.first().unwrap());
    // Eight at once, then one every 25 ms.
    assert!(took.num_milliseconds() > 51 * 25 - 100, "{took}");
    daemon.end(Signal::TERM).assert_orderly();
}
