//! A terminal nobody looks at: tmux with a server of its own, for programs that want a screen.

use rustix::process::Pid;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a program may take to show what is waited for on a busy machine.
const SHOW_LIMIT: Duration = Duration::from_secs(60);

/// A program on a screen; both are gone when this is dropped.
#[derive(Debug)]
pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs a shell command line in `dir`, which is its home too, on a screen of 160 by 100.
    ///
    /// # Panics
    /// When tmux is not there; `tests/install` installs it.
    #[must_use]
    pub fn run(dir: &Path, line: &str) -> Self {
        Self::sized(dir, line, (160, 100))
    }

    /// The same, on a screen of so many columns and lines.
    ///
    /// # Panics
    /// As [`Terminal::run`].
    #[must_use]
    pub fn sized(dir: &Path, line: &str, (columns, lines): (u16, u16)) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = format!("postrider-{}-{number}", std::process::id());
        let terminal = Self { socket };
        let directory = dir.to_string_lossy();
        let started = terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns.to_string(),
            "-y",
            &lines.to_string(),
            "-c",
            &directory,
            "-e",
            &format!("HOME={directory}"),
            "-e",
            "LC_ALL=C.UTF-8",
            line,
        ]);
        let told = String::from_utf8_lossy(&started.stderr);
        assert!(started.status.success(), "tmux does not start: {told}");
        // The line below the screen is tmux's own.
        terminal.tmux(&["set-option", "-g", "status", "off"]);
        terminal.tmux(&["set-option", "-g", "window-size", "manual"]);
        terminal.resize((columns, lines));
        terminal
    }

    /// Makes the screen so many columns and lines large.
    pub fn resize(&self, (columns, lines): (u16, u16)) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &lines]);
    }

    /// Presses a key by its name: `q`, `C-c`, `PageDown`.
    pub fn key(&self, name: &str) {
        self.tmux(&["send-keys", name]);
    }

    /// A program that the shell of the screen has started.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Pid {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = String::from_utf8_lossy(&shell.stdout).trim().to_owned();
        let children = format!("/proc/{shell}/task/{shell}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let mut children = children.split_whitespace();
        let named = children.find(|pid| {
            let told = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            told.is_ok_and(|told| told.trim() == name)
        });
        let pid = named.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        pid.expect("the shell runs it")
    }

    /// Types text, as it stands, and the Enter key.
    pub fn enter(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// The lines on the screen, without the spaces at their ends.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let shown = self.tmux(&["capture-pane", "-p"]);
        let text = String::from_utf8_lossy(&shown.stdout);
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Waits until the screen is as wanted.
    ///
    /// # Panics
    /// When it never is; the screen is part of the message.
    pub fn wait(&self, what: &str, mut wanted: impl FnMut(&[String]) -> bool) {
        let deadline = Instant::now() + SHOW_LIMIT;
        loop {
            let lines = self.lines();
            if wanted(&lines) {
                return;
            }
            let screen = lines.join("\n");
            assert!(Instant::now() < deadline, "{what}:\n{}", screen.trim_end());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &self.socket]).args(arguments);
        command.env_remove("TMUX");
        command
            .output()
            .unwrap_or_else(|error| panic!("tmux does not run ({error}); run tests/install"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
