//! What is on a screen of 80 by 24, and on others.

use super::super::super::tests::{NOW, known, live, settings};
use super::*;
use postrider_core::account::Protocol;
use postrider_core::settings::AccountSettings;
use postrider_engine::AccountStatus;

fn accounts(number: usize) -> Vec<AccountSettings> {
    let name = |n| format!("account-{n:03}");
    (0..number)
        .map(|n| settings(&name(n), Protocol::Imap))
        .collect()
}

fn view<'a>(accounts: &'a [AccountSettings], known: &[AccountStatus]) -> View<'a> {
    let lives = accounts
        .iter()
        .map(|account| (account.name.to_string(), live("waiting")));
    let lives = lives.collect();
    View {
        rows: super::super::super::rows(accounts, known, Some(&lives)),
        hello: None,
        trouble: None,
        now: NOW,
        stale_after: Duration::from_secs(3_600),
    }
}

fn texts(frame: &Frame) -> Vec<&str> {
    frame.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn two_hundred_accounts_are_seen_by_scrolling() {
    let accounts = accounts(200);
    let view = view(&accounts, &[]);
    let mut scroll = Scroll::default();
    let first = frame(&view, (80, 24), &mut scroll);
    assert_eq!(first.len(), 24);
    let lines = texts(&first);
    assert!(
        lines[0].starts_with("postrider: 200 accounts · "),
        "{}",
        lines[0]
    );
    assert!(lines[2].starts_with("account-000 waiting"), "{}", lines[2]);
    assert!(lines[21].starts_with("account-019 "), "{}", lines[21]);
    assert!(lines[23].starts_with("1-20 of 200 "), "{}", lines[23]);
    let mut seen = 20;
    while seen < 200 {
        scroll.by_pages(1);
        let lines = frame(&view, (80, 24), &mut scroll);
        assert!(lines[2].text.starts_with(&format!("account-{seen:03} ")));
        seen += 20;
    }
    scroll.by_pages(1);
    let last = frame(&view, (80, 24), &mut scroll);
    assert!(
        last[21].text.starts_with("account-199 "),
        "the end is the end"
    );
    assert!(last[23].text.starts_with("181-200 of 200 "));
    scroll.by(-1);
    assert!(
        frame(&view, (80, 24), &mut scroll)[21]
            .text
            .starts_with("account-198 ")
    );
    scroll.go_first();
    assert_eq!(frame(&view, (80, 24), &mut scroll), first);
    scroll.go_last();
    assert_eq!(frame(&view, (80, 24), &mut scroll), last);
    // A higher screen has no gap at its end.
    let higher = frame(&view, (80, 44), &mut scroll);
    assert!(higher[2].text.starts_with("account-160 "));
    assert!(higher[41].text.starts_with("account-199 "));
}

#[test]
fn no_line_is_longer_than_the_screen_whatever_its_size() {
    let accounts = accounts(30);
    let mut failing = known("account-000", None, Some(5));
    failing.last_error = Some("long ".repeat(50));
    let view = view(&accounts, &[failing]);
    for size in [(80, 24), (20, 5), (1, 1), (0, 0), (300, 100), (80, 3)] {
        let frame = frame(&view, size, &mut Scroll::default());
        assert_eq!(frame.len(), usize::from(size.1).min(frame.len()));
        for line in &frame {
            let length = line.text.chars().count();
            assert!(length <= usize::from(size.0), "{size:?}: {}", line.text);
        }
    }
}

#[test]
fn a_problem_is_seen_by_word_and_by_style() {
    let accounts = accounts(3);
    let statuses = [
        known("account-000", None, Some(5)),
        known("account-001", Some(5), None),
        known("account-002", Some(7_200), None),
    ];
    let view = view(&accounts, &statuses);
    let frame = frame(&view, (120, 24), &mut Scroll::default());
    assert_eq!(frame[2].style, Style::Problem);
    assert!(
        frame[2].text.contains("auth: the server refused"),
        "{}",
        frame[2].text
    );
    assert_eq!(frame[3].style, Style::Plain);
    assert_eq!(frame[4].style, Style::Problem);
    assert!(
        frame[4].text.contains("2 h ago (stale)"),
        "{}",
        frame[4].text
    );
    assert!(frame[0].text.contains("1 failing"), "{}", frame[0].text);
    assert!(
        frame[0].text.contains("no daemon runs"),
        "{}",
        frame[0].text
    );
}
