//! Field sections to blocks.

use super::table::{Entry, Found, Table, find_static};
use super::{DEFAULT_TABLE_SIZE, ENTRY_OVERHEAD, Indexing, huffman, integer};
use crate::field::{FieldName, Fields};

/// An encoder of the blocks of one connection, in their order.
#[derive(Clone, Debug)]
pub struct Encoder {
    table: Table,
    /// The largest table we care to keep.
    own_limit: usize,
    /// The lowest size since the last block, if the peer has to be told of a change.
    lowest: Option<usize>,
    /// Lower-case names on their way.
    name: Vec<u8>,
}

/// A block that is being written. Dropping it ends the block.
#[derive(Debug)]
pub struct Block<'a> {
    encoder: &'a mut Encoder,
    out: &'a mut Vec<u8>,
}

impl Encoder {
    /// An encoder that keeps a table of `own_limit` octets at most, whatever the peer allows.
    pub fn new(own_limit: usize) -> Self {
        let table = Table::new(DEFAULT_TABLE_SIZE);
        let mut encoder = Self { table, own_limit, lowest: None, name: Vec::new() };
        encoder.set_limit(DEFAULT_TABLE_SIZE);
        encoder
    }

    /// Sets what the peer allows: call it when its SETTINGS_HEADER_TABLE_SIZE is acknowledged.
    ///
    /// The next block tells of the change (RFC 7541 §4.2).
    pub fn set_limit(&mut self, limit: usize) {
        let size = limit.min(self.own_limit).min(u32::MAX as usize);
        if size != self.table.capacity() {
            self.lowest = Some(self.lowest.map_or(size, |lowest| lowest.min(size)));
            self.table.resize(size);
        }
    }

    /// What the dynamic table counts now (RFC 7541 §4.1), in octets.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Counts the changes of the dynamic table. While it stays, the octets of fields that left it alone stand
    /// for the same fields, behind what [`Encoder::block`] puts in front.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.table.generation()
    }

    /// Starts a block, which is appended to `out`.
    pub fn block<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Block<'a> {
        // RFC 7541 §4.2: in front of everything, the lowest size first, then the last.
        if let Some(lowest) = self.lowest.take() {
            let size = self.table.capacity();
            for size in (lowest < size).then_some(lowest).into_iter().chain([size]) {
                integer::encode(5, 0x20, size as u32, out);
            }
        }
        Block { encoder: self, out }
    }
}

impl Block<'_> {
    /// Writes `:status` (RFC 9113 §8.3.2). `status` has three digits.
    pub fn status(&mut self, status: u16) {
        let digit = |power: u16| b'0' + (status / power % 10) as u8;
        self.field(b":status", &[digit(100), digit(10), digit(1)]);
    }

    /// Writes a field of a known name; nothing for [`FieldName::Other`], which has no spelling.
    pub fn known(&mut self, known: FieldName, value: &[u8]) {
        if known == FieldName::Other {
            return;
        }
        self.write(known, known.as_str().as_bytes(), value, indexing(known, value));
    }

    /// Writes a field of any name, a pseudo-field say. Capital letters become small ones.
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        let known = FieldName::recognise(name);
        let indexing = match name {
            // Targets differ from request to request.
            b":path" => Indexing::Without,
            _ => indexing(known, value),
        };
        self.write(known, name, value, indexing);
    }

    /// Writes a field of any name, and leaves no choice about indexing, except that a field that
    /// stands in a table already is referred to if it need not be [`Indexing::Never`].
    pub fn field_with(&mut self, name: &[u8], value: &[u8], indexing: Indexing) {
        self.write(FieldName::recognise(name), name, value, indexing);
    }

    /// Writes all `fields`.
    pub fn fields(&mut self, fields: Fields<'_>) {
        for (name, value) in fields.iter() {
            self.field(name, value);
        }
    }

    fn write(&mut self, known: FieldName, name: &[u8], value: &[u8], indexing: Indexing) {
        let Encoder { table, name: lower, .. } = &mut *self.encoder;
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        let entry = Entry { known, name: lower, value };
        let in_static = find_static(entry);
        let found = match in_static {
            Found::Field(_) => in_static,
            _ => match (table.find(entry), in_static) {
                // The static index is the shorter one, and no eviction moves it.
                (Found::Name(_) | Found::Nothing, Found::Name(index)) => Found::Name(index),
                (found, _) => found,
            },
        };
        if let (Found::Field(index), true) = (found, indexing != Indexing::Never) {
            return integer::encode(7, 0x80, index, self.out);
        }
        let index = match found {
            Found::Field(index) | Found::Name(index) => index,
            Found::Nothing => 0,
        };
        // What takes most of the table is not worth what it evicts.
        let size = lower.len() + value.len() + ENTRY_OVERHEAD;
        let fits = size <= table.capacity() / 4 * 3;
        match indexing {
            Indexing::Incremental if fits => {
                integer::encode(6, 0x40, index, self.out);
                table.insert(entry);
            }
            Indexing::Never => integer::encode(4, 0x10, index, self.out),
            _ => integer::encode(4, 0x00, index, self.out),
        }
        if index == 0 {
            string(lower, self.out);
        }
        string(value, self.out);
    }
}

/// RFC 7541 §7.1: what must not be guessed octet by octet does not enter the table. What hardly ever
/// comes twice does not either, because it would evict what does.
fn indexing(known: FieldName, value: &[u8]) -> Indexing {
    use FieldName as Name;
    match known {
        Name::Authorization | Name::ProxyAuthorization | Name::SetCookie => Indexing::Never,
        // RFC 7541 §7.1.3: short ones can be guessed.
        Name::Cookie if value.len() < 20 => Indexing::Never,
        Name::Age
        | Name::AuthenticationInfo
        | Name::ContentLength
        | Name::ContentRange
        | Name::ETag
        | Name::IfMatch
        | Name::IfModifiedSince
        | Name::IfNoneMatch
        | Name::IfRange
        | Name::IfUnmodifiedSince
        | Name::LastModified
        | Name::Location
        | Name::ProxyAuthenticationInfo
        | Name::Range
        | Name::SecWebSocketAccept
        | Name::SecWebSocketKey
        | Name::ServerTiming
        | Name::Traceparent
        | Name::XRequestId => Indexing::Without,
        _ => Indexing::Incremental,
    }
}

/// Appends a string, Huffman-coded where that is shorter (RFC 7541 §5.2).
fn string(octets: &[u8], out: &mut Vec<u8>) {
    debug_assert!(u32::try_from(octets.len()).is_ok());
    let coded = huffman::encoded_len(octets);
    if coded < octets.len() {
        integer::encode(7, 0x80, coded as u32, out);
        huffman::encode(octets, out);
    } else {
        integer::encode(7, 0x00, octets.len() as u32, out);
        out.extend_from_slice(octets);
    }
}
