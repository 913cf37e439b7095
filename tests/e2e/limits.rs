//! R11 and R12 on the built binary: memory that does not grow, and a disk that is full.

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::postrider::{Home, binary, said};
use postrider_tests::rig::message;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The contract's: a first sync of 20,000 messages with one of 60 MB among them.
const MESSAGES: usize = 20_000;
const LARGE_OCTETS: usize = 60 << 20;
/// Its 40 MB, without the 13.5 MB of code of a release.
const OWN_KIB: u64 = 26 << 10;

fn config(port: u16) -> String {
    format!(
        "state_dir: {{home}}/state\naccounts:\n  a:\n    host: 127.0.0.1\n    port: {port}\n    tls: none\n    \
         user: ada\n    password: secret\n    maildir: {{home}}/Mail\n"
    )
}

/// The most memory that a process has had, as the kernel has seen it, without what it has of its code by now, in KiB:
/// that is larger by a third in this build than in a release.
fn peak_without_code(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |field: &str| {
        let line = status.lines().find(|line| line.starts_with(field))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    Some(kib("VmHWM:")?.saturating_sub(kib("RssFile:")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_first_sync_of_20000_messages_and_one_of_60_mb_stays_below_40_mb() {
    let store = Mailstore::new();
    let account = store.account("ada", "secret");
    for n in 0..MESSAGES {
        account.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
        if n == MESSAGES / 2 {
            let mut large = b"Subject: large\r\nMessage-ID: <large@example.org>\r\n\r\n".to_vec();
            while large.len() < LARGE_OCTETS {
                large.extend_from_slice(
                    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\r\n",
                );
            }
            account.append("INBOX", large, &[], 1_700_000_000);
        }
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let home = Home::new(&config(server.imap_addr.port()));
    let mut child = home
        .command(&["sync"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        most = peak_without_code(child.id()).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(status.success());
    assert_eq!(
        home.count("SELECT count(*) FROM messages"),
        MESSAGES as i64 + 1
    );
    assert!(most < OWN_KIB, "{most} KiB");
    assert!(most > 1_000, "the measurement saw something");
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_full_disk_is_an_error_that_deletes_nothing_and_heals() {
    let store = Mailstore::new();
    let account = store.account("ada", "secret");
    for n in 0..40 {
        let text = message("INBOX", n) + &"filler line of the body\r\n".repeat(4_000);
        account.append("INBOX", text, &[], 1_700_000_000);
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let config = config(server.pop3_addr.port()).replace("  a:\n", "  a:\n    protocol: pop3\n");
    let home = Home::new(&config);
    let mail = home.path().join("Mail");
    std::fs::create_dir(&mail).unwrap();
    // A file system of its own that is too small, in a mount namespace of its own.
    let script = format!(
        "mount -t tmpfs -o size=2m tmpfs '{mail}' && '{binary}' sync; status=$?; \
         find '{mail}' -path '*/tmp/*' -type f | wc -l; exit $status",
        mail = mail.display(),
        binary = binary().display()
    );
    let mut unshare = Command::new("unshare");
    unshare.args(if rustix::process::geteuid().is_root() {
        ["--mount"].as_slice()
    } else {
        &["--mount", "--map-root-user"]
    });
    let output = tokio::task::spawn_blocking({
        let (path, config) = (home.path().to_owned(), home.config());
        move || {
            unshare
                .args(["sh", "-c", &script])
                .env("HOME", path)
                .env("POSTRIDER_CONFIG", config)
                .output()
                .unwrap()
        }
    });
    let output = output.await.unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.contains("space"), "{said}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).lines().last(),
        Some("0"),
        "nothing half-written: {said}"
    );
    let stored = home.count("SELECT count(*) FROM messages");
    let left = account.messages("INBOX").len() as i64;
    assert_eq!(left, 40, "a pass that failed deletes nothing");
    assert!(stored < 40, "{stored} fitted into 2 MB");
}
