//! Octets made readable, and made into shell commands.

use std::fmt::Write as _;

use crate::transcript::{MAX_KEPT, Transcript, Way};

/// Octets in the escapes of strings: printable ASCII as it is, `\r`, `\n`, `\t`, `\\`, others `\xNN`.
pub(crate) fn escape_octets(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        match octet {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(octet)),
            // Writing to a string does not fail.
            _ => _ = write!(text, "\\x{octet:02x}"),
        }
    }
    text
}

/// Octets as lines, each ended by its escaped line end; at most `max` octets, with a word on the rest.
pub(super) fn escaped_lines(octets: &[u8], total: u64, max: usize) -> Vec<String> {
    let shown = octets.get(..max).unwrap_or(octets);
    let mut lines: Vec<_> =
        shown.split_inclusive(|octet| *octet == b'\n').map(escape_octets).collect();
    for line in &mut lines {
        if let Some((at, _)) = line.char_indices().nth(MAX_LINE) {
            let rest = line.len() - at;
            line.truncate(at);
            _ = write!(line, "… {rest} more");
        }
    }
    let rest = total.saturating_sub(shown.len() as u64);
    if rest > 0 {
        lines.push(format!("… {rest} more octets"));
    }
    lines
}

/// One line of shell that sends the same octets at the same pace; `None` where they are too many.
pub(super) fn reproduction(transcript: &Transcript, shell: &str) -> Option<String> {
    if transcript.sent == 0 || transcript.sent > MAX_REPRODUCED.min(MAX_KEPT as u64) {
        return None;
    }
    let mut command = String::from("(");
    let mut quoted = String::new();
    let mut last = None;
    for piece in transcript.pieces.iter().filter(|piece| piece.way == Way::Sent) {
        if let Some(last) = last
            && piece.at.saturating_sub(last) >= PAUSE
        {
            _ = write!(
                command,
                "printf '{quoted}'; sleep {:.1}; ",
                (piece.at - last).as_secs_f64()
            );
            quoted.clear();
        }
        last = Some(piece.at);
        for &octet in &piece.octets {
            match octet {
                b'\r' => quoted.push_str("\\r"),
                b'\n' => quoted.push_str("\\n"),
                b'%' => quoted.push_str("%%"),
                b'\'' | b'\\' | 0..b' ' | 0x7f.. => _ = write!(quoted, "\\{octet:03o}"),
                _ => quoted.push(char::from(octet)),
            }
        }
    }
    _ = write!(command, "printf '{quoted}'; sleep 1) | {shell}");
    Some(command)
}

/// Characters of a line that are shown.
const MAX_LINE: usize = 200;

/// Octets that still make a command one would paste.
const MAX_REPRODUCED: u64 = 4096;

/// A gap between two writes that is worth repeating.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn octets_become_readable() {
        assert_eq!(escape_octets(b"a\r\n\t\\\0\xff"), "a\\r\\n\\t\\\\\\x00\\xff");
        assert_eq!(escaped_lines(b"ab\r\ncd", 8, 5), ["ab\\r\\n", "c", "… 3 more octets"]);
    }

    #[test]
    fn a_reproduction_survives_the_shell() {
        let mut transcript = Transcript::default();
        transcript.keep(Duration::ZERO, Way::Sent, b"it's 100%\\\r\n");
        transcript.keep(Duration::from_millis(300), Way::Sent, b"\0");
        assert_eq!(
            reproduction(&transcript, "nc h 80").unwrap(),
            "(printf 'it\\047s 100%%\\134\\r\\n'; sleep 0.3; printf '\\000'; sleep 1) | nc h 80"
        );
        transcript.keep(Duration::ZERO, Way::Sent, &[b'a'; 5000]);
        assert_eq!(reproduction(&transcript, "nc h 80"), None);
    }
}
