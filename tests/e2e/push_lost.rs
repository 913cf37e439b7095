//! Lines that end while the daemon listens, in every way there is: it notices, tells, pauses, and comes back.

use crate::push::{IDLE, NOTIFY, Scene, WHEN};
use postrider_mailserver::{Action, Fault, Misbehaviour};
use postrider_tests::rig::message;
use std::time::{Duration, Instant};

/// A line is refreshed every second, and an answer may take one.
const QUICK: &str = ", idle_refresh: 1s, timeout: 1s";

/// Waits until the daemon has lost its line, then until it has another; mail comes on that one.
fn comes_back(scene: &Scene, mark: usize, n: usize) {
    let lost = scene.daemon.after(mark, "push.lost", "home");
    assert!(lost["because"].as_str().unwrap().len() > 10, "{lost}");
    assert!(lost["retry_in_s"].as_u64() <= Some(5), "{lost}");
    scene.server.faults().clear();
    scene.daemon.after(mark, "push.restored", "home");
    scene.bring("INBOX", n);
    // A lost line is no failed pass.
    let failed = scene.daemon.events("account.failed");
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_dead_and_does_not_know_it_is_noticed_at_the_refresh() {
    let scene = Scene::new(IDLE, QUICK).await;
    scene.listens("IDLE");
    scene.server.faults().start(Misbehaviour::DeafWhileIdling);
    scene.bring_again("IDLE");
    let mark = scene.daemon.mark();
    // Nobody tells of it, and DONE is not answered.
    scene.ada.append("INBOX", message("INBOX", 1), &[], WHEN);
    comes_back(&scene, mark, 2);
    scene.until("INBOX", |names| names.len() == 3);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_done_is_left() {
    let scene = Scene::new(IDLE, QUICK).await;
    let mark = scene.daemon.mark();
    scene
        .server
        .faults()
        .plan(Fault::on("DONE", Action::Stall).always());
    comes_back(&scene, mark, 1);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_refreshed_and_late_answers_to_done_are_waited_for() {
    let scene = Scene::new(IDLE, ", idle_refresh: 1s, timeout: 5s").await;
    let late = Action::Delay(Duration::from_millis(800));
    scene.server.faults().plan(Fault::on("DONE", late).always());
    let begun = Instant::now();
    while scene.asked("DONE") < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    scene.bring("INBOX", 1);
    assert_eq!(scene.logins(), 1);
    assert!(scene.daemon.events("push.lost").is_empty());
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn notify_is_kept_alive_too() {
    let scene = Scene::new(NOTIFY, QUICK).await;
    let begun = Instant::now();
    while scene.asked("NOOP") < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mark = scene.daemon.mark();
    scene
        .server
        .faults()
        .plan(Fault::on("NOOP", Action::Stall).always());
    comes_back(&scene, mark, 1);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn goodbye_while_idling_is_followed_by_a_pause_and_another_login() {
    let scene = Scene::new(IDLE, "").await;
    scene.listens("IDLE");
    let mark = scene.daemon.mark();
    scene.server.faults().bye_to_idlers("shutting down");
    let lost = scene.daemon.after(mark, "push.lost", "home");
    let because = lost["because"].as_str().unwrap();
    assert!(because.contains("shutting down"), "{lost}");
    comes_back(&scene, mark, 1);
    assert_eq!(scene.logins(), 2);
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_goodbye_to_everybody_who_idles_meets_no_storm() {
    let scene = Scene::new(IDLE, "").await;
    let limit = Duration::from_millis(50);
    scene.server.faults().limit_idle(limit);
    let begun = Instant::now();
    let mark = scene.daemon.mark();
    scene.server.faults().bye_to_idlers("go away");
    let mut pauses = Vec::new();
    while pauses.len() < 3 {
        let lost = scene.daemon.events("push.lost");
        pauses = lost
            .iter()
            .filter_map(|lost| lost["retry_in_s"].as_u64())
            .collect();
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{}",
            scene.daemon.text()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    // 2.5 to 5 s, 5 to 10 s: the third comes after both.
    assert!(
        begun.elapsed() > Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
    assert!(pauses[2] >= 10 && pauses[1] >= 5, "{pauses:?}");
    assert!(scene.logins() <= 4, "{}", scene.logins());
    scene.daemon.after(mark, "push.restored", "home");
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_finds_its_kept_line_dead_opens_another_and_nobody_notices() {
    let scene = Scene::new(IDLE, ", timeout: 1s").await;
    scene.listens("IDLE");
    scene
        .server
        .faults()
        .plan(Fault::on("UNSELECT", Action::Cut));
    let mark = scene.daemon.mark();
    scene.ada.append("Work", message("Work", 1), &[], WHEN);
    scene.daemon.signal(rustix::process::Signal::USR1);
    scene.daemon.after(mark, "message.stored", "home");
    assert_eq!(scene.logins(), 2);
    // The same for a quick pass; what is opened to be listened to must not meet the fault before it.
    scene.bring_again("IDLE");
    scene.bring_to_rest("IDLE");
    scene
        .server
        .faults()
        .plan(Fault::on("EXAMINE", Action::Bye("no more".to_owned())));
    scene.bring("INBOX", 2);
    assert_eq!(scene.logins(), 3);
    for event in ["account.failed", "push.lost"] {
        let told = scene.daemon.events(event);
        assert!(told.is_empty(), "{told:?}");
    }
    scene.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_unselect_gets_a_new_session_for_each_listing() {
    let options = postrider_mailserver::Options::default()
        .with(IDLE)
        .without(&["UNSELECT"]);
    let scene = Scene::on(options, "").await;
    scene.listens("IDLE");
    scene.bring("INBOX", 1);
    scene.bring_to_rest("IDLE");
    assert_eq!(scene.logins(), 1, "a quick pass needs no listing");
    let mark = scene.daemon.mark();
    scene.daemon.signal(rustix::process::Signal::USR1);
    scene.daemon.after(mark, "sync.finished", "home");
    assert_eq!((scene.logins(), scene.asked("CLOSE")), (2, 0));
    scene.end();
}
