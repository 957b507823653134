//! Small charts for a terminal, of blocks.

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LEFT: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// Lines of a chart of columns.
const HEIGHT: u64 = 6;
/// Columns of one; more are added up, side by side.
const WIDTH: usize = 72;
/// Characters of the longest bar.
const BAR: u64 = 24;

/// One above the other, with the largest beside it and what lies at both ends below.
pub(super) fn columns(numbers: &[u64], first: &str, last: &str) -> String {
    let each = numbers.len().div_ceil(WIDTH).max(1);
    let sums: Vec<u64> = numbers.chunks(each).map(|some| some.iter().sum()).collect();
    let largest = sums.iter().copied().max().unwrap_or(0);
    let margin = largest.to_string().len();
    let heights: Vec<u64> = sums.iter().map(|sum| scaled(*sum, largest, 8 * HEIGHT)).collect();
    let line = |row: u64| {
        let blocks: String =
            heights.iter().map(|height| EIGHTHS[height.saturating_sub(row * 8).min(8) as usize]).collect();
        let label = if row + 1 == HEIGHT { largest.to_string() } else { String::new() };
        format!("{label:>margin$} │{blocks}").trim_end().to_owned()
    };
    let mut lines: Vec<String> = (0..HEIGHT).rev().map(line).collect();
    lines.push(format!("{:>margin$} └{}", 0, "─".repeat(sums.len())));
    let gap = " ".repeat(sums.len().saturating_sub(first.len() + last.len()).max(3));
    lines.push(format!("{:>margin$}  {first}{gap}{last}", ""));
    let unit = if each == 1 { "an hour".to_owned() } else { format!("{each} hours") };
    lines.push(format!("{:>margin$}  calls; a column is {unit}", ""));
    lines.join("\n")
}

/// One that grows to the right.
pub(super) fn bar(number: u64, largest: u64) -> String {
    let eighths = scaled(number, largest, 8 * BAR);
    let mut bar = "█".repeat((eighths / 8) as usize);
    bar.push(LEFT[(eighths % 8) as usize]);
    bar.trim_end().to_owned()
}

/// Something is never nothing.
fn scaled(number: u64, largest: u64, most: u64) -> u64 {
    let scaled = u128::from(number) * u128::from(most) / u128::from(largest.max(1));
    u64::try_from(scaled).unwrap_or(most).max(u64::from(number > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_high_as_what_they_stand_for() {
        let drawn = columns(&[0, 1, 24, 48], "a", "b");
        let expected =
            ["48 │   █", "   │   █", "   │   █", "   │  ██", "   │  ██", "   │ ▁██", " 0 └────", "    a   b"];
        assert_eq!(drawn.lines().take(8).collect::<Vec<_>>(), expected, "\n{drawn}");
        assert!(drawn.ends_with("a column is an hour"));
    }

    #[test]
    fn many_columns_share_the_width() {
        let drawn = columns(&[1; 744], "a", "b");
        assert!(drawn.lines().all(|line| line.chars().count() <= WIDTH + 6), "{drawn}");
        assert!(drawn.ends_with("a column is 11 hours"), "{drawn}");
        assert!(columns(&[], "a", "b").starts_with("0 │"));
    }

    #[test]
    fn bars_are_as_long_as_what_they_stand_for() {
        assert_eq!(bar(10, 10), "█".repeat(24));
        assert_eq!(bar(5, 10), "█".repeat(12));
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!((bar(0, 10), bar(0, 0)), (String::new(), String::new()));
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 24);
    }
}
