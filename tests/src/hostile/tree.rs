//! What lies where on a disk, to see what was written.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Every file, directory and link below a directory, but those below some places where anything may happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    /// Looks at `root`, but not into `except` (relative paths).
    ///
    /// # Panics
    /// When a directory cannot be read.
    #[must_use]
    pub fn of(root: &Path, except: &[&str]) -> Self {
        let mut tree = Self::default();
        tree.take(root, Path::new(""), except);
        tree
    }

    fn take(&mut self, root: &Path, at: &Path, except: &[&str]) {
        let entries = std::fs::read_dir(root.join(at)).expect("a directory that can be read");
        for entry in entries {
            let entry = entry.expect("an entry");
            let path = at.join(entry.file_name());
            if except.iter().any(|except| path == Path::new(except)) {
                continue;
            }
            let found = entry.metadata().expect("an entry that stays");
            let what = if found.is_dir() {
                "a directory".to_owned()
            } else {
                let mode = found.mode();
                format!("{} octets, mode {mode:o}, {}", found.len(), found.mtime())
            };
            self.0.insert(path.clone(), what);
            if found.is_dir() {
                self.take(root, &path, except);
            }
        }
    }

    /// Every path in it.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}
