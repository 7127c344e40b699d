//! Field blocks of responses, read once and recognised from then on.
//!
//! A server says the same again and again. A block whose octets came before means what it meant then if the dynamic
//! table is the same now and the block leaves it the same (RFC 7541 §2.2: nothing else decides). That is so for
//! blocks that insert nothing; and for those that insert the same fields every time, once these fill the table.

use falconry_wire::h2::{self, Malformed, ResponseHead};
use falconry_wire::hpack::{DecodedSection, Decoder, Fault, SectionLimits};

/// A decoder that remembers the last few blocks.
#[derive(Debug)]
pub(super) struct Repeats {
    decoder: Decoder,
    blocks: [Block; REMEMBERED],
    /// Where the block stands that was read last, and which one gives way next.
    last: usize,
    next: usize,
}

/// A block, and what it stands for.
#[derive(Debug)]
pub(super) struct Block {
    octets: Vec<u8>,
    pub(super) section: DecodedSection,
    /// What it says as a response.
    pub(super) head: Result<ResponseHead, Malformed>,
    /// The generation of the table behind it; none before any.
    generation: Option<u64>,
    /// It left the table as it was.
    repeats: bool,
}

/// Enough for the statuses and lengths of a small mix; few enough to compare.
const REMEMBERED: usize = 4;

/// What a server may send: far more than responses have, little enough to hold.
const LIMITS: SectionLimits = SectionLimits { section: 256 * 1024, lines: 1024, line: 256 * 1024 };

impl Repeats {
    pub(super) fn new() -> Self {
        let block = || Block {
            octets: Vec::new(),
            section: DecodedSection::default(),
            head: Err(Malformed::MissingStatus),
            generation: None,
            repeats: false,
        };
        Self {
            decoder: Decoder::new(),
            blocks: [(); REMEMBERED].map(|()| block()),
            last: 0,
            next: 0,
        }
    }

    /// Follows our SETTINGS_HEADER_TABLE_SIZE, once it is acknowledged.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.decoder.set_limit(limit);
        // A size update may be due now, which no block of before has.
        self.blocks.iter_mut().for_each(|block| block.generation = None);
    }

    /// Reads a block.
    ///
    /// # Errors
    /// What ends the connection (RFC 9113 §4.3).
    #[inline]
    pub(super) fn read(&mut self, octets: &[u8]) -> Result<&Block, Fault> {
        let generation = self.decoder.generation();
        let known = |block: &Block| {
            block.repeats && block.generation == Some(generation) && block.octets == octets
        };
        let found = match self.blocks.get(self.last) {
            Some(last) if known(last) => Some(self.last),
            _ => self.blocks.iter().position(known),
        };
        let at = match found {
            Some(at) => at,
            None => self.decode(octets)?,
        };
        self.last = at;
        // The position of one of them.
        self.blocks.get(at).ok_or(Fault::Truncated)
    }

    fn decode(&mut self, octets: &[u8]) -> Result<usize, Fault> {
        let generation = self.decoder.generation();
        // The same as before, and it changed the table: it may do so for the last time.
        let last = self.blocks.get(self.last);
        let again = last.is_some_and(|last| {
            last.generation == Some(generation) && !last.repeats && last.octets == octets
        });
        let before = again.then(|| self.decoder.clone());
        let at = if again { self.last } else { self.next };
        self.next = (at + 1) % REMEMBERED;
        let Some(block) = self.blocks.get_mut(at) else { return Ok(0) };
        block.generation = None;
        block.section.clear();
        self.decoder.decode(octets, &LIMITS, &mut block.section)?;
        block.head = h2::response(&block.section);
        block.octets.clear();
        block.octets.extend_from_slice(octets);
        block.generation = Some(self.decoder.generation());
        block.repeats = block.generation == Some(generation)
            || before.is_some_and(|before| self.decoder.has_table_of(&before));
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use falconry_wire::hpack::{Encoder, Indexing, Literal, Representation};
    use proptest::prelude::*;

    fn block(encoder: &mut Encoder, fields: &[(&str, &str, Indexing)]) -> Vec<u8> {
        let mut octets = Vec::new();
        let mut block = encoder.block(&mut octets);
        for (name, value, indexing) in fields {
            block.field_with(name.as_bytes(), value.as_bytes(), *indexing);
        }
        octets
    }

    fn repeats(reader: &Repeats) -> bool {
        reader.blocks[reader.last].repeats
    }

    #[test]
    fn blocks_that_insert_nothing_are_read_once() {
        let mut encoder = Encoder::new(4096);
        let mut reader = Repeats::new();
        let fields = [(":status", "200", Indexing::Incremental), ("x", "y", Indexing::Incremental)];
        reader.read(&block(&mut encoder, &fields)).unwrap();
        assert!(!repeats(&reader));
        let octets = block(&mut encoder, &fields);
        reader.read(&octets).unwrap();
        assert!(repeats(&reader));
        assert_eq!(reader.read(&octets).unwrap().head.unwrap().status, 200);
        assert!(repeats(&reader));
        // An insertion moves what the index says.
        let other = [(":status", "200", Indexing::Incremental), ("a", "b", Indexing::Incremental)];
        reader.read(&block(&mut encoder, &other)).unwrap();
        let section = &reader.read(&octets).unwrap().section;
        assert_eq!(section.fields().iter().last(), Some((&b"a"[..], &b"b"[..])));
    }

    #[test]
    fn blocks_that_insert_the_same_are_read_until_they_fill_the_table() {
        let octets = [0x88, 0x40, 1, b'x', 1, b'y'];
        let mut reader = Repeats::new();
        for at in 0..200 {
            assert_eq!(reader.read(&octets).unwrap().head.unwrap().status, 200);
            assert_eq!(repeats(&reader), at >= 4096 / 34, "{at}");
        }
        let generation = reader.decoder.generation();
        reader.read(&octets).unwrap();
        assert_eq!(reader.decoder.generation(), generation);
    }

    /// What a server may do to the table.
    #[derive(Clone, Debug)]
    enum Step {
        /// The same block, so many times, behind updates to those sizes (RFC 7541 §6.3).
        Block { which: usize, times: usize, large: bool, sizes: Vec<u32> },
        /// Our SETTINGS are acknowledged; the next block tells that it knows, if it is due.
        Limit { limit: usize, is_told: bool },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = prop::sample::select(vec![0, 30, 34, 68, 100, 4096]);
        let sizes = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(size, 1..3)];
        let block = (0..7usize, 1..30usize, any::<bool>(), sizes)
            .prop_map(|(which, times, large, sizes)| Step::Block { which, times, large, sizes });
        let limit = (prop::sample::select(vec![0, 40, 70, 4096]), prop::bool::weighted(0.9))
            .prop_map(|(limit, is_told)| Step::Limit { limit, is_told });
        prop::collection::vec(prop_oneof![8 => block, 1 => limit], 1..40)
    }

    fn update(size: u32) -> Vec<u8> {
        let mut octets = Vec::new();
        Representation::SizeUpdate(size).encode(&mut octets);
        octets
    }

    proptest! {
        /// Against a decoder that reads everything, as long as neither finds a fault.
        #[test]
        fn what_is_remembered_is_what_it_says(steps in steps()) {
            let mut reader = Repeats::new();
            let mut plain = Decoder::new();
            let mut due = Vec::new();
            for step in steps {
                let (which, times, large, sizes) = match step {
                    Step::Block { which, times, large, sizes } => (which, times, large, sizes),
                    Step::Limit { limit, is_told } => {
                        reader.set_limit(limit);
                        plain.set_limit(limit);
                        due = if is_told { update(limit as u32) } else { Vec::new() };
                        continue;
                    }
                };
                let value = vec![b'v'; if large { 500 } else { 3 }];
                let mut octets = std::mem::take(&mut due);
                if octets.is_empty() {
                    octets = sizes.into_iter().flat_map(update).collect();
                }
                octets.push(0x88 + which as u8 % 3);
                match which {
                    // References into the table, as far as there is something.
                    0 if plain.table_len() > 0 => octets.extend([0xbe]),
                    1 if plain.table_len() > 1 => octets.extend([0xbf, 0xbe]),
                    // Insertions, new ones and of the name of an older one.
                    2 => octets.extend([0x40, 1, b'a', 1, b'b']),
                    3 if plain.table_len() > 0 => octets.extend([0x7e, 1, b'c']),
                    4 => {
                        octets.extend([0x40, 1, b'd']);
                        Literal::plain(&value).encode(&mut octets);
                    }
                    // Two at once: where one has room, the second evicts the first.
                    5 => octets.extend([0x40, 1, b'a', 1, b'b', 0x40, 1, b'g', 1, b'h']),
                    _ => octets.extend([0x00, 1, b'e', 1, b'f']),
                }
                for _ in 0..times {
                    let mut section = DecodedSection::default();
                    let expected = plain.decode(&octets, &LIMITS, &mut section);
                    match (expected, reader.read(&octets)) {
                        (Ok(()), Ok(block)) => {
                            prop_assert!(block.section.fields().iter().eq(section.fields().iter()));
                            prop_assert_eq!(block.head, h2::response(&section));
                        }
                        (expected, found) => {
                            prop_assert_eq!(expected.err(), found.err());
                            return Ok(());
                        }
                    }
                    prop_assert!(plain.has_table_of(&reader.decoder));
                }
            }
        }
    }
}
