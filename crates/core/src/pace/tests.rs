use super::*;

const POLL: Duration = Duration::from_secs(300);

const fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(1_700_000_000 + seconds)
}

const fn whole() -> Jitter {
    Jitter::new(1.0)
}

#[test]
fn pauses_grow_and_stay_bounded() {
    let pause = |n| pause_after(Fault::Unreachable, n, whole());
    assert_eq!(pause(1), FIRST_PAUSE);
    assert_eq!(pause(2), FIRST_PAUSE * 2);
    assert_eq!(pause(40), LONGEST_PAUSE);
    assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    assert!((1..20).all(|n| pause(n) <= pause(n + 1)));
}

#[test]
fn every_fault_has_its_own_bounds() {
    for (fault, first, longest) in [
        (Fault::Unreachable, 5, 900),
        (Fault::Protocol, 5, 900),
        (Fault::LocalIo, 5, 900),
        (Fault::Busy, 5, 900),
        (Fault::Throttled, 60, 3_600),
        (Fault::Tls, 30, 3_600),
        (Fault::Auth, 300, 21_600),
        (Fault::Config, 300, 21_600),
    ] {
        let seconds = |nth| pause_after(fault, nth, whole()).as_secs();
        assert_eq!((seconds(1), seconds(99)), (first, longest), "{fault}");
    }
}

#[test]
fn jitter_spreads_but_never_below_half_or_above_the_whole() {
    for drawn in [-1.0, 0.0, 0.3, 1.0, 7.0, f64::INFINITY] {
        let pause = pause_after(Fault::Unreachable, 3, Jitter::new(drawn));
        assert!(
            (FIRST_PAUSE * 2..=FIRST_PAUSE * 4).contains(&pause),
            "{drawn}"
        );
        let between = pause_between(Duration::from_secs(100), Jitter::new(drawn));
        assert!((90..=110).contains(&between.as_secs()), "{drawn}");
    }
}

#[test]
fn a_few_accounts_begin_at_once_and_a_thousand_do_not() {
    let begin = |nth| pause_before_first(nth, Jitter::new(0.5));
    assert!((0..AT_ONCE).all(|nth| begin(nth).is_zero()));
    let begins: Vec<Duration> = (0..1_000).map(begin).collect();
    // In no second do more than forty of those begin that do not begin at once.
    for second in 0..30 {
        let seconds = second..second + 1;
        let many = begins.iter().filter(|at| seconds.contains(&at.as_secs()));
        let most = if second == 0 { AT_ONCE + 40 } else { 40 };
        assert!(many.count() <= most, "second {second}");
    }
    assert!(begins[999] <= Duration::from_secs(25), "{:?}", begins[999]);
}

#[test]
fn accounts_that_are_called_together_come_one_by_one() {
    let come = |accounts, drawn| pause_before_call(accounts, Jitter::new(drawn));
    assert!(come(3, 1.0) <= Duration::from_millis(500));
    assert_eq!(come(1_000, 0.0), Duration::ZERO);
    assert_eq!(come(1_000, 1.0), Duration::from_secs(25));
    assert_eq!(come(100_000, 1.0), Duration::from_secs(30));
}

#[test]
fn the_first_poll_takes_accounts_apart() {
    let first = |drawn| {
        let mut pace = Pace::default();
        let first = pace.worked(POLL, Duration::ZERO, (at(0), Jitter::new(drawn)));
        let second = pace.worked(POLL, Duration::ZERO, (at(300), Jitter::new(drawn)));
        (first.as_secs(), second.as_secs())
    };
    assert_eq!(first(0.0), (150, 270));
    assert_eq!(first(1.0), (300, 330));
}

/// Fails `times` times at `now`; the last pause.
fn fail(pace: &mut Pace, fault: Fault, times: u32, now: UnixTime) -> Duration {
    let failed = (0..times).map(|_| pace.failed(fault, None, (now, whole())));
    failed.last().unwrap()
}

#[test]
fn one_good_pass_does_not_end_the_back_off() {
    let mut pace = Pace::default();
    let fifth = fail(&mut pace, Fault::Unreachable, 5, at(0));
    assert_eq!(fifth.as_secs(), 80);
    pace.worked(POLL, Duration::ZERO, (at(80), whole()));
    let sixth = fail(&mut pace, Fault::Unreachable, 1, at(81));
    assert_eq!(sixth.as_secs(), 160, "it had worked for a second");
}

#[test]
fn the_back_off_ends_when_it_worked_for_as_long_as_the_longest_pause() {
    for (worked, next) in [(0, 160), (79, 160), (80, 5), (1_000, 5)] {
        let mut pace = Pace::default();
        fail(&mut pace, Fault::Unreachable, 5, at(0));
        pace.worked(POLL, Duration::ZERO, (at(100), whole()));
        pace.worked(POLL, Duration::ZERO, (at(100 + worked / 2), whole()));
        let pause = fail(&mut pace, Fault::Unreachable, 1, at(100 + worked));
        assert_eq!(pause.as_secs(), next, "after {worked} s");
    }
}

#[test]
fn an_account_that_flaps_is_not_tried_ever_more_often() {
    let mut pace = Pace::default();
    let (mut now, mut passes) = (0, 0);
    // It works every other time and fails a second later, all day long.
    while now < 86_400 {
        pace.worked(Duration::from_secs(1), Duration::ZERO, (at(now), whole()));
        let pause = pace.failed(Fault::Unreachable, None, (at(now + 1), whole()));
        now += 1 + i64::try_from(pause.as_secs()).unwrap();
        passes += 1;
    }
    assert!(passes < 110, "{passes}");
}

#[test]
fn a_clock_that_was_set_back_is_no_stability() {
    let mut pace = Pace::default();
    fail(&mut pace, Fault::Unreachable, 3, at(0));
    pace.worked(POLL, Duration::ZERO, (at(1_000), whole()));
    assert_eq!(
        fail(&mut pace, Fault::Unreachable, 1, at(-9_000)).as_secs(),
        40
    );
}

#[test]
fn a_refused_password_after_an_outage_is_not_taken_for_the_tenth() {
    let mut pace = Pace::default();
    fail(&mut pace, Fault::Unreachable, 9, at(0));
    let refused = fail(&mut pace, Fault::Auth, 1, at(1));
    assert_eq!(refused, FIRST_PAUSE_FOR_A_HUMAN);
    // Nor does an outage in between make the password be sent more often.
    fail(&mut pace, Fault::Unreachable, 1, at(2));
    let again = fail(&mut pace, Fault::Auth, 1, at(3));
    assert_eq!(again, FIRST_PAUSE_FOR_A_HUMAN * 2);
}

#[test]
fn the_servers_wish_comes_first() {
    let wish = Duration::from_secs(5_000);
    for drawn in [0.0, 0.4, 1.0] {
        let mut pace = Pace::default();
        let pause = pace.failed(Fault::Throttled, Some(wish), (at(0), Jitter::new(drawn)));
        assert!((wish..=wish.mul_f64(1.1)).contains(&pause), "{pause:?}");
    }
    // One that is shorter than our own pause does not shorten it.
    let mut pace = Pace::default();
    let short = Duration::from_secs(2);
    let pause = pace.failed(Fault::Throttled, Some(short), (at(0), whole()));
    assert_eq!(pause, FIRST_PAUSE_WHEN_THROTTLED);
    // It is for once.
    let pause = pace.failed(Fault::Unreachable, None, (at(9), whole()));
    assert_eq!(pause, FIRST_PAUSE);
}

#[test]
fn a_login_delay_holds_for_polls_and_failures_until_the_server_says_otherwise() {
    let delay = Duration::from_secs(900);
    let mut pace = Pace::default();
    assert!(pace.worked(POLL, delay, (at(0), whole())) >= delay);
    assert!(pace.failed(Fault::Unreachable, None, (at(900), whole())) >= delay);
    assert_eq!(pace.login_delay(), delay);
    let free = pace.worked(POLL, Duration::ZERO, (at(1_800), whole()));
    assert!(free < delay);
}

#[test]
fn what_changed_around_us_lets_the_back_off_begin_anew_but_not_for_passwords() {
    let mut pace = Pace::default();
    fail(&mut pace, Fault::Unreachable, 9, at(0));
    fail(&mut pace, Fault::Tls, 9, at(0));
    fail(&mut pace, Fault::Auth, 2, at(0));
    pace.begin_anew();
    assert_eq!(fail(&mut pace, Fault::Unreachable, 1, at(1)), FIRST_PAUSE);
    assert_eq!(fail(&mut pace, Fault::Tls, 1, at(1)), FIRST_PAUSE_FOR_TLS);
    let auth = fail(&mut pace, Fault::Auth, 1, at(1));
    assert_eq!(auth, FIRST_PAUSE_FOR_A_HUMAN * 4);
}
