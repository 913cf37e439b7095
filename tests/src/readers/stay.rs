//! A reader that has INBOX open while mail comes.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// It leaves by itself once it has shown what it waits for, or when dropped.
#[derive(Debug)]
pub struct Stay {
    child: Child,
    told: BufReader<ChildStdout>,
}

impl Stay {
    pub(super) fn begin(mut run: Command) -> Self {
        let mut child = run
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("python3 does not run ({error}); run tests/install"));
        let mut told = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        told.read_line(&mut line).expect("a line");
        assert_eq!(line, "open\n", "the reader did not open INBOX");
        Self { child, told }
    }

    /// Waits until it has seen them all and left: the Message-IDs that it showed, sorted.
    ///
    /// # Panics
    /// When it does not see them; what was on its screen is on stderr.
    #[must_use]
    pub fn seen(mut self) -> Vec<String> {
        let mut rows = String::new();
        self.told.read_to_string(&mut rows).expect("its rows");
        let status = self.child.wait().expect("our own child");
        assert!(status.success(), "{status}\n{rows}");
        let rows: Value = serde_json::from_str(&rows).expect("JSON");
        let rows = rows.as_array().expect("a list").iter();
        let ids = rows.filter_map(|row| row.get("message_id").and_then(Value::as_str));
        let mut ids: Vec<String> = ids.map(str::to_owned).collect();
        ids.sort();
        ids
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // KILL would leave its terminal behind.
            kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
            self.child.wait().ok();
        }
    }
}
