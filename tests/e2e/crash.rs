//! R3 on the built binary and a real Dovecot: killed with -9 at many moments of a large sync, started
//! again, nothing lost, nothing twice, nothing half.

use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oracle::{Oracle, Pop3Oracle};
use postrider_tests::postrider::{Home, binary};
use postrider_tests::rig::{files, is_in, message};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MESSAGES: usize = 1500;
const KILLS: u32 = 16;

fn config(dovecot: &Dovecot, protocol: &str, port: u16, user: &str) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  a:\n    protocol: {protocol}\n    host: localhost\n    port: {port}\n    \
         user: {user}\n    password: {}\n    ca_file: {}\n    maildir: {{home}}/Mail\n",
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    )
}

/// How long an undisturbed sync takes at the least, for these users have the same mail; the binary is
/// built before the clock starts. Kills are spread over that time, so that most find it at work.
fn time_of_a_whole_sync(configs: [String; 2]) -> Duration {
    binary();
    let times = configs.map(|config| {
        let home = Home::new(&config);
        let begun = Instant::now();
        home.succeed(&["sync"]);
        begun.elapsed()
    });
    times[0].min(times[1])
}

fn fill(dovecot: &Dovecot, user: &str) -> Vec<String> {
    let mut oracle = Oracle::login(dovecot.imap_port, user, Dovecot::PASSWORD);
    for n in 0..MESSAGES {
        oracle.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
    }
    oracle
        .messages("INBOX")
        .into_values()
        .map(|held| held.sha256_lf)
        .collect()
}

/// Another user with the same mail, files and all.
fn clone_user(dovecot: &Dovecot, from: &str, to: &str) {
    let homes = dovecot.dir.join("home");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(homes.join(from))
        .arg(homes.join(to))
        .status()
        .unwrap();
    assert!(copied.success());
}

/// Starts a sync and kills it after `after`, unless it was faster.
fn killed_sync(home: &Home, after: Duration) -> bool {
    let mut command = home.command(&["sync"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while begun.elapsed() < after {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

fn assert_whole(home: &Home, hashes: &[String], context: &str) {
    let tree = MaildirTree::read(home.path().join("Mail")).unwrap();
    tree.assert_sound();
    let directory = if home.path().join("Mail/INBOX").exists() {
        "INBOX"
    } else {
        ""
    };
    assert_eq!(tree.messages(directory).len(), hashes.len(), "{context}");
    tree.assert_holds(directory, hashes);
    let rows = home.count("SELECT count(*) FROM messages");
    assert_eq!(rows, hashes.len() as i64, "{context}");
}

/// Only whole messages have names in `new` and `cur`, whatever the moment.
fn assert_no_partial_file(home: &Home, context: &str) {
    let tree = home.path().join("Mail");
    if !Path::new(&tree).exists() {
        return;
    }
    for path in files(&tree) {
        if !is_in(&path, "tmp") {
            let size = std::fs::metadata(&path).unwrap().len();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(
                name.contains(&format!(",S={size},")),
                "{context}: {name} has {size} octets"
            );
        }
    }
}

#[test]
fn r3_an_imap_sync_killed_at_many_moments_heals() {
    let dovecot = Dovecot::start();
    let hashes = fill(&dovecot, "template");
    let config = config(&dovecot, "imap", dovecot.imaps_port, "template");
    let whole = time_of_a_whole_sync([config.clone(), config.clone()]);
    let mut killed = 0;
    for kill in 0..KILLS {
        let home = Home::new(&config);
        let after = whole * kill / KILLS;
        killed += u32::from(killed_sync(&home, after));
        assert_no_partial_file(&home, &format!("killed after {after:?}"));
        // Killed while healing, too.
        killed_sync(&home, whole / 3);
        home.succeed(&["sync"]);
        assert_whole(&home, &hashes, &format!("killed after {after:?}"));
    }
    assert!(
        killed > KILLS / 3,
        "only {killed} syncs were slow enough to be killed"
    );
}

#[test]
fn r3_a_pop3_sync_killed_at_many_moments_heals() {
    let dovecot = Dovecot::start();
    let hashes = fill(&dovecot, "template");
    let port = dovecot.pop3s_port;
    let whole = time_of_a_whole_sync(["measured1", "measured2"].map(|user| {
        clone_user(&dovecot, "template", user);
        config(&dovecot, "pop3", port, user)
    }));
    let mut killed = 0;
    for kill in 0..KILLS {
        let user = format!("user{kill}");
        clone_user(&dovecot, "template", &user);
        let home = Home::new(&config(&dovecot, "pop3", port, &user));
        let after = whole * kill / KILLS;
        killed += u32::from(killed_sync(&home, after));
        assert_no_partial_file(&home, &format!("killed after {after:?}"));
        // A killed client's maildrop may be locked for a moment.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !home.run(&["sync"]).status.success() {
            assert!(Instant::now() < deadline, "the next sync does not succeed");
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_whole(&home, &hashes, &format!("killed after {after:?}"));
        let mut maildrop = Pop3Oracle::login(dovecot.pop3_port, &user, Dovecot::PASSWORD);
        assert!(maildrop.uidls().is_empty(), "killed after {after:?}");
        maildrop.quit();
    }
    assert!(
        killed > KILLS / 3,
        "only {killed} syncs were slow enough to be killed"
    );
}
