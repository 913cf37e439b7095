//! Commands, as octets and as a trace may show them.

use crate::error::Pop3Error;
use postrider_core::secret::Secret;
use std::fmt;
use zeroize::Zeroizing;

/// A command of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    Capa,
    Stls,
    User(&'a str),
    Pass(&'a Secret),
    /// The user, and the digest of the greeting's timestamp and the password (RFC 1939 §7).
    Apop(&'a str, &'a Secret),
    Auth(&'a str, Option<&'a Secret>),
    /// A line in answer to a challenge (RFC 5034 §4); not a command, but sent like one.
    Response(&'a Secret),
    Stat,
    List,
    Uidl,
    Retr(u32),
    Top(u32, u32),
    Dele(u32),
    Rset,
    Quit,
}

impl Command<'_> {
    /// The keyword.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::User(_) => "USER",
            Self::Pass(_) => "PASS",
            Self::Apop(..) => "APOP",
            Self::Auth(..) | Self::Response(_) => "AUTH",
            Self::Stat => "STAT",
            Self::List => "LIST",
            Self::Uidl => "UIDL",
            Self::Retr(_) => "RETR",
            Self::Top(..) => "TOP",
            Self::Dele(_) => "DELE",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }

    /// Appends the command's line to `out`.
    ///
    /// An argument with a line end would be a second command, so it is an error; so is NUL, which
    /// servers written in C take for the end.
    pub(crate) fn encode(self, out: &mut Zeroizing<Vec<u8>>) -> Result<(), Pop3Error> {
        let number_text;
        let arguments: [&str; 2] = match self {
            Self::Capa
            | Self::Stls
            | Self::Stat
            | Self::List
            | Self::Uidl
            | Self::Rset
            | Self::Quit => ["", ""],
            Self::User(user) => [user, ""],
            Self::Pass(password) => [password.reveal(), ""],
            Self::Apop(user, digest) => [user, digest.reveal()],
            Self::Auth(mechanism, initial) => [mechanism, initial.map_or("", Secret::reveal)],
            Self::Response(response) => [response.reveal(), ""],
            Self::Retr(number) | Self::Dele(number) => {
                number_text = number.to_string();
                [&number_text, ""]
            }
            Self::Top(number, lines) => {
                number_text = format!("{number} {lines}");
                [&number_text, ""]
            }
        };
        // The user of APOP ends with a space, that of USER with the line.
        let is_cut = matches!(self, Self::Apop(user, _) if user.contains(' '));
        if is_cut || arguments.iter().any(|a| a.contains(['\r', '\n', '\0'])) {
            return Err(Pop3Error::Argument {
                command: self.name(),
            });
        }
        if !matches!(self, Self::Response(_)) {
            out.extend_from_slice(self.name().as_bytes());
        }
        for argument in arguments.iter().filter(|a| !a.is_empty()) {
            if !matches!(self, Self::Response(_)) {
                out.push(b' ');
            }
            out.extend_from_slice(argument.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// As the wire trace shows it: no secret.
impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass(_) => f.write_str("PASS …"),
            Self::Apop(user, _) => write!(f, "APOP {} …", user.escape_debug()),
            Self::Response(_) => f.write_str("…"),
            Self::Auth(mechanism, None) => write!(f, "AUTH {mechanism}"),
            Self::Auth(mechanism, Some(_)) => write!(f, "AUTH {mechanism} …"),
            Self::User(user) => write!(f, "USER {}", user.escape_debug()),
            Self::Retr(number) => write!(f, "RETR {number}"),
            Self::Dele(number) => write!(f, "DELE {number}"),
            Self::Top(number, lines) => write!(f, "TOP {number} {lines}"),
            Self::Capa
            | Self::Stls
            | Self::Stat
            | Self::List
            | Self::Uidl
            | Self::Rset
            | Self::Quit => f.write_str(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_lines_and_their_trace_has_no_secret() {
        let secret = Secret::new("s3 cret".to_owned());
        for (command, wire, trace) in [
            (Command::Stat, "STAT\r\n", "STAT"),
            (Command::User("ada"), "USER ada\r\n", "USER ada"),
            (Command::Pass(&secret), "PASS s3 cret\r\n", "PASS …"),
            (
                Command::Apop("ada", &secret),
                "APOP ada s3 cret\r\n",
                "APOP ada …",
            ),
            (Command::Auth("PLAIN", None), "AUTH PLAIN\r\n", "AUTH PLAIN"),
            (
                Command::Auth("PLAIN", Some(&secret)),
                "AUTH PLAIN s3 cret\r\n",
                "AUTH PLAIN …",
            ),
            (Command::Response(&secret), "s3 cret\r\n", "…"),
            (Command::Response(&Secret::new(String::new())), "\r\n", "…"),
            (Command::Retr(7), "RETR 7\r\n", "RETR 7"),
            (Command::Top(7, 0), "TOP 7 0\r\n", "TOP 7 0"),
        ] {
            let mut out = Zeroizing::new(Vec::new());
            command.encode(&mut out).unwrap();
            assert_eq!(str::from_utf8(&out).unwrap(), wire);
            assert_eq!(command.to_string(), trace);
        }
    }

    #[test]
    fn a_user_of_two_words_cannot_be_sent_with_apop() {
        let digest = Secret::new("d".to_owned());
        let mut out = Zeroizing::new(Vec::new());
        assert!(Command::Apop("a b", &digest).encode(&mut out).is_err());
    }

    #[test]
    fn an_argument_cannot_become_a_command() {
        for text in ["a\r\nDELE 1", "a\nb", "a\rb", "a\0b"] {
            let secret = Secret::new(text.to_owned());
            for command in [Command::User(text), Command::Pass(&secret)] {
                let mut out = Zeroizing::new(Vec::new());
                assert!(command.encode(&mut out).is_err(), "{text:?}");
                assert!(out.is_empty());
            }
        }
    }
}
