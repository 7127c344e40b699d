//! Every reason to refuse a block.

use crate::section::Section;

/// Declares [`Fault`] and its properties, one line each: message, RFC, section.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $message:literal, $rfc:literal, $section:literal;)*) => {
        /// Why a block could not be decoded: one variant for each rule.
        ///
        /// Each is a connection error of type COMPRESSION_ERROR (RFC 9113 §4.3): the tables of the
        /// two ends may differ from here on, and every later block would mean something else.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[doc = $doc])+ #[error($message)] $variant,)*
        }

        impl Fault {
            /// All faults.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Where the rule is written.
            pub const fn section(self) -> Section {
                match self { $(Self::$variant => Section::new($rfc, $section),)* }
            }

            /// The variant's name, `IndexZero` say.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

faults! {
    /// The block ends inside a representation.
    Truncated = "field block ends inside a representation", 9113, "4.3";
    /// An integer above 32 bits, or of more octets than those need.
    IntegerOverflow = "integer too large", 7541, "5.1";
    /// An indexed field with index 0.
    IndexZero = "index 0", 7541, "6.1";
    /// An index beyond the last entry of the dynamic table.
    IndexOutOfRange = "index beyond the dynamic table", 7541, "2.3.3";
    /// The code for the end of a string inside one.
    HuffmanEos = "EOS in a Huffman-coded string", 7541, "5.2";
    /// More than seven bits behind the last symbol, all of them ones.
    HuffmanPaddingTooLong = "Huffman padding of more than 7 bits", 7541, "5.2";
    /// Bits behind the last symbol that are not the start of EOS.
    HuffmanPaddingNotEos = "Huffman padding with a zero bit", 7541, "5.2";
    /// A size update behind a field.
    SizeUpdateAfterField = "table size update behind a field", 7541, "4.2";
    /// A size update above what was allowed.
    SizeUpdateTooLarge = "table size update above the limit", 7541, "6.3";
    /// More than two size updates: the lowest size and the last one are all that can matter.
    TooManySizeUpdates = "more than two table size updates", 7541, "4.2";
    /// The limit went below the size of the table, and the next block did not follow it.
    MissingSizeUpdate = "no table size update after the limit was lowered", 9113, "4.3.1";
}
