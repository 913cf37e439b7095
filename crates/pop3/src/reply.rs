//! Status lines: `+OK`, `-ERR`, and what their codes mean.

use crate::ext::capa::LONGEST_DELAY;
use postrider_core::fault::Fault;
use postrider_core::wish::Wish;
use postrider_transport::escape_server_text;
use std::fmt;
use std::time::Duration;

/// The first line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK` and whatever the server has to say.
    Ok(String),
    /// `-ERR`.
    Refused(Refusal),
    /// `+ ` and a base64 challenge (RFC 5034 §4).
    Challenge(String),
}

impl Reply {
    /// Reads a status line; `None` when it is none. Case does not matter; some servers send `+ok`.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(line);
        let (word, rest) = match text.split_once(' ') {
            Some((word, rest)) => (word, rest.trim()),
            None => (text.trim_end(), ""),
        };
        if word.eq_ignore_ascii_case("+OK") {
            Some(Self::Ok(rest.to_owned()))
        } else if word.eq_ignore_ascii_case("-ERR") {
            Some(Self::Refused(Refusal::parse(rest)))
        } else if word == "+" {
            Some(Self::Challenge(rest.to_owned()))
        } else {
            None
        }
    }
}

/// The server's `-ERR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The response code, when the text begins with one we know.
    pub code: Option<Code>,
    /// What the server said, code included, unescaped and as long as it came (at most
    /// [`LONGEST_LINE`](crate::codec::LONGEST_LINE) octets). Show it by `Display`.
    pub text: String,
}

impl Refusal {
    /// Reads the text after `-ERR`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self {
            code: Code::parse(text),
            text: text.to_owned(),
        }
    }

    /// What the code means for the account, or else words that are known; `None` without either, when the
    /// command decides.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        let said = || self.wish().map(|wish| wish.limit.fault());
        match self.code {
            Some(Code::InUse) => Some(Fault::Busy),
            Some(Code::LoginDelay) => Some(Fault::Throttled),
            Some(Code::SysTemp) => Some(said().unwrap_or(Fault::Unreachable)),
            // RFC 3206 §4: it "requires manual intervention".
            Some(Code::SysPerm | Code::Auth) => Some(Fault::Auth),
            None => said(),
        }
    }

    /// What the server wants of us, where its words say so.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        Wish::read(&self.text)
    }

    /// Whether it is about how much we ask for, and not about what.
    pub(crate) fn is_throttle(&self) -> bool {
        self.fault() == Some(Fault::Throttled)
    }

    /// How long the server wants to be left alone between two logins, where its code says so
    /// (`[LOGIN-DELAY/900]`).
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        if self.code != Some(Code::LoginDelay) {
            return None;
        }
        let (code, _) = self.text.split_once(']')?;
        let (_, seconds) = code.split_once('/')?;
        let seconds = seconds.parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_DELAY))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            f.write_str("-ERR")
        } else {
            f.write_str(&escape_server_text(&self.text))
        }
    }
}

/// An extended response code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `[IN-USE]`: another session holds the maildrop (RFC 2449 §8.1.2).
    InUse,
    /// `[LOGIN-DELAY]`: too soon after the last login (RFC 2449 §8.1.1).
    LoginDelay,
    /// `[SYS/TEMP]`: trouble that passes (RFC 3206 §4).
    SysTemp,
    /// `[SYS/PERM]`: trouble that needs somebody (RFC 3206 §4).
    SysPerm,
    /// `[AUTH]`: the credentials are wrong (RFC 3206 §5).
    Auth,
}

impl Code {
    /// Codes are read whether or not the server announces RESP-CODES: Courier and Gmail send them
    /// before CAPA was ever asked for.
    fn parse(text: &str) -> Option<Self> {
        let (code, _) = text.trim_start().strip_prefix('[')?.split_once(']')?;
        let is = |name: &str| code.eq_ignore_ascii_case(name);
        let under = |name: &str| {
            let head = code.get(..name.len()).unwrap_or_default();
            let tail = code.get(name.len()..).unwrap_or_default();
            head.eq_ignore_ascii_case(name) && (tail.is_empty() || tail.starts_with('/'))
        };
        // RFC 2449 §8: a code may be refined by further levels after a slash.
        match () {
            () if under("IN-USE") => Some(Self::InUse),
            () if under("LOGIN-DELAY") => Some(Self::LoginDelay),
            () if under("SYS/PERM") => Some(Self::SysPerm),
            () if under("SYS/TEMP") || is("SYS") => Some(Self::SysTemp),
            () if under("AUTH") => Some(Self::Auth),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_told_apart() {
        let refused = |text| Some(Reply::Refused(Refusal::parse(text)));
        for (line, reply) in [
            (&b"+OK"[..], Some(Reply::Ok(String::new()))),
            (b"+OK 2 320", Some(Reply::Ok("2 320".into()))),
            (b"+ok lower", Some(Reply::Ok("lower".into()))),
            (b"-ERR", refused("")),
            (b"-ERR  two blanks ", refused("two blanks")),
            (b"+ ", Some(Reply::Challenge(String::new()))),
            (b"+", Some(Reply::Challenge(String::new()))),
            (b"+ cj1h", Some(Reply::Challenge("cj1h".into()))),
            (b"", None),
            (b"+OKAY", None),
            (b"* OK IMAP4rev1", None),
            (b"220 smtp", None),
            (b"ERR", None),
        ] {
            assert_eq!(
                Reply::parse(line),
                reply,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn codes_decide_what_a_refusal_means() {
        for (text, fault) in [
            ("[IN-USE] locked", Some(Fault::Busy)),
            ("[in-use] locked", Some(Fault::Busy)),
            ("[LOGIN-DELAY/900] wait", Some(Fault::Throttled)),
            ("[SYS/TEMP] disk", Some(Fault::Unreachable)),
            ("[SYS/PERM] POP is off", Some(Fault::Auth)),
            ("[AUTH] no", Some(Fault::Auth)),
            ("[AUTHENTIC] no", None),
            ("[unknown] no", None),
            ("[IN-USE", None),
            ("wrong password [IN-USE]", None),
            (
                "Account exceeded command or bandwidth limits",
                Some(Fault::Throttled),
            ),
            ("[SYS/TEMP] too many connections", Some(Fault::Throttled)),
            ("[AUTH] too many login failures", Some(Fault::Auth)),
            ("Web login required", Some(Fault::Auth)),
            ("", None),
        ] {
            assert_eq!(Refusal::parse(text).fault(), fault, "{text}");
        }
    }

    #[test]
    fn only_a_login_delay_has_a_time() {
        for (text, seconds) in [
            ("[LOGIN-DELAY/900] wait", Some(900)),
            ("[login-delay/9999999] wait", Some(86_400)),
            ("[LOGIN-DELAY] wait 900", None),
            ("[LOGIN-DELAY/soon] wait", None),
            ("[IN-USE/900] locked", None),
        ] {
            let wait = Refusal::parse(text).wait();
            assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn a_refusal_shows_no_control_characters() {
        assert_eq!(Refusal::parse("a\u{1b}[2Jb").to_string(), "a\\u{1b}[2Jb");
        assert_eq!(Refusal::parse("").to_string(), "-ERR");
    }
}
