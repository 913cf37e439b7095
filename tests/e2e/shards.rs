//! `run --shard`: daemons that know nothing of each other keep every account exactly once between them.

use postrider_core::account::AccountName;
use postrider_core::shard::Shard;
use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, said};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn every_account_is_kept_by_exactly_one() {
    let store = Mailstore::new();
    let names: Vec<String> = (0..12).map(|n| format!("user{n}")).collect();
    for name in &names {
        let _account = store.account(name, "secret");
    }
    let server = Server::start(store, Options::default()).await.unwrap();
    let account = |name: &String| format!("  {name}: {{user: {name}}}\n");
    let accounts: String = names.iter().map(account).collect();
    let home = Home::new(&format!(
        "log: {{format: json}}\ndefaults:\n  host: 127.0.0.1\n  port: {}\n  tls: none\n  \
         password: {{command: echo secret}}\n  poll: 1h\n  maildir: \"{{home}}/{{account}}\"\naccounts:\n{accounts}",
        server.imap_addr.port()
    ));
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..3 {
        let mut command = home.command(&["run", "--shard", &format!("{number}/3")]);
        command.env(
            "STATE_DIRECTORY",
            home.path().join(format!("state{number}")),
        );
        let daemon = RunningDaemon::started_by(&home, command);
        let started = daemon.after(0, "daemon.started", "");
        let mine = usize::try_from(started["accounts"].as_u64().unwrap()).unwrap();
        assert!((1..12).contains(&mine), "{started}");
        // A reload leaves it with the same ones.
        let mark = daemon.mark();
        daemon.signal(Signal::HUP);
        let reloaded = daemon.after(mark, "daemon.reloaded", "");
        assert_eq!(reloaded["accounts"], started["accounts"], "{reloaded}");
        assert_eq!(
            (&reloaded["added"], &reloaded["removed"]),
            (&0.into(), &0.into())
        );
        while daemon.events("sync.finished").len() < mine {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut status = home.command(&[
            "status",
            "--stale-after",
            "1h",
            "--shard",
            &format!("{number}/3"),
        ]);
        status.env(
            "STATE_DIRECTORY",
            home.path().join(format!("state{number}")),
        );
        let status = status.output().unwrap();
        assert_eq!(status.status.code(), Some(0), "{}", said(&status));
        let told = said(&status);
        let rows = told.lines().filter(|line| line.starts_with("user"));
        assert_eq!(rows.count(), mine, "{told}");
        let ended = daemon.end(Signal::TERM);
        ended.assert_orderly();
        let passes = ended.events("sync.finished");
        let names = passes
            .iter()
            .map(|event: &Value| event["account"].as_str().unwrap().to_owned());
        names.for_each(|name| *kept.entry(name).or_default() += 1);
    }
    assert_eq!(kept.len(), names.len(), "{kept:?}");
    assert!(kept.values().all(|times| *times == 1), "{kept:?}");
}

/// What docs/scaling.md gives to others, run by a shell.
#[test]
fn whose_an_account_is_can_be_computed_as_the_page_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scaling.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let function = block.lines().next().unwrap();
    for name in ["ada", "bob@example.org", "büro", "user7"] {
        let account = AccountName::parse(name).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{function}\nshard_of {name} 5")]);
        let said = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        let shard: Shard = format!("{}/5", said.trim()).parse().unwrap();
        assert!(shard.keeps(&account), "{name}: {said}");
    }
}

#[test]
fn a_shard_that_is_none_is_a_wrong_command_line() {
    let home = Home::new("accounts:\n  a: {host: h, user: u, password: {env: PW}}\n");
    let output = home.run(&["run", "--shard", "3/3"]);
    assert_eq!(output.status.code(), Some(64), "{}", said(&output));
    assert!(
        said(&output).contains("of 3 the last is `2/3`"),
        "{}",
        said(&output)
    );
}
