//! R1 to R3, exhaustively for two messages: every crash point of one pass, every damage to what it left,
//! every crash point and server fault of the next, and the healing. Nothing is modelled but server and
//! damage: planner, retention, journal, Maildir and index are the real ones.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::{EngineError, Steps};
use postrider_mailserver::{Action, Fault, Misbehaviour};
use postrider_tests::rig::{Rig, files, is_in, message};

const MESSAGES: usize = 2;

/// What happens to stored files whose server copies are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    None,
    Truncated,
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

fn text(n: usize) -> String {
    message("INBOX", n).replace("\r\n", "\n")
}

fn on_server(rig: &Rig, n: usize) -> bool {
    let held = rig.account.messages("INBOX");
    held.iter()
        .any(|held| held.bytes == message("INBOX", n).as_bytes())
}

/// Cuts the stored files short whose server copies are there.
fn truncate(rig: &Rig) {
    for path in files(rig.maildir()) {
        let content = std::fs::read_to_string(&path).unwrap();
        let spare = (0..MESSAGES).any(|n| content == text(n) && on_server(rig, n));
        if spare && !is_in(&path, "tmp") {
            let octets = content.as_bytes();
            std::fs::write(&path, octets.split_at(octets.len() / 2).0).unwrap();
        }
    }
}

/// Takes the sense out of the proof: the index says of every file what the file says of itself.
fn believe_the_disk(rig: &Rig) {
    use sha2::{Digest, Sha256};
    let index = rusqlite::Connection::open(rig.state_dir().join("index.db")).unwrap();
    for path in files(rig.maildir()) {
        let octets = std::fs::read(&path).unwrap();
        let name = format!("%{}", path.file_name().unwrap().to_string_lossy());
        let (hash, length) = (Sha256::digest(&octets).to_vec(), octets.len() as i64);
        let sql = "UPDATE message SET sha256 = ?1, octets = ?2 WHERE file LIKE ?3";
        index
            .execute(sql, rusqlite::params![hash, length, name])
            .unwrap();
    }
}

/// One path through the choices. Whether the first and the second pass ended before their crash.
async fn run(
    protocol: Protocol,
    (first, second): (u64, u64),
    (damage, habit, proof): (Damage, Habit, Proof),
    explored: &mut Explored,
) -> (bool, bool) {
    let mut rig = Rig::new(protocol).await;
    rig.settings.retention = Policy::DELETE;
    rig.fill("INBOX", MESSAGES);
    let first_over = rig.pass_until(Steps::stop_after(first)).await.is_ok();
    if damage == Damage::Truncated {
        truncate(&rig);
    }
    if proof == Proof::Vacuous {
        believe_the_disk(&rig);
    }
    let faults = rig.server.faults();
    let removing = if protocol == Protocol::Pop3 {
        "QUIT"
    } else {
        "UID EXPUNGE"
    };
    match habit {
        Habit::Good => {}
        Habit::AnswerLost => faults.plan(Fault::on(removing, Action::PerformCut(0))),
        Habit::Forgets => faults.start(Misbehaviour::ForgetsDele),
    }
    let outcome = rig.pass_until(Steps::stop_after(second)).await;
    let second_over = !matches!(outcome, Err(EngineError::Interrupted { .. }));
    faults.clear();
    faults.stop(Misbehaviour::ForgetsDele);
    let healed = rig.pass().await;
    let stored = rig.stored();
    explored.runs += 1;
    for n in 0..MESSAGES {
        let copies = stored.get(&text(n)).copied().unwrap_or_default();
        let lost = copies == 0 && !on_server(&rig, n);
        if lost || copies > 1 || (damage == Damage::None && copies != 1) {
            explored.counterexamples.push(format!(
                "{protocol:?} {first} {damage:?} {habit:?} {second}: {copies} of message {n}, {healed:?}"
            ));
        }
    }
    (first_over, second_over)
}

async fn explore(protocol: Protocol, habits: &[Habit], proof: Proof) -> Explored {
    let mut explored = Explored::default();
    for habit in habits {
        for damage in [Damage::None, Damage::Truncated] {
            for first in 1.. {
                let mut first_over = false;
                for second in 1.. {
                    let choices = (damage, *habit, proof);
                    let over = run(protocol, (first, second), choices, &mut explored).await;
                    first_over = over.0;
                    if over.1 {
                        break;
                    }
                }
                if first_over {
                    break;
                }
            }
        }
    }
    explored
}

#[tokio::test]
async fn r1_r2_r3_no_path_of_pop3_loses_or_doubles_a_message() {
    let habits = [Habit::Good, Habit::AnswerLost, Habit::Forgets];
    let explored = explore(Protocol::Pop3, &habits, Proof::Real).await;
    assert_eq!(explored.counterexamples, [""; 0], "{} runs", explored.runs);
    assert!(explored.runs > 100, "only {} runs", explored.runs);
}

#[tokio::test]
async fn r1_r3_no_path_of_imap_loses_or_doubles_a_message() {
    let habits = [Habit::Good, Habit::AnswerLost];
    let explored = explore(Protocol::Imap, &habits, Proof::Real).await;
    assert_eq!(explored.counterexamples, [""; 0], "{} runs", explored.runs);
    assert!(explored.runs > 60, "only {} runs", explored.runs);
}

#[tokio::test]
async fn without_proof_the_explorer_finds_a_loss() {
    for protocol in [Protocol::Pop3, Protocol::Imap] {
        let explored = explore(protocol, &[Habit::Good], Proof::Vacuous).await;
        assert!(!explored.counterexamples.is_empty(), "{protocol:?}");
    }
}
