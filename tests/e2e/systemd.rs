//! The system unit on a real systemd, with a real Dovecot: what docs/systemd.md promises.

use postrider_tests::digest::sha256_lf;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::said;
use postrider_tests::rig::message;
use postrider_tests::systemd::Machine;
use std::os::unix::fs::chown;
use std::time::{Duration, Instant};

const UNIT: &str = "postrider.service";

/// As docs/systemd.md has it.
const CREDENTIAL: &str = "LoadCredential=home:/etc/postrider/credentials/home";

/// The contract's limit from TERM to the end of the process.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A machine on which everything but the configuration is in place: the password is a credential.
fn machine(dovecot: &Dovecot) -> Machine {
    let machine = Machine::boot();
    machine.push(&dovecot.ca_file, "/etc/postrider/ca.pem");
    machine.write("/etc/postrider/credentials/home", Dovecot::PASSWORD);
    machine.drop_in(UNIT, CREDENTIAL);
    machine
}

fn config(dovecot: &Dovecot) -> String {
    format!(
        "state_dir: /var/lib/postrider\naccounts:\n  home:\n    host: localhost\n    port: {}\n    user: ada\n    \
         password: {{credential: home}}\n    ca_file: /etc/postrider/ca.pem\n    \
         maildir: /var/lib/postrider/mail/{{account}}\n    poll: 1h\n",
        dovecot.imaps_port
    )
}

fn configure(machine: &Machine, text: &str) {
    machine.write("/etc/postrider/config.yaml", text);
}

fn event(name: &str) -> [&str; 2] {
    ["_SYSTEMD_UNIT=postrider.service", name]
}

/// Tells the daemon to look at once, and waits until so many messages are stored in all.
fn stored(machine: &Machine, count: usize) -> Vec<serde_json::Value> {
    machine.succeed(&["systemctl", "kill", "-s", "USR1", UNIT]);
    machine.journal_of(count, &event("EVENT=message.stored"))
}

#[test]
fn the_units_are_sound_and_the_system_is_shut_off() {
    let machine = Machine::boot();
    machine.succeed(&["useradd", "-m", "ada"]);
    for unit in [UNIT, "postrider@ada.service"] {
        let verified = machine.run(&["systemd-analyze", "verify", "--man=no", unit]);
        let said = said(&verified);
        assert!(verified.status.success(), "{said}");
        // What systemd learnt in version 254 is unknown to older ones, who go on without.
        let unknown = |line: &&str| {
            !line.contains("Unknown key name 'Restart") && !line.contains("Unknown key 'Restart")
        };
        let others: Vec<&str> = said.lines().filter(unknown).collect();
        assert_eq!(others, Vec::<&str>::new(), "{unit}");
    }
    for (unit, most) in [(UNIT, "15"), ("postrider@.service", "20")] {
        let path = format!("/usr/lib/systemd/system/{unit}");
        let threshold = format!("--threshold={most}");
        let judged = machine.run(&[
            "systemd-analyze",
            "security",
            "--no-pager",
            "--offline=true",
            &threshold,
            &path,
        ]);
        assert!(judged.status.success(), "{}", said(&judged));
    }
}

#[test]
fn it_serves_tells_reloads_and_stops() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let machine = machine(&dovecot);
    configure(&machine, &config(&dovecot));
    // It takes its time: who returned too early has not waited for it.
    let slow = "ExecStart=\nExecStart=/bin/sh -c 'sleep 1; exec /usr/bin/postrider run'";
    machine.drop_in(UNIT, &format!("{CREDENTIAL}\n{slow}"));
    machine.succeed(&["systemctl", "start", UNIT]);
    // `start` returned: it serves.
    assert_eq!(machine.property(UNIT, "SubState"), "running");
    assert_eq!(machine.journal(&event("EVENT=daemon.ready")).len(), 1);
    let status = |wanted: &str| machine.property_where(UNIT, "StatusText", |s| s.contains(wanted));
    let text = status("1 account: 1 fine");
    assert_eq!(text, "1 account: 1 fine; no mail since the start");

    // The credential is the password, the mail lies where it should, and is nobody else's.
    ada.append("INBOX", message("INBOX", 0).as_bytes(), &[], 1_700_000_000);
    let entry = &stored(&machine, 1)[0];
    status("1 account: 1 fine; last mail 20");
    let list = "cd /var/lib/private/postrider && stat -c %a . mail && cat mail/home/INBOX/new/*";
    let seen = machine.succeed(&["sh", "-c", list]);
    let (modes, mail) = seen.split_at("700\n700\n".len());
    assert_eq!(modes, "700\n700\n");
    let wanted = sha256_lf(message("INBOX", 0).as_bytes());
    assert_eq!(sha256_lf(mail.as_bytes()), wanted);
    let user = machine.succeed(&["ps", "-o", "user=", "-C", "postrider"]);
    assert_eq!(user.trim(), "postrider", "a user of its own");

    // The journal: fields to search, a line to read.
    for (field, value) in [
        ("ACCOUNT", "home"),
        ("MAILBOX", "INBOX"),
        ("UID", "1"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "postrider"),
    ] {
        assert_eq!(entry[field], value, "{entry}");
    }
    let read = machine.succeed(&[
        "journalctl",
        "-u",
        UNIT,
        "-o",
        "cat",
        "EVENT=message.stored",
    ]);
    let line = "message.stored account=home mailbox=INBOX uid=1 octets=";
    assert!(read.starts_with(line), "{read}");

    // A good configuration is in force when `reload` returns, a bad one is not followed.
    let reloaded = |name| machine.journal(&event(name)).len();
    configure(&machine, &config(&dovecot).replace("1h", "2h"));
    machine.succeed(&["systemctl", "reload", UNIT]);
    assert_eq!(reloaded("EVENT=daemon.reloaded"), 1);
    configure(&machine, &config(&dovecot).replace("host:", "hots:"));
    let refused = machine.run(&["systemctl", "reload", UNIT]);
    assert!(!refused.status.success(), "{}", said(&refused));
    assert_eq!(reloaded("EVENT=daemon.reload_failed"), 1);
    assert!(status("; the last reload failed, see the log").contains("1 fine"));
    ada.append("INBOX", message("INBOX", 1).as_bytes(), &[], 1_700_000_000);
    stored(&machine, 2);
    configure(&machine, &config(&dovecot));
    machine.succeed(&["systemctl", "reload", UNIT]);
    let healed = machine.property_where(UNIT, "StatusText", |s| !s.contains("reload"));
    assert!(healed.starts_with("1 account: "), "{healed}");

    let begun = Instant::now();
    machine.succeed(&["systemctl", "stop", UNIT]);
    assert!(begun.elapsed() < STOP_LIMIT, "{:?}", begun.elapsed());
    assert_eq!(machine.property(UNIT, "Result"), "success");
    assert_eq!(machine.property(UNIT, "NRestarts"), "0");
    let told = machine.story();
    assert!(!told.contains(Dovecot::PASSWORD), "{told}");
}

/// So many that a stop finds the daemon at work.
const MANY: usize = 8_000;

/// Puts mail into a Dovecot as its own delivery agent would, but faster.
fn fill(dovecot: &Dovecot, user: &str) {
    let home = dovecot.dir.join("home").join(user);
    for dir in ["Maildir/cur", "Maildir/new", "Maildir/tmp"] {
        std::fs::create_dir_all(home.join(dir)).unwrap();
    }
    let body = "some words that fill a line of this message\n".repeat(100);
    for n in 0..MANY {
        let text = message("INBOX", n).replace("\r\n", "\n") + &body;
        let name = format!("Maildir/new/17000000{:02}.M{n}P1.test", n % 100);
        std::fs::write(home.join(name), text).unwrap();
    }
    let nobody = Some(65_534);
    let mut open = vec![home];
    while let Some(path) = open.pop() {
        chown(&path, nobody, nobody).unwrap();
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
}

#[test]
fn r3_a_stop_in_the_midst_of_a_large_fetch_is_in_time_and_leaves_nothing_half() {
    let dovecot = Dovecot::start();
    fill(&dovecot, "ada");
    let machine = machine(&dovecot);
    configure(&machine, &config(&dovecot));
    machine.succeed(&["systemctl", "start", UNIT]);
    machine.journal_of(1, &event("EVENT=message.stored"));
    let begun = Instant::now();
    machine.succeed(&["systemctl", "stop", UNIT]);
    let took = begun.elapsed();
    assert!(took < STOP_LIMIT, "{took:?}");
    assert_eq!(machine.property(UNIT, "Result"), "success");
    let finished = machine.journal(&event("EVENT=sync.finished"));
    assert!(finished.is_empty(), "the stop came too late: {finished:?}");
    let count =
        "cd /var/lib/private/postrider/mail/home/INBOX && ls tmp | wc -l && ls new cur | wc -l";
    let counted = machine.succeed(&["sh", "-c", count]);
    assert!(counted.starts_with("0\n"), "{counted}");

    machine.succeed(&["systemctl", "start", UNIT]);
    machine.journal_of(1, &event("EVENT=sync.finished"));
    let count = "ls /var/lib/private/postrider/mail/home/INBOX/new | wc -l";
    let counted = machine.succeed(&["sh", "-c", count]);
    assert_eq!(counted.trim(), MANY.to_string());
}

#[test]
fn what_needs_a_human_is_not_started_again() {
    let dovecot = Dovecot::start();
    let machine = machine(&dovecot);
    configure(&machine, "acounts: {}\n");
    let started = machine.run(&["systemctl", "start", UNIT]);
    assert!(!started.status.success(), "{}", said(&started));
    let failed = || {
        machine.property_where(UNIT, "ActiveState", |state| state == "failed");
        (
            machine.property(UNIT, "ExecMainStatus"),
            machine.property(UNIT, "NRestarts"),
        )
    };
    assert_eq!(failed(), ("78".to_owned(), "0".to_owned()));

    configure(&machine, &config(&dovecot));
    machine.succeed(&["rm", "/etc/postrider/credentials/home"]);
    machine.succeed(&["systemctl", "reset-failed", UNIT]);
    let started = machine.run(&["systemctl", "start", UNIT]);
    assert!(!started.status.success(), "{}", said(&started));
    assert_eq!(failed(), ("243".to_owned(), "0".to_owned()));
}

#[test]
fn what_died_or_hangs_is_started_again() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let machine = machine(&dovecot);
    let soon = "RestartSec=100ms\nWatchdogSec=2";
    machine.drop_in(UNIT, &format!("{CREDENTIAL}\n{soon}"));
    configure(&machine, &config(&dovecot));
    machine.succeed(&["systemctl", "start", UNIT]);

    // It is fed while all is well.
    let fed = || machine.property(UNIT, "WatchdogTimestampMonotonic");
    for _ in 0..3 {
        let last = fed();
        let later = machine.property_where(UNIT, "WatchdogTimestampMonotonic", |at| at != last);
        assert_ne!(later, "0");
    }
    assert_eq!(machine.property(UNIT, "NRestarts"), "0");

    machine.succeed(&["systemctl", "kill", "-s", "KILL", UNIT]);
    machine.property_where(UNIT, "NRestarts", |restarts| restarts == "1");
    machine.property_where(UNIT, "SubState", |state| state == "running");

    // A process that does nothing any more.
    machine.succeed(&["systemctl", "kill", "-s", "STOP", UNIT]);
    machine.property_where(UNIT, "NRestarts", |restarts| restarts == "2");
    machine.property_where(UNIT, "SubState", |state| state == "running");
    let story = machine.story();
    assert!(story.contains("Watchdog timeout"), "{story}");
    assert!(story.contains("status=6/ABRT"), "{story}");
    ada.append("INBOX", message("INBOX", 0).as_bytes(), &[], 1_700_000_000);
    stored(&machine, 1);
}
