//! The built daemon over a line with delay, loss, a cut, and silence in one direction, as root: mail comes, what is dead is
//! noticed in time, and nobody is stormed. The line counts every connection that is tried.

use postrider_mailserver::{Account, Mailstore, Options, Service};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::network::{Network, SERVER};
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use postrider_tests::wire::Carries;
use rustix::process::Signal;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One way.
const DELAY: Duration = Duration::from_millis(40);

/// How much later than documented something may be noticed on a busy machine.
const BUSY: Duration = Duration::from_secs(20);

struct Scene {
    network: Network,
    ada: Account,
    /// Those that the server has accepted.
    connections: Arc<AtomicUsize>,
    daemon: RunningDaemon,
    _home: Home,
}

impl Scene {
    /// A daemon that has brought these messages over a line of which `lost` of a thousand packets are.
    fn new(messages: usize, lost: u16, more: &str) -> Self {
        let network = Network::slow(DELAY);
        network.wire().lose(lost);
        let store = Mailstore::new();
        let ada = store.account("ada", "secret");
        for n in 0..messages {
            ada.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
        }
        let options = Options::default().with(&["IDLE"]);
        let connections = network.serve_imap(Service::new(store.clone(), options));
        let home = Home::new(&format!(
            "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  \
             home: {{host: {SERVER}, port: 143, tls: none, allow_cleartext: true, user: ada, password: secret, \
             poll: 1h, maildir: \"{{home}}/Mail\"{more}}}\n"
        ));
        let daemon = RunningDaemon::started_by(&home, network.command(&home, &["run"]));
        let finished = daemon.after(0, "sync.finished", "home");
        assert_eq!(finished["new"], messages, "{finished}");
        until_idle(&store);
        Self {
            network,
            ada,
            connections,
            daemon,
            _home: home,
        }
    }

    fn append(&self, n: usize) {
        self.ada
            .append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }

    /// Puts the nth message into INBOX, and waits for it.
    fn bring(&self, n: usize) {
        let mark = self.daemon.mark();
        self.append(n);
        self.daemon.after(mark, "message.stored", "home");
    }

    fn told(&self, event: &str) -> usize {
        self.daemon.events(event).len()
    }

    fn end(self) {
        self.daemon.end(Signal::TERM).assert_orderly();
    }
}

/// Waits until the daemon listens: what happens to the line before that is a command without an answer.
fn until_idle(store: &Mailstore) {
    let begun = Instant::now();
    let idles = || store.commands().iter().any(|c| c.line.starts_with("IDLE"));
    while !idles() {
        assert!(begun.elapsed() < BUSY * 2, "{:#?}", store.commands());
        std::thread::sleep(Duration::from_millis(20));
    }
    // The server's answer is on its way.
    std::thread::sleep(DELAY * 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_comes_over_a_slow_and_lossy_line_on_one_connection() {
    let scene = Scene::new(40, 50, "");
    for n in 100..112 {
        scene.bring(n);
    }
    for event in ["push.lost", "account.failed", "account.throttled"] {
        assert_eq!(scene.daemon.events(event), Vec::<Value>::new());
    }
    assert_eq!(scene.connections.load(Ordering::SeqCst), 1);
    assert_eq!(scene.network.wire().opened(), 1);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_is_here_one_round_trip_and_the_fetch_after_the_server_told_of_it() {
    let scene = Scene::new(1, 0, "");
    scene.bring(1);
    let (mut took, mut trips) = (Vec::new(), Vec::new());
    for n in 2..12 {
        let (mark, begun) = (scene.daemon.mark(), Instant::now());
        scene.bring(n);
        took.push(begun.elapsed());
        let finished = scene.daemon.after(mark, "sync.finished", "home");
        trips.extend(finished["round_trips"].as_u64());
    }
    // Whatever the machine does meanwhile, the fastest of some was hardly disturbed by it. The news, DONE with the
    // look, its answer, the fetch, the message: five ways.
    assert_eq!(trips.iter().min(), Some(&2), "{trips:?}");
    let fastest = took.into_iter().min().unwrap();
    assert!(fastest >= DELAY * 5, "{fastest:?}");
    assert!(fastest < DELAY * 5 + Duration::from_secs(2), "{fastest:?}");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_is_noticed_tried_after_pauses_and_used_again() {
    let scene = Scene::new(1, 0, ", idle_refresh: 2s, timeout: 5s");
    let cut = Instant::now();
    scene.network.wire().carry(Carries::Nothing);
    let mark = scene.daemon.mark();
    scene.append(1);
    scene.daemon.after(mark, "push.lost", "home");
    // A silence of at most 2 s, and an answer that does not come for 5 s.
    let noticed = cut.elapsed();
    assert!(noticed < Duration::from_secs(7) + BUSY, "{noticed:?}");
    scene.daemon.after(mark, "account.failed", "home");
    let again = scene.daemon.mark();
    scene.daemon.after(again, "account.retried", "home");
    // One connection is tried for each that failed, after pauses of 2.5, 2.5 and 5 s at least.
    let (tried, took) = (scene.network.wire().opened(), cut.elapsed());
    let failed = scene.told("account.failed") + scene.told("account.retried");
    assert!(tried <= 1 + failed + 1, "{tried} in {took:?}");
    assert!(took >= Duration::from_secs(7), "{took:?}");

    let mark = scene.daemon.mark();
    scene.network.wire().carry(Carries::Both);
    scene.daemon.after(mark, "account.recovered", "home");
    scene.daemon.after(mark, "message.stored", "home");
    scene.daemon.after(mark, "push.restored", "home");
    scene.bring(2);
    let failed = scene.told("account.failed") + scene.told("account.retried");
    let tried = scene.network.wire().opened();
    assert!(tried <= 1 + failed + scene.told("push.lost"), "{tried}");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_dead_in_one_direction_is_noticed_and_left_for_a_fresh_one() {
    for dead in [Carries::OnlyToServer, Carries::OnlyToDaemon] {
        let scene = Scene::new(1, 0, ", idle_refresh: 3s, timeout: 5s");
        let begun = Instant::now();
        let mark = scene.daemon.mark();
        scene.network.wire().carry(dead);
        if dead == Carries::OnlyToServer {
            // The server believes that it has told of this one.
            scene.append(1);
        }
        scene.daemon.after(mark, "push.lost", "home");
        let noticed = begun.elapsed();
        assert!(
            noticed < Duration::from_secs(8) + BUSY,
            "{dead:?}: {noticed:?}"
        );
        if dead == Carries::OnlyToDaemon {
            scene.append(1);
        }
        scene.network.wire().carry(Carries::Both);
        scene.daemon.after(mark, "message.stored", "home");
        scene.daemon.after(mark, "push.restored", "home");
        scene.bring(2);
        // The server may take the old one for alive: nobody comes back to it.
        let (tried, lost) = (scene.network.wire().opened(), scene.told("push.lost"));
        let failed = scene.told("account.failed") + scene.told("account.retried");
        assert!(tried <= 1 + lost + failed, "{dead:?}: {tried} connections");
        scene.end();
    }
}
