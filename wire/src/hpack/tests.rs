//! Tests of the whole: recorded blocks, an independent implementation, samples of every fault, limits.

use super::*;
use crate::field::FieldName;
use proptest::prelude::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

const UNLIMITED: SectionLimits =
    SectionLimits { section: usize::MAX, lines: usize::MAX, line: usize::MAX };

fn listed(section: &DecodedSection) -> Fields {
    section.fields().iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Fault> {
    let mut section = DecodedSection::default();
    decoder.decode(block, &UNLIMITED, &mut section)?;
    Ok(listed(&section))
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn block(representations: &[Representation<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for representation in representations {
        representation.encode(&mut out);
    }
    out
}

/// A block of a recorded story, and what must come of it.
struct Recorded {
    story: String,
    is_first: bool,
    block: Vec<u8>,
    limits: Vec<usize>,
    /// `None` if it must be refused.
    fields: Option<Fields>,
    table: usize,
}

/// Reads a file of the form that `vectors/make.py` describes.
fn recorded(text: &str) -> Vec<Recorded> {
    let (mut story, mut is_first, mut limits) = (String::new(), true, Vec::new());
    let mut blocks: Vec<Recorded> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "story" => (story, is_first) = (rest.to_owned(), true),
            "limit" => limits.push(rest.parse().unwrap()),
            "block" | "refused" => blocks.push(Recorded {
                story: story.clone(),
                is_first: std::mem::take(&mut is_first),
                block: hex(rest),
                limits: std::mem::take(&mut limits),
                fields: (word == "block").then(Vec::new),
                table: 0,
            }),
            "field" => {
                let (name, value) = rest.split_once(": ").unwrap();
                let fields = &mut blocks.last_mut().unwrap().fields;
                let fields = fields.as_mut().unwrap();
                fields.push((name.into(), value.into()));
            }
            "table" => blocks.last_mut().unwrap().table = rest.parse().unwrap(),
            other => panic!("{other}"),
        }
    }
    blocks
}

const APPENDIX_C: &str = include_str!("vectors/appendix_c.txt");
const PYTHON: &str = include_str!("vectors/python.txt");

#[test]
fn recorded_blocks_give_their_fields_and_table_sizes() {
    for text in [APPENDIX_C, PYTHON] {
        let mut decoder = Decoder::new();
        for (at, recorded) in recorded(text).iter().enumerate() {
            if recorded.is_first {
                decoder = Decoder::new();
            }
            for &limit in &recorded.limits {
                decoder.set_limit(limit);
            }
            let fields = decode(&mut decoder, &recorded.block);
            let about = format!("block {at} in {}: {fields:?}", recorded.story);
            assert_eq!(fields.ok(), recorded.fields, "{about}");
            if recorded.fields.is_some() {
                assert_eq!(decoder.table_size(), recorded.table, "{about}");
            }
        }
    }
}

#[test]
fn the_huffman_coded_requests_are_what_the_encoder_writes() {
    let mut encoder = Encoder::new(DEFAULT_TABLE_SIZE);
    for recorded in recorded(APPENDIX_C).iter().filter(|block| block.story == "C.4") {
        let mut out = Vec::new();
        let mut block = encoder.block(&mut out);
        for (name, value) in recorded.fields.iter().flatten() {
            block.field(name, value);
        }
        assert_eq!(out, recorded.block);
        assert_eq!(encoder.table_size(), recorded.table);
    }
}

#[test]
fn every_fault_has_a_sample_that_shows_it() {
    let value = Literal::plain(b"v");
    let huffman = |octets| {
        let value = Literal { huffman: true, octets };
        block(&[Representation::Literal { indexing: Indexing::Never, name: Name::Index(1), value }])
    };
    let update = Representation::SizeUpdate;
    let get = Representation::Indexed(2);
    let named = |index| Representation::Literal {
        indexing: Indexing::Incremental,
        name: Name::Index(index),
        value,
    };
    let samples: Vec<(Fault, Vec<u8>)> = vec![
        (Fault::Truncated, vec![0x40]),
        (Fault::Truncated, vec![0x82, 0xff, 0x80]),
        (Fault::Truncated, vec![0x00, 0x01]),
        (Fault::Truncated, vec![0x01, 0x7f, 0xff, 0xff, 0xff, 0x0f]),
        (Fault::IntegerOverflow, [0x40].into_iter().chain([0xff; 7]).collect()),
        (Fault::IntegerOverflow, vec![0xff; 7]),
        (Fault::IndexZero, vec![0x80]),
        (Fault::IndexOutOfRange, block(&[Representation::Indexed(62)])),
        (Fault::IndexOutOfRange, block(&[Representation::Indexed(u32::MAX)])),
        (Fault::IndexOutOfRange, block(&[named(62)])),
        (Fault::IndexOutOfRange, block(&[named(1), named(63)])),
        (Fault::HuffmanEos, huffman(&[0xff; 4])),
        (Fault::HuffmanPaddingTooLong, huffman(&[0xff])),
        (Fault::HuffmanPaddingNotEos, huffman(&[0x00])),
        (Fault::SizeUpdateAfterField, block(&[get, update(0)])),
        (Fault::SizeUpdateTooLarge, block(&[update(4097), get])),
        (Fault::TooManySizeUpdates, block(&[update(0), update(1), update(2), get])),
    ];
    for (fault, octets) in &samples {
        assert_eq!(decode(&mut Decoder::new(), octets), Err(*fault), "{octets:02x?}");
    }
    for octets in [block(&[get]), vec![], block(&[update(101)]), block(&[update(200), update(0)])] {
        let mut decoder = Decoder::new();
        let entries = block(&[named(1), named(1), named(1)]);
        assert!(decode(&mut decoder, &entries).is_ok() && decoder.table_size() > 100);
        decoder.set_limit(100);
        decoder.set_limit(4096);
        assert_eq!(decode(&mut decoder, &octets), Err(Fault::MissingSizeUpdate));
    }
    for fault in Fault::ALL {
        let shown = samples.iter().any(|(other, _)| other == fault);
        assert!(shown || *fault == Fault::MissingSizeUpdate, "no sample of {fault:?}");
    }
}

#[test]
fn faults_know_name_and_section() {
    for fault in Fault::ALL {
        assert_eq!(fault.name(), format!("{fault:?}"));
        let message = fault.to_string();
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
    }
    assert_eq!(Fault::IndexZero.section().to_string(), "RFC 7541 §6.1");
}

#[test]
fn updates_to_the_lowest_and_the_last_limit_are_accepted() {
    let mut decoder = Decoder::new();
    decoder.set_limit(0);
    decoder.set_limit(4096);
    let update = Representation::SizeUpdate;
    let octets = block(&[update(0), update(4096), Representation::Indexed(2)]);
    assert_eq!(decode(&mut decoder, &octets).map(|fields| fields.len()), Ok(1));
    // A limit that was raised need not be followed.
    decoder.set_limit(8192);
    assert!(decode(&mut decoder, &[0x82]).is_ok());
}

#[test]
fn a_limit_above_the_size_needs_no_update_and_is_followed() {
    let mut decoder = Decoder::new();
    let entry = |value| {
        block(&[Representation::Literal {
            indexing: Indexing::Incremental,
            name: Name::Literal(Literal::plain(b"name")),
            value: Literal::plain(value),
        }])
    };
    assert!(decode(&mut decoder, &entry(b"first")).is_ok());
    assert_eq!(decoder.table_size(), 41);
    decoder.set_limit(41);
    assert!(decode(&mut decoder, &[0xbe]).is_ok());
    assert!(decode(&mut decoder, &entry(b"other")).is_ok());
    assert_eq!((decoder.table_len(), decoder.table_size()), (1, 41));
    decoder.set_limit(40);
    assert_eq!(decode(&mut decoder, &[0xbe]), Err(Fault::MissingSizeUpdate));
}

#[test]
fn the_name_of_the_entry_being_evicted_can_still_be_used() {
    let mut decoder = Decoder::new();
    let name = Name::Literal(Literal::plain(b"name"));
    let (first, second) = ([b'1'; 4000], [b'2'; 4000]);
    let insert = |name, value| Representation::Literal {
        indexing: Indexing::Incremental,
        name,
        value: Literal::plain(value),
    };
    let octets = block(&[insert(name, &first), insert(Name::Index(62), &second)]);
    let fields = decode(&mut decoder, &octets).unwrap();
    assert_eq!(fields[1], (b"name".to_vec(), second.to_vec()));
    assert_eq!(decoder.table_len(), 1);
}

#[test]
fn what_exceeds_a_limit_is_counted_and_dropped_and_the_table_stays_in_step() {
    let insert = |name, value| Representation::Literal {
        indexing: Indexing::Incremental,
        name: Name::Literal(Literal::plain(name)),
        value: Literal::plain(value),
    };
    let get = Representation::Indexed(2);
    let long = [b'x'; 200];
    let octets = block(&[get, get, insert(b"a", &long), insert(b"b", b"2"), get]);
    for (limits, excess, kept) in [
        (SectionLimits { section: 100, ..UNLIMITED }, Some(Excess::Section), 2),
        (SectionLimits { lines: 1, ..UNLIMITED }, Some(Excess::Lines), 1),
        (SectionLimits { line: 200, ..UNLIMITED }, Some(Excess::Line), 2),
        (SectionLimits { section: 420, lines: 5, line: 201 }, None, 5),
        (SectionLimits { section: 393, lines: 5, line: 201 }, None, 5),
        (SectionLimits { section: 392, lines: 5, line: 201 }, Some(Excess::Section), 4),
    ] {
        let mut decoder = Decoder::new();
        let mut section = DecodedSection::default();
        decoder.decode(&octets, &limits, &mut section).unwrap();
        assert_eq!((section.excess(), section.lines().len()), (excess, kept), "{limits:?}");
        assert_eq!(section.size(), 3 * (32 + 10) + (32 + 201) + (32 + 2));
        assert_eq!(section.fields().iter().count(), kept);
        // Both insertions happened.
        let later = decode(&mut decoder, &[0xbe, 0xbf]).unwrap();
        assert_eq!(later[0], (b"b".to_vec(), b"2".to_vec()));
        assert_eq!(later[1], (b"a".to_vec(), long.to_vec()));
    }
}

#[test]
fn a_bomb_of_references_costs_no_memory() {
    let mut decoder = Decoder::new();
    let value = [b'x'; 4000];
    let name = Name::Literal(Literal::plain(b"a"));
    let value = Literal::plain(&value);
    let mut octets =
        block(&[Representation::Literal { indexing: Indexing::Incremental, name, value }]);
    octets.extend_from_slice(&[0xbe; 16 * 1024]);
    let mut section = DecodedSection::default();
    decoder.decode(&octets, &SectionLimits::default(), &mut section).unwrap();
    assert_eq!(section.excess(), Some(Excess::Section));
    assert_eq!(section.size(), (16 * 1024 + 1) * 4033);
    assert!(section.buffer().len() <= SectionLimits::default().section);
    // The same memory serves the next message.
    section.clear();
    decoder.decode(&[0x82], &SectionLimits::default(), &mut section).unwrap();
    assert_eq!((section.excess(), section.lines().len()), (None, 1));
}

#[test]
fn sensitive_fields_never_enter_the_table() {
    let mut encoder = Encoder::new(DEFAULT_TABLE_SIZE);
    let secret: &[(&[u8], &[u8])] = &[
        (b"authorization", b"Basic eDp5"),
        (b"Proxy-Authorization", b"Basic eDp5"),
        (b"cookie", b"id=1234"),
        (b"set-cookie", b"id=12345678901234567890"),
    ];
    for (name, value) in secret {
        let mut out = Vec::new();
        encoder.block(&mut out).field(name, value);
        match Representation::decode(&out) {
            Ok(Some((Representation::Literal { indexing: Indexing::Never, .. }, _))) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(encoder.table_size(), 0);
    let mut out = Vec::new();
    encoder.block(&mut out).field(b"cookie", b"long=012345678901234567890");
    assert!(encoder.table_size() > 0);
}

#[test]
fn changes_of_the_table_size_are_told_at_the_front_of_the_next_block() {
    let written = |encoder: &mut Encoder| {
        let mut out = Vec::new();
        encoder.block(&mut out).status(200);
        out
    };
    let update = Representation::SizeUpdate;
    let status = Representation::Indexed(8);
    let mut encoder = Encoder::new(DEFAULT_TABLE_SIZE);
    assert_eq!(written(&mut encoder), block(&[status]));
    encoder.set_limit(65536);
    assert_eq!(written(&mut encoder), block(&[status]), "we keep no more than we like");
    encoder.set_limit(0);
    encoder.set_limit(100);
    assert_eq!(written(&mut encoder), block(&[update(0), update(100), status]));
    encoder.set_limit(4096);
    encoder.set_limit(100);
    assert_eq!(written(&mut encoder), block(&[update(100), status]));
    assert_eq!(written(&mut encoder), block(&[status]));
    assert_eq!(written(&mut Encoder::new(1024)), block(&[update(1024), status]));
}

#[test]
fn names_are_written_in_small_letters_and_repeated_fields_become_one_octet() {
    let mut encoder = Encoder::new(DEFAULT_TABLE_SIZE);
    let mut decoder = Decoder::new();
    for round in 0..2 {
        let mut out = Vec::new();
        let mut block = encoder.block(&mut out);
        block.status(404);
        block.known(FieldName::ContentType, b"text/plain");
        block.known(FieldName::StrictTransportSecurity, b"max-age=1");
        block.known(FieldName::Te, b"trailers");
        block.known(FieldName::Other, b"nothing");
        block.field(b"X-Custom", b"Value");
        let fields = decode(&mut decoder, &out).unwrap();
        let names: Vec<_> = fields.iter().map(|(name, _)| str::from_utf8(name).unwrap()).collect();
        let wanted = [":status", "content-type", "strict-transport-security", "te", "x-custom"];
        assert_eq!(names, wanted);
        assert_eq!(fields[4].1, b"Value");
        assert_eq!(out.len() == 5, round == 1);
    }
}

#[test]
fn the_generation_counts_insertions_and_changes_of_size() {
    let (mut encoder, mut decoder) = (Encoder::new(4096), Decoder::new());
    let (encoded, decoded) = (encoder.generation(), decoder.generation());
    let mut octets = Vec::new();
    encoder.block(&mut octets).field(b"x-name", b"value");
    decode(&mut decoder, &octets).unwrap();
    assert_eq!((encoder.generation(), decoder.generation()), (encoded + 1, decoded + 1));
    // A reference, and fields that do not enter the table.
    octets.clear();
    encoder.block(&mut octets).field(b"x-name", b"value");
    encoder.block(&mut octets).field(b"etag", b"\"1\"");
    decode(&mut decoder, &octets).unwrap();
    assert_eq!((encoder.generation(), decoder.generation()), (encoded + 1, decoded + 1));
    // The same size again is no change, another is one.
    encoder.set_limit(4096);
    decode(&mut decoder, &block(&[Representation::SizeUpdate(4096)])).unwrap();
    assert_eq!((encoder.generation(), decoder.generation()), (encoded + 1, decoded + 1));
    encoder.set_limit(0);
    decode(&mut decoder, &block(&[Representation::SizeUpdate(0)])).unwrap();
    assert_eq!((encoder.generation(), decoder.generation()), (encoded + 2, decoded + 2));
}

#[test]
fn a_block_that_inserts_leaves_the_table_as_it_was_once_it_fills_it() {
    let field = |name, value| Representation::Literal {
        indexing: Indexing::Incremental,
        name: Name::Literal(Literal::plain(name)),
        value: Literal::plain(value),
    };
    let repeated = block(&[field(b"date", b"today"), field(b"server", &[b's'; 300])]);
    let mut decoder = Decoder::new();
    decode(&mut decoder, &block(&[field(b"x", b"y")])).unwrap();
    let mut repeats = 0;
    loop {
        let before = decoder.clone();
        decode(&mut decoder, &repeated).unwrap();
        assert_ne!(decoder.generation(), before.generation());
        if decoder.has_table_of(&before) {
            break;
        }
        repeats += 1;
        assert!(repeats < 12);
    }
    assert!(repeats > 8);
    let before = decoder.clone();
    decode(&mut decoder, &repeated).unwrap();
    assert!(decoder.has_table_of(&before));
    decode(&mut decoder, &block(&[Representation::SizeUpdate(4000)])).unwrap();
    assert!(!decoder.has_table_of(&before));
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(FieldName::KNOWN)
        .prop_map(|name| name.as_str().to_ascii_lowercase().into_bytes());
    let fixed =
        prop::sample::select(&STATIC_ENTRIES[..]).prop_map(|entry| entry.name.as_bytes().to_vec());
    prop_oneof![known, fixed, "[a-z-]{1,40}".prop_map(String::into_bytes)]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(&STATIC_ENTRIES[..]).prop_map(|entry| entry.value.as_bytes().to_vec()),
        "[ -~]{0,200}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    prop::collection::vec((name(), value()), 1..10)
}

/// A representation with strings of its own.
#[derive(Clone, Debug)]
enum Step {
    Indexed(u32),
    Literal(Indexing, Result<u32, (bool, Vec<u8>)>, (bool, Vec<u8>)),
}

fn step() -> impl Strategy<Value = Step> {
    let index = || prop_oneof![1..62u32, 62..70u32, Just(62)];
    let indexing =
        prop::sample::select(&[Indexing::Incremental, Indexing::Without, Indexing::Never][..]);
    let text = || {
        let octets = prop_oneof![name(), value()];
        (any::<bool>(), octets).prop_map(|(huffman, octets)| {
            if !huffman {
                return (false, octets);
            }
            let mut coded = Vec::new();
            encode_huffman(&octets, &mut coded);
            (true, coded)
        })
    };
    let name = prop_oneof![index().prop_map(Ok), text().prop_map(Err)];
    prop_oneof![
        index().prop_map(Step::Indexed),
        (indexing, name, text())
            .prop_map(|(indexing, name, value)| Step::Literal(indexing, name, value)),
    ]
}

fn stepped(steps: &[Step]) -> Vec<u8> {
    let mut out = Vec::new();
    for step in steps {
        let literal = |(huffman, octets)| Literal { huffman, octets };
        let representation = match step {
            Step::Indexed(index) => Representation::Indexed(*index),
            Step::Literal(indexing, name, value) => Representation::Literal {
                indexing: *indexing,
                name: match name {
                    Ok(index) => Name::Index(*index),
                    Err((huffman, octets)) => Name::Literal(literal((*huffman, &octets[..]))),
                },
                value: literal((value.0, &value.1[..])),
            },
        };
        representation.encode(&mut out);
    }
    out
}

proptest! {
    /// Blocks in a row over one table, whose limit changes between them.
    #[test]
    fn what_is_encoded_is_decoded_by_us_and_by_others(
        blocks in prop::collection::vec(
            (fields(), prop::collection::vec(0..5000usize, 0..3)), 1..6,
        ),
    ) {
        let mut encoder = Encoder::new(4096);
        let mut decoder = Decoder::new();
        let mut other = loona_hpack::Decoder::new();
        other.set_max_allowed_table_size(4096);
        for (fields, limits) in blocks {
            for limit in limits {
                encoder.set_limit(limit);
                decoder.set_limit(limit);
            }
            let mut out = Vec::new();
            let mut block = encoder.block(&mut out);
            for (name, value) in &fields {
                block.field(name, value);
            }
            prop_assert_eq!(other.decode(&out).unwrap(), fields.clone());
            prop_assert_eq!(decode(&mut decoder, &out).unwrap(), fields);
            prop_assert_eq!(decoder.table_size(), encoder.table_size());
        }
    }

    #[test]
    fn what_others_encode_is_decoded(blocks in prop::collection::vec(fields(), 1..6)) {
        let mut encoder = loona_hpack::Encoder::new();
        let mut decoder = Decoder::new();
        for fields in blocks {
            let lines = fields.iter().map(|(name, value)| (&name[..], &value[..]));
            prop_assert_eq!(decode(&mut decoder, &encoder.encode(lines)).unwrap(), fields);
        }
    }

    /// Blocks that no sensible encoder writes, many of them with an index that is not there.
    #[test]
    fn any_representations_mean_the_same_to_others(
        blocks in prop::collection::vec(
            (prop::option::of(0..4096u32), prop::collection::vec(step(), 1..8)), 1..6,
        ),
    ) {
        let mut decoder = Decoder::new();
        let mut other = loona_hpack::Decoder::new();
        for (size, steps) in blocks {
            let mut octets = Vec::new();
            if let Some(size) = size {
                Representation::SizeUpdate(size).encode(&mut octets);
            }
            octets.extend(stepped(&steps));
            match (decode(&mut decoder, &octets), other.decode(&octets)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(_), Err(_)) => break,
                (ours, theirs) => panic!("{ours:?} {theirs:?}"),
            }
        }
    }

    /// What a decoder may be spared: the same octets, while the generation stays.
    #[test]
    fn a_block_that_leaves_the_generation_means_the_same_again(
        front in prop::collection::vec(step(), 0..8), steps in prop::collection::vec(step(), 1..4),
    ) {
        let mut decoder = Decoder::new();
        if decode(&mut decoder, &stepped(&front)).is_err() {
            return Ok(());
        }
        let before = decoder.clone();
        let octets = stepped(&steps);
        if let Ok(first) = decode(&mut decoder, &octets) {
            let after = decoder.clone();
            let again = decode(&mut decoder, &octets);
            let same = after.generation() == before.generation();
            prop_assert!(!same || after.has_table_of(&before));
            if after.has_table_of(&before) {
                prop_assert_eq!(again, Ok(first));
                prop_assert!(decoder.has_table_of(&before));
            }
        }
    }

    #[test]
    fn blocks_mean_the_same_however_they_are_cut(
        steps in prop::collection::vec(step(), 1..8), cuts in prop::collection::vec(0..300usize, 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut octets = stepped(&steps);
        octets.extend(tail);
        let mut whole = DecodedSection::default();
        let limits = SectionLimits { section: 400, ..UNLIMITED };
        let expected = Decoder::new().decode(&octets, &limits, &mut whole);

        let mut cuts: Vec<_> = cuts.into_iter().filter(|&cut| cut < octets.len()).collect();
        cuts.sort_unstable();
        cuts.push(octets.len());
        let (mut decoder, mut section) = (Decoder::new(), DecodedSection::default());
        let mut at = 0;
        let mut found = Ok(());
        for end in cuts {
            match decoder.decode_fragment(&octets[at..end], &limits, &mut section) {
                Ok(consumed) => at += consumed,
                Err(fault) => {
                    found = Err(fault);
                    break;
                }
            }
        }
        if found.is_ok() {
            found = if at < octets.len() { Err(Fault::Truncated) } else { decoder.end_block() };
        }
        prop_assert_eq!(found, expected);
        if found.is_ok() {
            prop_assert_eq!(listed(&section), listed(&whole));
            prop_assert_eq!(section.excess(), whole.excess());
        }
    }

    #[test]
    fn random_octets_never_exceed_the_limits(
        octets in prop::collection::vec(any::<u8>(), 0..400),
        section_limit in 0..500usize, lines in 0..10usize, line in 0..100usize,
    ) {
        let limits = SectionLimits { section: section_limit, lines, line };
        let mut decoder = Decoder::new();
        let mut section = DecodedSection::default();
        let whole = decoder.decode(&octets, &limits, &mut section);
        prop_assert!(section.lines().len() <= lines);
        let kept: usize = section.fields().iter().map(|(n, v)| n.len() + v.len() + 32).sum();
        prop_assert!(kept <= section_limit);
        prop_assert!(section.fields().iter().all(|(n, v)| n.len() + v.len() <= line));
        prop_assert!(decoder.table_size() <= DEFAULT_TABLE_SIZE);
        // Kept octets are those of the lines, once a block is whole.
        prop_assert!(whole.is_err() || section.buffer().len() + 32 * section.lines().len() == kept);
    }
}
