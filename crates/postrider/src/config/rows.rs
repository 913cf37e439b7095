//! `accounts_from`: accounts in the rows of a CSV file (RFC 4180), whose first row names their keys.
//!
//! A row becomes the same tree that the configuration has for an account, and is read by the same readers. The
//! columns are the file's, so what is wrong with them is wrong with the file; what is wrong with a row
//! disables that row's account alone.

use super::account;
use super::columns::{self, Column, Columns};
use super::error::{Complaint, Place, Problem};
use super::file::{Entry, Node, Value};
use super::reading::{Reading, find};
use super::table::{Row, Table};
use super::trees::Trees;
use super::{BadRow, take};
use postrider_core::settings::AccountSettings;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// What a file of accounts comes to.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) accounts: Vec<AccountSettings>,
    pub(super) bad: Vec<BadRow>,
}

/// Where names stand that are taken.
type Names = HashMap<String, Taken>;

/// Where an account is that has a name.
#[derive(Clone, Copy, Debug)]
enum Taken {
    InConfiguration,
    InRow(usize),
}

/// Reads the file that `node` names. `before` are the accounts of the configuration itself.
pub(super) fn rows(
    reading: &mut Reading<'_>,
    node: &Node,
    (before, defaults): (&[AccountSettings], &[Entry]),
    trees: &mut Trees,
) -> Option<Rows> {
    let path = reading.path("accounts_from", node)?;
    try_defaults(reading, node.at, defaults);
    let mut refuse = |at: Option<Place>, what: String| {
        let (path, at_file) = (path.clone(), at);
        let problem = Problem::Table {
            path,
            at: at_file,
            what,
        };
        reading.complain(node.at, problem);
    };
    let (octets, mode) = match File::open(&path).and_then(|file| take(&file)) {
        Ok(read) => read,
        Err(error) => {
            refuse(None, error.to_string());
            return None;
        }
    };
    let Some(octets) = octets else {
        refuse(None, super::TOO_LARGE.to_owned());
        return None;
    };
    // Spreadsheets put it there.
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&octets);
    let mut table = Table::new(octets);
    let (columns, wrong) = columns::read(table.next());
    for (at, what) in wrong {
        refuse(Some(at), what);
    }
    let columns = columns?;
    let mut names: Names = before
        .iter()
        .map(|account| (account.name.to_string(), Taken::InConfiguration))
        .collect();
    let mut rows = Rows::default();
    while let Some(row) = table.next() {
        let mut of_row = Reading {
            base: reading.base,
            mode,
            around: reading.around,
            state_dir: reading.state_dir.clone(),
            complaints: Vec::new(),
        };
        let (name, account) = read_row(
            &mut of_row,
            (&row, &columns),
            (reading.mode, defaults),
            &mut names,
        );
        let account = account.filter(|_| of_row.complaints.is_empty());
        if let Some(account) = &account
            && let Err(problem) = trees.claim(account)
        {
            of_row.complain(row.at, problem);
        }
        match account.filter(|_| of_row.complaints.is_empty()) {
            Some(account) => rows.accounts.push(account),
            None => rows.bad.push(bad(&path, (name, row.at), of_row.complaints)),
        }
    }
    Some(rows)
}

fn bad(path: &Path, (account, at): (Option<String>, Place), complaints: Vec<Complaint>) -> BadRow {
    let mut complaints = complaints;
    complaints.sort_by_key(|complaint| complaint.at);
    BadRow {
        path: path.to_owned(),
        line: at.line,
        account,
        complaints,
    }
}

/// Reads `defaults` as an account that has nothing else: what is wrong there is wrong with the configuration,
/// and not with every row.
fn try_defaults(reading: &mut Reading<'_>, at: Place, defaults: &[Entry]) {
    let text = |text: &str| Value::Text(text.to_owned());
    let entry = |key: &str, value| Entry {
        at,
        key: key.to_owned(),
        node: Node { at, value },
    };
    let needed = [
        entry("host", text("localhost")),
        entry("user", text("user")),
        entry("maildir", text("/")),
        entry("password", Value::Map(vec![entry("command", text("true"))])),
    ];
    let speaks_by_token = find(defaults, "oauth2").is_some();
    let lacking = needed.into_iter().filter(|needed| {
        find(defaults, &needed.key).is_none() && !(needed.key == "password" && speaks_by_token)
    });
    let own = Value::Map(lacking.collect());
    account::account(reading, &entry("defaults", own), defaults);
}

/// The account's name as far as there is one, and the account.
fn read_row(
    reading: &mut Reading<'_>,
    (row, columns): (&Row, &Columns),
    (mode, defaults): (u32, &[Entry]),
    names: &mut Names,
) -> (Option<String>, Option<AccountSettings>) {
    if let Some(what) = row.misshapen(columns) {
        reading.complain(row.at, Problem::Row { what });
        return (None, None);
    }
    let Some(name) = row.cell(columns.name).filter(|(_, name)| !name.is_empty()) else {
        let what = "the row has no `account`".to_owned();
        reading.complain(row.at, Problem::Row { what });
        return (None, None);
    };
    let (at, name) = (name.0, name.1.to_owned());
    match names.get(&name) {
        Some(taken) => {
            let problem = match taken {
                Taken::InConfiguration => Problem::Row {
                    what: format!("there is an account `{name}` in `accounts` already"),
                },
                Taken::InRow(line) => Problem::Row {
                    what: format!("there is an account `{name}` on line {line} already"),
                },
            };
            reading.complain(at, problem);
        }
        None => {
            names.insert(name.clone(), Taken::InRow(row.at.line));
        }
    }
    let own = entries(reading, row, columns);
    if find(&own, "password").is_none() && find(&own, "oauth2").is_none() {
        // It comes from the configuration, whose own mode counts.
        reading.mode = mode;
    }
    let entry = Entry {
        at,
        key: name.clone(),
        node: Node {
            at,
            value: Value::Map(own),
        },
    };
    let account = account::account(reading, &entry, &stamped(defaults, row.at));
    (Some(name), account)
}

/// The keys of a row: an empty cell is a key that is not there.
fn entries(reading: &mut Reading<'_>, row: &Row, columns: &Columns) -> Vec<Entry> {
    let mut own: Vec<Entry> = Vec::new();
    for (number, column) in &columns.keys {
        let Some((at, text)) = row.cell(*number).filter(|(_, text)| !text.is_empty()) else {
            continue;
        };
        match columns::value(column, text, at) {
            Ok(value) => put(&mut own, column, Node { at, value }),
            Err(problem) => reading.complain(at, problem),
        }
    }
    own
}

/// Puts a value where its column says: `retention.quota` into the mapping `retention`.
fn put(own: &mut Vec<Entry>, column: &Column, node: Node) {
    let mut level = own;
    let at = node.at;
    let Some((last, above)) = column.path.split_last() else {
        return;
    };
    for key in above {
        let is_map = |entry: &Entry| entry.key == *key && matches!(entry.node.value, Value::Map(_));
        let there = level.iter().position(is_map).unwrap_or_else(|| {
            let value = Value::Map(Vec::new());
            let (key, node) = (key.clone(), Node { at, value });
            level.push(Entry { at, key, node });
            level.len() - 1
        });
        let Some(Value::Map(below)) = level.get_mut(there).map(|entry| &mut entry.node.value)
        else {
            return;
        };
        level = below;
    }
    let key = last.clone();
    level.push(Entry { at, key, node });
}

/// The same entries as if they stood in a row: what is wrong with the two together is the row's.
fn stamped(entries: &[Entry], at: Place) -> Vec<Entry> {
    let stamp = |entry: &Entry| Entry {
        at,
        key: entry.key.clone(),
        node: stamped_node(&entry.node, at),
    };
    entries.iter().map(stamp).collect()
}

fn stamped_node(node: &Node, at: Place) -> Node {
    let value = match &node.value {
        Value::Map(entries) => Value::Map(stamped(entries, at)),
        Value::List(nodes) => {
            Value::List(nodes.iter().map(|node| stamped_node(node, at)).collect())
        }
        Value::Text(_) | Value::Empty => node.value.clone(),
    };
    Node { at, value }
}

#[cfg(test)]
mod tests;
