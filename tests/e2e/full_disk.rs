//! R12 on the built binary, for both protocols with `retention: delete`: a disk that is full while mail arrives
//! or at any write of the index, and one that is read-only. The pass ends with 74 and says where, nothing is
//! expired whose copy is not proven, and when there is room again the next pass does what is left.

use postrider_mailserver::{Account, Mailstore, Options, Server};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, is_in, message};
use postrider_tests::small_disk::SmallDisk;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Output;
use tokio::task::block_in_place;

const MESSAGES: usize = 6;
/// Room for an index, its log and its shared memory, and for all messages.
const ROOMY: u64 = 4 << 20;
/// What a file system gives at once.
const PAGE: u64 = 4_096;

/// An account on a server in memory, and a home with one of its directories on a disk of its own.
struct Case {
    account: Account,
    home: Home,
    disk: SmallDisk,
    _server: Server,
}

impl Case {
    async fn new(protocol: &str, (directory, octets): (&str, u64)) -> Self {
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
            "state_dir: {{home}}/state\naccounts:\n  isp:\n    protocol: {protocol}\n    host: 127.0.0.1\n    \
             port: {port}\n    tls: none\n    user: ada\n    password: secret\n    maildir: {{home}}/Mail\n    \
             retention: keep\n"
        ));
        let disk = SmallDisk::mount(&home.path().join(directory), octets);
        Self {
            account,
            home,
            disk,
            _server: server,
        }
    }

    fn sync(&self) -> Output {
        block_in_place(|| self.disk.run(&self.home, &["sync"]))
    }

    /// From now on what is proven goes.
    fn delete(&self) {
        let config = std::fs::read_to_string(self.home.config()).unwrap();
        let config = config.replace("retention: keep", "retention: delete");
        self.home.configure(&config);
    }

    /// One message more.
    fn append(&self) {
        self.account
            .append("INBOX", text(MESSAGES), &[], 1_700_000_000);
    }

    /// How often the nth message stands whole in the Maildir; a half-written file is none of them.
    fn copies(&self, n: usize) -> usize {
        let text = text(n).replace("\r\n", "\n");
        let stored = self.files();
        let stored = stored.iter().filter(|(is_unfinished, _)| !is_unfinished);
        stored.filter(|(_, stored)| *stored == text).count()
    }

    /// All files of the mail tree: whether they lie in `tmp`, and what is in them.
    fn files(&self) -> Vec<(bool, String)> {
        let tree = self.disk.seen(&self.home.path().join("Mail"));
        let files = files(&tree).into_iter();
        let files = files.filter(|path| !path.ends_with("ballast"));
        files
            .map(|path| (is_in(&path, "tmp"), std::fs::read_to_string(path).unwrap()))
            .collect()
    }

    fn is_on_server(&self, n: usize) -> bool {
        let held = self.account.messages("INBOX");
        held.iter().any(|held| held.bytes == text(n).as_bytes())
    }

    /// A pass on a bad disk: what it says, and that nothing is lost by it.
    fn assert_refused(&self, output: &Output, where_: &str) {
        let said = said(output);
        assert_eq!(output.status.code(), Some(74), "{said}");
        let path = self.home.path().join(where_);
        assert!(said.contains(&path.display().to_string()), "{said}");
        self.assert_nothing_lost(&said);
    }

    fn assert_nothing_lost(&self, said: &str) {
        for n in 0..MESSAGES {
            let copies = self.copies(n);
            assert!(copies <= 1, "{copies} of message {n}: {said}");
            assert!(copies == 1 || self.is_on_server(n), "message {n}: {said}");
        }
        assert!(
            self.files().iter().all(|(unfinished, _)| !unfinished),
            "{said}"
        );
    }

    /// The next pass, on a good disk, does all that is left.
    fn assert_heals(&self, messages: usize) {
        let healed = self.sync();
        let said = said(&healed);
        assert!(healed.status.success(), "{said}");
        for n in 0..messages {
            assert_eq!(self.copies(n), 1, "message {n}: {said}");
        }
        assert_eq!(self.files().len(), messages, "{said}");
        assert!(self.account.messages("INBOX").is_empty(), "{said}");
        let history = block_in_place(|| self.disk.run(&self.home, &["history", "--json"]));
        let history: Value = serde_json::from_slice(&history.stdout).unwrap();
        let told = history["entries"].as_array().unwrap().iter();
        let told = told.map(|entry| (entry["message_id"].to_string(), entry["action"].to_string()));
        let told: Vec<_> = told.collect();
        let once: BTreeSet<_> = told.iter().collect();
        // Stored and expired, each once.
        assert_eq!(
            (told.len(), once.len()),
            (2 * messages, 2 * messages),
            "{told:?}"
        );
        // By us, whatever the disk did not take: before the server was asked for anything, it was written down.
        let by_us = |(_, action): &(_, String)| action == r#""stored""# || action == r#""expired""#;
        assert!(told.iter().all(by_us), "{told:?}");
    }
}

/// Long enough that some of them fill a small disk.
fn text(n: usize) -> String {
    message("INBOX", n) + &"filler line of the body\r\n".repeat(1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_disk_that_fills_up_while_mail_arrives_costs_nothing_and_heals() {
    for protocol in ["imap", "pop3"] {
        let case = Case::new(protocol, ("Mail", ROOMY)).await;
        case.delete();
        case.disk.fill(20 * PAGE);
        let full = case.sync();
        case.assert_refused(&full, "Mail");
        assert!(said(&full).contains("No space left"), "{}", said(&full));
        assert!(said(&full).contains("isp"), "{}", said(&full));
        assert_eq!(case.account.messages("INBOX").len(), MESSAGES, "{protocol}");
        case.disk.free();
        case.assert_heals(MESSAGES);
    }
}

/// From no room at all to enough for a whole pass, one page at a time: whatever the index is about to write
/// down, the proof, that a deletion was asked for or that it was done, there is a run without room for it.
#[tokio::test(flavor = "multi_thread")]
async fn r12_an_index_without_room_at_any_write_loses_nothing_and_heals() {
    for protocol in ["imap", "pop3"] {
        let (mut refused, mut after_deletion) = (0, 0);
        for pages in 0.. {
            let case = Case::new(protocol, ("state", ROOMY)).await;
            let kept = case.sync();
            assert!(kept.status.success(), "{}", said(&kept));
            case.delete();
            case.append();
            case.disk.fill(pages * PAGE);
            let full = case.sync();
            if full.status.success() {
                break;
            }
            case.assert_refused(&full, "state");
            refused += 1;
            after_deletion += u32::from(case.account.messages("INBOX").len() <= MESSAGES);
            case.disk.free();
            case.assert_heals(MESSAGES + 1);
        }
        assert!(refused >= 5, "{protocol}: only {refused} runs without room");
        assert!(after_deletion >= 1, "{protocol}: none after a deletion");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r12_a_read_only_disk_lets_nothing_go_and_heals() {
    for protocol in ["imap", "pop3"] {
        for directory in ["Mail", "state"] {
            let case = Case::new(protocol, (directory, ROOMY)).await;
            let kept = case.sync();
            assert!(kept.status.success(), "{}", said(&kept));
            case.delete();
            case.append();
            case.disk.remount("ro");
            let refused = case.sync();
            case.assert_refused(&refused, directory);
            let left = case.account.messages("INBOX").len();
            assert_eq!(left, MESSAGES + 1, "{}", said(&refused));
            case.disk.remount("rw");
            case.assert_heals(MESSAGES + 1);
        }
    }
}
