//! Where a file comes from that a reader put into a mailbox: it was moved there, copied, or is new.

use crate::message::MessageKey;

/// How a file is like a message that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kinship {
    /// It has the base name: readers that rename carry it along.
    Base,
    /// It has the same octets.
    Octets,
    /// It has the same octets but for header fields that readers add (mutt: `Content-Length`, `Lines`).
    Wrapped,
    /// It says that it is the same: Message-ID, subject, sender, date.
    Header,
}

/// A message that a file may be. `M` is what the caller tells mailboxes apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kin<M> {
    /// The message.
    pub key: MessageKey,
    /// Its mailbox.
    pub mailbox: M,
    /// How the file is like it.
    pub kinship: Kinship,
    /// Whether it has the same octets, but for what readers add.
    pub is_same: bool,
    /// Whether its own file is where it should be. That it is not is to be said by two readings (R5).
    pub is_in_place: bool,
    /// Whether the server holds it.
    pub is_held: bool,
}

/// Where a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is this message's, which a reader wrote anew in its own mailbox.
    Adopted(MessageKey, Kinship),
    /// It is a copy of this message, which is still where it was.
    Copied(MessageKey),
    /// It is this message's, which a reader moved.
    Moved(MessageKey, Kinship),
    /// Nobody knows it.
    New,
}

/// Says where a file in `mailbox` comes from, of all messages that are like it. None of them may be taken for
/// another file already.
///
/// a) A message whose file is gone was moved here, or written anew if this is its mailbox: the one that is
///    most like it, and of those the oldest. What is alike by its header only must be the only one.
/// b) A message whose file is in place was copied, if the server can copy it.
/// c) Anything else is new.
#[must_use]
pub fn origin<M: Copy + Eq>(mailbox: M, kin: &[Kin<M>]) -> Origin {
    let gone = kin.iter().filter(|kin| !kin.is_in_place);
    let alone = gone.clone().count() == 1;
    let sure = gone.filter(|kin| kin.kinship != Kinship::Header || alone);
    if let Some(kin) = sure.min_by_key(|kin| (kin.kinship, kin.mailbox != mailbox, kin.key)) {
        return if kin.mailbox == mailbox {
            Origin::Adopted(kin.key, kin.kinship)
        } else {
            Origin::Moved(kin.key, kin.kinship)
        };
    }
    let original = |kin: &&Kin<M>| kin.is_in_place && kin.is_held && kin.is_same;
    let original = kin
        .iter()
        .filter(original)
        .min_by_key(|kin| (kin.kinship, kin.key));
    original.map_or(Origin::New, |kin| Origin::Copied(kin.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `3b-` is message 3 in mailbox b, gone; `3b` in place; `!` not held by the server, `~` with other octets; then how it is alike.
    fn kin(text: &str) -> Vec<Kin<char>> {
        text.split_whitespace()
            .map(|word| {
                let letters: Vec<char> = word.chars().collect();
                Kin {
                    key: MessageKey(letters[0].to_digit(10).unwrap().into()),
                    mailbox: letters[1],
                    kinship: match word.chars().last().unwrap() {
                        'B' => Kinship::Base,
                        'O' => Kinship::Octets,
                        'W' => Kinship::Wrapped,
                        _ => Kinship::Header,
                    },
                    is_same: !word.contains('~') && !word.ends_with('H'),
                    is_in_place: !word.contains('-'),
                    is_held: !word.contains('!'),
                }
            })
            .collect()
    }

    #[test]
    fn where_files_come_from() {
        let key = |n: i64| MessageKey(n);
        for (text, expected) in [
            ("", Origin::New),
            ("1b-B", Origin::Moved(key(1), Kinship::Base)),
            ("1a-O", Origin::Adopted(key(1), Kinship::Octets)),
            ("1bB", Origin::Copied(key(1))),
            ("1aO", Origin::Copied(key(1))),
            ("1b!O", Origin::New),
            ("1b-!O", Origin::Moved(key(1), Kinship::Octets)),
            // The most alike, then this mailbox's, then the oldest.
            ("1b-O 2b-B", Origin::Moved(key(2), Kinship::Base)),
            ("1b-O 2a-O", Origin::Adopted(key(2), Kinship::Octets)),
            ("2b-O 1b-O", Origin::Moved(key(1), Kinship::Octets)),
            // One that is gone explains it better than one that is there.
            ("1bB 2b-W", Origin::Moved(key(2), Kinship::Wrapped)),
            // A header is believed of one message alone, and never for a copy.
            ("1b-H", Origin::Moved(key(1), Kinship::Header)),
            ("1b-H 2b-H", Origin::New),
            ("1bH", Origin::New),
            ("1bW", Origin::Copied(key(1))),
            // A copy that somebody has edited is a new message; so moved, it is still the only one there is.
            ("1b~B", Origin::New),
            ("1b-~B", Origin::Moved(key(1), Kinship::Base)),
        ] {
            assert_eq!(origin('a', &kin(text)), expected, "{text}");
        }
    }
}
