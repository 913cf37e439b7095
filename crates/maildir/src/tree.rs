//! Which directories of a mail tree are mailboxes, whoever made them.

use crate::error::MaildirError;
use postrider_core::settings::Layout;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Levels below the root that are looked at: more than any name that a server makes.
const DEEPEST: usize = 64;

/// The mailboxes of a tree, each relative to its root and without the root itself, sorted. What is hidden, a
/// link, or not UTF-8 is none.
///
/// # Errors
/// When the system refuses. A root that is not there has none.
pub fn mailboxes(root: &Path, layout: Layout) -> Result<Vec<PathBuf>, MaildirError> {
    let mut found = Vec::new();
    look(root, Path::new(""), (layout, 0), &mut found)?;
    found.sort();
    Ok(found)
}

fn look(
    root: &Path,
    below: &Path,
    (layout, depth): (Layout, usize),
    found: &mut Vec<PathBuf>,
) -> Result<(), MaildirError> {
    let here = root.join(below);
    let entries = match fs::read_dir(&here) {
        Ok(entries) => entries,
        // It is not there, or went while we came to it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(MaildirError::io("read", &here)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(MaildirError::io("read", &here))?;
        let name = entry.file_name();
        // A link is not followed: it may lead out of the tree (R8).
        if !may_be(layout, &name) || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let relative = below.join(&name);
        if ["cur", "new", "tmp"]
            .iter()
            .all(|part| entry.path().join(part).is_dir())
        {
            found.push(relative.clone());
        }
        if layout == Layout::Fs && depth < DEEPEST {
            look(root, &relative, (layout, depth + 1), found)?;
        }
    }
    Ok(())
}

/// Whether a directory of this name may be a mailbox, or hold one.
fn may_be(layout: Layout, name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    match layout {
        Layout::Fs => !name.starts_with('.') && !["cur", "new", "tmp"].contains(&name),
        Layout::MaildirPlusPlus => name.starts_with('.') && name != "." && name != "..",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::Mailbox;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            Mailbox::new(root.path(), Path::new(name)).create().unwrap();
        }
        root
    }

    fn found(root: &Path, layout: Layout) -> Vec<String> {
        let found = mailboxes(root, layout).unwrap().into_iter();
        found.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn nested_mailboxes_are_found_at_every_level() {
        let root = tree(&[
            "INBOX",
            "Work/Projects",
            "Work/Projects/2026",
            ".hidden/x",
            "Größe",
        ]);
        let expected = ["Größe", "INBOX", "Work/Projects", "Work/Projects/2026"];
        assert_eq!(found(root.path(), Layout::Fs), expected);
        std::os::unix::fs::symlink("/", root.path().join("out")).unwrap();
        fs::create_dir_all(root.path().join("no/mail")).unwrap();
        assert_eq!(found(root.path(), Layout::Fs), expected);
    }

    #[test]
    fn maildirpp_has_one_level() {
        let root = tree(&["", ".Work", ".Work.Projects", "Other", ".a/.b"]);
        let expected = [".Work", ".Work.Projects"];
        assert_eq!(found(root.path(), Layout::MaildirPlusPlus), expected);
        let none = root.path().join("not/there");
        assert!(found(&none, Layout::Fs).is_empty());
    }
}
