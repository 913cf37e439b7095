//! A daemon between servers that mean harm: whoever fails is tried again later and later, and the others go on as if
//! nothing were.

use postrider_mailserver::{Mailstore, Options, Server, Service};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::hostile::{Act, HostileServer, Protocol, Trap, case};
use postrider_tests::postrider::Home;
use postrider_tests::rig::message;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_daemon_serves_the_others_while_servers_flood_it() {
    let store = Mailstore::new();
    let good = store.account("good", "secret");
    good.append("INBOX", message("INBOX", 0), &[], 1_700_000_000);
    let _account = store.account("talks", "secret");
    let _account = store.account("nests", "secret");
    let _account = store.account("announces", "secret");
    let idle = Options::default().with(&["IDLE"]);
    let honest = || Service::new(store.clone(), idle.clone());
    let start = |traps| HostileServer::start(honest(), Protocol::Imap, traps);
    let literal = "* LIST () \"/\" {9223372036854775808}\r\n";
    let untroubled = Server::start(store.clone(), idle.clone()).await.unwrap();
    let servers = [
        (
            "talks",
            start(vec![Trap::at("LIST", [Act::flood("* OK Still here\r\n")])]).await,
        ),
        (
            "nests",
            start(vec![Trap::at(
                "EXAMINE",
                [Act::flood("* X ((((((((((((((((")],
            )])
            .await,
        ),
        (
            "announces",
            start(vec![Trap::at("LIST", [Act::say(literal), Act::Hang])]).await,
        ),
    ];
    let mut yaml = "log: {format: json}\nstate_dir: {home}/state\nruntime_dir: {home}/run\ndefaults:\n  host: 127.0.0.1\n  \
                    tls: none\n  password: secret\n  poll: 1s\n  maildir: {home}/Mail/{account}\naccounts:\n"
        .to_owned();
    let hostile = servers.iter().map(|(name, server)| (*name, server.port));
    for (name, port) in hostile.chain([("good", untroubled.imap_addr.port())]) {
        yaml += &format!("  {name}: {{port: {port}, user: {name}}}\n");
    }
    let ended = tokio::task::spawn_blocking(move || {
        let home = Home::new(&yaml);
        std::fs::create_dir(home.path().join("run")).unwrap();
        let daemon = RunningDaemon::start(&home);
        daemon.after(0, "message.stored", "good");
        for name in ["talks", "nests", "announces"] {
            let failed = daemon.after(0, "account.failed", name);
            assert_eq!(failed["kind"], "protocol", "{failed}");
            assert!(failed["retry_in_s"].as_u64() > Some(0), "{failed}");
        }
        // While they are tried again.
        for n in 1..4 {
            let mark = daemon.mark();
            good.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
            daemon.after(mark, "message.stored", "good");
        }
        let peak = case::peak(daemon.pid()).unwrap();
        assert!(peak < case::MOST_KIB, "{peak} KiB");
        daemon.end(Signal::TERM)
    });
    let ended = ended.await.unwrap();
    ended.assert_orderly();
    assert!(ended.events("message.stored").len() >= 4);
    drop((servers, untroubled));
}
