//! IMAP dates: seconds since the epoch and back, without a calendar library.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: i64 = 86_400;

/// `date-time` of RFC 3501 §9, always in UTC: ` 1-Feb-1994 21:52:25 +0000`.
pub(crate) fn format(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|at| MONTHS.get(at));
    let second = seconds.rem_euclid(DAY);
    format!(
        "{day:2}-{}-{year:04} {:02}:{:02}:{:02} +0000",
        name.unwrap_or(&"Jan"),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Reads a `date-time`; `None` when it is none.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace();
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    let mut clock = time.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let offset: i64 = zone.parse().ok()?;
    let offset = (offset / 100 * 60 + offset % 100) * 60;
    Some(parse_day(date)? + hour * 3600 + minute * 60 + second - offset)
}

/// Reads a `date` (`1-Feb-1994`): its first second in UTC.
pub(crate) fn parse_day(text: &str) -> Option<i64> {
    let mut parts = text.trim().split('-');
    let day: i64 = parts.next()?.trim().parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    let year: i64 = parts.next()?.parse().ok()?;
    Some(days(year, i64::try_from(month).ok()? + 1, day) * DAY)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar; years begin in March, so that the leap
/// day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, " 1-Jan-1970 00:00:00 +0000"),
            (837_596_665, "17-Jul-1996 09:44:25 +0000"),
            (951_782_400, "29-Feb-2000 00:00:00 +0000"),
            (-1, "31-Dec-1969 23:59:59 +0000"),
            (4_102_444_799, "31-Dec-2099 23:59:59 +0000"),
        ] {
            assert_eq!(format(seconds), text);
            assert_eq!(parse(text), Some(seconds));
        }
        assert_eq!(parse("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(parse("17-Jul-1996 15:14:25 +0530"), Some(837_596_665));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse_day("17-jul-1996"), Some(837_561_600));
    }
}
