//! Servers repeat what they refuse: `BAD LOGIN ada hunter2`. What they say to a login is in the log, in
//! the index and on the terminal, so the password is taken out of it first (R9).

use postrider_core::secret::Secret;
use postrider_core::settings::AuthChoice;
use postrider_imap::ImapError;
use postrider_pop3::Pop3Error;
use postrider_transport::Login;
use postrider_transport::sasl::{Exchange, Line};

/// What stands where a password stood.
const VEIL: &str = "<redacted>";

/// The forms in which a login has carried its password, the longest first.
#[derive(Debug)]
pub(crate) struct Veil(Vec<Secret>);

impl Veil {
    /// The forms of this login's password: as it is, as an IMAP quoted string has it
    /// (RFC 9051 §4.3), and with the user in the base64 of PLAIN (RFC 4616).
    pub(crate) fn of(login: &Login) -> Self {
        let password = login.password.reveal();
        let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
        let mut forms = vec![login.password.clone(), Secret::new(quoted)];
        forms.extend(one_message(login, AuthChoice::Plain, "PLAIN"));
        if login.choice == AuthChoice::OAuth2 {
            let token = |mechanism| one_message(login, AuthChoice::OAuth2, mechanism);
            forms.extend(token("OAUTHBEARER").into_iter().chain(token("XOAUTH2")));
        }
        forms.retain(|form| !form.reveal().is_empty());
        forms.sort_by_key(|form| std::cmp::Reverse(form.reveal().len()));
        Self(forms)
    }

    /// The same error without the password.
    pub(crate) fn over_imap(&self, mut error: ImapError) -> ImapError {
        match &mut error {
            ImapError::Bye { text, .. } | ImapError::Greeting { text } => self.cover(text),
            ImapError::LoginRefused { refusal } => self.cover(&mut refusal.text),
            ImapError::NotAResponse(line) => self.cover(&mut line.text),
            // No other holds words of the server.
            _ => {}
        }
        error
    }

    /// The same error without the password.
    pub(crate) fn over_pop3(&self, mut error: Pop3Error) -> Pop3Error {
        match &mut error {
            Pop3Error::LoginRefused { refusal, .. } | Pop3Error::Refused { refusal, .. } => {
                self.cover(&mut refusal.text);
            }
            Pop3Error::Reply { line, .. } => {
                let mut text = String::from_utf8_lossy(line).into_owned();
                self.cover(&mut text);
                *line = text.into_bytes();
            }
            // No other holds words of the server.
            _ => {}
        }
        error
    }

    fn cover(&self, text: &mut String) {
        for form in &self.0 {
            if text.contains(form.reveal()) {
                *text = text.replace(form.reveal(), VEIL);
            }
        }
    }
}

/// The first message of a mechanism, which is the login; `None` for one that it cannot carry.
fn one_message(login: &Login, choice: AuthChoice, mechanism: &str) -> Option<Secret> {
    let login = Login {
        choice,
        ..login.clone()
    };
    let offered = [mechanism.to_owned()];
    let exchange = Exchange::begin(&login, &offered, Line::Encrypted(None));
    exchange.ok()??.initial().ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_imap::Refusal;

    fn veil(password: &str) -> Veil {
        Veil::of(&Login {
            user: "ada".to_owned(),
            password: Secret::new(password.to_owned()),
            choice: AuthChoice::Auto,
            service: "imap@localhost".to_owned(),
        })
    }

    fn refused(password: &str, text: &str) -> String {
        let refusal = Refusal {
            code: None,
            text: text.to_owned(),
            bad: true,
        };
        let error = veil(password).over_imap(ImapError::LoginRefused { refusal });
        error.to_string()
    }

    #[test]
    fn whatever_form_the_server_repeats_is_covered() {
        let said = refused("hun\"ter2", "what is LOGIN ada \"hun\\\"ter2\"?");
        assert_eq!(
            said,
            "the server refused the login: what is LOGIN ada \"<redacted>\"?"
        );
        // base64 of NUL ada NUL hunter2
        let said = refused("hunter2", "AUTH PLAIN AGFkYQBodW50ZXIy or hunter2");
        assert!(
            said.ends_with("AUTH PLAIN <redacted> or <redacted>"),
            "{said}"
        );
        let said = refused("hunter2", "no");
        assert_eq!(said, "the server refused the login: no");
    }

    #[test]
    fn a_goodbye_or_nonsense_of_either_protocol_is_covered_too() {
        let (text, code) = ("PASS hunter2 is wrong".to_owned(), None);
        let bye = veil("hunter2").over_imap(ImapError::Bye { text, code });
        assert!(bye.to_string().contains("PASS <redacted> is wrong"));
        let (command, line) = ("PASS", b"500 hunter2 \xff".to_vec());
        let reply = veil("hunter2").over_pop3(Pop3Error::Reply { command, line });
        let said = reply.to_string();
        assert!(said.contains("500 <redacted>"), "{said}");
    }
}
