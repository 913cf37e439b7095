//! What all accounts share: connections and bandwidth, fair to all, and open files, however few.

use postrider_core::account::Protocol;
use postrider_mailserver::{Action, Fault, Mailstore, Options, Server};
use postrider_tests::counting_relay::CountingRelay;
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::Home;
use postrider_tests::rig::{Rig, message};
use rustix::process::Signal;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

fn config(limits: &str, accounts: &str, port: u16) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json}}\nlimits: {{{limits}}}\ndefaults:\n  host: 127.0.0.1\n  \
         port: {port}\n  tls: none\n  password: {{command: echo secret}}\n  poll: 1h\n  maildir: \"{{home}}/{{account}}\"\n\
         accounts:\n{accounts}"
    )
}

/// A server with these users, each with `mailboxes` mailboxes of `messages` messages of about `octets` octets.
async fn server(users: &[(&str, usize, usize, usize)]) -> Server {
    let store = Mailstore::new();
    for (user, mailboxes, messages, octets) in users {
        let account = store.account(user, "secret");
        for mailbox in 0..*mailboxes {
            let name = if mailbox == 0 {
                "INBOX".to_owned()
            } else {
                format!("m{mailbox}")
            };
            account.create(&name);
            for n in 0..*messages {
                let filler = "filler line of the body\r\n".repeat(octets / 25);
                account.append(&name, message(&name, n) + &filler, &[], 1_700_000_000);
            }
        }
    }
    Server::start(store, Options::default()).await.unwrap()
}

fn accounts(names: &[String]) -> String {
    let account = |name: &String| format!("  {name}: {{user: {name}}}\n");
    names.iter().map(account).collect()
}

fn finished(daemon: &RunningDaemon) -> Vec<String> {
    let passes = daemon.events("sync.finished");
    let name = |event: &Value| event["account"].as_str().unwrap().to_owned();
    passes.iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_accounts_share_few_connections_and_each_has_its_turn() {
    let names: Vec<String> = (0..30).map(|n| format!("user{n:02}")).collect();
    let users: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), 1, 3, 100))
        .collect();
    let server = server(&users).await;
    let relay = CountingRelay::to(server.imap_addr).await;
    let home = Home::new(&config("connections: 2", &accounts(&names), relay.port));
    let daemon = RunningDaemon::start(&home);
    for name in &names {
        daemon.after(0, "sync.finished", name);
    }
    // The relay learns of an end a little later than the daemon.
    assert!((1..=4).contains(&relay.most()), "{}", relay.most());
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_several_connections_starves_nobody() {
    // Enough to be worth further connections: the greedy one has two of two.
    let server = server(&[("greedy", 6, 60, 100_000), ("small", 1, 1, 100)]).await;
    let accounts = "  greedy: {user: greedy, connections: 10}\n";
    let limits = "connections: 2, bandwidth: 8MiB";
    let port = server.imap_addr.port();
    let home = Home::new(&config(limits, accounts, port));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "message.stored", "greedy");
    let more = format!("{accounts}  small: {{user: small}}\n");
    home.configure(&config(limits, &more, port));
    daemon.signal(Signal::HUP);
    daemon.after(0, "sync.finished", "small");
    assert_eq!(
        finished(&daemon),
        ["small"],
        "before the greedy one has all"
    );
    daemon.after(0, "sync.finished", "greedy");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn bandwidth_is_kept_and_shared() {
    let server = server(&[("large", 4, 5, 100_000), ("small", 1, 2, 100_000)]).await;
    let accounts = "  large: {user: large, connections: 3}\n  small: {user: small}\n";
    let home = Home::new(&config(
        "bandwidth: 500KiB",
        accounts,
        server.imap_addr.port(),
    ));
    let begun = Instant::now();
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "small");
    assert_eq!(
        finished(&daemon),
        ["small"],
        "a tenth of the octets comes first"
    );
    daemon.after(0, "sync.finished", "large");
    let took = begun.elapsed();
    // 2.2 MB at half a MiB in a second.
    assert!(took >= Duration::from_secs(4), "{took:?}");
    daemon.end(Signal::TERM).assert_orderly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_sync_keeps_to_the_limits_too() {
    let server = server(&[("ada", 1, 5, 100_000)]).await;
    let accounts = "  ada: {user: ada}\n";
    let home = Home::new(&config(
        "bandwidth: 250KiB",
        accounts,
        server.imap_addr.port(),
    ));
    let begun = Instant::now();
    tokio::task::block_in_place(|| home.succeed(&["sync"]));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1_700), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_too_few_open_files_everything_takes_turns_and_the_log_says_what_to_type() {
    let names: Vec<String> = (0..150).map(|n| format!("user{n:03}")).collect();
    let users: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), 1, 40, 100))
        .collect();
    let server = server(&users).await;
    let home = Home::new(&config("", &accounts(&names), server.imap_addr.port()));
    let run = home.command(&["run"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 450; exec \"$@\"", "sh"]);
    command
        .arg(run.get_program())
        .args(run.get_args())
        .env_clear();
    command.envs(
        run.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let daemon = RunningDaemon::started_by(&home, command);
    let crowded = daemon.after(0, "daemon.crowded", "");
    assert_eq!(
        (&crowded["level"], &crowded["allowed"]),
        (&"warn".into(), &450.into()),
        "{crowded}"
    );
    assert!(
        crowded["hint"].as_str().unwrap().contains("LimitNOFILE="),
        "{crowded}"
    );
    assert!(crowded["connections"].as_u64() < Some(100), "{crowded}");
    for name in &names {
        daemon.after(0, "sync.finished", name);
    }
    let ended = daemon.end(Signal::TERM);
    ended.assert_orderly();
    assert_eq!(ended.events("account.failed"), Vec::<Value>::new());
    assert_eq!(ended.events("message.stored").len(), 150 * 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_is_enough_where_a_server_hangs_up_on_who_is_early() {
    let mut rig = Rig::new(Protocol::Imap).await;
    rig.limits.connections = NonZeroUsize::new(1);
    rig.fill("INBOX", 3);
    rig.pass().await.unwrap();
    // What is known of the server by now is used before it has let us in.
    rig.server.faults().plan(Fault::on("LIST", Action::Cut));
    let pass = tokio::time::timeout(Duration::from_secs(30), rig.pass());
    pass.await.expect("it waits for itself").unwrap();
    assert_eq!(rig.server.faults().pending(), 0);
}
