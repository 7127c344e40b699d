//! Range requests in octets (RFC 9110 §14).

use falconry_wire::field;
use falconry_wire::method::Method;

/// A range of octets of a representation, both ends inclusive, never empty and never beyond the
/// representation it was selected for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ByteRange {
    /// Offset of the first octet.
    pub first: u64,
    /// Offset of the last octet.
    pub last: u64,
}

impl ByteRange {
    /// How many octets it has; at least one.
    pub fn octets(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The octets it names in `content`; empty where `content` is not what it was selected for.
    pub fn of(self, content: &[u8]) -> &[u8] {
        let first = usize::try_from(self.first).ok();
        let last = usize::try_from(self.last).ok();
        first.zip(last).and_then(|(first, last)| content.get(first..=last)).unwrap_or_default()
    }

    /// The value of Content-Range in a representation of `complete` octets (RFC 9110 §14.4).
    pub fn content_range(self, complete: u64) -> String {
        format!("bytes {}-{}/{complete}", self.first, self.last)
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// What a request asks of a representation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selection {
    /// All of it: no Range, or one that is ignored.
    Whole,
    /// These ranges, in the order asked for; at least one.
    Ranges(Vec<ByteRange>),
    /// Nothing there is: 416 with [`unsatisfied`].
    Unsatisfiable,
}

/// Selects ranges of a representation of `complete` octets.
///
/// `values` are those of all Range lines. Ask only where the answer without Range would be 200, and
/// where If-Range lets it count.
pub fn select<'a>(
    method: Method,
    mut values: impl Iterator<Item = &'a [u8]>,
    complete: u64,
) -> Selection {
    // RFC 9110 §14.2: defined for GET alone. A repeated Range is no valid one.
    if method != Method::Get {
        return Selection::Whole;
    }
    match (values.next(), values.next()) {
        (Some(value), None) => parse(value, complete).unwrap_or(Selection::Whole),
        _ => Selection::Whole,
    }
}

/// The value of Content-Range in a 416 (RFC 9110 §15.5.17).
pub fn unsatisfied(complete: u64) -> String {
    format!("bytes */{complete}")
}

/// A `multipart/byteranges` body of several ranges, and its Content-Type (RFC 9110 §14.6).
///
/// `content` is the whole representation and `content_type` its type, which every part repeats.
pub fn multipart(ranges: &[ByteRange], content: &[u8], content_type: &str) -> (String, Vec<u8>) {
    let boundary = boundary(content);
    let mut body = Vec::new();
    for range in ranges {
        let content_range = range.content_range(content.len() as u64);
        // Between two parts the line end belongs to the delimiter (RFC 2046 §5.1.1).
        let line_end = if body.is_empty() { "" } else { "\r\n" };
        body.extend_from_slice(
            format!(
                "{line_end}--{boundary}\r\nContent-Type: {content_type}\r\n\
                 Content-Range: {content_range}\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(range.of(content));
    }
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/byteranges; boundary={boundary}"), body)
}

/// Most ranges of one request: a client that resumes or seeks needs one, a document viewer a few.
/// More is ignored, since each costs a part's overhead (RFC 9110 §14.2, §17.15).
const MOST_RANGES: usize = 16;

/// Most ranges that overlap an earlier one; the same octets would be sent again and again.
const MOST_OVERLAPPING: usize = 2;

/// `None` if the value is ignored: another unit, invalid, or too much.
fn parse(value: &[u8], complete: u64) -> Option<Selection> {
    let equals = value.iter().position(|octet| *octet == b'=')?;
    let (unit, set) = value.split_at_checked(equals)?;
    // RFC 9110 §14.1: range unit names are case-insensitive.
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut ranges: Vec<ByteRange> = Vec::new();
    let (mut count, mut overlapping) = (0, 0);
    for spec in field::list(set.get(1..)?) {
        count += 1;
        if count > MOST_RANGES {
            return None;
        }
        // One invalid spec makes the whole set invalid; an unsatisfiable one is merely left out.
        let Some(range) = parse_spec(spec, complete)? else { continue };
        overlapping += usize::from(ranges.iter().any(|earlier| earlier.overlaps(range)));
        if overlapping > MOST_OVERLAPPING {
            return None;
        }
        ranges.push(range);
    }
    match (count, ranges.is_empty()) {
        (0, _) => None,
        (_, true) => Some(Selection::Unsatisfiable),
        (_, false) => Some(Selection::Ranges(ranges)),
    }
}

/// `None` if it is invalid, `Some(None)` if it cannot be satisfied.
fn parse_spec(spec: &[u8], complete: u64) -> Option<Option<ByteRange>> {
    let dash = spec.iter().position(|octet| *octet == b'-')?;
    let (first, last) = spec.split_at_checked(dash)?;
    let last = last.get(1..)?;
    if first.is_empty() {
        let wanted = decimal(last)?;
        // The last octets of nothing cannot be written as a Content-Range, so the whole is sent.
        if complete == 0 && wanted > 0 {
            return None;
        }
        let range =
            ByteRange { first: complete.saturating_sub(wanted), last: complete.saturating_sub(1) };
        return Some((wanted > 0).then_some(range));
    }
    let first = decimal(first)?;
    let last = if last.is_empty() { u64::MAX } else { decimal(last)? };
    if last < first {
        return None;
    }
    let range = (first < complete).then(|| ByteRange { first, last: last.min(complete - 1) });
    Some(range)
}

/// RFC 9110 §14.1.2: numbers of any size are valid. What is too large for us is larger than any
/// representation too, so that the largest number we have stands for it.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(value.saturating_mul(10).saturating_add(digit))
    })
}

/// A delimiter that the content does not hold.
fn boundary(content: &[u8]) -> String {
    let mut number = 0_u32;
    loop {
        let boundary = format!("falconry-part-{number:08x}");
        if !content.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
            return boundary;
        }
        number = number.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selected(value: &str, complete: u64) -> Selection {
        select(Method::Get, std::iter::once(value.as_bytes()), complete)
    }

    fn ranges(list: &[(u64, u64)]) -> Selection {
        Selection::Ranges(list.iter().map(|&(first, last)| ByteRange { first, last }).collect())
    }

    #[test]
    fn valid_ranges_are_clipped_and_keep_their_order() {
        for (value, expected) in [
            ("bytes=0-4", ranges(&[(0, 4)])),
            ("BYTES=0-0", ranges(&[(0, 0)])),
            ("bytes=20-", ranges(&[(20, 25)])),
            ("bytes=20-99", ranges(&[(20, 25)])),
            ("bytes=-6", ranges(&[(20, 25)])),
            ("bytes=-99", ranges(&[(0, 25)])),
            ("bytes=20-25,0-4", ranges(&[(20, 25), (0, 4)])),
            ("bytes= 0-1 ,\t3-4,,", ranges(&[(0, 1), (3, 4)])),
            ("bytes=0-1,99-", ranges(&[(0, 1)])),
            ("bytes=0-99999999999999999999999999", ranges(&[(0, 25)])),
            ("bytes=-99999999999999999999999999", ranges(&[(0, 25)])),
            ("bytes=000000000000000000000000-4", ranges(&[(0, 4)])),
        ] {
            assert_eq!(selected(value, 26), expected, "{value}");
        }
    }

    #[test]
    fn what_lies_behind_the_end_is_unsatisfiable() {
        for value in
            ["bytes=26-", "bytes=26-30", "bytes=-0", "bytes=99999999999999999999-", "bytes=30-,-0"]
        {
            assert_eq!(selected(value, 26), Selection::Unsatisfiable, "{value}");
        }
        assert_eq!(selected("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(unsatisfied(26), "bytes */26");
    }

    #[test]
    fn invalid_sets_and_other_units_are_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes 0-4",
            "bytes =0-4",
            "bytes=4-0",
            "bytes=a-b",
            "bytes=-",
            "bytes=0-1,x",
            "bytes=0-1,4-3",
            "bytes=+0-4",
            "bytes=0--4",
            "bytes=0 - 4",
            "lines=0-4",
            "0-4",
            "bytes=--1",
            "bytes=0-1-2",
        ] {
            assert_eq!(selected(value, 26), Selection::Whole, "{value}");
        }
        assert_eq!(selected("bytes=-5", 0), Selection::Whole);
    }

    #[test]
    fn only_a_get_with_one_field_has_ranges() {
        let once = || std::iter::once(&b"bytes=0-4"[..]);
        assert_eq!(select(Method::Head, once(), 26), Selection::Whole);
        assert_eq!(select(Method::Put, once(), 26), Selection::Whole);
        assert_eq!(select(Method::Get, once().chain(once()), 26), Selection::Whole);
        assert_eq!(select(Method::Get, std::iter::empty(), 26), Selection::Whole);
    }

    #[test]
    fn many_or_overlapping_ranges_are_ignored() {
        let many = |count: u64| {
            let specs: Vec<_> = (0..count).map(|n| format!("{}-{}", n * 2, n * 2)).collect();
            format!("bytes={}", specs.join(","))
        };
        assert!(
            matches!(selected(&many(16), 1000), Selection::Ranges(ranges) if ranges.len() == 16)
        );
        assert_eq!(selected(&many(17), 1000), Selection::Whole);
        assert!(matches!(selected("bytes=0-,0-,0-", 26), Selection::Ranges(_)));
        assert_eq!(selected("bytes=0-,0-,0-,0-", 26), Selection::Whole);
    }

    #[test]
    fn parts_are_framed_as_the_rfc_shows() {
        let content = b"abcdefghij";
        let ranges = [ByteRange { first: 0, last: 1 }, ByteRange { first: 8, last: 9 }];
        let (content_type, body) = multipart(&ranges, content, "text/plain");
        assert_eq!(content_type, "multipart/byteranges; boundary=falconry-part-00000000");
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "--falconry-part-00000000\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\nab\
             \r\n--falconry-part-00000000\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\nij\
             \r\n--falconry-part-00000000--\r\n"
        );
    }

    #[test]
    fn the_boundary_is_nowhere_in_the_content() {
        let content = b"falconry-part-00000000falconry-part-00000001";
        assert_eq!(boundary(content), "falconry-part-00000002");
    }

    proptest! {
        #[test]
        fn selected_ranges_lie_inside(value in "(bytes=)?[-0-9, a]{0,40}", complete in 0_u64..100) {
            if let Selection::Ranges(ranges) = selected(&value, complete) {
                prop_assert!(!ranges.is_empty() && ranges.len() <= MOST_RANGES);
                for range in ranges {
                    prop_assert!(range.first <= range.last && range.last < complete);
                    prop_assert!(range.octets() <= complete);
                }
            }
        }

        #[test]
        fn any_octets_are_no_trouble(value in proptest::collection::vec(any::<u8>(), 0..64), complete: u64) {
            select(Method::Get, std::iter::once(&*value), complete);
        }
    }
}
