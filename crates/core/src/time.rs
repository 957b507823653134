//! Time and randomness, as the rest of the crate sees them: two traits, no system calls.

/// Milliseconds since the Unix epoch.
pub type Ms = u64;

/// The node's clock. It may be wrong by seconds and may step back; nothing here relies on more.
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds since the Unix epoch.
    fn now(&self) -> Ms;
}

/// The node's source of randomness.
pub trait Entropy: Send + Sync + 'static {
    /// 128 fresh random bits.
    fn bits(&self) -> u128;
}

const DAY: Ms = 24 * 3_600 * 1_000;

/// The end of the year after the one that a moment falls in, UTC: how long what remains of a delete is kept by default
/// (contract section 7).
pub fn end_of_next_year(at: Ms) -> Ms {
    let mut year = 1970;
    let mut start: Ms = 0;
    while start + days_of(year) * DAY <= at {
        start += days_of(year) * DAY;
        year += 1;
    }
    start + (days_of(year) + days_of(year + 1)) * DAY
}

/// A moment for people, in UTC: `2025-01-01 00:00:00.000 UTC`.
pub fn utc(at: Ms) -> String {
    let (mut year, mut day) = (1970, at / DAY);
    while day >= days_of(year) {
        day -= days_of(year);
        year += 1;
    }
    let february = days_of(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute, second) = (at / 3_600_000 % 24, at / 60_000 % 60, at / 1_000 % 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02}.{:03} UTC", day + 1, at % 1_000)
}

fn days_of(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000 UTC");
        assert_eq!(utc(1_735_689_600_123), "2025-01-01 00:00:00.123 UTC");
        assert_eq!(utc(1_709_251_199_999), "2024-02-29 23:59:59.999 UTC");
        assert_eq!(utc(1_709_251_200_000), "2024-03-01 00:00:00.000 UTC");
        assert_eq!(utc(1_767_225_599_000), "2025-12-31 23:59:59.000 UTC");
    }

    #[test]
    fn what_remains_of_a_delete_is_kept_to_the_end_of_next_year() {
        let first_of_2026 = 1_767_225_600_000;
        let first_of_2028 = 1_830_297_600_000;
        assert_eq!(end_of_next_year(first_of_2026), first_of_2028);
        assert_eq!(end_of_next_year(first_of_2026 + 364 * DAY), first_of_2028);
        assert_eq!(end_of_next_year(first_of_2026 - 1), first_of_2028 - 365 * DAY);
    }
}
