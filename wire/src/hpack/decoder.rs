//! Blocks to field sections (RFC 7541 §3).

use super::table::{Entry, Table, static_entry};
use super::{
    DEFAULT_TABLE_SIZE, DecodedSection, Fault, Indexing, Name, Representation, STATIC_ENTRIES,
    SectionLimits,
};
use crate::field::FieldName;

/// A decoder of the blocks of one connection, in their order.
///
/// After a [`Fault`] it is out of step with its peer, and of no more use.
#[derive(Clone, Debug)]
pub struct Decoder {
    table: Table,
    /// What the peer may set the table to.
    limit: usize,
    /// The lowest limit since the last block, if it was below the table's size: the next block must begin
    /// with an update to that or less.
    due: Option<usize>,
    /// Of the current block: whether a field was read, and how many size updates.
    in_fields: bool,
    updates: u8,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: Table::new(DEFAULT_TABLE_SIZE),
            limit: DEFAULT_TABLE_SIZE,
            due: None,
            in_fields: false,
            updates: 0,
        }
    }
}

impl Decoder {
    /// A decoder with an empty table and the limit that holds before any SETTINGS, 4,096.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the peer may set the table to: call it when our SETTINGS_HEADER_TABLE_SIZE is
    /// acknowledged.
    ///
    /// RFC 9113 §4.3.1 demands a size update from the peer where the limit falls below the table's size,
    /// by which we take its entries to be meant (RFC 7541 §4.1): then both ends must evict at the same place.
    /// Where nothing is to be evicted, the table's capacity follows the limit down without an update.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        if limit < self.table.size() {
            self.due = Some(self.due.map_or(limit, |due| due.min(limit)));
        } else if self.due.is_none() && limit < self.table.capacity() {
            self.table.resize(limit);
        }
    }

    /// What the dynamic table counts now (RFC 7541 §4.1), in octets.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// How many entries the dynamic table has.
    pub fn table_len(&self) -> usize {
        self.table.len()
    }

    /// Counts the changes of the dynamic table. While it stays, and the limit with it, a block that left
    /// it alone means what it meant, and leaves it alone again.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.table.generation()
    }

    /// Whether the dynamic table is equal to that of `other`, in entries and capacity, so that the same block
    /// means the same to both and does the same to both.
    pub fn has_table_of(&self, other: &Self) -> bool {
        self.table == other.table
    }

    /// Decodes a whole block into `section`, behind what is there.
    ///
    /// Limits never stop it: what goes beyond them is decoded, counted and dropped, and
    /// [`DecodedSection::excess`] tells. Memory beyond the limits is at most 8/5 of the block.
    ///
    /// # Errors
    ///
    /// The first [`Fault`]; a connection error (RFC 9113 §4.3).
    pub fn decode(
        &mut self,
        block: &[u8],
        limits: &SectionLimits,
        section: &mut DecodedSection,
    ) -> Result<(), Fault> {
        if self.decode_fragment(block, limits, section)? < block.len() {
            return Err(Fault::Truncated);
        }
        self.end_block()
    }

    /// Decodes what is complete at the front of `octets`, the next part of a block, and tells how many
    /// octets that was. The rest belongs in front of the next part.
    ///
    /// # Errors
    ///
    /// As [`Decoder::decode`], but for what only the block's end can show.
    pub fn decode_fragment(
        &mut self,
        octets: &[u8],
        limits: &SectionLimits,
        section: &mut DecodedSection,
    ) -> Result<usize, Fault> {
        let mut at = 0;
        while let Some((representation, len)) =
            Representation::decode(octets.get(at..).unwrap_or_default())?
        {
            self.take(representation, limits, section)?;
            at += len;
        }
        Ok(at)
    }

    /// Ends a block that was given to [`Decoder::decode_fragment`] without a rest.
    ///
    /// # Errors
    ///
    /// [`Fault::MissingSizeUpdate`].
    pub fn end_block(&mut self) -> Result<(), Fault> {
        self.in_fields = false;
        self.updates = 0;
        if self.due.is_some() { Err(Fault::MissingSizeUpdate) } else { Ok(()) }
    }

    fn take(
        &mut self,
        representation: Representation<'_>,
        limits: &SectionLimits,
        section: &mut DecodedSection,
    ) -> Result<(), Fault> {
        if let Representation::SizeUpdate(size) = representation {
            return self.resize(size as usize);
        }
        self.in_fields = true;
        if self.due.is_some() {
            return Err(Fault::MissingSizeUpdate);
        }
        match representation {
            Representation::SizeUpdate(_) => Ok(()),
            Representation::Indexed(index) => {
                let Entry { known, name, value } = self.entry(index)?;
                section.push(known, name, value, limits);
                Ok(())
            }
            Representation::Literal { indexing, name, value } => {
                // Written where it is going to stay. RFC 7541 §4.4: the entry that lends its name may be
                // evicted by the insertion, and by then its name stands here.
                let draft = section.draft();
                let known = match name {
                    Name::Index(index) => {
                        let entry = self.entry(index)?;
                        section.arena().extend_from_slice(entry.name);
                        Some(entry.known)
                    }
                    Name::Literal(literal) => {
                        literal.expand(section.arena())?;
                        None
                    }
                };
                let value_start = section.draft();
                value.expand(section.arena())?;
                let octets = section.buffer().get(draft..).unwrap_or_default();
                let (name, value) =
                    octets.split_at_checked(value_start - draft).unwrap_or_default();
                let known = known.unwrap_or_else(|| FieldName::recognise(name));
                if indexing == Indexing::Incremental {
                    self.table.insert(Entry { known, name, value });
                }
                if section.admits(octets.len(), limits) {
                    section.keep(known, draft, value_start);
                } else {
                    section.arena().truncate(draft);
                }
                Ok(())
            }
        }
    }

    fn resize(&mut self, size: usize) -> Result<(), Fault> {
        // RFC 7541 §4.2: only at the front of a block. Two are enough for every change of the limit:
        // one to the lowest, one to the last.
        if self.in_fields {
            return Err(Fault::SizeUpdateAfterField);
        }
        self.updates += 1;
        if self.updates > 2 {
            return Err(Fault::TooManySizeUpdates);
        }
        if size > self.limit {
            return Err(Fault::SizeUpdateTooLarge);
        }
        if self.due.take().is_some_and(|due| size > due) {
            return Err(Fault::MissingSizeUpdate);
        }
        self.table.resize(size);
        Ok(())
    }

    fn entry(&self, index: u32) -> Result<Entry<'_>, Fault> {
        // RFC 7541 §2.3.3: one index space, the static table first.
        let index = index as usize;
        match index.checked_sub(STATIC_ENTRIES.len() + 1) {
            Some(age) => self.table.get(age).ok_or(Fault::IndexOutOfRange),
            None => static_entry(index).ok_or(Fault::IndexZero),
        }
    }
}
