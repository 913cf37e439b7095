//! The built daemon on a server in memory that tells of new mail: by NOTIFY, by IDLE, and in every wrong way.
//! The accounts are polled once an hour: whatever comes, came because it was told.

use postrider_mailserver::{Account, Action, Fault, Mailstore, Misbehaviour, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::{files, message};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

pub(super) const WHEN: i64 = 1_700_000_000;

/// Long for a server in memory, short for a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon with one account that has made its first pass.
pub(super) struct Scene {
    pub(super) server: Server,
    pub(super) ada: Account,
    home: Home,
    pub(super) daemon: RunningDaemon,
}

impl Scene {
    /// On a server that can do this besides; `more` are further keys of the account.
    pub(super) async fn new(capabilities: &[&str], more: &str) -> Self {
        Self::on(Options::default().with(capabilities), more).await
    }

    pub(super) async fn on(options: Options, more: &str) -> Self {
        let store = Mailstore::new();
        let ada = store.account("ada", "secret");
        ada.append("INBOX", message("INBOX", 0), &[], WHEN);
        ada.create("Work");
        let server = Server::start(store, options).await.unwrap();
        let home = Home::new(&config(&server, more));
        let daemon = RunningDaemon::start(&home);
        let finished = daemon.after(0, "sync.finished", "home");
        assert_eq!(finished["new"], 1, "{finished}");
        Self {
            server,
            ada,
            home,
            daemon,
        }
    }

    /// Waits until the server was asked to tell.
    pub(super) fn listens(&self, command: &str) {
        let begun = Instant::now();
        while self.asked(command) == 0 {
            assert!(
                begun.elapsed() < PATIENCE,
                "{:#?}",
                self.server.store().commands()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many commands of this kind the server has received.
    pub(super) fn asked(&self, command: &str) -> usize {
        let commands = self.server.store().commands();
        let asked = commands
            .iter()
            .filter(|asked| asked.line.starts_with(command));
        asked.count()
    }

    /// Puts the nth message into a mailbox, and waits for it; its event.
    pub(super) fn bring(&self, mailbox: &str, n: usize) -> Value {
        let mark = self.daemon.mark();
        self.ada.append(mailbox, message(mailbox, n), &[], WHEN);
        let stored = self.daemon.after(mark, "message.stored", "home");
        assert_eq!(stored["mailbox"], mailbox, "{stored}");
        stored
    }

    pub(super) fn logins(&self) -> usize {
        self.daemon.events("account.connected").len()
    }

    /// Names of the files in a mailbox's `new` and `cur`.
    pub(super) fn names(&self, mailbox: &str) -> Vec<String> {
        let dir = self.home.path().join("mail").join(mailbox);
        let all = ["new", "cur"].map(|part| files(&dir.join(part))).concat();
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        all.into_iter().map(name).collect()
    }

    /// Waits until the files of a mailbox are as wanted.
    pub(super) fn until(&self, mailbox: &str, wanted: impl Fn(&[String]) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.names(mailbox)) {
            let names = self.names(mailbox);
            assert!(
                begun.elapsed() < PATIENCE,
                "{names:?}\n{}",
                self.daemon.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn end(self) {
        self.daemon.end(Signal::TERM).assert_orderly();
    }
}

fn config(server: &Server, more: &str) -> String {
    // One line: of several, `push_further` tells.
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  \
         home: {{tls: none, host: 127.0.0.1, port: {}, user: ada, password: secret, poll: 1h, \
         connections: 1, maildir: \"{{home}}/mail\"{more}}}\n",
        server.imap_addr.port()
    )
}

pub(super) const NOTIFY: &[&str] = &["IDLE", "NOTIFY"];
pub(super) const IDLE: &[&str] = &["IDLE"];

#[tokio::test(flavor = "multi_thread")]
async fn new_mail_comes_at_once_and_on_the_connection_that_was_kept() {
    for (capabilities, command) in [(NOTIFY, "NOTIFY"), (IDLE, "IDLE")] {
        let scene = Scene::new(capabilities, "").await;
        scene.listens(command);
        for n in 1..4 {
            let mark = scene.daemon.mark();
            let stored = scene.bring("INBOX", n);
            assert_eq!(stored["uid"], n + 1, "{stored}");
            let finished = scene.daemon.after(mark, "sync.finished", "home");
            // Only the mailbox that was told of, and nothing was listed.
            assert_eq!(finished["mailboxes"], 1, "{finished}");
            assert_eq!(finished["round_trips"], 2, "{finished}");
        }
        assert_eq!(scene.asked("LIST"), 1);
        assert_eq!(scene.logins(), 1);
        assert_eq!(scene.server.store().connections(), 1);
        scene.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notify_tells_of_every_mailbox() {
    let scene = Scene::new(NOTIFY, "").await;
    scene.listens("NOTIFY");
    scene.bring("Work", 7);
    scene.bring("INBOX", 8);
    assert_eq!((scene.asked("IDLE"), scene.logins()), (0, 1));
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_synced_is_not_brought_whatever_the_server_tells() {
    let more = ", folders: {exclude: [Work]}";
    let scene = Scene::new(NOTIFY, more).await;
    scene.listens("NOTIFY");
    scene.ada.append("Work", message("Work", 1), &[], WHEN);
    scene.bring("INBOX", 2);
    let stored = scene.daemon.events("message.stored");
    assert!(
        stored.iter().all(|event| event["mailbox"] == "INBOX"),
        "{stored:?}"
    );
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_that_somebody_else_sets_reach_the_name_of_the_file() {
    for (capabilities, command) in [(NOTIFY, "NOTIFY"), (IDLE, "IDLE")] {
        let scene = Scene::new(capabilities, "").await;
        scene.listens(command);
        scene.ada.set_flags("INBOX", 1, &["\\Seen", "\\Flagged"]);
        scene.until("INBOX", |names| {
            names.iter().all(|name| name.ends_with(":2,FS"))
        });
        assert_eq!(scene.logins(), 1);
        scene.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_does_reaches_the_server_on_the_kept_connection() {
    for (capabilities, command) in [(NOTIFY, "NOTIFY"), (IDLE, "IDLE")] {
        let scene = Scene::new(capabilities, "").await;
        scene.listens(command);
        let inbox = scene.home.path().join("mail/INBOX");
        let name = scene.names("INBOX").remove(0);
        let read = inbox.join("cur").join(format!("{name}:2,S"));
        fs::rename(inbox.join("new").join(&name), read).unwrap();
        let begun = Instant::now();
        while !scene.ada.messages("INBOX")[0].flags.contains("\\Seen") {
            assert!(begun.elapsed() < PATIENCE, "{}", scene.daemon.text());
            std::thread::sleep(Duration::from_millis(5));
        }
        // And the daemon listens on, to the same connection.
        scene.bring("INBOX", 1);
        assert_eq!(scene.logins(), 1);
        scene.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_moved_at_the_server_is_one_file_and_moves_too() {
    for (capabilities, command) in [(NOTIFY, "NOTIFY"), (IDLE, "IDLE")] {
        let scene = Scene::new(capabilities, "").await;
        scene.bring_to_rest(command);
        let name = scene.names("INBOX").remove(0);
        // First the copy is told, then that the original is gone: by then it must not be here twice.
        scene.ada.move_message("INBOX", 1, "Work").unwrap();
        scene.until("Work", |names| names == [name.clone()]);
        assert!(scene.names("INBOX").is_empty());
        assert_eq!(scene.daemon.events("message.stored").len(), 1);
        scene.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_comes_though_its_octets_are_here_already() {
    let scene = Scene::new(NOTIFY, "").await;
    scene.bring_to_rest("NOTIFY");
    scene.ada.copy_message("INBOX", 1, "Work").unwrap();
    scene.until("Work", |names| names.len() == 1);
    assert_eq!(scene.names("INBOX").len(), 1);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_what_the_server_tells_as_gone_is_believed_when_two_questions_agree() {
    for (capabilities, command) in [(NOTIFY, "NOTIFY"), (IDLE, "IDLE")] {
        let more = ", retention: {vanished: delete}, brake: off";
        let scene = Scene::new(capabilities, more).await;
        scene.listens(command);
        scene.bring("INBOX", 1);
        scene.bring_to_rest(command);
        let mark = scene.daemon.mark();
        scene.ada.expunge("INBOX", 1);
        scene.daemon.after(mark, "local_copy.removed", "home");
        assert_eq!(scene.names("INBOX").len(), 1);
        assert!(scene.asked("UID SEARCH") > 0);
        scene.end();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_pass_is_no_complete_success_of_the_account() {
    let scene = Scene::new(NOTIFY, "").await;
    scene.bring_to_rest("NOTIFY");
    let success = || scene.home.count("SELECT last_success_at FROM accounts");
    let before = success();
    let second = || UNIX_EPOCH.elapsed().unwrap().as_secs();
    while second() <= u64::try_from(before).unwrap() + 1 {
        std::thread::sleep(Duration::from_millis(50));
    }
    let mark = scene.daemon.mark();
    scene.bring("INBOX", 1);
    let finished = scene.daemon.after(mark, "sync.finished", "home");
    assert_eq!(finished["mailboxes"], 1, "{finished}");
    assert_eq!(success(), before);
    let mark = scene.daemon.mark();
    scene.daemon.signal(Signal::USR1);
    scene.daemon.after(mark, "sync.finished", "home");
    assert!(success() > before);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_quick_passes_fill_is_warned_of_by_the_next_whole_one() {
    let scene = Scene::new(&["NOTIFY", "QUOTA"], "").await;
    scene.ada.set_quota(None, Some(3));
    scene.bring_to_rest("NOTIFY");
    let mark = scene.daemon.mark();
    for number in 1..3 {
        let mark = scene.daemon.mark();
        scene.bring("INBOX", number);
        scene.daemon.after(mark, "sync.finished", "home");
    }
    scene.daemon.signal(Signal::USR1);
    let warned = scene.daemon.after(mark, "quota.neared", "home");
    assert_eq!(warned["share"], 100, "{warned}");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_quick_pass_asks_nobody_about_what_is_gone_and_believes_nothing_of_it() {
    let more = ", retention: {vanished: delete}, brake: off";
    let scene = Scene::new(IDLE, more).await;
    scene.bring_to_rest("IDLE");
    let mark = scene.daemon.mark();
    // By the time the quick pass looks, the other one is gone.
    scene.ada.expunge("INBOX", 1);
    scene.bring("INBOX", 1);
    let finished = scene.daemon.after(mark, "sync.finished", "home");
    assert_eq!(
        (&finished["mailboxes"], &finished["new"]),
        (&1.into(), &1.into())
    );
    scene.daemon.after(mark, "local_copy.removed", "home");
    let commands = scene.server.store().commands();
    let nth = |n: usize, command: &str| {
        let mut asked = commands.iter().enumerate();
        let found = asked.by_ref().filter(|(_, c)| c.line.starts_with(command));
        found.map(|(at, _)| at).nth(n)
    };
    // The second witness is asked by the whole pass, which begins with a listing.
    let (listing, witness) = (nth(1, "LIST").unwrap(), nth(0, "UID SEARCH").unwrap());
    assert!(listing < witness, "{commands:#?}");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_server_that_tells_of_nothing_removes_nothing_and_keeps_nobody_busy() {
    let more = ", retention: {vanished: delete}, brake: off";
    let scene = Scene::new(IDLE, more).await;
    scene.listens("IDLE");
    scene.server.faults().start(Misbehaviour::TellsOfNothing);
    let mark = scene.daemon.mark();
    let begun = Instant::now();
    scene.bring("INBOX", 1);
    // Each IDLE is a lie from here on.
    while begun.elapsed() < Duration::from_secs(6) {
        let after = scene.daemon.mark();
        scene.daemon.after(after.min(mark), "sync.finished", "home");
        std::thread::sleep(Duration::from_millis(50));
    }
    let passes = scene.daemon.events("sync.started").len();
    assert!(passes > 3, "it did look: {passes}");
    assert!(passes < 14, "{passes} passes in {:?}", begun.elapsed());
    assert_eq!(scene.names("INBOX").len(), 2);
    let removed = scene.daemon.events("local_copy.removed");
    assert!(removed.is_empty(), "{removed:?}");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notify_that_gives_up_is_followed_by_idle() {
    let scene = Scene::new(NOTIFY, "").await;
    scene.listens("NOTIFY");
    scene.server.faults().start(Misbehaviour::OverflowsNotify);
    // It says so in place of the news; the news come all the same.
    scene.bring("INBOX", 1);
    scene.listens("IDLE");
    let limited = scene.daemon.after(0, "push.limited", "home");
    assert_eq!(
        (&limited["kind"], &limited["level"]),
        (&"notify".into(), &"debug".into())
    );
    scene.bring("INBOX", 2);
    assert_eq!((scene.asked("NOTIFY"), scene.logins()), (1, 1));
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_will_not_notify_is_asked_once() {
    let scene = Scene::refusing("NOTIFY", "NO [BADEVENT (MessageNew MessageExpunge)] less").await;
    scene.listens("IDLE");
    let limited = scene.daemon.after(0, "push.limited", "home");
    assert_eq!(limited["kind"], "notify", "{limited}");
    scene.bring("INBOX", 3);
    scene.bring("INBOX", 4);
    assert_eq!((scene.asked("NOTIFY"), scene.logins()), (1, 1));
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_will_not_idle_is_polled() {
    let scene = Scene::refusing("IDLE", "NO not now").await;
    let is_idle = |line: &Value| line["kind"] == "idle";
    scene.daemon.after_where(0, "push.limited", is_idle);
    scene.ada.append("INBOX", message("INBOX", 1), &[], WHEN);
    let mark = scene.daemon.mark();
    scene.daemon.signal(Signal::USR1);
    scene.daemon.after(mark, "message.stored", "home");
    assert_eq!((scene.asked("IDLE"), scene.logins()), (1, 1));
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn push_off_logs_out_after_each_pass_and_listens_to_nothing() {
    let scene = Scene::new(NOTIFY, ", push: off").await;
    let mark = scene.daemon.mark();
    scene.daemon.signal(Signal::USR1);
    scene.daemon.after(mark, "sync.finished", "home");
    assert_eq!(scene.logins(), 2);
    assert_eq!((scene.asked("NOTIFY"), scene.asked("IDLE")), (0, 0));
    scene.listens("LOGOUT");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_sync_logs_out_and_listens_to_nothing() {
    let scene = Scene::new(NOTIFY, "").await;
    scene.listens("NOTIFY");
    let Scene {
        server,
        home,
        daemon,
        ..
    } = scene;
    daemon.end(Signal::TERM).assert_orderly();
    server.store().forget_commands();
    home.succeed(&["sync"]);
    let commands = server.store().commands();
    let said = |word: &str| {
        commands
            .iter()
            .any(|command| command.line.starts_with(word))
    };
    assert!(
        said("LOGOUT") && !said("NOTIFY") && !said("IDLE"),
        "{commands:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_daemon_says_goodbye_to_who_it_listened_to() {
    let scene = Scene::new(IDLE, "").await;
    scene.listens("IDLE");
    let Scene { server, daemon, .. } = scene;
    daemon.end(Signal::TERM).assert_orderly();
    let lines = server.store().commands();
    let last: Vec<_> = lines
        .iter()
        .rev()
        .take(2)
        .map(|c| c.line.as_str())
        .collect();
    assert_eq!(last, ["LOGOUT", "DONE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_other_settings_opens_another_connection() {
    let scene = Scene::new(IDLE, "").await;
    scene.listens("IDLE");
    scene
        .home
        .configure(&config(&scene.server, ", max_size: 1MiB"));
    let mark = scene.daemon.mark();
    scene.daemon.signal(Signal::HUP);
    scene.daemon.after(mark, "sync.finished", "home");
    assert_eq!(scene.logins(), 2);
    assert_eq!(scene.asked("LOGOUT"), 1);
    scene.bring("INBOX", 1);
    scene.end();
}

impl Scene {
    /// On a server that refuses a command, whenever it comes.
    async fn refusing(command: &str, answer: &str) -> Self {
        let store = Mailstore::new();
        let ada = store.account("ada", "secret");
        ada.append("INBOX", message("INBOX", 0), &[], WHEN);
        let server = Server::start(store, Options::default().with(NOTIFY))
            .await
            .unwrap();
        if command == "IDLE" {
            let refuse = Action::Answer("NO not that either".to_owned());
            server.faults().plan(Fault::on("NOTIFY", refuse).always());
        }
        let refuse = Action::Answer(answer.to_owned());
        server.faults().plan(Fault::on(command, refuse).always());
        let home = Home::new(&config(&server, ""));
        let daemon = RunningDaemon::start(&home);
        daemon.after(0, "sync.finished", "home");
        Self {
            server,
            ada,
            home,
            daemon,
        }
    }

    /// Waits until the server was asked once more.
    pub(super) fn bring_again(&self, command: &str) {
        let before = self.asked(command);
        self.ada.set_flags("INBOX", 1, &[&format!("again{before}")]);
        let begun = Instant::now();
        while self.asked(command) == before {
            assert!(begun.elapsed() < PATIENCE, "{}", self.daemon.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the daemon listens and has nothing more to do.
    pub(super) fn bring_to_rest(&self, command: &str) {
        self.listens(command);
        let mut passes = 0;
        loop {
            std::thread::sleep(Duration::from_millis(700));
            let now = self.daemon.events("sync.started").len();
            if now == passes {
                return;
            }
            passes = now;
        }
    }
}
