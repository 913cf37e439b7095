//! Durations as a configuration and the command line write them: `30s 5m 2h 3d`.

use std::time::Duration;

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`")]
pub struct DurationError;

/// Reads a whole number with one of the units `s`, `m`, `h` and `d`.
///
/// # Errors
/// When there is no unit, no number, anything else, or more than fits.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let cut = |(unit, seconds)| Some((text.strip_suffix(unit)?, seconds));
    let (number, unit_seconds): (&str, u64) =
        units.into_iter().find_map(cut).ok_or(DurationError)?;
    // `parse` would take a plus sign.
    if number.is_empty() || !number.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(DurationError);
    }
    let number: u64 = number.parse().map_err(|_| DurationError)?;
    let seconds = number.checked_mul(unit_seconds).ok_or(DurationError)?;
    Ok(Duration::from_secs(seconds))
}
