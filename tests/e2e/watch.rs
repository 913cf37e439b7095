//! The built daemon's watch over its mail trees: what a reader does starts a pass at once though the
//! accounts are polled once an hour, and what the daemon does itself starts none.

use postrider_mailserver::{Account, Action, Fault, Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::{files, message};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A reader's change is at the server within two seconds; the pass must have begun by then.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Longer than the watch waits for readers to come to rest: whatever it will start has begun.
const A_WHILE: Duration = Duration::from_millis(1_700);

const HEADER: &str = "state_dir: {home}/state\nlog: {format: json, level: debug}\n\
     defaults:\n  tls: none\n  host: 127.0.0.1\n  user: ada\n  password: secret\n  poll: 1h\naccounts:\n";

/// A daemon with an IMAP account in `imap` and a POP3 account in `pop3`, of the same mail.
struct Scene {
    server: Server,
    ada: Account,
    home: Home,
    daemon: RunningDaemon,
}

impl Scene {
    /// Both accounts have made their first pass, and nothing more.
    async fn new() -> Self {
        Self::with(Options::default(), "").await
    }

    /// The same, where every pass of the IMAP account logs in.
    async fn logging_in() -> Self {
        Self::with(Options::default(), ", push: off").await
    }

    /// `more` are further keys of the IMAP account.
    async fn with(options: Options, more: &str) -> Self {
        let (server, ada) = server(options).await;
        let home = Home::new(&config(&server, more));
        let daemon = RunningDaemon::start(&home);
        let scene = Self {
            server,
            ada,
            home,
            daemon,
        };
        for account in ["imap", "pop3"] {
            scene.daemon.after(0, "sync.finished", account);
            assert_eq!(scene.passes_in_all(account), 1, "it has woken itself");
        }
        scene
    }

    fn tree(&self, account: &str) -> PathBuf {
        self.home.path().join(account)
    }

    /// How many passes were started once everything has come to rest.
    fn passes_in_all(&self, account: &str) -> usize {
        sleep(A_WHILE);
        self.passes_so_far(account)
    }

    fn passes_so_far(&self, account: &str) -> usize {
        of(&self.daemon.events("sync.started"), account)
    }

    /// Does something to an account's tree, and expects that it starts one pass, at once.
    fn wakes(&self, account: &str, deed: impl FnOnce(&Path)) {
        let before = self.passes_so_far(account);
        let mark = self.daemon.mark();
        deed(&self.tree(account));
        let begun = Instant::now();
        self.daemon.after(mark, "sync.started", account);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        self.daemon.after(mark, "sync.finished", account);
        assert_eq!(self.passes_in_all(account), before + 1);
    }

    /// Starts a pass of every account and waits for its end; what was fetched.
    fn sync_now(&self) -> u64 {
        let mark = self.daemon.mark();
        self.daemon.signal(Signal::USR1);
        self.daemon.after(mark, "sync.finished", "pop3");
        let finished = self.daemon.after(mark, "sync.finished", "imap");
        finished["new"].as_u64().unwrap()
    }
}

/// How many of these events are an account's.
fn of(events: &[Value], account: &str) -> usize {
    let of = events.iter().filter(|event| event["account"] == account);
    of.count()
}

async fn server(options: Options) -> (Server, Account) {
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    for n in 0..5 {
        ada.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
        ada.append(
            "Work/Projects",
            message("Work", n),
            &["\\Seen"],
            1_700_000_000,
        );
    }
    let server = Server::start(store, options).await.unwrap();
    (server, ada)
}

fn config(server: &Server, more: &str) -> String {
    let (imap, pop3) = (server.imap_addr.port(), server.pop3_addr.port());
    format!(
        "{HEADER}  imap: {{port: {imap}, maildir: \"{{home}}/imap\"{more}}}\n  \
         pop3: {{port: {pop3}, maildir: \"{{home}}/pop3\", protocol: pop3, retention: keep}}\n"
    )
}

/// Delivers as every program does: by way of `tmp`.
fn drop_into(mailbox: &Path, name: &str) {
    let tmp = mailbox.join("tmp").join(name);
    fs::write(&tmp, "Subject: dropped\n\nin\n").unwrap();
    fs::rename(tmp, mailbox.join("new").join(name)).unwrap();
}

fn make(mailbox: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(part)).unwrap();
    }
}

/// The first message in a directory.
fn some_file(directory: &Path) -> PathBuf {
    let mut found = files(directory);
    found.sort();
    found.swap_remove(0)
}

/// What a reader does when a message was read: from `new` to `cur`, with flags.
fn read_a_message(mailbox: &Path, flags: &str) {
    let unread = some_file(&mailbox.join("new"));
    let name = unread.file_name().unwrap().to_str().unwrap();
    fs::rename(&unread, mailbox.join(format!("cur/{name}:2,{flags}"))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_does_starts_one_pass_at_once() {
    let scene = Scene::new().await;
    scene.wakes("imap", |tree| drop_into(&tree.join("INBOX"), "1.dropped"));
    scene.wakes("imap", |tree| read_a_message(&tree.join("INBOX"), "S"));
    scene.wakes("imap", |tree| {
        let file = some_file(&tree.join("Work/Projects/cur"));
        let flagged = file.to_str().unwrap().replace(":2,S", ":2,FS");
        fs::rename(&file, flagged).unwrap();
    });
    scene.wakes("imap", |tree| {
        fs::remove_file(some_file(&tree.join("Work/Projects/cur"))).unwrap();
    });
    scene.wakes("imap", |tree| {
        // A draft, written in place.
        fs::write(tree.join("INBOX/cur/2.draft:2,DS"), "Subject: draft\n\n").unwrap();
    });
    // Under POP3 the tree is the mailbox.
    scene.wakes("pop3", |tree| read_a_message(tree, "RS"));
    scene.wakes("pop3", |tree| {
        fs::remove_file(some_file(&tree.join("new"))).unwrap();
    });
    assert_eq!(
        scene.passes_in_all("imap"),
        6,
        "the other's tree is not its own"
    );
    scene.daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_daemon_does_itself_starts_no_pass() {
    let scene = Scene::with(Options::default(), ", retention: {vanished: delete}").await;
    // What stays different from the index: strangers, and a message deleted here and kept there.
    scene.wakes("imap", |tree| {
        drop_into(&tree.join("INBOX"), "1.dropped");
        fs::remove_file(some_file(&tree.join("Work/Projects/cur"))).unwrap();
        make(&tree.join("Mine"));
        drop_into(&tree.join("Mine"), "2.dropped");
    });
    scene.wakes("pop3", |tree| {
        drop_into(tree, "3.dropped");
        fs::remove_file(some_file(&tree.join("new"))).unwrap();
    });
    let (imap, pop3) = (scene.passes_in_all("imap"), scene.passes_in_all("pop3"));
    for round in 0..3_u32 {
        let n = 10 + round as usize;
        scene
            .ada
            .append("INBOX", message("INBOX", n), &[], 1_700_000_000);
        scene.ada.append(
            "Work/Projects",
            message("Work", n),
            &["\\Flagged"],
            1_700_000_000,
        );
        scene
            .ada
            .set_flags("INBOX", 1 + round, &["\\Seen", "\\Answered"]);
        scene.ada.expunge("Work/Projects", 2 + round);
        scene.ada.create(&format!("Later/{round}"));
        scene.ada.move_message("INBOX", 4 + round, "Later/0");
        scene.ada.rename("Later/1", "Sooner");
        assert_eq!(scene.sync_now(), 2);
        let done = 1 + round as usize;
        assert_eq!(
            scene.passes_in_all("imap"),
            imap + done,
            "{}",
            scene.daemon.text()
        );
        assert_eq!(
            scene.passes_in_all("pop3"),
            pop3 + done,
            "{}",
            scene.daemon.text()
        );
    }
    scene.daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_the_midst_of_a_pass_starts_another() {
    let scene = Scene::logging_in().await;
    scene
        .ada
        .append("INBOX", message("INBOX", 9), &[], 1_700_000_000);
    let slow = Action::Delay(Duration::from_millis(1_500));
    scene.server.faults().plan(Fault::on("UID FETCH", slow));
    let mark = scene.daemon.mark();
    scene.daemon.signal(Signal::USR1);
    scene.daemon.after(mark, "account.connected", "imap");
    // The pass has looked at the tree, and waits for its message.
    sleep(Duration::from_millis(700));
    read_a_message(&scene.tree("imap").join("INBOX"), "S");
    let finished = scene.daemon.after(mark, "sync.finished", "imap");
    assert_eq!(finished["new"], 1, "{finished}");
    assert!(finished["elapsed_ms"].as_u64() > Some(1_000), "{finished}");
    assert_eq!(scene.passes_in_all("imap"), 3, "{}", scene.daemon.text());
    assert_eq!(scene.passes_in_all("pop3"), 2);
    scene.daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_made_by_a_reader_start_a_pass() {
    let scene = Scene::new().await;
    let before = scene.passes_in_all("imap");
    let mark = scene.daemon.mark();
    for n in 0..200 {
        let mailbox = scene.tree("imap").join(format!("Lists/l{n}"));
        make(&mailbox);
        drop_into(&mailbox, "1.dropped");
    }
    scene.daemon.after(mark, "sync.finished", "imap");
    let after = scene.passes_in_all("imap");
    // On a busy machine it takes longer than the watch waits for an end.
    assert!((before + 1..before + 4).contains(&after), "{after}");
    scene.wakes("imap", |tree| {
        drop_into(&tree.join("Lists/l199"), "2.dropped");
    });
    scene.daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_tree_that_goes_and_comes_back_is_no_change_but_what_is_new_in_it_is() {
    let scene = Scene::new().await;
    let (tree, aside) = (scene.tree("imap"), scene.home.path().join("aside"));
    fs::rename(&tree, &aside).unwrap();
    assert_eq!(
        scene.passes_in_all("imap"),
        1,
        "a pass for a tree that is gone"
    );
    fs::rename(&aside, &tree).unwrap();
    sleep(A_WHILE);
    assert_eq!(scene.passes_in_all("imap"), 1, "it came back as it was");
    fs::rename(&tree, &aside).unwrap();
    sleep(A_WHILE);
    read_a_message(&aside.join("INBOX"), "S");
    let mark = scene.daemon.mark();
    fs::rename(&aside, &tree).unwrap();
    scene.daemon.after(mark, "sync.finished", "imap");
    assert_eq!(scene.passes_in_all("imap"), 2);

    // A pass that finds it gone fails; when it is back, nobody waits for the next attempt.
    fs::rename(&tree, &aside).unwrap();
    let (mut pause, mut event) = (0, "account.failed");
    while pause < 20 {
        let mark = scene.daemon.mark();
        scene.daemon.signal(Signal::USR1);
        let failed = scene.daemon.after(mark, event, "imap");
        event = "account.retried";
        assert_eq!(failed["kind"], "local_io", "{failed}");
        pause = failed["retry_in_s"].as_u64().unwrap();
    }
    let before = scene.passes_in_all("imap");
    make(&tree.join("Other"));
    sleep(A_WHILE);
    assert_eq!(
        scene.passes_in_all("imap"),
        before,
        "another tree is not this one"
    );
    let mark = scene.daemon.mark();
    fs::remove_dir_all(&tree).unwrap();
    fs::rename(&aside, &tree).unwrap();
    let back = Instant::now();
    scene.daemon.after(mark, "account.recovered", "imap");
    assert!(
        back.elapsed() < Duration::from_secs(10),
        "it was waited for the next attempt"
    );
    assert_eq!(scene.passes_in_all("imap"), before + 1);
    assert_eq!(scene.ada.messages("INBOX").len(), 5);
    assert_eq!(scene.ada.messages("Work/Projects").len(), 5);
    scene.wakes("imap", |tree| read_a_message(&tree.join("INBOX"), "F"));
    let before = scene.passes_so_far("imap");
    fs::remove_dir_all(tree.join("Work")).unwrap();
    assert_eq!(
        scene.passes_in_all("imap"),
        before,
        "a mailbox that is gone is no change either"
    );
    scene.daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_account_is_not_asked_sooner_because_somebody_reads_mail() {
    let scene = Scene::logging_in().await;
    let refused = Action::Answer("NO [AUTHENTICATIONFAILED] wrong".to_owned());
    let faults = scene.server.faults();
    faults.plan(Fault::on("AUTHENTICATE", refused).always());
    let mark = scene.daemon.mark();
    scene.daemon.signal(Signal::USR1);
    let failed = scene.daemon.after(mark, "account.failed", "imap");
    assert!(failed["retry_in_s"].as_u64() > Some(60), "{failed}");
    for flags in ["S", "FS", "RS"] {
        read_a_message(&scene.tree("imap").join("INBOX"), flags);
        assert_eq!(scene.passes_in_all("imap"), 2);
    }
    scene.daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_time_between_two_logins_is_given_it() {
    let delayed = Options::default().with_pop3(&["LOGIN-DELAY 8"]);
    let scene = Scene::with(delayed, "").await;
    let mark = scene.daemon.mark();
    read_a_message(&scene.tree("pop3"), "S");
    assert_eq!(scene.passes_in_all("pop3"), 1);
    // Nobody asks again, and the next poll is far away.
    scene.daemon.after(mark, "sync.finished", "pop3");
    scene.daemon.end(Signal::TERM).assert_orderly();
}

/// How many directories a process watches, and whether a thread of it hears of them.
fn watches(pid: u32) -> (usize, bool) {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let read = |name: &str, file: &str| {
        let listed = fs::read_dir(process.join(name)).unwrap().flatten();
        let read = listed.map(|entry| {
            let path = match file {
                "" => entry.path(),
                file => entry.path().join(file),
            };
            fs::read_to_string(path).unwrap_or_default()
        });
        read.collect::<String>()
    };
    let watches = read("fdinfo", "").matches("inotify wd:").count();
    (watches, read("task", "comm").contains("notify"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_account() {
    let scene = Scene::new().await;
    // IMAP: the root, INBOX, Work and Projects, and `cur` and `new` of two mailboxes.
    let (imap, pop3) = (8, 3);
    let pid = scene.daemon.pid();
    assert_eq!(watches(pid), (imap + pop3, true));
    let both = config(&scene.server, "");
    let without = |account: &str| {
        let is_kept = |line: &&str| !line.starts_with(&format!("  {account}:"));
        let kept = both.lines().filter(is_kept);
        kept.map(|line| format!("{line}\n")).collect::<String>()
    };
    for (config, left) in [
        (without("imap"), (pop3, true)),
        (both.clone(), (imap + pop3, true)),
        (without("pop3"), (imap, true)),
    ] {
        scene.home.configure(&config);
        let mark = scene.daemon.mark();
        scene.daemon.signal(Signal::HUP);
        scene.daemon.after(mark, "daemon.reloaded", "");
        sleep(A_WHILE);
        assert_eq!(watches(pid), left);
    }
    scene.daemon.end(Signal::TERM).assert_orderly();
}

/// The command that becomes `postrider run` in a user namespace of its own, where alone a limit is ours
/// to set.
fn limited(home: &Home, limit: &str) -> Command {
    let run = home.command(&["run"]);
    let mut command = Command::new("unshare");
    let script = format!("echo {limit} && exec \"$0\" run");
    command.args(["-Ur", "sh", "-c", &script]);
    command.arg(run.get_program()).env_clear();
    command.envs(
        run.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_system_cannot_watch_is_polled_and_that_is_told_once() {
    let (server, ada) = server(Options::default()).await;
    for n in 0..10 {
        ada.create(&format!("Lists/{n}"));
    }
    for (limit, watched, hint) in [
        (
            "10 > /proc/sys/user/max_inotify_watches",
            10,
            "max_user_watches=",
        ),
        (
            "0 > /proc/sys/user/max_inotify_instances",
            0,
            "max_user_instances=",
        ),
    ] {
        let home = Home::new(&config(&server, ""));
        let daemon = RunningDaemon::started_by(&home, limited(&home, limit));
        for account in ["imap", "pop3"] {
            daemon.after(0, "sync.finished", account);
        }
        let limited = daemon.after(0, "watch.limited", "imap");
        assert!(
            limited["hint"].as_str().unwrap().contains(hint),
            "{limited}"
        );
        assert!(watches(daemon.pid()).0 <= watched);
        sleep(Duration::from_secs(5));
        for account in ["imap", "pop3"] {
            let started = of(&daemon.events("sync.started"), account);
            assert_eq!(started, 1, "{}", daemon.text());
        }
        for mailbox in ["imap/INBOX", "imap/Lists/0", "imap/Lists/9", "pop3"] {
            let account = mailbox.split('/').next().unwrap();
            let mark = daemon.mark();
            drop_into(&home.path().join(mailbox), "1.dropped");
            daemon.after(mark, "sync.finished", account);
        }
        // A mailbox that a reader makes where nobody listens.
        let mark = daemon.mark();
        make(&home.path().join("imap/Lists/Mine"));
        drop_into(&home.path().join("imap/Lists/Mine"), "1.dropped");
        daemon.after(mark, "sync.finished", "imap");
        assert_eq!(of(&daemon.events("watch.limited"), "imap"), 1);
        daemon.end(Signal::TERM).assert_orderly();
    }
}
