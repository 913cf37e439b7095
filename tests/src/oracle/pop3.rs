//! POP3 (RFC 1939) in the fewest lines that can look at a maildrop.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// A POP3 session in clear.
#[derive(Debug)]
pub struct Pop3Oracle {
    stream: BufReader<TcpStream>,
}

impl Pop3Oracle {
    /// Logs in at a port of loopback.
    ///
    /// # Panics
    /// When the server does not want it.
    #[must_use]
    pub fn login(port: u16, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        let mut oracle = Self {
            stream: BufReader::new(stream),
        };
        oracle.read_line();
        oracle.command(&format!("USER {user}"));
        oracle.command(&format!("PASS {password}"));
        oracle
    }

    /// Sends a command and returns the text after `+OK`.
    ///
    /// # Panics
    /// When the answer is `-ERR`, or the connection ends.
    pub fn command(&mut self, line: &str) -> String {
        let sent = self
            .stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes());
        sent.expect("the server listens");
        let answer = String::from_utf8(self.read_line()).expect("status lines are text");
        let text = answer
            .strip_prefix("+OK")
            .unwrap_or_else(|| panic!("{line}: {answer}"));
        text.trim().to_owned()
    }

    /// Sends a command and returns its lines with their CRLF, dots unstuffed.
    ///
    /// # Panics
    /// As [`Pop3Oracle::command`].
    pub fn lines(&mut self, line: &str) -> Vec<u8> {
        self.command(line);
        let mut all = Vec::new();
        loop {
            let line = self.read_line();
            if line == b".\r\n" {
                return all;
            }
            all.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// The UIDLs in the order of the maildrop.
    ///
    /// # Panics
    /// As [`Pop3Oracle::command`].
    pub fn uidls(&mut self) -> Vec<String> {
        let listing = String::from_utf8(self.lines("UIDL")).expect("a listing is text");
        let uidls = listing.lines().filter_map(|line| line.split(' ').nth(1));
        uidls.map(str::to_owned).collect()
    }

    /// The messages in the order of the maildrop, fetched whole; nothing is deleted.
    ///
    /// # Panics
    /// As [`Pop3Oracle::command`].
    pub fn messages(&mut self) -> Vec<Vec<u8>> {
        let count = self.uidls().len();
        (1..=count)
            .map(|number| self.lines(&format!("RETR {number}")))
            .collect()
    }

    /// Ends the session properly, so that the next may begin at once.
    ///
    /// # Panics
    /// As [`Pop3Oracle::command`].
    pub fn quit(mut self) {
        self.command("QUIT");
    }

    fn read_line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.stream
            .read_until(b'\n', &mut line)
            .expect("the server answers");
        assert!(line.ends_with(b"\n"), "the connection ended");
        line
    }
}
