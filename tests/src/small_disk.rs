//! A disk of the test's own for the built binary: too small, or filled up, or read-only, and well again.
//!
//! It is a tmpfs in a mount namespace that lives as long as its value. Works as root, and as an ordinary user
//! where the kernel lets users make namespaces.

use crate::postrider::{Home, inside_of};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A small disk, mounted over a directory.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
    holder: Child,
}

impl SmallDisk {
    /// Mounts a disk of so many octets over `dir`, which is made if it is not there.
    ///
    /// # Panics
    /// When nothing may be mounted here.
    #[must_use]
    pub fn mount(dir: &Path, octets: u64) -> Self {
        fs::create_dir_all(dir).expect("a directory");
        let script = format!(
            "mount -t tmpfs -o mode=0700,size={octets} tmpfs '{}' && echo mounted && exec cat",
            dir.display()
        );
        let mut unshare = Command::new("unshare");
        unshare.args(namespaces(&["--map-root-user"]));
        let mut holder = unshare
            .args(["sh", "-c", &script])
            // The end of its input is the end of the namespace.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let mut told = String::new();
        let stdout = holder.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut told).ok();
        assert_eq!(told, "mounted\n", "nothing may be mounted here");
        Self {
            dir: dir.to_owned(),
            holder,
        }
    }

    /// Runs the binary to its end where the disk is mounted.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn run(&self, home: &Home, arguments: &[&str]) -> Output {
        let mut outer = inside_of(self.inside(), home, arguments);
        outer.output().expect("nsenter runs")
    }

    /// Where a path of that disk is seen from outside.
    ///
    /// # Panics
    /// When the path is not absolute.
    #[must_use]
    pub fn seen(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").expect("an absolute path"))
    }

    /// Fills the disk up to so many free octets.
    ///
    /// # Panics
    /// When there are fewer already.
    pub fn fill(&self, leave: u64) {
        let surplus = self.free_octets().checked_sub(leave);
        let zeros = usize::try_from(surplus.expect("room to fill")).expect("a small disk");
        let mut ballast = fs::File::create(self.ballast()).expect("a writable disk");
        ballast.write_all(&vec![0; zeros]).expect("room to fill");
    }

    /// Octets that are free.
    ///
    /// # Panics
    /// When there is no such disk any more.
    #[must_use]
    pub fn free_octets(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.seen(&self.dir)).expect("a disk");
        stat.f_bfree * stat.f_frsize
    }

    /// Makes room again.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).expect("a disk that was filled");
    }

    /// Makes it `ro` or `rw`.
    ///
    /// # Panics
    /// When the kernel does not want to.
    pub fn remount(&self, how: &str) {
        let mut mount = self.inside();
        mount.args(["mount", "-o", &format!("remount,{how}")]);
        let status = mount.arg(&self.dir).status().expect("nsenter runs");
        assert!(status.success(), "the disk cannot be made {how}");
    }

    fn ballast(&self) -> PathBuf {
        self.seen(&self.dir).join("ballast")
    }

    /// The beginning of a command that is run where the disk is mounted.
    fn inside(&self) -> Command {
        let mut nsenter = Command::new("nsenter");
        let target = self.holder.id().to_string();
        nsenter.args(["--target", &target]);
        nsenter.args(namespaces(&["--user", "--preserve-credentials"]));
        nsenter.arg("--");
        nsenter
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

/// What `unshare` and `nsenter` are told; root needs none of what makes others root.
fn namespaces<'a>(of_a_user: &[&'a str]) -> Vec<&'a str> {
    let others: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else {
        of_a_user
    };
    let mount = std::iter::once("--mount");
    mount.chain(others.iter().copied()).collect()
}
