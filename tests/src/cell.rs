//! Runs servers that cannot be installed beside Dovecot as if they were: Cyrus and Courier.
//!
//! Debian's packages of the three conflict with each other, and the programs in them have paths below `/usr`, `/etc`
//! and `/run` built in. `tests/install` unpacks them apart; here a mount namespace lays them over the real
//! `/usr`, for this server and its children alone. A process namespace ends them all with their first.
//!
//! Works as root, and as an ordinary user where the kernel lets users make namespaces.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificate::{self, Likeness};
use crate::server::{PASSWORD, Ports, START_LIMIT, greets, id, is_open};

/// The users of a server that wants to know them before they come.
const USERS: &str = "ada bob";

/// What is particular about a server.
pub(crate) struct Recipe {
    /// The name that `tests/install` gave its packages.
    pub(crate) name: &'static str,
    /// A shell script that starts the server and waits for it; it is the first of all its processes.
    pub(crate) script: &'static str,
    /// Other files to write, by name.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

/// A running server; ended with all its processes on drop.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) ports: Ports,
    pub(crate) dir: PathBuf,
    process: Child,
    _files: TempDir,
}

impl Cell {
    /// Starts a server and waits until it greets.
    pub(crate) fn start(recipe: &Recipe) -> Self {
        // A port that is free now may be taken by another test's server before ours binds it.
        for _ in 0..5 {
            if let Some(cell) = Self::try_start(recipe) {
                return cell;
            }
        }
        panic!("{} found its ports taken five times", recipe.name);
    }

    /// `None` when a port was taken meanwhile.
    fn try_start(recipe: &Recipe) -> Option<Self> {
        let files = tempfile::Builder::new()
            .prefix(&format!("postrider-{}-", recipe.name))
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory can be made");
        let dir = files.path().to_owned();
        certificate::write(&dir, &Likeness::default()).expect("certificates can be made");
        let ports = Ports::free();
        let all = recipe.files.iter().copied();
        for (name, text) in all.chain([("start", recipe.script)]) {
            let text = fill_in(text, recipe, &dir, ports);
            fs::write(dir.join(name), text).expect("a file can be written");
        }
        let log = fs::File::create(dir.join("log")).expect("a file can be written");
        let process = namespaces()
            .args(["sh", "-eu"])
            .arg(dir.join("start"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be written twice"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start unshare ({error})"));
        let mut cell = Self {
            ports,
            dir,
            process,
            _files: files,
        };
        cell.wait_until_ready().then_some(cell)
    }

    /// Waits for all greetings that need no TLS; `false` when a port was taken.
    fn wait_until_ready(&mut self) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if self.log().contains("ddress already in use") {
                return false;
            }
            if let Ok(Some(_)) = self.process.try_wait() {
                break;
            }
            if greets(self.ports.imap, "* OK") && greets(self.ports.pop3, "+OK") {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!(
            "{} does not greet:\n{}",
            self.dir.join("start").display(),
            self.log()
        );
    }

    /// What the server has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // `unshare` takes its child along, and with the first of a namespace all others end.
        self.process.kill().ok();
        self.process.wait().ok();
        // The last of them is not our child. Its directory must not go before it.
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && is_open(self.ports.imap) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn fill_in(text: &str, recipe: &Recipe, dir: &Path, ports: Ports) -> String {
    let me = fs::metadata(dir).expect("our own directory can be looked at");
    // Mail is nobody's in the literal sense: these servers do not deliver for root.
    let (user, group) = if me.uid() == 0 {
        ("nobody".to_owned(), "nogroup".to_owned())
    } else {
        (id("-un"), id("-gn"))
    };
    ports
        .fill_in(text)
        .replace("@APART@", &apart(recipe.name).display().to_string())
        .replace("@DIR@", &dir.display().to_string())
        .replace("@USERS@", USERS)
        .replace("@PASSWORD@", PASSWORD)
        .replace("@OWNER@", &user)
        .replace("@GROUP@", &group)
}

/// Where `tests/install` unpacked the packages.
fn apart(name: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    let cache = cache.map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(Path::new(&home).join(".cache"))
    });
    let cache = cache.expect("HOME is set");
    let apart = cache.join("postrider-tests/servers-2").join(name);
    assert!(
        apart.exists(),
        "{} is not there; run tests/install",
        apart.display()
    );
    apart
}

/// A command in namespaces of its own, where it may mount.
fn namespaces() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    if id("-u") != "0" {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.arg("--");
    command
}
