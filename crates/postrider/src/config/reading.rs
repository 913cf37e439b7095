//! Reading values of a tree by what their key wants, collecting every complaint on the way.
//!
//! A reader that gives `None` has complained; nobody complains twice about one thing.

use super::duration::parse_duration;
use super::error::{Complaint, Place, Problem};
use super::file::{Entry, Node, Value};
use super::paths;
use super::size::parse_size;
use super::surroundings::Surroundings;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The nearest known key is named when at most this many letters differ, one in a short word: `hots`
/// is `host`, but `push` is not `auth`.
const NEAR: usize = 2;

/// One reading of a file.
pub(super) struct Reading<'a> {
    /// The directory of the file: what relative paths are relative to.
    pub(super) base: &'a Path,
    /// The mode of the file.
    pub(super) mode: u32,
    /// The environment.
    pub(super) around: &'a Surroundings,
    /// Where the state of all accounts is kept, as soon as that is known.
    pub(super) state_dir: Option<PathBuf>,
    /// All that is wrong.
    pub(super) complaints: Vec<Complaint>,
}

impl Reading<'_> {
    /// Complains. What stands under `defaults` is read once per account and complained of once.
    pub(super) fn complain(&mut self, at: Place, problem: Problem) {
        let complaint = Complaint { at, problem };
        if !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    /// The entries of a mapping; nothing at all is an empty one.
    pub(super) fn map<'n>(&mut self, key: &'static str, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            Value::Empty => Some(&[]),
            Value::Text(_) | Value::List(_) => {
                let wanted = "a mapping";
                self.complain(node.at, Problem::Kind { key, wanted });
                None
            }
        }
    }

    /// Complains of doubles and of keys that are not `known`.
    pub(super) fn keys(&mut self, entries: &[Entry], known: &[&'static str]) {
        self.doubles(entries, true);
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                let problem = Problem::UnknownKey {
                    key: entry.key.clone(),
                    nearest: nearest(&entry.key, known),
                };
                self.complain(entry.at, problem);
            }
        }
    }

    /// Complains of keys that stand there twice, and names them if they may be `named`.
    pub(super) fn doubles(&mut self, entries: &[Entry], named: bool) {
        for (at, entry) in entries.iter().enumerate() {
            let before = entries.iter().take(at);
            if let Some(first) = before.into_iter().find(|first| first.key == entry.key) {
                let problem = Problem::Twice {
                    key: named.then(|| entry.key.clone()),
                    first: first.at,
                };
                self.complain(entry.at, problem);
            }
        }
    }

    /// Text that is not empty.
    pub(super) fn text<'n>(&mut self, key: &'static str, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Text(_) | Value::Empty | Value::List(_) | Value::Map(_) => {
                let wanted = "text";
                self.complain(node.at, Problem::Kind { key, wanted });
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str, node: &Node) -> Option<Vec<String>> {
        let Value::List(nodes) = &node.value else {
            let wanted = "a list: [\"...\", \"...\"]";
            self.complain(node.at, Problem::Kind { key, wanted });
            return None;
        };
        let texts: Vec<_> = nodes.iter().map(|node| self.text(key, node)).collect();
        texts
            .into_iter()
            .map(|text| text.map(str::to_owned))
            .collect()
    }

    /// One of the words of a key, as the value it stands for.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        node: &Node,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let found = self.text(key, node)?;
        let meant = words.iter().find(|(word, _)| *word == found);
        if meant.is_none() {
            let problem = Problem::Word {
                key,
                found: found.to_owned(),
                known: words.iter().map(|(word, _)| *word).collect(),
            };
            self.complain(node.at, problem);
        }
        meant.map(|(_, value)| *value)
    }

    /// `true` or `false`: YAML 1.2 knows no others.
    pub(super) fn truth(&mut self, key: &'static str, node: &Node) -> Option<bool> {
        self.word(key, node, &[("true", true), ("false", false)])
    }

    /// A whole number within bounds.
    pub(super) fn number<T>(
        &mut self,
        key: &'static str,
        node: &Node,
        bounds: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let found = self.text(key, node)?;
        let number = found.parse().ok().filter(|number| bounds.contains(number));
        if number.is_none() {
            let (least, most) = (bounds.start(), bounds.end());
            let wanted = format!("a whole number from {least} to {most} is wanted");
            self.wrong_form(key, node.at, (found, wanted));
        }
        number
    }

    /// A duration of at least a second: zero would be a busy loop, or no patience at all.
    pub(super) fn duration(&mut self, key: &'static str, node: &Node) -> Option<Duration> {
        let found = self.text(key, node)?;
        let wanted = match parse_duration(found) {
            Ok(duration) if !duration.is_zero() => return Some(duration),
            Ok(_) => "a second is the least".to_owned(),
            Err(error) => error.to_string(),
        };
        self.wrong_form(key, node.at, (found, wanted));
        None
    }

    /// A size in octets, of at least one unit: nothing is smaller than zero.
    pub(super) fn size(&mut self, key: &'static str, node: &Node) -> Option<u64> {
        let found = self.text(key, node)?;
        let wanted = match parse_size(found) {
            Ok(octets) if octets > 0 => return Some(octets),
            Ok(_) => "1KiB is the least".to_owned(),
            Err(error) => error.to_string(),
        };
        self.wrong_form(key, node.at, (found, wanted));
        None
    }

    /// A path, made absolute.
    pub(super) fn path(&mut self, key: &'static str, node: &Node) -> Option<PathBuf> {
        let found = self.text(key, node)?;
        match paths::expand(found, self.base, self.around) {
            Ok(path) => Some(path),
            Err(wanted) => {
                self.wrong_form(key, node.at, (found, wanted));
                None
            }
        }
    }

    /// Complains of the form of what was `found`, and says what is `wanted`.
    pub(super) fn wrong_form(
        &mut self,
        key: &'static str,
        at: Place,
        (found, wanted): (&str, String),
    ) {
        let found = found.to_owned();
        self.complain(at, Problem::Form { key, found, wanted });
    }
}

/// A key that may be left out: `None` when it was there and wrong.
pub(super) fn or<T>(
    node: Option<&Node>,
    default: T,
    read: impl FnOnce(&Node) -> Option<T>,
) -> Option<T> {
    node.map_or(Some(default), read)
}

/// The value of a key; the first one when it is doubled.
pub(super) fn find<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Node> {
    let entry = entries.iter().find(|entry| entry.key == key);
    entry.map(|entry| &entry.node)
}

/// The known word that looks most like `found`: few letters differ, or one begins the other.
pub(crate) fn nearest<'k>(found: &str, known: &[&'k str]) -> Option<&'k str> {
    let found = found.to_lowercase();
    let distance = |key: &&str| strsim::damerau_levenshtein(&found, key);
    let near = known.iter().copied().min_by_key(distance);
    let near = near.filter(|key| distance(key) <= (found.chars().count() / 3).clamp(1, NEAR));
    let begun = |key: &&&str| found.len() > NEAR && key.starts_with(&found);
    near.or_else(|| known.iter().find(begun).copied())
}
