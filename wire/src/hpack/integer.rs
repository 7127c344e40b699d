//! Prefix integers (RFC 7541 §5.1).

use super::Fault;

/// Reads the integer whose first octet has `prefix` bits of it, at the front of `octets`.
///
/// Gives the value and how many octets it took; `None` if they end before it does.
///
/// RFC 7541 §5.1 demands a limit in value and length: 32 bits, and five octets behind the first,
/// which is what the largest one takes. Shorter numbers may be written longer within that.
#[inline]
pub(super) fn decode(prefix: u8, octets: &[u8]) -> Result<Option<(u32, usize)>, Fault> {
    let Some((&first, rest)) = octets.split_first() else { return Ok(None) };
    let mask = mask(prefix);
    let value = first & mask;
    if value < mask {
        return Ok(Some((u32::from(value), 1)));
    }
    let mut value = u64::from(mask);
    for (at, &octet) in rest.iter().take(CONTINUATION).enumerate() {
        value += u64::from(octet & 0x7f) << (7 * at);
        if octet < 0x80 {
            let value = u32::try_from(value).map_err(|_| Fault::IntegerOverflow)?;
            return Ok(Some((value, at + 2)));
        }
    }
    if rest.len() < CONTINUATION { Ok(None) } else { Err(Fault::IntegerOverflow) }
}

/// Appends `value` with `prefix` bits in the first octet, whose other bits are `pattern`.
#[inline]
pub(super) fn encode(prefix: u8, pattern: u8, value: u32, out: &mut Vec<u8>) {
    let mask = mask(prefix);
    let Some(mut rest) = value.checked_sub(u32::from(mask)) else {
        out.push(pattern | (value as u8 & mask));
        return;
    };
    out.push(pattern | mask);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

const fn mask(prefix: u8) -> u8 {
    u8::MAX >> (8 - prefix)
}

/// Most octets behind the first.
const CONTINUATION: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_appendix_c_1() {
        for (prefix, value, octets) in
            [(5, 10, &[0x0a][..]), (5, 1337, &[0x1f, 0x9a, 0x0a]), (8, 42, &[0x2a])]
        {
            let mut out = Vec::new();
            encode(prefix, 0, value, &mut out);
            assert_eq!(out, octets);
            assert_eq!(decode(prefix, octets), Ok(Some((value, octets.len()))));
        }
    }

    #[test]
    fn the_largest_has_32_bits_and_six_octets() {
        let mut out = Vec::new();
        encode(7, 0x80, u32::MAX, &mut out);
        assert_eq!(decode(7, &out), Ok(Some((u32::MAX, 6))));
        let above = [0xff, 0x80, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode(7, &above), Ok(Some((u32::MAX, 6))));
        let above = [0xff, 0x81, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode(7, &above), Err(Fault::IntegerOverflow));
        assert_eq!(decode(7, &[0xff; 7]), Err(Fault::IntegerOverflow));
        // Long for a small number, yet within the length.
        assert_eq!(decode(7, &[0xff, 0x80, 0x80, 0x80, 0x80, 0x00]), Ok(Some((127, 6))));
        assert_eq!(decode(7, &[0xff, 0x80, 0x80, 0x80, 0x80, 0x80]), Err(Fault::IntegerOverflow));
    }

    proptest! {
        #[test]
        fn integers_survive_and_no_part_of_one_is_one(
            prefix in 1..=8u8, value in any::<u32>(), shift in 0..32,
        ) {
            let value = value >> shift;
            let mut out = Vec::new();
            encode(prefix, 0, value, &mut out);
            prop_assert_eq!(decode(prefix, &out), Ok(Some((value, out.len()))));
            for cut in 0..out.len() {
                prop_assert_eq!(decode(prefix, &out[..cut]), Ok(None));
            }
        }
    }
}
