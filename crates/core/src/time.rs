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

fn days_of(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_of_a_delete_is_kept_to_the_end_of_next_year() {
        let first_of_2026 = 1_767_225_600_000;
        let first_of_2028 = 1_830_297_600_000;
        assert_eq!(end_of_next_year(first_of_2026), first_of_2028);
        assert_eq!(end_of_next_year(first_of_2026 + 364 * DAY), first_of_2028);
        assert_eq!(end_of_next_year(first_of_2026 - 1), first_of_2028 - 365 * DAY);
    }
}
