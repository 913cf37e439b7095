//! Further connections that listen to further mailboxes, where the server has no NOTIFY: which, how many, whom they
//! give way to, and that the first one never notices. The accounts are polled once an hour.

use postrider_mailserver::{Account, Action, Fault, Mailstore, Options, Server};
use postrider_tests::counting_relay::CountingRelay;
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

const WHEN: i64 = 1_700_000_000;
const HOUR: i64 = 3_600;

/// Long for a server in memory, short for a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with IDLE alone, a relay that counts, and accounts on it.
struct Scene {
    server: Server,
    relay: CountingRelay,
    home: Home,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::start(Mailstore::new(), Options::default().with(&["IDLE"]));
        let server = server.await.unwrap();
        let relay = CountingRelay::to(server.imap_addr).await;
        let home = Home::new("");
        Self {
            server,
            relay,
            home,
        }
    }

    /// An account with one message in each mailbox: INBOX's is the oldest, and each came an hour after the one before.
    fn user(&self, user: &str, mailboxes: &[&str]) -> Account {
        let account = self.server.store().account(user, "secret");
        for (hours, mailbox) in (0..).zip(["INBOX"].iter().chain(mailboxes)) {
            account.create(mailbox);
            account.append(mailbox, message(mailbox, 0), &[], WHEN + hours * HOUR);
        }
        account
    }

    /// Configures these accounts, each `user: more`.
    fn configure(&self, limits: &str, accounts: &[(&str, &str)]) {
        let account = |(user, more): &(&str, &str)| format!("  {user}: {{user: {user}{more}}}\n");
        let accounts: String = accounts.iter().map(account).collect();
        self.home.configure(&format!(
            "state_dir: {{home}}/state\nruntime_dir: {{home}}/run\nlog: {{format: json, level: debug}}\n\
             limits: {{{limits}}}\ndefaults:\n  host: 127.0.0.1\n  port: {}\n  tls: none\n  password: secret\n  \
             poll: 1h\n  maildir: \"{{home}}/{{account}}\"\naccounts:\n{accounts}",
            self.relay.port
        ));
    }

    /// One account on its own.
    fn start(&self, more: &str) -> RunningDaemon {
        self.configure("", &[("ada", more)]);
        let daemon = RunningDaemon::start(&self.home);
        daemon.after(0, "sync.finished", "ada");
        daemon
    }

    /// How often a mailbox was opened to be read, or listened to.
    fn listened(&self, mailbox: &str) -> usize {
        let commands = self.server.store().commands();
        let examine = |line: &str| line.starts_with("EXAMINE ") && line.contains(mailbox);
        commands.iter().filter(|c| examine(&c.line)).count()
    }

    /// Waits until so many mailboxes are listened to, as `status` says.
    fn until_listening(&self, account: &str, mailboxes: u64) {
        let begun = Instant::now();
        loop {
            let status = self.home.run(&["status", "--json"]).stdout;
            let status: Value = serde_json::from_slice(&status).unwrap();
            let accounts = status["accounts"].as_array().unwrap();
            let ours = accounts.iter().find(|a| a["account"] == account);
            let listening = &ours.unwrap()["live"]["listening"];
            if listening["kind"] == "idle" && listening["mailboxes"] == mailboxes {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{status:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Puts a message into a mailbox, and waits for it.
fn bring(daemon: &RunningDaemon, (user, account): (&str, &Account), mailbox: &str, n: usize) {
    let mark = daemon.mark();
    account.append(mailbox, message(mailbox, n), &[], WHEN + 99 * HOUR);
    let stored = daemon.after(mark, "message.stored", user);
    assert_eq!(stored["mailbox"], mailbox, "{stored}");
}

fn logins(daemon: &RunningDaemon) -> usize {
    daemon.events("account.connected").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mailboxes_in_which_mail_came_lately_are_listened_to_besides_inbox() {
    let scene = Scene::new().await;
    let ada = scene.user("ada", &["Archive", "Lists", "Work", "Spam"]);
    ada.set_role("Spam", "\\Junk");
    let daemon = scene.start("");
    let others = || scene.listened("Spam") + scene.listened("Archive");
    let looked_at = others();
    scene.until_listening("ada", 3);
    for n in 1..3 {
        for mailbox in ["Work", "INBOX", "Lists"] {
            bring(&daemon, ("ada", &ada), mailbox, n);
        }
    }
    assert_eq!(others(), looked_at);
    // One listing, whatever came, and never more connections than the account may have.
    let commands = scene.server.store().commands();
    let lists = commands.iter().filter(|c| c.line.starts_with("LIST"));
    assert_eq!(lists.count(), 1);
    assert_eq!((logins(&daemon), scene.relay.most()), (3, 3));
    scene.until_listening("ada", 3);
    daemon.end(Signal::TERM).assert_orderly();
    let byes = || {
        let commands = scene.server.store().commands();
        let byes = commands.iter().filter(|c| c.line.starts_with("LOGOUT"));
        byes.count()
    };
    let begun = Instant::now();
    while byes() < 3 {
        assert!(begun.elapsed() < PATIENCE, "{} say goodbye", byes());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_from_a_further_mailbox_is_believed_when_two_questions_agree() {
    let scene = Scene::new().await;
    let ada = scene.user("ada", &["Work"]);
    let daemon = scene.start(", retention: {vanished: delete}, brake: off");
    scene.until_listening("ada", 2);
    bring(&daemon, ("ada", &ada), "Work", 1);
    let mark = daemon.mark();
    ada.expunge("Work", 1);
    let removed = daemon.after(mark, "local_copy.removed", "ada");
    assert_eq!(removed["mailbox"], "Work", "{removed}");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_connection_that_is_refused_leaves_the_first_alone_and_is_tried_after_a_pause() {
    let scene = Scene::new().await;
    let ada = scene.user("ada", &["Work"]);
    let refusal = Action::Answer("NO [UNAVAILABLE] not this one".to_owned());
    let faults = scene.server.faults();
    for login in ["LOGIN", "AUTHENTICATE"] {
        // The first login is of the pass.
        faults.plan(Fault::on(login, refusal.clone()).nth(2).always());
    }
    scene.configure("", &[("ada", "")]);
    let daemon = RunningDaemon::start(&scene.home);
    let thinned = daemon.after(0, "push.thinned", "ada");
    assert_eq!(
        (&thinned["mailbox"], &thinned["level"]),
        (&"Work".into(), &"debug".into())
    );
    let because = thinned["because"].as_str().unwrap();
    assert!(because.contains("not this one"), "{thinned}");
    bring(&daemon, ("ada", &ada), "INBOX", 1);
    faults.clear();
    scene.until_listening("ada", 2);
    bring(&daemon, ("ada", &ada), "Work", 1);
    for event in ["push.lost", "account.failed", "push.restored"] {
        assert_eq!(daemon.events(event), Vec::<Value>::new());
    }
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_all_lines_again_and_again_meets_no_storm() {
    let scene = Scene::new().await;
    let _ada = scene.user("ada", &["Lists", "Work"]);
    scene.server.faults().limit_idle(Duration::from_millis(50));
    let begun = Instant::now();
    scene.configure("", &[("ada", "")]);
    let daemon = RunningDaemon::start(&scene.home);
    while daemon.events("push.lost").len() < 3 {
        assert!(begun.elapsed() < PATIENCE * 2, "{}", daemon.text());
        std::thread::sleep(Duration::from_millis(50));
    }
    // Three first connections after pauses of at least 2.5 and 5 s. Further ones have pauses of their own, which double too
    // and are shared: two lines each time.
    let (took, all) = (begun.elapsed().as_secs(), logins(&daemon));
    assert!(took >= 7 && all <= 4 + 2 * 4, "{all} in {took} s");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_no_connection_gets_a_further_one_and_no_more() {
    let scene = Scene::new().await;
    let ada = scene.user("ada", &["Lists", "Work"]);
    let _bob = scene.user("bob", &[]);
    scene.configure("connections: 3", &[("ada", "")]);
    let daemon = RunningDaemon::start(&scene.home);
    scene.until_listening("ada", 3);
    scene.configure("connections: 3", &[("ada", ""), ("bob", "")]);
    let mark = daemon.mark();
    daemon.signal(Signal::HUP);
    daemon.after(mark, "sync.finished", "bob");
    let thinned = daemon.after(mark, "push.thinned", "ada");
    let because = thinned["because"].as_str().unwrap();
    assert!(because.contains("needed for something else"), "{thinned}");
    scene.until_listening("ada", 2);
    // The first line of neither was disturbed.
    bring(&daemon, ("ada", &ada), "INBOX", 1);
    scene.until_listening("bob", 1);
    assert_eq!(logins(&daemon), 4, "{}", daemon.text());
    assert!(daemon.events("push.lost").is_empty());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_takes_the_places_of_further_lines_and_gives_them_back() {
    let scene = Scene::new().await;
    let ada = scene.user("ada", &["Large", "Work"]);
    let daemon = scene.start("");
    scene.until_listening("ada", 3);
    let mark = daemon.mark();
    // Worth a further connection each, and a whole pass brings them together.
    let filler = "filler line of the body\r\n".repeat((9 << 20) / 25);
    for (n, mailbox) in ["Archive", "Archive", "Older", "Older"].iter().enumerate() {
        ada.create(mailbox);
        let text = message(mailbox, n) + &filler;
        ada.append(mailbox, text, &[], WHEN);
    }
    daemon.signal(Signal::USR1);
    let finished = daemon.after_where(mark, "sync.finished", |line| line["new"] == 4);
    assert_eq!(finished["mailboxes"], 5, "{finished}");
    // It is told when the pass is over.
    daemon.after_where(mark, "push.thinned", |line| {
        let because = line["because"].as_str();
        because.is_some_and(|because| because.contains("needed for something else"))
    });
    scene.until_listening("ada", 3);
    // The relay learns of an end a little later than the daemon.
    assert!(
        (3..=5).contains(&scene.relay.most()),
        "{}",
        scene.relay.most()
    );
    assert!(daemon.events("push.lost").is_empty());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn notify_needs_no_further_connection() {
    let server = Server::start(
        Mailstore::new(),
        Options::default().with(&["IDLE", "NOTIFY"]),
    );
    let server = server.await.unwrap();
    let relay = CountingRelay::to(server.imap_addr).await;
    let scene = Scene {
        server,
        relay,
        home: Home::new(""),
    };
    let ada = scene.user("ada", &["Lists", "Work"]);
    let daemon = scene.start("");
    for n in 1..3 {
        bring(&daemon, ("ada", &ada), "Work", n);
        bring(&daemon, ("ada", &ada), "Lists", n);
    }
    assert_eq!((logins(&daemon), scene.relay.most()), (1, 1));
    daemon.end(Signal::TERM).assert_orderly();
}
