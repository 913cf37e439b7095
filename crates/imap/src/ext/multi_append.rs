//! MULTIAPPEND (RFC 3502): several messages in one command, all of them or none.
//!
//! Without it each goes in a command of its own.

use crate::append::Append;
use crate::capability::{Capabilities, Capability};
use crate::ext::append_limit;

/// Octets of one command at most: what a server may have to hold until the last message has come, and what
/// is sent again when it refuses one of them.
const MAX_OCTETS: u64 = 8 << 20;

/// Messages of one command at most.
const MAX_MESSAGES: usize = 100;

/// How many of the first of `messages` go in one command.
pub(crate) fn together(capabilities: &Capabilities, messages: &[Append]) -> usize {
    let Some(first) = messages.first() else {
        return 0;
    };
    if !capabilities.has(Capability::MultiAppend) {
        return 1;
    }
    let mut octets = 0_u64;
    let mut fits = |message: &Append| {
        octets = octets.saturating_add(message.octets);
        // One that is too large is refused alone.
        let refused = append_limit::refusal(capabilities, message.octets).is_some();
        message.mailbox == first.mailbox && octets <= MAX_OCTETS && !refused
    };
    let first_ones = messages.iter().take(MAX_MESSAGES);
    let many = first_ones.take_while(|message| fits(message)).count();
    many.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire_name::WireName;
    use postrider_core::flag::FlagSet;

    fn message(mailbox: &str, octets: u64) -> Append {
        Append {
            mailbox: WireName::encode(mailbox),
            flags: FlagSet::new(),
            internal_date: None,
            octets,
        }
    }

    fn told(words: &str, messages: &[Append]) -> usize {
        let words = words.split(' ').map(str::to_owned).collect();
        together(&Capabilities::from_words(words), messages)
    }

    #[test]
    fn commands_are_bounded_in_messages_and_octets() {
        let many = |count, octets| vec![message("a", octets); count];
        assert_eq!(told("MULTIAPPEND", &many(250, 1)), 100);
        assert_eq!(told("MULTIAPPEND", &many(9, 1 << 20)), 8);
        assert_eq!(told("MULTIAPPEND", &many(2, u64::MAX)), 1);
        assert_eq!(told("MULTIAPPEND", &[]), 0);
        assert_eq!(told("UIDPLUS", &many(9, 1)), 1);
    }

    #[test]
    fn what_goes_elsewhere_or_nowhere_goes_alone() {
        let elsewhere = [message("a", 1), message("a", 1), message("b", 1)];
        assert_eq!(told("MULTIAPPEND", &elsewhere), 2);
        let large = [message("a", 1), message("a", 9), message("a", 1)];
        assert_eq!(told("MULTIAPPEND APPENDLIMIT=8", &large), 1);
        assert_eq!(told("MULTIAPPEND APPENDLIMIT=8", &large[1..]), 1);
        assert_eq!(told("MULTIAPPEND APPENDLIMIT=9", &large), 3);
    }
}
