//! `limits: {disk_free_min}`: downloads stop before they take the room that is to stay, nothing is expired, the
//! status is 74, and with room again the next pass does what is left.

use postrider_mailserver::{Account, Mailstore, Options, Server};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, is_in, message};
use postrider_tests::small_disk::SmallDisk;
use std::process::Output;
use tokio::task::block_in_place;

const MESSAGES: usize = 40;
const DISK: u64 = 64 << 20;
/// What is to stay free.
const LEAST: u64 = 32 << 20;

struct Case {
    account: Account,
    home: Home,
    disk: SmallDisk,
    server: Server,
}

/// Some 100 KB.
fn text(n: usize) -> String {
    message("INBOX", n) + &"filler line of the body\r\n".repeat(4_000)
}

impl Case {
    async fn new(protocol: &str, directory: &str) -> Self {
        let store = Mailstore::new();
        let account = store.account("ada", "secret");
        for n in 0..MESSAGES {
            account.append("INBOX", text(n), &[], 1_700_000_000);
        }
        let server = Server::start(store, Options::default()).await.unwrap();
        let port = match protocol {
            "imap" => server.imap_addr.port(),
            _ => server.pop3_addr.port(),
        };
        let home = Home::new(&format!(
            "state_dir: {{home}}/state\nlimits: {{disk_free_min: 32MiB}}\naccounts:\n  isp:\n    protocol: {protocol}\n    \
             host: 127.0.0.1\n    port: {port}\n    tls: none\n    user: ada\n    password: secret\n    \
             maildir: {{home}}/Mail\n    retention: delete\n"
        ));
        let disk = SmallDisk::mount(&home.path().join(directory), DISK);
        Self {
            account,
            home,
            disk,
            server,
        }
    }

    fn sync(&self) -> Output {
        block_in_place(|| self.disk.run(&self.home, &["sync"]))
    }

    fn left(&self) -> usize {
        self.account.messages("INBOX").len()
    }

    fn stored(&self) -> usize {
        let tree = self.disk.seen(&self.home.path().join("Mail"));
        let found = files(&tree);
        assert!(found.iter().all(|path| !is_in(path, "tmp")), "{found:?}");
        found.iter().filter(|path| is_in(path, "new")).count()
    }

    fn assert_refused(&self, where_: &str) {
        let refused = self.sync();
        let said = said(&refused);
        assert_eq!(refused.status.code(), Some(74), "{said}");
        assert!(
            said.contains("octets free, and 33554432 are to stay"),
            "{said}"
        );
        assert!(
            said.contains(&self.home.path().join(where_).display().to_string()),
            "{said}"
        );
        assert!(said.contains("hint: make room there: df -h "), "{said}");
        assert_eq!(self.left(), MESSAGES, "nothing is expired: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_that_room_nothing_is_fetched() {
    for protocol in ["imap", "pop3"] {
        for directory in ["Mail", "state"] {
            let case = Case::new(protocol, directory).await;
            case.disk.fill(LEAST - 4_096);
            case.assert_refused(directory);
            assert_eq!(case.stored(), 0, "{protocol}");
            let sent = case.server.faults().octets_sent();
            assert!(sent < 50_000, "{protocol}: not one message: {sent} octets");
            case.disk.free();
            let healed = case.sync();
            assert!(healed.status.success(), "{}", said(&healed));
            assert_eq!((case.stored(), case.left()), (MESSAGES, 0), "{protocol}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_would_take_it_stops_in_the_middle() {
    for protocol in ["imap", "pop3"] {
        let case = Case::new(protocol, "Mail").await;
        // Room for about half.
        case.disk.fill(LEAST + 20 * 100_000);
        case.assert_refused("Mail");
        let free = case.disk.free_octets();
        assert!(free >= LEAST, "{protocol}: {free}");
        let stored = case.stored();
        assert!(
            (8..=20).contains(&stored),
            "{protocol}: what is here stays: {stored}"
        );
        case.disk.free();
        let healed = case.sync();
        assert!(healed.status.success(), "{}", said(&healed));
        assert_eq!((case.stored(), case.left()), (MESSAGES, 0), "{protocol}");
    }
}
