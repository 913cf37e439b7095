//! SELECT and EXAMINE, and lists of flags (RFC 9051 §6.3.2, §6.3.3, §7.2.6).

use crate::capability::Capabilities;
use crate::code::Code;
use crate::cursor::{Cursor, Parsed};
use crate::encode::{CommandText, EncodeError};
use crate::ext::condstore;
use crate::wire_name::WireName;
use postrider_core::flag::FlagSet;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{Uid, UidValidity};

/// Words of one flag list that are read. Dovecot keeps 26 keywords in a mailbox by file name letters,
/// Gmail a few hundred labels; a hostile list of a million would cost quadratic time.
const MAX_FLAG_WORDS: usize = 512;

/// How a mailbox is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectMode {
    /// EXAMINE: nothing can be changed, not even `\Recent`.
    ReadOnly,
    /// SELECT.
    ReadWrite,
}

/// What a server says of the mailbox it opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// How many messages it holds; `None` when the server broke its duty to say so, which is not
    /// zero.
    pub exists: Option<u32>,
    /// The epoch of its UIDs; `None`: the server has no lasting UIDs here.
    pub uid_validity: Option<UidValidity>,
    /// The UID that the next message will have at least.
    pub uid_next: Option<Uid>,
    /// Requires CONDSTORE (RFC 7162); `None` also when the mailbox has no mod-sequences.
    pub highest_mod_seq: Option<ModSeq>,
    /// Whether it was opened read-only, by our choice or the server's.
    pub read_only: bool,
    /// Flags that outlive the session; `None` when the server did not say: then all do.
    pub permanent_flags: Option<FlagSet>,
    /// Whether new keywords may be stored (`\*`).
    pub accepts_new_keywords: bool,
    /// UIDs change with every session (RFC 4315): nothing may be remembered by them.
    pub uid_not_sticky: bool,
}

impl Selected {
    /// What is known of a mailbox before the server has said anything.
    pub(crate) fn opened(mode: SelectMode) -> Self {
        Self {
            read_only: mode == SelectMode::ReadOnly,
            ..Self::default()
        }
    }

    /// Takes in a code that came, tagged or not, while the mailbox was being opened.
    pub(crate) fn take_code(&mut self, code: &Code) {
        match code {
            Code::HighestModSeq(mod_seq) => self.highest_mod_seq = Some(*mod_seq),
            Code::NoModSeq => self.highest_mod_seq = None,
            Code::PermanentFlags(flags, new_keywords) => {
                self.permanent_flags = Some(flags.clone());
                self.accepts_new_keywords = *new_keywords;
            }
            Code::ReadOnly => self.read_only = true,
            Code::UidNext(uid) => self.uid_next = Some(*uid),
            Code::UidNotSticky => self.uid_not_sticky = true,
            Code::UidValidity(uid_validity) => self.uid_validity = Some(*uid_validity),
            _ => {}
        }
    }
}

pub(crate) fn command(
    capabilities: &Capabilities,
    mailbox: &WireName,
    mode: SelectMode,
) -> Result<CommandText, EncodeError> {
    let mut command = CommandText::new(match mode {
        SelectMode::ReadOnly => "EXAMINE ",
        SelectMode::ReadWrite => "SELECT ",
    });
    command.string(mailbox.octets(), capabilities)?;
    condstore::select_parameter(&mut command, capabilities);
    Ok(command)
}

/// Reads `(\Seen work \*)`: the flags, and whether `\*` stood among them.
pub(crate) fn parse_flags(cursor: &mut Cursor<'_>) -> Parsed<(FlagSet, bool)> {
    let mut flags = FlagSet::new();
    let mut new_keywords = false;
    let mut words = 0;
    cursor.expect(b'(')?;
    loop {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok((flags, new_keywords));
        }
        let word = cursor.word();
        if word.is_empty() {
            return Err(crate::cursor::Malformed);
        }
        words += 1;
        new_keywords |= word == b"\\*";
        if words <= MAX_FLAG_WORDS
            && let Ok(word) = std::str::from_utf8(word)
        {
            flags.insert_wire(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Malformed;

    fn flags(text: &[u8]) -> Parsed<(String, bool)> {
        let parsed = parse_flags(&mut Cursor::over(text));
        parsed.map(|(flags, new)| (flags.to_string(), new))
    }

    #[test]
    fn flag_lists() {
        let list = |text: &str, new| Ok((text.to_owned(), new));
        assert_eq!(flags(b"()"), list("", false));
        assert_eq!(flags(b"( \\Seen  a] \\* )"), list("\\Seen a]", true));
        assert_eq!(flags(b"(\\Recent \xff \\seen)"), list("\\Seen", false));
        for broken in [&b"\\Seen"[..], b"(", b"(\\Seen", b"((a))"] {
            assert_eq!(flags(broken), Err(Malformed));
        }
    }

    #[test]
    fn a_million_keywords_are_not_kept() {
        let words = (0..1_000_000).map(|n| format!("k{n}"));
        let text = format!("({})", words.collect::<Vec<_>>().join(" "));
        let (kept, _) = parse_flags(&mut Cursor::over(text.as_bytes())).unwrap();
        assert_eq!(kept.keywords().len(), MAX_FLAG_WORDS);
    }
}
