//! R1 to R3, exhaustively for a few messages: every crash point of one pass, every damage to what it left,
//! every crash point, server fault and cut of the line in the next, and the healing. Nothing is modelled but
//! server and damage: planner, retention, journal, Maildir and index are the real ones.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{EngineError, Steps};
use postrider_mailserver::{Action, Fault, Misbehaviour};
use postrider_tests::rig::{Rig, files, is_in, message};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;

/// Three, so that of the names of one directory none, all or some can be lost.
const MESSAGES: usize = 3;

/// Octets of the server's output between two cuts of the line: about the length of a line.
const BETWEEN_CUTS: u64 = 79;

/// What the first crash does to what is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    None,
    /// Stored files whose server copies are there have half their octets.
    Truncated,
    /// Names that were given since the last flush of their directory are lost, but for so many: those files
    /// lie in `tmp` again.
    Unnamed {
        but: usize,
    },
}

/// What the server does at the end of the second pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Good,
    /// It performs what removes, and the connection is gone before the answer.
    AnswerLost,
    /// POP3: it promises and does nothing.
    Forgets,
}

/// How the second pass ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    /// It stops dead after so many steps.
    Crash(u64, Habit),
    /// The line ends after so many octets of the server's.
    Cut(u64),
}

/// Whether proof is what it should be, or believes whatever lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Real,
    Vacuous,
}

/// What an exploration saw.
#[derive(Debug, Default)]
struct Explored {
    runs: u64,
    /// Choices that led to a message that is lost or doubled.
    counterexamples: Vec<String>,
}

/// What came of one path through the choices.
enum Outcome {
    /// The damage had nothing to damage: another path is the same.
    Same,
    /// The second pass met its end.
    Cut,
    /// It was over before.
    Over,
}

fn text(n: usize) -> String {
    message("INBOX", n).replace("\r\n", "\n")
}

fn on_server(rig: &Rig, n: usize) -> bool {
    let held = rig.account.messages("INBOX");
    held.iter()
        .any(|held| held.bytes == message("INBOX", n).as_bytes())
}

impl Damage {
    /// Does it; whether there was anything to do it to.
    fn strike(self, rig: &Rig) -> bool {
        match self {
            Self::None => true,
            Self::Truncated => truncate(rig),
            Self::Unnamed { but } => unname(rig, but),
        }
    }
}

/// Cuts the stored files short whose server copies are there.
fn truncate(rig: &Rig) -> bool {
    let mut any = false;
    for path in files(rig.maildir()) {
        let content = fs::read_to_string(&path).unwrap();
        let spare = (0..MESSAGES).any(|n| content == text(n) && on_server(rig, n));
        if spare && !is_in(&path, "tmp") {
            let octets = content.as_bytes();
            fs::write(&path, octets.split_at(octets.len() / 2).0).unwrap();
            any = true;
        }
    }
    any
}

/// Gives the files of open deliveries the names back that they had in `tmp`, all `but` some.
fn unname(rig: &Rig, but: usize) -> bool {
    let index = rusqlite::Connection::open(rig.state_dir().join("index.db")).unwrap();
    let sql = "SELECT mailbox.path, journal.tmp, journal.file FROM journal
        JOIN mailbox ON mailbox.id = journal.mailbox ORDER BY journal.id";
    let mut open = index.prepare(sql).unwrap();
    let paths = open.query_map([], |row| {
        let mailbox = PathBuf::from(row.get::<_, String>(0)?);
        let (tmp, file): (String, String) = (row.get(1)?, row.get(2)?);
        Ok((mailbox.join("tmp").join(tmp), mailbox.join(file)))
    });
    let paths: Vec<(PathBuf, PathBuf)> = paths.unwrap().map(Result::unwrap).collect();
    let named = paths
        .iter()
        .filter(|(_, file)| Path::exists(file))
        .skip(but);
    let unnamed = named.map(|(tmp, file)| fs::rename(file, tmp).unwrap());
    unnamed.count() > 0
}

/// Takes the sense out of the proof: the index says of every file what the file says of itself.
fn believe_the_disk(rig: &Rig) {
    use sha2::{Digest, Sha256};
    let index = rusqlite::Connection::open(rig.state_dir().join("index.db")).unwrap();
    for path in files(rig.maildir()) {
        let octets = fs::read(&path).unwrap();
        let name = format!("%{}", path.file_name().unwrap().to_string_lossy());
        let (hash, length) = (Sha256::digest(&octets).to_vec(), octets.len() as i64);
        let sql = "UPDATE message SET sha256 = ?1, octets = ?2 WHERE file LIKE ?3";
        index
            .execute(sql, rusqlite::params![hash, length, name])
            .unwrap();
    }
}

/// The second pass, to its end or to that of the choices; whether it was its own.
async fn second_pass(rig: &Rig, protocol: Protocol, second: Second) -> bool {
    let faults = rig.server.faults();
    let removing = match protocol {
        Protocol::Pop3 => "QUIT",
        Protocol::Imap => "UID EXPUNGE",
    };
    let steps = match second {
        Second::Crash(after, habit) => {
            match habit {
                Habit::Good => {}
                Habit::AnswerLost => faults.plan(Fault::on(removing, Action::PerformCut(0))),
                Habit::Forgets => faults.start(Misbehaviour::ForgetsDele),
            }
            Steps::stop_after(after)
        }
        Second::Cut(after) => {
            faults.cut_after_octets(after);
            Steps::default()
        }
    };
    let outcome = rig.pass_until(steps).await;
    let over = match second {
        Second::Crash(..) => !matches!(outcome, Err(EngineError::Interrupted { .. })),
        Second::Cut(_) => faults.cut_is_pending(),
    };
    faults.clear();
    faults.stop(Misbehaviour::ForgetsDele);
    over
}

/// One path through the choices.
async fn run(
    protocol: Protocol,
    (first, second): (u64, Second),
    (damage, proof): (Damage, Proof),
    explored: &mut Explored,
) -> Outcome {
    let mut rig = Rig::new(protocol).await;
    rig.settings.retention = Policy::DELETE;
    rig.fill("INBOX", MESSAGES);
    rig.pass_until(Steps::stop_after(first)).await.ok();
    if !damage.strike(&rig) {
        return Outcome::Same;
    }
    if proof == Proof::Vacuous {
        believe_the_disk(&rig);
    }
    let second_over = second_pass(&rig, protocol, second).await;
    let healed = rig.pass().await;
    let stored = rig.stored();
    explored.runs += 1;
    for n in 0..MESSAGES {
        let copies = stored.get(&text(n)).copied().unwrap_or_default();
        let lost = copies == 0 && !on_server(&rig, n);
        if lost || copies > 1 || (damage != Damage::Truncated && copies != 1) {
            explored.counterexamples.push(format!(
                "{protocol:?} {first} {damage:?} {second:?}: {copies} of message {n}, {healed:?}"
            ));
        }
    }
    if second_over {
        Outcome::Over
    } else {
        Outcome::Cut
    }
}

/// Every end of the second pass after one crash of the first.
async fn explore_after(
    protocol: Protocol,
    (first, damage, proof): (u64, Damage, Proof),
    habits: &[Habit],
) -> Explored {
    let mut explored = Explored::default();
    let crashes = habits.iter().copied().map(Some);
    // Cuts of the line come last.
    for habit in crashes.chain([None]) {
        for n in 1.. {
            let second = match habit {
                Some(habit) => Second::Crash(n, habit),
                None => Second::Cut(n * BETWEEN_CUTS),
            };
            match run(protocol, (first, second), (damage, proof), &mut explored).await {
                Outcome::Same => return explored,
                Outcome::Cut | Outcome::Over if !explored.counterexamples.is_empty() => {
                    return explored;
                }
                Outcome::Over => break,
                Outcome::Cut => {}
            }
        }
    }
    explored
}

/// Every path, or those up to a counterexample; those of one crash of the first pass beside those of the others.
async fn explore(protocol: Protocol, habits: &'static [Habit], proof: Proof) -> Explored {
    let mut tasks = JoinSet::new();
    for first in 1..=steps_of_a_pass(protocol).await {
        for damage in [
            Damage::None,
            Damage::Truncated,
            Damage::Unnamed { but: 0 },
            Damage::Unnamed { but: 1 },
        ] {
            tasks.spawn(explore_after(protocol, (first, damage, proof), habits));
        }
    }
    let mut all = Explored::default();
    while let Some(explored) = tasks.join_next().await {
        let mut explored = explored.unwrap();
        all.runs += explored.runs;
        all.counterexamples.append(&mut explored.counterexamples);
        if !all.counterexamples.is_empty() {
            break;
        }
    }
    all
}

/// After how many steps a pass is over, one more than there are.
async fn steps_of_a_pass(protocol: Protocol) -> u64 {
    for steps in 1.. {
        let mut rig = Rig::new(protocol).await;
        rig.settings.retention = Policy::DELETE;
        rig.fill("INBOX", MESSAGES);
        if rig.pass_until(Steps::stop_after(steps)).await.is_ok() {
            return steps;
        }
    }
    unreachable!("a pass ends")
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r2_r3_no_path_of_pop3_loses_or_doubles_a_message() {
    let habits = &[Habit::Good, Habit::AnswerLost, Habit::Forgets];
    let explored = explore(Protocol::Pop3, habits, Proof::Real).await;
    assert_eq!(explored.counterexamples, [""; 0], "{} runs", explored.runs);
    assert!(explored.runs > 500, "only {} runs", explored.runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r3_no_path_of_imap_loses_or_doubles_a_message() {
    let habits = &[Habit::Good, Habit::AnswerLost];
    let explored = explore(Protocol::Imap, habits, Proof::Real).await;
    assert_eq!(explored.counterexamples, [""; 0], "{} runs", explored.runs);
    assert!(explored.runs > 500, "only {} runs", explored.runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_proof_the_explorer_finds_a_loss() {
    for protocol in [Protocol::Pop3, Protocol::Imap] {
        let explored = explore(protocol, &[Habit::Good], Proof::Vacuous).await;
        assert!(!explored.counterexamples.is_empty(), "{protocol:?}");
    }
}
