//! Entity tags (RFC 9110 §8.8.3).

/// An entity tag: opaque octets, and whether they are a weak validator only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EntityTag<'a> {
    /// Whether it is marked `W/`.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads one entity tag, quotes included; `None` if it is none, an unquoted one say.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        match leading(value)? {
            (tag, b"") => Some(tag),
            _ => None,
        }
    }

    /// Strong comparison: equal, and neither is weak (RFC 9110 §8.8.3.2).
    pub fn matches_strongly(self, other: EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison: equal, weak or not (RFC 9110 §8.8.3.2).
    pub fn matches_weakly(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// The members of If-Match or If-None-Match, from the values of its field lines.
///
/// Tags may contain commas, so a plain split would not do. Empty members are passed over
/// (RFC 9110 §5.6.1.2), and so is everything up to the next comma that is no entity tag: it
/// matches nothing.
pub fn list<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = EntityTag<'a>> {
    values.flat_map(|value| {
        let mut rest = value;
        std::iter::from_fn(move || {
            loop {
                rest = trim_start(rest);
                if let Some((tag, behind)) = leading(rest)
                    && matches!(trim_start(behind).first(), None | Some(b','))
                {
                    rest = trim_start(behind).get(1..).unwrap_or_default();
                    return Some(tag);
                }
                let comma = rest.iter().position(|octet| *octet == b',')?;
                rest = rest.get(comma + 1..).unwrap_or_default();
            }
        })
    })
}

/// Whether the field is a lone `*`. Beside other members a star is no valid member.
pub fn is_any<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> bool {
    values.next().is_some_and(|value| value == b"*") && values.next().is_none()
}

/// The entity tag at the front and what is behind it.
fn leading(value: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    // The W is case-sensitive.
    let (weak, quoted) = match value.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, value),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    let end = inner.iter().position(|octet| *octet == b'"')?;
    let (opaque, behind) = inner.split_at_checked(end)?;
    // No blanks or controls inside.
    let valid = opaque.iter().all(|octet| matches!(octet, 0x21 | 0x23..=0x7e | 0x80..=0xff));
    valid.then_some((EntityTag { weak, opaque }, behind.get(1..)?))
}

fn trim_start(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opaque<'a>(values: &[&'a str]) -> Vec<&'a str> {
        let tags = list(values.iter().map(|value| value.as_bytes()));
        tags.map(|tag| std::str::from_utf8(tag.opaque).unwrap()).collect()
    }

    #[test]
    fn comparison_follows_the_table_of_the_rfc() {
        let tag = |text: &'static str| EntityTag::parse(text.as_bytes()).unwrap();
        for (a, b, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            assert_eq!(tag(a).matches_strongly(tag(b)), strong, "{a} {b}");
            assert_eq!(tag(a).matches_weakly(tag(b)), weak, "{a} {b}");
        }
    }

    #[test]
    fn only_quoted_tags_are_tags() {
        for value in
            ["", "a", "\"a", "a\"", "w/\"a\"", "W\"a\"", "W/ \"a\"", "\"a b\"", "\"a\"x", "'a'"]
        {
            assert_eq!(EntityTag::parse(value.as_bytes()), None, "{value}");
        }
        assert!(EntityTag::parse(b"\"\"").is_some());
    }

    #[test]
    fn lists_tolerate_empty_members_and_skip_what_is_no_tag() {
        assert_eq!(opaque(&["\"a\", W/\"b\""]), ["a", "b"]);
        assert_eq!(opaque(&[", ,\"a\",,\t\"b\" ,"]), ["a", "b"]);
        assert_eq!(opaque(&["a, \"b\", *, c\"d\", \"e\""]), ["b", "e"]);
        assert_eq!(opaque(&["\"a,b\", \"c\""]), ["a,b", "c"]);
        assert_eq!(opaque(&["\"a\"", "", "\"b\""]), ["a", "b"]);
        assert_eq!(opaque(&["\"a\" \"b\""]), Vec::<&str>::new());
    }

    #[test]
    fn a_star_stands_alone() {
        let any = |values: &[&'static str]| is_any(values.iter().map(|value| value.as_bytes()));
        assert!(any(&["*"]));
        assert!(!any(&["*", "\"a\""]));
        assert!(!any(&["*, \"a\""]));
        assert!(!any(&["\"*\""]));
        assert!(!any(&[]));
    }

    proptest! {
        #[test]
        fn any_octets_are_no_trouble(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let tags = list(std::iter::once(&*value)).count();
            prop_assert!(tags * 2 <= value.len());
        }
    }
}
