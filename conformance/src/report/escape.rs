//! Octets made readable, and made into shell commands.

use std::fmt::Write as _;

use crate::transcript::h2::TraceLine;
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
fn escaped_lines(octets: &[u8], total: u64, max: usize) -> Vec<String> {
    let shown = octets.get(..max).unwrap_or(octets);
    let mut lines: Vec<_> =
        shown.split_inclusive(|octet| *octet == b'\n').map(escape_octets).collect();
    for line in &mut lines {
        cut(line, MAX_LINE);
    }
    let rest = total.saturating_sub(shown.len() as u64);
    if rest > 0 {
        lines.push(format!("… {rest} more octets"));
    }
    lines
}

/// What happened on a connection, a line each with its direction: octets in HTTP/1.1, first those sent,
/// and frames with their times in HTTP/2. At most `max` octets of a direction are shown.
pub(super) fn shown(connection: &Transcript, max: usize) -> Vec<(Way, String)> {
    let octets = |way| {
        let total = match way {
            Way::Sent => connection.sent,
            Way::Received => connection.received,
        };
        escaped_lines(&connection.octets(way), total, max).into_iter().map(move |line| (way, line))
    };
    let Some(trace) = connection.h2().map(|exchange| &exchange.trace) else {
        return [Way::Sent, Way::Received].into_iter().flat_map(octets).collect();
    };
    let line = |line: TraceLine| {
        let mut text = line.text;
        cut(&mut text, MAX_FRAME);
        (line.way, format!("{:.3} {text}", line.at.as_secs_f64()))
    };
    let mut lines: Vec<_> = trace.first().map(line).collect();
    // What are no frames is shown as it is.
    for way in [Way::Sent, Way::Received] {
        if !lines.iter().any(|(other, _)| *other == way) {
            lines.extend(octets(way));
        }
    }
    if trace.left_out() > 0 {
        lines.push((Way::Received, format!("… {} frames of both directions", trace.left_out())));
    }
    lines.extend(trace.last().map(line));
    lines
}

/// The mark of a direction.
pub(super) const fn mark(way: Way) -> &'static str {
    match way {
        Way::Sent => ">",
        Way::Received => "<",
    }
}

/// Cuts a line, with a word on the rest.
fn cut(line: &mut String, max: usize) {
    if let Some((at, _)) = line.char_indices().nth(max) {
        let rest = line.len() - at;
        line.truncate(at);
        _ = write!(line, "… {rest} more");
    }
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

/// Characters of a frame that are shown.
const MAX_FRAME: usize = 400;

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
