//! ENABLE (RFC 5161): extensions that change what a server says, and so want to be asked for.
//!
//! Without it CONDSTORE is enabled by SELECT, and nothing else is.

use crate::capability::{Capabilities, Capability};
use crate::encode::CommandText;
use crate::ext::utf8_accept;

/// What the server has enabled in this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Enabled {
    /// SELECT may tell what changed and what vanished; VANISHED comes instead of EXPUNGE (RFC 7162).
    pub(crate) qresync: bool,
    /// Names are UTF-8 on the wire (RFC 6855).
    pub(crate) utf8: bool,
}

impl Enabled {
    /// Takes in the words of an ENABLED response.
    pub(crate) fn take(&mut self, words: &[String]) {
        let has = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
        self.qresync |= has("QRESYNC");
        self.utf8 |= has("UTF8=ACCEPT");
    }
}

/// Asks for all that we can use; `None` when there is nothing to ask for.
pub(crate) fn command(capabilities: &Capabilities) -> Option<CommandText> {
    let has = |capability| capabilities.has(capability);
    let mod_seq = match (has(Capability::Qresync), has(Capability::Condstore)) {
        (true, _) => Some("QRESYNC"),
        (false, true) => Some("CONDSTORE"),
        (false, false) => None,
    };
    let names = utf8_accept::enable_word(capabilities);
    let words: Vec<_> = [mod_seq, names].into_iter().flatten().collect();
    let able = has(Capability::Enable) && !words.is_empty();
    able.then(|| CommandText::new(&format!("ENABLE {}", words.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        for (words, line) in [
            ("", None),
            ("ENABLE", None),
            ("QRESYNC", None),
            ("ENABLE CONDSTORE", Some("ENABLE CONDSTORE")),
            ("ENABLE QRESYNC CONDSTORE", Some("ENABLE QRESYNC")),
            (
                "ENABLE QRESYNC UTF8=ONLY",
                Some("ENABLE QRESYNC UTF8=ACCEPT"),
            ),
            ("ENABLE UTF8=ACCEPT", Some("ENABLE UTF8=ACCEPT")),
        ] {
            let words = words.split(' ').map(str::to_owned).collect();
            let command = command(&Capabilities::from_words(words));
            let shown = command.map(|command| command.shown());
            assert_eq!(shown.as_deref(), line);
        }
    }

    #[test]
    fn what_is_enabled_stays_so() {
        let mut enabled = Enabled::default();
        enabled.take(&["CONDSTORE".to_owned()]);
        assert!(!enabled.qresync);
        enabled.take(&["qresync".to_owned(), "UTF8=ACCEPT".to_owned()]);
        enabled.take(&[]);
        assert!(enabled.qresync && enabled.utf8);
    }
}
