//! The built daemon and those who have a say in it: systemd's notify socket and signals. Its account's
//! server is a port of this machine that nobody listens on, so the daemon always has something to do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test: what is not as it should be fails it"
)]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ten times what a busy machine needs; the contract's limit for stopping is as long.
const PATIENCE: Duration = Duration::from_secs(10);

const GOOD: &str = "accounts:
  home: {host: 127.0.0.1, port: 1, tls: none, user: ada, password: {env: PW}, maildir: mail}
state_dir: state
log: {format: json}
";

/// A daemon under a service manager of ours.
struct Service {
    dir: tempfile::TempDir,
    socket: UnixDatagram,
    daemon: Child,
}

impl Service {
    /// Starts the daemon and waits until it is ready.
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), GOOD);
        let notify = dir.path().join("notify");
        let socket = UnixDatagram::bind(&notify).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let daemon = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .env_clear()
            .env("NOTIFY_SOCKET", &notify)
            .env("PW", "hunter2")
            .arg("run")
            .arg("--config")
            .arg(dir.path().join("config.yaml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let service = Self {
            dir,
            socket,
            daemon,
        };
        let ready = service.notified();
        assert!(ready.starts_with("READY=1\nSTATUS=1 account: "), "{ready}");
        service
    }

    /// The next datagram that is more than a status.
    fn notified(&self) -> String {
        let mut octets = [0; 4_096];
        loop {
            let length = self.socket.recv(&mut octets).expect("nothing was notified");
            let told = String::from_utf8(octets[..length].to_vec()).unwrap();
            if !told.starts_with("STATUS=") {
                return told.trim_end().to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.daemon), signal).unwrap();
    }

    /// Waits for the end; the status, and the log as JSON values.
    fn end(mut self) -> (Option<i32>, Vec<Value>) {
        let by = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.daemon.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > by {
                self.daemon.kill().unwrap();
                panic!("the daemon did not stop");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut log = String::new();
        self.daemon
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        assert!(!log.contains("hunter2"), "{log}");
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        (status.code(), log.lines().map(line).collect())
    }
}

fn write(dir: &Path, config: &str) {
    std::fs::write(dir.join("config.yaml"), config).unwrap();
}

fn named<'l>(log: &'l [Value], event: &str) -> Vec<&'l Value> {
    log.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn term_and_int_stop_it_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let service = Service::start();
        service.signal(signal);
        assert_eq!(service.notified(), "STOPPING=1\nSTATUS=stopping");
        let (status, log) = service.end();
        assert_eq!(status, Some(0), "{log:?}");
        for event in ["daemon.started", "daemon.ready", "daemon.stopping"] {
            assert_eq!(named(&log, event).len(), 1, "{event}: {log:?}");
        }
    }
}

#[test]
fn hup_reloads_and_a_bad_configuration_is_reported_and_not_followed() {
    let service = Service::start();
    write(service.dir.path(), &GOOD.replace("home:", "moved:"));
    service.signal(Signal::HUP);
    let reloading = service.notified();
    let now = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .expect(&reloading);
    assert!(now.parse::<u64>().unwrap() > 0);
    let ready = service.notified();
    assert!(ready.starts_with("READY=1\nSTATUS=1 account: "), "{ready}");
    assert!(!ready.contains("failed,"), "{ready}");

    write(service.dir.path(), &GOOD.replace("host:", "hots:"));
    service.signal(Signal::HUP);
    assert!(
        service
            .notified()
            .starts_with("RELOADING=1\nMONOTONIC_USEC=")
    );
    let failed = "; the last reload failed, see the log";
    let ready = service.notified();
    assert!(ready.starts_with("READY=1\nSTATUS=1 account: "), "{ready}");
    assert!(ready.ends_with(failed), "{ready}");

    write(
        service.dir.path(),
        &GOOD.replace("state_dir: state", "state_dir: elsewhere"),
    );
    service.signal(Signal::HUP);
    assert!(
        service
            .notified()
            .starts_with("RELOADING=1\nMONOTONIC_USEC=")
    );
    assert!(service.notified().ends_with(failed));

    service.signal(Signal::TERM);
    let (status, log) = service.end();
    assert_eq!(status, Some(0));
    assert_eq!(named(&log, "daemon.reloaded").len(), 1, "{log:?}");
    let failures = named(&log, "daemon.reload_failed");
    assert_eq!(failures.len(), 2, "{log:?}");
    assert_eq!(failures[0]["level"], "error");
    assert_eq!(failures[0]["kind"], "config");
    let said = failures[0]["error"].as_str().unwrap();
    assert!(
        said.contains("config.yaml:2:10: unknown key `hots`"),
        "{said}"
    );
    assert!(!said.contains('\n'), "an error is one line: {said}");
    let hint = failures[1]["hint"].as_str().unwrap();
    assert!(hint.starts_with("restart the daemon: "), "{hint}");
}

#[test]
fn usr1_does_not_end_it() {
    let service = Service::start();
    service.signal(Signal::USR1);
    service.signal(Signal::TERM);
    let (status, log) = service.end();
    assert_eq!(status, Some(0), "{log:?}");
}
