//! Mail that is hard to keep: every set of flags, odd messages, hostile names of mailboxes.

use super::{printed, program};
use crate::oracle::Oracle;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Messages as files, and the list of them.
#[derive(Debug)]
pub struct Corpus {
    dir: TempDir,
    mailboxes: Vec<Mailbox>,
}

#[derive(Debug)]
struct Mailbox {
    /// Each level in modified UTF-7.
    wire: Vec<String>,
    messages: Vec<Value>,
}

impl Corpus {
    /// Makes it.
    ///
    /// # Panics
    /// When Python is not installed.
    #[must_use]
    pub fn write() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let _nothing = printed(program().arg("corpus").arg(dir.path()), &[0]);
        let text = fs::read(dir.path().join("expected.json")).expect("a list");
        let told: Value = serde_json::from_slice(&text).expect("JSON");
        let mailboxes = list(&told, "mailboxes").iter().map(|told| Mailbox {
            wire: list(told, "wire").iter().map(text_of).collect(),
            messages: list(told, "messages").clone(),
        });
        Self {
            mailboxes: mailboxes.collect(),
            dir,
        }
    }

    /// The list of what a mirror of it holds.
    #[must_use]
    pub fn expected(&self) -> PathBuf {
        self.dir.path().join("expected.json")
    }

    /// Puts it into an account whose levels are parted by `separator`.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn fill(&self, oracle: &mut Oracle, separator: &str) {
        for mailbox in &self.mailboxes {
            let name = mailbox.wire.join(separator);
            if name != "INBOX" {
                oracle.create(&name);
            }
            for message in &mailbox.messages {
                let date = message.get("internal_date").and_then(Value::as_i64);
                let flags: Vec<String> = list(message, "flags").iter().map(text_of).collect();
                let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
                let date = date.expect("a date");
                oracle.append(&name, &self.octets(message), &flags, date);
            }
        }
    }

    /// Puts the odd messages and all others that fit into one maildrop: INBOX. The list of what is delivered from it.
    ///
    /// # Panics
    /// When the server refuses.
    #[must_use]
    pub fn fill_maildrop(&self, oracle: &mut Oracle) -> PathBuf {
        let mut messages = Vec::new();
        for mailbox in self.mailboxes.iter().take(2) {
            for message in &mailbox.messages {
                let octets = self.octets(message);
                // RFC 1939 §3: what POP3 tells ends in a line end.
                if !octets.ends_with(b"\r\n") {
                    continue;
                }
                oracle.append("INBOX", &octets, &[], 1_700_000_000);
                let mut message = message.clone();
                // POP3 tells neither.
                for (key, nothing) in [("flags", json!([])), ("internal_date", Value::Null)] {
                    if let Some(value) = message.get_mut(key) {
                        *value = nothing;
                    }
                }
                messages.push(message);
            }
        }
        let told = json!({"mailboxes": [{"levels": ["INBOX"], "messages": messages}]});
        let path = self.dir.path().join("maildrop.json");
        fs::write(&path, told.to_string()).expect("a writable file");
        path
    }

    fn octets(&self, message: &Value) -> Vec<u8> {
        let name = message.get("file").map(text_of).unwrap_or_default();
        fs::read(self.dir.path().join(Path::new(&name))).expect("a message")
    }
}

fn list<'a>(told: &'a Value, key: &str) -> &'a Vec<Value> {
    told.get(key).and_then(Value::as_array).expect("a list")
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
