//! R1: what a proof is made of, for both protocols. A file of the right length is not yet the right file, and what
//! was proven in a pass that came to no end is read again.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::Steps;
use postrider_tests::rig::{Rig, files, is_in, message};
use std::fs;
use std::path::{Path, PathBuf};

const MESSAGES: usize = 3;
const PROTOCOLS: [Protocol; 2] = [Protocol::Imap, Protocol::Pop3];

/// Another letter in the body: as many octets and lines as before, and nobody wrote to it.
fn rot(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let rotten = text.replacen("a line of some", "a line of same", 1);
    assert_ne!(rotten, text, "there is such a line");
    fs::write(path, rotten).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(modified).unwrap();
}

fn delivered(rig: &Rig) -> Vec<PathBuf> {
    let mut delivered = files(rig.maildir());
    delivered.retain(|path| !is_in(path, "tmp"));
    delivered.sort();
    delivered
}

async fn filled(protocol: Protocol, policy: Policy) -> Rig {
    let mut rig = Rig::new(protocol).await;
    rig.settings.retention = policy;
    rig.fill("INBOX", MESSAGES);
    rig
}

/// Every message is at the server or stands here as it was there.
fn assert_nothing_lost(rig: &Rig, context: &str) {
    let (here, there) = (rig.stored(), rig.expected(&["INBOX"]));
    for n in 0..MESSAGES {
        let text = message("INBOX", n).replace("\r\n", "\n");
        let is_safe = here.contains_key(&text) || there.contains_key(&text);
        assert!(is_safe, "message {n} is lost: {context}");
    }
}

#[tokio::test]
async fn r1_a_file_of_the_same_length_with_other_octets_proves_nothing() {
    for protocol in PROTOCOLS {
        let mut rig = filled(protocol, Policy::KEEP).await;
        rig.pass().await.unwrap();
        rot(&delivered(&rig)[1]);
        rig.settings.retention = Policy::DELETE;
        let report = rig.pass().await.unwrap();
        assert_eq!(report.expired, MESSAGES as u64 - 1, "{protocol:?}");
        assert_nothing_lost(&rig, &format!("{protocol:?}"));
    }
}

/// Cuts passes short after every step. Where `is_ripe`, the file `nth` rots before the next pass: nothing is lost
/// then, and `wanted` holds.
async fn rots_between(
    protocol: Protocol,
    is_ripe: impl Fn(&Rig) -> bool,
    nth: usize,
    wanted: impl Fn(&Rig) -> bool,
) {
    let mut changed = 0;
    for step in 1.. {
        let rig = filled(protocol, Policy::DELETE).await;
        if rig.pass_until(Steps::stop_after(step)).await.is_ok() {
            break;
        }
        if !is_ripe(&rig) {
            continue;
        }
        changed += 1;
        rot(&delivered(&rig)[nth]);
        let report = rig.pass().await.unwrap();
        let context = format!("{protocol:?}, step {step}, {report:?}");
        assert_nothing_lost(&rig, &context);
        assert!(wanted(&rig), "{context}");
    }
    assert!(changed > 0, "{protocol:?}: no pass ended there");
}

#[tokio::test]
async fn r1_the_proof_of_a_pass_that_was_cut_short_is_made_again() {
    let left = |rig: &Rig| rig.account.messages("INBOX").len();
    let is_ripe = |rig: &Rig| {
        let proven = "SELECT count(*) FROM message WHERE proven_at IS NOT NULL";
        left(rig) == MESSAGES && rig.count(proven) == MESSAGES as i64
    };
    for protocol in PROTOCOLS {
        rots_between(protocol, is_ripe, 1, |rig| left(rig) == 1).await;
    }
}

#[tokio::test]
async fn r1_r3_what_a_crash_left_with_other_octets_lets_nothing_go() {
    let is_ripe =
        |rig: &Rig| rig.count("SELECT count(*) FROM journal") > 0 && !delivered(rig).is_empty();
    for protocol in PROTOCOLS {
        rots_between(protocol, is_ripe, 0, |_| true).await;
    }
}
