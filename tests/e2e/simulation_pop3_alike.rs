//! Messages of a maildrop that look alike: nothing goes because of another one's proof (R1), and nothing is fetched
//! twice where a header tells enough (R4).

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_mailserver::Misbehaviour;
use postrider_tests::policies::after;
use postrider_tests::rig::{Rig, files, message};

const DAY: i64 = 86_400;
const WHEN: i64 = 1_700_000_000;

/// What a device sends: the header is that of yesterday, only the body differs, and is as long.
fn reading(word: &str) -> String {
    assert_eq!(word.len(), 5);
    format!("From: ups@example.org\r\nSubject: power\r\n\r\npower {word}\r\n")
}

/// The same with a Message-ID, which a device repeats as well.
fn named(word: &str) -> String {
    format!("Message-ID: <1@ups>\r\n{}", reading(word))
}

async fn rig(policy: Policy) -> Rig {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.retention = policy;
    rig
}

/// Puts a message there whose unique-id is `1`, as servers have it that count from one in each session.
fn first(rig: &Rig, octets: &str) {
    let uid = rig.account.append("INBOX", octets.to_owned(), &[], WHEN);
    rig.account.set_uidl(uid, "1");
}

fn replace(rig: &Rig, octets: &str) {
    let old = rig.account.messages("INBOX")[0].uid;
    rig.account.expunge("INBOX", old);
    first(rig, octets);
}

fn has(rig: &Rig, octets: &str) -> bool {
    rig.stored().contains_key(&octets.replace("\r\n", "\n"))
}

/// Passes until nothing happens, and at least two.
async fn passes(rig: &Rig) {
    for _ in 0..4 {
        rig.pass().await.unwrap();
    }
}

#[tokio::test]
async fn r1_a_unique_id_that_returns_with_the_same_header_does_not_let_another_message_go() {
    let rig = rig(Policy::DELETE).await;
    for word in ["fails", "is on", "is ok"] {
        first(&rig, &reading(word));
        passes(&rig).await;
        assert!(has(&rig, &reading(word)), "{word}");
        assert!(rig.account.messages("INBOX").is_empty(), "{word}");
    }
    assert_eq!(rig.stored().len(), 3);
}

#[tokio::test]
async fn r1_what_took_a_messages_place_with_its_header_is_fetched_before_it_goes() {
    let of_a_device: [fn(&str) -> String; 2] = [reading, named];
    for (octets, habit) in of_a_device
        .into_iter()
        .zip([None, Some(Misbehaviour::NoUidl)])
    {
        let rig = rig(after(30)).await;
        if let Some(habit) = habit {
            rig.server.faults().start(habit);
        }
        first(&rig, &octets("fails"));
        rig.pass().await.unwrap();
        rig.grow_older(31 * DAY);
        replace(&rig, &octets("is on"));
        passes(&rig).await;
        assert!(has(&rig, &octets("is on")), "{habit:?}");
        assert_eq!(
            rig.account.messages("INBOX").len(),
            1,
            "it is new: {habit:?}"
        );
        rig.grow_older(31 * DAY);
        assert_eq!(rig.pass().await.unwrap().expired, 1, "{habit:?}");
        assert_eq!(rig.stored().len(), 2, "{habit:?}");
    }
}

#[tokio::test]
async fn r4_what_comes_under_the_unique_id_of_a_message_that_was_gone_is_fetched() {
    let rig = rig(Policy::KEEP).await;
    first(&rig, &reading("fails"));
    rig.pass().await.unwrap();
    rig.account
        .expunge("INBOX", rig.account.messages("INBOX")[0].uid);
    passes(&rig).await;
    first(&rig, &reading("is on"));
    passes(&rig).await;
    assert!(has(&rig, &reading("is on")));
}

/// Somebody has deleted yesterday's before we looked again.
#[tokio::test]
async fn r4_what_comes_in_the_place_of_what_went_is_fetched_though_its_header_is_the_same() {
    for policy in [Policy::KEEP, after(30), Policy::DELETE] {
        let mut rig = rig(Policy::KEEP).await;
        first(&rig, &reading("fails"));
        rig.pass().await.unwrap();
        rig.settings.retention = policy;
        let old = rig.account.messages("INBOX")[0].uid;
        rig.account.expunge("INBOX", old);
        rig.account.append("INBOX", reading("is on"), &[], WHEN);
        passes(&rig).await;
        assert!(has(&rig, &reading("is on")), "{policy}");
        assert_eq!(rig.stored().len(), 2, "{policy}");
        // The same under another name is the same.
        rig.account.pop3_uidls_change();
        passes(&rig).await;
        assert_eq!(rig.stored().values().sum::<usize>(), 2, "{policy}");
    }
}

#[tokio::test]
async fn r4_without_unique_ids_a_rule_of_ages_fetches_nothing_twice() {
    let rig = rig(after(30)).await;
    rig.server.faults().start(Misbehaviour::NoUidl);
    rig.fill("INBOX", 5);
    assert_eq!(rig.pass().await.unwrap().new, 5);
    rig.server.store().forget_commands();
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.vanished), (0, 0));
    assert_eq!(rig.commands("RETR"), Vec::<String>::new());
    // Before they go, their octets are compared: a header alone deletes nothing.
    rig.grow_older(31 * DAY);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.expired, rig.commands("RETR").len()), (5, 5));
    assert_eq!(rig.stored().len(), 5);
}

#[tokio::test]
async fn r1_a_damaged_file_does_not_prove_itself_to_a_new_index() {
    for policy in [Policy::DELETE, after(30)] {
        let mut rig = rig(Policy::KEEP).await;
        rig.fill("INBOX", 3);
        rig.pass().await.unwrap();
        let damaged = files(rig.maildir()).pop().unwrap();
        let octets = std::fs::read_to_string(&damaged).unwrap();
        std::fs::write(&damaged, octets.replace("a line of", "# #### ##")).unwrap();
        std::fs::remove_dir_all(rig.state_dir()).unwrap();
        rig.settings.retention = policy;
        passes(&rig).await;
        rig.grow_older(31 * DAY);
        passes(&rig).await;
        for n in 0..3 {
            assert!(has(&rig, &message("INBOX", n)), "{policy}: {n}");
        }
        assert!(rig.account.messages("INBOX").is_empty(), "{policy}");
        assert!(
            damaged.exists(),
            "{policy}: a delivered file is never rewritten"
        );
    }
}
