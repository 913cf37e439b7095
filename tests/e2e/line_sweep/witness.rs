//! What stands where after a run: looked up on both disks and in the index's public views.

use super::story::{MESSAGES, Story, text};
use postrider_tests::digest::sha256_lf;
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, is_in};
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(crate) struct Witness<'a> {
    story: &'a Story,
    home: &'a Home,
    /// The user's directory at the server.
    server: PathBuf,
}

/// How often each message stands in a place.
type Copies = Vec<usize>;

impl<'a> Witness<'a> {
    pub(crate) const fn new(story: &'a Story, home: &'a Home, server: PathBuf) -> Self {
        Self {
            story,
            home,
            server,
        }
    }

    fn here(&self) -> Result<Copies, String> {
        copies(&self.home.path().join("Mail"))
    }

    fn on_server(&self) -> Result<Copies, String> {
        let inbox = self.server.join("Maildir");
        let (cur, new) = (copies(&inbox.join("cur"))?, copies(&inbox.join("new"))?);
        Ok(cur.iter().zip(new).map(|(cur, new)| cur + new).collect())
    }

    /// Right after the run: what has gone from the server is here, and nothing is here twice.
    pub(crate) fn nothing_is_lost(&self) -> Result<(), String> {
        let (here, there) = (self.here()?, self.on_server()?);
        let lost = |n: &usize| here[*n] == 0 && there[*n] == 0;
        match (0..MESSAGES).find(|n| lost(n) || here[*n] > 1) {
            Some(n) => Err(format!(
                "message {n}: here {here:?}, on the server {there:?}"
            )),
            None => Ok(()),
        }
    }

    /// After the pass that heals: everything once here, once in the trash if it goes there, else gone; and the
    /// ledger tells each thing once.
    pub(crate) fn all_is_done(&self) -> Result<(), String> {
        let once = vec![1; MESSAGES];
        let (here, there) = (self.here()?, self.on_server()?);
        if here != once || there != vec![0; MESSAGES] {
            return Err(format!("here {here:?}, on the server {there:?}"));
        }
        if let Some(trash) = self.story.trash {
            let trash = copies(&self.server.join(format!("Maildir/.{trash}")))?;
            if trash != once {
                return Err(format!("in the trash {trash:?}"));
            }
        }
        self.ledger()
    }

    fn ledger(&self) -> Result<(), String> {
        let count = |what: &str| self.home.count(&format!("SELECT count(*) FROM {what}"));
        let all = MESSAGES as i64;
        let rule = self.story.rule;
        for (what, expected) in [
            ("ledger WHERE action = 'stored'".to_owned(), all),
            (
                format!("ledger WHERE action = 'expired' AND because LIKE '{rule}%'"),
                all,
            ),
            ("ledger".to_owned(), 2 * all),
            (
                "(SELECT DISTINCT message_id, action FROM ledger)".to_owned(),
                2 * all,
            ),
            (
                "messages WHERE proven_at <= expired_at AND vanished_at IS NULL".to_owned(),
                all,
            ),
            ("messages".to_owned(), all),
        ] {
            let told = count(&what);
            if told != expected {
                return Err(format!("{told} in {what}, not {expected}"));
            }
        }
        let history = self.home.succeed(&["history", "--json"]);
        let history: Value = serde_json::from_str(&history).map_err(|e| e.to_string())?;
        match history["entries"].as_array().map(Vec::len) {
            Some(told) if told == 2 * MESSAGES => Ok(()),
            told => Err(format!("history tells {told:?}")),
        }
    }

    /// Another pass changes nothing.
    pub(crate) fn nothing_is_left_to_do(&self) -> Result<(), String> {
        let again = self.home.run(&["sync", "--json"]);
        let document: Value = serde_json::from_slice(&again.stdout).map_err(|e| e.to_string())?;
        let told = &document["accounts"][0];
        let did = ["new", "expired", "vanished"].map(|what| told[what].as_u64());
        if !again.status.success() || did != [Some(0); 3] {
            return Err(format!("the pass after that: {}", said(&again)));
        }
        self.all_is_done()
    }
}

/// The messages below a directory; a file that is none of them is an error.
fn copies(dir: &Path) -> Result<Copies, String> {
    let hashes: Vec<_> = (0..MESSAGES)
        .map(|n| sha256_lf(text(n).as_bytes()))
        .collect();
    let mut copies = vec![0; MESSAGES];
    for path in files(dir) {
        if !is_in(&path, "cur") && !is_in(&path, "new") {
            continue;
        }
        let octets = std::fs::read(&path).map_err(|e| e.to_string())?;
        let hash = sha256_lf(&octets);
        let message = hashes.iter().position(|known| *known == hash);
        let Some(n) = message else {
            return Err(format!("{} is no whole message", path.display()));
        };
        copies[n] += 1;
    }
    Ok(copies)
}
