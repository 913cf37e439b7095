//! Several maildrops that are delivered into one Maildir: each account knows its own files, and leaves the
//! others' alone.

use postrider_core::account::{AccountName, Protocol};
use postrider_core::retention::Policy;
use postrider_engine::{
    AccountOutcome, EngineError, EngineSettings, PassReport, Shutdown, SyncOptions, sync,
};
use postrider_mailserver::Account;
use postrider_tests::rig::{Rig, files, message};

/// Two users of one server with one Maildir: the rig's has five messages, the other six.
async fn shared(policy: Policy) -> (Rig, Account) {
    let mut rig = Rig::new(Protocol::Pop3).await;
    rig.settings.retention = policy;
    let bob = rig.server.store().account("bob", "secret");
    rig.fill("INBOX", 5);
    for n in 20..26 {
        bob.append("INBOX", message("INBOX", n), &[], 1_700_000_000);
    }
    (rig, bob)
}

/// The rig's account and another user's on the same server, into one Maildir.
async fn pass_of_both(rig: &Rig) -> Vec<PassReport> {
    let outcomes = outcomes_of_both(rig).await.into_iter();
    outcomes.map(|outcome| outcome.result.unwrap()).collect()
}

async fn outcomes_of_both(rig: &Rig) -> Vec<AccountOutcome> {
    let mut second = rig.settings.clone();
    second.name = AccountName::parse("uni").unwrap();
    second.user = "bob".to_owned();
    let settings = EngineSettings {
        state_dir: rig.state_dir(),
        accounts: vec![rig.settings.clone(), second],
        limits: rig.limits,
    };
    let (_trigger, shutdown) = Shutdown::new();
    let outcomes = sync(settings, SyncOptions::default(), shutdown);
    outcomes.await.unwrap()
}

#[tokio::test]
async fn r5_two_accounts_in_one_maildir_know_whose_is_whose() {
    let policy = Policy {
        until_deleted_locally: true,
        ..Policy::KEEP
    };
    let (rig, bob) = shared(policy).await;
    let new: Vec<_> = pass_of_both(&rig).await.iter().map(|r| r.new).collect();
    assert_eq!((new, rig.stored().len()), (vec![5, 6], 11));
    for report in pass_of_both(&rig).await {
        assert_eq!((report.new, report.expired, report.vanished), (0, 0, 0));
    }
    let of_bob = message("INBOX", 22).replace("\r\n", "\n");
    let file = files(rig.maildir()).into_iter();
    let mut file = file.filter(|path| std::fs::read_to_string(path).unwrap() == of_bob);
    std::fs::remove_file(file.next().unwrap()).unwrap();
    for _ in 0..2 {
        pass_of_both(&rig).await;
    }
    assert_eq!(rig.account.messages("INBOX").len(), 5);
    assert_eq!(bob.messages("INBOX").len(), 5);
    std::fs::remove_dir_all(rig.maildir()).unwrap();
    for _ in 0..3 {
        for outcome in outcomes_of_both(&rig).await {
            let error = outcome.result.unwrap_err();
            assert!(
                matches!(error, EngineError::TreeMissing { .. }),
                "the directory was gone, nobody deleted: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn r1_each_account_deletes_its_own() {
    let (rig, bob) = shared(Policy::DELETE).await;
    for (report, count) in pass_of_both(&rig).await.iter().zip([5, 6]) {
        assert_eq!((report.new, report.expired), (count, count));
    }
    assert!(rig.account.messages("INBOX").is_empty() && bob.messages("INBOX").is_empty());
    assert_eq!(rig.stored().len(), 11);
}

#[tokio::test]
async fn r4_a_shared_maildir_is_known_again_without_an_index() {
    let (rig, _bob) = shared(Policy::KEEP).await;
    pass_of_both(&rig).await;
    let before = rig.stored();
    std::fs::remove_dir_all(rig.state_dir()).unwrap();
    rig.server.store().forget_commands();
    for _ in 0..2 {
        let new: Vec<_> = pass_of_both(&rig).await.iter().map(|r| r.new).collect();
        assert_eq!(new, [0, 0]);
        assert_eq!(rig.commands("RETR"), Vec::<String>::new());
        assert_eq!(rig.stored(), before);
    }
    let known = "SELECT count(*) FROM messages WHERE uidl IS NOT NULL AND vanished_at IS NULL";
    assert_eq!(rig.count(known), 11);
}
