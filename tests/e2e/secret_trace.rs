//! R9 on the built binary: at level `trace`, with every way to log in, the password is in no log, no index, no file, and in
//! no process's arguments or environment.

use postrider_mailserver::{Mailstore, Options, Server};
use postrider_tests::disclosure::Forms;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::message;

/// With what a quoted string and JSON escape.
const PASSWORD: &str = r#"correct "horse" \battery"#;

/// What was said on the wire, without the login, shows that there was a trace.
fn assert_traced(text: &str, protocol: &str) {
    let last = match protocol {
        "imap" => "LOGOUT",
        _ => "QUIT",
    };
    assert!(text.contains(last), "{text}");
    assert!(
        text.contains("<redacted>") || text.contains("PASS …") || text.contains("AUTH"),
        "{text}"
    );
}

fn config(protocol: &str, port: u16, rest: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: FORMAT, level: trace}}\naccounts:\n  home:\n    protocol: {protocol}\n    \
         host: 127.0.0.1\n    port: {port}\n    tls: none\n    user: ada\n    password: {{file: \"{{home}}/secret\"}}\n    \
         maildir: \"{{home}}/Mail\"\n    retention: keep\n{rest}"
    )
}

/// Writes down the arguments and environments of all processes while the daemon is logged in.
const LOOKS: &str = "    on_new: [\"sh\", \"-c\", \"for p in /proc/[0-9]*; do cat $p/cmdline $p/environ; done \
                     > '{home}/processes' 2>/dev/null; true\"]\n";

fn write_secret(home: &Home, password: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = home.path().join("secret");
    std::fs::write(&path, password).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// One pass with the right password and one with a wrong one, in both forms of the log.
fn pass(config: &str, protocol: &str, password: &str) {
    let right = Forms::of(password);
    for format in ["text", "json"] {
        let home = Home::new(&config.replace("FORMAT", format));
        write_secret(&home, password);
        let text = home.succeed(&["sync"]);
        assert_traced(&text, protocol);
        right.assert_undisclosed(&home, &text, &["secret"]);
        // One letter more.
        let wrong = format!("{password}x");
        write_secret(&home, &wrong);
        let output = home.run(&["sync"]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(77), "{text}");
        Forms::of(&wrong).assert_undisclosed(&home, &text, &["secret"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_no_way_to_log_in_by_imap_leaves_the_password_anywhere() {
    let full = Options::default();
    let without = |names: &[&str]| {
        let mut options = full.clone();
        options
            .imap_capabilities
            .retain(|word| !names.contains(&word.as_str()));
        options
    };
    for (options, auth, password) in [
        // AUTHENTICATE PLAIN in one line; after a continuation; LOGIN, quoted; LOGIN with literals that need not wait, and that
        // do.
        (full.clone(), "auto", PASSWORD),
        (without(&["SASL-IR"]), "plain", PASSWORD),
        (full.clone(), "login", PASSWORD),
        (full.clone(), "login", "größer als Gott"),
        (
            without(&["LITERAL+", "AUTH=PLAIN"]),
            "auto",
            "größer als Gott",
        ),
    ] {
        let store = Mailstore::new();
        let ada = store.account("ada", password);
        ada.append("INBOX", message("INBOX", 0), &[], 1_700_000_000);
        let server = Server::start(store, options).await.unwrap();
        let rest = format!("    auth: {auth}\n{LOOKS}");
        let config = config("imap", server.imap_addr.port(), &rest);
        tokio::task::spawn_blocking(move || pass(&config, "imap", password))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_no_way_to_log_in_by_pop3_leaves_the_password_anywhere() {
    for auth in ["plain", "login"] {
        let store = Mailstore::new();
        let ada = store.account("ada", PASSWORD);
        ada.append("INBOX", message("INBOX", 0), &[], 1_700_000_000);
        let server = Server::start(store, Options::default()).await.unwrap();
        let rest = format!("    auth: {auth}\n{LOOKS}");
        let config = config("pop3", server.pop3_addr.port(), &rest);
        tokio::task::spawn_blocking(move || pass(&config, "pop3", PASSWORD))
            .await
            .unwrap();
    }
}

#[test]
fn r9_what_an_earlier_trace_could_say_of_a_real_server() {
    // Dovecot's password is `secret`, which is too short to be told from chance by itself: PLAIN's one message is not.
    let dovecot = Dovecot::start();
    for (protocol, port) in [("imap", dovecot.imap_port), ("pop3", dovecot.pop3_port)] {
        let home = Home::new(&config(protocol, port, "").replace("FORMAT", "text"));
        write_secret(&home, Dovecot::PASSWORD);
        let text = home.succeed(&["sync"]);
        assert_traced(&text, protocol);
        for form in ["AGFkYQBzZWNyZXQ", "ada secret", "\"secret\"", "PASS secret"] {
            assert!(!text.contains(form), "{text}");
        }
    }
}
