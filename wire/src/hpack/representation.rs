//! One representation as it lies on the wire (RFC 7541 §6), without any table.

use super::{Fault, huffman, integer};

/// A representation: a field, or a change of the table's size.
///
/// Says what stands there and judges nothing but that it can be told where it ends, so that any
/// illegal one can be written and looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Representation<'a> {
    /// A field that stands in a table (RFC 7541 §6.1).
    Indexed(u32),
    /// A field with its value, and perhaps its name (RFC 7541 §6.2).
    Literal {
        /// Whether the field enters the dynamic table.
        indexing: Indexing,
        /// The name.
        name: Name<'a>,
        /// The value.
        value: Literal<'a>,
    },
    /// A new size of the dynamic table (RFC 7541 §6.3).
    SizeUpdate(u32),
}

/// What becomes of a literal field.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Indexing {
    /// It enters the dynamic table (RFC 7541 §6.2.1).
    Incremental,
    /// It does not (RFC 7541 §6.2.2).
    Without,
    /// It does not, and whoever passes it on must not let it either (RFC 7541 §6.2.3).
    Never,
}

/// The name of a literal field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Name<'a> {
    /// That of a table entry. Index 0 cannot be told from a literal name on the wire.
    Index(u32),
    /// A name of its own.
    Literal(Literal<'a>),
}

/// A string (RFC 7541 §5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Literal<'a> {
    /// Whether `octets` are Huffman-coded.
    pub huffman: bool,
    /// The octets on the wire.
    pub octets: &'a [u8],
}

impl<'a> Representation<'a> {
    /// Reads the representation at the front of `octets`, and how many it took; `None` if they end
    /// before it does.
    ///
    /// # Errors
    ///
    /// [`Fault::IntegerOverflow`].
    #[inline]
    pub fn decode(octets: &'a [u8]) -> Result<Option<(Self, usize)>, Fault> {
        let Some(&first) = octets.first() else { return Ok(None) };
        let (indexing, prefix) = match first {
            0x80.. => {
                let index = integer::decode(7, octets)?;
                return Ok(index.map(|(index, len)| (Self::Indexed(index), len)));
            }
            0x40.. => (Indexing::Incremental, 6),
            0x20.. => {
                let size = integer::decode(5, octets)?;
                return Ok(size.map(|(size, len)| (Self::SizeUpdate(size), len)));
            }
            0x10.. => (Indexing::Never, 4),
            _ => (Indexing::Without, 4),
        };
        let Some((index, mut len)) = integer::decode(prefix, octets)? else { return Ok(None) };
        let name = if index == 0 {
            let rest = octets.get(len..).unwrap_or_default();
            let Some((name, name_len)) = Literal::decode(rest)? else { return Ok(None) };
            len += name_len;
            Name::Literal(name)
        } else {
            Name::Index(index)
        };
        let rest = octets.get(len..).unwrap_or_default();
        let Some((value, value_len)) = Literal::decode(rest)? else { return Ok(None) };
        Ok(Some((Self::Literal { indexing, name, value }, len + value_len)))
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Indexed(index) => integer::encode(7, 0x80, index, out),
            Self::SizeUpdate(size) => integer::encode(5, 0x20, size, out),
            Self::Literal { indexing, name, value } => {
                let index = if let Name::Index(index) = name { index } else { 0 };
                let (prefix, pattern) = match indexing {
                    Indexing::Incremental => (6, 0x40),
                    Indexing::Without => (4, 0x00),
                    Indexing::Never => (4, 0x10),
                };
                integer::encode(prefix, pattern, index, out);
                if let Name::Literal(name) = name {
                    name.encode(out);
                }
                value.encode(out);
            }
        }
    }
}

impl<'a> Literal<'a> {
    /// A string that is not Huffman-coded.
    pub const fn plain(octets: &'a [u8]) -> Self {
        Self { huffman: false, octets }
    }

    fn decode(octets: &'a [u8]) -> Result<Option<(Self, usize)>, Fault> {
        let Some((len, start)) = integer::decode(7, octets)? else { return Ok(None) };
        let huffman = octets.first().is_some_and(|&first| first >= 0x80);
        let Some(end) = start.checked_add(len as usize) else { return Ok(None) };
        Ok(octets.get(start..end).map(|octets| (Self { huffman, octets }, end)))
    }

    /// Appends what it stands for.
    pub(super) fn expand(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.huffman {
            return huffman::decode(self.octets, out);
        }
        out.extend_from_slice(self.octets);
        Ok(())
    }

    /// Appends it: its length, and its octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        debug_assert!(u32::try_from(self.octets.len()).is_ok());
        integer::encode(7, u8::from(self.huffman) << 7, self.octets.len() as u32, out);
        out.extend_from_slice(self.octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn index_zero_as_a_name_is_a_literal_name_on_the_wire() {
        let mut out = Vec::new();
        let value = Literal::plain(b"v");
        let name = Name::Index(0);
        Representation::Literal { indexing: Indexing::Never, name, value }.encode(&mut out);
        assert_eq!(out, [0x10, 1, b'v']);
        assert_eq!(Representation::decode(&out), Ok(None));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_back(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(Some((representation, len))) = Representation::decode(&octets) {
                let mut out = Vec::new();
                representation.encode(&mut out);
                let again = Representation::decode(&out);
                prop_assert_eq!(again, Ok(Some((representation, out.len()))));
                for cut in 0..len {
                    prop_assert_eq!(Representation::decode(&octets[..cut]), Ok(None));
                }
            }
        }
    }
}
