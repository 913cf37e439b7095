//! A throw-away real Dovecot: own directory, own ports, own certificate authority; stopped on drop.
//!
//! Works as root (mail then belongs to `nobody`, login processes are `dovenull`) and as an ordinary user.
//! `tests/install` installs what it needs.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificate::{self, Likeness};
use crate::server::{self, NOBODY, PASSWORD, Ports, START_LIMIT, Server};

const CONFIGURATION: &str = include_str!("../dovecot/dovecot.conf.in");

/// A running Dovecot. Any user may log in with [`Dovecot::PASSWORD`].
#[derive(Debug)]
pub struct Dovecot {
    /// IMAP in clear and with STARTTLS.
    pub imap_port: u16,
    /// IMAP over implicit TLS.
    pub imaps_port: u16,
    /// POP3 in clear and with STLS.
    pub pop3_port: u16,
    /// POP3 over implicit TLS.
    pub pop3s_port: u16,
    /// The certificate authority that signed the server's certificate for `localhost` and 127.0.0.1, PEM.
    pub ca_file: PathBuf,
    /// Everything of this server; `dovecot.log` and `home/USER/Maildir` are of interest.
    pub dir: PathBuf,
    master: Child,
    _files: TempDir,
}

impl Dovecot {
    /// The password of every user.
    pub const PASSWORD: &'static str = PASSWORD;

    /// Starts a server with everything Debian's Dovecot can do.
    ///
    /// # Panics
    /// When Dovecot is not installed or does not start; its log is part of the message.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a server that shows only these capabilities after login (`IMAP4rev1 UIDPLUS`), to play an older one.
    /// Dovecot still understands the others: a client that uses them unasked is told by its commands only.
    ///
    /// # Panics
    /// As [`Dovecot::start`].
    #[must_use]
    pub fn with_capability(imap_capability: &str) -> Self {
        Self::start_with(&format!("imap_capability = {imap_capability}"))
    }

    /// Starts a server whose mailboxes may have any name: levels are parted by `^`, and no file system takes part.
    ///
    /// # Panics
    /// As [`Dovecot::start`].
    #[must_use]
    pub fn with_free_names() -> Self {
        Self::start_with(
            "mail_location = sdbox:~/mail:LAYOUT=index\nnamespace inbox {\n  separator = ^\n}",
        )
    }

    /// Starts a server with these lines at the end of its configuration.
    ///
    /// # Panics
    /// As [`Dovecot::start`].
    #[must_use]
    pub fn with_lines(lines: &str) -> Self {
        Self::start_with(lines)
    }

    /// Starts a server with a certificate of this likeness, and these lines of configuration besides.
    ///
    /// # Panics
    /// As [`Dovecot::start`].
    #[must_use]
    pub fn with_certificate(likeness: &Likeness, otherwise: &str) -> Self {
        // A port that is free now may be taken by another test's server before ours binds it.
        for _ in 0..5 {
            if let Some(server) = Self::try_start(likeness, otherwise) {
                return server;
            }
        }
        panic!("Dovecot found its ports taken five times");
    }

    fn start_with(otherwise: &str) -> Self {
        Self::with_certificate(&Likeness::default(), otherwise)
    }

    /// `None` when a port was taken meanwhile.
    fn try_start(likeness: &Likeness, otherwise: &str) -> Option<Self> {
        let files = prepare_dir(likeness);
        let dir = files.path().to_owned();
        let Ports {
            imap: imap_port,
            imaps: imaps_port,
            pop3: pop3_port,
            pop3s: pop3s_port,
        } = Ports::free();
        let text = CONFIGURATION
            .replace("@OTHERWISE@", otherwise)
            .replace("@IMAP_PORT@", &imap_port.to_string())
            .replace("@IMAPS_PORT@", &imaps_port.to_string())
            .replace("@POP3_PORT@", &pop3_port.to_string())
            .replace("@POP3S_PORT@", &pop3s_port.to_string());
        let conf = dir.join("dovecot.conf");
        std::fs::write(&conf, with_owner(&text, &dir)).expect("dovecot.conf can be written");
        let master = Command::new(program())
            .args(["-F", "-c"])
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start Dovecot ({error}); run tests/install"));
        let mut server = Self {
            imap_port,
            imaps_port,
            pop3_port,
            pop3s_port,
            ca_file: dir.join("ca.pem"),
            dir,
            master,
            _files: files,
        };
        server.wait_until_ready().then_some(server)
    }

    /// Waits for both greetings; `false` when a port was taken.
    fn wait_until_ready(&mut self) -> bool {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.master.try_wait() {
                let log = self.log();
                assert!(
                    log.contains("Address already in use"),
                    "Dovecot did not start:\n{log}"
                );
                return false;
            }
            if server::greets(self.imap_port, "* OK") && server::greets(self.pop3_port, "+OK") {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("Dovecot does not greet:\n{}", self.log());
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("dovecot.log")).unwrap_or_default()
    }
}

impl Server for Dovecot {
    fn ports(&self) -> Ports {
        Ports {
            imap: self.imap_port,
            imaps: self.imaps_port,
            pop3: self.pop3_port,
            pop3s: self.pop3s_port,
        }
    }

    fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    fn wire_name(&self, mailbox: &str) -> String {
        mailbox.to_owned()
    }

    fn directory(&self, mailbox: &str) -> String {
        mailbox.to_owned()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // TERM lets the master end its children, which KILL would leave behind.
        if let Some(pid) = i32::try_from(self.master.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.master.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.master.kill().ok();
        self.master.wait().ok();
    }
}

/// A directory that Dovecot's login processes may traverse, with certificates and a home for mail.
fn prepare_dir(likeness: &Likeness) -> TempDir {
    let files = tempfile::Builder::new()
        .prefix("postrider-dovecot-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .expect("a temporary directory can be made");
    for name in ["home", "run", "state"] {
        std::fs::create_dir(files.path().join(name)).expect("a directory can be made");
    }
    certificate::write(files.path(), likeness).expect("certificates can be made");
    files
}

/// Fills in whose processes they are.
fn with_owner(text: &str, dir: &Path) -> String {
    let me = std::fs::metadata(dir).expect("our own directory can be looked at");
    let (mut uid, mut gid) = (me.uid(), me.gid());
    let (internal_user, internal_group, login_user) = if uid == 0 {
        (uid, gid) = (NOBODY, NOBODY);
        let home = std::os::unix::fs::chown(dir.join("home"), Some(uid), Some(gid));
        home.expect("root may give a directory away");
        (
            "dovecot".to_owned(),
            "dovecot".to_owned(),
            "dovenull".to_owned(),
        )
    } else {
        let (user, group) = (server::id("-un"), server::id("-gn"));
        (user.clone(), group, user)
    };
    text.replace("@DIR@", &dir.display().to_string())
        .replace("@UID@", &uid.to_string())
        .replace("@GID@", &gid.to_string())
        .replace("@INTERNAL_USER@", &internal_user)
        .replace("@INTERNAL_GROUP@", &internal_group)
        .replace("@LOGIN_USER@", &login_user)
}

/// Debian keeps it in a directory that ordinary users do not search.
fn program() -> &'static str {
    if Path::new("/usr/sbin/dovecot").exists() {
        "/usr/sbin/dovecot"
    } else {
        "dovecot"
    }
}
