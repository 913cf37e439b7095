//! Commands to octets. Whatever a name or a password holds, it can not become a second command.

use crate::capability::Capabilities;
use crate::ext::literal::{LiteralForm, literal_form};
use zeroize::Zeroizing;

/// A command that can not be put on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// More flags than a command line takes (RFC 7162 §4).
    #[error("{octets} octets of flags and keywords are more than one command takes")]
    Flags {
        /// How many octets they are.
        octets: usize,
    },
    /// A keyword that is no atom (RFC 9051 §9, `flag-keyword`).
    #[error("the keyword {keyword:?} cannot be sent: IMAP keywords are ASCII without specials")]
    Keyword {
        /// The keyword.
        keyword: String,
    },
    /// A string with NUL in it: no form of string carries that (RFC 9051 §4.3).
    #[error("a name or password with a NUL in it cannot be sent over IMAP")]
    Nul,
}

/// A run of octets; the next one may go only when the server has agreed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) octets: Zeroizing<Vec<u8>>,
    /// So many octets of a source stand here.
    pub(crate) streamed: Option<u64>,
    /// A synchronising literal follows: wait for `+` (RFC 9051 §4.3).
    pub(crate) then_wait: bool,
    /// A literal before it went without asking: once that has begun, the server waits for this too, even if
    /// it has refused the command meanwhile.
    pub(crate) owed: bool,
    /// A whole literal stands before it: the command may end here instead.
    pub(crate) may_end: bool,
}

/// A command being written, without tag and line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandText {
    parts: Vec<Part>,
    current: Zeroizing<Vec<u8>>,
    secret: bool,
    /// A literal was promised that the end of the command belongs to.
    owes: bool,
    /// What stands last is a literal from elsewhere.
    streams: bool,
}

impl CommandText {
    /// Begins with fixed text of ours.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            parts: Vec::new(),
            current: Zeroizing::new(text.as_bytes().to_vec()),
            secret: false,
            owes: false,
            streams: false,
        }
    }

    /// Adds text of ours: numbers, atoms, sets. Never anything from outside.
    pub(crate) fn text(&mut self, text: &str) {
        debug_assert!(
            !text.contains(['\r', '\n', '\0']),
            "text of ours is one line"
        );
        self.current.extend_from_slice(text.as_bytes());
    }

    /// Adds a string from outside: quoted when that is safe, else a literal.
    pub(crate) fn string(
        &mut self,
        octets: &[u8],
        capabilities: &Capabilities,
    ) -> Result<(), EncodeError> {
        // 8-bit octets are legal in quoted strings only after UTF8=ACCEPT or IMAP4rev2.
        let quotable = |octet: &u8| matches!(*octet, 0x20..=0x7e | b'\t');
        if octets.len() <= 1_024 && octets.iter().all(quotable) {
            self.quoted(octets);
            return Ok(());
        }
        self.literal(octets, capabilities)
    }

    /// As [`CommandText::string`], in a session that takes UTF-8 between quotes (RFC 6855 §3).
    pub(crate) fn utf8_string(
        &mut self,
        octets: &[u8],
        capabilities: &Capabilities,
    ) -> Result<(), EncodeError> {
        let text = std::str::from_utf8(octets);
        let quotable = |text: &str| text.len() <= 1_024 && !text.contains(char::is_control);
        if text.is_ok_and(quotable) {
            self.quoted(octets);
            return Ok(());
        }
        self.literal(octets, capabilities)
    }

    fn quoted(&mut self, octets: &[u8]) {
        self.current.push(b'"');
        for octet in octets {
            if matches!(*octet, b'"' | b'\\') {
                self.current.push(b'\\');
            }
            self.current.push(*octet);
        }
        self.current.push(b'"');
    }

    fn literal(&mut self, octets: &[u8], capabilities: &Capabilities) -> Result<(), EncodeError> {
        if octets.contains(&0) {
            return Err(EncodeError::Nul);
        }
        let length = octets.len();
        match literal_form(capabilities, length as u64) {
            LiteralForm::NonSynchronising => self.text_line(&format!("{{{length}+}}")),
            LiteralForm::Synchronising => {
                self.text_line(&format!("{{{length}}}"));
                let octets = std::mem::take(&mut self.current);
                self.parts.push(Part {
                    octets,
                    then_wait: true,
                    owed: self.owes,
                    ..Part::default()
                });
                self.owes = false;
            }
        }
        self.current.extend_from_slice(octets);
        Ok(())
    }

    /// Adds a literal whose octets come from elsewhere.
    pub(crate) fn stream(&mut self, octets: u64, form: LiteralForm) {
        let then_wait = form == LiteralForm::Synchronising;
        self.text_line(&if then_wait {
            format!("{{{octets}}}")
        } else {
            format!("{{{octets}+}}")
        });
        self.parts.push(Part {
            octets: std::mem::take(&mut self.current),
            then_wait,
            owed: self.owes,
            may_end: self.streams,
            ..Part::default()
        });
        self.owes = !then_wait;
        self.streams = true;
        self.parts.push(Part {
            streamed: Some(octets),
            owed: self.owes,
            ..Part::default()
        });
    }

    fn text_line(&mut self, text: &str) {
        self.current.extend_from_slice(text.as_bytes());
        self.current.extend_from_slice(b"\r\n");
    }

    /// Marks the command as one that no trace may show.
    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Whether the server must agree before all of it is out.
    pub(crate) fn waits(&self) -> bool {
        self.parts.iter().any(|part| part.then_wait)
    }

    /// The command as the trace shows it.
    pub(crate) fn shown(&self) -> String {
        if self.secret {
            let word = self
                .parts
                .first()
                .map_or(&self.current, |part| &part.octets);
            let word = word.split(|octet| *octet == b' ').next();
            let word = String::from_utf8_lossy(word.unwrap_or_default());
            return format!("{word} <redacted>");
        }
        let parts = self.parts.iter().map(|part| &part.octets);
        let all = parts
            .chain([&self.current])
            .flat_map(|octets| octets.iter().copied());
        String::from_utf8_lossy(&all.collect::<Vec<_>>()).into_owned()
    }

    /// The command with tag and line end, in the parts in which it may be sent.
    pub(crate) fn into_parts(mut self, tag: &str) -> Vec<Part> {
        self.current.extend_from_slice(b"\r\n");
        self.parts.push(Part {
            octets: self.current,
            owed: self.owes,
            may_end: self.streams,
            ..Part::default()
        });
        if let Some(first) = self.parts.first_mut() {
            let mut octets = Zeroizing::new(Vec::with_capacity(tag.len() + first.octets.len() + 1));
            octets.extend_from_slice(tag.as_bytes());
            octets.push(b' ');
            octets.extend_from_slice(&first.octets);
            first.octets = octets;
        }
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: &[u8], capabilities: &str) -> Result<Vec<String>, EncodeError> {
        let words = capabilities.split(' ').map(str::to_owned).collect();
        let mut command = CommandText::new("SELECT ");
        command.string(name, &Capabilities::from_words(words))?;
        let text = |part: Part| {
            let wait = if part.then_wait { "…" } else { "" };
            format!("{}{wait}", part.octets.escape_ascii())
        };
        Ok(command.into_parts("p1").into_iter().map(text).collect())
    }

    #[test]
    fn strings_are_quoted_or_literals_and_never_commands() {
        for (name, capabilities, wire) in [
            (&b"INBOX"[..], "", &["p1 SELECT \\\"INBOX\\\"\\r\\n"][..]),
            (b"", "", &["p1 SELECT \\\"\\\"\\r\\n"]),
            (
                b"a\"\\b",
                "",
                &["p1 SELECT \\\"a\\\\\\\"\\\\\\\\b\\\"\\r\\n"],
            ),
            (
                b"x\r\np2 LOGOUT",
                "",
                &["p1 SELECT {12}\\r\\n…", "x\\r\\np2 LOGOUT\\r\\n"],
            ),
            (b"x\ny", "LITERAL+", &["p1 SELECT {3+}\\r\\nx\\ny\\r\\n"]),
            (b"x\ny", "LITERAL-", &["p1 SELECT {3+}\\r\\nx\\ny\\r\\n"]),
            (b"\xfc", "", &["p1 SELECT {1}\\r\\n…", "\\xfc\\r\\n"]),
        ] {
            assert_eq!(sent(name, capabilities).unwrap(), wire, "{name:?}");
        }
        assert_eq!(sent(b"a\0b", "LITERAL+"), Err(EncodeError::Nul));
        let long = vec![b'x'; 5_000];
        assert_eq!(sent(&long, "LITERAL-").unwrap().len(), 2);
        assert_eq!(sent(&long, "LITERAL+").unwrap().len(), 1);
    }

    #[test]
    fn a_secret_command_shows_its_verb_alone() {
        let mut command = CommandText::new("LOGIN ").secret();
        command.string(b"ada", &Capabilities::default()).unwrap();
        command.text(" ");
        command
            .string("hünter2".as_bytes(), &Capabilities::default())
            .unwrap();
        assert_eq!(command.shown(), "LOGIN <redacted>");
    }
}
