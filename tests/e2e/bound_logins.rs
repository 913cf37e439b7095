//! Logins that are bound to their connection by the built binary, and a man in the middle who has the server's key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_tests::hostile::Protocol;
use postrider_tests::postrider::{Home, said};
use postrider_tests::scram_server::{Attempt, MiddleMan, Proof, ScramServer, Ways};

const BOTH: [Protocol; 2] = [Protocol::Imap, Protocol::Pop3];

const BOUND: Ways = Ways {
    mechanisms: &[
        "SCRAM-SHA-1",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256-PLUS",
    ],
    sasl_ir: true,
    proof: Proof::Right,
};

const UNBOUND: Ways = Ways {
    mechanisms: &["SCRAM-SHA-256"],
    ..BOUND
};

/// An account of ada's at this port, which trusts the server's authority.
fn home(server: &ScramServer, port: u16, protocol: Protocol) -> Home {
    let protocol = match protocol {
        Protocol::Imap => "imap",
        Protocol::Pop3 => "pop3",
    };
    Home::new(&format!(
        "state_dir: {{home}}/state\nlog: {{level: trace}}\naccounts:\n  home:\n    protocol: {protocol}\n    \
         host: localhost\n    port: {port}\n    user: {}\n    password: \"{}\"\n    ca_file: {}\n    \
         maildir: \"{{home}}/Mail\"\n    retention: keep\n",
        ScramServer::USER,
        ScramServer::PASSWORD,
        server.ca_file().display(),
    ))
}

fn attempt(mechanism: &str, flag: &str, outcome: Result<(), &'static str>) -> Attempt {
    Attempt {
        mechanism: mechanism.to_owned(),
        flag: flag.to_owned(),
        outcome,
    }
}

/// Syncs, and expects the one message.
fn assert_comes(home: &Home) {
    let said = home.succeed(&["sync"]);
    assert!(!said.contains(ScramServer::PASSWORD), "{said}");
    assert_eq!(mail(home), 1, "{said}");
}

/// Syncs, and expects a failed login (77) with all of `words`, and no mail.
fn assert_refused(home: &Home, words: &[&str]) {
    let output = home.run(&["sync"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains(ScramServer::PASSWORD), "{said}");
    assert_eq!(mail(home), 0, "{said}");
}

/// How many messages there are in the tree: POP3's lie at its root.
fn mail(home: &Home) -> usize {
    let delivered = ["new", "cur", "INBOX/new", "INBOX/cur"];
    let delivered = delivered.map(|dir| home.path().join("Mail").join(dir));
    let files = delivered
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok());
    files.flatten().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_bound_to_its_connection_where_the_server_can() {
    let only_sha_1 = &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"];
    for protocol in BOTH {
        for sasl_ir in [true, false] {
            for (mechanisms, best) in [
                (BOUND.mechanisms, "SCRAM-SHA-256-PLUS"),
                (only_sha_1, "SCRAM-SHA-1-PLUS"),
            ] {
                let ways = Ways {
                    mechanisms,
                    sasl_ir,
                    ..BOUND
                };
                let server = ScramServer::start(protocol, ways).await;
                assert_comes(&home(&server, server.port, protocol));
                let wanted = attempt(best, "p=tls-exporter", Ok(()));
                assert_eq!(server.attempts(), [wanted], "{protocol:?} {ways:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_a_bound_login_is_worth_nothing_to_whoever_sits_between() {
    for protocol in BOTH {
        let server = ScramServer::start(protocol, BOUND).await;
        let middle = MiddleMan::before(&server, &[]).await;
        let refused = [
            "the server refused the login",
            "channel-bindings-dont-match",
        ];
        assert_refused(&home(&server, middle.port, protocol), &refused);
        let why = Err("channel-bindings-dont-match");
        let wanted = attempt("SCRAM-SHA-256-PLUS", "p=tls-exporter", why);
        assert_eq!(server.attempts(), [wanted], "{protocol:?}");
        // One login by one mechanism, and nothing that is weaker after it.
        let heard = middle.heard();
        assert_eq!(heard.matches("SCRAM-").count(), 1, "{heard}");
        let password = STANDARD.encode(ScramServer::PASSWORD);
        assert!(!heard.contains(ScramServer::PASSWORD), "{heard}");
        assert!(!heard.contains(&password), "{heard}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sits_between_is_not_noticed_where_the_server_cannot_bind() {
    for protocol in BOTH {
        let server = ScramServer::start(protocol, UNBOUND).await;
        let middle = MiddleMan::before(&server, &[]).await;
        assert_comes(&home(&server, middle.port, protocol));
        let wanted = attempt("SCRAM-SHA-256", "y", Ok(()));
        assert_eq!(server.attempts(), [wanted], "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_whoever_hides_that_the_server_can_bind_is_noticed_by_it() {
    let hidden = &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"];
    for protocol in BOTH {
        let server = ScramServer::start(protocol, BOUND).await;
        let middle = MiddleMan::before(&server, hidden).await;
        let why = "server-does-support-channel-binding";
        let refused = ["the server refused the login", why];
        assert_refused(&home(&server, middle.port, protocol), &refused);
        let wanted = attempt("SCRAM-SHA-256", "y", Err(why));
        assert_eq!(server.attempts(), [wanted], "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_a_server_that_does_not_prove_itself_is_not_believed() {
    for protocol in BOTH {
        for (ways, best, flag) in [
            (BOUND, "SCRAM-SHA-256-PLUS", "p=tls-exporter"),
            (UNBOUND, "SCRAM-SHA-256", "y"),
        ] {
            for proof in [Proof::Wrong, Proof::Missing] {
                let server = ScramServer::start(protocol, Ways { proof, ..ways }).await;
                let unproven = format!("the server did not prove by {best} that");
                let words = [unproven.as_str(), "somebody may be posing as your server"];
                assert_refused(&home(&server, server.port, protocol), &words);
                let wanted = attempt(best, flag, Ok(()));
                assert_eq!(server.attempts(), [wanted], "{protocol:?} {proof:?}");
            }
        }
    }
}
