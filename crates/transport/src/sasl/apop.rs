//! APOP (RFC 1939 §7): the digest of the greeting's timestamp and the password. POP3's own, and no SASL.

use crate::{Login, TransportError};
use md5::{Digest, Md5};
use postrider_core::secret::Secret;

/// The longest timestamp, in octets: a greeting is one line.
const LONGEST: usize = 255;

/// What stands behind `APOP user`.
///
/// # Errors
/// When the timestamp is not a message id (RFC 5322 §3.6.4) in ASCII. Whoever may choose its octets freely
/// finds the password letter by letter with collisions of MD5 (CVE-2007-1558).
pub fn digest(login: &Login, timestamp: &str) -> Result<Secret, TransportError> {
    if !is_message_id(timestamp) {
        return Err(TransportError::Challenge {
            mechanism: "APOP".to_owned(),
            problem: "is no timestamp such as RFC 1939 wants",
        });
    }
    let mut digest = Md5::new();
    digest.update(timestamp.as_bytes());
    digest.update(login.password.reveal().as_bytes());
    Ok(Secret::new(super::cram_md5::hex(&digest.finalize())))
}

/// `<left@right>`: letters, digits and what else RFC 5322 calls an atom, or a domain in brackets.
fn is_message_id(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|t| t.strip_suffix('>'));
    let parts = inner.and_then(|inner| inner.split_once('@'));
    let Some((left, right)) = parts else {
        return false;
    };
    let right = right
        .strip_prefix('[')
        .and_then(|literal| literal.strip_suffix(']'))
        .unwrap_or(right);
    let atom = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.:".contains(&c);
    let whole = |part: &str| !part.is_empty() && part.bytes().all(atom);
    text.len() <= LONGEST && whole(left) && whole(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::settings::AuthChoice;

    fn of(timestamp: &str) -> Result<Secret, TransportError> {
        let login = Login {
            user: "mrose".to_owned(),
            password: Secret::new("tanstaaf".to_owned()),
            choice: AuthChoice::Apop,
            service: "imap@localhost".to_owned(),
        };
        digest(&login, timestamp)
    }

    #[test]
    fn the_example_of_the_rfc() {
        let digest = of("<1896.697170952@dbc.mtview.ca.us>").unwrap();
        assert_eq!(digest.reveal(), "c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn a_timestamp_that_somebody_made_up_is_not_answered() {
        assert!(of("<1.2@[127.0.0.1]>").is_ok());
        for timestamp in [
            "",
            "<>",
            "<@>",
            "<1896.697170952>",
            "1896.697170952@host",
            "<a@b@c>",
            "<a b@c>",
            "<a\u{80}@c>",
            "<a\0@c>",
            "<a@c><d@e>",
            &format!("<{}@c>", "a".repeat(300)),
        ] {
            assert!(of(timestamp).is_err(), "{timestamp:?}");
        }
    }
}
