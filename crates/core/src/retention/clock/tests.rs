use super::*;
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn now(seconds: i64) -> Now {
    Now(UnixTime::from_seconds(seconds))
}

fn ticks(run: i64, at: i64) -> Ticks {
    let at = Duration::from_secs(at.try_into().unwrap());
    Ticks { run, at }
}

/// What ages are judged by at each of these times, one pass after another, each in a run of its own.
fn judged(passes: &[i64]) -> Vec<i64> {
    let mut clock = Clock::default();
    let judge = |(run, seconds): (i64, &i64)| {
        let judged = clock.judge(now(*seconds), ticks(run, 0));
        clock = judged.clock;
        judged.ages_by.0.as_seconds()
    };
    (0..).zip(passes).map(judge).collect()
}

#[test]
fn an_ordinary_clock_is_believed() {
    let daily: Vec<_> = (0..9).map(|day| day * DAY).collect();
    assert_eq!(judged(&daily), daily);
    let weekly: Vec<_> = (0..9).map(|week| week * 7 * DAY).collect();
    assert_eq!(judged(&weekly), weekly);
    assert_eq!(judged(&[500, 400, 600]), [500, 400, 600], "set back");
}

#[test]
fn a_clock_that_leaps_and_is_set_right_was_never_believed() {
    let year = 365 * DAY;
    let passes = [0, year, year + 300, year + 600, 900, 1_200];
    assert_eq!(judged(&passes), [0, 0, 0, 0, 900, 1_200]);
}

#[test]
fn a_clock_that_stands_by_its_leap_is_believed_after_an_hour() {
    let month = 30 * DAY;
    let passes = [0, month, month + 3_599, month + 3_600, month + 3_900];
    assert_eq!(
        judged(&passes),
        [0, 0, 0, month + 3_600, month + 3_900],
        "the machine was off"
    );
}

#[test]
fn who_syncs_once_a_month_is_one_pass_late() {
    let monthly: Vec<_> = (0..5).map(|month| month * 30 * DAY).collect();
    assert_eq!(
        judged(&monthly),
        [0, 0, 30 * DAY, 60 * DAY, 90 * DAY],
        "never starved"
    );
}

/// A mailbox into which each pass stores one message.
#[derive(Default)]
struct World {
    clock: Clock,
    ages_by: i64,
    /// When each was stored in truth, and when by our notes.
    messages: Vec<(i64, i64)>,
    run: i64,
    /// Whether all passes until the next boot are in one run, or each in its own.
    ticks: bool,
}

impl World {
    fn pass(&mut self, truth: i64, clock_says: i64) {
        self.pass_at(truth, truth, clock_says);
    }

    fn pass_at(&mut self, at: i64, truth: i64, clock_says: i64) {
        let in_run = match self.ticks {
            true => ticks(self.run, at),
            false => ticks(i64::try_from(self.messages.len()).unwrap(), 0),
        };
        let judged = self.clock.judge(now(clock_says), in_run);
        self.clock = judged.clock;
        if let Some(behind) = judged.behind {
            let times = behind.from.as_seconds()..=behind.until.as_seconds();
            let by = i64::try_from(behind.by.as_secs()).unwrap();
            let moved = self.messages.iter_mut().filter(|it| times.contains(&it.1));
            moved.for_each(|(_, noted)| *noted += by);
        }
        if let Some(latest) = judged.latest {
            for (_, noted) in &mut self.messages {
                *noted = latest.as_seconds().min(*noted);
            }
        }
        self.ages_by = judged.ages_by.0.as_seconds();
        self.messages.push((truth, judged.notes.0.as_seconds()));
    }

    /// A world in which the machine's runs are known.
    fn ticking() -> Self {
        let ticks = true;
        Self {
            ticks,
            ..Self::default()
        }
    }

    fn boot(&mut self) {
        self.run += 1;
    }

    /// By how much the message that looks oldest for its years is taken for older than it is.
    fn too_old(&self, truth: i64) -> i64 {
        let ages = self.messages.iter().map(|(stored, noted)| {
            let age = (self.ages_by - noted).max(0);
            age - (truth - stored)
        });
        ages.max().unwrap_or(0)
    }
}

#[test]
fn what_comes_while_the_clock_is_behind_is_not_older_when_it_is_set_right() {
    let start = 20_000 * DAY;
    // Four days behind, and in 1970.
    for behind in [start - 4 * DAY, 0] {
        let mut world = World::default();
        world.pass(start, start);
        for minutes in [5, 10, 15] {
            world.pass(start + minutes * 60, behind + minutes * 60);
        }
        for minutes in [20, 25, 120, 24 * 60] {
            let truth = start + minutes * 60;
            world.pass(truth, truth);
            assert!(world.too_old(truth) <= 300, "{behind} {minutes}");
            assert_eq!(world.ages_by, truth, "and is believed at once");
        }
    }
}

#[test]
fn what_comes_after_a_clock_was_ahead_waits_for_no_more_than_eight_days() {
    let (start, year) = (20_000 * DAY, 365 * DAY);
    let mut world = World::default();
    let mut pass = |day: i64, ahead| world.pass(start + day * DAY, start + day * DAY + ahead);
    pass(0, 0);
    // Believed: it stood by its leap for a day.
    (1..=2).for_each(|day| pass(day, year));
    (3..=11).for_each(|day| pass(day, 0));
    let noted: Vec<_> = world.messages.iter().map(|m| (m.1 - start) / DAY).collect();
    assert_eq!(noted[1..4], [11, 11, 11]);
    assert_eq!(noted[11], 11);
}

#[test]
fn what_was_noted_during_a_leap_counts_from_the_day_on_which_the_clock_was_set_right() {
    let mut world = World::default();
    world.pass(0, 0);
    world.pass(300, 365 * DAY);
    world.pass(600, 365 * DAY + 300);
    world.pass(900, 900);
    let noted: Vec<_> = world.messages.iter().map(|message| message.1).collect();
    assert_eq!(noted, [0, 900, 900, 900]);
}

#[test]
fn a_leap_that_an_earlier_version_remembers_is_taken_back_as_any_other() {
    let at = UnixTime::from_seconds;
    let (from, to) = (at(1_000), at(365 * DAY));
    let remembered = Clock {
        seen: Some(to),
        leap: Some(Leap { from, to }),
        ..Clock::default()
    };
    let judged = remembered.judge(now(1_300), ticks(0, 0));
    assert_eq!(judged.notes, now(1_300));
    assert_eq!(judged.latest, Some(at(1_300)));
}

#[test]
fn a_clock_that_leaps_again_after_it_went_back_is_not_believed_for_having_leapt_before() {
    let (year, start) = (365 * DAY, 20_000 * DAY);
    assert_eq!(
        judged(&[start, start + year, 0, start + 99 * year])[3],
        start
    );
}

/// A machine without a clock that runs on starts at the time of its last shutdown, or in 1970.
#[test]
fn what_comes_before_a_machine_has_asked_for_the_time_is_not_older_for_it() {
    let (start, month) = (20_000 * DAY, 30 * DAY);
    for off in [3 * 3_600, 3 * DAY, month, 10 * month] {
        for behind in [off, i64::MAX] {
            let mut world = World::ticking();
            world.pass(start, start);
            world.pass(start + 300, start + 300);
            world.boot();
            let on = start + off;
            for minutes in [7, 12, 17] {
                let truth = on + minutes * 60;
                world.pass(truth, (truth - behind).max(minutes * 60));
                assert!(world.too_old(truth) <= 0, "{off} {behind} {minutes}");
            }
            for minutes in [22, 27, 120, 24 * 60] {
                let truth = on + minutes * 60;
                world.pass(truth, truth);
                assert!(world.too_old(truth) <= 0, "{off} {behind} {minutes}");
            }
            let last = on + DAY;
            assert_eq!(world.ages_by, last, "it is believed in the end");
            let late = |(stored, noted): &(i64, i64)| noted - stored;
            let worst = world.messages.iter().skip(2).map(late).max();
            assert!(worst <= Some(0), "nor is it younger for it: {worst:?}");
        }
    }
}

#[test]
fn in_one_run_a_long_pause_is_no_leap_and_a_short_leap_is_one() {
    let mut world = World::ticking();
    let ages_by = |world: &World| world.ages_by;
    world.pass(0, 0);
    world.pass(30 * DAY, 30 * DAY + 599);
    assert_eq!(ages_by(&world), 30 * DAY + 599);
    let then = 31 * DAY;
    world.pass(then, then + 2 * DAY);
    assert_eq!(ages_by(&world), then + 599, "two days ahead");
    world.pass(then + 300, then + 300);
    assert_eq!(ages_by(&world), then + 300, "and set right");
    let late = |(stored, noted): &(i64, i64)| noted - stored;
    let worst = world.messages.iter().map(late).max();
    assert!(worst <= Some(31 * DAY + 600), "{worst:?}");
}

#[test]
fn in_one_run_a_second_leap_within_the_hour_does_not_prove_the_first() {
    let mut world = World::ticking();
    for (truth, ahead) in [(0, 0), (300, 2), (600, 400), (900, 401)] {
        world.pass(truth, truth + ahead * DAY);
        assert!(world.ages_by <= truth, "{ahead}");
    }
    world.pass(1_200, 1_200);
    assert_eq!(world.ages_by, 1_200);
}

/// By the first answer it gets, and then by a better one.
#[test]
fn what_came_while_the_clock_was_behind_moves_with_it_as_often_as_it_is_set() {
    let (start, month) = (20_000 * DAY, 30 * DAY);
    let mut world = World::ticking();
    world.pass(start, start);
    world.boot();
    for (minutes, behind) in [
        (0, month),
        (5, month),
        (10, 9 * DAY),
        (15, 0),
        (20, 0),
        (90, 0),
    ] {
        let truth = start + month + minutes * 60;
        world.pass(truth, truth - behind);
        assert!(world.too_old(truth) <= 0, "{minutes}");
    }
    assert_eq!(world.ages_by, start + month + 90 * 60);
}

#[test]
fn a_clock_that_is_set_right_a_little_too_far_back_leaves_nothing_in_the_future() {
    let mut world = World::ticking();
    let year = 365 * DAY;
    for (truth, says) in [
        (1_000, 1_000),
        (1_300, year),
        (1_360, 1_290),
        (1_900, 1_900),
    ] {
        world.pass(truth, says);
    }
    let latest = world.messages.iter().map(|(_, noted)| *noted).max();
    assert!(latest <= Some(1_900), "{latest:?}");
}

/// The ticks of a virtual machine stand still then.
#[test]
fn what_is_stored_on_a_machine_that_is_paused_every_night_is_one_night_late() {
    let mut world = World::ticking();
    let mut nights = 0;
    for hour in 0..40 * 24 {
        let truth = 20_000 * DAY + hour * 3_600;
        let is_paused = hour % 24 < 8;
        nights += i64::from(is_paused);
        if !is_paused {
            world.pass_at(truth - nights * 3_600, truth, truth);
            assert!(world.too_old(truth) <= 0, "hour {hour}");
        }
    }
    let late = |(stored, noted): &(i64, i64)| noted - stored;
    let worst = world.messages.iter().map(late).max();
    assert_eq!(worst, Some(8 * 3_600));
}

#[test]
fn a_clock_that_was_behind_until_it_was_believed_may_still_be_set_right_in_its_run() {
    let (start, month) = (20_000 * DAY, 30 * DAY);
    let mut world = World::ticking();
    world.pass(start, start);
    for hour in 1..9 * 24 {
        let truth = start + hour * 3_600;
        world.pass(truth, truth - month);
    }
    assert_eq!(world.ages_by, start + (9 * 24 - 1) * 3_600 - month);
    for hour in 9 * 24..9 * 24 + 3 {
        let truth = start + hour * 3_600;
        world.pass(truth, truth);
        assert!(world.too_old(truth) <= 0, "hour {hour}");
    }
    assert_eq!(world.ages_by, start + (9 * 24 + 2) * 3_600);
}

#[test]
fn who_is_online_for_minutes_at_a_time_is_one_day_late() {
    let mut world = World::ticking();
    let mut truth = 20_000 * DAY;
    let mut clock_says = truth;
    for day in 0..30 {
        world.boot();
        for _ in 0..3 {
            world.pass(truth, clock_says);
            (truth, clock_says) = (truth + 300, clock_says + 300);
        }
        clock_says = truth;
        for _ in 0..3 {
            world.pass(truth, clock_says);
            (truth, clock_says) = (truth + 300, clock_says + 300);
            assert!(world.too_old(truth) <= 0, "day {day}");
            assert!(truth - world.ages_by <= 25 * 3_600, "day {day}");
        }
        truth += DAY - 1_800;
    }
}

/// What a clock does for a while, of which the first pass follows the one before after a longer pause.
#[derive(Clone, Copy, Debug)]
enum While {
    Right,
    /// By so much; by all there is: it began at 1970.
    Behind(i64),
    /// By so much, for less than an hour.
    Ahead(i64),
}

/// So long may a pause be. The one in which the clock is set back is not counted, and one that is as long as the
/// clock is behind hides that.
const PAUSE: i64 = 6 * 3_600;

fn any_while() -> impl Strategy<Value = (While, i64, Vec<i64>)> {
    let wrong = prop_oneof![
        Just(While::Right),
        (1..3_000 * DAY).prop_map(While::Behind),
        Just(While::Behind(i64::MAX)),
        (9 * DAY..3_000 * DAY).prop_map(While::Ahead),
    ];
    let passes = proptest::collection::vec(60..PAUSE, 1..20);
    (wrong, 60..PAUSE, passes)
}

/// For how long the machine is off before, if it is.
fn any_start() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(60..400 * DAY)
}

/// What is not taken for a leap, once for each pass until the clock is set right.
const MOST_SLACK: i64 = 600;

proptest! {
    #[test]
    fn nothing_goes_before_its_true_age_but_by_two_pauses_where_the_clock_was_set_back(
        whiles in proptest::collection::vec(any_while(), 1..12),
    ) {
        let mut world = World::default();
        let mut truth = 20_000 * DAY;
        world.pass(truth, truth);
        for (how, first, pauses) in whiles {
            let mut pauses = pauses;
            truth += first;
            if let While::Ahead(_) = how {
                pauses = pauses.iter().take(5).map(|pause| pause % 600).collect();
            }
            let wrong_by = match how {
                While::Right => 0,
                While::Behind(by) => -by.min(truth),
                While::Ahead(by) => by,
            };
            for pause in pauses {
                world.pass(truth, truth + wrong_by);
                prop_assert!(world.too_old(truth) <= 2 * PAUSE, "{how:?}");
                truth += pause;
            }
            for _ in 0..3 {
                world.pass(truth, truth);
                prop_assert!(world.too_old(truth) <= 2 * PAUSE, "after {how:?}");
                truth += 1_800;
            }
        }
    }

    #[test]
    fn in_one_run_nothing_goes_before_its_true_age(
        whiles in proptest::collection::vec((any_while(), any_start()), 1..12),
    ) {
        let mut world = World::ticking();
        let mut truth = 20_000 * DAY;
        world.pass(truth, truth);
        for ((how, first, mut pauses), off) in whiles {
            truth += first;
            let mut wrong_by = match how {
                While::Right => 0,
                While::Behind(by) => -by.min(truth),
                While::Ahead(by) => by,
            };
            if let While::Ahead(_) = how {
                pauses = pauses.iter().take(5).map(|pause| pause % 600).collect();
            } else if let Some(off) = off {
                world.boot();
                truth += off;
                // It starts at its last shutdown.
                wrong_by = if wrong_by == 0 { -off } else { wrong_by };
            }
            for pause in pauses {
                world.pass(truth, truth + wrong_by);
                prop_assert!(world.too_old(truth) <= MOST_SLACK, "{how:?} {off:?}");
                truth += pause;
            }
            for _ in 0..3 {
                world.pass(truth, truth);
                prop_assert!(world.too_old(truth) <= MOST_SLACK, "after {how:?} {off:?}");
                truth += 1_800;
            }
        }
    }

    #[test]
    fn once_the_clock_is_right_for_good_nothing_waits_for_longer_than_nine_days(
        nonsense in proptest::collection::vec(0..40_000 * DAY, 0..30),
        pauses in proptest::collection::vec(3_600..PAUSE, 9 * 24),
    ) {
        let mut world = World::default();
        let mut truth = 20_000 * DAY;
        for clock_says in nonsense {
            world.pass(truth, clock_says);
            truth += 60;
        }
        for pause in pauses {
            world.pass(truth, truth);
            truth += pause;
        }
        let last = world.messages.last().map(|message| message.0);
        prop_assert_eq!(Some(world.ages_by), last);
        prop_assert!(world.messages.iter().all(|(_, noted)| *noted <= world.ages_by));
    }

    #[test]
    fn ages_are_never_judged_by_a_later_time_than_the_clock_shows(
        passes in proptest::collection::vec(0_i64..4_000 * DAY, 1..40),
    ) {
        for (judged, says) in judged(&passes).into_iter().zip(&passes) {
            prop_assert!(judged <= *says);
        }
    }

    #[test]
    fn what_is_noted_never_goes_back_before_eight_days_are_over(
        passes in proptest::collection::vec(0_i64..4_000 * DAY, 1..40),
    ) {
        let (mut clock, mut noted) = (Clock::default(), i64::MIN);
        for (run, says) in (0..).zip(passes) {
    let judged = clock.judge(now(says), ticks(run, 0));
            clock = judged.clock;
            if judged.latest.is_none() {
                prop_assert!(judged.notes.0.as_seconds() >= says);
                prop_assert!(clock.own.unwrap().as_seconds() >= noted);
            }
            noted = clock.own.unwrap().as_seconds();
        }
    }

    #[test]
    fn a_single_leap_that_is_taken_back_within_the_hour_changes_nothing(
        before in 0_i64..1_000 * DAY,
        leap in 9 * DAY..4_000 * DAY,
        ahead in proptest::collection::vec(0_i64..3_600, 1..10),
    ) {
        let mut ahead = ahead;
        ahead.sort_unstable();
        let mut passes = vec![before];
        passes.push(before + leap);
        passes.extend(ahead.iter().map(|later| before + leap + later));
        for judged in judged(&passes) {
            prop_assert_eq!(judged, before);
        }
    }
}
