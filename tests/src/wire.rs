//! A line between two network namespaces on which everything takes its time, some of it is lost, and that can be cut
//! either way: a program in C between two TUN devices, for kernels without netem. The benchmarks have it too.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// What is lost is the same in every run, as far as the packets are.
const SEED: u64 = 7;

/// What a line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Everything.
    Both,
    /// What the daemon says, and no answer.
    OnlyToServer,
    /// What the server says, and no question.
    OnlyToDaemon,
    /// Nothing, and nobody is told.
    Nothing,
}

/// The line; gone when it is dropped.
#[derive(Debug)]
pub struct Wire {
    program: Child,
    talk: RefCell<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Wire {
    /// Makes a device `line` in both namespaces.
    ///
    /// # Panics
    /// When that is not allowed.
    pub(crate) fn between(daemon: &str, server: &str, delay: Duration) -> Self {
        let (delay, seed) = (delay.as_micros().to_string(), SEED.to_string());
        let mut program = Command::new(built())
            .args([daemon, "line", server, "line", &delay, &seed])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the line is made");
        let stdin = program.stdin.take().expect("stdin is piped");
        let stdout = program.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let ready = lines.next().and_then(Result::ok);
        assert_eq!(
            ready.as_deref(),
            Some("ready"),
            "no line: root may make one where /dev/net/tun is"
        );
        let talk = RefCell::new((stdin, lines));
        Self { program, talk }
    }

    /// From now on so many of a thousand packets are lost.
    pub fn lose(&self, of_a_thousand: u16) {
        self.order(&format!("lose {of_a_thousand}"));
    }

    /// From now on it carries this.
    pub fn carry(&self, what: Carries) {
        self.order(match what {
            Carries::Both => "carry both",
            Carries::OnlyToServer => "carry ab",
            Carries::OnlyToDaemon => "carry ba",
            Carries::Nothing => "carry none",
        });
    }

    /// How many connections the daemon has tried to open so far.
    pub fn opened(&self) -> usize {
        self.order("opened")
    }

    fn order(&self, order: &str) -> usize {
        let (stdin, lines) = &mut *self.talk.borrow_mut();
        writeln!(stdin, "{order}").expect("the line listens");
        let answer = lines.next().and_then(Result::ok);
        let answer = answer.and_then(|answer| answer.parse().ok());
        answer.expect("the line answers")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.program.kill().ok();
        self.program.wait().ok();
    }
}

/// The program, built once beside this test's binary.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/native/delaytun.c");
        let test = std::env::current_exe().expect("a path");
        let directory = tempfile::tempdir_in(test.parent().expect("a directory"));
        let directory = directory.expect("a directory");
        let fresh = directory.path().join("delaytun");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-o"]).arg(&fresh).arg(&source);
        assert!(
            compiler.status().expect("cc runs").success(),
            "{} does not build",
            source.display()
        );
        // Another run of the tests may be using the one before.
        let program = test.with_file_name("postrider-delaytun");
        std::fs::rename(fresh, &program).expect("a place beside the tests");
        program
    })
}
