use super::*;
use postrider_core::fault::Fault;
use postrider_core::settings::AuthChoice;

fn login(choice: AuthChoice) -> Login {
    Login {
        user: "ada".to_owned(),
        password: Secret::new("p\u{e4}ss,word=".to_owned()),
        choice,
        service: "imap@localhost".to_owned(),
    }
}

fn offered(mechanisms: &str) -> Vec<String> {
    mechanisms.split_whitespace().map(str::to_owned).collect()
}

fn exchange(mechanism: &str) -> Exchange {
    Exchange::begin(
        &login(AuthChoice::Auto),
        &offered(mechanism),
        Line::Encrypted(None),
    )
    .unwrap()
    .unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row for every case")]
fn the_strongest_common_mechanism_is_chosen() {
    use AuthChoice::{
        Auto, CramMd5, External, Gssapi, Login, OAuth2, Plain, ScramSha1, ScramSha256,
    };
    const TLS: Line<'_> = Line::Encrypted(None);
    const EXPOSED: Line<'_> = Line::Exposed;
    let octets = vec![1; 32];
    let name = "tls-exporter";
    let binding = ChannelBinding { name, octets };
    let bound = Line::Encrypted(Some(&binding));
    for (choice, mechanisms, line, expected) in [
        (Auto, "PLAIN LOGIN", TLS, Ok(Some("PLAIN"))),
        (
            Auto,
            "login plain scram-sha-1",
            TLS,
            Ok(Some("SCRAM-SHA-1")),
        ),
        (
            Auto,
            "SCRAM-SHA-1 SCRAM-SHA-256",
            TLS,
            Ok(Some("SCRAM-SHA-256")),
        ),
        (Auto, "LOGIN", TLS, Ok(Some("LOGIN"))),
        (Auto, "GSSAPI XOAUTH2", TLS, Ok(None)),
        (Auto, "GSSAPI PLAIN", TLS, Ok(Some("PLAIN"))),
        (Auto, "GSSAPI", Line::Cleartext, Ok(None)),
        (Gssapi, "PLAIN SCRAM-SHA-256", TLS, Err(())),
        #[cfg(feature = "gssapi")]
        (Gssapi, "PLAIN gssapi", TLS, Ok(Some("GSSAPI"))),
        (Auto, "", TLS, Ok(None)),
        (Auto, "PLAIN SCRAM-SHA-1", EXPOSED, Ok(Some("SCRAM-SHA-1"))),
        (Auto, "PLAIN LOGIN", EXPOSED, Err(())),
        (Auto, "", EXPOSED, Err(())),
        (Plain, "PLAIN SCRAM-SHA-1", TLS, Ok(Some("PLAIN"))),
        (Plain, "SCRAM-SHA-1", TLS, Err(())),
        (Plain, "PLAIN", EXPOSED, Err(())),
        (Login, "PLAIN LOGIN SCRAM-SHA-1", TLS, Ok(None)),
        (Login, "PLAIN LOGIN", EXPOSED, Err(())),
        (
            Auto,
            "SCRAM-SHA-256-PLUS SCRAM-SHA-256",
            TLS,
            Ok(Some("SCRAM-SHA-256")),
        ),
        (
            Auto,
            "SCRAM-SHA-1-PLUS SCRAM-SHA-256",
            bound,
            Ok(Some("SCRAM-SHA-1-PLUS")),
        ),
        (Auto, "CRAM-MD5 PLAIN", TLS, Ok(Some("PLAIN"))),
        (Auto, "CRAM-MD5", TLS, Ok(Some("CRAM-MD5"))),
        (
            Auto,
            "PLAIN CRAM-MD5",
            Line::Cleartext,
            Ok(Some("CRAM-MD5")),
        ),
        (Auto, "PLAIN LOGIN", Line::Cleartext, Ok(Some("PLAIN"))),
        (Auto, "PLAIN CRAM-MD5", EXPOSED, Ok(Some("CRAM-MD5"))),
        (Auto, "ANONYMOUS EXTERNAL OAUTHBEARER", TLS, Ok(None)),
        (CramMd5, "cram-md5 PLAIN", TLS, Ok(Some("CRAM-MD5"))),
        (CramMd5, "PLAIN", TLS, Err(())),
        (
            ScramSha1,
            "SCRAM-SHA-1 SCRAM-SHA-256",
            TLS,
            Ok(Some("SCRAM-SHA-1")),
        ),
        (
            ScramSha256,
            "SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
            bound,
            Ok(Some("SCRAM-SHA-256-PLUS")),
        ),
        (ScramSha256, "SCRAM-SHA-256-PLUS", TLS, Err(())),
        (External, "EXTERNAL PLAIN", TLS, Ok(Some("EXTERNAL"))),
        (External, "PLAIN", TLS, Err(())),
        (
            OAuth2,
            "PLAIN XOAUTH2 OAUTHBEARER",
            TLS,
            Ok(Some("OAUTHBEARER")),
        ),
        (OAuth2, "PLAIN XOAUTH2", TLS, Ok(Some("XOAUTH2"))),
        (OAuth2, "PLAIN", TLS, Err(())),
        (OAuth2, "OAUTHBEARER XOAUTH2", EXPOSED, Err(())),
    ] {
        let begun = Exchange::begin(&login(choice), &offered(mechanisms), line);
        let chosen = begun.as_ref().map(|e| e.as_ref().map(Exchange::mechanism));
        assert_eq!(
            chosen.map_err(|_| ()),
            expected,
            "{choice:?} {mechanisms} {line:?}"
        );
        if let Err(error) = begun {
            assert_eq!(error.fault(), Fault::Auth);
            assert!(error.hint().is_some());
        }
    }
}

#[cfg(feature = "gssapi")]
#[test]
fn a_ticket_takes_more_than_one_message() {
    let (login, offered) = (login(AuthChoice::Gssapi), offered("GSSAPI"));
    let begun = Exchange::begin(&login, &offered, Line::Encrypted(None));
    assert!(!begun.unwrap().unwrap().may_be_one_message());
    assert!(exchange("PLAIN").may_be_one_message());
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
    let mut plain = Exchange::begin(&login, &offered("PLAIN"), Line::Encrypted(None))
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

#[test]
fn a_token_is_one_message_and_the_server_s_reasons_are_heard() {
    for (mechanism, message, dummy) in [
        (
            "OAUTHBEARER",
            "n,a=ada,\u{1}auth=Bearer p\u{e4}ss,word=\u{1}\u{1}",
            "AQ==",
        ),
        (
            "XOAUTH2",
            "user=ada\u{1}auth=Bearer p\u{e4}ss,word=\u{1}\u{1}",
            "",
        ),
    ] {
        let begin = || {
            let login = login(AuthChoice::OAuth2);
            let begun = Exchange::begin(&login, &offered(mechanism), Line::Encrypted(None));
            let mut exchange = begun.unwrap().unwrap();
            let first = exchange.initial().unwrap().unwrap();
            assert_eq!(STANDARD.decode(first.reveal()).unwrap(), message.as_bytes());
            exchange
        };
        begin().finish().unwrap();
        let mut exchange = begin();
        let error = STANDARD.encode(r#"{"status":"invalid_token"}"#);
        assert_eq!(exchange.respond(&error).unwrap().reveal(), dummy);
        assert!(exchange.reasons().unwrap().contains("has ended"));
        assert!(exchange.respond("").is_err(), "one error is enough");
    }
}

#[test]
fn external_says_who_and_nothing_else() {
    let begun = Exchange::begin(
        &login(AuthChoice::External),
        &offered("EXTERNAL"),
        Line::Encrypted(None),
    );
    let mut exchange = begun.unwrap().unwrap();
    let first = exchange.initial().unwrap().unwrap();
    assert_eq!(STANDARD.decode(first.reveal()).unwrap(), b"ada");
    exchange.finish().unwrap();
}

#[test]
fn cram_md5_answers_once() {
    let mut exchange = exchange("CRAM-MD5");
    assert!(exchange.initial().unwrap().is_none());
    let answer = exchange.respond(&STANDARD.encode("<1.2@h>")).unwrap();
    let answer = STANDARD.decode(answer.reveal()).unwrap();
    assert!(answer.starts_with(b"ada ") && answer.len() == 4 + 32);
    assert!(exchange.respond("").is_err());
    exchange.finish().unwrap();
}

#[test]
fn what_binds_to_the_connection_is_sent_with_the_proof() {
    let octets = vec![7; 32];
    let name = "tls-exporter";
    let binding = ChannelBinding { name, octets };
    let begun = Exchange::begin(
        &login(AuthChoice::Auto),
        &offered("SCRAM-SHA-256-PLUS"),
        Line::Encrypted(Some(&binding)),
    );
    let mut exchange = begun.unwrap().unwrap();
    let first = exchange.initial().unwrap().unwrap();
    let first = String::from_utf8(STANDARD.decode(first.reveal()).unwrap()).unwrap();
    assert!(first.starts_with("p=tls-exporter,,n=ada,r="), "{first}");
    let nonce = first.rsplit("r=").next().unwrap();
    let challenge = format!("r={nonce}server,s=c2FsdA==,i=1");
    let last = exchange.respond(&STANDARD.encode(challenge)).unwrap();
    let last = String::from_utf8(STANDARD.decode(last.reveal()).unwrap()).unwrap();
    let bound = [b"p=tls-exporter,,".as_slice(), &[7; 32]].concat();
    let wanted = format!("c={},", STANDARD.encode(bound));
    assert!(last.starts_with(&wanted), "{last}");
}

#[test]
fn a_server_that_offers_no_binding_is_told_whether_we_could() {
    let binding = ChannelBinding {
        name: "tls-exporter",
        octets: vec![7; 32],
    };
    for (line, flag, header) in [
        (Line::Encrypted(Some(&binding)), "y,,n=ada,r=", "c=eSws,"),
        (Line::Encrypted(None), "n,,n=ada,r=", "c=biws,"),
        (Line::Cleartext, "n,,n=ada,r=", "c=biws,"),
    ] {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1"] {
            let offered = offered(mechanism);
            let begun = Exchange::begin(&login(AuthChoice::Auto), &offered, line);
            let mut exchange = begun.unwrap().unwrap();
            let first = decoded(&exchange.initial().unwrap().unwrap());
            let nonce = first.strip_prefix(flag);
            let nonce = nonce.unwrap_or_else(|| panic!("{line:?}: {first}"));
            let challenge = format!("r={nonce}server,s=c2FsdA==,i=1");
            let last = decoded(&exchange.respond(&STANDARD.encode(challenge)).unwrap());
            assert!(last.starts_with(header), "{line:?}: {last}");
        }
    }
}

#[test]
fn weaker_is_seen_by_what_is_best() {
    let of = |mechanisms| Strength::of(&offered(mechanisms));
    assert!(of("PLAIN scram-sha-256") > of("PLAIN LOGIN CRAM-MD5"));
    assert!(of("SCRAM-SHA-1-PLUS") > of("SCRAM-SHA-256"));
    assert_eq!(of(""), of("PLAIN"));
}
