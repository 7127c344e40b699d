//! Tests of the whole: samples by rule, any split of the input, both paths, round trips.

use super::*;
use crate::field::{FieldName, FieldSection};
use crate::method::Method;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const PROFILES: [Profile; 2] = [Profile::Strict, Profile::Lenient];

/// What became of some octets. The head comes with the octets it points into.
#[derive(Clone, Debug, PartialEq)]
enum Outcome<Head> {
    Complete(Head, Vec<u8>),
    Partial,
    Refused(Fault),
}

/// Feeds `octets` up to each of `cuts` in turn, then all of them.
macro_rules! feed {
    ($name:ident, $parser:ident, $head:ident) => {
        fn $name(
            profile: Profile,
            limits: HeadLimits,
            octets: &[u8],
            cuts: &[usize],
            by_line: bool,
        ) -> Outcome<$head> {
            let mut parser = $parser::new(profile, limits);
            let mut head = $head::default();
            let mut buffer = Vec::new();
            for &end in cuts.iter().chain([&octets.len()]) {
                buffer.extend_from_slice(&octets[buffer.len()..end]);
                let parsed = if by_line {
                    parser.parse_by_line(&mut buffer, &mut head)
                } else {
                    parser.parse(&mut buffer, &mut head)
                };
                match parsed {
                    Ok(Parsed::Partial) => {}
                    Ok(Parsed::Complete) => {
                        buffer.truncate(head.len);
                        return Outcome::Complete(head, buffer);
                    }
                    Err(fault) => return Outcome::Refused(fault),
                }
            }
            Outcome::Partial
        }
    };
}

feed!(feed_request, RequestParser, RequestHead);
feed!(feed_response, ResponseParser, ResponseHead);

fn request(profile: Profile, octets: &[u8]) -> Outcome<RequestHead> {
    feed_request(profile, HeadLimits::default(), octets, &[], false)
}

fn response(profile: Profile, octets: &[u8]) -> Outcome<ResponseHead> {
    feed_response(profile, HeadLimits::default(), octets, &[], false)
}

/// The head of a request that must be accepted.
fn accepted(profile: Profile, text: &str) -> RequestHead {
    match request(profile, text.as_bytes()) {
        Outcome::Complete(head, _) => head,
        other => panic!("{text:?}: {other:?}"),
    }
}

fn refused(profile: Profile, text: &str) -> Fault {
    match request(profile, text.as_bytes()) {
        Outcome::Refused(fault) => fault,
        other => panic!("{text:?}: {other:?}"),
    }
}

/// What a chunked message gave: content, trailers, and how it ended after how many octets.
#[derive(Clone, Debug, PartialEq)]
struct Unchunked {
    content: Vec<u8>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    end: Result<(bool, usize), Fault>,
}

fn unchunk(profile: Profile, limits: ChunkLimits, octets: &[u8], cuts: &[usize]) -> Unchunked {
    let mut decoder = ChunkedDecoder::new(profile, limits);
    let mut trailers = FieldSection::default();
    let mut content = Vec::new();
    let mut at = 0;
    let mut end = Ok((false, 0));
    'feed: for &available in cuts.iter().chain([&octets.len()]) {
        // Content that is certain may go past the decoder; every other part takes that way.
        let past = (decoder.ahead().min(64) as usize).min(available - at);
        if available % 2 == 1 && past > 0 {
            content.extend_from_slice(&octets[at..at + past]);
            decoder.pass(past);
            at += past;
        }
        loop {
            let buffer = &octets[at..available];
            match decoder.decode(buffer, &mut trailers) {
                Ok(Decoded::Data { skip, len }) => {
                    assert!(len > 0);
                    content.extend_from_slice(&buffer[skip..skip + len]);
                    at += skip + len;
                }
                Ok(Decoded::Partial { consumed }) => {
                    at += consumed;
                    end = Ok((false, at));
                    break;
                }
                Ok(Decoded::End { consumed }) => {
                    end = Ok((true, at + consumed));
                    break 'feed;
                }
                Err(fault) => {
                    end = Err(fault);
                    break 'feed;
                }
            }
        }
    }
    let trailers = trailers.view().iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    Unchunked { content, trailers, end }
}

fn chunked(octets: &[u8]) -> Result<(bool, usize), Fault> {
    unchunk(Profile::Strict, ChunkLimits::default(), octets, &[]).end
}

/// A GET with these field lines behind Host.
fn get_with(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

/// For each fault a sample that has it: of a request head, a response head or chunked content.
fn samples() -> Vec<(Fault, &'static str, Vec<u8>)> {
    use Fault::*;
    let request_line = |line: &str| format!("{line}\r\nHost: a\r\n\r\n");
    let mut samples: Vec<(Fault, &'static str, Vec<u8>)> = Vec::new();
    let mut add = |fault, kind, text: String| samples.push((fault, kind, text.into_bytes()));
    for (fault, line) in [
        (TlsOnCleartext, "\x16\x03\x01"),
        (LeadingEmptyLines, "\r\n\r\n\r\nGET / HTTP/1.1"),
        (BareLineFeed, "\nGET / HTTP/1.1"),
        (BareLineFeed, "GET / HTTP/1.1\nX: y"),
        (BareCarriageReturn, "\rGET / HTTP/1.1"),
        (BareCarriageReturn, "GET / HTTP/1.1\rX: y"),
        (NulOctet, "GET\0 / HTTP/1.1"),
        (NulOctet, "GET /\0 HTTP/1.1"),
        (InvalidMethod, "GE(T / HTTP/1.1"),
        (InvalidMethod, "\u{1}"),
        (InvalidMethod, "\x16\x04"),
        (InvalidRequestLine, "GET /"),
        (InvalidRequestLine, "GET HTTP/1.1"),
        (InvalidRequestLine, "GET"),
        (ExtraWhitespaceInRequestLine, " GET / HTTP/1.1"),
        (ExtraWhitespaceInRequestLine, "GET  / HTTP/1.1"),
        (ExtraWhitespaceInRequestLine, "GET\t/ HTTP/1.1"),
        (ExtraWhitespaceInRequestLine, "GET /  HTTP/1.1"),
        (ExtraWhitespaceInRequestLine, "GET / HTTP/1.1 "),
        (InvalidVersion, "GET / http/1.1"),
        (InvalidVersion, "GET / HTTP/1"),
        (InvalidVersion, "GET / HTTP/1.10"),
        (InvalidVersion, "GET / HTTP/01.1"),
        (InvalidVersion, "GET / HTTP/1,1"),
        (InvalidVersion, "GET /a b HTTP/1.1"),
        (UnsupportedVersion, "GET / HTTP/0.9"),
        (UnsupportedVersion, "GET / HTTP/2.0"),
        (UnsupportedVersion, "PRI * HTTP/2.0"),
        (InvalidTarget, "GET index.html HTTP/1.1"),
        (InvalidTarget, "GET /<b> HTTP/1.1"),
        (ControlInTarget, "GET /\u{7f} HTTP/1.1"),
        (ControlInTarget, "GET /\u{b} HTTP/1.1"),
        (FragmentInTarget, "GET /a#b HTTP/1.1"),
        (InvalidPercentEncoding, "GET /%4 HTTP/1.1"),
        (UserinfoInTarget, "GET http://u@h/ HTTP/1.1"),
        (EmptyHostInTarget, "GET http:///x HTTP/1.1"),
        (AsteriskFormNotAllowed, "GET * HTTP/1.1"),
        (AuthorityFormNotAllowed, "GET h:80 HTTP/1.1"),
        (InvalidConnectTarget, "CONNECT / HTTP/1.1"),
    ] {
        add(fault, "request", request_line(line));
    }
    add(RequestLineTooLong, "request", request_line(&format!("GET /{} ", "x".repeat(8192))));
    add(RequestLineTooLong, "request", "x".repeat(8193));
    for (fault, lines) in [
        (DuplicateHost, "hOST: a"),
        (SpaceBeforeColon, "X-Falconry : 1"),
        (SpaceBeforeColon, "X-Falconry\t: 1"),
        (InvalidFieldName, "no colon"),
        (MissingColon, "no-colon"),
        (EmptyFieldName, ": x"),
        (InvalidFieldName, "X(Y: 1"),
        (InvalidFieldName, "a b: 1"),
        (InvalidFieldValue, "X: \u{7f}"),
        (NulOctet, "X: a\0b"),
        (NulOctet, "X\0: b"),
        (BareLineFeed, "X: a\nY: b"),
        (BareLineFeed, "\nY: b"),
        (BareCarriageReturn, "X: a\rY: b"),
        (BareCarriageReturn, "\rY: b"),
        (BareCarriageReturn, "X: a\r"),
        (ObsoleteFold, "X: a\r\n b"),
        (InvalidContentLength, "Content-Length: +5"),
        (DuplicateContentLength, "Content-Length: 5\r\nContent-Length: 5"),
        (ContentLengthOverflow, "Content-Length: 18446744073709551616"),
        (ContentLengthWithTransferEncoding, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        (InvalidTransferEncoding, "Transfer-Encoding: chunked foo"),
        (FinalCodingNotChunked, "Transfer-Encoding: chunked, gzip"),
        (FinalCodingNotChunked, "Transfer-Encoding:"),
        (UnknownTransferCoding, "Transfer-Encoding: gzip, chunked"),
        (ChunkedTwice, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        (CodingParameters, "Transfer-Encoding: chunked;a=b"),
        (InvalidConnectionOption, "Connection: a b"),
    ] {
        add(fault, "request", get_with(lines));
    }
    add(MissingHost, "request", "GET http://h/ HTTP/1.1\r\n\r\n".into());
    add(InvalidHost, "request", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".into());
    add(DuplicateHost, "request", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n".into());
    add(WhitespaceBeforeFirstField, "request", "GET / HTTP/1.1\r\n Host: a\r\n\r\n".into());
    add(
        TransferEncodingInHttp10,
        "request",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
    );
    add(TooManyFieldLines, "request", get_with(&"X:\r\n".repeat(100)));
    add(FieldSectionTooLarge, "request", get_with(&format!("X: {}", "y".repeat(32 * 1024))));
    for (fault, text) in [
        (InvalidChunkSize, "x\r\n"),
        (InvalidChunkSize, "0x5\r\n"),
        (InvalidChunkSize, "\r\n"),
        (InvalidChunkSize, " 5\r\n"),
        (ChunkSizeOverflow, "10000000000000000\r\n"),
        (ChunkDataNotTerminated, "1\r\nab"),
        (ChunkDataNotTerminated, "1\r\na\n0"),
        (BareLineFeed, "1\na"),
        (BareLineFeed, "1;a\nb"),
        (BareLineFeed, "0\r\n\n"),
        (BareCarriageReturn, "1\ra"),
        (InvalidChunkExtension, "1;\r\n"),
        (InvalidChunkExtension, "1;=b\r\n"),
        (InvalidChunkExtension, "1;a=\r\n"),
        (InvalidChunkExtension, "1;a=\"b\r\n"),
        (InvalidChunkExtension, "1 \r\n"),
        (InvalidChunkExtension, "1 junk\r\n"),
        (SpaceBeforeColon, "0\r\nX : y\r\n\r\n"),
        (ObsoleteFold, "0\r\nX: y\r\n z\r\n\r\n"),
    ] {
        add(fault, "chunked", text.into());
    }
    add(ChunkSizeOverflow, "chunked", "0".repeat(65));
    add(ChunkFramingTooLarge, "chunked", format!("1;a={}", "b".repeat(256)));
    add(ChunkFramingTooLarge, "chunked", "1\r\na\r\n".repeat(70_000));
    add(TrailerSectionTooLarge, "chunked", format!("0\r\nX: {}", "y".repeat(8192)));
    add(TooManyFieldLines, "chunked", format!("0\r\n{}", "X:\r\n".repeat(33)));
    for (fault, text) in [
        (InvalidStatusLine, "HTTP/1.1 200\r\n\r\n"),
        (InvalidStatusLine, "HTTP/1.1  200 OK\r\n\r\n"),
        (InvalidStatusLine, "HTTP/1.1 20x OK\r\n\r\n"),
        (InvalidStatusLine, "HTTP/1.1 200 O\u{7f}\r\n\r\n"),
        (InvalidVersion, "HTTQ/1.1 200 OK\r\n\r\n"),
        (InvalidVersion, "\r\nHTTP/1.1 200 OK\r\n\r\n"),
        (InvalidVersion, "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        (UnsupportedVersion, "HTTP/2.0 200 OK\r\n\r\n"),
        (InvalidStatusCode, "HTTP/1.1 600 OK\r\n\r\n"),
        (InvalidStatusCode, "HTTP/1.1 099 OK\r\n\r\n"),
        (NulOctet, "HTTP/1.1 200 \0\r\n\r\n"),
        (BareLineFeed, "HTTP/1.1 200 OK\n\r\n"),
        (
            ContentLengthWithTransferEncoding,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        ),
    ] {
        add(fault, "response", text.into());
    }
    add(StatusLineTooLong, "response", format!("HTTP/1.1 200 {}", "x".repeat(8192)));
    samples
}

#[test]
fn every_fault_has_a_sample_that_shows_it() {
    let samples = samples();
    for (fault, kind, octets) in &samples {
        let found = match *kind {
            "chunked" => chunked(octets).err(),
            "response" => match response(Profile::Strict, octets) {
                Outcome::Refused(fault) => Some(fault),
                _ => None,
            },
            _ => match request(Profile::Strict, octets) {
                Outcome::Refused(fault) => Some(fault),
                _ => None,
            },
        };
        let start = String::from_utf8_lossy(&octets[..octets.len().min(80)]);
        assert_eq!(found, Some(*fault), "{kind} {start:?}");
    }
    for fault in Fault::ALL {
        assert!(samples.iter().any(|(other, ..)| other == fault), "no sample of {fault:?}");
    }
}

#[test]
fn faults_know_name_status_and_section() {
    for fault in Fault::ALL {
        assert_eq!(fault.name(), format!("{fault:?}"));
        assert!(matches!(fault.status(), 400 | 414 | 431 | 501 | 502 | 505), "{fault:?}");
        let message = fault.to_string();
        assert!(!message.is_empty() && !message.ends_with('.'), "{message}");
        assert!(fault.section().to_string().starts_with("RFC "));
    }
    assert_eq!(Fault::SpaceBeforeColon.section().to_string(), "RFC 9112 §5.1");
}

/// The fewest octets that show each fault of a single octet: what follows them cannot change it.
#[test]
fn faults_are_found_as_soon_as_they_are_certain() {
    for (text, fault) in [
        ("\x16\x03", Fault::TlsOnCleartext),
        ("\u{1}", Fault::InvalidMethod),
        ("\0", Fault::NulOctet),
        ("GET /\r\r", Fault::BareCarriageReturn),
        ("GET /#", Fault::FragmentInTarget),
        ("GET /%x", Fault::InvalidPercentEncoding),
        ("GET / F", Fault::InvalidVersion),
        ("GET / HTTP/1.1\r\nHost :", Fault::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\n ", Fault::WhitespaceBeforeFirstField),
        ("GET / HTTP/1.1\r\nHost: a\r\n ", Fault::ObsoleteFold),
        ("GET / HTTP/1.1\r\nHost: a\0", Fault::NulOctet),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", Fault::DuplicateHost),
    ] {
        assert_eq!(refused(Profile::Strict, text), fault, "{text:?}");
        let shorter = &text[..text.len() - 1];
        assert_eq!(request(Profile::Strict, shorter.as_bytes()), Outcome::Partial, "{shorter:?}");
    }
}

#[test]
fn a_typical_request_is_taken_apart() {
    let text = "POST /a?b=c HTTP/1.1\r\nHost: x.example:8080\r\nContent-Length: 010\r\n\
                X-Falconry:\t one two \r\nEmpty:\r\nExpect: 100-Continue\r\n\r\nbody";
    for profile in PROFILES {
        let head = accepted(profile, text);
        let octets = text.as_bytes();
        assert_eq!(head.method, Method::Post);
        assert_eq!(head.method_span.of(octets), b"POST");
        assert_eq!(head.version, Version::Http11);
        assert_eq!(head.target.path.of(octets), b"/a");
        assert_eq!(head.target.query.map(|query| query.of(octets)), Some(&b"b=c"[..]));
        assert_eq!(head.framing, Framing::Length(10));
        assert!(head.persistent && head.expects_continue && !head.upgrade && !head.keep_alive_10);
        assert_eq!(head.authority.of(octets), b"x.example:8080");
        assert_eq!(head.len, octets.len() - 4);
        let fields = head.fields(octets);
        assert_eq!(fields.len(), 5);
        assert_eq!(fields.named(b"x-falconry").collect::<Vec<_>>(), [b"one two"]);
        assert_eq!(fields.named(b"EMPTY").collect::<Vec<_>>(), [b""]);
    }
}

#[test]
fn the_strict_profile_accepts_what_must_be_accepted() {
    for lines in [
        "Transfer-Encoding: , chunked ,",
        "transfer-encoding: ChUnKeD",
        "Content-Length: \t 5 \t",
        "X: \u{e9}",
        "X:",
        "Connection: ,,",
        "!#$%&'*+-.^_`|~09: x",
    ] {
        accepted(Profile::Strict, &get_with(lines));
    }
    for line in [
        "\r\nGET / HTTP/1.1",
        "\r\n\r\nGET / HTTP/1.1",
        "GET / HTTP/1.2",
        "get /a%20b?[x]=1 HTTP/1.1",
        "M-SEARCH * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET HTTP://[::1]:80 HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
    ] {
        let text = format!("{line}\r\nHost:\r\n\r\n");
        if line.starts_with('M') {
            // RFC 9112 §3.2.4: the asterisk belongs to OPTIONS; M-SEARCH runs over UDP.
            assert_eq!(refused(Profile::Strict, &text), Fault::AsteriskFormNotAllowed);
        } else {
            assert_eq!(accepted(Profile::Strict, &text).version, Version::Http11);
        }
    }
    let old = accepted(Profile::Strict, "GET / HTTP/1.0\r\n\r\n");
    assert_eq!(old.version, Version::Http10);
    assert!(!old.persistent && old.authority.is_empty());
}

#[test]
fn the_target_outranks_host() {
    let text = "GET http://b:8/ HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(accepted(Profile::Strict, text).authority.of(text.as_bytes()), b"b:8");
    let text = "CONNECT b:8 HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(accepted(Profile::Strict, text).authority.of(text.as_bytes()), b"b:8");
}

#[test]
fn http_1_0_knows_neither_expectations_nor_upgrades() {
    let lines = "Connection: keep-alive, upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\n\r\n";
    let old = accepted(Profile::Strict, &format!("GET / HTTP/1.0\r\n{lines}"));
    assert!(old.persistent && old.keep_alive_10 && !old.upgrade && !old.expects_continue);
    let new = accepted(Profile::Strict, &format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}"));
    assert!(new.persistent && !new.keep_alive_10 && new.upgrade && new.expects_continue);
    assert!(!accepted(Profile::Strict, &get_with("Upgrade: x")).upgrade);
    assert!(!accepted(Profile::Strict, &get_with("Connection: upgrade")).upgrade);
}

#[test]
fn the_lenient_profile_accepts_what_a_recipient_may() {
    let lenient = |text: &str| accepted(Profile::Lenient, text);
    assert_eq!(lenient("\n\r\nGET / HTTP/1.1\nHost: a\nX: b\n\n").fields(b"").len(), 2);
    assert_eq!(lenient(" GET \t /\x0b HTTP/1.1  \r\nHost: a\r\n\r\n").target.path.len(), 1);
    assert_eq!(lenient("GET /<\u{e9}> HTTP/1.1\r\nHost: a\r\n\r\n").target.path.len(), 5);
    let both = lenient(&get_with("Content-Length: 5\r\nTransfer-Encoding: chunked"));
    assert!(both.framing == Framing::Chunked && !both.persistent);
    let old =
        lenient("GET / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(old.framing == Framing::Chunked && !old.persistent);
    assert_eq!(lenient(&get_with("Content-Length: 5, 5")).framing, Framing::Length(5));
    assert_eq!(
        refused(Profile::Lenient, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        Fault::WhitespaceBeforeFirstField
    );
    assert_eq!(refused(Profile::Lenient, &get_with("X : y")), Fault::SpaceBeforeColon);
}

#[test]
fn the_lenient_profile_unfolds_in_place() {
    let text = get_with("X: a\r\n\t b\rc\r\n \r\nTransfer-Encoding:\r\n chunked");
    match request(Profile::Lenient, text.as_bytes()) {
        Outcome::Complete(head, octets) => {
            assert_eq!(octets.len(), text.len());
            let fields = head.fields(&octets);
            assert_eq!(fields.named(b"x").collect::<Vec<_>>(), [b"a  \t b c"]);
            assert_eq!(head.framing, Framing::Chunked);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_count_line_ends_and_hold_to_the_octet() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    let exact = HeadLimits { request_line: 16, field_section: 17, field_lines: 2 };
    let of = |limits| feed_request(Profile::Strict, limits, text.as_bytes(), &[], false);
    assert!(matches!(of(exact), Outcome::Complete(..)));
    for (limits, fault) in [
        (HeadLimits { request_line: 15, ..exact }, Fault::RequestLineTooLong),
        (HeadLimits { field_section: 16, ..exact }, Fault::FieldSectionTooLarge),
        (HeadLimits { field_lines: 1, ..exact }, Fault::TooManyFieldLines),
    ] {
        assert_eq!(of(limits), Outcome::Refused(fault));
    }
}

#[test]
fn pipelined_heads_are_parsed_one_after_the_other() {
    let first = get_with("X: 1");
    let mut octets = format!("{first}{}", get_with("X: 2")).into_bytes();
    let mut parser = RequestParser::new(Profile::Strict, HeadLimits::default());
    let mut head = RequestHead::default();
    assert_eq!(parser.parse(&mut octets, &mut head), Ok(Parsed::Complete));
    assert_eq!(head.len, first.len());
    let rest = &mut octets[first.len()..];
    assert_eq!(parser.parse(rest, &mut head), Ok(Parsed::Complete));
    assert_eq!(head.fields(rest).named(b"x").collect::<Vec<_>>(), [b"2"]);
}

#[test]
fn a_parser_is_as_new_behind_each_head() {
    let texts = [
        get_with("Content-Length: 5\r\nConnection: close"),
        get_with("X: y\r\nTransfer-Encoding: chunked"),
        get_with("X : y"),
        get_with("Content-Length: 6"),
    ];
    for profile in PROFILES {
        let mut parser = RequestParser::new(profile, HeadLimits::default());
        for text in &texts {
            let mut head = RequestHead::default();
            let mut octets = text.clone().into_bytes();
            let all = octets.len();
            let outcome = (0..=all)
                .map(|end| parser.parse(&mut octets[..end], &mut head))
                .find(|parsed| *parsed != Ok(Parsed::Partial));
            match request(profile, text.as_bytes()) {
                Outcome::Complete(whole, _) => {
                    assert_eq!(outcome, Some(Ok(Parsed::Complete)));
                    assert_eq!(head, whole);
                }
                Outcome::Refused(fault) => assert_eq!(outcome, Some(Err(fault))),
                Outcome::Partial => panic!("{text:?}"),
            }
        }
    }
}

#[test]
fn response_framing_follows_status_method_and_fields() {
    use ResponseFraming::*;
    let of = |text: &str, method| match response(Profile::Strict, text.as_bytes()) {
        Outcome::Complete(head, _) => (head.framing(method), head.persistent),
        other => panic!("{text:?}: {other:?}"),
    };
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(of(length, Method::Get), (Length(5), true));
    assert_eq!(of(length, Method::Head), (None, true));
    assert_eq!(of(length, Method::Connect), (None, true));
    assert_eq!(
        of("HTTP/1.1 404 \r\nContent-Length: 5\r\n\r\n", Method::Connect),
        (Length(5), true)
    );
    for status in ["103", "204", "304"] {
        let text = format!("HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(of(&text, Method::Get), (None, true));
    }
    let coded = |value| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {value}\r\n\r\n");
    assert_eq!(of(&coded("gzip, chunked"), Method::Get), (Chunked, true));
    assert_eq!(of(&coded("gzip"), Method::Get), (UntilClose, true));
    assert_eq!(of("HTTP/1.0 200 OK\r\n\r\n", Method::Get), (UntilClose, false));
    assert_eq!(
        of("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Method::Get),
        (UntilClose, false)
    );
}

#[test]
fn reasons_may_be_empty_or_hold_any_visible_octet() {
    let text = b"HTTP/1.1 200 a \xe9\r\n\r\n";
    for profile in PROFILES {
        match response(profile, text) {
            Outcome::Complete(head, octets) => assert_eq!(head.reason.of(&octets), b"a \xe9"),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(response(Profile::Strict, b"HTTP/1.1 200 \r\n\r\n"), Outcome::Complete(..)));
    assert!(matches!(response(Profile::Lenient, b"HTTP/1.1 200\r\n\r\n"), Outcome::Complete(..)));
    assert!(matches!(response(Profile::Lenient, b"HTTP/1.1 999 x\n\n"), Outcome::Complete(..)));
}

#[test]
fn chunks_extensions_and_trailers_are_decoded() {
    let text = b"5;a=b;c=\"d;\\\"\" ; e = f\r\nhello\r\n0000A\r\n, world!!!\r\n000;x\r\n\
                 X-Sum: 1 \r\nContent-Length: 3\r\nHost: a\r\nx-e:\r\n\r\nGET";
    for profile in PROFILES {
        let decoded = unchunk(profile, ChunkLimits::default(), text, &[]);
        assert_eq!(decoded.content, b"hello, world!!!");
        let kept = [(b"X-Sum".to_vec(), b"1".to_vec()), (b"x-e".to_vec(), Vec::new())];
        assert_eq!(decoded.trailers, kept);
        assert_eq!(decoded.end, Ok((true, text.len() - 3)));
    }
    assert_eq!(chunked(b"ffffffffffffffff\r\n"), Ok((false, 18)));
    assert_eq!(chunked(b"0\r\n"), Ok((false, 3)));
    let lenient = |octets| unchunk(Profile::Lenient, ChunkLimits::default(), octets, &[]).end;
    assert_eq!(lenient(b"0 \r\n\r\n"), Ok((true, 6)));
    assert_eq!(lenient(b"0\r\nX: y\n\n"), Ok((true, 9)));
    assert_eq!(lenient(b"0\n\n"), Err(Fault::BareLineFeed));
}

#[test]
fn framing_beyond_the_data_is_bounded() {
    // Four octets more framing than data in each chunk.
    let limits = ChunkLimits { overhead: 40, ..ChunkLimits::default() };
    let of = |chunks| unchunk(Profile::Strict, limits, "1\r\na\r\n".repeat(chunks).as_bytes(), &[]);
    assert_eq!(of(10).end, Ok((false, 60)));
    assert_eq!(of(12).end, Err(Fault::ChunkFramingTooLarge));
    let fair = "5\r\nhello\r\n".repeat(10_000);
    assert_eq!(unchunk(Profile::Strict, limits, fair.as_bytes(), &[]).content.len(), 50_000);
}

const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /a/b?c=%20d HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: x y/1\r\nAccept: */*\r\n\r\nGET",
    "POST http://[::1]:80/x?y HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /x HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\nConnection: close, x\r\n\r\n",
    "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nX: \t y \t\r\nZ:\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nUpgrade: u\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\nX: b\r\n c\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
    "HTTP/1.0 404 Not Found\r\n\r\n",
    "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 \u{e9}\r\nTransfer-Encoding: gzip, chunked\r\nEmpty:\r\n\r\n",
    "HTTP/1.1 200\nX: y\r\n z\r\n\n",
];

const BODIES: &[&str] = &[
    "5\r\nhello\r\n0\r\n\r\nGET",
    "5;a=b;c=\"d\\\"\"\r\nhello\r\n00a ; e = f\r\n0123456789\r\n0\r\nX: y\r\nZ: \t\r\n\r\n",
    "1\r\na\r\n1\r\nb\r\n0;last\r\nHost: a\r\nX: \u{e9} \r\n\r\n",
];

/// Octets and words on which parsers stumble.
const PIECES: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    "\x0b",
    "\x7f",
    "\u{80}",
    "\x16\x03",
    ":",
    ",",
    ";",
    "=",
    "%",
    "%4",
    "#",
    "/",
    "?",
    "*",
    "@",
    "\"",
    "\\",
    "[",
    "]",
    "0",
    "5",
    "f",
    "x",
    "GET",
    "HTTP/1.1",
    "HTTP/1.0",
    " HTTP/1.2\r\n",
    "\r\n\r\n",
    "\r\n ",
    "Host: a\r\n",
    "Host: b:x\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 5, 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "X : y\r\n",
    "X: y\r\n",
    "no-colon\r\n",
    "0\r\n",
    "http://a",
    "GET / HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "200",
];

/// One of `seeds` with some octets replaced, removed, or pieces put in.
fn mutated(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<Index>(),
        0..4usize,
        prop_oneof![
            select(PIECES).prop_map(latin1),
            any::<u8>().prop_map(|octet| vec![octet]),
            Just(Vec::new()),
        ],
    );
    (select(seeds), prop::collection::vec(edit, 0..5)).prop_map(|(seed, edits)| {
        let mut octets = latin1(seed);
        for (at, removed, piece) in edits {
            let at = at.index(octets.len() + 1);
            let end = octets.len().min(at + removed);
            octets.splice(at..end, piece);
        }
        octets
    })
}

/// Nothing but pieces, one after the other.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(PIECES).prop_map(latin1), 0..12).prop_map(|pieces| pieces.concat())
}

/// One octet for each character.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => mutated(REQUESTS), 1 => soup()]
}

fn responses() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => mutated(RESPONSES), 1 => soup()]
}

fn limits() -> impl Strategy<Value = HeadLimits> {
    let small = (0..60usize, 0..90usize, 0..5usize).prop_map(|(line, section, lines)| HeadLimits {
        request_line: line,
        field_section: section,
        field_lines: lines,
    });
    prop_oneof![3 => Just(HeadLimits::default()), 1 => small]
}

fn chunk_limits() -> impl Strategy<Value = ChunkLimits> {
    let small = (0..9usize, 0..40usize, 0..3usize, 0..30u64).prop_map(
        |(extension, trailer_section, trailer_lines, overhead)| ChunkLimits {
            extension,
            trailer_section,
            trailer_lines,
            overhead,
        },
    );
    prop_oneof![3 => Just(ChunkLimits::default()), 1 => small]
}

fn profiles() -> impl Strategy<Value = Profile> {
    select(&PROFILES[..])
}

/// Ascending places to cut `len` octets.
fn cuts(places: &[Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<_> = places.iter().map(|place| place.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}",
        select(FieldName::KNOWN).prop_map(|name| name.as_str().to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![Just(b'\t'), b' '..=b'~', 0x80..=0xffu8];
    prop::collection::vec(octet, 0..30)
}

/// A section without the fields that heads give a meaning to.
fn sections() -> impl Strategy<Value = FieldSection> {
    prop::collection::vec((name(), value()), 0..8).prop_map(|lines| {
        let mut section = FieldSection::default();
        for (name, value) in lines {
            let known = FieldName::recognise(name.as_bytes());
            let framing = matches!(known, FieldName::Connection | FieldName::Expect);
            if known.may_trail() && !framing {
                section.push_named(name.as_bytes(), &value).unwrap();
            }
        }
        section
    })
}

/// More cases than usual, since they are cheap; PROPTEST_CASES asks for even more.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(2000), ..config }
}

fn lines_of(section: crate::field::Fields<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    section.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_paths_judge_requests_alike(
        octets in requests(), limits in limits(), profile in profiles(),
    ) {
        let whole = feed_request(profile, limits, &octets, &[], false);
        prop_assert_eq!(&feed_request(profile, limits, &octets, &[], true), &whole);
    }

    #[test]
    fn splitting_a_request_changes_nothing(
        octets in requests(), limits in limits(), profile in profiles(),
        places in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let whole = feed_request(profile, limits, &octets, &[], false);
        let parts = cuts(&places, octets.len());
        prop_assert_eq!(&feed_request(profile, limits, &octets, &parts, false), &whole);
        let single: Vec<_> = (0..octets.len()).collect();
        prop_assert_eq!(&feed_request(profile, limits, &octets, &single, false), &whole);
    }

    #[test]
    fn what_is_strictly_accepted_is_leniently_the_same(octets in requests()) {
        let strict = request(Profile::Strict, &octets);
        if matches!(strict, Outcome::Complete(..)) {
            prop_assert_eq!(request(Profile::Lenient, &octets), strict);
        }
    }

    #[test]
    fn both_paths_judge_responses_alike(
        octets in responses(), limits in limits(), profile in profiles(),
    ) {
        let whole = feed_response(profile, limits, &octets, &[], false);
        prop_assert_eq!(&feed_response(profile, limits, &octets, &[], true), &whole);
    }

    #[test]
    fn splitting_a_response_changes_nothing(
        octets in responses(), limits in limits(), profile in profiles(),
        places in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let whole = feed_response(profile, limits, &octets, &[], false);
        let parts = cuts(&places, octets.len());
        prop_assert_eq!(&feed_response(profile, limits, &octets, &parts, false), &whole);
        let single: Vec<_> = (0..octets.len()).collect();
        prop_assert_eq!(&feed_response(profile, limits, &octets, &single, false), &whole);
    }

    #[test]
    fn splitting_chunked_content_changes_nothing(
        octets in mutated(BODIES), limits in chunk_limits(), profile in profiles(),
        places in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let whole = unchunk(profile, limits, &octets, &[]);
        let parts = cuts(&places, octets.len());
        prop_assert_eq!(&unchunk(profile, limits, &octets, &parts), &whole);
        let single: Vec<_> = (0..octets.len()).collect();
        prop_assert_eq!(&unchunk(profile, limits, &octets, &single), &whole);
    }

    #[test]
    fn a_written_request_is_read_back(
        method in "[A-Z]{1,9}", path in "/[a-z0-9/%.]{0,20}", section in sections(),
        profile in profiles(),
    ) {
        let path = path.replace('%', "%2f");
        let mut out = Vec::new();
        encode::request_line(&mut out, method.as_bytes(), path.as_bytes());
        encode::field(&mut out, FieldName::Host, b"a.example");
        encode::fields(&mut out, section.view());
        out.extend_from_slice(b"\r\n");
        match request(profile, &out) {
            Outcome::Complete(head, octets) => {
                prop_assert_eq!(head.method_span.of(&octets), method.as_bytes());
                prop_assert_eq!(head.target.path.of(&octets), path.as_bytes());
                let mut lines = vec![(b"Host".to_vec(), b"a.example".to_vec())];
                lines.extend(lines_of(section.view()));
                prop_assert_eq!(lines_of(head.fields(&octets)), lines);
                prop_assert_eq!(head.len, out.len());
            }
            // CONNECT with a path.
            other => prop_assert!(method == "CONNECT", "{other:?}"),
        }
    }

    #[test]
    fn a_written_response_is_read_back(
        status in 100..600u16, section in sections(), length in any::<u64>(), profile in profiles(),
    ) {
        let mut out = Vec::new();
        encode::status_line(&mut out, status);
        let mut digits = Vec::new();
        encode::decimal(&mut digits, length);
        encode::field(&mut out, FieldName::ContentLength, &digits);
        encode::fields(&mut out, section.view());
        out.extend_from_slice(b"\r\n");
        match response(profile, &out) {
            Outcome::Complete(head, octets) => {
                prop_assert_eq!(head.status, status);
                prop_assert_eq!(head.reason.of(&octets), encode::reason(status).as_bytes());
                let mut lines = vec![(b"Content-Length".to_vec(), digits)];
                lines.extend(lines_of(section.view()));
                prop_assert_eq!(lines_of(head.fields(&octets)), lines);
                if !matches!(status, 100..200 | 204 | 304) {
                    prop_assert_eq!(head.framing(Method::Get), ResponseFraming::Length(length));
                }
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn written_chunks_are_read_back(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        section in sections(), profile in profiles(),
    ) {
        let mut out = Vec::new();
        for chunk in &chunks {
            encode::chunk_head(&mut out, chunk.len());
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
        encode::last_chunk(&mut out, section.view());
        let decoded = unchunk(profile, ChunkLimits::default(), &out, &[]);
        prop_assert_eq!(decoded.content, chunks.concat());
        prop_assert_eq!(decoded.trailers, lines_of(section.view()));
        prop_assert_eq!(decoded.end, Ok((true, out.len())));
    }
}
