//! One mailbox's directories on disk.

use crate::entry::{Entry, Subdir};
use crate::error::MaildirError;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// A mailbox's directory, with `cur`, `new` and `tmp` in it, below the root of its account's tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    root: PathBuf,
    dir: PathBuf,
}

impl Mailbox {
    /// Names a mailbox. `dir` is relative to `root` (as [`crate::directory`] gives it; empty for
    /// the root itself), or absolute and below it (as the index keeps it). Touches nothing.
    #[must_use]
    pub fn new(root: &Path, dir: &Path) -> Self {
        // An empty part would leave a trailing `/` in every path shown or compared.
        let dir = if dir.as_os_str().is_empty() {
            root.to_owned()
        } else {
            root.join(dir)
        };
        Self {
            root: root.to_owned(),
            dir,
        }
    }

    /// The mailbox's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of its three directories.
    #[must_use]
    pub fn subdir(&self, subdir: Subdir) -> PathBuf {
        self.dir.join(subdir.as_str())
    }

    /// The directory of unfinished files.
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    /// Where a message's file lies.
    #[must_use]
    pub fn path_of(&self, entry: &Entry) -> PathBuf {
        let mut path = self.subdir(entry.subdir);
        path.push(entry.file_name.as_str());
        path
    }

    /// Whether the mailbox stands there whole. One question is no witness of absence (R5): a tree
    /// that is not mounted looks just like this.
    ///
    /// # Errors
    /// When the system does not let us look; that is not absence.
    pub fn exists(&self) -> Result<bool, MaildirError> {
        for part in ["cur", "new", "tmp"] {
            let path = self.dir.join(part);
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Ok(false),
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(MaildirError::io("look at", &path)(error)),
            }
        }
        Ok(true)
    }

    /// Makes what is missing of the mailbox's directories, 0700 whatever the umask, and flushes the
    /// parents of what it made. Cheap when nothing is missing.
    ///
    /// The root may be a symbolic link, it is the user's choice; below it a link that leads out of
    /// the tree is refused (R8).
    ///
    /// # Errors
    /// When something else stands in the way, or the system refuses.
    pub fn create(&self) -> Result<(), MaildirError> {
        let outside = || MaildirError::OutsideTree {
            path: self.dir.clone(),
        };
        let below = self.dir.strip_prefix(&self.root).map_err(|_| outside())?;
        let mut parts: Vec<&OsStr> = Vec::new();
        for component in below.components() {
            match component {
                Component::Normal(part) => parts.push(part),
                Component::CurDir
                | Component::ParentDir
                | Component::Prefix(_)
                | Component::RootDir => {
                    return Err(outside());
                }
            }
        }
        create_root(&self.root)?;
        let mut here = Walk::start(&self.root)?;
        for part in parts {
            here.enter(part)?;
        }
        for part in ["cur", "new", "tmp"] {
            here.have(OsStr::new(part))?;
        }
        here.flush()
    }
}

/// A walk down the tree by open directories, so that no link can be slipped in behind a check.
struct Walk<'a> {
    root: &'a Path,
    path: PathBuf,
    here: File,
    made: bool,
}

impl<'a> Walk<'a> {
    fn start(root: &'a Path) -> Result<Self, MaildirError> {
        let here = File::open(root).map_err(MaildirError::io("open", root))?;
        Ok(Self {
            root,
            path: root.to_owned(),
            here,
            made: false,
        })
    }

    /// Makes sure that `part` is a directory here. Nearly always it is, and one call tells.
    fn have(&mut self, part: &OsStr) -> Result<(), MaildirError> {
        let found = rustix::fs::statat(&self.here, part, AtFlags::SYMLINK_NOFOLLOW);
        match found {
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => Ok(()),
            _ => self.make(part).map(drop),
        }
    }

    /// Makes sure that `part` is a directory here, and opens it.
    fn make(&mut self, part: &OsStr) -> Result<File, MaildirError> {
        let path = self.path.join(part);
        if let Some(dir) = self.open(part, &path)? {
            return Ok(dir);
        }
        let made = match rustix::fs::mkdirat(&self.here, part, Mode::RWXU) {
            Ok(()) => true,
            // Somebody else was faster.
            Err(rustix::io::Errno::EXIST) => false,
            Err(error) => return Err(MaildirError::io("create", &path)(error)),
        };
        let Some(dir) = self.open(part, &path)? else {
            return Err(MaildirError::io("open", &path)(rustix::io::Errno::NOENT));
        };
        if made {
            rustix::fs::fchmod(&dir, Mode::RWXU)
                .map_err(MaildirError::io("set the mode of", &path))?;
            self.made = true;
        }
        Ok(dir)
    }

    /// `None` when there is nothing of that name.
    fn open(&self, part: &OsStr, path: &Path) -> Result<Option<File>, MaildirError> {
        let plain = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.here, part, plain, Mode::empty()) {
            Ok(dir) => Ok(Some(File::from(dir))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            // Linux says ENOTDIR for a link opened with both flags; others say ELOOP.
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                self.open_link(path).map(Some)
            }
            Err(error) => Err(MaildirError::io("open", path)(error)),
        }
    }

    /// A link that stays in the tree is a user's arrangement and is followed.
    fn open_link(&self, path: &Path) -> Result<File, MaildirError> {
        let real = |path: &Path| fs::canonicalize(path).map_err(MaildirError::io("resolve", path));
        let target = real(path)?;
        if !target.starts_with(real(self.root)?) {
            return Err(MaildirError::OutsideTree {
                path: path.to_owned(),
            });
        }
        if !target.is_dir() {
            return Err(MaildirError::NotADirectory {
                path: path.to_owned(),
            });
        }
        File::open(&target).map_err(MaildirError::io("open", path))
    }

    fn enter(&mut self, part: &OsStr) -> Result<(), MaildirError> {
        let next = self.make(part)?;
        self.flush()?;
        self.path.push(part);
        self.here = next;
        self.made = false;
        Ok(())
    }

    fn flush(&self) -> Result<(), MaildirError> {
        if !self.made {
            return Ok(());
        }
        self.here
            .sync_all()
            .map_err(MaildirError::io("flush", &self.path))
    }
}

/// The tree's root and what is missing above it: `~/Mail` need not exist before the first account.
fn create_root(root: &Path) -> Result<(), MaildirError> {
    match fs::metadata(root) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => {
            return Err(MaildirError::NotADirectory {
                path: root.to_owned(),
            });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(MaildirError::io("look at", root)(error)),
    }
    let (Some(parent), Some(name)) = (root.parent(), root.file_name()) else {
        return Err(MaildirError::NotADirectory {
            path: root.to_owned(),
        });
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    create_root(parent)?;
    let mut walk = Walk::start(parent)?;
    walk.make(name)?;
    walk.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_mailbox_is_made_whole_and_private() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("Mail/home");
        let mailbox = Mailbox::new(&root, Path::new("Work/Projects"));
        assert!(!mailbox.exists().unwrap());
        mailbox.create().unwrap();
        mailbox.create().unwrap();
        assert!(mailbox.exists().unwrap());
        for made in [
            "Mail",
            "Mail/home",
            "Mail/home/Work",
            "Mail/home/Work/Projects",
            "Mail/home/Work/Projects/tmp",
        ] {
            let mode = fs::metadata(home.path().join(made))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, 0o700, "{made}");
        }
        fs::remove_dir(mailbox.tmp()).unwrap();
        assert!(!mailbox.exists().unwrap());
    }

    #[test]
    fn the_index_may_name_it_by_its_absolute_path() {
        let relative = Mailbox::new(Path::new("/m"), Path::new("a"));
        assert_eq!(relative, Mailbox::new(Path::new("/m"), Path::new("/m/a")));
        assert_eq!(
            Mailbox::new(Path::new("/m"), Path::new("")).dir(),
            Path::new("/m")
        );
    }

    #[test]
    fn what_leads_out_of_the_tree_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        let out = home.path().join("out");
        fs::create_dir_all(root.join("within")).unwrap();
        fs::create_dir(&out).unwrap();
        symlink(&out, root.join("link")).unwrap();
        symlink("within", root.join("inner")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        for dir in ["link", "link/deeper", "../out", "/etc"] {
            let refused = Mailbox::new(&root, Path::new(dir)).create();
            assert!(
                matches!(refused, Err(MaildirError::OutsideTree { .. })),
                "{dir}: {refused:?}"
            );
        }
        let refused = Mailbox::new(&root, Path::new("file")).create();
        assert!(
            matches!(refused, Err(MaildirError::NotADirectory { .. })),
            "{refused:?}"
        );
        Mailbox::new(&root, Path::new("inner/x")).create().unwrap();
        assert!(root.join("within/x/cur").is_dir());
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_place_of_tmp_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        symlink(home.path(), root.join("a/tmp")).unwrap();
        let refused = Mailbox::new(&root, Path::new("a")).create();
        assert!(
            matches!(refused, Err(MaildirError::OutsideTree { .. })),
            "{refused:?}"
        );
    }
}
