//! LIST: which mailboxes there are (RFC 9051 §6.3.9, §7.3.1).

use crate::capability::Capability;
use crate::cursor::{Cursor, Malformed, Parsed, Value};
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::ext::{list_extended, list_status, namespace, special_use};
use crate::limits::Limits;
use crate::status::{MailboxStatus, StatusRow};
use crate::wire_name::WireName;
use postrider_core::mailbox::{MailboxName, Role};
use std::collections::HashMap;

/// A LIST, LSUB or XLIST response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// The mailbox.
    pub wire_name: WireName,
    /// What separates levels of its name; `None`: its name has no levels.
    pub delimiter: Option<char>,
    /// Attributes such as `\Noselect`, as sent.
    pub attributes: Vec<String>,
    /// OLDNAME (RFC 9051 §7.3.1).
    pub old_name: Option<WireName>,
}

/// A mailbox that the server listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its identity: what to send when it is meant.
    pub wire_name: WireName,
    /// Its name for people and paths.
    pub name: MailboxName,
    /// What separates levels of its name; `None`: its name has no levels.
    pub delimiter: Option<char>,
    /// What it is for. Requires SPECIAL-USE (RFC 6154), or a server that says so unasked.
    pub role: Option<Role>,
    /// Whether it can be selected.
    pub selectable: bool,
    /// Whether it is there: of a name that only has others below it some servers say that it is not
    /// (`\NonExistent`, RFC 5258 §3). It cannot be selected then.
    pub exists: bool,
    /// Whether the user subscribed to it. Requires LIST-EXTENDED (RFC 5258).
    pub subscribed: Option<bool>,
    /// What is in it. Requires LIST-STATUS (RFC 5819); `None` when the server left it out.
    pub status: Option<MailboxStatus>,
    /// Its name before it was renamed. Only from servers that tell (RFC 9051 §6.3.9.7).
    pub old_name: Option<WireName>,
}

/// Attributes of one row that are read; the RFCs know about 20.
const MAX_ATTRIBUTES: usize = 64;

/// Lists all that is below a prefix; without one, all that the server shows to a plain question.
pub(crate) fn command(
    dialect: &Dialect<'_>,
    prefix: Option<&WireName>,
) -> Result<CommandText, EncodeError> {
    let capabilities = dialect.capabilities;
    let mut command = CommandText::new("LIST \"\" ");
    let below = prefix.map_or(&[][..], WireName::octets);
    dialect.mailbox(
        &mut command,
        &WireName::from_octets(&[below, b"*"].concat()),
    )?;
    let options = [
        special_use::return_option(capabilities),
        list_extended::subscribed_option(capabilities),
        list_status::return_option(capabilities),
    ];
    let options: Vec<_> = options.into_iter().flatten().collect();
    if !options.is_empty() {
        command.text(&format!(" RETURN ({})", options.join(" ")));
    }
    Ok(command)
}

/// Lists all that the server shows to the plainest of questions.
pub(crate) fn plain_command() -> CommandText {
    CommandText::new("LIST \"\" \"*\"")
}

pub(crate) fn parse_list(cursor: &mut Cursor<'_>) -> Parsed<ListRow> {
    let mut attributes = Vec::new();
    cursor.expect(b'(')?;
    loop {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            break;
        }
        match cursor.word() {
            b"" => return Err(Malformed),
            word if attributes.len() < MAX_ATTRIBUTES => {
                attributes.push(String::from_utf8_lossy(word).into_owned());
            }
            _ => {}
        }
    }
    cursor.skip_spaces();
    let delimiter = match cursor.value()? {
        Value::Nil => None,
        Value::Octets(octets) => std::str::from_utf8(&octets)
            .ok()
            .and_then(|text| text.chars().next()),
        Value::Streamed(_) => return Err(Malformed),
    };
    cursor.skip_spaces();
    let name = cursor.string()?;
    Ok(ListRow {
        // Broken extended data costs itself alone.
        old_name: parse_old_name(cursor).unwrap_or_default(),
        wire_name: WireName::from_octets(&name),
        delimiter,
        attributes,
    })
}

/// Looks for OLDNAME in the extended data that may follow the name: `("OLDNAME" ("Old") …)`.
fn parse_old_name(cursor: &mut Cursor<'_>) -> Parsed<Option<WireName>> {
    cursor.skip_spaces();
    if !cursor.eat(b'(') {
        return Ok(None);
    }
    loop {
        cursor.skip_spaces();
        if cursor.eat(b')') {
            return Ok(None);
        }
        let label = cursor.string()?;
        cursor.skip_spaces();
        if label.eq_ignore_ascii_case(b"OLDNAME") && cursor.eat(b'(') {
            cursor.skip_spaces();
            return Ok(Some(WireName::from_octets(&cursor.string()?)));
        }
        cursor.skip_value()?;
    }
}

impl ListRow {
    pub(crate) fn has(&self, attribute: &str) -> bool {
        let is_it = |word: &String| word.eq_ignore_ascii_case(attribute);
        self.attributes.iter().any(is_it)
    }

    fn into_listed(self, subscribed_known: bool) -> Listed {
        let name = MailboxName::from_decoded(&self.wire_name.decode(), self.delimiter);
        // `\NonExistent` implies `\Noselect` (RFC 5258 §3); a name of no level is only the root.
        let exists = !self.has("\\NonExistent");
        let selectable = exists && !self.has("\\Noselect") && !name.levels().is_empty();
        Listed {
            delimiter: self.delimiter,
            role: special_use::role(&self.attributes),
            selectable,
            exists,
            subscribed: subscribed_known.then(|| self.has("\\Subscribed")),
            status: None,
            old_name: self.old_name,
            name,
            wire_name: self.wire_name,
        }
    }
}

/// The rows of one LIST, with the STATUS rows that belong to them, until the server says that it is
/// whole: half a listing would look like vanished mailboxes.
#[derive(Debug)]
pub(crate) struct Listing {
    /// What NAMESPACE answered.
    pub(crate) prefixes: Option<Vec<WireName>>,
    /// Prefixes that have been asked for.
    pub(crate) asked: Vec<WireName>,
    /// It is the answer to the plain question, or as good.
    is_plain: bool,
    rows: Vec<Listed>,
    by_name: HashMap<WireName, usize>,
    subscribed_known: bool,
    octets: usize,
}

impl Listing {
    pub(crate) fn new(dialect: &Dialect<'_>) -> Self {
        let capabilities = dialect.capabilities;
        Self {
            prefixes: None,
            asked: dialect.namespaces.to_vec(),
            is_plain: !capabilities.has(Capability::ListExtended)
                && !capabilities.has(Capability::ListStatus),
            rows: Vec::new(),
            by_name: HashMap::new(),
            subscribed_known: list_extended::subscribed_option(capabilities).is_some(),
            octets: 0,
        }
    }

    /// Takes a row; the same mailbox twice is one (Courier lists INBOX so).
    pub(crate) fn take_row(&mut self, row: ListRow) {
        let listed = row.into_listed(self.subscribed_known);
        // The name is kept as it was sent and in its levels.
        let levels = listed.name.levels().len() * Limits::LEVEL_OCTETS;
        let names = 2 * listed.wire_name.octets().len();
        self.octets += Limits::ROW_OCTETS + names + levels;
        if let Some(at) = self.by_name.get(&listed.wire_name) {
            if let Some(known) = self.rows.get_mut(*at) {
                known.role = known.role.or(listed.role);
                known.selectable |= listed.selectable;
                known.exists |= listed.exists;
            }
            return;
        }
        self.by_name
            .insert(listed.wire_name.clone(), self.rows.len());
        self.rows.push(listed);
    }

    /// Takes a STATUS row if it is the first about a listed mailbox.
    pub(crate) fn take_status(&mut self, row: &StatusRow) -> bool {
        let at = self.by_name.get(&row.wire_name).copied();
        let listed = at.and_then(|at| self.rows.get_mut(at));
        match listed {
            Some(listed) if listed.status.is_none() => {
                listed.status = Some(row.status.clone());
                true
            }
            _ => false,
        }
    }

    /// The prefixes that the server named and that neither a row nor a question has reached.
    pub(crate) fn unreached(&self) -> Vec<WireName> {
        let reached = |prefix: &WireName| {
            let shown = |row: &Listed| namespace::covers(&row.wire_name, prefix);
            self.asked.contains(prefix) || self.rows.iter().any(shown)
        };
        let prefixes = self.prefixes.iter().flatten();
        prefixes
            .filter(|prefix| !reached(prefix))
            .cloned()
            .collect()
    }

    /// INBOX is there and cannot be selected, which is impossible, and RETURN may be to blame
    /// ([`Quirk::InboxNotSelectable`](crate::Quirk::InboxNotSelectable)).
    pub(crate) fn is_implausible(&self) -> bool {
        let lost = |row: &Listed| !row.selectable && row.name.is_inbox();
        !self.is_plain && self.rows.iter().any(lost)
    }

    /// Forgets what came; what is listed now answers the plain question.
    pub(crate) fn begin_plainly(&mut self) {
        self.is_plain = true;
        self.subscribed_known = false;
        self.rows.clear();
        self.by_name.clear();
        self.asked.clear();
    }

    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// What the rows cost, by [`Limits::listing_octets`]; the same one again costs too.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }

    pub(crate) fn into_rows(self) -> Vec<Listed> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capabilities;
    use crate::ext::enable::Enabled;

    fn row(text: &str) -> Parsed<ListRow> {
        parse_list(&mut Cursor::over(text.as_bytes()))
    }

    fn listed(text: &str) -> Listed {
        row(text).unwrap().into_listed(false)
    }

    #[test]
    fn rows_of_many_servers() {
        let plain = listed("(\\HasNoChildren) \"/\" \"Work/2026\"\r\n");
        assert_eq!(plain.name.levels(), ["Work", "2026"]);
        assert!(plain.selectable);
        let gmail = listed("(\\HasNoChildren \\All) \"/\" \"[Gmail]/&AMk-tous\"");
        assert_eq!(gmail.name.to_string(), "[Gmail]/Étous");
        assert_eq!(gmail.role, Some(Role::All));
        let literal = listed("() \".\" {5}\r\na.b\\c\r\n");
        assert_eq!(literal.name.to_string(), "a/b\\c");
        let nil = listed("() NIL NIL");
        assert_eq!(nil.wire_name.octets(), b"NIL");
        assert_eq!(nil.delimiter, None);
        let inbox = listed("(\\Marked) \"\\\\\" inbox");
        assert_eq!(
            (inbox.wire_name.octets(), inbox.delimiter),
            (&b"INBOX"[..], Some('\\'))
        );
        let renamed =
            listed("() \"/\" New (\"CHILDINFO\" (\"SUBSCRIBED\") \"oldname\" (\"Old Name\"))");
        assert_eq!(renamed.old_name, Some(WireName::from_octets(b"Old Name")));
        let broken = listed("() \"/\" New (\"OLDNAME\" (\"Old");
        assert_eq!(
            (broken.name.to_string().as_str(), broken.old_name),
            ("New", None)
        );
        let extended = listed("(\\NonExistent) \"/\" \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\"))");
        assert!(!extended.selectable && !extended.exists);
        let root = listed("(\\NOSELECT) \"/\" \"\"");
        assert!(!root.selectable && root.exists);
        assert!(!listed("() \"/\" \"//\"").selectable);
    }

    #[test]
    fn rows_without_a_name_are_malformed() {
        for text in ["", "()", "() \"/\"", "() \"/\" \"a", "(\\A", "() \"/\" (a)"] {
            assert_eq!(row(text), Err(Malformed), "{text}");
        }
    }

    fn empty() -> Listing {
        Listing::new(&Dialect {
            capabilities: &Capabilities::default(),
            enabled: Enabled::default(),
            limits: Limits::default(),
            namespaces: &[],
            named: false,
        })
    }

    #[test]
    fn r11_levels_cost_what_they_take() {
        let mut listing = empty();
        let deep = "a/".repeat(100);
        listing.take_row(row(&format!("() \"/\" \"{deep}b\"")).unwrap());
        let levels = 101 * Limits::LEVEL_OCTETS;
        assert_eq!(listing.octets(), Limits::ROW_OCTETS + 2 * 201 + levels);
    }

    #[test]
    fn one_mailbox_listed_twice_is_one_and_finds_its_status() {
        let mut listing = empty();
        listing.take_row(row("() \"/\" INBOX").unwrap());
        listing.take_row(row("(\\Sent) \"/\" Inbox").unwrap());
        let status = |name: &[u8]| StatusRow {
            wire_name: WireName::from_octets(name),
            status: MailboxStatus::default(),
        };
        assert!(listing.take_status(&status(b"inBOX")));
        assert!(!listing.take_status(&status(b"INBOX")));
        assert!(!listing.take_status(&status(b"other")));
        let rows = listing.into_rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].role, Some(Role::Sent));
        assert!(rows[0].status.is_some());
    }
}
