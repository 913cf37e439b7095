//! CRAM-MD5 (RFC 2195): the password is not sent, but what it makes of the server's challenge. rsasl has
//! no such mechanism.

use crate::Login;
use hmac::{Hmac, Mac};
use md5::Md5;

/// The longest challenge, in octets: a message id is some ninety.
const LONGEST: usize = 4096;

/// What answers a challenge: the user, a space, and the keyed digest in small hexadecimal.
///
/// # Errors
/// With what is wrong with the challenge.
pub(super) fn response(login: &Login, challenge: &[u8]) -> Result<String, &'static str> {
    if challenge.is_empty() {
        // Then what is sent would be the same each time, and good for whoever hears it.
        return Err("is empty");
    }
    if challenge.len() > LONGEST {
        return Err("is too long");
    }
    let key = login.password.reveal().as_bytes();
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else {
        return Err("cannot be answered");
    };
    mac.update(challenge);
    Ok(format!(
        "{} {}",
        login.user,
        hex(&mac.finalize().into_bytes())
    ))
}

/// Small hexadecimal digits.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::secret::Secret;
    use postrider_core::settings::AuthChoice;

    #[test]
    fn the_example_of_the_rfc() {
        let login = Login {
            user: "tim".to_owned(),
            password: Secret::new("tanstaaftanstaaf".to_owned()),
            choice: AuthChoice::CramMd5,
            service: "imap@localhost".to_owned(),
        };
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            response(&login, challenge).unwrap(),
            "tim b913a602c7eda7a495b4e6e7334d3890"
        );
        assert!(response(&login, b"").is_err());
        assert!(response(&login, &[b'x'; 5000]).is_err());
    }
}
