//! CONDSTORE (RFC 7162): what changed since a mod-sequence.
//!
//! Without it the flags of all messages are listed: the same answer at a higher price.

use crate::capability::{Capabilities, Capability};
use crate::cursor::{Cursor, Parsed};
use crate::encode::CommandText;
use postrider_core::mod_seq::ModSeq;

/// Opens the mailbox with mod-sequences, §3.1.8: from here on the server sends them with flags.
pub(crate) fn select_parameter(command: &mut CommandText, capabilities: &Capabilities) {
    if capabilities.has(Capability::Condstore) {
        command.text(" (CONDSTORE)");
    }
}

/// Narrows a FETCH to what changed, §3.1.4.1; MODSEQ then comes unasked. It is not asked for
/// otherwise: a mailbox with NOMODSEQ answers BAD to that (§3.1.2.2).
pub(crate) fn changed_since(command: &mut CommandText, since: Option<ModSeq>) {
    if let Some(since) = since {
        command.text(&format!(" (CHANGEDSINCE {since})"));
    }
}

/// Reads `(12)`, the value of a MODSEQ item; zero, which breaks §7, is no mod-sequence.
pub(crate) fn parse_mod_seq(cursor: &mut Cursor<'_>) -> Parsed<Option<ModSeq>> {
    cursor.expect(b'(')?;
    cursor.skip_spaces();
    let number = cursor.number()?;
    cursor.skip_spaces();
    cursor.expect(b')')?;
    Ok(ModSeq::new(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Malformed;

    #[test]
    fn mod_sequences_have_63_bits() {
        let parse = |text: &str| parse_mod_seq(&mut Cursor::over(text.as_bytes()));
        assert_eq!(parse("(12)"), Ok(ModSeq::new(12)));
        assert_eq!(
            parse("( 9223372036854775807 )"),
            Ok(ModSeq::new(i64::MAX as u64))
        );
        assert_eq!(parse("(0)"), Ok(None));
        assert_eq!(parse("(9223372036854775808)"), Ok(None));
        for text in ["12", "(", "()", "(99999999999999999999)", "(1"] {
            assert_eq!(parse(text), Err(Malformed), "{text}");
        }
    }
}
