//! R3 where the disk did not do what a flush asked: after a crash a file has its name and not its content.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_engine::Steps;
use postrider_tests::rig::{Rig, files, is_in, message};
use std::collections::BTreeMap;

const MESSAGES: usize = 3;

/// Cuts every delivered file short; how many there were.
fn cut_short(rig: &Rig, left: usize) -> usize {
    let delivered = files(rig.maildir()).into_iter();
    let delivered: Vec<_> = delivered.filter(|path| !is_in(path, "tmp")).collect();
    for path in &delivered {
        let content = std::fs::read(path).unwrap();
        std::fs::write(path, &content[..left.min(content.len() / 2)]).unwrap();
    }
    delivered.len()
}

#[tokio::test]
async fn r3_a_delivered_file_without_its_content_is_fetched_again_by_the_pass_that_finds_it() {
    let whole: BTreeMap<String, usize> = (0..MESSAGES)
        .map(|n| (message("INBOX", n).replace("\r\n", "\n"), 1))
        .collect();
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        for (policy, left) in [(Policy::KEEP, 0), (Policy::KEEP, 250), (Policy::DELETE, 0)] {
            let mut cut = 0;
            for step in 1.. {
                let mut rig = Rig::new(protocol).await;
                rig.settings.retention = policy;
                rig.fill("INBOX", MESSAGES);
                if rig.pass_until(Steps::stop_after(step)).await.is_ok() {
                    break;
                }
                // What is recorded is another story: `verify` and the proof look at that.
                if rig.count("SELECT count(*) FROM journal") == 0 {
                    continue;
                }
                cut += cut_short(&rig, left);
                rig.pass().await.unwrap();
                let context = format!("{protocol:?} {policy} {left} octets left, step {step}");
                assert_eq!(rig.stored(), whole, "{context}");
                let gone = policy == Policy::DELETE;
                let on_server = rig.account.messages("INBOX").len();
                assert_eq!(on_server, if gone { 0 } else { MESSAGES }, "{context}");
                let stored = rig.count("SELECT count(*) FROM messages WHERE vanished_at IS NULL");
                assert_eq!(stored, MESSAGES as i64, "{context}");
            }
            assert!(
                cut > MESSAGES,
                "{protocol:?}: only {cut} files were cut short"
            );
        }
    }
}
