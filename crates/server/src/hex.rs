//! Bytes as hexadecimal digits, and back.

use std::fmt::Write;

/// In lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// As many bytes as asked for, from digits in either case and nothing else.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, digits) = ([0; N], text.as_bytes());
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    (digits.len() == 2 * N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_nothing_else() {
        assert_eq!(hex(&[0, 0x9f, 255]), "009fff");
        assert_eq!(unhex("009fFF"), Some([0, 0x9f, 255]));
        for wrong in ["", "009f", "009ff", "009fff00", "009fgf", "+09fff", "009f\u{ff}", "00 9ff"] {
            assert_eq!(unhex::<3>(wrong), None, "{wrong}");
        }
    }
}
