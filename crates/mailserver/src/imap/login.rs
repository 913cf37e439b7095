//! Greeting, CAPABILITY, ID, LOGIN, AUTHENTICATE PLAIN, ENABLE, LOGOUT (RFC 3501 §6.1, §6.2; 2971; 4616; 5161).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::args::Arg;
use super::{Outcome, Refusal, Session};
use crate::Misbehaviour;

impl Session {
    pub(super) fn greet(&mut self) {
        self.greeted = true;
        let user = self.service.options.preauth.clone();
        self.account = user.and_then(|user| self.service.store.preauthenticated(&user));
        let status = if self.account.is_some() {
            "PREAUTH"
        } else {
            "OK"
        };
        let code = self.capability_code();
        self.reply
            .line(&format!("* {status} {code}postrider-mailserver ready"));
    }

    /// `[CAPABILITY …] `, or nothing on a server that waits to be asked.
    fn capability_code(&self) -> String {
        let options = &self.service.options;
        if options.announces_capabilities {
            format!("[CAPABILITY {}] ", options.imap_capabilities.join(" "))
        } else {
            String::new()
        }
    }

    pub(super) fn capability(&mut self) -> String {
        let list = self.service.options.imap_capabilities.join(" ");
        self.reply.line(&format!("* CAPABILITY {list}"));
        "that is all".to_owned()
    }

    pub(super) fn logout(&mut self) -> String {
        self.reply.line("* BYE until next time");
        self.selected = None;
        self.ends = true;
        "bye".to_owned()
    }

    pub(super) fn id(&mut self) -> Outcome {
        self.needs("ID")?;
        self.reply.line("* ID (\"name\" \"postrider-mailserver\")");
        Ok("pleased to meet you".to_owned())
    }

    pub(super) fn login(&mut self, args: &[Arg]) -> Outcome {
        if self.has("LOGINDISABLED") {
            return Err(Refusal::No("[PRIVACYREQUIRED] LOGIN is disabled"));
        }
        let [user, password] = args else {
            return Err(Refusal::Bad("LOGIN user password"));
        };
        let user = user.text().ok_or(Refusal::Bad("LOGIN user password"))?;
        let password = password.text().ok_or(Refusal::Bad("LOGIN user password"))?;
        self.log_in(&user, &password)
    }

    /// The initial response stands in the command (RFC 4959) or was asked for with `+`.
    pub(super) fn authenticate(&mut self, args: &[Arg]) -> Outcome {
        let [mechanism, response] = args else {
            return Err(Refusal::Bad("AUTHENTICATE mechanism"));
        };
        let plain = mechanism.word().is_some_and(|word| word == "PLAIN");
        if !plain || !self.has("AUTH=PLAIN") {
            return Err(Refusal::No("[CANNOT] Unsupported mechanism"));
        }
        if matches!(response, Arg::Atom(_)) && !self.has("SASL-IR") {
            return Err(Refusal::Bad("No initial response without SASL-IR"));
        }
        let response = response.text().unwrap_or_default();
        if response == "*" {
            return Err(Refusal::Bad("Cancelled"));
        }
        let (user, password) =
            plain_credentials(&response).ok_or(Refusal::Bad("Not a PLAIN response"))?;
        self.log_in(&user, &password)
    }

    fn log_in(&mut self, user: &str, password: &str) -> Outcome {
        if self.account.is_some() {
            return Err(Refusal::Bad("Already logged in"));
        }
        let refuses = self.service.faults.has(Misbehaviour::RefusesLogins);
        let account = self.service.store.login(user, password);
        let account = account.filter(|_| !refuses);
        let account =
            account.ok_or(Refusal::No("[AUTHENTICATIONFAILED] Wrong user or password"))?;
        self.account = Some(account);
        Ok(format!("{}logged in", self.capability_code()))
    }

    pub(super) fn enable(&mut self, args: &[Arg]) -> Outcome {
        self.needs("ENABLE")?;
        self.account()?;
        if self.selected.is_some() {
            // RFC 5161 §3.1.
            return Err(Refusal::Bad("ENABLE before SELECT"));
        }
        let mut enabled = String::new();
        for word in args.iter().filter_map(Arg::word) {
            if !self.has(&word) {
                continue;
            }
            match word.as_str() {
                "CONDSTORE" => self.enabled.condstore = true,
                // RFC 7162 §3.2.3: QRESYNC brings CONDSTORE with it.
                "QRESYNC" => (self.enabled.condstore, self.enabled.qresync) = (true, true),
                "UTF8=ACCEPT" => self.enabled.utf8 = true,
                _ => continue,
            }
            enabled.push_str(&format!(" {word}"));
        }
        self.reply.line(&format!("* ENABLED{enabled}"));
        Ok("enabled".to_owned())
    }
}

/// User and password of a PLAIN response (RFC 4616 §2): `authzid NUL authcid NUL passwd` in base64.
pub(crate) fn plain_credentials(response: &str) -> Option<(String, String)> {
    let octets = STANDARD.decode(response.trim()).ok()?;
    let text = String::from_utf8(octets).ok()?;
    let mut parts = text.split('\0').skip(1);
    let (user, password) = (parts.next()?, parts.next()?);
    Some((user.to_owned(), password.to_owned()))
}
