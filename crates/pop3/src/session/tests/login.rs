//! Greeting, STLS and login: what is refused, and why.

use super::*;

#[tokio::test]
async fn refusals_of_the_login_mean_different_things() {
    for (answer, fault) in [
        ("-ERR", Fault::Auth),
        ("-ERR invalid password", Fault::Auth),
        ("-ERR [AUTH] no", Fault::Auth),
        ("-ERR [SYS/PERM] POP is disabled", Fault::Auth),
        ("-ERR [IN-USE] locked", Fault::Busy),
        ("-ERR [LOGIN-DELAY] wait", Fault::Throttled),
        ("-ERR [SYS/TEMP] backend", Fault::Unreachable),
    ] {
        let by_auth = format!("S: +OK\n{CAPA}C: AUTH PLAIN AGFkYQBzZWNyZXQ=\nS: {answer}\nS?");
        let by_pass = format!(
            "S: +OK\nC: CAPA\nS: -ERR\nC: USER ada\nS: +OK\nC: PASS secret\nS: {answer}\nS?"
        );
        let by_user = format!("S: +OK\nC: CAPA\nS: -ERR\nC: USER ada\nS: {answer}\nS?");
        for script in [by_auth, by_pass, by_user] {
            let error = log_in(&script).await.0.unwrap_err();
            assert!(matches!(error, Pop3Error::LoginRefused { .. }), "{error:?}");
            assert_eq!(error.fault(), fault, "{script}");
            assert!(error.hint().is_some());
            assert!(!format!("{error:?} {error}").contains("secret"));
        }
    }
}

#[tokio::test]
async fn greetings_are_judged() {
    for (greeting, fault) in [
        ("S: -ERR [IN-USE] busy", Fault::Busy),
        ("S: -ERR [SYS/TEMP] later", Fault::Unreachable),
        ("S: -ERR go away", Fault::Unreachable),
        ("S: * OK IMAP4rev1", Fault::Protocol),
        ("S: 220 smtp", Fault::Protocol),
        ("S: + ", Fault::Protocol),
        ("S!", Fault::Unreachable),
    ] {
        let (stream, _server) = play(&format!("{greeting}\nS!"));
        let error = Authorization::greet(stream, TlsMode::Implicit).await;
        assert_eq!(error.unwrap_err().fault(), fault, "{greeting}");
    }
    let (stream, _server) = play("S: +OK ready <1896.697170952@dbc.mtview.ca.us>\nS?");
    let session = Authorization::greet(stream, TlsMode::Implicit)
        .await
        .unwrap();
    assert_eq!(
        session.apop_banner(),
        Some("<1896.697170952@dbc.mtview.ca.us>")
    );
    let (stream, _server) = play("S: +OK <ready>\nS?");
    let session = Authorization::greet(stream, TlsMode::Implicit)
        .await
        .unwrap();
    assert_eq!(session.apop_banner(), None);
}

#[tokio::test]
async fn a_mechanism_that_waits_for_challenges_gets_its_answers() {
    let script = "S: +OK
C: CAPA
S: +OK
S: SASL LOGIN
S: PIPELINING
S: .
C: AUTH LOGIN
S: + VXNlcm5hbWU6
C: YWRh
S: + UGFzc3dvcmQ6
C: c2VjcmV0
S: +OK";
    let (session, server) = log_in(script).await;
    drop(session.unwrap());
    server.await.unwrap();
}

#[tokio::test]
async fn a_long_initial_response_waits_for_the_empty_challenge() {
    use base64::Engine as _;
    let password = "p".repeat(300);
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("\0ada\0{password}"));
    let (stream, server) = play(&format!(
        "S: +OK\n{CAPA}C: AUTH PLAIN\nS: + \nC: {encoded}\nS: +OK"
    ));
    let session = Authorization::greet(stream, TlsMode::Implicit)
        .await
        .unwrap();
    let mut login = login(AuthChoice::Auto);
    login.password = Secret::new(password);
    drop(session.log_in(&login).await.unwrap());
    server.await.unwrap();
}

#[tokio::test]
async fn no_password_leaves_in_the_clear_unless_asked_for() {
    for capabilities in [CAPA, "C: CAPA\nS: -ERR\n"] {
        for choice in [AuthChoice::Auto, AuthChoice::Plain, AuthChoice::Login] {
            let (stream, server) = play(&format!("S: +OK\n{capabilities}"));
            let session = Authorization::greet(stream, TlsMode::StartTls)
                .await
                .unwrap();
            let error = session.log_in(&login(choice)).await.unwrap_err();
            let refused = Pop3Error::Transport(TransportError::CleartextRefused);
            assert_eq!(error.to_string(), refused.to_string());
            // The server has heard nothing after CAPA.
            server.await.unwrap();
        }
    }
    let (stream, server) = play(&format!("S: +OK\n{CAPA}{LOGIN}"));
    let session = Authorization::greet(stream, TlsMode::None).await.unwrap();
    drop(session.log_in(&login(AuthChoice::Auto)).await.unwrap());
    server.await.unwrap();
}

#[tokio::test]
async fn stls_is_required_and_nothing_may_follow_its_answer() {
    let stls = "C: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\n";
    for (script, expected) in [
        (CAPA.to_owned(), "the server does not offer STLS"),
        (
            "C: CAPA\nS: -ERR\n".to_owned(),
            "the server does not offer STLS",
        ),
        (format!("{stls}S: -ERR no"), "the server refused STLS: no"),
        (
            format!("{stls}S: +OK^+OK injected"),
            "cleartext followed the answer to STLS",
        ),
    ] {
        let (stream, _server) = play(&format!("S: +OK\n{script}\nS?").replace("\n\n", "\n"));
        let session = Authorization::greet(stream, TlsMode::StartTls)
            .await
            .unwrap();
        let address = ServerAddress {
            host: "localhost".to_owned(),
            port: 110,
            tls: TlsMode::StartTls,
            ca_file: None,
            way: Way::Direct,
            pins: Vec::new(),
            client: None,
        };
        let error = session
            .start_tls(&Connector::new(), &address)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.fault(), Fault::Tls);
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn codes_stay_with_the_refusal() {
    let (mut session, _server) = modern("C: RSET\nS: -ERR [SYS/TEMP] later\nS?").await;
    let Err(Pop3Error::Refused { command, refusal }) = session.reset().await else {
        panic!("RSET was not refused");
    };
    assert_eq!((command, refusal.code), ("RSET", Some(Code::SysTemp)));
}
