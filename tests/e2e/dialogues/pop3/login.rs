//! Until the login.

use postrider_core::settings::AuthChoice::{Auto, Login, Plain};
use postrider_core::settings::TlsMode::{Implicit, None, StartTls};

use crate::dialogues::pop3::Asked::{self, Greet, LogIn};
use crate::dialogues::{Row, play, row};

pub(super) const GREETINGS: &[Row<Asked>] = &[
    row("greeting-ok", Greet, "greeted"),
    row(
        "greeting-apop",
        Greet,
        "greeted <1896.697170952@dbc.mtview.ca.us>",
    ),
    row("greeting-lower-case", Greet, "greeted"),
    row("greeting-bare-lf", Greet, "greeted"),
    row(
        "greeting-err",
        Greet,
        "! unreachable: the server does not take us in: go away",
    ),
    row(
        "greeting-err-mute",
        Greet,
        "! unreachable: the server does not take us in: -ERR",
    ),
    row(
        "greeting-in-use",
        Greet,
        "! throttled: the server does not take us in: [IN-USE] try again",
    ),
    row(
        "greeting-imap",
        Greet,
        r#"! protocol: the server answered the connection with "* OK [CAPABILITY IMAP4rev1] Dovecot ready.""#,
    ),
    row(
        "greeting-challenge",
        Greet,
        r#"! protocol: the server answered the connection with "+ cj1h""#,
    ),
    row(
        "greeting-garbage",
        Greet,
        r#"! protocol: the server answered the connection with "\u{1b}[2J�\u{0}""#,
    ),
    row(
        "greeting-eof",
        Greet,
        "! unreachable: the server closed the connection during the connection",
    ),
    row(
        "greeting-half",
        Greet,
        "! unreachable: the server closed the connection during the connection",
    ),
    row(
        "greeting-too-much",
        LogIn(Implicit, Auto),
        "! protocol: the server spoke before CAPA was sent",
    )
    .at_once(),
];

#[tokio::test(start_paused = true)]
async fn greetings() {
    play(GREETINGS).await;
}

pub(super) const STLS: &[Row<Asked>] = &[
    row(
        "stls-missing",
        Asked::StartTls,
        "! tls: the server does not offer STLS",
    ),
    row(
        "stls-no-capa",
        Asked::StartTls,
        "! tls: the server does not offer STLS",
    ),
    row(
        "stls-refused",
        Asked::StartTls,
        "! tls: the server refused STLS: [SYS/TEMP] no certificate",
    ),
    row(
        "stls-injected",
        Asked::StartTls,
        "! tls: cleartext followed the answer to STLS",
    )
    .at_once(),
    row(
        "stls-half-injected",
        Asked::StartTls,
        "! tls: cleartext followed the answer to STLS",
    )
    .at_once(),
    row(
        "stls-no-tls",
        Asked::StartTls,
        "! tls: localhost:143 does not speak TLS",
    ),
    row(
        "stls-cut",
        Asked::StartTls,
        "! unreachable: the server closed the connection during STLS",
    ),
    row(
        "login-before-stls",
        LogIn(StartTls, Auto),
        "! auth: the server offers only logins that would send the password in the clear",
    ),
    row(
        "login-before-stls",
        LogIn(StartTls, Plain),
        "! auth: the server offers only logins that would send the password in the clear",
    ),
    row(
        "login-before-stls",
        LogIn(StartTls, Login),
        "! auth: the server offers only logins that would send the password in the clear",
    ),
];

#[tokio::test(start_paused = true)]
async fn r9_nothing_goes_on_without_tls_where_stls_is_asked_for() {
    play(STLS).await;
}

pub(super) const LOGINS: &[Row<Asked>] = &[
    row("login-no-capa", LogIn(Implicit, Auto), "in:"),
    // Without TLS, because the settings asked for that.
    row("login-no-capa", LogIn(None, Auto), "in:"),
    row(
        "login-plain",
        LogIn(Implicit, Auto),
        "in: SASL PLAIN, PIPELINING, UIDL",
    ),
    row(
        "login-chosen",
        LogIn(Implicit, Login),
        "in: SASL PLAIN, PIPELINING",
    ),
    row(
        "login-capa-later",
        LogIn(Implicit, Auto),
        "in: UIDL, PIPELINING",
    ),
    row(
        "login-capa-odd",
        LogIn(Implicit, Auto),
        "in: sasl, X-Odd  a b, .dot, pipelining",
    ),
    row(
        "capa-cut",
        LogIn(Implicit, Auto),
        "! unreachable: the server closed the connection during CAPA",
    ),
    row(
        "login-mechanism-missing",
        LogIn(Implicit, Plain),
        "! auth: the server does not offer PLAIN, but XOAUTH2",
    ),
    row(
        "user-refused",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: no such mailbox",
    ),
    row(
        "pass-refused",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: invalid password",
    ),
    row(
        "pass-refused-mute",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: -ERR",
    ),
    row(
        "pass-refused-auth",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: [AUTH] bad password",
    ),
    row(
        "pass-refused-in-use",
        LogIn(Implicit, Auto),
        "! throttled: the server refused the login: [IN-USE] maildrop is locked",
    ),
    row(
        "pass-refused-login-delay",
        LogIn(Implicit, Auto),
        "! throttled: the server refused the login: [LOGIN-DELAY/900] wait a while",
    ),
    row(
        "pass-refused-sys-temp",
        LogIn(Implicit, Auto),
        "! unreachable: the server refused the login: [SYS/TEMP] storage is down",
    ),
    row(
        "pass-refused-sys-perm",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: [SYS/PERM] Your account is not enabled for POP access.",
    ),
    row(
        "pass-refused-unknown-code",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: [X-MOON/FULL] not tonight",
    ),
    row(
        "pass-cut",
        LogIn(Implicit, Auto),
        "! unreachable: the server closed the connection during PASS",
    ),
    row(
        "plain-refused",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: [AUTH] Authentication failed.",
    ),
    row(
        "plain-asks-on",
        LogIn(Implicit, Auto),
        "! protocol: the server's PLAIN challenge comes after the end of the exchange",
    ),
    row(
        "scram-unproven",
        LogIn(Implicit, Auto),
        "! auth: the server did not prove by SCRAM-SHA-256 that it knows the password",
    ),
];

#[tokio::test(start_paused = true)]
async fn r9_logins_show_the_password_to_the_server_alone() {
    play(LOGINS).await;
}
