//! The built binary, with a home of its own: what the end-to-end tests run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A home directory with a configuration, a state directory and mail trees.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
}

impl Home {
    /// A home whose configuration is `yaml`, with `{home}` replaced by its path.
    #[must_use]
    pub fn new(yaml: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Self { dir };
        home.configure(yaml);
        home
    }

    /// Replaces the configuration.
    pub fn configure(&self, yaml: &str) {
        let text = yaml.replace("{home}", &self.path().display().to_string());
        fs::write(self.config(), text).expect("a writable configuration");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(self.config(), private).expect("a private configuration");
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path().join("config.yaml")
    }

    /// The binary with these arguments, in this home, with nothing of our own environment that could
    /// change what it does.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("POSTRIDER_CONFIG", self.config())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Runs the binary to its end and expects success; what it printed, both streams.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = said(&output);
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{said}",
            output.status
        );
        said
    }

    /// The single number that a query over the index's public views gives.
    #[must_use]
    pub fn count(&self, sql: &str) -> i64 {
        let path = self.path().join("state/index.db");
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let index = rusqlite::Connection::open_with_flags(path, flags).expect("an index");
        index
            .query_row(sql, [], |row| row.get(0))
            .expect("a number")
    }
}

/// The command that runs the binary of `home` with these arguments behind `outer`, which leads somewhere else:
/// another network, another view of the disk.
pub(crate) fn inside_of(mut outer: Command, home: &Home, arguments: &[&str]) -> Command {
    let inner = home.command(arguments);
    outer.arg(inner.get_program()).args(inner.get_args());
    let environment = inner.get_envs();
    outer
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    outer
}

/// Both streams of a finished process.
#[must_use]
pub fn said(output: &Output) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The binary, built once for all tests that run it.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "postrider",
            "--bin",
            "postrider",
        ]);
        build.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        // Build scripts (ring's) look at what cargo tells this test about itself: they would run again each time.
        let told = std::env::vars_os().map(|(name, _)| name);
        for name in told.filter(|name| name.to_string_lossy().starts_with("CARGO_PKG_")) {
            build.env_remove(name);
        }
        build.env_remove("CARGO_MANIFEST_DIR");
        let built = build.status().expect("cargo runs");
        assert!(built.success(), "the binary does not build");
        // Test binaries lie in target/PROFILE/deps.
        let test = std::env::current_exe().expect("a path");
        let profile = test.ancestors().nth(2).expect("a target directory");
        let binary = profile.join("postrider");
        assert!(binary.exists(), "{} is not there", binary.display());
        binary
    })
}
