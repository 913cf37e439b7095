//! Reads a Maildir tree without any code of postrider, for assertions on what was delivered.
//!
//! Everything in CONTRACT section 5 that can be seen from outside is checked while reading; what does
//! not hold is a finding, a sentence that names the file.

mod inspect;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A tree of Maildirs as it is on disk.
#[derive(Debug, Default)]
pub struct MaildirTree {
    /// By directory relative to the root, `/` between levels; the root itself is the empty text.
    pub mailboxes: BTreeMap<String, Vec<Local>>,
    findings: Vec<String>,
}

/// One delivered message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is in `new`, as opposed to `cur`.
    pub is_new: bool,
    /// The file name without flags.
    pub base: String,
    /// The letters after `:2,`, as they stand.
    pub flags: String,
    /// Modification time in seconds since the epoch.
    pub mtime: i64,
    /// Size of the file.
    pub octets: u64,
    /// Of the file's content.
    pub sha256: String,
    /// Of the content with every CRLF turned into LF; equal to `sha256` in a sound tree, unless the
    /// message had CR CR LF.
    pub sha256_lf: String,
}

impl MaildirTree {
    /// Reads the tree below `root`.
    ///
    /// # Errors
    /// When something there cannot be read.
    pub fn read(root: impl AsRef<Path>) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_dir(root.as_ref(), "")?;
        tree.check_unique();
        Ok(tree)
    }

    /// What is wrong with it.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The messages of one directory, `new` and `cur` together, sorted by file name; none when it is not there.
    #[must_use]
    pub fn messages(&self, mailbox: &str) -> &[Local] {
        self.mailboxes.get(mailbox).map_or(&[], Vec::as_slice)
    }

    /// The hashes (LF line ends) of a mailbox's messages, sorted, repeated as often as they occur.
    #[must_use]
    pub fn contents(&self, mailbox: &str) -> Vec<String> {
        let hashes = self
            .messages(mailbox)
            .iter()
            .map(|local| local.sha256_lf.clone());
        let mut hashes: Vec<String> = hashes.collect();
        hashes.sort();
        hashes
    }

    /// How many messages there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mailboxes.values().map(Vec::len).sum()
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the test unless nothing is wrong.
    ///
    /// # Panics
    /// With all findings.
    pub fn assert_sound(&self) {
        assert!(
            self.findings.is_empty(),
            "the Maildir is not sound:\n{}",
            self.findings.join("\n")
        );
    }

    /// Ends the test unless `mailbox` is sound and holds exactly the messages of these hashes
    /// (LF line ends), each as often as it is named.
    ///
    /// # Panics
    /// With what is missing and what is too many.
    pub fn assert_holds<'a>(&self, mailbox: &str, hashes: impl IntoIterator<Item = &'a String>) {
        self.assert_sound();
        let mut surplus = self.contents(mailbox);
        let mut missing = Vec::new();
        for hash in hashes {
            match surplus.iter().position(|held| held == hash) {
                Some(at) => drop(surplus.remove(at)),
                None => missing.push(hash),
            }
        }
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{mailbox}: missing {missing:?}, too many {surplus:?}"
        );
    }

    fn find(&mut self, path: &Path, what: &str) {
        self.findings.push(format!("{}: {what}", path.display()));
    }

    fn read_dir(&mut self, dir: &Path, name: &str) -> io::Result<()> {
        self.check_dir(dir)?;
        let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let parts = ["cur", "new", "tmp"];
        let is_part = |entry: &fs::DirEntry| parts.iter().any(|part| entry.file_name() == *part);
        let present = entries.iter().filter(|entry| is_part(entry)).count();
        if present > 0 {
            if present < parts.len() {
                self.find(dir, "not all of cur, new and tmp");
            }
            let mut messages = Vec::new();
            for entry in entries.iter().filter(|entry| is_part(entry)) {
                self.read_part(&entry.path(), &mut messages)?;
            }
            messages.sort_by(|one, other| one.base.cmp(&other.base));
            self.mailboxes.insert(name.to_owned(), messages);
        } else if entries.is_empty() && !name.is_empty() {
            self.find(dir, "an empty directory that is no Maildir");
        }
        for entry in entries
            .iter()
            .filter(|entry| !(present > 0 && is_part(entry)))
        {
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                let level = entry.file_name().to_string_lossy().into_owned();
                let below = if name.is_empty() {
                    level
                } else {
                    format!("{name}/{level}")
                };
                self.read_dir(&path, &below)?;
            } else {
                self.find(&path, "a stranger between Maildirs");
            }
        }
        Ok(())
    }

    fn read_part(&mut self, part: &Path, messages: &mut Vec<Local>) -> io::Result<()> {
        self.check_dir(part)?;
        for entry in fs::read_dir(part)? {
            let path = entry?.path();
            if part.ends_with("tmp") {
                self.find(&path, "left over in tmp");
            } else if let Some(local) = self.read_message(&path, part.ends_with("new"))? {
                messages.push(local);
            }
        }
        Ok(())
    }
}
