//! Greetings, STARTTLS and logins at scripted servers.

use crate::error::ImapError;
use crate::error::Refusal;
use crate::session::Session;
use crate::session::SessionState;
use crate::testing::{login, play};
use postrider_core::fault::Fault;
use postrider_core::settings::AuthChoice;
use postrider_core::settings::TlsMode;

async fn greet(script: &str, tls: TlsMode) -> Result<Session, ImapError> {
    let (stream, server) = play(script);
    let session = Session::greet(stream, tls).await;
    if session.is_err() {
        server.await.unwrap();
    }
    session
}

#[tokio::test]
async fn greetings() {
    for tls in [TlsMode::Implicit, TlsMode::StartTls, TlsMode::None] {
        let session = greet("S: * OK hello\nS!", tls).await.unwrap();
        assert_eq!(session.state(), SessionState::NotAuthenticated);
        let busy = greet("S: * BYE [UNAVAILABLE] too busy", tls)
            .await
            .unwrap_err();
        assert_eq!(busy.fault(), Fault::Unreachable);
        for other in [
            "* NO go away",
            "* LIST () \"/\" x",
            "220 smtp.example ESMTP",
            "+OK POP3",
            "p1 OK hi",
            "+ hi",
        ] {
            let error = greet(&format!("S: {other}"), tls).await.unwrap_err();
            assert_eq!(error.fault(), Fault::Protocol, "{other}");
        }
        let pop3 = greet("S: +OK POP3 ready", tls).await.unwrap_err();
        assert!(pop3.to_string().ends_with(": +OK POP3 ready"), "{pop3}");
        let gone = greet("S!", tls).await.unwrap_err();
        assert!(matches!(gone, ImapError::Closed));
    }
}

#[tokio::test]
async fn preauth_is_a_login_but_never_before_tls() {
    let script = "S: * PREAUTH [CAPABILITY IMAP4rev1 ID] hi\nS!";
    let mut session = greet(script, TlsMode::None).await.unwrap();
    assert_eq!(session.state(), SessionState::Authenticated);
    session.log_in(&login(AuthChoice::Auto)).await.unwrap();
    let error = greet(script, TlsMode::StartTls).await.unwrap_err();
    assert!(matches!(error, ImapError::PreAuthBeforeTls));
    assert_eq!(error.fault(), Fault::Tls);
}

async fn starttls(script: &str) -> Result<(), ImapError> {
    let session = greet(script, TlsMode::StartTls).await?;
    let (stream, encrypted) = crate::ext::starttls::ask(session).await?;
    let session = encrypted(stream);
    assert!(
        session.capabilities().is_empty(),
        "what was said before TLS is forgotten"
    );
    assert_eq!(session.state(), SessionState::NotAuthenticated);
    Ok(())
}

#[tokio::test]
async fn starttls_is_there_and_clean_or_there_is_no_session() {
    let offered = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi\nC: p1 STARTTLS\n";
    starttls(&format!("{offered}S: p1 OK begin\nS~"))
        .await
        .unwrap();
    let asked = "S: * OK hi\nC: p1 CAPABILITY\nS: * CAPABILITY IMAP4rev1 STARTTLS\nS: p1 OK\nC: p2 STARTTLS\nS: p2 OK\nS~";
    starttls(asked).await.unwrap();
    let missing = starttls("S: * OK [CAPABILITY IMAP4rev1] hi\nS~").await;
    assert!(matches!(missing, Err(ImapError::StartTlsMissing)));
    let refused = starttls(&format!("{offered}S: p1 NO not today\nS~")).await;
    assert!(matches!(refused, Err(ImapError::StartTlsRefused { .. })));
    // The same segment, so that the octets are there when the OK is read (CVE-2021-22947).
    let injected = starttls(&format!(
        "{offered}S= p1 OK begin\\r\\n* PREAUTH evil\\r\\n\nS~"
    ))
    .await;
    assert!(
        matches!(injected, Err(ImapError::StartTlsInjection { octets: 16 })),
        "{injected:?}"
    );
}

#[tokio::test]
async fn a_password_never_leaves_before_starttls() {
    let mut session = greet(
        "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\nS~",
        TlsMode::StartTls,
    )
    .await
    .unwrap();
    let refused = session.log_in(&login(AuthChoice::Auto)).await;
    assert!(matches!(refused, Err(ImapError::Cleartext)));
}

async fn log_in(
    choice: AuthChoice,
    capabilities: &str,
    script: &str,
) -> Result<Session, ImapError> {
    let greeting = format!("S: * OK [CAPABILITY IMAP4rev1 {capabilities}] hi\n");
    let (stream, server) = play(&format!("{greeting}{script}"));
    let mut session = Session::greet(stream, TlsMode::Implicit).await?;
    let result = session.log_in(&login(choice)).await;
    server.await.unwrap();
    result.map(|()| session)
}

#[tokio::test]
async fn logins() {
    let plain = "AGFkYQBwYXNzIHdvcmQ=";
    let sasl_ir =
        format!("C: p1 AUTHENTICATE PLAIN {plain}\nS: p1 OK [CAPABILITY IMAP4rev1 ID] in");
    let session = log_in(AuthChoice::Auto, "SASL-IR AUTH=PLAIN", &sasl_ir)
        .await
        .unwrap();
    assert_eq!(session.state(), SessionState::Authenticated);
    assert_eq!(session.capabilities().words(), ["IMAP4REV1", "ID"]);
    let two_steps = format!(
        "C: p1 AUTHENTICATE PLAIN\nS: + \nC: {plain}\nS: * CAPABILITY IMAP4rev1\nS: p1 OK in"
    );
    log_in(AuthChoice::Plain, "AUTH=PLAIN LOGINDISABLED", &two_steps)
        .await
        .unwrap();
    let old = "C: p1 LOGIN \"ada\" \"pass word\"\nS: p1 OK in\nC: p2 CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: p2 OK";
    log_in(AuthChoice::Auto, "", old).await.unwrap();
    log_in(AuthChoice::Login, "AUTH=PLAIN SASL-IR", old)
        .await
        .unwrap();
}

#[tokio::test]
async fn refused_logins_mean_what_they_say() {
    for (answer, fault) in [
        ("NO", Fault::Auth),
        ("NO wrong", Fault::Auth),
        ("NO [AUTHENTICATIONFAILED] wrong", Fault::Auth),
        ("NO [EXPIRED] old", Fault::Auth),
        ("NO [UNAVAILABLE] later", Fault::Unreachable),
        ("NO [INUSE] locked", Fault::Throttled),
        ("NO [LIMIT] slow down", Fault::Throttled),
        ("BAD what", Fault::Protocol),
    ] {
        let script = format!("C: p1 LOGIN \"ada\" \"pass word\"\nS: p1 {answer}");
        let error = log_in(AuthChoice::Login, "", &script).await.unwrap_err();
        assert_eq!(error.fault(), fault, "{answer}");
        assert!(!format!("{error} {error:?}").contains("pass word"));
    }
    let disabled = log_in(AuthChoice::Auto, "LOGINDISABLED AUTH=GSSAPI", "")
        .await
        .unwrap_err();
    assert!(matches!(disabled, ImapError::LoginDisabled { .. }));
    let thrown_out = "C: p1 LOGIN \"ada\" \"pass word\"\nS: * BYE too many\nS!";
    let error = log_in(AuthChoice::Auto, "", thrown_out).await.unwrap_err();
    assert!(matches!(error, ImapError::Bye { .. }));
}

#[test]
fn server_text_is_shown_harmless() {
    let refusal = Refusal {
        code: None,
        text: "\u{1b}[2Jgone\r\n".to_owned(),
        bad: false,
    };
    let error = ImapError::LoginRefused { refusal };
    assert!(!error.to_string().contains(char::is_control), "{error}");
}
