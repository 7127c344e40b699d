//! The Huffman code (RFC 7541 §5.2 and Appendix B).

use super::Fault;

/// Appends what `octets` stand for. At most eight octets come of five.
///
/// On an error, `out` holds the symbols before it.
///
/// # Errors
///
/// [`Fault::HuffmanEos`], [`Fault::HuffmanPaddingTooLong`], [`Fault::HuffmanPaddingNotEos`].
pub fn decode(octets: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    out.reserve(octets.len() * 8 / SHORTEST);
    let mut state = 0;
    for &octet in octets {
        for nibble in [octet >> 4, octet & 0x0f] {
            let step = STEPS[usize::from(state)][usize::from(nibble)];
            if step.emits {
                out.push(step.symbol);
            } else if step.ends {
                return Err(Fault::HuffmanEos);
            }
            state = step.next;
        }
    }
    match ONES[usize::from(state)] {
        0..=7 => Ok(()),
        NOT_ONES => Err(Fault::HuffmanPaddingNotEos),
        _ => Err(Fault::HuffmanPaddingTooLong),
    }
}

/// Appends the code of `octets`, padded with ones to whole octets.
pub fn encode(octets: &[u8], out: &mut Vec<u8>) {
    let mut pending = 0u64;
    let mut bits = 0;
    for &octet in octets {
        let (code, len) = CODES[usize::from(octet)];
        pending = pending << len | u64::from(code);
        bits += u32::from(len);
        while bits >= 8 {
            bits -= 8;
            out.push((pending >> bits) as u8);
        }
    }
    if bits > 0 {
        out.push((pending << (8 - bits)) as u8 | 0xff >> bits);
    }
}

/// How many octets [`encode`] appends.
pub fn encoded_len(octets: &[u8]) -> usize {
    let bits: usize = octets.iter().map(|&octet| usize::from(CODES[usize::from(octet)].1)).sum();
    bits.div_ceil(8)
}

/// Bits of the shortest code.
const SHORTEST: usize = 5;

/// The symbol behind the 256 octets.
const EOS: usize = 256;

/// Inner nodes of the code tree: one less than its leaves.
const NODES: usize = EOS;

/// Where four bits lead to from an inner node. No code is shorter than five bits, so that four of
/// them end one symbol at most.
#[derive(Clone, Copy)]
struct Step {
    next: u8,
    symbol: u8,
    /// `symbol` is complete.
    emits: bool,
    /// EOS is complete.
    ends: bool,
}

/// A child in the code tree.
#[derive(Clone, Copy)]
enum Child {
    Missing,
    Node(u8),
    Leaf(u16),
}

/// The code tree, made from [`CODES`]. Node 0 is the root.
const TREE: [[Child; 2]; NODES] = {
    let mut tree = [[Child::Missing; 2]; NODES];
    let mut nodes = 1;
    let mut symbol = 0;
    while symbol <= EOS {
        let (code, len) = CODES[symbol];
        let mut at = 0;
        let mut bit = len;
        while bit > 1 {
            bit -= 1;
            let side = (code >> bit & 1) as usize;
            at = match tree[at][side] {
                Child::Node(node) => node as usize,
                Child::Missing => {
                    tree[at][side] = Child::Node(nodes as u8);
                    nodes += 1;
                    nodes - 1
                }
                Child::Leaf(_) => panic!("one code is the start of another"),
            };
        }
        tree[at][(code & 1) as usize] = Child::Leaf(symbol as u16);
        symbol += 1;
    }
    assert!(nodes == NODES);
    tree
};

/// By inner node and four bits: 16 KiB.
static STEPS: [[Step; 16]; NODES] = {
    let mut steps = [[Step { next: 0, symbol: 0, emits: false, ends: false }; 16]; NODES];
    let mut node = 0;
    while node < NODES {
        let mut nibble = 0;
        while nibble < 16 {
            let mut step = Step { next: node as u8, symbol: 0, emits: false, ends: false };
            let mut bit = 4;
            while bit > 0 {
                bit -= 1;
                match TREE[step.next as usize][nibble >> bit & 1] {
                    Child::Node(next) => step.next = next,
                    Child::Leaf(symbol) => {
                        if symbol as usize == EOS {
                            step.ends = true;
                        } else {
                            step.emits = true;
                            step.symbol = symbol as u8;
                        }
                        step.next = 0;
                    }
                    Child::Missing => panic!("the code is not complete"),
                }
            }
            steps[node][nibble] = step;
            nibble += 1;
        }
        node += 1;
    }
    steps
};

const NOT_ONES: u8 = u8::MAX;

/// By inner node: how many bits lead to it if all of them are ones, else [`NOT_ONES`].
static ONES: [u8; NODES] = {
    let mut ones = [NOT_ONES; NODES];
    let mut node = 0;
    let mut depth = 0;
    loop {
        ones[node] = depth;
        match TREE[node][1] {
            Child::Node(next) => node = next as usize,
            _ => break,
        }
        depth += 1;
    }
    ones
};

/// Code and length in bits, by symbol.
#[rustfmt::skip]
static CODES: [(u32, u8); EOS + 1] = [
    (0x1ff8, 13), (0x7fffd8, 23), (0xfffffe2, 28), (0xfffffe3, 28), (0xfffffe4, 28),
    (0xfffffe5, 28), (0xfffffe6, 28), (0xfffffe7, 28), (0xfffffe8, 28), (0xffffea, 24),
    (0x3ffffffc, 30), (0xfffffe9, 28), (0xfffffea, 28), (0x3ffffffd, 30), (0xfffffeb, 28),
    (0xfffffec, 28), (0xfffffed, 28), (0xfffffee, 28), (0xfffffef, 28), (0xffffff0, 28),
    (0xffffff1, 28), (0xffffff2, 28), (0x3ffffffe, 30), (0xffffff3, 28), (0xffffff4, 28),
    (0xffffff5, 28), (0xffffff6, 28), (0xffffff7, 28), (0xffffff8, 28), (0xffffff9, 28),
    (0xffffffa, 28), (0xffffffb, 28), (0x14, 6), (0x3f8, 10), (0x3f9, 10), (0xffa, 12),
    (0x1ff9, 13), (0x15, 6), (0xf8, 8), (0x7fa, 11), (0x3fa, 10), (0x3fb, 10), (0xf9, 8),
    (0x7fb, 11), (0xfa, 8), (0x16, 6), (0x17, 6), (0x18, 6), (0x0, 5), (0x1, 5), (0x2, 5),
    (0x19, 6), (0x1a, 6), (0x1b, 6), (0x1c, 6), (0x1d, 6), (0x1e, 6), (0x1f, 6), (0x5c, 7),
    (0xfb, 8), (0x7ffc, 15), (0x20, 6), (0xffb, 12), (0x3fc, 10), (0x1ffa, 13), (0x21, 6),
    (0x5d, 7), (0x5e, 7), (0x5f, 7), (0x60, 7), (0x61, 7), (0x62, 7), (0x63, 7), (0x64, 7),
    (0x65, 7), (0x66, 7), (0x67, 7), (0x68, 7), (0x69, 7), (0x6a, 7), (0x6b, 7), (0x6c, 7),
    (0x6d, 7), (0x6e, 7), (0x6f, 7), (0x70, 7), (0x71, 7), (0x72, 7), (0xfc, 8), (0x73, 7),
    (0xfd, 8), (0x1ffb, 13), (0x7fff0, 19), (0x1ffc, 13), (0x3ffc, 14), (0x22, 6), (0x7ffd, 15),
    (0x3, 5), (0x23, 6), (0x4, 5), (0x24, 6), (0x5, 5), (0x25, 6), (0x26, 6), (0x27, 6), (0x6, 5),
    (0x74, 7), (0x75, 7), (0x28, 6), (0x29, 6), (0x2a, 6), (0x7, 5), (0x2b, 6), (0x76, 7),
    (0x2c, 6), (0x8, 5), (0x9, 5), (0x2d, 6), (0x77, 7), (0x78, 7), (0x79, 7), (0x7a, 7),
    (0x7b, 7), (0x7ffe, 15), (0x7fc, 11), (0x3ffd, 14), (0x1ffd, 13), (0xffffffc, 28),
    (0xfffe6, 20), (0x3fffd2, 22), (0xfffe7, 20), (0xfffe8, 20), (0x3fffd3, 22), (0x3fffd4, 22),
    (0x3fffd5, 22), (0x7fffd9, 23), (0x3fffd6, 22), (0x7fffda, 23), (0x7fffdb, 23),
    (0x7fffdc, 23), (0x7fffdd, 23), (0x7fffde, 23), (0xffffeb, 24), (0x7fffdf, 23),
    (0xffffec, 24), (0xffffed, 24), (0x3fffd7, 22), (0x7fffe0, 23), (0xffffee, 24),
    (0x7fffe1, 23), (0x7fffe2, 23), (0x7fffe3, 23), (0x7fffe4, 23), (0x1fffdc, 21),
    (0x3fffd8, 22), (0x7fffe5, 23), (0x3fffd9, 22), (0x7fffe6, 23), (0x7fffe7, 23),
    (0xffffef, 24), (0x3fffda, 22), (0x1fffdd, 21), (0xfffe9, 20), (0x3fffdb, 22), (0x3fffdc, 22),
    (0x7fffe8, 23), (0x7fffe9, 23), (0x1fffde, 21), (0x7fffea, 23), (0x3fffdd, 22),
    (0x3fffde, 22), (0xfffff0, 24), (0x1fffdf, 21), (0x3fffdf, 22), (0x7fffeb, 23),
    (0x7fffec, 23), (0x1fffe0, 21), (0x1fffe1, 21), (0x3fffe0, 22), (0x1fffe2, 21),
    (0x7fffed, 23), (0x3fffe1, 22), (0x7fffee, 23), (0x7fffef, 23), (0xfffea, 20), (0x3fffe2, 22),
    (0x3fffe3, 22), (0x3fffe4, 22), (0x7ffff0, 23), (0x3fffe5, 22), (0x3fffe6, 22),
    (0x7ffff1, 23), (0x3ffffe0, 26), (0x3ffffe1, 26), (0xfffeb, 20), (0x7fff1, 19),
    (0x3fffe7, 22), (0x7ffff2, 23), (0x3fffe8, 22), (0x1ffffec, 25), (0x3ffffe2, 26),
    (0x3ffffe3, 26), (0x3ffffe4, 26), (0x7ffffde, 27), (0x7ffffdf, 27), (0x3ffffe5, 26),
    (0xfffff1, 24), (0x1ffffed, 25), (0x7fff2, 19), (0x1fffe3, 21), (0x3ffffe6, 26),
    (0x7ffffe0, 27), (0x7ffffe1, 27), (0x3ffffe7, 26), (0x7ffffe2, 27), (0xfffff2, 24),
    (0x1fffe4, 21), (0x1fffe5, 21), (0x3ffffe8, 26), (0x3ffffe9, 26), (0xffffffd, 28),
    (0x7ffffe3, 27), (0x7ffffe4, 27), (0x7ffffe5, 27), (0xfffec, 20), (0xfffff3, 24),
    (0xfffed, 20), (0x1fffe6, 21), (0x3fffe9, 22), (0x1fffe7, 21), (0x1fffe8, 21), (0x7ffff3, 23),
    (0x3fffea, 22), (0x3fffeb, 22), (0x1ffffee, 25), (0x1ffffef, 25), (0xfffff4, 24),
    (0xfffff5, 24), (0x3ffffea, 26), (0x7ffff4, 23), (0x3ffffeb, 26), (0x7ffffe6, 27),
    (0x3ffffec, 26), (0x3ffffed, 26), (0x7ffffe7, 27), (0x7ffffe8, 27), (0x7ffffe9, 27),
    (0x7ffffea, 27), (0x7ffffeb, 27), (0xffffffe, 28), (0x7ffffec, 27), (0x7ffffed, 27),
    (0x7ffffee, 27), (0x7ffffef, 27), (0x7fffff0, 27), (0x3ffffee, 26), (0x3fffffff, 30),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(octets: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        decode(octets, &mut out).map(|()| out)
    }

    /// Bit by bit, straight from the table of codes.
    fn naive(octets: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let (mut code, mut len) = (0u32, 0u8);
        for bit in octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1)) {
            (code, len) = (code << 1 | u32::from(bit), len + 1);
            match CODES.iter().position(|&other| other == (code, len)) {
                Some(EOS) => return Err(Fault::HuffmanEos),
                Some(symbol) => {
                    out.push(symbol as u8);
                    (code, len) = (0, 0);
                }
                None => {}
            }
        }
        match (code + 1 == 1 << len, len) {
            (true, 0..=7) => Ok(out),
            (true, _) => Err(Fault::HuffmanPaddingTooLong),
            (false, _) => Err(Fault::HuffmanPaddingNotEos),
        }
    }

    #[test]
    fn every_octet_survives_alone_and_beside_others() {
        let all: Vec<u8> = (0..=255).collect();
        let each = all.iter().map(std::slice::from_ref);
        for octets in each.chain([&all[..], b"www.example.com", b""]) {
            let mut out = Vec::new();
            encode(octets, &mut out);
            assert_eq!(out.len(), encoded_len(octets));
            assert_eq!(decoded(&out).as_deref(), Ok(octets));
        }
    }

    #[test]
    fn eos_and_bad_padding_are_refused() {
        // EOS is thirty ones.
        assert_eq!(decoded(&[0xff; 4]), Err(Fault::HuffmanEos));
        assert_eq!(decoded(&[0xff]), Err(Fault::HuffmanPaddingTooLong));
        assert_eq!(decoded(&[0xff; 3]), Err(Fault::HuffmanPaddingTooLong));
        // `0` is five zeros.
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        assert_eq!(decoded(&[0b0000_0110]), Err(Fault::HuffmanPaddingNotEos));
        assert_eq!(decoded(&[0b0000_0111, 0xff]), Err(Fault::HuffmanPaddingTooLong));
    }

    proptest! {
        #[test]
        fn four_bits_a_step_give_what_one_does(
            octets in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff)], 0..24),
        ) {
            prop_assert_eq!(decoded(&octets), naive(&octets));
        }

        #[test]
        fn strings_survive(octets in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut out = Vec::new();
            encode(&octets, &mut out);
            prop_assert_eq!(out.len(), encoded_len(&octets));
            prop_assert_eq!(decoded(&out), Ok(octets));
        }
    }
}
