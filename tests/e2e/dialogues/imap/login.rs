//! Until the login, and the farewell.

use postrider_core::settings::AuthChoice::{Auto, Login, Plain};
use postrider_core::settings::TlsMode::{Implicit, None, StartTls};

use crate::dialogues::imap::Asked::{self, Greet, LogIn, LogOut};
use crate::dialogues::{Row, play, row};

pub(super) const GREETINGS: &[Row<Asked>] = &[
    row("greeting-ok", Greet(Implicit), "not authenticated:"),
    row("greeting-ok", Greet(StartTls), "not authenticated:"),
    row(
        "greeting-capabilities",
        Greet(Implicit),
        "not authenticated: IMAP4REV1 SASL-IR IDLE",
    ),
    row(
        "greeting-waiting",
        LogIn(Implicit, Auto),
        "authenticated: IMAP4REV1 UIDPLUS",
    ),
    row(
        "greeting-preauth",
        Greet(Implicit),
        "authenticated: IMAP4REV1 UIDPLUS",
    ),
    // A login on top of it would be none: nothing is sent.
    row(
        "greeting-preauth",
        LogIn(None, Auto),
        "authenticated: IMAP4REV1 UIDPLUS",
    ),
    row(
        "greeting-bye",
        Greet(Implicit),
        "! unreachable: the server said goodbye: too busy",
    ),
    row(
        "greeting-bye-limit",
        Greet(Implicit),
        "! throttled: the server said goodbye: too many connections",
    ),
    row(
        "greeting-no",
        Greet(Implicit),
        "! protocol: the server's greeting is not IMAP: go away",
    ),
    row(
        "greeting-smtp",
        Greet(Implicit),
        "! protocol: the server's greeting is not IMAP: 220 mx.example.org ESMTP",
    ),
    row(
        "greeting-pop3",
        Greet(None),
        "! protocol: the server's greeting is not IMAP: +OK POP3 ready",
    ),
    row(
        "greeting-garbage",
        Greet(Implicit),
        r"! protocol: the server's greeting is not IMAP: \u{1b}[2J��\u{0}",
    ),
    row(
        "greeting-list",
        Greet(Implicit),
        "! protocol: the server's greeting is not IMAP",
    ),
    row(
        "greeting-eof",
        Greet(Implicit),
        "! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "greeting-half",
        Greet(Implicit),
        "! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "greeting-bare-lf",
        Greet(Implicit),
        "not authenticated: IMAP4REV1",
    ),
];

#[tokio::test(start_paused = true)]
async fn greetings() {
    play(GREETINGS).await;
}

pub(super) const STARTTLS: &[Row<Asked>] = &[
    row(
        "preauth-before-starttls",
        Greet(StartTls),
        "! tls: the server skipped the login (PREAUTH) before the connection was encrypted",
    ),
    row(
        "starttls-missing",
        Asked::StartTls,
        "! tls: the server does not offer STARTTLS, which `tls: starttls` requires",
    ),
    row(
        "starttls-refused",
        Asked::StartTls,
        "! tls: the server refused STARTTLS: not today",
    ),
    row(
        "starttls-bad",
        Asked::StartTls,
        "! tls: the server refused STARTTLS: TLS is active already",
    ),
    row(
        "starttls-injected",
        Asked::StartTls,
        "! tls: the server sent 57 octets between STARTTLS and encryption: they may be forged",
    )
    .at_once(),
    row(
        "starttls-half-injected",
        Asked::StartTls,
        "! tls: the server sent 8 octets between STARTTLS and encryption: they may be forged",
    )
    .at_once(),
    row(
        "starttls-no-tls",
        Asked::StartTls,
        "! tls: opening the connection or proving who we are: localhost:143 does not speak TLS",
    ),
    row(
        "login-before-starttls",
        LogIn(StartTls, Auto),
        "! auth: the connection is not encrypted: no password is sent",
    ),
    row(
        "login-before-starttls",
        LogIn(StartTls, Plain),
        "! auth: the connection is not encrypted: no password is sent",
    ),
];

#[tokio::test(start_paused = true)]
async fn r9_nothing_goes_on_without_tls_where_starttls_is_asked_for() {
    play(STARTTLS).await;
}

pub(super) const LOGINS: &[Row<Asked>] = &[
    row(
        "login-disabled",
        LogIn(Implicit, Auto),
        "! auth: the server takes no password here: LOGIN is disabled and none of its mechanisms (GSSAPI) can be used",
    ),
    row(
        "login-disabled-plain",
        LogIn(Implicit, Auto),
        "authenticated: IMAP4REV1 UIDPLUS",
    ),
    row(
        "login-capabilities-in-ok",
        LogIn(Implicit, Auto),
        "authenticated: IMAP4REV1 UIDPLUS CONDSTORE",
    ),
    // Without TLS, because the settings asked for that.
    row(
        "login-capabilities-in-ok",
        LogIn(None, Auto),
        "authenticated: IMAP4REV1 UIDPLUS CONDSTORE",
    ),
    row(
        "login-capabilities-asked",
        LogIn(Implicit, Auto),
        "authenticated: IMAP4REV1 CONDSTORE",
    ),
    row(
        "login-chosen",
        LogIn(Implicit, Login),
        "authenticated: IMAP4REV1",
    ),
    row(
        "plain-sasl-ir",
        LogIn(Implicit, Auto),
        "authenticated: IMAP4REV1",
    ),
    row(
        "plain-two-steps",
        LogIn(Implicit, Plain),
        "authenticated: IMAP4REV1",
    ),
    row(
        "plain-not-offered",
        LogIn(Implicit, Plain),
        "! auth: opening the connection or proving who we are: the server does not offer PLAIN, but XOAUTH2",
    ),
    row(
        "plain-asks-on",
        LogIn(Implicit, Auto),
        "! protocol: opening the connection or proving who we are: the server's PLAIN challenge comes after the end of the exchange",
    ),
    row(
        "scram-unproven",
        LogIn(Implicit, Auto),
        "! auth: opening the connection or proving who we are: the server did not prove by SCRAM-SHA-256 that it knows the password",
    ),
    row(
        "scram-garbage",
        LogIn(Implicit, Auto),
        "! protocol: opening the connection or proving who we are: the server's SCRAM-SHA-256 challenge is not base64",
    ),
    row(
        "login-refused",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: Authentication failed.",
    ),
    row(
        "login-refused-mute",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: NO",
    ),
    row(
        "login-refused-escapes",
        LogIn(Implicit, Auto),
        r"! auth: the server refused the login: \u{1b}]0;pwned\u{7} go away",
    ),
    row(
        "login-unavailable",
        LogIn(Implicit, Auto),
        "! unreachable: the server refused the login: backend down",
    ),
    row(
        "login-bad",
        LogIn(Implicit, Auto),
        "! protocol: the server refused the login: what?",
    ),
    row(
        "login-bye",
        LogIn(Implicit, Auto),
        "! unreachable: the server said goodbye: Too many invalid logins",
    ),
    row(
        "login-referral",
        LogIn(Implicit, Auto),
        "! auth: the server refused the login: try there",
    ),
    row(
        "login-eof",
        LogIn(Implicit, Auto),
        "! unreachable: the server closed the connection in the middle of a session",
    ),
    row(
        "login-stray-continuation",
        LogIn(Implicit, Auto),
        "authenticated: IMAP4REV1",
    ),
];

#[tokio::test(start_paused = true)]
async fn r9_logins_show_the_password_to_the_server_alone() {
    play(LOGINS).await;
}

pub(super) const FAREWELLS: &[Row<Asked>] = &[
    row("logout", LogOut, "gone"),
    row("logout-cut", LogOut, "gone"),
];

#[tokio::test(start_paused = true)]
async fn farewells() {
    play(FAREWELLS).await;
}
