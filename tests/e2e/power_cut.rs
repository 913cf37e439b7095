//! R1 and R3 on the built binary and a disk that loses what was not flushed: the power goes before each
//! single flush of a pass that deletes on the server.

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::digest::sha256;
use postrider_tests::lossy_disk::{Ignored, LossyDisk, Names};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, is_in, message};
use std::os::unix::process::ExitStatusExt;

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
        .map(|path| sha256(&std::fs::read(path).unwrap()))
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
