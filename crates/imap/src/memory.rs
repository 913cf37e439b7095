//! What one session remembers for the next: what the server could do, and what we noted about it.
//!
//! A memory saves round trips and decides nothing else: what a server says now counts, and what was
//! asked on the strength of a wrong memory is asked again (`early.rs`).

use crate::wire_name::WireName;

/// Namespaces that are remembered; servers have up to a handful.
pub(crate) const MAX_NAMESPACES: usize = 16;

/// What a server could do last time, as words without blanks. Nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Capabilities before the login, under the TLS that the settings want.
    pub greeting: Vec<String>,
    /// Capabilities after the login, in upper case, and our own notes, which begin in lower case.
    pub session: Vec<String>,
}

impl Memory {
    /// What the server could do after the login.
    pub(crate) fn capability_words(&self) -> Vec<String> {
        let capabilities = self.session.iter().filter(|word| !is_note(word));
        capabilities.cloned().collect()
    }
}

fn is_note(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
}

/// What we noted about a server besides its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Commands that leave together with the login are lost
    /// ([`Quirk::LosesWhatFollowsLogin`](crate::Quirk::LosesWhatFollowsLogin)).
    pub(crate) login_alone: bool,
    /// After the login it tells what it can do only when it is asked.
    pub(crate) asked: bool,
    /// Prefixes of namespaces whose mailboxes `LIST "" "*"` does not show.
    pub(crate) namespaces: Vec<WireName>,
}

const LOGIN_ALONE: &str = "login-alone";
const ASKED: &str = "asked";
const NAMESPACE: &str = "namespace=";

impl Notes {
    /// The notes in a memory. Words that we do not know are a later version's.
    pub(crate) fn of(memory: &Memory) -> Self {
        let has = |note: &str| memory.session.iter().any(|word| word == note);
        let prefixes = memory.session.iter();
        let prefixes = prefixes.filter_map(|word| word.strip_prefix(NAMESPACE));
        Self {
            login_alone: has(LOGIN_ALONE),
            asked: has(ASKED),
            namespaces: prefixes
                .filter_map(WireName::from_index)
                .take(MAX_NAMESPACES)
                .collect(),
        }
    }

    /// The notes as words.
    pub(crate) fn words(&self) -> Vec<String> {
        let flags = [(self.login_alone, LOGIN_ALONE), (self.asked, ASKED)];
        let flags = flags.into_iter().filter(|(set, _)| *set);
        // Words have no blanks; `from_index` reads any escaped octet.
        let prefix = |name: &WireName| name.to_index().replace(' ', "\\x20");
        let namespaces = self.namespaces.iter();
        flags
            .map(|(_, note)| note.to_owned())
            .chain(namespaces.map(|name| format!("{NAMESPACE}{}", prefix(name))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_words_and_no_capabilities() {
        let notes = Notes {
            login_alone: true,
            asked: true,
            namespaces: vec![WireName::from_octets(b"Other Users/\\")],
        };
        let mut session = vec!["IMAP4REV1".to_owned(), "ID".to_owned()];
        session.extend(notes.words());
        session.push("from-a-later-version".to_owned());
        assert!(
            session.iter().all(|word| !word.contains(' ')),
            "{session:?}"
        );
        let memory = Memory {
            greeting: Vec::new(),
            session,
        };
        assert_eq!(Notes::of(&memory), notes);
        assert_eq!(memory.capability_words(), ["IMAP4REV1", "ID"]);
        assert_eq!(Notes::of(&Memory::default()).words(), Vec::<String>::new());
    }
}
