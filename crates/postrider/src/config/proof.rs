//! `password`, `auth` and `oauth2`: what proves who we are.

use super::account::Account;
use super::error::Problem;
use super::oauth2;
use super::password;
use super::reading::{Reading, or};
use postrider_core::account::Protocol;
use postrider_core::settings::{AuthChoice, PasswordSource, TlsMode};

/// Every word of `auth`.
const WORDS: [(&str, AuthChoice); 10] = [
    ("auto", AuthChoice::Auto),
    ("plain", AuthChoice::Plain),
    ("login", AuthChoice::Login),
    ("cram-md5", AuthChoice::CramMd5),
    ("scram-sha-1", AuthChoice::ScramSha1),
    ("scram-sha-256", AuthChoice::ScramSha256),
    ("external", AuthChoice::External),
    ("apop", AuthChoice::Apop),
    ("oauth2", AuthChoice::OAuth2),
    ("gssapi", AuthChoice::Gssapi),
];

const NO_GSSAPI: &str = "this postrider was built without GSSAPI: build it with \
     `cargo build --release --features gssapi`";

/// What speaks for an account.
enum Has {
    Password,
    OAuth2,
    Neither,
    Both,
}

/// Reads what lets the account in, and by which mechanism. A server that `may_be_known` to greet with PREAUTH wants
/// nothing.
pub(super) fn proof(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    (protocol, tls, may_be_known): (Protocol, Option<TlsMode>, bool),
) -> Option<(PasswordSource, AuthChoice)> {
    let auth = or(keys.find("auth"), AuthChoice::Auto, |node| {
        reading.word("auth", node, &WORDS)
    })?;
    if auth == AuthChoice::Gssapi && !cfg!(feature = "gssapi") {
        let what = NO_GSSAPI;
        reading.complain(keys.place("auth"), Problem::NotBuiltIn { what });
        return None;
    }
    let has = has(keys);
    let mut clash = |key: &str, what: &'static str| {
        let at = keys.place(key);
        reading.complain(at, Problem::Clash { what });
        None
    };
    match (auth, has) {
        (_, Has::Both) => clash(
            "oauth2",
            "an account has a `password` or `oauth2`, and not both",
        ),
        (AuthChoice::Apop, _) if protocol == Protocol::Imap => clash(
            "auth",
            "`auth: apop` is for POP3 accounts; IMAP's like is `auth: cram-md5`",
        ),
        // RFC 2595 §4: what was said before the encryption counts for nothing, and nobody greets twice.
        (AuthChoice::Apop, _) if tls == Some(TlsMode::StartTls) => clash(
            "auth",
            "`auth: apop` answers the greeting, and with `tls: starttls` the greeting could be anybody's",
        ),
        (AuthChoice::External, has) => match external(keys, &has) {
            Some(wrong) => clash("auth", wrong),
            None => Some((PasswordSource::Absent, auth)),
        },
        (AuthChoice::Gssapi, has) => match gssapi(keys, &has) {
            Some(wrong) => clash("auth", wrong),
            None => Some((PasswordSource::Absent, auth)),
        },
        (AuthChoice::OAuth2, Has::Password) => {
            clash("auth", "`auth: oauth2` wants `oauth2`, not a `password`")
        }
        (AuthChoice::OAuth2, Has::Neither) => clash(
            "auth",
            "`auth: oauth2` wants `oauth2`: which server gives the tokens",
        ),
        (AuthChoice::Auto | AuthChoice::OAuth2, Has::OAuth2) => {
            let node = keys.find("oauth2")?;
            let source = oauth2::source(reading, (keys, node), protocol)?;
            Some((PasswordSource::Token(source), AuthChoice::OAuth2))
        }
        (AuthChoice::Auto, Has::Neither) if may_be_known => Some((PasswordSource::Absent, auth)),
        (_, Has::OAuth2) => clash("auth", "with `oauth2`, `auth` is `oauth2` or not there"),
        (_, Has::Password | Has::Neither) => {
            let node = keys.required(reading, "password")?;
            Some((password::password(reading, node)?, auth))
        }
    }
}

/// What is wrong with `auth: external`.
fn external(keys: &Account<'_>, has: &Has) -> Option<&'static str> {
    match has {
        Has::Neither if keys.find("client_cert").is_some() => None,
        Has::Neither => {
            Some("`auth: external` wants `client_cert` and `client_key`: they say who we are")
        }
        _ => Some(
            "`auth: external` lets `client_cert` speak: there is no `password` and no `oauth2`",
        ),
    }
}

/// What is wrong with `auth: gssapi`. A tunnel may do without a host, but no ticket can; without a tunnel `host` is
/// missed elsewhere.
fn gssapi(keys: &Account<'_>, has: &Has) -> Option<&'static str> {
    match has {
        Has::Neither if keys.find("host").is_some() || keys.find("tunnel").is_none() => None,
        Has::Neither => Some("`auth: gssapi` wants `host`: a ticket is for a server's own name"),
        _ => Some(
            "`auth: gssapi` lets a Kerberos ticket speak: there is no `password` and no `oauth2`",
        ),
    }
}

/// What stands in the account itself comes before what stands under `defaults`.
fn has(keys: &Account<'_>) -> Has {
    let own = (keys.is_own("password"), keys.is_own("oauth2"));
    let any = (
        keys.find("password").is_some(),
        keys.find("oauth2").is_some(),
    );
    let both = match own {
        (false, false) => any,
        own => own,
    };
    match both {
        (true, true) => Has::Both,
        (true, false) => Has::Password,
        (false, true) => Has::OAuth2,
        (false, false) => Has::Neither,
    }
}
