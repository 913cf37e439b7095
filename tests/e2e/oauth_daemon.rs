//! OAuth2 in a daemon that runs for long: tokens that end meanwhile, tokens that are taken back, and a daemon that is
//! killed while it asks for new ones.

use crate::oauth::{Place, config};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oauth_server::Trouble;
use postrider_tests::oracle::Oracle;
use postrider_tests::rig::message;
use rustix::process::Signal;

/// The daemon of a place whose only account is the IMAP one.
fn start(place: &Place) -> RunningDaemon {
    let text = config(&place.dovecot, &place.oauth.yaml());
    let (imap_alone, _) = text.split_once("  isp:").unwrap();
    place.home.configure(imap_alone);
    RunningDaemon::start(&place.home)
}

#[test]
fn a_token_that_ends_is_replaced_while_the_daemon_runs() {
    let place = Place::new(5);
    place.log_in();
    let daemon = start(&place);
    daemon.after(0, "sync.finished", "home");
    let mark = daemon.mark();
    let renewed = daemon.after(mark, "token.renewed", "home");
    assert_eq!(renewed["expires_in_s"], 5, "{renewed}");
    daemon.after(daemon.mark(), "token.renewed", "home");
    let mark = daemon.mark();
    let mut oracle = Oracle::login(place.dovecot.imap_port, "ada", Dovecot::PASSWORD);
    oracle.append("INBOX", message("INBOX", 77).as_bytes(), &[], 1_700_000_000);
    daemon.after(mark, "message.stored", "home");
    assert!(
        daemon.events("account.failed").is_empty(),
        "{}",
        daemon.text()
    );
    place.assert_tells_no_secret(&daemon.text());
    daemon.end(Signal::TERM).assert_orderly();
}

#[test]
fn a_grant_that_is_taken_back_waits_for_a_person_and_then_goes_on_by_itself() {
    let place = Place::new(3600);
    place.log_in();
    let daemon = start(&place);
    daemon.after(0, "sync.finished", "home");
    place.oauth.revoke_all();
    let needed = daemon.after(0, "login.needed", "home");
    assert_eq!(needed["hint"], "postrider login home", "{needed}");
    let failed = daemon.after(0, "account.failed", "home");
    assert_eq!(failed["kind"], "auth", "{failed}");
    assert_eq!(failed["hint"], "postrider login home", "{failed}");
    let status = place.home.run(&["status", "--json"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("needs a login"), "{status}");
    // Whoever asks for a pass does not make it ask with what was refused.
    let asked = place.oauth.token_requests();
    for _ in 0..2 {
        let mark = daemon.mark();
        daemon.signal(Signal::USR1);
        daemon.after_where(mark, "account.retried", |line| line["account"] == "home");
    }
    assert_eq!(place.oauth.token_requests(), asked);
    assert_eq!(daemon.events("login.needed").len(), 1);
    let mark = daemon.mark();
    let said = place.log_in();
    assert!(
        said.contains("The running daemon goes on with home"),
        "{said}"
    );
    daemon.after(mark, "sync.finished", "home");
    place.assert_tells_no_secret(&daemon.text());
    daemon.end(Signal::TERM).assert_orderly();
}

#[test]
fn who_is_killed_while_it_asks_for_tokens_has_those_from_before() {
    let place = Place::new(3600);
    place.log_in();
    place.oauth.revoke_access();
    place.oauth.trouble(Trouble::Silence);
    let before = std::fs::read(place.token_file("home")).unwrap();
    let asked = place.oauth.token_requests();
    let daemon = start(&place);
    place.oauth.await_token_requests(asked + 1);
    let ended = daemon.end(Signal::KILL);
    assert_eq!(ended.status, None);
    assert_eq!(std::fs::read(place.token_file("home")).unwrap(), before);
    place.home.succeed(&["sync", "home"]);
}

#[test]
fn tokens_that_were_lost_on_the_way_need_a_login_and_no_repair() {
    let place = Place::new(3600);
    place.log_in();
    place.oauth.revoke_access();
    place.oauth.trouble(Trouble::Lost);
    assert_eq!(place.home.run(&["sync", "home"]).status.code(), Some(69));
    // The server takes the old one no more: that is all that anybody can know.
    assert_eq!(place.home.run(&["sync", "home"]).status.code(), Some(77));
    let asked = place.oauth.token_requests();
    assert_eq!(place.home.run(&["sync", "home"]).status.code(), Some(77));
    assert_eq!(place.oauth.token_requests(), asked);
    place.log_in();
    place.home.succeed(&["sync", "home"]);
}

#[test]
fn two_processes_ask_once() {
    let place = Place::new(3600);
    place.log_in();
    place.oauth.revoke_access();
    let asked = place.oauth.token_requests();
    // Checks, because they take no lock of the state directory.
    let checks: Vec<_> = (0..3)
        .map(|_| {
            let mut command = place.home.command(&["check", "home"]);
            command.stdout(std::process::Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    for mut check in checks {
        assert!(check.wait().unwrap().success());
    }
    assert_eq!(place.oauth.token_requests(), asked + 1);
}
