//! The columns of `accounts_from`: `account` is the name, every other one a key of an account. A key within a
//! key stands behind a full stop: `password.command`, `retention.delete_after`, `folders.rename.Gesendet`.

use super::error::{Place, Problem};
use super::file::{self, Node, Value};
use super::reading::nearest;
use super::table::Row;
use super::{account, folders, oauth2, password, removal};

/// The column of the account's name.
const NAME: &str = "account";

/// Keys with keys of their own.
const MAPS: [(&str, &[&str]); 5] = [
    ("password", password::KEYS),
    ("oauth2", oauth2::KEYS),
    ("folders", folders::KEYS),
    ("retention", removal::RETENTION_KEYS),
    ("brake", removal::BRAKE_KEYS),
];

/// Keys that take nothing but a list: a cell is one item, or a list as the configuration writes it.
const LISTS: [&str; 5] = [
    "folders.include",
    "folders.exclude",
    "on_new",
    "pin",
    "retention.protect",
];

/// Which column is what.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The number of the column with the name.
    pub(super) name: usize,
    pub(super) keys: Vec<(usize, Column)>,
    /// How many there are.
    pub(super) count: usize,
}

/// One key: its path from the account down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) path: Vec<String>,
    is_list: bool,
}

/// Reads the first row. What is wrong with it comes with its place, and is wrong with the file.
pub(super) fn read(first: Option<Row>) -> (Option<Columns>, Vec<(Place, String)>) {
    let at = Place { line: 1, column: 1 };
    let Some(first) = first else {
        let what =
            "the file is empty; its first row names the columns, and one of them is `account`";
        return (None, vec![(at, what.to_owned())]);
    };
    let cells: Vec<_> = (0..first.len())
        .map(|number| {
            first
                .cell(number)
                .map_or((first.at, ""), |(at, text)| (at, text.trim()))
        })
        .collect();
    // Without that column it may be the row of an account, and have a password in it: it is not shown.
    let Some(name) = cells.iter().position(|(_, text)| *text == NAME) else {
        let what =
            "the first row names the columns, parted by commas, and one of them is `account`";
        return (None, vec![(first.at, what.to_owned())]);
    };
    let (mut keys, mut wrong) = (Vec::new(), Vec::new());
    for (number, (at, text)) in cells.iter().enumerate() {
        if cells.iter().take(number).any(|(_, before)| before == text) {
            wrong.push((*at, format!("the column `{}` is there twice", shown(text))));
        } else if number != name {
            match column(text) {
                Ok(column) => keys.push((number, column)),
                Err(what) => wrong.push((*at, what)),
            }
        }
    }
    let count = first.len();
    let columns = Columns { name, keys, count };
    (wrong.is_empty().then_some(columns), wrong)
}

fn column(text: &str) -> Result<Column, String> {
    let is_list = LISTS.contains(&text);
    let (first, below) = match text.split_once('.') {
        Some((first, below)) => (first, Some(below)),
        None => (text, None),
    };
    if !account::KEYS.contains(&first) {
        return Err(unknown(text, nearest(first, account::KEYS)));
    }
    let path = match (below, MAPS.iter().find(|(map, _)| *map == first)) {
        (None, _) => vec![first],
        (Some(_), None) => {
            return Err(format!(
                "`{first}` has no keys of its own: `{}`",
                shown(text)
            ));
        }
        (Some(below), Some((_, known))) => match below.split_once('.') {
            Some(("rename", mailbox)) if first == "folders" => vec![first, "rename", mailbox],
            _ if known.contains(&below) => vec![first, below],
            _ => {
                let near = nearest(below, known).map(|near| format!("{first}.{near}"));
                return Err(unknown(text, near.as_deref()));
            }
        },
    };
    Ok(Column {
        path: path.into_iter().map(str::to_owned).collect(),
        is_list,
    })
}

fn unknown(text: &str, near: Option<&str>) -> String {
    let near = near.map(|near| format!("; the nearest known key is `{near}`"));
    format!("unknown key `{}`{}", shown(text), near.unwrap_or_default())
}

/// Text of the file, safe on a terminal.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

/// What a cell says. Text stays text, whatever it looks like.
pub(super) fn value(column: &Column, text: &str, at: Place) -> Result<Value, Problem> {
    if !column.is_list {
        return Ok(Value::Text(text.to_owned()));
    }
    let item = |text: String| Node {
        at,
        value: Value::Text(text),
    };
    if !text.starts_with('[') {
        return Ok(Value::List(vec![item(text.to_owned())]));
    }
    let list = file::parse(text).map_err(|(_, problem)| problem)?;
    let Value::List(nodes) = list.value else {
        let what = "a list is wanted: [\"...\", \"...\"]".to_owned();
        return Err(Problem::Syntax { what });
    };
    let items = nodes.into_iter().map(|node| Node { at, ..node });
    Ok(Value::List(items.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<Vec<String>, String> {
        column(text).map(|column| column.path)
    }

    #[test]
    fn a_column_is_a_key_or_a_key_within_a_key() {
        assert_eq!(path("host").unwrap(), ["host"]);
        assert_eq!(path("password.command").unwrap(), ["password", "command"]);
        let rename = path("folders.rename.[Gmail]/Sent.Mail").unwrap();
        assert_eq!(rename, ["folders", "rename", "[Gmail]/Sent.Mail"]);
        for (text, said) in [
            (
                "hots",
                "unknown key `hots`; the nearest known key is `host`",
            ),
            ("", "unknown key ``"),
            ("host.name", "`host` has no keys of its own: `host.name`"),
            (
                "retention.delete_aftr",
                "unknown key `retention.delete_aftr`; the nearest known key is `retention.delete_after`",
            ),
        ] {
            assert_eq!(path(text).unwrap_err(), said);
        }
    }
}
