//! `on_new` and `on_new_timeout`: what is run when a pass has stored mail.
//!
//! A placeholder becomes a part of one argument, whatever a server calls its mailboxes. Where that argument
//! is the text of a program (`sh -c`), it would become a program, so it may not stand there.

use super::account::Account;
use super::file::{Node, Value};
use super::reading::{Reading, nearest, or};
use postrider_core::hook::Hook;
use std::path::Path;
use std::time::Duration;

/// What can be filled in.
const PLACEHOLDERS: [&str; 3] = ["account", "mailbox", "count"];

/// Long enough for an indexer on a large first sync, short enough that one that hangs is noticed the same day.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Programs that run the argument behind `-c` or `-e`, up to their version (`python3`).
const INTERPRETERS: [&str; 17] = [
    "ash", "awk", "bash", "busybox", "csh", "dash", "fish", "ksh", "lua", "mksh", "node", "perl",
    "php", "python", "ruby", "sh", "zsh",
];

const NO_SHELL: &str = "a server chooses the names of its mailboxes, and this argument is run as a program: \
     write \"$1\" there, and the placeholder as an argument behind it";

/// Reads both; an empty list is no command, where `defaults` have one.
pub(super) fn on_new(reading: &mut Reading<'_>, keys: &Account<'_>) -> Option<Option<Hook>> {
    let timeout = or(keys.find("on_new_timeout"), TIMEOUT, |node| {
        reading.duration("on_new_timeout", node)
    });
    let command = or(keys.find("on_new"), Vec::new(), |node| {
        command(reading, node)
    });
    let (command, timeout) = (command?, timeout?);
    Some((!command.is_empty()).then_some(Hook { command, timeout }))
}

fn command(reading: &mut Reading<'_>, node: &Node) -> Option<Vec<String>> {
    let mut command = reading.texts("on_new", node)?;
    let Value::List(nodes) = &node.value else {
        return None;
    };
    let mut good = true;
    for (at, (text, node)) in command.iter().zip(nodes).enumerate() {
        let wrong = unknown_placeholder(text).or_else(|| {
            let before = command.get(..at).unwrap_or_default();
            let is_run = has_placeholder(text) && is_program_text(before);
            is_run.then(|| NO_SHELL.to_owned())
        });
        if let Some(wanted) = wrong {
            reading.wrong_form("on_new", node.at, (text, wanted));
            good = false;
        }
    }
    // A name is looked for in the PATH; a path may be relative to the file, or to one's home.
    if let (Some(program), Some(node)) = (command.first_mut(), nodes.first())
        && (program.contains('/') || program.starts_with('~'))
    {
        let path = reading.path("on_new", node)?;
        // A path that came from a file and from the environment is UTF-8.
        path.to_str()?.clone_into(program);
    }
    good.then_some(command)
}

fn has_placeholder(text: &str) -> bool {
    words(text).any(|word| PLACEHOLDERS.contains(&word))
}

/// A slip of the pen; what looks like none of ours is the program's own.
fn unknown_placeholder(text: &str) -> Option<String> {
    let unknown = |word: &&str| !PLACEHOLDERS.contains(word);
    let near = |word: &str| nearest(word, &PLACEHOLDERS);
    let (word, near) = words(text)
        .filter(unknown)
        .find_map(|word| Some((word, near(word)?)))?;
    Some(format!(
        "there is no `{{{word}}}`; the nearest placeholder is `{{{near}}}`"
    ))
}

/// What stands in braces.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split('{').skip(1);
    behind.filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// Whether the argument behind these is run: `sh -c`, `bash -lc`, `env X=1 python3 -c`, `perl -e`.
fn is_program_text(before: &[String]) -> bool {
    let Some((option, programs)) = before.split_last() else {
        return false;
    };
    let is_option =
        option.starts_with('-') && !option.starts_with("--") && option.ends_with(['c', 'e']);
    is_option && programs.iter().any(|program| is_interpreter(program))
}

fn is_interpreter(program: &str) -> bool {
    let name = Path::new(program)
        .file_name()
        .and_then(|name| name.to_str());
    let name = name.unwrap_or_default();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.contains(&name)
}
