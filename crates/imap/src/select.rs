//! SELECT and EXAMINE, and lists of flags (RFC 9051 §6.3.2, §6.3.3, §7.2.6).

use crate::code::Code;
use crate::cursor::{Cursor, Parsed};
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::ext::qresync::Resync;
use crate::ext::{condstore, qresync};
use crate::permanent_flags::PermanentFlags;
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
    /// NOMODSEQ: the server keeps mod-sequences, but not of this mailbox.
    pub no_mod_seq: bool,
    /// An identity that outlives renaming. Requires OBJECTID (RFC 8474).
    pub mailbox_id: Option<String>,
    /// Whether it was opened read-only, by our choice or the server's.
    pub read_only: bool,
    /// Flags that outlive the session.
    pub permanent_flags: PermanentFlags,
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
            Code::HighestModSeq(mod_seq) => {
                self.highest_mod_seq = Some(*mod_seq);
                self.no_mod_seq = false;
            }
            Code::MailboxId(id) => self.mailbox_id = Some(id.clone()),
            Code::NoModSeq => {
                self.highest_mod_seq = None;
                self.no_mod_seq = true;
            }
            Code::PermanentFlags(flags, new_keywords) => {
                self.permanent_flags = PermanentFlags::new(flags.clone(), *new_keywords);
            }
            Code::ReadOnly => self.read_only = true,
            Code::UidNext(uid) => self.uid_next = Some(*uid),
            Code::UidNotSticky => self.uid_not_sticky = true,
            Code::UidValidity(uid_validity) => self.uid_validity = Some(*uid_validity),
            _ => {}
        }
    }
}

/// A mailbox that is being opened.
#[derive(Debug)]
pub(crate) struct Selecting {
    pub(crate) selected: Selected,
    mailbox: WireName,
    mode: SelectMode,
    /// The server was told what we remember: it may name changes and what vanished.
    pub(crate) resync: bool,
    /// The old mailbox is closed, or there was none: rows are about the new one.
    pub(crate) begun: bool,
}

impl Selecting {
    pub(crate) fn new(mailbox: WireName, mode: SelectMode, resync: bool) -> Self {
        Self {
            selected: Selected::opened(mode),
            mailbox,
            mode,
            resync,
            begun: false,
        }
    }

    /// What is open once the server has said OK, if it is open for reading and its UIDs last.
    pub(crate) fn examined(&self) -> Option<(WireName, UidValidity)> {
        let lasting = self
            .selected
            .uid_validity
            .filter(|_| !self.selected.uid_not_sticky);
        let lasting = lasting.filter(|_| self.mode == SelectMode::ReadOnly);
        lasting.map(|uid_validity| (self.mailbox.clone(), uid_validity))
    }

    /// Takes in a code that came, tagged or not. CLOSED divides the old mailbox from the new one
    /// (RFC 7162 §3.2.11): what seemed to belong to the new one before was news of the old. Servers
    /// that do not say it tell by what only SELECT makes them say.
    pub(crate) fn take_code(&mut self, code: &Code) {
        match code {
            Code::Closed => {
                self.selected = Selected::opened(self.mode);
                self.begun = true;
            }
            Code::HighestModSeq(_)
            | Code::NoModSeq
            | Code::PermanentFlags(..)
            | Code::UidNext(_)
            | Code::UidValidity(_) => self.begun = true,
            _ => {}
        }
        self.selected.take_code(code);
    }
}

pub(crate) fn command(
    dialect: &Dialect<'_>,
    mailbox: &WireName,
    mode: SelectMode,
    resync: Option<&Resync>,
) -> Result<CommandText, EncodeError> {
    let mut command = CommandText::new(match mode {
        SelectMode::ReadOnly => "EXAMINE ",
        SelectMode::ReadWrite => "SELECT ",
    });
    dialect.mailbox(&mut command, mailbox)?;
    match resync {
        Some(resync) => qresync::select_parameter(&mut command, dialect, resync),
        None => condstore::select_parameter(&mut command, dialect.capabilities),
    }
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
