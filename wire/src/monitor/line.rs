//! Lines of a head (RFC 9112 §2.2, §4, §5).

use super::head::{Line, lines};
use super::{Finding, Level, Observed, Rule, is_token, show};
use crate::section::Section;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "h1.passive.status-line",
        title: "the status line follows its grammar",
        why: "Clients find the status by position; a line of another shape is read differently by each.",
        level: Level::Must,
        section: Section::new(9112, "4"),
        requirements: &["rfc9112-4-i1", "rfc9110-2.2-1"],
        check: status_line,
    },
    Rule {
        id: "h1.passive.status-line-space",
        title: "the status line keeps the space behind the code",
        why: "A parser that looks for the second space does not find the end of the code without it.",
        level: Level::Must,
        section: Section::new(9112, "4"),
        requirements: &["rfc9112-4-2"],
        check: status_line_space,
    },
    Rule {
        id: "h1.passive.version",
        title: "the status line claims HTTP/1.1 or HTTP/1.0",
        why: "A client takes the version as a promise of what the server understands.",
        level: Level::Must,
        section: Section::new(9110, "6.2"),
        requirements: &["rfc9110-6.2-4"],
        check: version,
    },
    Rule {
        id: "h1.passive.line-ends",
        title: "every line of a head ends with CRLF",
        why: "Recipients may or may not take a lone LF for a line end, so the head has two readings.",
        level: Level::Must,
        section: Section::new(9112, "2.1"),
        requirements: &["rfc9110-2.2-1"],
        check: line_ends,
    },
    Rule {
        id: "h1.passive.lone-cr",
        title: "no CR stands without LF in heads and chunk framing",
        why: "Some recipients end the line there, and see fields that others do not.",
        level: Level::Must,
        section: Section::new(9112, "2.2"),
        requirements: &["rfc9112-2.2-2"],
        check: lone_cr,
    },
    Rule {
        id: "h1.passive.leading-whitespace",
        title: "no whitespace between status line and first field",
        why: "Such a line may be dropped or read as a field, and a field can be hidden in it.",
        level: Level::Must,
        section: Section::new(9112, "2.2"),
        requirements: &["rfc9112-2.2-7"],
        check: leading_whitespace,
    },
    Rule {
        id: "h1.passive.folded-field",
        title: "no field line is folded",
        why: "Folding is obsolete; recipients that do not know it see another field.",
        level: Level::Must,
        section: Section::new(9112, "5.2"),
        requirements: &["rfc9112-5.2-1"],
        check: folded_field,
    },
    Rule {
        id: "h1.passive.field-name",
        title: "field names are tokens, and every field line has one",
        why: "A name with other octets is dropped, refused or read as another name.",
        level: Level::Must,
        section: Section::new(9110, "5.1"),
        requirements: &["rfc9110-5.6.2-i1"],
        check: field_name,
    },
    Rule {
        id: "h1.passive.space-before-colon",
        title: "no whitespace between field name and colon",
        why: "A hop that trims it sees a field that others do not; responses have been split this way.",
        level: Level::Must,
        section: Section::new(9112, "5.1"),
        requirements: &["rfc9110-2.2-1"],
        check: space_before_colon,
    },
    Rule {
        id: "h1.passive.field-value",
        title: "field values hold no control octets",
        why: "Control octets end lines or strings in some recipients.",
        level: Level::Must,
        section: Section::new(9110, "5.5"),
        requirements: &["rfc9110-2.2-1"],
        check: field_value,
    },
    Rule {
        id: "h1.passive.optional-whitespace",
        title: "one space or none stands behind the colon, and none at the line's end",
        why: "More whitespace carries nothing and has been used to confuse parsers.",
        level: Level::Should,
        section: Section::new(9110, "5.6.3"),
        requirements: &["rfc9110-5.6.3-1"],
        check: optional_whitespace,
    },
];

fn status_line(response: &Observed<'_>) -> Finding {
    let line = response.head.start_line.octets;
    let well_formed = match line {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b' ', a, b, c, rest @ ..] => {
            // A missing second space is another rule's matter.
            let reason = rest.strip_prefix(b" ").unwrap_or(rest);
            [major, minor, a, b, c].into_iter().all(u8::is_ascii_digit)
                && (rest.is_empty() || rest.len() > reason.len())
                && reason.iter().all(|octet| *octet == b'\t' || (*octet >= b' ' && *octet != 0x7f))
        }
        _ => false,
    };
    Finding::of(well_formed, || show(line))
}

fn status_line_space(response: &Observed<'_>) -> Finding {
    let line = response.head.start_line.octets;
    Finding::when(line.len() >= 12, || Finding::of(line.get(12) == Some(&b' '), || show(line)))
}

fn version(response: &Observed<'_>) -> Finding {
    let line = response.head.start_line.octets;
    let known = line.starts_with(b"HTTP/1.1 ") || line.starts_with(b"HTTP/1.0 ");
    Finding::of(known, || show(line))
}

fn line_ends(response: &Observed<'_>) -> Finding {
    let all = all_lines(response);
    Finding::first(all.filter(|line| !line.crlf).map(|line| show(line.octets)))
}

fn lone_cr(response: &Observed<'_>) -> Finding {
    let all = all_lines(response);
    Finding::first(all.filter(|line| line.octets.contains(&b'\r')).map(|line| show(line.octets)))
}

/// The lines of head and chunk framing.
fn all_lines<'a>(response: &Observed<'a>) -> impl Iterator<Item = Line<'a>> {
    let fields = response.head.lines.clone();
    [response.head.start_line].into_iter().chain(fields).chain(lines(response.chunk_framing))
}

fn leading_whitespace(response: &Observed<'_>) -> Finding {
    let first = response.head.lines.first();
    Finding::first(first.filter(|line| line.continues()).map(|line| show(line.octets)).into_iter())
}

fn folded_field(response: &Observed<'_>) -> Finding {
    let mut folds = response.head.lines.iter().skip(1).filter(|line| line.continues());
    Finding::first(folds.next().map(|line| show(line.octets)).into_iter())
}

fn field_name(response: &Observed<'_>) -> Finding {
    let lines = response.head.lines.iter().filter(|line| !line.continues());
    Finding::first(lines.filter_map(|line| match line.field() {
        // Whitespace before the colon is another rule's matter.
        Some((name, _)) => (!is_token(name.trim_ascii_end())).then(|| show(name)),
        None => Some(format!("{} has no colon", show(line.octets))),
    }))
}

fn space_before_colon(response: &Observed<'_>) -> Finding {
    let names = response.head.lines.iter().filter_map(Line::field).map(|(name, _)| name);
    Finding::first(names.filter(|name| name.trim_ascii_end().len() < name.len()).map(show))
}

fn field_value(response: &Observed<'_>) -> Finding {
    let breaches = response.fields.iter().filter(|(_, value)| {
        // A lone CR is another rule's matter.
        value.iter().any(|octet| octet.is_ascii_control() && !b"\t\r".contains(octet))
    });
    Finding::first(
        breaches.map(|(name, value)| format!("{}: {}", name.escape_ascii(), show(value))),
    )
}

fn optional_whitespace(response: &Observed<'_>) -> Finding {
    let fields = response.head.lines.iter().filter_map(|line| Some((line, line.field()?.1)));
    Finding::first(fields.filter_map(|(line, value)| {
        let behind = value.strip_prefix(b" ").unwrap_or(value);
        (behind.trim_ascii().len() < behind.len()).then(|| show(line.octets))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bites, find};
    use super::*;

    fn status_line_finding(id: &str, line: &[u8]) -> Finding {
        find(id, &Observed::new(&[line, b"\r\n\r\n"].concat(), 200))
    }

    #[test]
    fn status_lines_are_held_to_their_grammar() {
        for good in [&b"HTTP/1.1 200 OK"[..], b"HTTP/1.1 200 ", b"HTTP/1.0 404 Not \xe4 Found"] {
            assert_eq!(status_line_finding("status-line", good), Finding::Held);
        }
        for bad in
            [&b"HTTP/1.1  200 OK"[..], b"HTTP/1.1 20 OK", b"HTTP/1.1 200 a\0", b"HTTP/1.1 2000"]
        {
            assert!(matches!(status_line_finding("status-line", bad), Finding::Broken(_)));
        }
        let bare = status_line_finding("status-line-space", b"HTTP/1.1 200");
        assert_eq!(bare, Finding::Broken("`HTTP/1.1 200`".into()));
        assert_eq!(status_line_finding("status-line", b"HTTP/1.1 200"), Finding::Held);
        assert!(matches!(status_line_finding("version", b"HTTP/1.2 200 OK"), Finding::Broken(_)));
    }

    #[test]
    fn line_rules_bite() {
        bites("line-ends", 200, &["A: 1\r\nB: 2"], &["A: 1\nB: 2"]);
        bites("lone-cr", 200, &["A: 1"], &["A: 1\r2", "A: 1\r\r\nB: 2"]);
        bites("leading-whitespace", 200, &["A: 1\r\n b"], &[" A: 1", "\tx"]);
        bites("folded-field", 200, &["A: 1"], &["A: 1\r\n b", "A: 1\r\n\tb"]);
        bites("field-name", 200, &["A-b!: 1", "A : 1"], &["A b: 1", "nocolon", ": 1", "\u{e4}: 1"]);
        bites("space-before-colon", 200, &["A: 1"], &["A : 1", "A\t: 1"]);
        bites("field-value", 200, &["A: \u{e4}\tb"], &["A: a\0b", "A: \x7f", "A: \x0b"]);
        bites("optional-whitespace", 200, &["A: 1", "A:1", "A:"], &["A:  1", "A: 1 ", "A:\t1"]);
    }

    #[test]
    fn chunk_framing_is_held_to_its_line_ends() {
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        let response = Observed::new(head, 200).with_chunk_framing(b"5\n0\r\n\r\n");
        assert_eq!(find("line-ends", &response), Finding::Broken("`5`".into()));
    }
}
