//! HPACK, the field compression of HTTP/2 (RFC 7541).
//!
//! | file | topic |
//! | --- | --- |
//! | `fault` | every reason to refuse a block; each ends the connection |
//! | `integer` | prefix integers |
//! | `huffman` | the Huffman code |
//! | `representation` | one representation: how it lies on the wire, without any table |
//! | `table` | the static and the dynamic table |
//! | `decoder`, `section` | blocks to field sections, under limits |
//! | `encoder` | field sections to blocks, with a policy of what is indexed |
//!
//! Two doors: [`Encoder`] writes good blocks only; [`Representation::encode`] writes anything.

mod decoder;
mod encoder;
mod fault;
mod huffman;
mod integer;
mod representation;
mod section;
mod table;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::{Block, Encoder};
pub use fault::Fault;
pub use huffman::{decode as decode_huffman, encode as encode_huffman, encoded_len as huffman_len};
pub use representation::{Indexing, Literal, Name, Representation};
pub use section::{DecodedSection, Excess, SectionLimits};
pub use table::{STATIC_ENTRIES, StaticEntry};

/// The size of both dynamic tables before anybody says otherwise (RFC 9113 §4.3.1).
pub const DEFAULT_TABLE_SIZE: usize = 4096;

/// What a table entry counts beyond its octets (RFC 7541 §4.1), and a field line beyond its own
/// (RFC 9113 §10.5.1).
pub const ENTRY_OVERHEAD: usize = 32;
