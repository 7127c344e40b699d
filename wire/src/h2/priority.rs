//! The priority of a response (RFC 9218 §4), as the Priority field and PRIORITY_UPDATE say it.

use crate::field::{FieldName, Fields};

/// How soon a response is wanted, and whether it is of use in parts.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Priority {
    /// 0, the most urgent, to 7 (RFC 9218 §4.1).
    pub urgency: u8,
    /// Whether responses of the same urgency may share the connection (RFC 9218 §4.2).
    pub incremental: bool,
}

impl Default for Priority {
    /// What holds where nobody says anything: urgency 3, not incremental.
    fn default() -> Self {
        Self { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// Reads a Priority field value.
    ///
    /// Parameters that are unknown, out of range or of another type are passed over (RFC 9218 §4). `None`
    /// if the value is no structured dictionary (RFC 9651 §3.2): RFC 9218 §7.1 lets a server make that
    /// a connection error in PRIORITY_UPDATE; in a field it means the default.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut priority = Self::default();
        priority.read(value)?;
        Some(priority)
    }

    /// The priority that all Priority lines of a request together ask for; the default if they are no
    /// dictionary.
    pub fn of(fields: Fields<'_>) -> Self {
        let mut priority = Self::default();
        let read = fields.all(FieldName::Priority).try_for_each(|value| priority.read(value));
        read.map_or(Self::default(), |()| priority)
    }

    /// RFC 9651 §4.2.2. A later member of the same key overrides, with what it is passed over for too.
    fn read(&mut self, value: &[u8]) -> Option<()> {
        let mut rest = skip(value, b" ");
        while !rest.is_empty() {
            let key_len = rest.iter().position(|octet| !is_key_octet(*octet)).unwrap_or(rest.len());
            let (key, behind) = rest.split_at_checked(key_len)?;
            if !matches!(key.first()?, b'a'..=b'z' | b'*') {
                return None;
            }
            let (value, behind) = match behind {
                [b'=', b'(', behind @ ..] => (Value::Other, inner_list(behind)?),
                [b'=', behind @ ..] => item(behind)?,
                _ => (Value::Boolean(true), behind),
            };
            match (key, value) {
                (b"u", Value::Integer(urgency @ 0..=7)) => self.urgency = urgency as u8,
                (b"u", _) => self.urgency = Self::default().urgency,
                (b"i", Value::Boolean(incremental)) => self.incremental = incremental,
                (b"i", _) => self.incremental = Self::default().incremental,
                _ => {}
            }
            rest = match skip(parameters(behind)?, b" \t") {
                [] => return Some(()),
                // A comma announces another member.
                [b',', behind @ ..] => match skip(behind, b" \t") {
                    [] => return None,
                    behind => behind,
                },
                _ => return None,
            };
        }
        Some(())
    }
}

/// An item, as far as it matters here.
#[derive(Clone, Copy)]
enum Value {
    Integer(i64),
    Boolean(bool),
    Other,
}

/// RFC 9651 §4.2.3: a bare item, and what is behind it.
fn item(octets: &[u8]) -> Option<(Value, &[u8])> {
    match octets {
        [b'?', b'0', rest @ ..] => Some((Value::Boolean(false), rest)),
        [b'?', b'1', rest @ ..] => Some((Value::Boolean(true), rest)),
        [b'"', rest @ ..] => Some((Value::Other, string(rest)?)),
        [b'%', b'"', rest @ ..] => {
            let end = rest.iter().position(|octet| *octet == b'"')?;
            let (text, rest) = rest.split_at_checked(end)?;
            text.iter().all(|octet| (b' '..=b'~').contains(octet)).then_some(())?;
            Some((Value::Other, rest.get(1..)?))
        }
        [b':', rest @ ..] => {
            let end = rest.iter().position(|octet| *octet == b':')?;
            let base64 = |o: &u8| o.is_ascii_alphanumeric() || matches!(o, b'+' | b'/' | b'=');
            rest.get(..end)?.iter().all(base64).then_some(())?;
            Some((Value::Other, rest.get(end + 1..)?))
        }
        [b'@', rest @ ..] => match number(rest)? {
            (Value::Integer(_), rest) => Some((Value::Other, rest)),
            _ => None,
        },
        [b'-' | b'0'..=b'9', ..] => number(octets),
        [first, rest @ ..] if first.is_ascii_alphabetic() || *first == b'*' => {
            let token = |o: &u8| crate::field::is_token_octet(*o) || matches!(o, b':' | b'/');
            let len = rest.iter().position(|octet| !token(octet)).unwrap_or(rest.len());
            Some((Value::Other, rest.get(len..)?))
        }
        _ => None,
    }
}

/// RFC 9651 §4.2.4: up to 15 digits, or 12 and a point and up to 3.
fn number(octets: &[u8]) -> Option<(Value, &[u8])> {
    let digits = |octets: &[u8]| octets.iter().take_while(|o| o.is_ascii_digit()).count();
    let (negative, unsigned) = match octets {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, octets),
    };
    let len = digits(unsigned);
    let (whole, rest) = unsigned.split_at_checked(len)?;
    if let [b'.', fraction @ ..] = rest {
        let places = digits(fraction);
        let legal = (1..=12).contains(&len) && (1..=3).contains(&places);
        return legal.then_some((Value::Other, fraction.get(places..)?));
    }
    if !(1..=15).contains(&len) {
        return None;
    }
    let number = whole.iter().fold(0, |number, digit| 10 * number + i64::from(digit - b'0'));
    Some((Value::Integer(if negative { -number } else { number }), rest))
}

/// What is behind a string whose opening quote is done with.
fn string(mut octets: &[u8]) -> Option<&[u8]> {
    loop {
        octets = match octets {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'"' | b'\\', rest @ ..] => rest,
            [b'\\', ..] => return None,
            [b' '..=b'~', rest @ ..] => rest,
            _ => return None,
        };
    }
}

/// What is behind an inner list whose opening parenthesis is done with.
fn inner_list(octets: &[u8]) -> Option<&[u8]> {
    let mut rest = octets;
    loop {
        rest = skip(rest, b" ");
        if let [b')', behind @ ..] = rest {
            return Some(behind);
        }
        rest = parameters(item(rest)?.1)?;
        if !matches!(rest, [b' ' | b')', ..]) {
            return None;
        }
    }
}

/// What is behind the parameters in front, if there are any.
fn parameters(octets: &[u8]) -> Option<&[u8]> {
    let mut rest = octets;
    while let [b';', behind @ ..] = rest {
        let behind = skip(behind, b" ");
        let len = behind.iter().position(|octet| !is_key_octet(*octet)).unwrap_or(behind.len());
        if !matches!(behind.first()?, b'a'..=b'z' | b'*') {
            return None;
        }
        rest = match behind.get(len..)? {
            [b'=', value @ ..] => item(value)?.1,
            behind => behind,
        };
    }
    Some(rest)
}

fn skip<'a>(octets: &'a [u8], blank: &[u8]) -> &'a [u8] {
    let len = octets.iter().take_while(|octet| blank.contains(octet)).count();
    octets.get(len..).unwrap_or_default()
}

const fn is_key_octet(octet: u8) -> bool {
    matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::FieldSection;
    use proptest::prelude::*;

    fn parsed(value: &str) -> Option<(u8, bool)> {
        let priority = Priority::parse(value.as_bytes())?;
        Some((priority.urgency, priority.incremental))
    }

    #[test]
    fn urgency_and_incremental_are_read_and_all_else_is_passed_over() {
        for (value, expected) in [
            ("", (3, false)),
            ("u=0", (0, false)),
            ("u=7, i", (7, true)),
            ("i=?1;x=\"a, \\\"b\",\tu=5;y", (5, true)),
            ("i=?0", (3, false)),
            ("u=8", (3, false)),
            ("u=-1", (3, false)),
            ("u=1.5", (3, false)),
            ("u=\"1\"", (3, false)),
            ("u", (3, false)),
            ("i=1", (3, false)),
            ("u=1, u=2", (2, false)),
            ("u=1, u=9", (3, false)),
            ("x=(1 \"a\";b c), y=:YQ==:, z=@5, *a=%\"x\", u=6", (6, false)),
            (" u=2 ", (2, false)),
        ] {
            assert_eq!(parsed(value), Some(expected), "{value}");
        }
    }

    #[test]
    fn what_is_no_dictionary_says_nothing() {
        for value in [
            "u=",
            "u=1,",
            ",u=1",
            "u=1 i",
            "U=1",
            "=1",
            "u=1;",
            "u=?2",
            "x=\"a",
            "x=(1",
            "x=(1,2)",
            "u=1234567890123456",
            "u=1.",
            "x=:a",
            "x=\u{e9}",
            "1",
            "\tu=1",
        ] {
            assert_eq!(parsed(value), None, "{value}");
        }
    }

    #[test]
    fn several_lines_are_one_dictionary() {
        let mut section = FieldSection::default();
        assert_eq!(Priority::of(section.view()), Priority::default());
        section.push(FieldName::Priority, b"u=1").unwrap();
        section.push(FieldName::Priority, b"i").unwrap();
        let expected = Priority { urgency: 1, incremental: true };
        assert_eq!(Priority::of(section.view()), expected);
        section.push(FieldName::Priority, b"u=").unwrap();
        assert_eq!(Priority::of(section.view()), Priority::default());
    }

    proptest! {
        #[test]
        fn any_octets_do_no_harm(value in "[ui=?01,;. \"()a:@%*\\\\-]{0,20}") {
            if let Some(priority) = Priority::parse(value.as_bytes()) {
                prop_assert!(priority.urgency <= 7);
            }
        }
    }
}
