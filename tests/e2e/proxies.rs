//! `proxy` on the built binary: real proxies, both protocols, and nothing that goes past them.

use postrider_mailserver::{Mailstore, Options, Service};
use postrider_tests::dovecot::Dovecot;
use postrider_tests::network::{ENDS, Network, SERVER};
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};
use postrider_tests::proxies::{Kind, RunningProxy, command};
use postrider_tests::rig::message;
use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

const KINDS: [Kind; 2] = [Kind::Socks5, Kind::Http];

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(proxy: &str, rest: &str) -> String {
    format!(
        "state_dir: {{home}}/state\ndefaults:\n  proxy: {proxy}\n  user: ada\n  password: {{command: echo secret}}\n  \
         poll: 1h\n{rest}"
    )
}

/// Both protocols over TLS, in both ways of beginning it; POP3 leaves everything, so that it can be asked again.
fn accounts(dovecot: &Dovecot) -> String {
    let of = |name: &str, protocol: &str, tls: &str, port: u16| {
        format!(
            "  {name}: {{protocol: {protocol}, host: localhost, port: {port}, tls: {tls}, ca_file: {}, retention: keep, \
             maildir: \"{{home}}/{name}\"}}\n",
            dovecot.ca_file.display()
        )
    };
    let all = [
        of("imaps", "imap", "implicit", dovecot.imaps_port),
        of("imap", "imap", "starttls", dovecot.imap_port),
        of("pop3s", "pop3", "implicit", dovecot.pop3s_port),
        of("pop3", "pop3", "starttls", dovecot.pop3_port),
    ];
    format!("accounts:\n{}", all.concat())
}

fn filled() -> Dovecot {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    ada.append("INBOX", message("INBOX", 0).as_bytes(), &[], 1_700_000_000);
    dovecot
}

#[test]
fn both_protocols_go_by_both_kinds_of_proxy_and_tls_is_the_servers() {
    let dovecot = filled();
    for kind in KINDS {
        let home = Home::new("");
        let proxy = RunningProxy::start(kind, None, home.path());
        home.configure(&config(&proxy.url(""), &accounts(&dovecot)));
        let checked = home.succeed(&["check"]);
        assert!(
            checked.contains(&format!("by {}, TLS", proxy.url(""))),
            "{checked}"
        );
        home.succeed(&["sync"]);
        assert_eq!(home.count("SELECT count(*) FROM messages"), 4, "{kind:?}");
        // The name in the certificate is that of the server.
        let wrong = accounts(&dovecot).replace("host: localhost", "host: 127.0.0.1");
        home.configure(&config(&proxy.url(""), &wrong));
        home.succeed(&["sync"]);
        // Without the proxy nothing goes.
        drop(proxy);
        let output = home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains("reaching the proxy"), "{said}");
        assert!(said.contains("whether the proxy runs"), "{said}");
    }
}

#[test]
fn a_proxy_that_wants_a_login_gets_it_and_nobody_else_does() {
    let dovecot = filled();
    for kind in KINDS {
        let home = Home::new("");
        let proxy = RunningProxy::start(kind, Some(("ada", "hunter2")), home.path());
        home.configure(&config(&proxy.url("ada:hunter2@"), &accounts(&dovecot)));
        home.succeed(&["sync"]);
        assert_eq!(home.count("SELECT count(*) FROM messages"), 4, "{kind:?}");
        let shown = home.succeed(&["check", "--offline"]) + &home.succeed(&["status", "--json"]);
        assert!(!shown.contains("hunter2"), "{shown}");
        for (login, said) in [
            ("ada:hunter3@", "user or password is wrong"),
            ("", "it wants a user"),
        ] {
            home.configure(&config(&proxy.url(login), &accounts(&dovecot)));
            let output = home.run(&["sync"]);
            let told = postrider_tests::postrider::said(&output);
            assert_eq!(output.status.code(), Some(77), "{told}");
            assert!(told.contains(said), "{told}");
            assert!(!told.contains("hunter"), "{told}");
        }
    }
}

#[test]
fn what_a_proxy_cannot_reach_is_told_in_words() {
    for kind in KINDS {
        let home = Home::new("");
        let proxy = RunningProxy::start(kind, None, home.path());
        let nobody = "accounts:\n  a: {host: 127.0.0.1, port: 1, tls: none}\n";
        home.configure(&config(&proxy.url(""), nobody));
        let output = home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains("does not connect to 127.0.0.1:1"), "{said}");
    }
}

#[test]
fn what_is_no_proxy_is_told() {
    let dovecot = filled();
    for scheme in ["socks5", "http"] {
        let url = format!("{scheme}://127.0.0.1:{}", dovecot.imap_port);
        let home = Home::new(&config(
            &url,
            "accounts:\n  a: {host: localhost, timeout: 5s}\n",
        ));
        let output = home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(76), "{said}");
        assert!(said.contains("does not answer like a proxy"), "{said}");
    }
}

/// A proxy on the server's machine, where alone the name of the server is known. Killed on drop.
struct Beside(Child);

impl Beside {
    fn start(kind: Kind, network: &Network, home: &Home) -> Self {
        let hosts = home.path().join("hosts");
        fs::write(
            &hosts,
            format!("127.0.0.1 localhost\n{SERVER} mail.example\n"),
        )
        .unwrap();
        let address: Ipv4Addr = ENDS[1].parse().unwrap();
        let inner = command(kind, (address, 1_080), None, home.path());
        let mut outer = network.beside_server();
        outer
            .args(["unshare", "--mount", "sh", "-c"])
            .arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"")
            .arg(&hosts)
            .arg(inner.get_program())
            .args(inner.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Self(outer.spawn().unwrap())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Syncs until the proxy listens.
fn synced(network: &Network, home: &Home) -> Output {
    let begun = Instant::now();
    loop {
        let output = network.command(home, &["sync"]).output().unwrap();
        let listens = !said(&output).contains("reaching the proxy");
        if listens || begun.elapsed() > PATIENCE {
            return output;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn neither_the_name_nor_the_connection_goes_past_the_proxy() {
    let network = Network::make();
    let store = Mailstore::new();
    let ada = store.account("ada", "secret");
    ada.append("INBOX", message("INBOX", 0), &[], 1_700_000_000);
    let connections = network.serve_imap(Service::new(store, Options::default()));
    // There is no route to the server, and no name server: what comes, comes by the proxy.
    let account = "accounts:\n  a: {host: mail.example, tls: none, allow_cleartext: true, timeout: 5s, \
                   maildir: \"{home}/Mail\"}\n";
    for (n, kind) in KINDS.into_iter().enumerate() {
        let scheme = ["socks5", "http"][n];
        let url = format!("{scheme}://{}:1080", ENDS[1]);
        let home = Home::new(&config(&url, account));
        let direct = config(&url, account).replace(&format!("  proxy: {url}\n"), "");
        let proxy = Beside::start(kind, &network, &home);
        let before = connections.load(std::sync::atomic::Ordering::SeqCst);
        let output = synced(&network, &home);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(home.count("SELECT count(*) FROM messages"), 1);
        let after = connections.load(std::sync::atomic::Ordering::SeqCst);
        assert!(after > before);
        // The same without it: not even the name is known.
        home.configure(&direct);
        let output = network.command(&home, &["sync"]).output().unwrap();
        let told = said(&output);
        assert_eq!(output.status.code(), Some(69), "{told}");
        assert!(told.contains("looking up"), "{told}");
        assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), after);
        drop(proxy);
    }
}
