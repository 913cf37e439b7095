//! Points in time as the command line writes them, and as tables show them. All in UTC, as the log is.

use crate::config::duration::parse_duration;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use postrider_core::time::UnixTime;

/// The text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is `2026-11-25`, `2026-11-25T10:00`, or `3d` for three days ago")]
pub struct MomentError;

/// Reads a date, a date and a time of day (in UTC, unless a zone follows), or a duration that has passed.
///
/// # Errors
/// When it is none of those.
pub fn parse_moment(text: &str) -> Result<UnixTime, MomentError> {
    parse_at(text, Timestamp::now())
}

fn parse_at(text: &str, now: Timestamp) -> Result<UnixTime, MomentError> {
    if let Ok(passed) = parse_duration(text) {
        let passed = i64::try_from(passed.as_secs()).map_err(|_| MomentError)?;
        let then = now.as_second().checked_sub(passed);
        return then.map(UnixTime::from_seconds).ok_or(MomentError);
    }
    let zoned: Option<Timestamp> = text.parse().ok();
    let at = zoned.or_else(|| {
        let civil: Option<DateTime> = text.parse().ok();
        let civil = civil.or_else(|| {
            Some(
                text.parse::<Date>()
                    .ok()?
                    .to_datetime(jiff::civil::Time::midnight()),
            )
        });
        TimeZone::UTC.to_timestamp(civil?).ok()
    });
    at.map(|at| UnixTime::from_seconds(at.as_second()))
        .ok_or(MomentError)
}

/// A point in time, to the second: `2026-11-25T03:40:19Z`. One beyond the calendar shows its number.
#[must_use]
pub fn shown(at: UnixTime) -> String {
    Timestamp::from_second(at.as_seconds()).map_or_else(|_| at.to_string(), |at| format!("{at:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let now: Timestamp = "2026-11-25T03:40:19Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-25", "2026-11-25T00:00:00Z"),
            ("2026-11-25T10:00", "2026-11-25T10:00:00Z"),
            ("2026-11-25 10:00:07", "2026-11-25T10:00:07Z"),
            ("2026-11-25T10:00:00+01:00", "2026-11-25T09:00:00Z"),
            ("2h", "2026-11-25T01:40:19Z"),
            ("3d", "2026-11-22T03:40:19Z"),
        ] {
            assert_eq!(parse_at(text, now).map(shown).unwrap(), expected, "{text}");
        }
        for text in ["", "now", "3", "2026-13-01", "999999999999999999d"] {
            assert_eq!(parse_at(text, now), Err(MomentError), "{text}");
        }
    }
}
