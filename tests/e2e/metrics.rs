//! Metrics of the built daemon, scraped as Prometheus does.

use crate::control_kit::{account, fill, header, server, until};
use postrider_mailserver::{Action, Fault, Misbehaviour};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, said};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

/// A port that is free at this moment.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn get(mut stream: impl Read + Write, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The values by series, as text.
fn scrape(at: SocketAddr) -> BTreeMap<String, f64> {
    let answer = get(TcpStream::connect(at).unwrap(), "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{answer}"
    );
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    samples.map(sample).collect()
}

/// One value, which has to be there.
fn value(at: SocketAddr, series: &str) -> f64 {
    let samples = scrape(at);
    let value = samples.get(series).copied();
    value.unwrap_or_else(|| panic!("{series}: {samples:#?}"))
}

/// An account that works and one that does not, and what a daemon says that has made a pass of each.
fn config(port: u16, at: SocketAddr) -> String {
    header(&format!("status: {{metrics: \"{at}\"}}\n"))
        + &account("home", port, "")
        + &account("work", port, ", password: mistyped")
}

/// Waits until so many passes of each account are counted, and none is under way.
fn passes(at: SocketAddr, number: f64) {
    until("the passes are counted", || {
        let samples = scrape(at);
        let over = |account: &str, result: &str| {
            let waits =
                format!("postrider_account_state{{account=\"{account}\",state=\"waiting\"}}");
            let passes =
                format!("postrider_passes_total{{account=\"{account}\",result=\"{result}\"}}");
            samples[&waits] > 0.0 && samples[&passes] >= number
        };
        (over("home", "complete") && over("work", "failed")).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_before_and_after_says_what_happened_between_them() {
    let (server, ada) = server().await;
    ada.create("Work");
    fill(&ada, 0, 3);
    let at = free();
    let home = Home::new(&config(server.imap_addr.port(), at));
    let daemon = RunningDaemon::start(&home);
    passes(at, 1.0);
    let before = scrape(at);
    fill(&ada, 3, 5);
    daemon.signal(Signal::USR1);
    passes(at, 2.0);
    let (added, after) = (&ada.messages("INBOX")[3..], scrape(at));
    let octets: usize = added.iter().map(|message| message.bytes.len()).sum();
    for (series, more) in [
        ("postrider_messages_stored_total{account=\"home\"}", 2.0),
        (
            "postrider_stored_bytes_total{account=\"home\"}",
            octets as f64,
        ),
        (
            "postrider_passes_total{account=\"home\",result=\"complete\"}",
            1.0,
        ),
        (
            "postrider_passes_total{account=\"home\",result=\"failed\"}",
            0.0,
        ),
        (
            "postrider_passes_total{account=\"work\",result=\"failed\"}",
            1.0,
        ),
        (
            "postrider_pass_failures_total{account=\"work\",kind=\"auth\"}",
            1.0,
        ),
        (
            "postrider_pass_duration_seconds_count{account=\"home\"}",
            1.0,
        ),
        (
            "postrider_server_copies_expired_total{account=\"home\"}",
            0.0,
        ),
    ] {
        assert_eq!(after[series] - before[series], more, "{series}");
    }
    assert_eq!(after["postrider_backlog_messages{account=\"home\"}"], 0.0);
    assert_eq!(after["postrider_mailboxes{account=\"home\"}"], 2.0);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_is_counted_though_its_pass_fails_later() {
    let (server, ada) = server().await;
    fill(&ada, 0, 3);
    ada.append("Work", "Subject: work\r\n\r\n.\r\n", &[], 1_700_000_000);
    let at = free();
    let status = format!("status: {{metrics: \"{at}\"}}\n");
    let keys = ", retention: {delete_after: 1d}, brake: off";
    let home = Home::new(&(header(&status) + &account("home", server.imap_addr.port(), keys)));
    // Messages are a day old by the clock of their proof only tomorrow: an index of yesterday says so today.
    home.succeed(&["sync"]);
    let index = rusqlite::Connection::open(home.path().join("state/index.db")).unwrap();
    let yesterday =
        "UPDATE message SET proven_at = proven_at - 200000, stored_at = stored_at - 200000";
    assert_eq!(index.execute(yesterday, ()).unwrap(), 4);
    drop(index);
    server
        .faults()
        .plan(Fault::on("UID EXPUNGE", Action::Cut).nth(2).always());
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "server_copy.expired", "home");
    daemon.after(0, "account.failed", "home");
    let gone = 4 - ada.messages("INBOX").len() - ada.messages("Work").len();
    assert!(gone > 0);
    let told = daemon.events("server_copy.expired").len() as f64;
    assert_eq!(
        value(
            at,
            "postrider_server_copies_expired_total{account=\"home\"}"
        ),
        told
    );
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_name_accounts_and_nothing_else_and_a_restart_forgets_no_success() {
    let (server, ada) = server().await;
    ada.create("Very private mailbox");
    let at = free();
    let home = Home::new(&config(server.imap_addr.port(), at));
    let daemon = RunningDaemon::start(&home);
    passes(at, 1.0);
    let samples = scrape(at);
    let version = format!(
        "postrider_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(samples[&version], 1.0);
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!(samples["process_open_fds"] > 5.0);
    let names: String = samples.keys().map(String::as_str).collect();
    for secret in ["private", "INBOX", "ada", "mistyped", "127.0.0.1"] {
        assert!(!names.contains(secret), "{secret}: {names}");
    }
    // An account that never went well has no time of that.
    let last = "postrider_last_success_timestamp_seconds";
    let known: Vec<&String> = samples
        .keys()
        .filter(|name| name.starts_with(last))
        .collect();
    assert_eq!(known, [&format!("{last}{{account=\"home\"}}")]);
    let seen = samples[known[0]];
    daemon.end(Signal::TERM).assert_orderly();
    server.faults().start(Misbehaviour::RefusesConnections);
    let daemon = RunningDaemon::start(&home);
    assert_eq!(value(at, known[0]), seen);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_answered_and_a_reload_moves_it() {
    let (server, _) = server().await;
    let accounts = account("home", server.imap_addr.port(), "");
    let (one, other) = (free(), free());
    let at = |place: &str| header(&format!("status: {{metrics: \"{place}\"}}\n")) + &accounts;
    let home = Home::new(&at(&one.to_string()));
    let daemon = RunningDaemon::start(&home);
    let ask = |path: &str| get(TcpStream::connect(one).unwrap(), path);
    assert!(ask("/").starts_with("HTTP/1.1 404 "));
    let mut posted = TcpStream::connect(one).unwrap();
    posted
        .write_all(
            b"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    posted.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    // Whoever says nothing holds up nobody, and is dropped.
    let mut silent = TcpStream::connect(one).unwrap();
    scrape(one);
    assert_eq!(silent.read(&mut [0; 1]).unwrap_or_default(), 0);

    home.configure(&at(&other.to_string()));
    home.succeed(&["reload", "--wait"]);
    scrape(other);
    until("the old place is free", || TcpStream::connect(one).err());
    // A place that somebody else has is an error, and the one before stays.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    home.configure(&at(&taken.local_addr().unwrap().to_string()));
    let failed = home.run(&["reload", "--wait"]);
    assert_eq!(failed.status.code(), Some(74), "{}", said(&failed));
    assert!(
        said(&failed).contains("serving metrics at"),
        "{}",
        said(&failed)
    );
    scrape(other);
    let socket = home.path().join("metrics.sock");
    home.configure(&at("./metrics.sock"));
    home.succeed(&["reload", "--wait"]);
    let answer = get(UnixStream::connect(&socket).unwrap(), "/metrics");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
    daemon.end(Signal::TERM).assert_orderly();
    assert!(!socket.exists(), "it is taken away in the end");

    home.succeed(&["check", "--offline"]);
    home.configure(&at("0.0.0.0:9123"));
    let refused = home.run(&["check", "--offline"]);
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(
        said(&refused).contains("no login and no TLS"),
        "{}",
        said(&refused)
    );
}
