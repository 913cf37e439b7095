//! A disk that loses what was not flushed, for the built binary: a preloaded library notes every flush,
//! and a power cut leaves exactly what it noted.
//!
//! What is not modelled: directories themselves always survive, and a file's content is that of its
//! last flush, never a later one in part.

use crate::rig::files;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// What becomes of names that no flush of their directory has made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// They are as at the last flush of their directory.
    Lost,
    /// They are as they were when the power went.
    Kept,
}

/// A class of flushes of the mail tree: one that does nothing, or one that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// That of files.
    Files,
    /// That of directories.
    Directories,
}

impl Ignored {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Directories => "directories",
        }
    }
}

/// The durable part of a disk.
#[derive(Debug)]
pub struct LossyDisk {
    shadow: TempDir,
}

impl Default for LossyDisk {
    fn default() -> Self {
        let shadow = tempfile::tempdir().expect("a directory");
        fs::create_dir(shadow.path().join("data")).expect("a directory");
        Self { shadow }
    }
}

impl LossyDisk {
    /// Lets `command` write to this disk, which is all below `root`; the power goes before its flush number
    /// `stop`.
    pub fn attach(&self, command: &mut Command, root: &Path, stop: u64, ignored: Option<Ignored>) {
        command
            .env("SHADOW_ROOT", root)
            .env("LD_PRELOAD", shim())
            .env("SHADOW", self.shadow.path())
            .env("SHADOW_STOP", stop.to_string());
        if let Some(ignored) = ignored {
            command.env("SHADOW_IGNORE", ignored.as_str());
        }
    }

    /// Makes a class of flushes of a `command` that is attached fail, as those of a disk that breaks.
    pub fn break_flushes(command: &mut Command, class: Ignored) {
        command.env("SHADOW_BREAK", class.as_str());
    }

    /// Leaves below `roots` what a power cut would have left.
    pub fn cut(&self, roots: &[PathBuf], names: Names) {
        let live: Vec<PathBuf> = roots.iter().flat_map(|root| files(root)).collect();
        let left = match names {
            Names::Lost => self.durable(),
            Names::Kept => live
                .iter()
                .map(|path| (path.clone(), inode(path)))
                .collect(),
        };
        for path in &live {
            fs::remove_file(path).expect("a file of ours");
        }
        for (path, inode) in left {
            if roots.iter().any(|root| path.starts_with(root)) {
                // A file that was never flushed has a name and no content.
                let content = fs::read(self.shadow.path().join(format!("data/{inode}")));
                fs::write(path, content.unwrap_or_default()).expect("a writable tree");
            }
        }
    }

    /// The names that are durable: a directory's as at its last flush, and what was flushed since under a
    /// new name, for every journaling file system makes a new file's name durable with its content.
    fn durable(&self) -> BTreeMap<PathBuf, u64> {
        let log = fs::read_to_string(self.shadow.path().join("log")).unwrap_or_default();
        let mut names: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for line in log.lines() {
            let mut fields = line.splitn(3, '\t');
            let mut field = || fields.next().expect("three fields");
            let (kind, inode, path) = (field(), field(), PathBuf::from(field()));
            let inode: u64 = inode.parse().expect("an inode");
            match kind {
                "D" => names.retain(|name, _| name.parent() != Some(&path)),
                // A rename takes the old name away in the same instant.
                _ => {
                    names.retain(|_, known| *known != inode);
                    names.insert(path, inode);
                }
            }
        }
        names
    }
}

fn inode(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).expect("a file of ours").ino()
}

/// The library, compiled once for all tests.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lossy_disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lossy_disk/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args([
            "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-pthread", "-o",
        ]);
        let compiled = compiler.arg(&path).arg(source).status().expect("cc runs");
        assert!(compiled.success(), "the preloaded library does not compile");
        (dir, path)
    });
    path
}
