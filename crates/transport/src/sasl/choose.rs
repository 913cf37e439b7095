//! Which mechanism is used: what the settings ask for, or the strongest that both sides have.

use crate::sasl::{Line, Strength};
use crate::{Login, TransportError};
use postrider_core::settings::AuthChoice;

/// The mechanisms that `auto` chooses from under TLS, strongest first. SCRAM never shows the password, and
/// proves the server to us as well; with `-PLUS` it also proves that nobody sits between us. PLAIN before
/// LOGIN, because it takes one round trip and has an RFC (4616). CRAM-MD5 comes last: under TLS it hides
/// nothing that TLS does not, and it makes the server keep passwords as they are. Never GSSAPI: servers offer
/// it to everybody, and whether there is a ticket is known only after a KDC was asked.
const UNDER_TLS: [&str; 7] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
];

/// The same without TLS: what shows the password comes last, and comes at all only where the configuration
/// asked for `tls: none`.
const IN_THE_CLEAR: [&str; 5] = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"];

/// Whether a mechanism shows whoever listens what lets us in.
pub(super) fn shows_password(mechanism: &str) -> bool {
    matches!(mechanism, "PLAIN" | "LOGIN" | "OAUTHBEARER" | "XOAUTH2")
}

/// How much the best of the offered mechanisms hides, of those that `auto` would choose from.
pub(super) fn strength(offered: &[String]) -> Strength {
    let has = |name: &&str| offered.iter().any(|o| o.eq_ignore_ascii_case(name));
    let best = UNDER_TLS.iter().find(|name| has(name));
    match best {
        Some(name) if name.ends_with("-PLUS") => Strength::Bound,
        Some(name) if name.starts_with("SCRAM-") => Strength::Mutual,
        _ => Strength::Shown,
    }
}

/// The mechanism's name; `None`: the protocol's own LOGIN or USER/PASS.
pub(super) fn choose(
    login: &Login,
    offered: &[String],
    line: Line<'_>,
) -> Result<Option<&'static str>, TransportError> {
    let has = |name: &str| offered.iter().any(|o| o.eq_ignore_ascii_case(name));
    let bound = matches!(line, Line::Encrypted(Some(_)));
    let may_show = !matches!(line, Line::Exposed);
    let usable = |name: &&&'static str| {
        has(name) && (bound || !name.ends_with("-PLUS")) && (may_show || !shows_password(name))
    };
    let first = |names: &'static [&'static str]| names.iter().find(usable).copied();
    let wanted: &'static [&'static str] = match login.choice {
        AuthChoice::Auto => {
            let order: &'static [&'static str] = match line {
                Line::Encrypted(_) => &UNDER_TLS,
                Line::Cleartext | Line::Exposed => &IN_THE_CLEAR,
            };
            return match first(order) {
                None if !may_show => Err(TransportError::CleartextRefused),
                chosen => Ok(chosen),
            };
        }
        // Whoever calls has looked at it before.
        AuthChoice::Login | AuthChoice::Apop if may_show => return Ok(None),
        AuthChoice::Login | AuthChoice::Apop => return Err(TransportError::CleartextRefused),
        AuthChoice::Plain => &["PLAIN"],
        AuthChoice::CramMd5 => &["CRAM-MD5"],
        AuthChoice::ScramSha1 => &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
        AuthChoice::ScramSha256 => &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
        AuthChoice::External => &["EXTERNAL"],
        AuthChoice::OAuth2 => &["OAUTHBEARER", "XOAUTH2"],
        AuthChoice::Gssapi => &["GSSAPI"],
    };
    if let Some(name) = first(wanted) {
        return Ok(Some(name));
    }
    if !may_show && wanted.iter().any(|name| shows_password(name)) {
        return Err(TransportError::CleartextRefused);
    }
    Err(TransportError::NotOffered {
        mechanism: wanted.last().copied().unwrap_or_default(),
        offered: offered.to_vec(),
    })
}
