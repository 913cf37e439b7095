//! R1 and R3 on the built binary and a disk that loses what was not flushed: the power goes before each
//! single flush of a pass that deletes on the server.

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::digest::sha256;
use postrider_tests::lossy_disk::{Ignored, LossyDisk, Names};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, is_in, message};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Output;

/// Flushed one by one.
const FEW: usize = 3;
/// Flushed with the whole disk.
const MANY: usize = 20;
/// Longer than any pass here.
const MOST_FLUSHES: u64 = 500;

/// A pass whose power goes.
#[derive(Clone, Copy, Debug)]
struct Pass {
    protocol: &'static str,
    messages: usize,
    names: Names,
    ignored: Option<Ignored>,
}

/// What the sweep saw.
#[derive(Debug, Default)]
struct Seen {
    /// Power cuts that hit the pass at work.
    cuts: u64,
    /// Those after which the server had let a message go.
    after_deletion: u64,
    /// The first cut after which a message was not there exactly once.
    broken: Option<String>,
    /// The first cut after which a message was neither here nor on the server.
    lost: Option<String>,
    /// The first cut after which we did not know that it was us who let messages go: what asks for a deletion was
    /// not flushed before the server was asked.
    forgotten: Option<String>,
}

/// After which flush a pass ends by itself.
const NEVER: u64 = 1_000_000;

fn config(protocol: &str, port: u16) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  a:\n    protocol: {protocol}\n    host: 127.0.0.1\n    port: {port}\n    \
         tls: none\n    user: ada\n    password: secret\n    maildir: {{home}}/Mail\n    retention: delete\n"
    )
}

/// How often each message stands whole in the Maildir.
fn copies(home: &Home, messages: usize) -> Vec<usize> {
    let stored: Vec<_> = files(&home.path().join("Mail"))
        .into_iter()
        .filter(|path| !is_in(path, "tmp"))
        .map(|path| sha256(&fs::read(path).unwrap()))
        .collect();
    let wanted =
        (0..messages).map(|n| sha256(message("INBOX", n).replace("\r\n", "\n").as_bytes()));
    wanted
        .map(|hash| stored.iter().filter(|stored| **stored == hash).count())
        .collect()
}

/// Whether the ledger has it, of all that left the server, that it was us, and once.
fn remembers(home: &Home, gone: usize) -> bool {
    let index = rusqlite::Connection::open(home.path().join("state/index.db")).unwrap();
    let count = |action: &str| {
        let sql = "SELECT count(*) FROM ledger WHERE action = ?";
        index.query_row(sql, [action], |row| row.get::<_, i64>(0))
    };
    count("vanished").unwrap() == 0 && count("expired").unwrap() == gone as i64
}

/// One power cut before flush number `stop`, and the pass that heals it. Nothing when the pass was over
/// before.
async fn cut(pass: Pass, stop: u64, seen: &mut Seen) -> bool {
    let store = Mailstore::new();
    let account = store.account("ada", "secret");
    for n in 0..pass.messages {
        account.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let port = match pass.protocol {
        "imap" => server.imap_addr.port(),
        _ => server.pop3_addr.port(),
    };
    let home = Home::new(&config(pass.protocol, port));
    let disk = LossyDisk::default();
    let mut command = home.command(&["sync"]);
    disk.attach(&mut command, home.path(), stop, pass.ignored);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    let over = output.status.signal() != Some(9);
    assert!(!over || output.status.success(), "{}", said(&output));
    let held = account.messages("INBOX").len();
    seen.cuts += u64::from(!over);
    seen.after_deletion += u64::from(held < pass.messages);
    disk.cut(
        &[home.path().join("Mail"), home.path().join("state")],
        pass.names,
    );
    let heal = || async {
        let mut command = home.command(&["sync"]);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        run.await.unwrap()
    };
    let healed = heal().await;
    let copies = copies(&home, pass.messages);
    let left = account.messages("INBOX");
    let is_left = |n| {
        left.iter()
            .any(|left| left.bytes == message("INBOX", n).as_bytes())
    };
    let told = || {
        let said = said(&healed);
        format!("{pass:?}, before flush {stop}: {held} on the server, copies {copies:?}\n{said}")
    };
    if seen.broken.is_none() && copies.iter().any(|copies| *copies != 1) {
        seen.broken = Some(told());
    }
    if seen.forgotten.is_none() && !remembers(&home, pass.messages - left.len()) {
        seen.forgotten = Some(told());
    }
    if (0..pass.messages)
        .zip(&copies)
        .any(|(n, copies)| *copies == 0 && !is_left(n))
    {
        seen.lost = Some(told());
    }
    over
}

async fn sweep(pass: Pass) -> Seen {
    let mut seen = Seen::default();
    for stop in 1..MOST_FLUSHES {
        let over = cut(pass, stop, &mut seen).await;
        if over || seen.lost.is_some() {
            return seen;
        }
    }
    panic!("a pass of more than {MOST_FLUSHES} flushes");
}

async fn nothing_is_lost(protocol: &'static str, messages: usize) {
    for names in [Names::Lost, Names::Kept] {
        let seen = sweep(Pass {
            protocol,
            messages,
            names,
            ignored: None,
        })
        .await;
        assert_eq!(seen.broken, None);
        assert_eq!(seen.forgotten, None);
        assert!(seen.cuts >= 10 && seen.after_deletion >= 2, "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r3_a_power_cut_before_any_flush_loses_nothing_on_pop3() {
    nothing_is_lost("pop3", FEW).await;
    nothing_is_lost("pop3", MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r3_a_power_cut_before_any_flush_loses_nothing_on_imap() {
    nothing_is_lost("imap", FEW).await;
    nothing_is_lost("imap", MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_class_of_flushes_the_sweep_finds_the_loss() {
    for messages in [FEW, MANY] {
        for (names, ignored) in [
            (Names::Kept, Ignored::Files),
            (Names::Lost, Ignored::Directories),
        ] {
            let seen = sweep(Pass {
                protocol: "pop3",
                messages,
                names,
                ignored: Some(ignored),
            })
            .await;
            assert!(seen.lost.is_some(), "{ignored:?}, {messages}: {seen:?}");
        }
    }
}

/// A binary that ends, by itself or without power, while its server goes on.
async fn run(mut command: std::process::Command) -> Output {
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    run.await.unwrap()
}

/// A mail reader files the new messages that it sees in another mailbox. How many.
fn file_away(home: &Home) -> usize {
    let seen = files(&home.path().join("Mail/INBOX/new"));
    for path in &seen {
        let name = path.file_name().unwrap().to_str().unwrap();
        let to = home.path().join("Mail/Archive/cur");
        fs::rename(path, to.join(format!("{name}:2,S"))).unwrap();
    }
    seen.len()
}

/// A reader moves what a pass is about to deliver, and is sooner on the disk than the pass: the power goes before
/// its flush number `stop`. How many were moved; nothing when the pass was over before.
async fn cut_behind_a_reader(messages: usize, stop: u64) -> Option<usize> {
    let store = Mailstore::new();
    let account = store.account("ada", "secret");
    account.create("Archive");
    let server = Server::start(store, Options::default()).await.unwrap();
    let config = config("imap", server.imap_addr.port());
    let home = Home::new(&config.replace("retention: delete", "retention: keep"));
    let disk = LossyDisk::default();
    let pass = |stop| {
        let mut command = home.command(&["sync"]);
        disk.attach(&mut command, home.path(), stop, None);
        run(command)
    };
    // From now on both mailboxes are in step: what appears in them is a reader's.
    let first = pass(NEVER).await;
    assert!(first.status.success(), "{}", said(&first));
    for n in 0..messages {
        account.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
    let second = pass(stop).await;
    if second.status.signal() != Some(9) {
        assert!(second.status.success(), "{}", said(&second));
        return None;
    }
    let moved = file_away(&home);
    let roots = [home.path().join("Mail"), home.path().join("state")];
    disk.cut(&roots, Names::Kept);
    for pass in ["the next pass", "the one after it"] {
        let healed = run(home.command(&["sync"])).await;
        let told = format!("{pass}, before flush {stop}: {}", said(&healed));
        assert!(healed.status.success(), "{told}");
        assert_eq!(copies(&home, messages), vec![1; messages], "{told}");
    }
    let at_server = account.messages("INBOX").len() + account.messages("Archive").len();
    assert_eq!(at_server, messages, "before flush {stop}");
    Some(moved)
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_power_cut_makes_no_second_copy_of_what_a_reader_has_moved_meanwhile() {
    for messages in [FEW, MANY] {
        let mut with_a_move = 0;
        for stop in 1.. {
            let Some(moved) = cut_behind_a_reader(messages, stop).await else {
                break;
            };
            assert!(stop < MOST_FLUSHES, "a pass of too many flushes");
            with_a_move += u64::from(moved > 0);
        }
        assert!(
            with_a_move >= 2,
            "{messages}: only {with_a_move} cuts after a move"
        );
    }
}

/// A flush that fails, of a disk that is otherwise well: nothing goes, and the next pass finds it mended.
#[tokio::test(flavor = "multi_thread")]
async fn r1_r12_a_flush_that_fails_ends_the_pass_and_lets_nothing_go() {
    for protocol in ["imap", "pop3"] {
        for (messages, class) in [
            (FEW, Ignored::Files),
            (FEW, Ignored::Directories),
            (MANY, Ignored::Files),
        ] {
            let store = Mailstore::new();
            let account = store.account("ada", "secret");
            let server = Server::start(store, Options::default()).await.unwrap();
            let port = match protocol {
                "imap" => server.imap_addr.port(),
                _ => server.pop3_addr.port(),
            };
            let home = Home::new(&config(protocol, port));
            // That a mailbox can be made is another story.
            let empty = run(home.command(&["sync"])).await;
            assert!(empty.status.success(), "{}", said(&empty));
            for n in 0..messages {
                account.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
            }
            let mut command = home.command(&["sync"]);
            let disk = LossyDisk::default();
            disk.attach(&mut command, home.path(), NEVER, None);
            LossyDisk::break_flushes(&mut command, class);
            let broken = run(command).await;
            let told = format!("{protocol}, {messages}, {class:?}: {}", said(&broken));
            assert_eq!(broken.status.code(), Some(74), "{told}");
            assert_eq!(account.messages("INBOX").len(), messages, "{told}");
            let mended = run(home.command(&["sync"])).await;
            assert!(mended.status.success(), "{told}{}", said(&mended));
            assert_eq!(copies(&home, messages), vec![1; messages], "{told}");
            assert!(account.messages("INBOX").is_empty(), "{told}");
        }
    }
}
