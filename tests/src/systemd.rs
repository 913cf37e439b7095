//! A machine whose first process is a real systemd, with postrider installed on it: `tests/systemd/box`.
//!
//! Its disk is a throw-away layer over this machine's, and its loopback is this machine's. Needs root.

use crate::postrider::{binary, said};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Debian keeps units of packages.
const UNITS: &str = "/usr/lib/systemd";

/// A running machine; switched off on drop.
#[derive(Debug)]
pub struct Machine {
    dir: TempDir,
    process: Child,
}

impl Machine {
    /// Boots a machine, and installs the built binary and the units on it as docs/systemd.md says.
    ///
    /// # Panics
    /// When it does not come up; so do all methods here when something is not as it should be.
    #[must_use]
    pub fn boot() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut start = script();
        start.arg("start").arg(dir.path()).stdin(Stdio::null());
        // `tests/systemd/newer` has another tree.
        start.args(std::env::var_os("POSTRIDER_TEST_ROOT"));
        let process = start.spawn().expect("bash runs");
        let machine = Self { dir, process };
        let mut settle = script();
        settle.arg("settle").arg(machine.dir.path());
        settle.arg(machine.process.id().to_string());
        let settled = settle.output().expect("bash runs");
        assert!(settled.status.success(), "{}", said(&settled));
        machine.install();
        machine
    }

    fn install(&self) {
        self.push(binary(), "/usr/bin/postrider");
        for (file, place) in [
            ("postrider.service", "system/postrider.service"),
            ("postrider@.service", "system/postrider@.service"),
            ("postrider-user.service", "user/postrider.service"),
        ] {
            self.push(
                &root().join("systemd").join(file),
                &format!("{UNITS}/{place}"),
            );
        }
        for (file, place) in [
            ("postrider.sysusers", "/usr/lib/sysusers.d/postrider.conf"),
            ("postrider.tmpfiles", "/usr/lib/tmpfiles.d/postrider.conf"),
        ] {
            self.push(&root().join("systemd").join(file), place);
        }
        self.succeed(&["systemd-tmpfiles", "--create", "postrider.conf"]);
        self.succeed(&["systemctl", "daemon-reload"]);
    }

    /// Runs a command on it.
    #[must_use]
    pub fn run(&self, command: &[&str]) -> Output {
        let mut run = self.command(command);
        run.stdin(Stdio::null()).output().expect("bash runs")
    }

    /// Runs a command on it and expects success; what it printed, both streams.
    pub fn succeed(&self, command: &[&str]) -> String {
        let output = self.run(command);
        let said = said(&output);
        let status = output.status;
        assert!(
            status.success(),
            "{command:?}: {status}\n{said}\n{}",
            self.story()
        );
        said
    }

    fn command(&self, command: &[&str]) -> Command {
        let mut run = script();
        run.arg("exec").arg(self.dir.path()).args(command);
        run
    }

    /// Writes a file that others can read, with the directories above it.
    pub fn write(&self, path: &str, text: &str) {
        let write = "umask 022; mkdir -p \"${1%/*}\" && cat >\"$1\"";
        let mut run = self.command(&["sh", "-c", write, "sh", path]);
        let mut child = run.stdin(Stdio::piped()).spawn().expect("bash runs");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(text.as_bytes()).expect("it reads");
        drop(stdin);
        assert!(child.wait().expect("our own child").success(), "{path}");
    }

    /// Copies a file of this machine there.
    pub fn push(&self, file: &Path, path: &str) {
        let mut push = script();
        push.arg("push").arg(self.dir.path()).arg(file).arg(path);
        let pushed = push.output().expect("bash runs");
        assert!(pushed.status.success(), "{}", said(&pushed));
    }

    /// Changes a unit for a test, as an administrator would.
    pub fn drop_in(&self, unit: &str, settings: &str) {
        let path = format!("/etc/systemd/system/{unit}.d/test.conf");
        self.write(&path, &format!("[Service]\n{settings}\n"));
        self.succeed(&["systemctl", "daemon-reload"]);
    }

    /// A property of a unit, as systemd holds it.
    #[must_use]
    pub fn property(&self, unit: &str, name: &str) -> String {
        let shown = self.succeed(&["systemctl", "show", "--value", "-p", name, unit]);
        shown.trim().to_owned()
    }

    /// Waits until a property of a unit is as `wanted`; what it is.
    pub fn property_where(&self, unit: &str, name: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = self.property(unit, name);
            if wanted(&value) {
                return value;
            }
            let late = Instant::now() > deadline;
            assert!(!late, "{unit}: {name} is {value}\n{}", self.story());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The entries of the journal that match (`EVENT=message.stored`, `_SYSTEMD_UNIT=postrider.service`).
    #[must_use]
    pub fn journal(&self, matches: &[&str]) -> Vec<Value> {
        let mut command = vec!["journalctl", "--no-pager", "--quiet", "-o", "json"];
        command.extend(matches);
        let output = self.run(&command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let entry = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        text.lines().map(entry).collect()
    }

    /// Waits until so many entries match.
    pub fn journal_of(&self, count: usize, matches: &[&str]) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let entries = self.journal(matches);
            if entries.len() >= count {
                return entries;
            }
            let late = Instant::now() > deadline;
            assert!(!late, "{matches:?}: {}\n{}", entries.len(), self.story());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The whole journal, for a test that fails.
    #[must_use]
    pub fn story(&self) -> String {
        said(&self.run(&["journalctl", "--no-pager", "-n", "200"]))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // A machine that does not switch off is ended with its first process.
        script().arg("stop").arg(self.dir.path()).status().ok();
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn script() -> Command {
    let mut command = Command::new("bash");
    command.arg(root().join("tests/systemd/box"));
    command
}
