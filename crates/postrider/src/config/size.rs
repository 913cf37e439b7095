//! Sizes as a configuration writes them: `500KiB 20MiB 1GiB`.

/// The text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size is a number and a unit: `500KiB`, `20MiB` or `1GiB`")]
pub(super) struct SizeError;

/// Reads a whole number with one of the units `KiB`, `MiB` and `GiB`, as octets. Units of thousands
/// are refused: `MB` means one thing to a disk and another to a mail server.
pub(super) fn parse_size(text: &str) -> Result<u64, SizeError> {
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let cut = |(unit, octets)| Some((text.strip_suffix(unit)?, octets));
    let (number, unit_octets): (&str, u64) = units.into_iter().find_map(cut).ok_or(SizeError)?;
    // `parse` would take a plus sign.
    if number.is_empty() || !number.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(SizeError);
    }
    let number: u64 = number.parse().map_err(|_| SizeError)?;
    number.checked_mul(unit_octets).ok_or(SizeError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_fit() {
        assert_eq!(parse_size("500KiB"), Ok(512_000));
        assert_eq!(parse_size("20MiB"), Ok(20_971_520));
        assert_eq!(parse_size("1GiB"), Ok(1_073_741_824));
        assert_eq!(parse_size("0MiB"), Ok(0));
        for text in [
            "",
            "MiB",
            "20",
            "20 MiB",
            "20MB",
            "20mib",
            "20M",
            "+1MiB",
            "-1MiB",
            "1.5MiB",
            "99999999999999999999KiB",
            "99999999999999999GiB",
        ] {
            assert_eq!(parse_size(text), Err(SizeError), "{text}");
        }
    }
}
