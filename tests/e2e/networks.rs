//! The built daemon on a network that comes, goes and comes back: two machines and a line between them, as root.

use postrider_mailserver::{Action, Fault, Mailstore, Options, Server, Service};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::network::{Network, SERVER};
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What "within seconds" may take on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);

fn home(more: &str) -> Home {
    home_with("secret", more)
}

fn home_with(password: &str, more: &str) -> Home {
    home_by("none, allow_cleartext: true", password, more)
}

fn home_by(tls: &str, password: &str, more: &str) -> Home {
    Home::new(&format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  \
         home: {{host: {SERVER}, port: 143, tls: {tls}, user: ada, password: {password}, poll: 1h, \
         maildir: \"{{home}}/Mail\"{more}}}\n"
    ))
}

fn service() -> Service {
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    ada.append("INBOX", message("INBOX", 1), &[], 1_700_000_000);
    Service::new(store, Options::default())
}

fn start(network: &Network, home: &Home) -> RunningDaemon {
    RunningDaemon::started_by(home, network.command(home, &["run"]))
}

/// Lets the account fail until its pause is at least so long; what it last said.
fn fail_until_pause(daemon: &RunningDaemon, seconds: u64) -> Value {
    let mut said = daemon.after(0, "account.failed", "home");
    for _ in 0..20 {
        assert_eq!(said["kind"], "unreachable", "{said}");
        if said["retry_in_s"].as_u64() >= Some(seconds) {
            return said;
        }
        let mark = daemon.mark();
        daemon.signal(Signal::USR1);
        said = daemon.after_where(mark, "account.retried", |line| line["account"] == "home");
    }
    panic!("the pauses do not grow: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_route_leads_to_a_fresh_connection_within_seconds() {
    let network = Network::make();
    let connections = network.serve_imap(service());
    let home = home("");
    let daemon = start(&network, &home);
    fail_until_pause(&daemon, 60);
    assert_eq!(connections.load(Ordering::SeqCst), 0);

    let (mark, led) = (daemon.mark(), Instant::now());
    network.lead();
    let finished = daemon.after(mark, "sync.finished", "home");
    assert!(led.elapsed() < SECONDS, "{:?}", led.elapsed());
    assert_eq!(finished["new"], 1, "{finished}");
    let changed = daemon.after(mark, "daemon.network_changed", "");
    assert!(
        changed["what"].as_str().unwrap().contains("route"),
        "{changed}"
    );
    let recovered = daemon.after(mark, "account.recovered", "home");
    assert!(recovered["failures"].as_u64() >= Some(4), "{recovered}");
    assert!(
        recovered["since"].as_str().unwrap().ends_with('Z'),
        "{recovered}"
    );
    // One change is one try.
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_not_sent_again_because_the_network_changed() {
    let network = Network::make();
    let connections = network.serve_imap(service());
    network.lead();
    let home = home_with("mistyped", "");
    let daemon = start(&network, &home);
    let failed = daemon.after(0, "account.failed", "home");
    assert_eq!(failed["kind"], "auth", "{failed}");
    for _ in 0..2 {
        let mark = daemon.mark();
        network.mislead();
        network.lead();
        daemon.after(mark, "daemon.network_changed", "");
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_what_answers_without_tls_in_the_servers_place_is_tried_again_in_another_network() {
    let network = Network::make();
    // A captive portal takes every connection, and speaks what it likes.
    let connections = network.serve_imap(service());
    network.lead();
    let home = home_by("implicit", "secret", "");
    let daemon = start(&network, &home);
    let failed = daemon.after(0, "account.failed", "home");
    assert_eq!(failed["kind"], "tls", "{failed}");
    assert!(
        failed["hint"].as_str().unwrap().contains("captive portal"),
        "{failed}"
    );
    assert!(failed["retry_in_s"].as_u64() >= Some(15), "{failed}");
    let mut mark = daemon.mark();
    for _ in 0..2 {
        daemon.signal(Signal::USR1);
        let again = daemon.after(mark, "account.retried", "home");
        assert_eq!(again["kind"], "tls", "{again}");
        mark = daemon.mark();
    }
    let before = connections.load(Ordering::SeqCst);
    let changed = Instant::now();
    network.mislead();
    network.lead();
    let again = daemon.after(mark, "account.retried", "home");
    assert!(changed.elapsed() < SECONDS, "{:?}", changed.elapsed());
    // Its pauses begin anew: the way to the server may be a step away.
    assert!(again["retry_in_s"].as_u64() <= Some(30), "{again}");
    assert_eq!(connections.load(Ordering::SeqCst), before + 1);
    daemon.end(Signal::TERM).assert_orderly();
}

/// A sandbox without AF_NETLINK, as systemd's `RestrictAddressFamilies=` makes it (seccomp(2)): socket(2) with that
/// family fails with EAFNOSUPPORT. What follows is run in it.
const WITHOUT_NETLINK: &str = "
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
socket = {'x86_64': 41, 'aarch64': 198}[platform.machine()]
code = [
    (0x20, 0, 0, 0), (0x15, 0, 3, socket), (0x20, 0, 0, 16), (0x15, 0, 1, 16),
    (0x06, 0, 0, 0x00050000 | 97), (0x06, 0, 0, 0x7fff0000),
]
octets = b''.join(struct.pack('HBBI', *step) for step in code)
octets = ctypes.create_string_buffer(octets)
program = struct.pack('HP', len(code), ctypes.addressof(octets))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program, 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
";

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_without_netlink_is_said_once_and_no_hindrance() {
    let store = Mailstore::new();
    let _ada = store.account("ada", "secret");
    let server = Server::start(store, Options::default()).await.unwrap();
    let home = Home::new(&format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  \
         home: {{host: 127.0.0.1, port: {}, tls: none, user: ada, password: secret, poll: 1h, \
         maildir: \"{{home}}/Mail\"}}\n",
        server.imap_addr.port()
    ));
    let inner = home.command(&["run"]);
    let mut outer = Command::new("python3");
    outer.args(["-c", WITHOUT_NETLINK]);
    outer.arg(inner.get_program()).args(inner.get_args());
    let environment = inner.get_envs();
    outer
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))));
    let daemon = RunningDaemon::started_by(&home, outer);
    let told = daemon.after(0, "daemon.network_unwatched", "");
    assert_eq!(told["level"], "debug", "{told}");
    assert!(told["error"].as_str().unwrap().contains("97"), "{told}");
    for _ in 0..2 {
        let mark = daemon.mark();
        daemon.signal(Signal::USR1);
        daemon.after(mark, "sync.finished", "home");
    }
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    assert_eq!(ended.events("daemon.network_unwatched").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_whose_way_is_gone_fails_within_seconds() {
    let network = Network::make();
    let service = service();
    let faults = service.faults().clone();
    faults.plan(Fault::on("UID FETCH", Action::Stall));
    let connections = network.serve_imap(service);
    network.lead();
    let home = home(", timeout: 10m");
    let daemon = start(&network, &home);
    daemon.after(0, "account.connected", "home");
    std::thread::sleep(Duration::from_secs(1));
    let gone = Instant::now();
    network.mislead();
    let failed = daemon.after(0, "account.failed", "home");
    assert_eq!(failed["kind"], "unreachable", "{failed}");
    assert!(gone.elapsed() < SECONDS, "{:?}", gone.elapsed());

    let mark = daemon.mark();
    network.lead();
    let finished = daemon.after(mark, "sync.finished", "home");
    assert_eq!(finished["new"], 1, "{finished}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_stands_is_not_given_up_because_the_network_changed() {
    let network = Network::make();
    let service = service();
    // The server needs longer than all probes, and the line is well.
    let slow = Action::Delay(Duration::from_secs(14));
    service.faults().plan(Fault::on("UID FETCH", slow));
    let connections = network.serve_imap(service);
    network.lead();
    let home = home("");
    let daemon = start(&network, &home);
    daemon.after(0, "account.connected", "home");
    std::thread::sleep(Duration::from_millis(500));
    network.mislead();
    network.lead();
    daemon.after(0, "daemon.network_changed", "");
    let finished = daemon.after(0, "sync.finished", "home");
    assert_eq!(finished["new"], 1, "{finished}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    assert_eq!(ended.events("account.failed"), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_vanishes_without_a_word_and_returns_is_found_again() {
    let network = Network::make();
    let connections = network.serve_imap(service());
    network.lead();
    let home = home(", timeout: 2s");
    let daemon = start(&network, &home);
    daemon.after(0, "sync.finished", "home");
    network.vanish();
    let mark = daemon.mark();
    daemon.signal(Signal::USR1);
    let failed = daemon.after(mark, "account.failed", "home");
    assert_eq!(failed["kind"], "unreachable", "{failed}");
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("connecting to 10.99.1.1:143 took longer than 2 s"),
        "{error}"
    );
    network.come_back();
    // Nobody is told: the pause ends by itself.
    let recovered = daemon.after(mark, "account.recovered", "home");
    assert!(recovered["failures"].as_u64() <= Some(3), "{recovered}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_lost_again_and_again_is_opened_anew_when_the_network_changes() {
    let network = Network::make();
    let store = Mailstore::new();
    let _ada = store.account("ada", "secret");
    let service = Service::new(store, Options::default().with(&["IDLE"]));
    service
        .faults()
        .plan(Fault::on("IDLE", Action::Cut).always());
    let connections = network.serve_imap(service);
    network.lead();
    let home = home("");
    let daemon = start(&network, &home);
    let mut lost = daemon.after(0, "push.lost", "home");
    for _ in 0..20 {
        if lost["retry_in_s"].as_u64() >= Some(60) {
            break;
        }
        let mark = daemon.mark();
        daemon.signal(Signal::USR1);
        lost = daemon.after(mark, "push.lost", "home");
    }
    assert!(lost["retry_in_s"].as_u64() >= Some(60), "{lost}");
    let before = connections.load(Ordering::SeqCst);
    let (mark, changed) = (daemon.mark(), Instant::now());
    network.mislead();
    network.lead();
    daemon.after(mark, "sync.finished", "home");
    assert!(changed.elapsed() < SECONDS, "{:?}", changed.elapsed());
    assert!(connections.load(Ordering::SeqCst) > before);
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_listens_is_noticed_to_be_gone_and_opened_anew_within_seconds() {
    let network = Network::make();
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    let service = Service::new(store, Options::default().with(&["IDLE"]));
    let connections = network.serve_imap(service);
    network.lead();
    let home = home(", timeout: 10m");
    let daemon = start(&network, &home);
    daemon.after(0, "sync.finished", "home");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    std::thread::sleep(Duration::from_secs(1));
    let gone = Instant::now();
    network.mislead();
    daemon.after(0, "push.lost", "home");
    assert!(gone.elapsed() < SECONDS, "{:?}", gone.elapsed());
    // Nothing is to be had meanwhile.
    daemon.after(0, "account.failed", "home");
    ada.append("INBOX", message("INBOX", 1), &[], 1_700_000_000);
    let back = Instant::now();
    network.lead();
    daemon.after(0, "message.stored", "home");
    assert!(back.elapsed() < SECONDS, "{:?}", back.elapsed());
    daemon.after(0, "push.restored", "home");
    daemon.end(Signal::TERM).assert_orderly();
}
