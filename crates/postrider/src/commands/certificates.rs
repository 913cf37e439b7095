//! How `check` shows a connection's TLS: certificate, chain, days left, and what to pin.

use crate::words::{count, short};
use postrider_core::certificate::{Certificate, Secured, Standing, Trust};
use postrider_core::time::Now;
use std::fmt::Write as _;

/// The longest piece of a certificate on a line, in characters.
const LONGEST: usize = 200;

/// A connection that is secured.
pub(super) fn secured(secured: &Secured, now: Now) -> String {
    let trust = match secured.trust {
        Trust::Chain => "its chain was verified",
        Trust::PinnedCertificate => "the certificate is pinned",
        Trust::PinnedKey => "the certificate's key is pinned",
    };
    let mut text = String::new();
    let tls = format!("{}, {}, {trust}", secured.version, secured.cipher);
    line(&mut text, "tls", &tls);
    if let Some(certificate) = secured.chain.first() {
        text.push_str(&own(certificate, now));
    }
    for issuer in secured.chain.iter().skip(1) {
        let by = if issuer.is_self_signed() {
            "by itself".to_owned()
        } else {
            format!("by {}", short(&issuer.issuer, LONGEST))
        };
        line(
            &mut text,
            "chain",
            &format!(
                "{}, issued {by}, {}",
                short(&issuer.subject, LONGEST),
                until(issuer, now)
            ),
        );
    }
    if let Some(client) = &secured.client {
        let shown = format!(
            "{}, {}",
            short(&client.subject, LONGEST),
            until(client, now)
        );
        line(&mut text, "client cert", &shown);
    }
    text
}

/// A certificate that was refused.
pub(super) fn refused(certificate: &Certificate, now: Now) -> String {
    own(certificate, now)
}

/// What a server's own certificate says.
fn own(certificate: &Certificate, now: Now) -> String {
    let mut text = String::new();
    line(
        &mut text,
        "certificate",
        &short(&certificate.subject, LONGEST),
    );
    let names = certificate.names.join(", ");
    let names = if names.is_empty() { "no host" } else { &names };
    line(&mut text, "  for", &short(names, LONGEST));
    line(
        &mut text,
        "  issued by",
        &short(&certificate.issuer, LONGEST),
    );
    line(&mut text, "  valid", &until(certificate, now));
    line(&mut text, "  itself", &certificate.sha256.to_string());
    line(&mut text, "  its key", &certificate.key_sha256.to_string());
    text
}

fn until(certificate: &Certificate, now: Now) -> String {
    let validity = certificate.validity;
    match validity.at(now) {
        Standing::Valid => {
            let left = count(validity.days_left(now), "day", "days");
            format!("until {}, {left} left", validity.until.to_string_utc())
        }
        Standing::NotYet => format!("from {} on", validity.from.to_string_utc()),
        Standing::Expired => format!("until {}, it has expired", validity.until.to_string_utc()),
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    writeln!(text, "  {name:<14} {value}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::certificate::Validity;
    use postrider_core::pin::Pin;
    use postrider_core::time::UnixTime;

    fn certificate(subject: &str, issuer: &str) -> Certificate {
        Certificate {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            names: vec!["mail.example.org".to_owned(), "127.0.0.1".to_owned()],
            validity: Validity {
                from: UnixTime::from_seconds(0),
                until: UnixTime::from_seconds(90 * 86_400),
            },
            sha256: Pin::of_digest([1; 32]),
            key_sha256: Pin::of_digest([0xab; 32]),
        }
    }

    #[test]
    fn a_connection_is_shown_with_its_chain_and_what_to_pin() {
        let secured_so = Secured {
            version: "TLS 1.3".to_owned(),
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            chain: vec![
                certificate("CN=mail\u{1b}[2J", "CN=R3"),
                certificate("CN=R3", "CN=Root"),
                certificate("CN=Root", "CN=Root"),
            ],
            trust: Trust::Chain,
            resumed: false,
            client: Some(certificate("CN=ada", "CN=Us")),
        };
        let now = Now(UnixTime::from_seconds(89 * 86_400));
        let (one, ab) = ("01".repeat(32), "ab".repeat(32));
        assert_eq!(
            secured(&secured_so, now),
            format!(
                "  tls            TLS 1.3, TLS13_AES_256_GCM_SHA384, its chain was verified
  certificate    CN=mail\\u{{1b}}[2J
    for          mail.example.org, 127.0.0.1
    issued by    CN=R3
    valid        until 1970-04-01T00:00:00Z, 1 day left
    itself       sha256:{one}
    its key      sha256:{ab}
  chain          CN=R3, issued by CN=Root, until 1970-04-01T00:00:00Z, 1 day left
  chain          CN=Root, issued by itself, until 1970-04-01T00:00:00Z, 1 day left
  client cert    CN=ada, until 1970-04-01T00:00:00Z, 1 day left
"
            )
        );
        let later = Now(UnixTime::from_seconds(91 * 86_400));
        assert!(refused(&certificate("CN=a", "CN=b"), later).contains("it has expired"));
        let earlier = Now(UnixTime::from_seconds(-1));
        assert!(
            refused(&certificate("CN=a", "CN=b"), earlier).contains("from 1970-01-01T00:00:00Z on")
        );
    }
}
