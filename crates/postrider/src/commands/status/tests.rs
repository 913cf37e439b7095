//! The table, the document, and who is stale.

use super::*;
use crate::control::words::{Amount, Filled, Listens, Quota};
use postrider_core::account::{AccountName, Protocol};
use postrider_core::retention::{Policy, Vanished};
use postrider_core::settings::{
    AuthChoice, FlagSync, FolderChoice, LabelChoice, Layout, Moves, PasswordSource, Push,
    ServerAddress, TlsMode,
};
use postrider_core::way::Way;
use postrider_engine::Braked;
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

pub(super) fn settings(name: &str, protocol: Protocol) -> AccountSettings {
    AccountSettings {
        name: AccountName::parse(name).unwrap(),
        protocol,
        server: ServerAddress {
            host: "mail.example".to_owned(),
            port: 993,
            tls: TlsMode::Implicit,
            ca_file: None,
            way: Way::Direct,
            pins: Vec::new(),
            client: None,
        },
        user: "ada".to_owned(),
        password: PasswordSource::Env("PW".to_owned()),
        auth: AuthChoice::Auto,
        maildir: "/m".into(),
        layout: Layout::Fs,
        folders: FolderChoice::default(),
        poll: Duration::from_secs(300),
        push: Push::Auto,
        idle_refresh: None,
        timeout: Duration::from_secs(60),
        connections: 3,
        retention: Policy::KEEP,
        vanished: Vanished::Keep,
        brake: None,
        max_size_octets: None,
        max_age: None,
        flags: FlagSync::Both,
        deleted_flag: false,
        moves: Moves::Push,
        upload: false,
        labels: LabelChoice::Link,
        on_new: None,
    }
}

pub(super) fn known(name: &str, success_ago: Option<i64>, error_ago: Option<i64>) -> AccountStatus {
    let before = |seconds: i64| UnixTime::from_seconds(NOW.as_seconds() - seconds);
    AccountStatus {
        name: AccountName::parse(name).unwrap(),
        protocol: Protocol::Imap,
        last_success_at: success_ago.map(before),
        last_error_at: error_ago.map(before),
        last_error_kind: error_ago.map(|_| "auth".to_owned()),
        last_error: error_ago.map(|_| "the server refused \u{1b}[2J".to_owned()),
        mailboxes: 4,
        messages: 1_204,
        unproven: 1,
        pending_expiry: 0,
        braked: 0,
        deleted_unproven: 0,
        brakes: Vec::new(),
    }
}

fn accounts() -> Vec<AccountSettings> {
    vec![
        settings("home", Protocol::Imap),
        settings("isp", Protocol::Pop3),
        settings("healed", Protocol::Imap),
        settings("fresh", Protocol::Imap),
    ]
}

fn index() -> Vec<AccountStatus> {
    vec![
        known("healed", Some(60), Some(120)),
        known("home", Some(200), None),
        known("isp", Some(7_200), Some(30)),
        known(
            "of an older configuration".replace(' ', "-").as_str(),
            None,
            None,
        ),
    ]
}

#[test]
fn the_table_is_calm() {
    let (accounts, index) = (accounts(), index());
    assert_eq!(
        table(&rows(&accounts, &index, None), NOW),
        "\
ACCOUNT  PROTOCOL  LAST SUCCESS  MESSAGES  PROBLEM
home     imap      3 min ago     1204
isp      pop3      2 h ago       1204      auth: the server refused \\u{1b}[2J
healed   imap      1 min ago     1204
fresh    imap      never         -
"
    );
}

#[test]
fn what_a_brake_holds_is_told_with_its_rule() {
    let (accounts, mut index) = (accounts(), index());
    index[1].brakes.push(Braked {
        mailbox: "Work".to_owned(),
        side: "server".to_owned(),
        removing: 120,
        held: 200,
        because: "retention: keep_latest: 80".to_owned(),
        since: Some(UnixTime::from_seconds(NOW.as_seconds() - 7_200)),
    });
    let rows = rows(&accounts, &index, None);
    assert_eq!(
        waits(&rows, NOW),
        "
home: Work: 120 of 200 server copies wait for 2 h: retention: keep_latest: 80 would remove them.
  If that is right: postrider approve home
"
    );
    let document = document((&rows, Vec::new()), None, (NOW, HOUR));
    let brake = &document["accounts"][0]["brakes"][0];
    assert_eq!(brake["because"], "retention: keep_latest: 80");
    assert_eq!(brake["since"], "2027-01-15T06:00:00Z");
}

#[test]
fn r1_what_stays_because_it_was_not_proven_is_told_where_deletions_count() {
    let (mut accounts, mut index) = (accounts(), index());
    index[1].deleted_unproven = 3;
    assert_eq!(
        stay(&rows(&accounts, &index, None)),
        "",
        "nobody waits for them"
    );
    accounts[0].retention.deletions_pushed = true;
    let rows = rows(&accounts, &index, None);
    assert_eq!(
        stay(&rows),
        "
home: 3 deleted here stay on the server: their local copies were not proven before that.
  If they are to go, delete them there.
"
    );
    let document = document((&rows, Vec::new()), None, (NOW, HOUR));
    assert_eq!(document["accounts"][0]["deleted_unproven"], 3);
}

#[test]
fn the_document_has_every_account_of_the_configuration() {
    let (accounts, index) = (accounts(), index());
    let document = document(
        (&rows(&accounts, &index, None), Vec::new()),
        None,
        (NOW, HOUR),
    );
    let list = document["accounts"].as_array().unwrap();
    assert_eq!(list.len(), 4);
    assert_eq!(list[1]["account"], "isp");
    assert_eq!(list[1]["protocol"], "pop3");
    assert_eq!(list[1]["last_success_at"], "2027-01-15T06:00:00Z");
    assert_eq!(list[1]["last_error_kind"], "auth");
    assert_eq!(list[1]["unproven"], 1);
    assert_eq!(list[1]["stale"], true);
    assert_eq!(list[0]["stale"], false);
    assert_eq!(list[3]["last_success_at"], Value::Null);
    assert_eq!(list[3]["stale"], true);
    assert_eq!(
        (&document["daemon"], &list[0]["live"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(document["stale_after_s"], 3_600);
}

#[test]
fn stale_is_longer_than_allowed_or_never() {
    let (accounts, index) = (accounts(), index());
    let rows = rows(&accounts, &index, None);
    let stale = |after: u64| -> Vec<&str> {
        let after = Duration::from_secs(after);
        let stale = rows.iter().filter(|row| row.is_stale(NOW, after));
        stale.map(|row| row.settings.name.as_str()).collect()
    };
    assert_eq!(stale(7_200), ["fresh"]);
    assert_eq!(stale(7_199), ["isp", "fresh"]);
    assert_eq!(stale(59), ["home", "isp", "healed", "fresh"]);
    let complaint = rows[1].complaint(NOW);
    assert_eq!(
        complaint.to_string(),
        "account isp: the last success was 2 h ago"
    );
    assert_eq!(crate::exit::status(&[complaint]), 75);
}

pub(super) fn live(state: &str) -> Live {
    Live {
        state: state.to_owned(),
        since: Some(NOW),
        next_pass_at: None,
        failures: 0,
        listening: None,
        found: Amount::default(),
        stored: Amount::default(),
        backlog: Amount::default(),
        last_mail_at: None,
        last_success_at: None,
        last_report: None,
        last_failure: None,
        quota: None,
    }
}

fn lives() -> Lives {
    let mut home = live("syncing");
    home.found.messages = 300;
    home.stored.messages = 12;
    home.last_success_at = Some(NOW);
    let mut healed = live("waiting");
    healed.next_pass_at = Some(NOW.after(Duration::from_secs(250)));
    healed.listening = Some(Listens {
        kind: "idle".to_owned(),
        mailboxes: 3,
        since: NOW,
    });
    let octets = Some(Filled {
        used: 81,
        limit: 100,
    });
    healed.quota = Some(Quota {
        octets,
        messages: None,
    });
    let named = [("home", home), ("isp", live("paused")), ("healed", healed)];
    named.map(|(name, live)| (name.to_owned(), live)).into()
}

#[test]
fn a_daemon_adds_what_is_going_on() {
    let (accounts, index, lives) = (accounts(), index(), lives());
    let rows = rows(&accounts, &index, Some(&lives));
    assert_eq!(
        live_table(&rows, NOW, HOUR),
        "\
ACCOUNT  STATE             LAST SUCCESS     NEXT      MESSAGES  PROBLEM
home     syncing 12/300    0 s ago          -         1204
isp      paused            2 h ago (stale)  -         1204      auth: the server refused \\u{1b}[2J
healed   waiting (idle 3)  1 min ago        in 4 min  1204      the box at the server is 81 % full
fresh    not loaded        never (stale)    -         -
"
    );
    let hello = Hello {
        protocol: 1,
        version: "1.2.3".to_owned(),
        pid: 77,
        state_dir: "/s".into(),
        started_at: NOW,
    };
    let later = NOW.after(Duration::from_secs(60));
    assert_eq!(
        who(Some(&hello), later, true),
        "\nThe daemon has run for 1 min (version 1.2.3, pid 77).\n"
    );
    let document = document((&rows, Vec::new()), Some(&hello), (NOW, HOUR));
    assert_eq!(document["daemon"]["pid"], 77);
    let live = &document["accounts"][0]["live"];
    assert_eq!(live["state"], "syncing");
    assert_eq!(live["found"]["messages"], 300);
    assert_eq!(document["accounts"][3]["live"], Value::Null);
}
