//! `sync --dry-run` on servers in memory: whatever the scenario, it changes nothing, and the pass after it
//! does what it said.

use postrider_core::account::Protocol;
use postrider_core::brake::Percent;
use postrider_core::plan::deed::Deed;
use postrider_core::retention::{Policy, Protect, Vanished};
use postrider_engine::{Rehearsal, Steps, approve};
use postrider_mailserver::{Action, Fault, Misbehaviour, Options};
use postrider_tests::dice::Dice;
use postrider_tests::foretold::compare;
use postrider_tests::policies::{after, latest, locally, trash};
use postrider_tests::rig::{Rig, files, message};
use std::path::PathBuf;

const DAY: i64 = 86_400;

const MAILBOXES: [&str; 3] = ["INBOX", "Work", "Sent"];

/// Mailboxes of `count` messages each, under a policy; nothing is synced.
async fn imap(options: Options, count: usize, policy: Policy) -> Rig {
    let mut rig = Rig::with(Protocol::Imap, options).await;
    rig.settings.retention = policy;
    for mailbox in MAILBOXES {
        rig.account.create(mailbox);
        rig.fill(mailbox, count);
    }
    rig
}

async fn pop3(count: usize, policy: Policy) -> Rig {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.retention = policy;
    rig.fill("INBOX", count);
    rig
}

/// The file of the nth message of a mailbox.
fn file(rig: &Rig, mailbox: &str, n: usize) -> PathBuf {
    let text = message(mailbox, n).replace("\r\n", "\n");
    let holds = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|found| found == text);
    files(rig.maildir()).into_iter().find(holds).unwrap()
}

/// What it said, one line each.
fn said(rehearsal: &Rehearsal) -> Vec<String> {
    let deeds = rehearsal.deeds.iter();
    deeds
        .map(|rehearsed| format!("{}: {}", rehearsed.mailbox, rehearsed.deed))
        .collect()
}

fn said_so(rehearsal: &Rehearsal, line: &str) -> usize {
    said(rehearsal).iter().filter(|said| *said == line).count()
}

#[tokio::test]
async fn a_first_run_says_what_it_would_fetch_and_makes_no_index() {
    for options in [Options::default(), Options::old(), Options::gmail()] {
        let rig = imap(options, 4, Policy::KEEP).await;
        let rehearsal = rig.rehearse().await.unwrap();
        assert!(!rig.state_dir().exists() && !rig.maildir().exists());
        assert_eq!(said_so(&rehearsal, "Work: make its directory"), 1);
        let (rehearsal, report) = compare(&rig, "first run").await;
        assert_eq!(rehearsal.report.new, report.new);
        assert_eq!(rehearsal.report.octets, report.octets);
        let (rehearsal, report) = compare(&rig, "nothing new").await;
        assert_eq!((report.new, said(&rehearsal)), (0, Vec::new()));
    }
}

#[tokio::test]
async fn what_would_be_fetched_and_deleted_in_one_pass_is_said_to_be() {
    for options in [Options::default(), Options::old()] {
        let rig = imap(options, 5, Policy::DELETE).await;
        let (rehearsal, report) = compare(&rig, "imap delete").await;
        assert_eq!((report.new, report.expired), (15, 15));
        let line = "Sent: be fetched, proven, then deleted on the server (retention: delete)";
        assert_eq!(said_so(&rehearsal, line), 5);
    }
    let rig = pop3(7, Policy::DELETE).await;
    let (rehearsal, report) = compare(&rig, "pop3 delete").await;
    assert_eq!((report.new, report.expired), (7, 7));
    let line = "INBOX: be fetched, proven, then deleted on the server (retention: delete)";
    assert_eq!(said_so(&rehearsal, line), 7);
    let message = rehearsal.deeds.last().unwrap().message.clone().unwrap();
    assert!(message.octets > 0);
}

#[tokio::test]
async fn ages_protection_and_new_mail() {
    let protect = Protect {
        flagged: true,
        unread: true,
    };
    let policy = Policy {
        protect,
        ..after(30)
    };
    let rig = imap(Options::default(), 6, policy).await;
    for uid in 1..=5 {
        rig.account.change_flags("INBOX", uid, &["\\Seen"], &[]);
    }
    rig.account.change_flags("INBOX", 2, &["\\Flagged"], &[]);
    compare(&rig, "stored").await;
    rig.grow_older(31 * DAY);
    // Flags that the same pass pulls count on either side.
    rig.account.change_flags("INBOX", 2, &[], &["\\Flagged"]);
    rig.account.change_flags("INBOX", 3, &["\\Flagged"], &[]);
    rig.account.change_flags("Work", 4, &["\\Seen"], &[]);
    rig.fill("Sent", 2);
    let (rehearsal, report) = compare(&rig, "aged").await;
    assert_eq!((report.expired, report.flags_pulled), (5, 3));
    let held = "INBOX: stay on the server though a rule lets it go: it is flagged";
    assert_eq!(said_so(&rehearsal, held), 1);
    assert_eq!(
        said_so(&rehearsal, "INBOX: have the flags (\\Flagged \\Seen)"),
        1
    );
}

#[tokio::test]
async fn the_latest_stay_those_among_them_that_are_fetched_now() {
    let rig = imap(Options::default(), 9, latest(8)).await;
    let (_, report) = compare(&rig, "first run").await;
    assert_eq!(report.expired, 3);
    rig.fill("Work", 2);
    let (_, report) = compare(&rig, "two more").await;
    assert_eq!((report.new, report.expired), (2, 2));
    let rig = pop3(9, latest(8)).await;
    assert_eq!(compare(&rig, "pop3").await.1.expired, 1);
    for n in [20, 21] {
        rig.account.append("INBOX", message("INBOX", n), &[], 0);
    }
    assert_eq!(compare(&rig, "pop3, two more").await.1.expired, 2);
}

#[tokio::test]
async fn a_quota_looks_at_all_mailboxes_together() {
    let mut rig = imap(Options::default().with(&["QUOTA"]), 10, Policy::KEEP).await;
    rig.settings.retention.quota = Percent::new(80);
    rig.account.set_quota(None, Some(30));
    let (_, report) = compare(&rig, "full from the start").await;
    assert_eq!(report.expired, 6);
}

#[tokio::test]
async fn the_trash_and_what_lies_in_the_way_of_it() {
    let rig = imap(Options::default(), 3, trash(Policy::DELETE)).await;
    let (rehearsal, report) = compare(&rig, "no trash").await;
    assert_eq!(report.expired, 0);
    assert!(said(&rehearsal).iter().any(|line| line.contains("\\Trash")));
    rig.account.create("Bin");
    rig.account.set_role("Bin", "\\Trash");
    let (rehearsal, report) = compare(&rig, "trash").await;
    assert_eq!(report.expired, 9);
    let line = "INBOX: be moved to the trash on the server (retention: delete)";
    assert_eq!(said_so(&rehearsal, line), 3);
    // Without UIDPLUS a stranger's mark holds everything.
    let mut rig = imap(Options::old(), 4, Policy::DELETE).await;
    rig.settings.max_size_octets = Some(1_000);
    let large = message("INBOX", 6).repeat(9);
    rig.account
        .append("INBOX", large, &["\\Deleted"], 1_700_000_000);
    let (rehearsal, report) = compare(&rig, "a stranger's mark").await;
    assert_eq!(report.expired, 8, "{:?}", said(&rehearsal));
}

#[tokio::test]
async fn a_file_that_a_reader_deleted_goes_in_the_second_pass() {
    for rig in [
        imap(Options::default(), 4, locally()).await,
        pop3(4, locally()).await,
    ] {
        rig.pass().await.unwrap();
        std::fs::remove_file(file(&rig, "INBOX", 2)).unwrap();
        let (rehearsal, report) = compare(&rig, "one witness").await;
        assert_eq!(report.expired, 0);
        // Asked as often as one likes, a rehearsal is no second witness (R5).
        rig.rehearse().await.unwrap();
        assert!(
            !said(&rehearsal)
                .iter()
                .any(|line| line.contains("deleted on"))
        );
        assert_eq!(compare(&rig, "two witnesses").await.1.expired, 1);
    }
}

#[tokio::test]
async fn r1_what_is_missing_or_was_changed_here_is_held() {
    for rig in [
        imap(Options::default(), 5, after(30)).await,
        pop3(5, after(30)).await,
    ] {
        rig.pass().await.unwrap();
        rig.grow_older(31 * DAY);
        std::fs::remove_file(file(&rig, "INBOX", 1)).unwrap();
        std::fs::write(file(&rig, "INBOX", 2), "changed").unwrap();
        let (rehearsal, _) = compare(&rig, "missing and changed").await;
        let held = "INBOX: stay on the server though a rule lets it go: its local copy is ";
        let held = said(&rehearsal)
            .into_iter()
            .filter(|line| line.starts_with(held));
        assert_eq!(held.count(), 2, "{:?}", said(&rehearsal));
    }
}

#[tokio::test]
async fn r6_what_the_brake_would_hold_is_said_and_nothing_is_engaged() {
    let rig = imap(Options::default(), 15, after(30)).await;
    rig.pass().await.unwrap();
    rig.grow_older(31 * DAY);
    let rehearsal = rig.rehearse().await.unwrap();
    let line =
        "INBOX: wait for `approve` (server): retention: delete_after: 30d would remove 15 of 15";
    assert_eq!(said_so(&rehearsal, line), 1, "{:?}", said(&rehearsal));
    let (_, report) = compare(&rig, "braked").await;
    assert_eq!((report.expired, report.braked), (0, 45));
    approve(&rig.state_dir(), &rig.settings.name).unwrap();
    rig.rehearse().await.unwrap();
    let (_, report) = compare(&rig, "approved; a rehearsal does not use it up").await;
    assert_eq!((report.expired, report.braked), (45, 0));
}

#[tokio::test]
async fn vanished_messages_and_what_becomes_of_them_here() {
    for vanished in [Vanished::Keep, Vanished::TrashFlag, Vanished::Delete] {
        let mut rig = imap(Options::default(), 6, Policy::KEEP).await;
        rig.settings.vanished = vanished;
        rig.pass().await.unwrap();
        rig.account.expunge_all("INBOX", &[1, 4]);
        let (rehearsal, report) = compare(&rig, &format!("{vanished:?}")).await;
        assert_eq!(report.vanished, 2);
        let here = said(&rehearsal).into_iter();
        let here = here.filter(|line| line.contains("(vanished: ")).count();
        assert_eq!(here, if vanished == Vanished::Keep { 0 } else { 2 });
    }
    let rig = pop3(6, after(30)).await;
    rig.pass().await.unwrap();
    rig.account.expunge_all("INBOX", &[1, 4]);
    assert_eq!(compare(&rig, "pop3").await.1.vanished, 2);
}

#[tokio::test]
async fn r4_a_renumbered_mailbox_is_matched_again() {
    for policy in [Policy::KEEP, Policy::DELETE, latest(4)] {
        for options in [Options::default(), Options::old()] {
            let mut rig = imap(options, 6, Policy::KEEP).await;
            rig.pass().await.unwrap();
            rig.settings.retention = policy;
            rig.account.bump_uid_validity("Work");
            let (rehearsal, _) = compare(&rig, &format!("{policy:?}")).await;
            assert!(
                said(&rehearsal)
                    .iter()
                    .any(|line| line.contains("find 6 again"))
            );
        }
    }
    for policy in [Policy::KEEP, Policy::DELETE] {
        let mut rig = pop3(5, Policy::KEEP).await;
        rig.pass().await.unwrap();
        rig.settings.retention = policy;
        rig.account.pop3_uidls_change();
        compare(&rig, "UIDLs changed").await;
    }
}

#[tokio::test]
async fn what_was_moved_or_renamed_is_followed() {
    for policy in [Policy::KEEP, latest(6), Policy::DELETE] {
        for options in [Options::default(), Options::old()] {
            let mut rig = imap(options, 6, Policy::KEEP).await;
            rig.pass().await.unwrap();
            rig.settings.retention = policy;
            let when = format!("{policy:?}");
            let uid = rig.account.move_message("INBOX", 2, "Work").unwrap();
            rig.account.change_flags("Work", uid, &["\\Flagged"], &[]);
            rig.account.rename("Sent", "Post/Gesendet");
            let (rehearsal, _) = compare(&rig, &when).await;
            let moved = said(&rehearsal).into_iter();
            let moved = moved.filter(|line| line.starts_with("Work: have its file moved here"));
            assert_eq!(moved.count(), 1, "{when}");
            let renamed = "Post/Gesendet: take its files along from Sent, as it was called";
            assert_eq!(said_so(&rehearsal, renamed), 1, "{when}");
        }
    }
    let rig = imap(Options::default(), 6, Policy::KEEP).await;
    rig.pass().await.unwrap();
    rig.account.delete("Sent");
    assert_eq!(compare(&rig, "deleted").await.1.vanished, 6);
}

#[tokio::test]
async fn what_is_too_large_is_said_to_be_left() {
    let mut rig = imap(Options::default(), 7, Policy::DELETE).await;
    rig.settings.max_size_octets = Some(300);
    let (rehearsal, report) = compare(&rig, "max_size").await;
    let skips = rehearsal.deeds.iter();
    let skips = skips.filter(|rehearsed| matches!(rehearsed.deed, Deed::Skip { uid: Some(_), .. }));
    assert_eq!(skips.count() as u64, report.skipped);
    assert!(report.skipped > 0 && report.new > 0);
}

#[tokio::test]
async fn r2_deletions_that_were_not_confirmed() {
    let rig = pop3(6, Policy::DELETE).await;
    rig.server.faults().start(Misbehaviour::QuitFails);
    rig.pass().await.unwrap();
    rig.server.faults().stop(Misbehaviour::QuitFails);
    let (_, report) = compare(&rig, "asked and not done").await;
    assert_eq!((report.new, report.expired), (0, 6));
    let rig = pop3(3, Policy::DELETE).await;
    let lost = Fault::on("QUIT", Action::PerformCut(0));
    rig.server.faults().plan(lost);
    // Whether that pass failed or not, nobody knows what became of the messages.
    let _told = rig.pass().await.is_ok();
    let (_, report) = compare(&rig, "done and not said").await;
    assert_eq!((report.new, report.expired), (0, 3));
}

#[tokio::test]
async fn a_maildrop_that_lies_about_sizes_or_names() {
    for habit in [Misbehaviour::NoUidl, Misbehaviour::DuplicatesUidls] {
        for policy in [Policy::KEEP, Policy::DELETE] {
            let rig = pop3(5, policy).await;
            rig.server.faults().start(habit);
            compare(&rig, &format!("{habit:?}")).await;
        }
    }
    let mut rig = pop3(4, Policy::KEEP).await;
    rig.server.faults().size_lie(7);
    rig.pass().await.unwrap();
    rig.settings.retention = Policy::DELETE;
    let (rehearsal, report) = compare(&rig, "sizes").await;
    assert_eq!(report.expired, 4);
    let again = rehearsal.deeds.iter();
    let again = again.filter(|rehearsed| matches!(rehearsed.deed, Deed::Confirm { .. }));
    assert_eq!(again.count(), 4);
}

#[tokio::test]
async fn r3_after_a_crash_anywhere_it_foresees_how_the_next_pass_heals() {
    for count in 1.. {
        for protocol in [Protocol::Imap, Protocol::Pop3] {
            let rig = match protocol {
                Protocol::Imap => imap(Options::default(), 3, Policy::DELETE).await,
                Protocol::Pop3 => pop3(3, Policy::DELETE).await,
            };
            let stopped = rig.pass_until(Steps::stop_after(count)).await.is_err();
            compare(&rig, &format!("{protocol:?} stopped after {count}")).await;
            if !stopped && protocol == Protocol::Imap {
                assert!(count > 8, "there were steps to stop after");
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_pass_that_would_fail_is_said_to() {
    let rig = imap(Options::default(), 1, Policy::KEEP).await;
    rig.server.faults().start(Misbehaviour::RefusesLogins);
    let foretold = rig.rehearse().await.unwrap_err();
    let met = rig.pass().await.unwrap_err();
    assert_eq!(
        (foretold.fault(), foretold.story()),
        (met.fault(), met.story())
    );
}

/// What chance brings.
struct Fate(Dice);

impl Fate {
    fn policy(&mut self) -> Policy {
        let protect = Protect {
            flagged: self.0.roll(2) == 0,
            unread: self.0.roll(3) == 0,
        };
        let all = [
            Policy::KEEP,
            after(30),
            latest(4),
            locally(),
            Policy::DELETE,
        ];
        let mut policy = all[self.0.roll(all.len())];
        if policy != Policy::DELETE {
            policy.protect = protect;
        }
        policy
    }

    /// One thing that happens between two passes.
    fn happening(&mut self, rig: &Rig, serial: &mut usize) -> String {
        let mailboxes = rig.account.mailboxes();
        let mailbox = self.0.of(&mailboxes).unwrap().clone();
        let messages = rig.account.messages(&mailbox);
        let uid = self.0.of(&messages).map_or(0, |message| message.uid);
        match self.0.roll(9) {
            0 | 1 => {
                *serial += 1;
                let date = 1_700_000_000 + *serial as i64;
                rig.account
                    .append(&mailbox, message(&mailbox, *serial), &[], date);
                format!("{mailbox}: new")
            }
            2 => {
                let flag = ["\\Seen", "\\Flagged", "work"][self.0.roll(3)];
                rig.account.change_flags(&mailbox, uid, &[flag], &[]);
                format!("{mailbox}: {uid} {flag}")
            }
            3 => {
                rig.account
                    .change_flags(&mailbox, uid, &[], &["\\Seen", "\\Flagged"]);
                format!("{mailbox}: {uid} bare")
            }
            4 => {
                rig.account.expunge(&mailbox, uid);
                format!("{mailbox}: {uid} gone")
            }
            5 => {
                let to = self.0.of(&mailboxes).unwrap();
                if *to != mailbox {
                    rig.account.move_message(&mailbox, uid, to);
                }
                format!("{mailbox}: {uid} to {to}")
            }
            6 => {
                let mut files = files(rig.maildir());
                files.sort();
                if let Some(file) = self.0.of(&files) {
                    std::fs::remove_file(file).unwrap();
                }
                "a file deleted".to_owned()
            }
            7 => {
                rig.grow_older(20 * DAY);
                "older".to_owned()
            }
            _ => {
                rig.account.bump_uid_validity(&mailbox);
                format!("{mailbox}: renumbered")
            }
        }
    }
}

#[tokio::test]
async fn whatever_happens_what_is_announced_is_done() {
    let mut failed = Vec::new();
    for seed in 1..=21 {
        if tokio::spawn(story(seed)).await.is_err() {
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?}, see above");
}

/// Six passes, each foretold, with a handful of happenings in between.
async fn story(seed: u64) {
    let mut fate = Fate(Dice::new(seed));
    let policy = fate.policy();
    let vanished = [Vanished::Keep, Vanished::TrashFlag, Vanished::Delete][fate.0.roll(3)];
    let mut rig = match seed % 7 {
        0 => pop3(5, policy).await,
        1 | 2 => imap(Options::old(), 4, policy).await,
        _ => imap(Options::default(), 4, policy).await,
    };
    if rig.settings.protocol == Protocol::Imap {
        rig.settings.vanished = vanished;
    }
    let (mut when, mut serial) = (format!("seed {seed}: {policy:?}, {vanished:?}"), 100);
    for _ in 0..6 {
        compare(&rig, &when).await;
        for _ in 0..=fate.0.roll(4) {
            let happened = fate.happening(&rig, &mut serial);
            when.push_str(&format!("; {happened}"));
        }
        when.push('.');
    }
}
