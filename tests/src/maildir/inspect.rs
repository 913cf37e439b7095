//! The rules for one directory and one file.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use super::{Local, MaildirTree};
use crate::digest::{sha256, sha256_lf};

/// CONTRACT section 5: more, and notmuch stops its whole index run.
const BASE_LIMIT: usize = 150;

impl MaildirTree {
    pub(super) fn check_dir(&mut self, dir: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(dir)?;
        if !meta.is_dir() {
            self.find(dir, "not a real directory");
        }
        if meta.mode() & 0o7777 != 0o700 {
            self.find(dir, &format!("mode {:04o}, not 0700", meta.mode() & 0o7777));
        }
        Ok(())
    }

    /// Reads one file of `new` or `cur`; `None` when it cannot be a message at all.
    pub(super) fn read_message(&mut self, path: &Path, is_new: bool) -> io::Result<Option<Local>> {
        let meta = fs::symlink_metadata(path)?;
        if !meta.is_file() {
            self.find(path, "not a regular file");
            return Ok(None);
        }
        if meta.mode() & 0o7777 != 0o600 {
            self.find(
                path,
                &format!("mode {:04o}, not 0600", meta.mode() & 0o7777),
            );
        }
        if meta.nlink() != 1 {
            self.find(path, "more than one link");
        }
        let content = fs::read(path)?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !name.bytes().all(|octet| octet.is_ascii_graphic()) || name.starts_with('.') {
            self.find(path, "a name that is not printable ASCII, or hidden");
        }
        let (base, info) = match name.split_once(':') {
            Some((base, info)) => (base, Some(info)),
            None => (name.as_str(), None),
        };
        let flags = self.check_info(path, is_new, info);
        self.check_base(path, base, &content);
        Ok(Some(Local {
            path: path.to_owned(),
            is_new,
            base: base.to_owned(),
            flags,
            mtime: meta.mtime(),
            octets: meta.len(),
            sha256: sha256(&content),
            sha256_lf: sha256_lf(&content),
        }))
    }

    /// No info in `new`; `:2,` and sorted letters in `cur`.
    fn check_info(&mut self, path: &Path, is_new: bool, info: Option<&str>) -> String {
        if is_new {
            if info.is_some() {
                self.find(path, "flags in new");
            }
            return String::new();
        }
        let Some(flags) = info.and_then(|info| info.strip_prefix("2,")) else {
            self.find(path, "in cur without :2,");
            return String::new();
        };
        let letters: Vec<char> = flags.chars().collect();
        if !letters.is_sorted_by(|one, other| one < other) {
            self.find(path, "flags not sorted, or repeated");
        }
        if !letters
            .iter()
            .all(|c| "DFPRST".contains(*c) || c.is_ascii_lowercase())
        {
            self.find(path, "unknown flags");
        }
        flags.to_owned()
    }

    /// Length, and `,S=` and `,W=` as the content says.
    fn check_base(&mut self, path: &Path, base: &str, content: &[u8]) {
        if base.len() > BASE_LIMIT {
            self.find(path, &format!("a base name of {} bytes", base.len()));
        }
        let mut last = 0;
        let mut bare = 0;
        for &octet in content {
            bare += usize::from(octet == b'\n' && last != b'\r');
            last = octet;
        }
        for (field, is) in [("S=", content.len()), ("W=", content.len() + bare)] {
            let told = base
                .split(',')
                .skip(1)
                .find_map(|part| part.strip_prefix(field));
            if told != Some(is.to_string().as_str()) {
                self.find(path, &format!("{field} should be {is}"));
            }
        }
    }

    /// The part before the first comma is a message's own, in the whole tree.
    pub(super) fn check_unique(&mut self) {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for local in self.mailboxes.values().flatten() {
            let unique = local.base.split(',').next().unwrap_or_default();
            *seen.entry(unique.to_owned()).or_default() += 1;
        }
        for (unique, times) in seen.into_iter().filter(|(_, times)| *times > 1) {
            self.findings
                .push(format!("{unique}: {times} files of this name"));
        }
    }
}
