//! How often a pass waits for an answer to travel back. On a long line nothing else counts.

use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_mailserver::{Misbehaviour, Options};
use postrider_tests::rig::Rig;

/// CAPA, AUTH with its initial response, and STAT, LIST and UIDL in one flight.
const UNTIL_LISTED: u64 = 3;

/// RETR or TOP for all, or DELE for all and QUIT.
const FLIGHT: u64 = 1;

async fn rig(options: Options, policy: Policy, messages: usize) -> Rig {
    let mut rig = Rig::with(Protocol::Pop3, options).await;
    rig.settings.retention = policy;
    rig.settings.brake = None;
    rig.fill("INBOX", messages);
    rig
}

#[tokio::test]
async fn four_hundred_messages_come_and_go_in_five_round_trips() {
    let rig = rig(Options::default(), Policy::DELETE, 400).await;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (400, 400));
    assert_eq!(report.round_trips, UNTIL_LISTED + FLIGHT + FLIGHT);
    assert!(rig.account.messages("INBOX").is_empty());
}

#[tokio::test]
async fn nothing_new_takes_four_round_trips_however_much_is_left_there() {
    for messages in [0, 3, 2_000] {
        let rig = rig(Options::default(), Policy::KEEP, messages).await;
        rig.pass().await.unwrap();
        rig.server.store().forget_commands();
        let report = rig.pass().await.unwrap();
        assert_eq!((report.new, report.round_trips), (0, UNTIL_LISTED + FLIGHT));
        assert_eq!(rig.commands("").len(), 6, "{:?}", rig.commands(""));
    }
}

#[tokio::test]
async fn what_is_old_enough_is_compared_and_deleted_in_five_round_trips() {
    let policy = Policy {
        delete_after: Some(std::time::Duration::from_secs(86_400)),
        ..Policy::KEEP
    };
    let rig = rig(Options::default(), policy, 400).await;
    rig.pass().await.unwrap();
    rig.grow_older(2 * 86_400);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (0, 400));
    assert_eq!(report.round_trips, UNTIL_LISTED + FLIGHT + FLIGHT);
}

#[tokio::test]
async fn sizes_that_lie_cost_one_flight_more() {
    let rig = rig(Options::default(), Policy::DELETE, 400).await;
    rig.server.faults().size_lie(7);
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (400, 400));
    assert_eq!(report.round_trips, UNTIL_LISTED + 3 * FLIGHT);
}

#[tokio::test]
async fn without_pipelining_each_command_waits_for_its_answer() {
    let mut options = Options::default();
    options
        .pop3_capabilities
        .retain(|line| line != "PIPELINING");
    let rig = rig(options, Policy::DELETE, 20).await;
    let report = rig.pass().await.unwrap();
    assert_eq!((report.new, report.expired), (20, 20));
    // CAPA twice, AUTH; STAT, LIST, UIDL; RETR and DELE for each; QUIT.
    assert_eq!(report.round_trips, 3 + 3 + 2 * 20 + 1);
}

#[tokio::test]
async fn without_unique_ids_nothing_new_costs_the_headers() {
    let rig = rig(Options::default(), Policy::KEEP, 50).await;
    rig.server.faults().start(Misbehaviour::NoUidl);
    rig.pass().await.unwrap();
    let report = rig.pass().await.unwrap();
    assert_eq!(report.new, 0);
    assert_eq!(report.round_trips, UNTIL_LISTED + FLIGHT + FLIGHT);
}
