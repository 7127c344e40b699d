//! Octets with holes: counters and random values in paths, field values and content.
//!
//! A hole is written `{{name}}`; `docs/load-requests.md` has the table. What a hole gives for a request is
//! a function of the seed, the request's number and the hole's position in the request.

use bytes::Bytes;
use falconry_wire::h1::encode;

use super::random::{self, Position};
use crate::random::below;

/// Octets with holes that are filled in for each request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    /// In order; one fixed part, or none, if there are no holes.
    pub parts: Vec<Part>,
    /// Which text of its request it is, so that equal holes of two texts give different values.
    pub place: u16,
}

/// A part of a [`Text`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// As it is.
    Fixed(Bytes),
    /// The number of the request in the plan, from 0.
    Number,
    /// A number from the range, uniformly; a function of seed and request number.
    Random(std::ops::Range<u64>),
    /// That many random hexadecimal digits in lower case, at most [`Text::MAX_HEX`].
    Hex(u16),
    /// A random UUID, version 4 (RFC 9562 §5.4).
    Uuid,
    /// One of these, all equally often. Not empty.
    Pick(Vec<Bytes>),
}

impl Text {
    /// The most digits that one [`Part::Hex`] gives.
    pub const MAX_HEX: u16 = 4096;

    /// Octets without holes.
    pub fn fixed(octets: impl Into<Bytes>) -> Self {
        let octets = octets.into();
        let parts = if octets.is_empty() { Vec::new() } else { vec![Part::Fixed(octets)] };
        Self { parts, place: 0 }
    }

    /// Reads a template; `place` tells the texts of a request apart.
    ///
    /// `{{{{` stands for two braces. Anything else is as it is, single braces and `}}` outside a hole included.
    ///
    /// # Errors
    /// What is wrong with a hole, and how to mend it.
    pub fn parse(template: &str, place: u16) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut fixed = Vec::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once(OPEN) {
            fixed.extend_from_slice(before.as_bytes());
            if let Some(behind) = behind.strip_prefix(OPEN) {
                fixed.extend_from_slice(OPEN.as_bytes());
                rest = behind;
            } else if behind.starts_with('{') {
                // A brace in front of a hole: `{{{number}}}`.
                fixed.push(b'{');
                rest = rest.get(before.len() + 1..).unwrap_or_default();
            } else {
                let Some((hole, behind)) = behind.split_once(CLOSE) else {
                    return Err(format!(
                        "`{OPEN}` is not closed by `{CLOSE}`; write two braces as `{OPEN}{OPEN}`"
                    ));
                };
                if !fixed.is_empty() {
                    parts.push(Part::Fixed(std::mem::take(&mut fixed).into()));
                }
                parts.push(hole.parse()?);
                rest = behind;
            }
        }
        fixed.extend_from_slice(rest.as_bytes());
        if !fixed.is_empty() {
            parts.push(Part::Fixed(fixed.into()));
        }
        Ok(Self { parts, place })
    }

    /// Whether it is the same for every request.
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Fixed(_)))
    }

    /// Whether it gives no octet for any request.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The octets that come from outside: fixed parts, and what is picked from. All others are letters,
    /// digits and hyphens.
    pub fn given(&self) -> impl Iterator<Item = &[u8]> {
        self.parts
            .iter()
            .flat_map(|part| match part {
                Part::Fixed(octets) => std::slice::from_ref(octets),
                Part::Pick(options) => options,
                _ => &[],
            })
            .map(AsRef::as_ref)
    }

    /// Appends it as it is for the plan's request `number`. Allocates nothing but room in `out`.
    pub fn render(&self, number: u64, seed: u64, out: &mut Vec<u8>) {
        for (at, part) in (0..).zip(&self.parts) {
            let position = Position::of(self.place, at);
            let bits = |draw| random::bits(seed, number, position.draw(draw));
            match part {
                Part::Fixed(octets) => out.extend_from_slice(octets),
                Part::Number => encode::decimal(out, number),
                Part::Random(range) => {
                    let width = range.end.saturating_sub(range.start);
                    encode::decimal(out, range.start.saturating_add(below(bits(0), width)));
                }
                Part::Hex(digits) => {
                    let mut left = usize::from((*digits).min(Self::MAX_HEX));
                    let mut draw = 0;
                    while left > 0 {
                        let some = left.min(16);
                        hex(out, bits(draw), some);
                        left -= some;
                        draw += 1;
                    }
                }
                Part::Uuid => uuid(out, [bits(0), bits(1)]),
                Part::Pick(options) => {
                    let at = below(bits(0), options.len() as u64);
                    let option = usize::try_from(at).ok().and_then(|at| options.get(at));
                    out.extend_from_slice(option.map_or(&b""[..], |option| option));
                }
            }
        }
    }
}

impl From<Vec<Part>> for Text {
    fn from(parts: Vec<Part>) -> Self {
        Self { parts, place: 0 }
    }
}

impl std::str::FromStr for Part {
    type Err = String;

    /// Reads what stands between the braces of a hole.
    fn from_str(hole: &str) -> Result<Self, String> {
        let hole = hole.trim();
        let (name, argument) = hole.split_once(char::is_whitespace).unwrap_or((hole, ""));
        let argument = argument.trim();
        let fail = |form: &str| {
            Err(format!("`{OPEN}{hole}{CLOSE}` is incomplete; write it like `{OPEN}{form}{CLOSE}`"))
        };
        match name {
            "number" | "uuid" if !argument.is_empty() => {
                Err(format!("`{OPEN}{name}{CLOSE}` takes no argument; leave `{argument}` out"))
            }
            "number" => Ok(Self::Number),
            "uuid" => Ok(Self::Uuid),
            "random" => {
                let bounds = argument.split_once("..");
                let bounds = bounds.and_then(|(from, to)| {
                    Some((from.trim().parse::<u64>().ok()?, to.trim().parse::<u64>().ok()?))
                });
                match bounds {
                    Some((from, to)) if from > to => Err(format!(
                        "`{OPEN}{hole}{CLOSE}` goes from high to low; write `{OPEN}random {to}..{from}{CLOSE}`"
                    )),
                    Some((from, to)) => match to.checked_add(1) {
                        Some(end) => Ok(Self::Random(from..end)),
                        None => Err(format!("`{to}` is too large; use at most {}", u64::MAX - 1)),
                    },
                    None => fail("random 1..1000"),
                }
            }
            "hex" => match argument.parse() {
                Ok(digits @ 1..=Text::MAX_HEX) => Ok(Self::Hex(digits)),
                Ok(_) => Err(format!("`{OPEN}hex{CLOSE}` gives 1 to {} digits", Text::MAX_HEX)),
                Err(_) => fail("hex 16"),
            },
            "pick" if argument.is_empty() => fail("pick red,green,blue"),
            "pick" => Ok(Self::Pick(
                argument.split(',').map(|option| option.trim().to_owned().into()).collect(),
            )),
            _ => Err(format!(
                "`{OPEN}{hole}{CLOSE}` means nothing; known are number, random 1..1000, hex 16, uuid and \
                 pick a,b,c; two braces are written `{OPEN}{OPEN}`"
            )),
        }
    }
}

/// The `digits` lowest hexadecimal digits, at most 16, the highest first.
fn hex(out: &mut Vec<u8>, bits: u64, digits: usize) {
    for digit in (0..digits.min(16)).rev() {
        let nibble = (bits >> (4 * digit)) & 0xf;
        out.push(DIGITS[nibble as usize]);
    }
}

/// RFC 9562 §5.4: 122 random bits; version and variant take the places of the others.
fn uuid(out: &mut Vec<u8>, [high, low]: [u64; 2]) {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    hex(out, high >> 32, 8);
    for (bits, digits) in [(high >> 16, 4), (high, 4), (low >> 48, 4), (low, 12)] {
        out.push(b'-');
        hex(out, bits, digits);
    }
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render(template: &str, number: u64, seed: u64) -> String {
        let mut out = Vec::new();
        Text::parse(template, 0).unwrap().render(number, seed, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn error(template: &str) -> String {
        Text::parse(template, 0).unwrap_err()
    }

    #[test]
    fn text_without_holes_is_as_it_is() {
        for text in ["", "/a?b=c", r#"{"a":{"b":{}}}"#, "}} { }", "{", "}}"] {
            assert_eq!(render(text, 7, 1), text);
            let parsed = Text::parse(text, 0).unwrap();
            assert!(parsed.is_fixed());
            assert_eq!(parsed, Text::fixed(text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn the_number_counts_requests() {
        assert_eq!(render("/i/{{number}}?n={{ number }}", 41, 1), "/i/41?n=41");
        assert!(!Text::parse("{{number}}", 0).unwrap().is_fixed());
    }

    #[test]
    fn braces_are_doubled_to_stand_for_themselves() {
        assert_eq!(render("{{{{number}}", 5, 1), "{{number}}");
        assert_eq!(render("{{{number}}}", 5, 1), "{5}");
        assert_eq!(render(r#"{"a":{"b":{{number}}}}"#, 5, 1), r#"{"a":{"b":5}}"#);
        assert_eq!(render("{{{{{{number}}", 5, 1), "{{5");
    }

    #[test]
    fn both_bounds_of_a_random_number_come_up() {
        let mut seen: Vec<_> =
            (0..200).map(|number| render("{{random 3..5}}", number, 9)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ["3", "4", "5"]);
        assert_eq!(render("{{random 7..7}}", 1, 1), "7");
    }

    #[test]
    fn hex_digits_and_uuids_have_their_form() {
        for digits in [1, 15, 16, 17, 4096] {
            let text = render(&format!("{{{{hex {digits}}}}}"), 1, 1);
            assert_eq!(text.len(), digits);
            assert!(text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f')));
        }
        for number in 0..100 {
            let uuid = render("{{uuid}}", number, 1);
            let groups: Vec<_> = uuid.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12]);
            assert_eq!(uuid.as_bytes()[14], b'4');
            assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        }
    }

    #[test]
    fn every_option_is_picked() {
        let mut seen: Vec<_> =
            (0..100).map(|number| render("{{pick red, green,blue}}", number, 3)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, ["blue", "green", "red"]);
    }

    #[test]
    fn equal_holes_give_different_values() {
        let text = render("{{hex 16}} {{hex 16}}", 1, 1);
        let (one, other) = text.split_once(' ').unwrap();
        assert_ne!(one, other);
        let mut elsewhere = Vec::new();
        Text::parse("{{hex 16}}", 1).unwrap().render(1, 1, &mut elsewhere);
        assert_ne!(elsewhere, one.as_bytes());
        assert_ne!(render("{{hex 16}}", 1, 2), one);
        assert_ne!(render("{{hex 16}}", 2, 1), one);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(error("{{nummer}}").contains("known are number"));
        assert!(error("{{}}").contains("known are number"));
        assert!(error("a {{number").contains("write two braces as `{{{{`"));
        assert!(error("{{random}}").contains("{{random 1..1000}}"));
        assert!(error("{{random 5}}").contains("{{random 1..1000}}"));
        assert!(error("{{random 5..1}}").contains("{{random 1..5}}"));
        assert!(error("{{random 0..18446744073709551615}}").contains("too large"));
        assert!(error("{{hex}}").contains("{{hex 16}}"));
        assert!(error("{{hex 0}}").contains("1 to 4096"));
        assert!(error("{{hex 9999}}").contains("1 to 4096"));
        assert!(error("{{pick }}").contains("red,green,blue"));
        assert!(error("{{number 5}}").contains("no argument"));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_tells_and_renders_the_same_twice(
            text in ".{0,40}|[{}a-z ]{0,20}|\\{\\{(random 1..9|hex 3|uuid|pick a,b|number)\\}\\}.{0,5}",
            number in any::<u64>(), seed in any::<u64>(),
        ) {
            if let Ok(parsed) = Text::parse(&text, 0) {
                let (mut one, mut other) = (Vec::new(), Vec::new());
                parsed.render(number, seed, &mut one);
                parsed.render(number, seed, &mut other);
                prop_assert_eq!(one, other);
            }
        }

        #[test]
        fn doubled_braces_survive(text in "[{}a-z]{0,20}") {
            let doubled = text.replace("{{", "{{{{");
            prop_assert_eq!(render(&doubled, 1, 1), text);
        }
    }
}
