//! QRESYNC (RFC 7162): SELECT tells what changed and what vanished since we looked last.
//!
//! Without it a caller asks for flags and lists the UIDs.

use crate::cursor::{Cursor, Parsed};
use crate::dialect::Dialect;
use crate::encode::CommandText;
use crate::search::parse_uid_set;
use postrider_core::mod_seq::ModSeq;
use postrider_core::uid::{UidSet, UidValidity};

/// What is remembered of a mailbox that is opened again (§3.2.5). A server whose UIDVALIDITY is another
/// one ignores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync {
    /// The epoch that the rest belongs to.
    pub uid_validity: UidValidity,
    /// HIGHESTMODSEQ when everything below it was recorded.
    pub mod_seq: ModSeq,
    /// The UIDs that are held, so that the server names no others as vanished. Left out of the
    /// command when it would make it too long ([`crate::Limits::set_octets`]).
    pub known: Option<UidSet>,
}

/// A VANISHED response (§3.2.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// What is gone. A server may name what never was there; ranges stay ranges.
    pub uids: UidSet,
    /// `(EARLIER)`: gone before the mailbox was opened.
    pub earlier: bool,
}

/// What SELECT is given, where the session can resynchronise.
pub(crate) fn select_parameter(command: &mut CommandText, dialect: &Dialect<'_>, resync: &Resync) {
    let Resync {
        uid_validity,
        mod_seq,
        known,
    } = resync;
    let known = known.as_ref().filter(|known| !known.is_empty());
    let known = known.map(|known| format!(" {known}"));
    let known = known.filter(|text| text.len() <= dialect.limits.set_octets);
    let known = known.unwrap_or_default();
    command.text(&format!(" (QRESYNC ({uid_validity} {mod_seq}{known}))"));
}

pub(crate) fn parse_vanished(cursor: &mut Cursor<'_>) -> Parsed<Vanished> {
    let earlier = cursor.peek() == Some(b'(');
    if earlier {
        cursor.skip_value()?;
        cursor.skip_spaces();
    }
    let uids = parse_uid_set(cursor.word())?;
    Ok(Vanished { uids, earlier })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capabilities;
    use crate::cursor::Malformed;
    use crate::ext::enable::Enabled;
    use crate::limits::Limits;
    use postrider_core::uid::Uid;

    #[test]
    fn what_vanished_stays_ranges() {
        let parse = |text: &str| {
            let vanished = parse_vanished(&mut Cursor::over(text.as_bytes()))?;
            Ok((vanished.uids.to_string(), vanished.earlier))
        };
        let some = |text: &str, earlier| Ok((text.to_owned(), earlier));
        assert_eq!(
            parse("(EARLIER) 9,1:4294967295"),
            some("1:4294967295", true)
        );
        assert_eq!(parse("405,407"), some("405,407", false));
        for broken in ["", "(EARLIER)", "(EARLIER", "0", "1:*", "x"] {
            assert_eq!(parse(broken), Err(Malformed), "{broken}");
        }
    }

    #[test]
    fn a_long_set_of_known_uids_is_left_out() {
        let capabilities = Capabilities::default();
        let dialect = Dialect {
            namespaces: &[],
            capabilities: &capabilities,
            enabled: Enabled {
                qresync: true,
                utf8: false,
            },
            limits: Limits::default(),
            named: true,
        };
        let line = |known: Option<UidSet>| {
            let mut command = CommandText::new("SELECT x");
            let resync = Resync {
                uid_validity: UidValidity::new(7).unwrap(),
                mod_seq: ModSeq::new(12).unwrap(),
                known,
            };
            select_parameter(&mut command, &dialect, &resync);
            command.shown()
        };
        let short: UidSet = [1, 2, 9].into_iter().filter_map(Uid::new).collect();
        assert_eq!(line(Some(short)), "SELECT x (QRESYNC (7 12 1:2,9))");
        let long: UidSet = (1..9_000).step_by(2).filter_map(Uid::new).collect();
        for none in [None, Some(UidSet::new()), Some(long)] {
            assert_eq!(line(none), "SELECT x (QRESYNC (7 12))");
        }
    }
}
