//! INTERNALDATE (RFC 9051 §2.3.3) as a point in time.

use postrider_core::time::{UnixTime, civil};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Reads ` 7-Feb-2026 22:25:21 +0100`: a leading space or none, one digit or two, any case; a zone
/// that is missing counts as UTC. `None` for nonsense: a bad date must not cost a message
/// (CVE-2018-14350).
#[must_use]
pub fn parse_internal_date(text: &[u8]) -> Option<UnixTime> {
    // The longest legal form has 26 octets; nothing longer is looked at.
    let text = std::str::from_utf8(text.get(..text.len().min(64))?).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (date, clock, zone) = (words.next()?, words.next()?, words.next());
    let mut date = date.splitn(3, '-');
    let day = number(date.next()?, 1..=31)?;
    let month = date.next()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|known| *known == month)?;
    let year = number(date.next()?, 1..=9_999)?;
    let mut clock = clock.splitn(3, ':');
    let hours = number(clock.next()?, 0..=23)?;
    let minutes = number(clock.next()?, 0..=59)?;
    // 60 is a leap second; POSIX time has none and takes the next second.
    let seconds = number(clock.next()?, 0..=60)?;
    let offset = zone.map_or(Some(0), offset_seconds)?;
    let days = days_since_epoch(year, i64::try_from(month).ok()? + 1, day);
    let local = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
    Some(UnixTime::from_seconds(local - offset))
}

/// Writes a date as APPEND wants it, in UTC; `None` beyond the years that four digits hold.
pub(crate) fn format_internal_date(date: UnixTime) -> Option<String> {
    let seconds = date.as_seconds();
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|at| MONTHS.get(at))?;
    let (first, rest) = name.split_at_checked(1)?;
    let of_day = seconds.rem_euclid(86_400);
    let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    (1..=9_999).contains(&year).then(|| {
        let name = format!("{}{rest}", first.to_ascii_uppercase());
        format!("{day:2}-{name}-{year:04} {hours:02}:{minutes:02}:{seconds:02} +0000")
    })
}

fn number(text: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten()?;
    range.contains(&number).then_some(number)
}

/// `+0130` is 5,400.
fn offset_seconds(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2)?;
    Some(sign * (number(hours, 0..=23)? * 3_600 + number(minutes, 0..=59)? * 60))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that the
/// leap day is a year's last and needs no case of its own.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_servers_write_them() {
        for (text, seconds) in [
            ("01-Jan-1970 00:00:00 +0000", 0),
            (" 1-Jan-1970 01:00:00 +0100", 0),
            ("1-jan-1970 00:00:00", 0),
            ("17-Jul-1996 02:44:25 -0700", 837_596_665),
            ("29-Feb-2024 23:59:60 +0000", 1_709_251_200),
            ("31-Dec-1969 23:59:59 +0000", -1),
            ("01-Mar-2000 00:00:00 +0000", 951_868_800),
            ("31-Dec-9999 23:59:59 +0000", 253_402_300_799),
        ] {
            let parsed = parse_internal_date(text.as_bytes()).map(UnixTime::as_seconds);
            assert_eq!(parsed, Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = |seconds| format_internal_date(UnixTime::from_seconds(seconds)).unwrap();
        assert_eq!(written(837_596_665), "17-Jul-1996 09:44:25 +0000");
        assert_eq!(written(951_868_799), "29-Feb-2000 23:59:59 +0000");
        for seconds in (-62_135_596_800..253_402_300_800).step_by(9_876_543_210 / 97) {
            let read = parse_internal_date(written(seconds).as_bytes());
            assert_eq!(read, Some(UnixTime::from_seconds(seconds)));
        }
        assert_eq!(
            format_internal_date(UnixTime::from_seconds(i64::MAX / 2)),
            None
        );
    }

    #[test]
    fn nonsense_is_no_date() {
        let long = "9".repeat(100_000);
        for text in [
            "",
            "now",
            "32-Jan-2026 00:00:00 +0000",
            "1-Foo-2026 00:00:00 +0000",
            "1-Jan-2026 24:00:00 +0000",
            "1-Jan-2026 00:00 +0000",
            "1-Jan-2026 00:00:00 +9999",
            "1-Jan-2026 00:00:00 ü",
            "+1-Jan-2026 00:00:00 +0000",
            long.as_str(),
        ] {
            assert_eq!(parse_internal_date(text.as_bytes()), None, "{text}");
        }
    }
}
