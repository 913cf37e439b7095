//! The real session code against servers that are written down: `tests/dialogues/{imap,pop3}/*.txt`.
//!
//! A file is what the server says and what the client must say; a row of a table says what is asked
//! of the session and what must come of it. So a new dialogue is a file and a row. Every row is
//! played twice: with the server's octets as they come, and octet by octet, because no answer may
//! depend on how the network cuts it.

mod imap;
mod pop3;

mod trickle;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

use postrider_core::fault::Fault;
use postrider_core::secret::Secret;
use postrider_core::settings::{AuthChoice, ServerAddress, TlsMode};
use postrider_core::way::Way;
use postrider_tests::dialogue::Dialogue;
use postrider_transport::{Login, Stream};
use trickle::Trickle;

/// One way to play one file.
#[derive(Clone, Copy, Debug)]
struct Row<A> {
    /// The file below the protocol's directory, without `.txt`.
    file: &'static str,
    /// What is asked of the session.
    asked: A,
    /// What comes of it, one line each; the blanks around a line do not count.
    outcome: &'static str,
    arrival: Arrival,
}

/// How the server's octets reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// As they are written; lines without a client's line between them arrive together.
    AtOnce,
    /// One at a time.
    OctetByOctet,
}

const fn row<A: Copy>(file: &'static str, asked: A, outcome: &'static str) -> Row<A> {
    Row {
        file,
        asked,
        outcome,
        arrival: Arrival::OctetByOctet,
    }
}

impl<A: Copy> Row<A> {
    /// For a dialogue whose point is that octets are there too early: it is played at once only.
    const fn at_once(mut self) -> Self {
        self.arrival = Arrival::AtOnce;
        self
    }

    const fn arrivals(&self) -> &'static [Arrival] {
        match self.arrival {
            Arrival::AtOnce => &[Arrival::AtOnce],
            Arrival::OctetByOctet => &[Arrival::AtOnce, Arrival::OctetByOctet],
        }
    }
}

/// What can be asked of a protocol's session.
trait Ask: Copy + Debug {
    /// The directory of its dialogues.
    const DIRECTORY: &'static str;

    /// Carries it out, and tells what came of it, one line each.
    async fn carry_out(self, stream: Stream) -> Vec<String>;
}

/// Plays every row, and tells of all that went wrong at once.
async fn play<A: Ask>(rows: &[Row<A>]) {
    let mut failures = Vec::new();
    for row in rows {
        for arrival in row.arrivals() {
            if let Err(what) = play_row(row, *arrival).await {
                let (file, asked) = (row.file, row.asked);
                failures.push(format!("{file}, {asked:?}, {arrival:?}\n{what}"));
            }
        }
    }
    assert!(failures.is_empty(), "\n\n{}", failures.join("\n\n"));
}

async fn play_row<A: Ask>(row: &Row<A>, arrival: Arrival) -> Result<(), String> {
    let path = directory::<A>().join(format!("{}.txt", row.file));
    let dialogue = Dialogue::load(path).map_err(|mismatch| mismatch.to_string())?;
    let (stream, server) = dialogue.play();
    let stream: Stream = match arrival {
        Arrival::AtOnce => Box::new(stream),
        Arrival::OctetByOctet => Box::new(Trickle(stream)),
    };
    let outcome = row.asked.carry_out(stream).await.join("\n");
    let expected: Vec<&str> = row.outcome.lines().map(str::trim).collect();
    let expected = expected.join("\n");
    let mismatch = server.await.unwrap().err();
    if outcome == expected.trim() && mismatch.is_none() {
        return Ok(());
    }
    let mismatch = mismatch.map_or(String::new(), |mismatch| format!("{mismatch}\n"));
    Err(format!(
        "{mismatch}--- expected\n{}\n--- came\n{outcome}",
        expected.trim()
    ))
}

fn directory<A: Ask>() -> PathBuf {
    let dialogues = concat!(env!("CARGO_MANIFEST_DIR"), "/dialogues");
    PathBuf::from(dialogues).join(A::DIRECTORY)
}

/// A file without a row would be a test that cannot fail; a comment that names no RFC, no CVE and
/// no sighting leaves the reader with riddles.
fn assert_complete<A: Ask>(tables: &[&[Row<A>]]) {
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(directory::<A>()).unwrap() {
        let path = entry.unwrap().path();
        there.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        let text = fs::read_to_string(&path).unwrap();
        let header: String = text.lines().take_while(|l| l.starts_with("# ")).collect();
        let sources = ["RFC ", "CVE-", "Seen "];
        assert!(
            sources.iter().any(|source| header.contains(source)),
            "{}: the comment on top names neither an RFC nor a CVE nor who was seen doing it",
            path.display()
        );
    }
    let rows = tables.iter().copied().flatten();
    let asked: BTreeSet<String> = rows.map(|row| row.file.to_owned()).collect();
    assert_eq!(there, asked, "files on the left, rows on the right");
}

/// Ada, whose password is `secret`.
fn login(choice: AuthChoice) -> Login {
    Login {
        user: "ada".to_owned(),
        password: Secret::new("secret".to_owned()),
        choice,
        service: "imap@localhost".to_owned(),
    }
}

/// Where STARTTLS believes it is; `ca_file` makes it independent of this machine's roots.
fn address(ca_file: PathBuf) -> ServerAddress {
    ServerAddress {
        host: "localhost".to_owned(),
        port: 143,
        tls: TlsMode::StartTls,
        ca_file: Some(ca_file),
        way: Way::Direct,
        pins: Vec::new(),
        client: None,
    }
}

/// A certificate authority that nobody's certificate is signed by.
fn authority() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&path, certificate.cert.pem()).unwrap();
    (dir, path)
}

/// An error as a line: what it means for the account, what we were doing, and why it failed.
fn failed(fault: Fault, error: &dyn Error) -> String {
    let mut line = format!("! {fault}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(&format!(": {error}"));
        source = error.source();
    }
    assert!(!line.contains("secret"), "{line}");
    line
}

/// Octets of a message as a line.
fn quoted(octets: &[u8]) -> String {
    format!("\"{}\"", octets.escape_ascii())
}
