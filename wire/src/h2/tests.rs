//! Tests of the whole: samples of every fault, any split of the input, round trips, text lines.

use super::*;
use crate::hpack;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use std::collections::HashSet;

fn frame(line: &str) -> RawFrame {
    line.parse().unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn id(number: u32) -> StreamId {
    StreamId::new(number).unwrap()
}

fn octets(frames: &[RawFrame]) -> Vec<u8> {
    let mut out = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out
}

/// What a decoder made of some octets: lines of whole frames, with DATA joined again, and its end.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    events: Vec<String>,
    fault: Option<Fault>,
    left: usize,
}

/// Feeds `octets` up to each of `cuts` in turn, then all of them.
fn feed(max_frame_size: u32, octets: &[u8], cuts: &[usize]) -> Outcome {
    let mut decoder = Decoder::new(max_frame_size);
    let mut outcome = Outcome::default();
    let mut content = Vec::new();
    let mut at = 0;
    for &end in cuts.iter().chain([&octets.len()]) {
        let mut wanted = 0;
        while end - at >= wanted {
            the_short_cut_agrees(&decoder, &octets[at..end]);
            let consumed = match decoder.decode(&octets[at..end]) {
                Err(fault) => return Outcome { fault: Some(fault), ..outcome },
                Ok(Decoded::Partial { consumed, needed }) => {
                    assert!(needed > end - at - consumed, "it was there");
                    wanted = needed;
                    consumed
                }
                Ok(Decoded::Frame { frame, consumed }) => {
                    outcome.events.push(frame.to_string());
                    consumed
                }
                Ok(Decoded::Refused { stream, fault, consumed }) => {
                    outcome.events.push(format!("{stream} {fault:?}"));
                    consumed
                }
                Ok(Decoded::DataHead { stream, length, end_stream, consumed }) => {
                    outcome.events.push(format!("{stream} {length} {end_stream}"));
                    consumed
                }
                Ok(Decoded::Data { stream, data, end_frame, end_stream, consumed }) => {
                    assert!(end_frame || !data.is_empty());
                    content.extend_from_slice(data);
                    if end_frame {
                        let content = std::mem::take(&mut content);
                        outcome.events.push(format!("{stream} {content:02x?} {end_stream}"));
                    }
                    consumed
                }
            };
            at += consumed;
        }
    }
    outcome.left = octets.len() - at;
    outcome
}

/// Whatever is plain is what a decoder makes of it.
fn the_short_cut_agrees(decoder: &Decoder, buffer: &[u8]) {
    let Some(Plain { stream, is_data, end_stream, payload, consumed }) = decoder.plain(buffer)
    else {
        return;
    };
    let mut decoder = decoder.clone();
    let found = decoder.decode(buffer).unwrap();
    if !is_data {
        let frame = Frame::Headers {
            stream,
            end_stream,
            end_headers: true,
            padding: None,
            dependency: None,
            fragment: payload,
        };
        assert_eq!(found, Decoded::Frame { frame, consumed });
        return;
    }
    let (head, length) = (FRAME_HEAD_LEN, payload.len());
    let expected = Decoded::DataHead { stream, length: length as u32, end_stream, consumed: head };
    assert_eq!(found, expected);
    let found = decoder.decode(&buffer[head..]).unwrap();
    let expected =
        Decoded::Data { stream, data: payload, end_frame: true, end_stream, consumed: length };
    assert_eq!(found, expected);
    assert_eq!(consumed, head + length);
}

#[test]
fn only_whole_frames_of_headers_and_data_in_their_place_are_plain() {
    let settings = octets(&[frame("SETTINGS 0")]);
    let feed = |decoder: &mut Decoder, octets: &[u8]| decoder.decode(octets).map(|_| ());
    let mut decoder = Decoder::new(DEFAULT_MAX_FRAME_SIZE);
    let response = octets(&[frame("HEADERS 1 +END_STREAM +END_HEADERS :status=200")]);
    assert_eq!(decoder.plain(&response), None);
    feed(&mut decoder, &settings).unwrap();
    let plain = decoder.plain(&response).unwrap();
    assert_eq!((plain.stream, plain.is_data, plain.end_stream), (id(1), false, true));
    assert_eq!((plain.payload, plain.consumed), (&[0x88][..], response.len()));
    let data = octets(&[frame("DATA 3 \"abc\"")]);
    let plain = decoder.plain(&data).unwrap();
    assert_eq!((plain.stream, plain.is_data, plain.end_stream), (id(3), true, false));
    assert_eq!(decoder.plain(&data[..data.len() - 1]), None);
    for line in [
        "HEADERS 1 :status=200",
        "HEADERS 1 +END_HEADERS +PADDED=0 :status=200",
        "HEADERS 1 +END_HEADERS +PRIORITY=1/1 :status=200",
        "DATA 0 \"abc\"",
        "DATA 1 +PADDED=1 \"abc\"",
        "PING 0 \"12345678\"",
    ] {
        assert_eq!(decoder.plain(&octets(&[frame(line)])), None, "{line}");
    }
    let mut open = decoder.clone();
    feed(&mut open, &octets(&[frame("HEADERS 1 :status=200")])).unwrap();
    assert_eq!(open.plain(&response), None);
    feed(&mut decoder, &data).unwrap();
    assert_eq!(decoder.plain(&response), None);
}

#[test]
fn every_fault_has_a_sample_that_shows_it() {
    use Fault::*;
    let samples = [
        (FrameTooShort, "DATA 1 +PADDED"),
        (FrameTooShort, "HEADERS 1 +PADDED"),
        (FrameTooShort, "HEADERS 1 +PRIORITY 0x00000000"),
        (FrameTooShort, "HEADERS 1 +PADDED +PRIORITY 0x040000000000000000"),
        (FrameTooShort, "PUSH_PROMISE 1 0x000000"),
        (PaddingTooLong, "DATA 1 +PADDED 0x0300 0x02"),
        (PaddingTooLong, "DATA 1 +PADDED 0x01"),
        (PaddingTooLong, "HEADERS 1 +PADDED 0xff82"),
        (PaddingTooLong, "PUSH_PROMISE 1 +PADDED 0x0500000002"),
        (DataOnConnection, "DATA 0 \"x\""),
        (DataOnConnection, "DATA R0 \"x\""),
        (HeadersOnConnection, "HEADERS 0 +END_HEADERS :path=/"),
        (PriorityOnConnection, "PRIORITY 0 1/16"),
        (PriorityLength, "PRIORITY 1 0x00000000"),
        (PriorityLength, "PRIORITY 1 1/16 0x00"),
        (ResetOnConnection, "RST_STREAM 0 CANCEL"),
        (ResetLength, "RST_STREAM 1 0x000000"),
        (ResetLength, "RST_STREAM 1 CANCEL 0x00"),
        (SettingsOnStream, "SETTINGS 1"),
        (SettingsOnStream, "SETTINGS 1 +ACK"),
        (SettingsLength, "SETTINGS 0 MAX_FRAME_SIZE=16384 0x00"),
        (SettingsAckNotEmpty, "SETTINGS 0 +ACK MAX_FRAME_SIZE=16384"),
        (InvalidEnablePush, "SETTINGS 0 ENABLE_PUSH=2"),
        (InvalidInitialWindowSize, "SETTINGS 0 INITIAL_WINDOW_SIZE=2147483648"),
        (InvalidMaxFrameSize, "SETTINGS 0 MAX_FRAME_SIZE=16383"),
        (InvalidMaxFrameSize, "SETTINGS 0 MAX_FRAME_SIZE=16777216"),
        (InvalidEnableConnectProtocol, "SETTINGS 0 ENABLE_CONNECT_PROTOCOL=2"),
        (InvalidNoRfc7540Priorities, "SETTINGS 0 0x99=7 NO_RFC7540_PRIORITIES=2"),
        (PushPromiseOnConnection, "PUSH_PROMISE 0 promised=2"),
        (PromisedStreamZero, "PUSH_PROMISE 1 promised=R0"),
        (PingOnStream, "PING 1 \"12345678\""),
        (PingLength, "PING 0 \"1234567\""),
        (PingLength, "PING 0 +ACK \"123456789\""),
        (GoAwayOnStream, "GOAWAY 1 last=0 NO_ERROR"),
        (GoAwayLength, "GOAWAY 0 0x00000000000000"),
        (WindowUpdateLength, "WINDOW_UPDATE 0 1 0x00"),
        (WindowUpdateLength, "WINDOW_UPDATE 1"),
        (ZeroStreamIncrement, "WINDOW_UPDATE 1 0"),
        (ZeroStreamIncrement, "WINDOW_UPDATE 1 R0"),
        (ZeroConnectionIncrement, "WINDOW_UPDATE 0 0"),
        (ContinuationOnConnection, "CONTINUATION 0 +END_HEADERS"),
        (PriorityUpdateOnStream, "PRIORITY_UPDATE 1 prioritized=1"),
        (PriorityUpdateLength, "PRIORITY_UPDATE 0 \"u=1\""),
        (PrioritizedStreamZero, "PRIORITY_UPDATE 0 prioritized=0 \"u=1\""),
    ];
    let mut shown = HashSet::new();
    for (fault, line) in samples {
        shown.insert(fault);
        let sample = frame(line);
        assert_eq!(Frame::try_from(&sample), Err(fault), "{line}");
        // The decoder says the same, and goes on behind a fault of a stream.
        let input = octets(&[frame("SETTINGS 0"), sample.clone(), frame("PING 0 \"12345678\"")]);
        let outcome = feed(DEFAULT_MAX_FRAME_SIZE, &input, &[]);
        match fault.scope() {
            Scope::Connection => assert_eq!(outcome.fault, Some(fault), "{line}"),
            Scope::Stream => {
                assert_eq!(outcome.fault, None, "{line}");
                let refused = format!("{} {fault:?}", sample.head().stream());
                assert_eq!(outcome.events[1..], [refused, "PING 0 \"12345678\"".to_owned()]);
            }
        }
    }
    let sequences: [(Fault, &[&str]); 11] = [
        (FirstFrameNotSettings, &["PING 0 \"12345678\""]),
        (FirstFrameNotSettings, &["SETTINGS 0 +ACK"]),
        (FirstFrameNotSettings, &["DATA 1 \"x\""]),
        (FrameTooLarge, &["SETTINGS 0", "RAW type=0x99 flags=0 stream=0 len=16385"]),
        (FrameTooLarge, &["SETTINGS 0", "RAW type=0 flags=0 stream=1 len=16777215"]),
        (ExpectedContinuation, &["SETTINGS 0", "HEADERS 1 :path=/", "DATA 1"]),
        (ExpectedContinuation, &["SETTINGS 0", "HEADERS 1", "CONTINUATION 3"]),
        (ExpectedContinuation, &["SETTINGS 0", "HEADERS 1", "CONTINUATION 1", "HEADERS 1"]),
        (
            ExpectedContinuation,
            &["SETTINGS 0", "PUSH_PROMISE 1 promised=2", "RAW type=0x99 flags=0 stream=1"],
        ),
        (UnexpectedContinuation, &["SETTINGS 0", "CONTINUATION 1"]),
        (
            UnexpectedContinuation,
            &["SETTINGS 0", "HEADERS 1 +END_HEADERS", "CONTINUATION 1 +END_HEADERS"],
        ),
    ];
    for (fault, lines) in sequences {
        shown.insert(fault);
        let frames: Vec<_> = lines.iter().map(|line| frame(line)).collect();
        let outcome = feed(DEFAULT_MAX_FRAME_SIZE, &octets(&frames), &[]);
        assert_eq!(outcome.fault, Some(fault), "{lines:?}");
    }
    // Shown beside what they are about: the preface below, and windows in their own tests.
    shown.extend([InvalidPreface, StreamWindowOverflow, ConnectionWindowOverflow]);
    shown.extend([StreamWindowExceeded, ConnectionWindowExceeded, InitialWindowOverflow]);
    for fault in Fault::ALL {
        assert!(shown.contains(fault), "no sample of {fault:?}");
    }
}

#[test]
fn faults_know_name_code_and_section() {
    for fault in Fault::ALL {
        assert_eq!(fault.name(), format!("{fault:?}"));
        assert!(fault.code().name().is_some() && fault.code() != ErrorCode::NO_ERROR);
        let message = fault.to_string();
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
    }
    assert_eq!(Fault::PingLength.section().to_string(), "RFC 9113 §6.7");
}

#[test]
fn the_preface_is_judged_octet_by_octet() {
    for len in 0..PREFACE.len() {
        assert_eq!(Decoder::preface(&PREFACE[..len]), Ok(false));
        let mut wrong = PREFACE[..=len].to_vec();
        wrong[len] ^= 1;
        assert_eq!(Decoder::preface(&wrong), Err(Fault::InvalidPreface));
    }
    assert_eq!(Decoder::preface(PREFACE), Ok(true));
    assert_eq!(Decoder::preface(&[&PREFACE[..], b"\0"].concat()), Ok(true));
    assert_eq!(Decoder::preface(b"GET / HTTP/1.1\r\n\r\n"), Err(Fault::InvalidPreface));
}

#[test]
fn bits_and_flags_without_meaning_are_ignored() {
    for (line, plain) in [
        ("DATA R1 +0xf6 \"x\"", "DATA 1 \"x\""),
        ("PING R0 +0xfe \"12345678\"", "PING 0 \"12345678\""),
        ("SETTINGS 0 +0xfe", "SETTINGS 0"),
        ("WINDOW_UPDATE 1 R5", "WINDOW_UPDATE 1 5"),
        ("GOAWAY 0 last=R5 NO_ERROR", "GOAWAY 0 last=5 NO_ERROR"),
        ("PUSH_PROMISE 1 promised=R2", "PUSH_PROMISE 1 promised=2"),
        ("DATA 1 +PADDED 0x02 \"hi\" 0xffff", "DATA 1 +PADDED=2 \"hi\""),
    ] {
        assert_eq!(frame(line).typed().unwrap().to_string(), plain);
    }
}

#[test]
fn lines_are_written_as_they_are_read() {
    for line in [
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :path=/ x=\"a b\" y= \"\"=z",
        "HEADERS 1 \"+x\"=y \"a=b\"=c=d X-Upper=\"\\x80\" 0xab=1",
        "HEADERS 3 +END_HEADERS +PADDED=8 +PRIORITY=!1/256 0xbe8287",
        "HEADERS 3 +PADDED +0x80 0xff",
        "HEADERS 1 +END_HEADERS",
        "DATA 1 +END_STREAM \"hello \\\"\\\\\\r\\n\\t\"",
        "DATA R0 +PADDED=3",
        "DATA 2147483647 0x00",
        "PRIORITY 3 0/1",
        "RST_STREAM 1 ENHANCE_YOUR_CALM",
        "RST_STREAM 1 4294967295",
        "SETTINGS 0 MAX_FRAME_SIZE=16384 0x2a=4294967295",
        "SETTINGS 0 +ACK",
        "SETTINGS 0 0x00",
        "PUSH_PROMISE 1 +END_HEADERS promised=R2 promised=3",
        "PING 0 +ACK \"12345678\"",
        "PING 7 \"short\"",
        "GOAWAY 0 last=2147483647 NO_ERROR \"bye\"",
        "WINDOW_UPDATE 0 R2147483647",
        "CONTINUATION 1 +END_HEADERS a=b",
        "PRIORITY_UPDATE 0 prioritized=3 \"u=1, i\"",
        "RAW type=0x42 flags=0x01 stream=R3 len=100 0x0102",
        "RAW type=0x01 flags=0x04 stream=1 len=0 \"x\"",
    ] {
        assert_eq!(frame(line).to_string(), line);
    }
    // Octets in pieces are joined, and may stand among fields.
    assert_eq!(frame("DATA  1  \"a\"   0x62 \"c\""), frame("DATA 1 \"abc\""));
    assert_eq!(frame("HEADERS 1 :method=GET 0x84").payload, [0x82, 0x84][..]);
    assert_eq!(frame("RAW type=0 flags=1 stream=1 \"x\""), frame("DATA 1 +END_STREAM \"x\""));
}

#[test]
fn lines_that_stand_for_no_frame_are_refused_at_their_word() {
    use text::LineFault::*;
    for (line, fault, at) in [
        ("", MissingWord, 0),
        ("DATA", MissingWord, 4),
        ("data 1", UnknownType, 0),
        ("DATA x", InvalidStream, 5),
        ("DATA 2147483648", InvalidStream, 5),
        ("DATA +1", InvalidStream, 5),
        ("DATA 1 +ACK", InvalidFlag, 7),
        ("DATA 1 +PADDED=256", InvalidFlag, 7),
        ("DATA 1 +END_STREAM=1", InvalidFlag, 7),
        ("DATA 1 +0x", InvalidFlag, 7),
        ("DATA 1 x", UnexpectedWord, 7),
        ("DATA 1 \"x", InvalidQuoted, 7),
        ("DATA 1 \"\\q\"", InvalidQuoted, 7),
        ("DATA 1 \"\\x0\"", InvalidQuoted, 7),
        ("DATA 1 0x0", InvalidHex, 7),
        ("DATA 1 0x", InvalidHex, 7),
        ("DATA 1 0xé", InvalidHex, 7),
        ("HEADERS 1 x", UnexpectedWord, 10),
        ("HEADERS 1 a=b\"c\"", InvalidQuoted, 10),
        ("HEADERS 1 +PRIORITY=1/0", InvalidFlag, 10),
        ("HEADERS 1 +PRIORITY=1/257", InvalidFlag, 10),
        ("SETTINGS 0 FOO=1", InvalidSetting, 11),
        ("SETTINGS 0 ENABLE_PUSH=x", InvalidNumber, 11),
        ("SETTINGS 0 ENABLE_PUSH=4294967296", InvalidNumber, 11),
        ("RST_STREAM 1 cancel", InvalidErrorCode, 13),
        ("RST_STREAM 1 CANCEL CANCEL", UnexpectedWord, 20),
        ("GOAWAY 0 5 NO_ERROR", UnexpectedWord, 9),
        ("GOAWAY 0 last=5", MissingWord, 15),
        ("WINDOW_UPDATE 0 -1", InvalidNumber, 16),
        ("PING 0 1", UnexpectedWord, 7),
        ("RAW type=256 flags=0 stream=0", InvalidNumber, 4),
        ("RAW flags=0", UnexpectedWord, 4),
        ("RAW type=1 flags=0 stream=0 len=16777216", InvalidNumber, 28),
        ("RAW type=1 flags=0 stream=0 x", UnexpectedWord, 28),
    ] {
        let error = line.parse::<RawFrame>().expect_err(line);
        assert_eq!((error.fault, error.at), (fault, at), "{line}");
    }
}

#[test]
fn a_block_is_split_into_frames_of_the_size_the_peer_takes() {
    for (len, expected) in [(0, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3)] {
        let block: Vec<u8> = (0..len).collect();
        let mut out = Vec::new();
        encode_field_block(id(1), true, &block, 10, &mut out);
        let mut input = BytesMut::from(&out[..]);
        let frames: Vec<_> = std::iter::from_fn(|| RawFrame::take(&mut input)).collect();
        assert_eq!(frames.len(), expected);
        let joined: Vec<u8> = frames.iter().flat_map(|frame| frame.payload.to_vec()).collect();
        assert_eq!(joined, block);
        for (at, frame) in frames.iter().enumerate() {
            let kind = if at == 0 { FrameType::HEADERS } else { FrameType::CONTINUATION };
            assert_eq!(frame.kind, kind);
            let last = at + 1 == expected;
            assert_eq!(frame.flags.has(Flags::END_HEADERS), last);
            assert_eq!(frame.flags.has(Flags::END_STREAM), at == 0);
        }
    }
}

#[test]
fn a_line_becomes_a_request() {
    let line = "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=https :path=/a?b \
                :authority=example.org accept=*/*";
    let headers = frame(line);
    let Ok(Frame::Headers { fragment, .. }) = headers.typed() else { panic!("{headers}") };
    let mut section = hpack::DecodedSection::default();
    let limits = hpack::SectionLimits::default();
    hpack::Decoder::new().decode(fragment, &limits, &mut section).unwrap();
    let head = request(&section, false).unwrap();
    assert_eq!(head.target.path.of(section.buffer()), b"/a");
    assert_eq!(head.fields(&section).named(b"accept").next(), Some(&b"*/*"[..]));
}

#[test]
fn stream_identifiers_have_31_bits_and_are_not_zero() {
    assert_eq!(StreamId::new(0), None);
    assert_eq!(StreamId::new(0x8000_0000), None);
    assert!(id(0x7fff_ffff).is_client() && !id(2).is_client());
}

#[test]
fn a_later_setting_of_the_same_name_is_kept_behind_the_earlier() {
    let mut payload = SettingsPayload::default();
    payload.push(SettingId::HEADER_TABLE_SIZE, 0).unwrap();
    payload.push(SettingId::HEADER_TABLE_SIZE, 100).unwrap();
    assert_eq!(payload.push(SettingId::ENABLE_PUSH, 2), Err(Fault::InvalidEnablePush));
    let settings = payload.view();
    let expected = [(SettingId::HEADER_TABLE_SIZE, 0), (SettingId::HEADER_TABLE_SIZE, 100)];
    assert_eq!(settings.iter().collect::<Vec<_>>(), expected);
    assert_eq!((settings.len(), settings.is_empty()), (2, false));
}

fn kind() -> impl Strategy<Value = FrameType> {
    prop_oneof![
        8 => prop::sample::select(FrameType::NAMED),
        1 => any::<u8>().prop_map(FrameType),
    ]
}

fn flags() -> impl Strategy<Value = Flags> {
    prop_oneof![
        1 => any::<u8>().prop_map(Flags),
        2 => prop::sample::select(&[0, 1, 4, 5, 8, 0x2c, 0x0d, 0x25][..]).prop_map(Flags),
    ]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(prop_oneof![Just(0), 0x80..0xc0u8, Just(b'a')], 0..30),
        "[ -~]{0,20}".prop_map(String::into_bytes),
        prop::collection::vec(("[+a-z:=\"\\\\ A]{0,6}", "[ -~]{0,6}"), 1..4).prop_map(|fields| {
            let mut out = Vec::new();
            for (name, value) in fields {
                hpack::Representation::Literal {
                    indexing: hpack::Indexing::Without,
                    name: hpack::Name::Literal(hpack::Literal::plain(name.as_bytes())),
                    value: hpack::Literal::plain(value.as_bytes()),
                }
                .encode(&mut out);
            }
            out
        }),
        (any::<u32>(), any::<u16>(), any::<u32>()).prop_map(|(a, b, c)| {
            [&a.to_be_bytes()[..], &b.to_be_bytes(), &c.to_be_bytes()].concat()
        }),
    ];
    let exact = |len| prop::collection::vec(any::<u8>(), len);
    prop_oneof![4 => pieces, 1 => exact(4), 1 => exact(5), 1 => exact(6), 1 => exact(8)]
}

fn raw() -> impl Strategy<Value = RawFrame> {
    let length = prop::option::weighted(0.1, 0..=MAX_FRAME_SIZE);
    let stream = prop_oneof![Just(0), Just(1), any::<u32>()];
    (length, kind(), flags(), stream, payload()).prop_map(
        |(length, kind, flags, stream_field, payload)| RawFrame {
            length,
            kind,
            flags,
            stream_field,
            payload: Bytes::from(payload),
        },
    )
}

/// Raw frames with true lengths whose first is SETTINGS.
fn connection() -> impl Strategy<Value = Vec<RawFrame>> {
    prop::collection::vec(raw(), 0..8).prop_map(|mut frames| {
        frames.insert(0, frame("SETTINGS 0"));
        frames.iter_mut().for_each(|frame| frame.length = None);
        frames
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_line_gives_its_raw_frame_back(frame in raw()) {
        let line = frame.to_string();
        prop_assert_eq!(line.parse::<RawFrame>(), Ok(frame), "{}", line);
        prop_assert!(line.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
    }

    #[test]
    fn typed_frames_survive_octets_and_lines(frame in raw()) {
        if let Ok(typed) = frame.typed() {
            let mut octets = Vec::new();
            typed.encode(&mut octets);
            let again = RawFrame::take(&mut BytesMut::from(&octets[..])).unwrap();
            prop_assert_eq!(again.typed(), Ok(typed));
            let parsed: RawFrame = typed.to_string().parse().unwrap();
            prop_assert_eq!(parsed.typed(), Ok(typed));
            prop_assert_eq!(parsed, again);
        }
    }

    #[test]
    fn raw_frames_survive_octets(frames in prop::collection::vec(raw(), 0..4)) {
        let frames: Vec<_> =
            frames.into_iter().map(|frame| RawFrame { length: None, ..frame }).collect();
        let mut input = BytesMut::from(&octets(&frames)[..]);
        for frame in frames {
            prop_assert_eq!(RawFrame::take(&mut input), Some(frame));
        }
        prop_assert_eq!(RawFrame::take(&mut input), None);
    }

    #[test]
    fn any_split_gives_the_same_events(
        frames in connection(), cuts in prop::collection::vec(0..200usize, 0..8), cut in 0..20usize,
    ) {
        let mut input = octets(&frames);
        input.truncate(input.len().saturating_sub(cut));
        let mut cuts: Vec<_> = cuts.into_iter().filter(|&cut| cut < input.len()).collect();
        cuts.sort_unstable();
        let whole = feed(100, &input, &[]);
        prop_assert_eq!(&feed(100, &input, &cuts), &whole);
        let each: Vec<_> = (0..input.len()).collect();
        prop_assert_eq!(&feed(100, &input, &each), &whole);
    }

    #[test]
    fn random_octets_do_no_harm(
        input in prop::collection::vec(any::<u8>(), 0..200), line in "[ -~]{0,40}",
        known in prop::sample::select(FrameType::NAMED), rest in "[ -~]{0,40}",
    ) {
        feed(100, &input, &[]);
        let mut behind = octets(&[frame("SETTINGS 0")]);
        behind.extend(&input);
        feed(100, &behind, &[]);
        for line in [line, format!("{known} 1 {rest}"), format!("RAW type=1 {rest}")] {
            if let Ok(frame) = line.parse::<RawFrame>() {
                prop_assert_eq!(frame.to_string().parse(), Ok(frame));
            }
        }
    }

    #[test]
    fn random_sections_are_judged_without_harm(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut section = hpack::DecodedSection::default();
        let limits = hpack::SectionLimits::default();
        let _ = hpack::Decoder::new().decode(&input, &limits, &mut section);
        let _ = (request(&section, true), response(&section), trailers(&section));
    }
}
