//! Pins: what a server's certificate, or the key in it, must be (docs/tls.md).

use std::fmt;
use std::str::FromStr;

/// How a pin begins, in the configuration and wherever one is shown.
const PREFIX: &str = "sha256:";

/// The SHA-256 of a certificate in DER, or of its SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
///
/// Which of the two it is of is not said: it is compared with both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// A pin with this digest.
    #[must_use]
    pub const fn of_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

/// Text that is no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// It does not begin with the name of the hash.
    #[error("`sha256:` and 64 hexadecimal digits are wanted")]
    Hash,
    /// It is too short or too long.
    #[error("64 hexadecimal digits are wanted after `sha256:`, and these are {0}")]
    Length(usize),
    /// It has something else in it.
    #[error("hexadecimal digits alone are wanted after `sha256:`, and `{0}` is none")]
    Digit(char),
}

impl FromStr for Pin {
    type Err = PinError;

    /// Takes the colons between octets that OpenSSL prints, and capitals.
    fn from_str(text: &str) -> Result<Self, PinError> {
        let digits = match text.split_at_checked(PREFIX.len()) {
            Some((prefix, digits)) if prefix.eq_ignore_ascii_case(PREFIX) => digits,
            _ => return Err(PinError::Hash),
        };
        let mut digest = [0_u8; 32];
        let mut count = 0;
        for c in digits.chars().filter(|c| *c != ':') {
            let digit = c.to_digit(16).ok_or(PinError::Digit(c))?;
            if let Some(octet) = digest.get_mut(count / 2) {
                *octet = *octet << 4 | u8::try_from(digit).unwrap_or_default();
            }
            count += 1;
        }
        if count == 2 * digest.len() {
            Ok(Self(digest))
        } else {
            Err(PinError::Length(count))
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_written_as_it_is_read() {
        let digits = "00ff10".to_owned() + &"5a".repeat(29);
        let pin: Pin = format!("sha256:{digits}").parse().unwrap();
        assert_eq!(pin.to_string(), format!("sha256:{digits}"));
        // As `openssl x509 -fingerprint -sha256` prints it.
        let octets: Vec<&str> = (0..32)
            .map(|n| digits.get(2 * n..2 * n + 2).unwrap())
            .collect();
        let printed = format!("SHA256:{}", octets.join(":").to_uppercase());
        assert_eq!(printed.parse(), Ok(pin));
    }

    #[test]
    fn what_is_no_pin_is_told_why() {
        let digits = "5a".repeat(32);
        for (text, error) in [
            (digits.clone(), PinError::Hash),
            ("sha256".to_owned(), PinError::Hash),
            ("sha25é:".to_owned(), PinError::Hash),
            (format!("sha1:{digits}"), PinError::Hash),
            ("sha256:".to_owned(), PinError::Length(0)),
            (
                format!("sha256:{}", digits.get(1..).unwrap()),
                PinError::Length(63),
            ),
            (format!("sha256:{digits}0"), PinError::Length(65)),
            (format!("sha256:g{digits}"), PinError::Digit('g')),
            (format!("sha256: {digits}"), PinError::Digit(' ')),
        ] {
            assert_eq!(text.parse::<Pin>(), Err(error), "{text}");
        }
    }
}
