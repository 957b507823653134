//! Moments as people write them, in URLs and on the command line: milliseconds since the epoch, a date, or a date and a
//! time of UTC.

use onefold_core::time::Ms;
use time::{Date, Month, PrimitiveDateTime, Time};

/// The last moment of the year 9999: what lies beyond is a mistake in the unit.
pub const LATEST: Ms = 253_402_300_799_999;

/// What is said of anything else.
pub const EXPECTED: &str =
    "must be milliseconds since the epoch, a date such as 2025-01-31, or a moment such as 2025-01-31T14:00:00Z";

/// Reads one: `1735689600000`, `2025-01-01`, `2025-01-01T14:30Z` or `2025-01-01T14:30:00.5Z`.
pub fn read(text: &str) -> Option<Ms> {
    let ms = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().ok()?,
        false => {
            let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(date, time)| (date, Some(time)));
            let time = time.map_or(Some(Time::MIDNIGHT), |time| clock(time.strip_suffix(['Z', 'z'])?))?;
            let moment = PrimitiveDateTime::new(day(date)?, time).assume_utc();
            Ms::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()?
        }
    };
    (ms <= LATEST).then_some(ms)
}

/// `year-month-day`.
fn day(text: &str) -> Option<Date> {
    let [year, month, day] = parts(text, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

/// `hour:minute`, `hour:minute:second`, and with a fraction of up to nine digits.
fn clock(text: &str) -> Option<Time> {
    let (text, fraction) = text.split_once('.').map_or((text, None), |(text, fraction)| (text, Some(fraction)));
    let [hour, minute, second] = match text.matches(':').count() {
        1 if fraction.is_none() => parts(text, ':', [2, 2]).map(|[hour, minute]| [hour, minute, 0]),
        _ => parts(text, ':', [2, 2, 2]),
    }?;
    let small = |number: u16| u8::try_from(number).ok();
    let nanos = fraction.map_or(Some(0), nanos)?;
    Time::from_hms_nano(small(hour)?, small(minute)?, small(second)?, nanos).ok()
}

fn nanos(digits: &str) -> Option<u32> {
    let fits = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("{digits:0<9}").parse().ok()).flatten()
}

/// So many numbers of so many digits each.
fn parts<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[u16; N]> {
    let mut numbers = [0; N];
    let mut texts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let text = texts.next()?;
        let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        *number = fits.then(|| text.parse().ok()).flatten()?;
    }
    texts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let new_year = Some(1_735_689_600_000);
        for text in
            ["1735689600000", "2025-01-01", "2025-01-01T00:00Z", "2025-01-01t00:00:00z", "2025-01-01T00:00:00.0Z"]
        {
            assert_eq!(read(text), new_year, "{text}");
        }
        assert_eq!(read("2025-01-01T14:30:05.25Z"), Some(1_735_741_805_250));
        assert_eq!(read("2024-02-29"), Some(1_709_164_800_000));
        assert_eq!(read("0"), Some(0));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "yesterday",
            "2025-02-29",
            "2025-13-01",
            "2025-1-1",
            "2025-01-01T25:00Z",
            "2025-01-01T14",
            "-5",
            "1.5",
            "2025-01-01T14:00",
            "2025-01-01T14:00.5Z",
            "2025-01-01T00:00:00+01:00",
            "1735689600000000",
            "20250101 ",
            "1969-12-31",
            "2025-01-01-01",
            "2025-01-01T00:00:00.Z",
            "99999999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
