use super::*;
use postrider_core::fault::Fault;

fn login(choice: AuthChoice) -> Login {
    Login {
        user: "ada".to_owned(),
        password: Secret::new("p\u{e4}ss,word=".to_owned()),
        choice,
    }
}

fn offered(mechanisms: &str) -> Vec<String> {
    mechanisms.split_whitespace().map(str::to_owned).collect()
}

fn exchange(mechanism: &str) -> Exchange {
    Exchange::begin(&login(AuthChoice::Auto), &offered(mechanism), true)
        .unwrap()
        .unwrap()
}

#[test]
fn the_strongest_common_mechanism_is_chosen() {
    use AuthChoice::{Auto, Login, Plain};
    for (choice, mechanisms, secured, expected) in [
        (Auto, "PLAIN LOGIN", true, Ok(Some("PLAIN"))),
        (
            Auto,
            "login plain scram-sha-1",
            true,
            Ok(Some("SCRAM-SHA-1")),
        ),
        (
            Auto,
            "SCRAM-SHA-1 SCRAM-SHA-256",
            true,
            Ok(Some("SCRAM-SHA-256")),
        ),
        (Auto, "LOGIN", true, Ok(Some("LOGIN"))),
        (Auto, "GSSAPI XOAUTH2", true, Ok(None)),
        (Auto, "", true, Ok(None)),
        (Auto, "PLAIN SCRAM-SHA-1", false, Ok(Some("SCRAM-SHA-1"))),
        (Auto, "PLAIN LOGIN", false, Err(())),
        (Auto, "", false, Err(())),
        (Plain, "PLAIN SCRAM-SHA-1", true, Ok(Some("PLAIN"))),
        (Plain, "SCRAM-SHA-1", true, Err(())),
        (Plain, "PLAIN", false, Err(())),
        (Login, "PLAIN LOGIN SCRAM-SHA-1", true, Ok(None)),
        (Login, "PLAIN LOGIN", false, Err(())),
    ] {
        let begun = Exchange::begin(&login(choice), &offered(mechanisms), secured);
        let chosen = begun.as_ref().map(|e| e.as_ref().map(Exchange::mechanism));
        assert_eq!(
            chosen.map_err(|_| ()),
            expected,
            "{choice:?} {mechanisms} {secured}"
        );
        if let Err(error) = begun {
            assert_eq!(error.fault(), Fault::Auth);
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn plain_is_one_message() {
    let mut plain = exchange("PLAIN");
    let response = plain.initial().unwrap().unwrap();
    let decoded = STANDARD.decode(response.reveal()).unwrap();
    assert_eq!(decoded, "\0ada\0p\u{e4}ss,word=".as_bytes());
    assert!(plain.is_done());
    // A server that goes on asking gets nothing more.
    assert_eq!(plain.respond("").unwrap_err().fault(), Fault::Protocol);
}

#[test]
fn login_answers_two_questions() {
    let mut login = exchange("LOGIN");
    assert!(login.initial().unwrap().is_none());
    let user = login.respond(&STANDARD.encode("Username:")).unwrap();
    assert_eq!(user.reveal(), STANDARD.encode("ada"));
    assert!(!login.is_done());
    let password = login.respond(&STANDARD.encode("Password:")).unwrap();
    assert_eq!(password.reveal(), STANDARD.encode("p\u{e4}ss,word="));
    login.finish().unwrap();
}

#[test]
fn an_empty_password_is_our_error_not_a_panic() {
    let mut login = login(AuthChoice::Plain);
    login.password = Secret::new(String::new());
    let mut plain = Exchange::begin(&login, &offered("PLAIN"), true)
        .unwrap()
        .unwrap();
    assert_eq!(plain.initial().unwrap_err().fault(), Fault::Auth);
}

/// The server's side of SCRAM by RFC 5802 section 3, with ring and not with rsasl.
struct Server {
    pbkdf2: ring::pbkdf2::Algorithm,
    hmac: ring::hmac::Algorithm,
    digest: &'static ring::digest::Algorithm,
    transcript: String,
}

impl Server {
    fn new(mechanism: &str) -> Self {
        let transcript = String::new();
        match mechanism {
            "SCRAM-SHA-1" => Self {
                pbkdf2: ring::pbkdf2::PBKDF2_HMAC_SHA1,
                hmac: ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                digest: &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
                transcript,
            },
            _ => Self {
                pbkdf2: ring::pbkdf2::PBKDF2_HMAC_SHA256,
                hmac: ring::hmac::HMAC_SHA256,
                digest: &ring::digest::SHA256,
                transcript,
            },
        }
    }

    /// client-first → server-first.
    fn challenge(&mut self, first: &Secret) -> String {
        let first = decoded(first);
        let bare = first.strip_prefix("n,,").unwrap();
        let nonce = bare.strip_prefix("n=ada,r=").unwrap();
        let challenge = format!("r={nonce}server,s={},i=4096", STANDARD.encode("salt"));
        self.transcript = format!("{bare},{challenge}");
        STANDARD.encode(challenge)
    }

    /// client-final → server-final, once the proof is verified.
    fn verifier(&self, proof: &Secret) -> String {
        let last = decoded(proof);
        let (without_proof, proof) = last.split_once(",p=").unwrap();
        let transcript = format!("{},{without_proof}", self.transcript);
        let mac = |key: &[u8], text: &str| {
            let key = ring::hmac::Key::new(self.hmac, key);
            ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        };
        let mut salted = vec![0; self.digest.output_len()];
        let iterations = 4096.try_into().unwrap();
        let password = "p\u{e4}ss,word=".as_bytes();
        ring::pbkdf2::derive(self.pbkdf2, iterations, b"salt", password, &mut salted);
        let stored = ring::digest::digest(self.digest, &mac(&salted, "Client Key"));
        let signature = mac(stored.as_ref(), &transcript);
        let key: Vec<u8> = STANDARD
            .decode(proof)
            .unwrap()
            .iter()
            .zip(&signature)
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(key, mac(&salted, "Client Key"), "the client's proof");
        let verifier = mac(&mac(&salted, "Server Key"), &transcript);
        STANDARD.encode(format!("v={}", STANDARD.encode(verifier)))
    }
}

fn decoded(message: &Secret) -> String {
    String::from_utf8(STANDARD.decode(message.reveal()).unwrap()).unwrap()
}

#[test]
fn scram_proves_both_sides() {
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let (mut ours, mut theirs) = (exchange(mechanism), Server::new(mechanism));
        let first = ours.initial().unwrap().unwrap();
        let challenge = theirs.challenge(&first);
        let proof = ours.respond(&challenge).unwrap();
        assert!(!ours.is_done(), "the server has proved nothing yet");
        let verifier = theirs.verifier(&proof);
        assert_eq!(ours.respond(&verifier).unwrap().reveal(), "");
        ours.finish().unwrap();
    }
}

#[test]
fn a_server_that_skips_its_proof_is_not_believed() {
    let mut ours = exchange("SCRAM-SHA-256");
    let first = ours.initial().unwrap().unwrap();
    let challenge = Server::new("SCRAM-SHA-256").challenge(&first);
    ours.respond(&challenge).unwrap();
    let error = ours.finish().unwrap_err();
    assert!(matches!(error, TransportError::ServerUnproven { .. }));
}

#[test]
fn a_server_with_a_wrong_proof_is_not_believed() {
    let mut ours = exchange("SCRAM-SHA-256");
    let first = ours.initial().unwrap().unwrap();
    let challenge = Server::new("SCRAM-SHA-256").challenge(&first);
    ours.respond(&challenge).unwrap();
    let error = ours.respond(&STANDARD.encode("v=QUJD")).unwrap_err();
    assert!(matches!(error, TransportError::ServerUnproven { .. }));
}

#[test]
fn hostile_challenges_are_errors_not_panics() {
    for challenge in [
        "",
        "!!!",
        "=",
        "r=x",
        "r=x,,",
        "r=x,s,i",
        "r=x,s=QQ==,i=4294967295",
    ] {
        for encoded in [challenge.to_owned(), STANDARD.encode(challenge)] {
            let mut ours = exchange("SCRAM-SHA-1");
            ours.initial().unwrap();
            let error = ours.respond(&encoded).unwrap_err();
            assert_eq!(error.fault(), Fault::Protocol, "{encoded}");
        }
    }
}

#[test]
fn nothing_shows_the_password() {
    let login = login(AuthChoice::Auto);
    let mut exchange = exchange("PLAIN");
    let response = exchange.initial().unwrap();
    let shown = format!("{login:?} {exchange:?} {response:?}");
    assert!(!shown.contains("word="), "{shown}");
    assert!(!shown.contains(&STANDARD.encode("\0ada")), "{shown}");
}
