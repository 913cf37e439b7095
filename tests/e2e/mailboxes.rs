//! `postrider mailboxes` on a server in memory: what it says of every mailbox, and that it changes nothing and
//! stands in nobody's way.

use postrider_mailserver::{Account, Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;

async fn server() -> (Server, Account) {
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    for mailbox in ["INBOX", "Work", "work", "Old/2024", "Spam", "Quiet"] {
        ada.append(mailbox, message(mailbox, 1), &[], 1_700_000_000);
    }
    ada.create("Top/Below");
    ada.create("Top");
    ada.set_selectable("Top", false);
    ada.set_role("Spam", "\\Junk");
    ada.set_subscribed("Quiet", false);
    let server = Server::start(store, Options::default()).await.unwrap();
    (server, ada)
}

fn config(server: &Server, more: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json}}\n\
         defaults: {{tls: none, host: 127.0.0.1, user: ada, password: secret}}\naccounts:\n  \
         home:\n    port: {}\n    maildir: \"{{home}}/Mail\"\n    poll: 1h\n{more}  \
         isp: {{protocol: pop3, port: {}, maildir: \"{{home}}/Maildir\", retention: keep}}\n",
        server.imap_addr.port(),
        server.pop3_addr.port(),
    )
}

const CHOICE: &str = "    folders: {exclude: [\"\\\\Junk\"], include: [INBOX, \"?ork\", \"*/*\", Spam, Quiet], subscribed: true}\n";

fn document(home: &Home, account: &str) -> BTreeMap<String, Value> {
    let output = home.run(&["mailboxes", account, "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["account"], account);
    let mailboxes = document["mailboxes"].as_array().unwrap();
    let named = |mailbox: &Value| {
        (
            mailbox["name"].as_str().unwrap().to_owned(),
            mailbox.clone(),
        )
    };
    mailboxes.iter().map(named).collect()
}

/// Chosen or not, and the reason.
fn choice(mailbox: &Value) -> (bool, &str) {
    let reason = mailbox["reason"].as_str().unwrap();
    (mailbox["chosen"].as_bool().unwrap(), reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_is_told_what_the_first_sync_will_do_and_it_does_that() {
    let (server, ada) = server().await;
    let home = Home::new(&config(&server, CHOICE));
    let before = document(&home, "home");
    // Nothing is made: no tree, no state.
    assert!(!home.path().join("Mail").exists() && !home.path().join("state").exists());
    for (name, wanted) in [
        ("INBOX", (true, "included")),
        ("Work", (true, "included")),
        ("Spam", (false, "excluded")),
        ("Quiet", (false, "not_subscribed")),
        ("Top", (false, "no_select")),
        ("Old/2024", (true, "included")),
    ] {
        assert_eq!(choice(&before[name]), wanted, "{name}");
    }
    assert_eq!(before["Spam"]["role"], "\\Junk");
    assert_eq!(before["Spam"]["pattern"], "\\Junk");
    assert_eq!(before["Spam"]["path"], Value::Null);
    assert_eq!(before["Work"]["pattern"], "?ork");
    assert_eq!(before["Work"]["messages"], 1);
    assert_eq!(before["Work"]["synced_at"], Value::Null);
    home.succeed(&["sync", "home"]);
    let after = document(&home, "home");
    for (name, mailbox) in &before {
        assert_eq!(mailbox["path"], after[name]["path"], "{name}");
        let (is_chosen, _) = choice(mailbox);
        if is_chosen {
            let path = mailbox["path"].as_str().unwrap();
            assert!(std::path::Path::new(path).join("cur").is_dir(), "{path}");
            assert!(after[name]["synced_at"].is_string(), "{name}");
        }
    }
    // No file system may take the two for one.
    let paths: Vec<&str> = ["Work", "work"]
        .iter()
        .map(|name| after[*name]["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths.iter().filter(|path| path.ends_with("%~2")).count(),
        1,
        "{paths:?}"
    );
    ada.delete("Old/2024");
    assert_eq!(
        choice(&document(&home, "home")["Old/2024"]),
        (false, "unlisted")
    );
    home.succeed(&["sync", "home"]);
    let lost = &document(&home, "home")["Old/2024"];
    assert_eq!(choice(lost), (false, "lost"));
    assert!(
        lost["path"].as_str().unwrap().ends_with("/Mail/Old/2024"),
        "{lost}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_chosen_no_more_keeps_its_place_and_a_maildrop_has_one() {
    let (server, _ada) = server().await;
    let home = Home::new(&config(&server, ""));
    home.succeed(&["sync"]);
    home.configure(&config(&server, "    folders: {include: [INBOX]}\n"));
    let mailboxes = document(&home, "home");
    assert_eq!(choice(&mailboxes["Quiet"]), (false, "not_included"));
    let path = home.path().join("Mail/Quiet");
    assert_eq!(mailboxes["Quiet"]["path"], path.to_str().unwrap());
    let maildrop = document(&home, "isp");
    assert_eq!(choice(&maildrop["INBOX"]), (true, "maildrop"));
    let path = home.path().join("Maildir");
    assert_eq!(maildrop["INBOX"]["path"], path.to_str().unwrap());
    let table = home.succeed(&["mailboxes", "home"]);
    assert!(table.starts_with("MAILBOX "), "{table}");
    assert!(table.contains("no `include` pattern matches"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stands_in_no_daemons_way_and_fails_as_check_does() {
    let (server, _ada) = server().await;
    let home = Home::new(&config(&server, ""));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    assert!(document(&home, "home").contains_key("Work"));
    let exported = home.succeed(&["mailboxes", "home", "--export", "neomutt"]);
    assert!(exported.contains("named-mailboxes 'Work' "), "{exported}");
    daemon.end(Signal::TERM).assert_orderly();
    let wrong = config(&server, "    password: mistyped\n");
    home.configure(&wrong);
    let (check, mailboxes) = (
        home.run(&["check", "home"]),
        home.run(&["mailboxes", "home"]),
    );
    assert_eq!(mailboxes.status.code(), Some(77), "{}", said(&mailboxes));
    assert_eq!(mailboxes.status.code(), check.status.code());
    assert!(mailboxes.stdout.is_empty());
    let unknown = home.run(&["mailboxes", "hmoe"]);
    assert_eq!(unknown.status.code(), Some(64), "{}", said(&unknown));
}
