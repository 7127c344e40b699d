//! Proactive content negotiation (RFC 9110 §12.5).
//!
//! Each function weighs one thing the server could send, in thousandths: 0 is not acceptable, 1000
//! is wanted most. [`best`] picks among several. Members of a field that break its syntax are
//! ignored; a field of which nothing is left counts as absent.

use falconry_wire::field::{self, is_token_octet};

/// A weight in thousandths, 0 to 1000 (RFC 9110 §12.4.2).
pub type Weight = u16;

/// The first of the heaviest offers; `None` if none is acceptable.
pub fn best<T: Copy>(
    offers: impl IntoIterator<Item = T>,
    weigh: impl Fn(T) -> Weight,
) -> Option<T> {
    let mut found: Option<(T, Weight)> = None;
    for offer in offers {
        let weight = weigh(offer);
        if weight > found.map_or(0, |(_, most)| most) {
            found = Some((offer, weight));
        }
    }
    found.map(|(offer, _)| offer)
}

/// The weight of a media type such as `text/plain;charset=utf-8` by the values of Accept
/// (RFC 9110 §12.5.1).
///
/// The most specific range decides: parameters before type and subtype before type before `*/*`.
pub fn media_type<'a>(accept: impl Iterator<Item = &'a [u8]>, offer: &str) -> Weight {
    let offered = Item::parse(offer.as_bytes());
    let Some((offered_type, offered_subtype)) =
        offered.as_ref().and_then(|item| item.media_range())
    else {
        return 0;
    };
    let mut found: Option<(usize, Weight)> = None;
    let mut ranges = 0;
    for item in items(accept) {
        let Some((wanted_type, wanted_subtype)) = item.media_range() else { continue };
        ranges += 1;
        let precision = match (wanted_type, wanted_subtype) {
            (b"*", b"*") => 0,
            (wanted, b"*") if wanted.eq_ignore_ascii_case(offered_type) => 1,
            (wanted, sub)
                if wanted.eq_ignore_ascii_case(offered_type)
                    && sub.eq_ignore_ascii_case(offered_subtype) =>
            {
                2 + item.parameters.len()
            }
            _ => continue,
        };
        let has = |(name, value): &(&[u8], &[u8])| {
            offered.as_ref().is_some_and(|offered| {
                let mut parameters = offered.parameters.iter();
                parameters
                    .any(|(n, v)| n.eq_ignore_ascii_case(name) && v.eq_ignore_ascii_case(value))
            })
        };
        if item.parameters.iter().all(has) {
            keep_most_precise(&mut found, precision, item.weight);
        }
    }
    weight_of(found, ranges)
}

/// The weight of a language tag by the values of Accept-Language: basic filtering, in which the
/// longest range that matches decides (RFC 9110 §12.5.4, RFC 4647 §3.3.1).
pub fn language<'a>(accept: impl Iterator<Item = &'a [u8]>, offer: &str) -> Weight {
    let mut found = None;
    let mut ranges = 0;
    for item in items(accept) {
        ranges += 1;
        let range = item.value;
        let precision = if range == b"*" {
            0
        } else {
            match offer.as_bytes().split_at_checked(range.len()) {
                Some((start, rest))
                    if start.eq_ignore_ascii_case(range)
                        && matches!(rest.first(), None | Some(b'-')) =>
                {
                    range.len()
                }
                _ => continue,
            }
        };
        keep_most_precise(&mut found, precision, item.weight);
    }
    weight_of(found, ranges)
}

/// The weight of a content coding, `identity` for none, by the values of Accept-Encoding
/// (RFC 9110 §12.5.3).
///
/// A field that is there and empty leaves identity alone. Identity that nobody named is acceptable
/// unless `*;q=0` excludes it, and weighs least.
pub fn coding<'a>(accept: impl Iterator<Item = &'a [u8]>, offer: &str) -> Weight {
    let mut accept = accept.peekable();
    if accept.peek().is_none() {
        return 1000;
    }
    let mut found = None;
    for item in items(accept) {
        // RFC 9110 §8.4.1.3: x-gzip is the same coding.
        let wanted = if item.value.eq_ignore_ascii_case(b"x-gzip") { b"gzip" } else { item.value };
        if wanted.eq_ignore_ascii_case(offer.as_bytes()) {
            keep_most_precise(&mut found, 1, item.weight);
        } else if wanted == b"*" {
            keep_most_precise(&mut found, 0, item.weight);
        }
    }
    match found {
        Some((_, weight)) => weight,
        None => Weight::from(offer.eq_ignore_ascii_case("identity")),
    }
}

fn keep_most_precise(found: &mut Option<(usize, Weight)>, precision: usize, weight: Weight) {
    if found.is_none_or(|(most, heaviest)| (precision, weight) > (most, heaviest)) {
        *found = Some((precision, weight));
    }
}

/// Without any range everything is wanted; with some, what none of them names is not.
fn weight_of(found: Option<(usize, Weight)>, ranges: usize) -> Weight {
    match found {
        Some((_, weight)) => weight,
        None if ranges == 0 => 1000,
        None => 0,
    }
}

/// One member of an Accept field.
struct Item<'a> {
    value: &'a [u8],
    /// All but the weight, values without their quotes.
    parameters: Vec<(&'a [u8], &'a [u8])>,
    weight: Weight,
}

impl<'a> Item<'a> {
    fn parse(member: &'a [u8]) -> Option<Self> {
        let mut parts = split_at_semicolons(member);
        let value = parts.next()?;
        if value.is_empty() || !value.iter().all(|octet| is_token_octet(*octet) || *octet == b'/') {
            return None;
        }
        let mut parameters = Vec::new();
        let mut weight = 1000;
        for part in parts.filter(|part| !part.is_empty()) {
            let equals = part.iter().position(|octet| *octet == b'=')?;
            let (name, value) = part.split_at_checked(equals)?;
            let value = value.get(1..)?;
            if name.is_empty() || !name.iter().all(|octet| is_token_octet(*octet)) {
                return None;
            }
            // RFC 9110 §12.4.2, §12.5.1: a parameter of the name q is the weight wherever it stands.
            if name.eq_ignore_ascii_case(b"q") {
                weight = parse_weight(value)?;
            } else {
                let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
                parameters.push((name, quoted.unwrap_or(value)));
            }
        }
        Some(Self { value, parameters, weight })
    }

    fn media_range(&self) -> Option<(&'a [u8], &'a [u8])> {
        let mut parts = self.value.split(|octet| *octet == b'/');
        match (parts.next()?, parts.next()?, parts.next()) {
            (b"*", subtype, None) if subtype != b"*" => None,
            (main, subtype, None) if !main.is_empty() && !subtype.is_empty() => {
                Some((main, subtype))
            }
            _ => None,
        }
    }
}

fn items<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = Item<'a>> {
    values.flat_map(field::list).filter_map(Item::parse)
}

/// RFC 9110 §12.4.2: `0` to `1` with at most three decimals.
fn parse_weight(text: &[u8]) -> Option<Weight> {
    let (whole, decimals) = match text {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut weight = match whole {
        b'0' => 0,
        b'1' => 1000,
        _ => return None,
    };
    for (digit, unit) in decimals.iter().zip([100, 10, 1]) {
        let digit = digit.is_ascii_digit().then(|| Weight::from(digit - b'0'))?;
        weight += digit * unit;
    }
    (weight <= 1000).then_some(weight)
}

/// The trimmed parts between semicolons that stand outside quotes.
fn split_at_semicolons(member: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = member.split(move |octet| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b';' => return !quoted,
            _ => {}
        }
        false
    });
    parts.map(field::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn once(value: &str) -> impl Iterator<Item = &[u8]> {
        std::iter::once(value.as_bytes())
    }

    #[test]
    fn weights_have_at_most_three_decimals_and_end_at_one() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.", Some(0)),
            ("0.5", Some(500)),
            ("0.05", Some(50)),
            ("0.123", Some(123)),
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("0.1234", None),
            ("2", None),
            ("-1", None),
            (".5", None),
            ("", None),
            ("0,5", None),
            ("0.5 ", None),
        ] {
            assert_eq!(parse_weight(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_most_specific_media_range_decides() {
        let accept = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5";
        for (offer, expected) in [
            ("text/plain;format=flowed", 1000),
            ("text/plain", 700),
            ("text/html", 300),
            ("image/jpeg", 500),
        ] {
            assert_eq!(media_type(once(accept), offer), expected, "{offer}");
        }
    }

    #[test]
    fn media_ranges_are_read_with_care() {
        for (accept, offer, expected) in [
            ("TEXT/Plain", "text/plain", 1000),
            ("text/html", "text/plain", 0),
            ("text/plain;q=0", "text/plain", 0),
            ("*/*, text/plain;q=0", "text/plain", 0),
            ("text/plain;Q=0.2", "text/plain", 200),
            ("text/plain;q=0.2;charset=utf-8", "text/plain;charset=UTF-8", 200),
            ("text/plain;charset=latin1", "text/plain;charset=utf-8", 0),
            ("text/plain;x=\"a,b;q=0\", text/html", "text/plain", 0),
            ("text/html;x=\"a,b\";q=0.4", "text/html;x=\"a,b\"", 400),
            ("text/plain;q=7", "text/plain", 1000), // ignored, so nothing is left of the field
            ("text/plain;q=7, text/html", "text/plain", 0),
            ("*/plain", "text/plain", 1000),
            ("text", "text/plain", 1000),
            ("", "text/plain", 1000),
            (" , ,text/plain", "text/plain", 1000),
        ] {
            assert_eq!(media_type(once(accept), offer), expected, "{accept} {offer}");
        }
        assert_eq!(media_type(std::iter::empty(), "text/plain"), 1000);
    }

    #[test]
    fn languages_match_whole_subtags() {
        for (accept, offer, expected) in [
            ("de", "de", 1000),
            ("DE", "de-CH", 1000),
            ("de-CH", "de", 0),
            ("d", "de", 0),
            ("en;q=0.5, *;q=0.1", "de", 100),
            ("en, *;q=0", "de", 0),
            ("de;q=0.3, de-CH;q=0.8", "de-CH", 800),
            ("en-gb", "en", 0),
        ] {
            assert_eq!(language(once(accept), offer), expected, "{accept} {offer}");
        }
        assert_eq!(language(std::iter::empty(), "de"), 1000);
    }

    #[test]
    fn identity_is_acceptable_until_it_is_excluded() {
        for (accept, identity, gzip) in [
            ("gzip", 1, 1000),
            ("gzip;q=0", 1, 0),
            ("x-gzip;q=0.5", 1, 500),
            ("br", 1, 0),
            ("", 1, 0),
            ("*", 1000, 1000),
            ("*;q=0", 0, 0),
            ("gzip, *;q=0", 0, 1000),
            ("identity;q=0", 0, 0),
            ("identity, *;q=0", 1000, 0),
            ("gzip, identity;q=0", 0, 1000),
            ("gzip;q=0.5, identity", 1000, 500),
            ("GZIP", 1, 1000),
        ] {
            assert_eq!(coding(once(accept), "identity"), identity, "{accept}");
            assert_eq!(coding(once(accept), "gzip"), gzip, "{accept}");
        }
        assert_eq!(coding(std::iter::empty(), "gzip"), 1000);
    }

    #[test]
    fn ties_go_to_the_first_offer() {
        assert_eq!(best(["a", "b"], |_| 1000), Some("a"));
        assert_eq!(best(["a", "b"], |offer| if offer == "a" { 1 } else { 2 }), Some("b"));
        assert_eq!(best(["a", "b"], |_| 0), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_no_trouble(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let value = || std::iter::once(&*value);
            prop_assert!(media_type(value(), "text/plain") <= 1000);
            prop_assert!(language(value(), "de") <= 1000);
            prop_assert!(coding(value(), "gzip") <= 1000);
        }
    }
}
