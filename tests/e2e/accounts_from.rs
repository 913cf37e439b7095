//! `accounts_from` on the built binary: accounts of a table are served, a bad row is told everywhere and
//! disables itself alone, and HUP reads the table again.

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use rustix::process::Signal;
use serde_json::Value;
use std::fs;

async fn case(users: &[&str]) -> (Server, Home) {
    let store = Mailstore::new();
    for user in users {
        let account = store.account(user, "secret");
        account.append("INBOX", message("INBOX", 0), &[], 1_700_000_000);
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let home = Home::new(&format!(
        "state_dir: {{home}}/state\nlog: {{format: json}}\naccounts_from: users.csv\ndefaults:\n  host: 127.0.0.1\n  \
         port: {}\n  tls: none\n  password: {{command: echo secret}}\n  poll: 1h\n  maildir: \"{{home}}/{{account}}\"\n",
        server.imap_addr.port()
    ));
    (server, home)
}

fn table(home: &Home, text: &str) {
    fs::write(home.path().join("users.csv"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_told_and_the_others_are_served() {
    let (_server, home) = case(&["ada", "bob"]).await;
    table(&home, "account,user,poll\nada,ada,\nbob,bob,often\n");
    let daemon = RunningDaemon::start(&home);
    let disabled = daemon.after(0, "account.disabled", "bob");
    assert_eq!(
        (&disabled["level"], &disabled["line"]),
        (&"error".into(), &3.into()),
        "{disabled}"
    );
    let error = disabled["error"].as_str().unwrap();
    assert!(
        error.contains("users.csv:3:9: `poll` cannot be `often`"),
        "{error}"
    );
    daemon.after(0, "sync.finished", "ada");

    let status = home.succeed(&["status"]);
    assert!(
        status.contains("users.csv:3:9: `poll` cannot be"),
        "{status}"
    );
    let status: Value = serde_json::from_str(&home.succeed(&["status", "--json"])).unwrap();
    assert_eq!(status["disabled"][0]["account"], "bob", "{status}");
    let check = home.run(&["check"]);
    assert_eq!(check.status.code(), Some(78), "{}", said(&check));
    assert!(said(&check).contains("ada\n  server"), "{}", said(&check));
    assert!(said(&check).contains("users.csv:3:9:"), "{}", said(&check));
    assert_eq!(home.run(&["check", "ada"]).status.code(), Some(0));
    let bob = home.run(&["check", "bob", "--offline"]);
    assert_eq!(bob.status.code(), Some(78), "{}", said(&bob));
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    assert_eq!(ended.events("daemon.started")[0]["accounts"], 1);

    let sync = home.run(&["sync"]);
    assert_eq!(sync.status.code(), Some(78), "{}", said(&sync));
    assert!(said(&sync).contains("ada: nothing new"), "{}", said(&sync));
}

#[tokio::test(flavor = "multi_thread")]
async fn hup_reads_the_table_again() {
    let (_server, home) = case(&["ada", "bob", "eve"]).await;
    table(&home, "account,user\nada,ada\nbob,bob\n");
    let daemon = RunningDaemon::start(&home);
    for account in ["ada", "bob"] {
        daemon.after(0, "sync.finished", account);
    }
    table(
        &home,
        "account,user,poll\nada,ada,\nbob,bob,2h\neve,eve,\nzoe,zoe,never\n",
    );
    let mark = daemon.mark();
    daemon.signal(Signal::HUP);
    let reloaded = daemon.after(mark, "daemon.reloaded", "");
    let counts = ["accounts", "added", "removed", "changed"].map(|count| reloaded[count].as_u64());
    assert_eq!(counts, [Some(3), Some(1), Some(0), Some(1)], "{reloaded}");
    daemon.after(mark, "account.disabled", "zoe");
    daemon.after(mark, "sync.finished", "eve");
    daemon.after(mark, "sync.finished", "bob");

    // A table that is no table, or is being written: everything stays as it is.
    for text in ["", "account,user\n", "acount,user\nada,ada\n"] {
        table(&home, text);
        let mark = daemon.mark();
        daemon.signal(Signal::HUP);
        let failed = daemon.after(mark, "daemon.reload_failed", "");
        assert_eq!(failed["kind"], "config", "{failed}");
    }
    table(&home, "account,user\nada,ada\n");
    let mark = daemon.mark();
    daemon.signal(Signal::HUP);
    let reloaded = daemon.after(mark, "daemon.reloaded", "");
    assert_eq!(reloaded["removed"], 2, "{reloaded}");
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    // What did not change was not touched.
    let passes = ended.events("sync.finished");
    let of_ada = passes.iter().filter(|event| event["account"] == "ada");
    assert_eq!(of_ada.count(), 1);
}
