use bytes::Bytes;
use falconry_wire::h1::{
    Fault, HeadLimits, Parsed, Profile, ResponseFraming, ResponseHead, ResponseParser,
};
use falconry_wire::method::Method;
use proptest::prelude::*;

use super::H1;
use crate::error::Cause;
use crate::protocol::{Announced, Answer, BATCH, Engine, Head, Sink, Ticket};
use crate::request::{Mix, Part, Request, Text};

/// What an engine told.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Told {
    First(u32),
    Head(u32, u16, Vec<u8>),
    Content(u32, Vec<u8>),
    Done(u32, u16, u64),
    Failed(u32, Cause),
    Unprocessed(u32),
}

use Told::{Content, Done, Failed, First, Unprocessed};

#[derive(Default)]
struct Log(Vec<Told>);

impl Sink for Log {
    fn first(&mut self, ticket: Ticket) {
        self.0.push(First(ticket.0));
    }

    fn head(&mut self, ticket: Ticket, _: Method, status: u16, head: Head<'_>) {
        let Head::H1(octets) = head else { panic!("no head of HTTP/1.1") };
        self.0.push(Told::Head(ticket.0, status, octets.to_vec()));
    }

    /// Joins what belongs together: how content is cut is no matter.
    fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        match self.0.last_mut() {
            Some(Content(_, all)) => all.extend_from_slice(octets),
            _ => self.0.push(Content(ticket.0, octets.to_vec())),
        }
    }

    fn done(&mut self, ticket: Ticket, answer: Answer) {
        self.0.push(Done(ticket.0, answer.status, answer.content));
    }

    fn failed(&mut self, ticket: Ticket, cause: Cause) {
        self.0.push(Failed(ticket.0, cause));
    }

    fn unprocessed(&mut self, ticket: Ticket) {
        self.0.push(Unprocessed(ticket.0));
    }
}

fn fixed(text: &str) -> Text {
    Text::fixed(Bytes::copy_from_slice(text.as_bytes()))
}

fn request(method: &str) -> Request {
    Request {
        name: format!("{method} /"),
        method: Method::recognise(method.as_bytes()),
        method_name: method.into(),
        scheme: "http",
        authority: "a.test".into(),
        path: fixed("/"),
        fields: Vec::new(),
        content: Text::default(),
        octets: None,
        weight: 1,
    }
}

fn mix(request: Request) -> Mix {
    Mix::new(vec![request], 0)
}

/// Sends so many of these requests, feeds the input in pieces of that size, then the end if that is asked for.
fn play(request: &Request, count: u32, input: &[u8], piece: usize, end: bool) -> Vec<Told> {
    let prepared = H1::prepare(&mix(request.clone()), 0).unwrap();
    let mut out = Vec::new();
    let mut engine = H1::open(&Announced::default(), count as usize, &mut out);
    for number in 0..count {
        assert!(engine.capacity() > 0);
        engine.start(&prepared, number.into(), Ticket(number), &mut out);
    }
    let mut log = Log::default();
    let mut held = Vec::new();
    for octets in input.chunks(piece.max(1)) {
        held.extend_from_slice(octets);
        match engine.receive(&prepared, &mut held, &mut out, &mut log) {
            Ok(taken) => drop(held.drain(..taken)),
            Err(_) => return log.0,
        }
    }
    if end {
        engine.end(None, &mut log);
    }
    log.0
}

fn gets(count: u32, input: &str) -> Vec<Told> {
    play(&request("GET"), count, input.as_bytes(), usize::MAX, false)
}

/// What became of each request.
fn ends(told: &[Told]) -> Vec<Told> {
    told.iter()
        .filter(|told| matches!(told, Done(..) | Failed(..) | Unprocessed(..)))
        .cloned()
        .collect()
}

const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_request_is_written_as_it_is() {
    let rendered = |request| {
        let prepared = H1::prepare(&mix(request), 7).unwrap();
        let mut out = Vec::new();
        H1::open(&Announced::default(), 1, &mut out).start(&prepared, 12, Ticket(0), &mut out);
        String::from_utf8(out).unwrap()
    };
    let get = || request("GET");
    assert_eq!(rendered(get()), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let fields = vec![("x-a".into(), fixed("b"))];
    assert_eq!(
        rendered(Request { fields, content: fixed("abc"), ..get() }),
        "GET / HTTP/1.1\r\nHost: a.test\r\nx-a: b\r\nContent-Length: 3\r\n\r\nabc"
    );
    assert_eq!(
        rendered(request("POST")),
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"
    );
    let hole = |text: &str| Text {
        parts: vec![Part::Fixed(Bytes::copy_from_slice(text.as_bytes())), Part::Number],
        ..Text::default()
    };
    assert_eq!(
        rendered(Request { path: hole("/n"), ..get() }),
        "GET /n12 HTTP/1.1\r\nHost: a.test\r\n\r\n"
    );
    assert_eq!(
        rendered(Request { content: hole("12345678"), ..get() }),
        "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n1234567812"
    );
    // RFC 9110 §10.1.4: what TE says is for the next hop alone.
    let fields = vec![("te".into(), fixed("trailers"))];
    assert_eq!(
        rendered(Request { fields, ..get() }),
        "GET / HTTP/1.1\r\nHost: a.test\r\nte: trailers\r\nConnection: te\r\n\r\n"
    );
    let octets = Some(Bytes::from_static(b"GET / HTTP/1.0\r\n\r\n"));
    assert_eq!(rendered(Request { octets, ..get() }), "GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn what_would_break_a_request_is_refused_in_a_sentence() {
    let refused = |request| H1::prepare(&mix(request), 0).unwrap_err();
    let field = |name: &str, value: &str| Request {
        fields: vec![(name.into(), fixed(value))],
        ..request("GET")
    };
    assert!(refused(request("G T")).contains("no token"));
    assert!(refused(Request { path: fixed("/a b"), ..request("GET") }).contains("path"));
    assert!(refused(Request { authority: "a b".into(), ..request("GET") }).contains("a b"));
    assert!(refused(field("a b", "c")).contains("a b"));
    assert!(refused(field("a", "b\r\nc: d")).contains("control"));
    let picks = |template: &str| Text::parse(template, 2).unwrap();
    let injected = "{{pick a,b\r\nc: d}}";
    assert!(refused(Request { path: picks("/{{pick a,b c}}"), ..request("GET") }).contains("path"));
    let fields = vec![("a".into(), picks(injected))];
    assert!(refused(Request { fields, ..request("GET") }).contains("control"));
    assert!(refused(field("transfer-encoding", "chunked")).contains("transfer-encoding"));
    assert!(H1::prepare(&Mix::new(Vec::new(), 0), 0).is_err());
}

#[test]
fn responses_are_those_of_the_requests_in_order() {
    let told =
        gets(3, &[PLAIN, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", PLAIN].concat());
    assert_eq!(ends(&told), [Done(0, 200, 2), Done(1, 404, 0), Done(2, 200, 2)]);
    assert_eq!(told.iter().filter(|told| matches!(told, First(_))).count(), 3);
}

#[test]
fn a_known_head_means_the_same_again_and_another_does_not() {
    let told =
        gets(4, &[PLAIN, PLAIN, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", PLAIN].concat());
    assert_eq!(ends(&told), [Done(0, 200, 2), Done(1, 200, 2), Done(2, 200, 3), Done(3, 200, 2)]);
}

#[test]
fn a_head_that_was_parsed_in_part_is_not_taken_for_the_known_one() {
    let input = [PLAIN, PLAIN, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", PLAIN].concat();
    for piece in 1..input.len() {
        let told = play(&request("GET"), 4, input.as_bytes(), piece, false);
        let expected = [Done(0, 200, 2), Done(1, 200, 2), Done(2, 201, 0), Done(3, 200, 2)];
        assert_eq!(ends(&told), expected, "pieces of {piece}");
    }
}

#[test]
fn responses_without_content_have_none_whatever_they_say() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n";
    let told = play(&request("HEAD"), 2, head.repeat(2).as_bytes(), usize::MAX, false);
    assert_eq!(ends(&told), [Done(0, 200, 0), Done(1, 200, 0)]);
    let told = gets(
        3,
        &format!(
            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n{PLAIN}"
        ),
    );
    assert_eq!(ends(&told), [Done(0, 204, 0), Done(1, 304, 0), Done(2, 200, 2)]);
}

#[test]
fn interim_responses_are_told_and_the_final_one_counts() {
    let told =
        gets(1, &format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{PLAIN}"));
    let statuses: Vec<_> = told
        .iter()
        .filter_map(|told| match told {
            Told::Head(_, status, _) => Some(*status),
            _ => None,
        })
        .collect();
    assert_eq!(statuses, [103, 100, 200]);
    assert_eq!(told.iter().filter(|told| matches!(told, First(_))).count(), 1);
    assert_eq!(ends(&told), [Done(0, 200, 2)]);
}

#[test]
fn switching_protocols_unasked_is_a_failure() {
    let input = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    assert_eq!(ends(&gets(1, input)), [Failed(0, Cause::Upgrade)]);
    let fields = vec![("upgrade".into(), fixed("x"))];
    let asked = Request { fields, ..request("GET") };
    let told = play(&asked, 2, input.as_bytes(), usize::MAX, false);
    assert_eq!(ends(&told), [Done(0, 101, 0), Unprocessed(1)]);
}

#[test]
fn chunked_content_is_counted_without_its_framing() {
    let input = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n";
    for piece in 1..input.len() {
        let told = play(&request("GET"), 2, input.repeat(2).as_bytes(), piece, false);
        assert_eq!(ends(&told), [Done(0, 200, 5), Done(1, 200, 5)]);
        assert!(told.contains(&Content(1, b"abcde".to_vec())));
    }
}

#[test]
fn content_until_the_close_ends_with_it() {
    let input = "HTTP/1.1 200 OK\r\n\r\nall of it";
    let told = play(&request("GET"), 2, input.as_bytes(), 4, true);
    assert_eq!(ends(&told), [Done(0, 200, 9), Unprocessed(1)]);
}

#[test]
fn requests_behind_a_close_are_unprocessed() {
    let input = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok and more";
    assert_eq!(ends(&gets(3, input)), [Done(0, 200, 2), Unprocessed(1), Unprocessed(2)]);
}

#[test]
fn nothing_is_sent_behind_the_head_of_a_response_that_closes() {
    // RFC 9112 §9.6; whether all of the response is there is no matter.
    let prepared = H1::prepare(&mix(request("GET")), 0).unwrap();
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nun",
    ] {
        let (mut out, mut log) = (Vec::new(), Log::default());
        let mut engine = H1::open(&Announced::default(), 4, &mut out);
        engine.start(&prepared, 0, Ticket(0), &mut out);
        engine.start(&prepared, 1, Ticket(1), &mut out);
        let mut octets = head.as_bytes().to_vec();
        engine.receive(&prepared, &mut octets, &mut out, &mut log).unwrap();
        assert!(engine.is_closing(), "{head}");
        assert_eq!((engine.capacity(), engine.in_flight()), (0, 2), "{head}");
        engine.end(None, &mut log);
        assert_eq!(ends(&log.0).len(), 2);
    }
}

#[test]
fn content_that_the_server_does_not_want_is_sent_no_further() {
    // RFC 9112 §9.5.
    let upload = Request { content: fixed(&"x".repeat(2 * BATCH)), ..request("POST") };
    let prepared = H1::prepare(&mix(upload), 0).unwrap();
    for (status, goes_on) in [("413 Content Too Large", false), ("200 OK", true)] {
        let (mut out, mut log) = (Vec::new(), Log::default());
        let mut engine = H1::open(&Announced::default(), 1, &mut out);
        engine.start(&prepared, 0, Ticket(0), &mut out);
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
        engine.receive(&prepared, &mut head.into_bytes(), &mut out, &mut log).unwrap();
        assert_eq!(engine.has_more(), goes_on, "{status}");
        engine.receive(&prepared, &mut b"no".to_vec(), &mut out, &mut log).unwrap();
        assert_eq!((engine.is_closing(), engine.in_flight()), (true, 0));
    }
}

#[test]
fn nothing_goes_behind_a_request_that_closes() {
    let fields = vec![("connection".into(), fixed("close"))];
    let prepared = H1::prepare(&mix(Request { fields, ..request("GET") }), 0).unwrap();
    let mut out = Vec::new();
    let mut engine = H1::open(&Announced::default(), 4, &mut out);
    engine.start(&prepared, 0, Ticket(0), &mut out);
    assert_eq!((engine.capacity(), engine.in_flight()), (0, 1));
    assert!(engine.is_closing());
}

#[test]
fn a_close_fails_what_is_in_flight() {
    for input in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"] {
        let told = play(&request("GET"), 2, input.as_bytes(), usize::MAX, true);
        assert_eq!(ends(&told), [Failed(0, Cause::Closed), Failed(1, Cause::Closed)]);
    }
}

#[test]
fn a_fault_fails_what_is_in_flight() {
    let cause = Cause::H1(Fault::SpaceBeforeColon);
    let told = gets(2, "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n");
    assert_eq!(ends(&told), [Failed(0, cause), Failed(1, cause)]);
    let cause = Cause::H1(Fault::InvalidChunkSize);
    let told = gets(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
    assert_eq!(ends(&told), [Failed(0, cause)]);
}

#[test]
fn octets_that_nobody_asked_for_are_an_error() {
    let prepared = H1::prepare(&mix(request("GET")), 0).unwrap();
    let mut out = Vec::new();
    let mut engine = H1::open(&Announced::default(), 1, &mut out);
    let mut log = Log::default();
    let mut early = PLAIN.as_bytes().to_vec();
    assert_eq!(engine.receive(&prepared, &mut early, &mut out, &mut log), Err(Cause::Surplus));
    let mut engine = H1::open(&Announced::default(), 1, &mut out);
    engine.start(&prepared, 0, Ticket(0), &mut out);
    let mut twice = PLAIN.repeat(2).into_bytes();
    assert_eq!(engine.receive(&prepared, &mut twice, &mut out, &mut log), Err(Cause::Surplus));
    assert_eq!(ends(&log.0), [Done(0, 200, 2)]);
}

#[test]
fn content_larger_than_a_batch_goes_out_piece_by_piece_and_nothing_between() {
    let content: String = ('a'..='z').cycle().take(3 * BATCH + 5).collect();
    let upload = Request { content: fixed(&content), ..request("POST") };
    let prepared = H1::prepare(&mix(upload), 0).unwrap();
    for is_answered_early in [false, true] {
        let mut out = Vec::new();
        let mut engine = H1::open(&Announced::default(), 3, &mut out);
        engine.start(&prepared, 0, Ticket(0), &mut out);
        let mut log = Log::default();
        let mut sent = Vec::new();
        while engine.has_more() {
            assert_eq!((out.len(), engine.capacity()), (BATCH, 0));
            sent.append(&mut out);
            if is_answered_early && log.0.is_empty() {
                // What was begun is sent to its end: the next request goes behind it.
                let mut answer = PLAIN.as_bytes().to_vec();
                let taken = engine.receive(&prepared, &mut answer, &mut out, &mut log);
                assert_eq!((taken, engine.in_flight()), (Ok(PLAIN.len()), 0));
                assert_eq!(ends(&log.0), [Done(0, 200, 2)]);
                assert!(!engine.is_closing());
            }
            engine.proceed(&prepared, &mut out);
            assert!(!out.is_empty());
        }
        sent.append(&mut out);
        let length = content.len();
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n");
        assert!(sent == [head.as_bytes(), content.as_bytes()].concat());
        assert_eq!(engine.capacity(), if is_answered_early { 3 } else { 2 });
    }
}

#[test]
fn line_ends_that_nobody_asked_for_are_dropped() {
    // RFC 9112 §9.2.
    let prepared = H1::prepare(&mix(request("GET")), 0).unwrap();
    let mut out = Vec::new();
    let mut engine = H1::open(&Announced::default(), 2, &mut out);
    let mut log = Log::default();
    let mut receive = |engine: &mut H1, octets: &str| {
        engine.receive(&prepared, &mut octets.as_bytes().to_vec(), &mut Vec::new(), &mut log)
    };
    assert_eq!(receive(&mut engine, "\r\n"), Ok(2));
    assert_eq!(receive(&mut engine, "\r\n\r"), Ok(2));
    engine.start(&prepared, 0, Ticket(0), &mut out);
    assert_eq!(receive(&mut engine, &format!("{PLAIN}\r\n")), Ok(PLAIN.len() + 2));
    assert!(!engine.is_closing());
    for octets in ["\r\nHTTP", "\n", "\r\r", "\r\n\r\n "] {
        assert_eq!(receive(&mut engine, octets), Err(Cause::Surplus), "{octets:?}");
    }
    // Where a response is due they are none.
    engine.start(&prepared, 0, Ticket(0), &mut out);
    assert!(matches!(receive(&mut engine, &format!("\r\n{PLAIN}")), Err(Cause::H1(_))));
}

fn response() -> impl Strategy<Value = Vec<u8>> {
    let fields = "(x: [a-z]{0,40}\r\n){0,3}";
    let content = proptest::collection::vec(any::<u8>(), 0..60);
    let interim = Just("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n".to_owned());
    let plain = (200..220u16, fields, content.clone()).prop_map(|(status, fields, content)| {
        let status = if status == 204 { 200 } else { status };
        let length = content.len();
        let head = format!("HTTP/1.1 {status} R\r\n{fields}Content-Length: {length}\r\n\r\n");
        [head.into_bytes(), content].concat()
    });
    let chunked = proptest::collection::vec(content, 0..4).prop_map(|chunks| {
        let mut all = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            all.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            all.extend_from_slice(chunk);
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(b"0\r\n\r\n");
        all
    });
    let empty = Just(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    let known = Just(PLAIN.as_bytes().to_vec());
    let last = prop_oneof![3 => plain, 1 => chunked, 1 => empty, 3 => known];
    (proptest::option::weighted(0.2, interim), last)
        .prop_map(|(interim, last)| [interim.unwrap_or_default().into_bytes(), last].concat())
}

/// What [`play`] tells, found by a parser that sees each head once and remembers none.
fn plainly(method: Method, count: u32, input: &[u8], end: bool) -> Vec<Told> {
    let mut log = Log::default();
    let mut tickets = 0..count;
    let mut at = 0;
    while at < input.len() {
        let Some(ticket) = tickets.next().map(Ticket) else { return log.0 };
        log.first(ticket);
        let (mut status, mut content, mut persistent);
        loop {
            let mut head = ResponseHead::default();
            let mut parser = ResponseParser::new(Profile::Strict, HeadLimits::default());
            let failed = match parser.parse(&mut input[at..].to_vec(), &mut head) {
                Ok(Parsed::Complete) if head.status == 101 => Some(Cause::Upgrade),
                Ok(Parsed::Complete) => None,
                Ok(Parsed::Partial) if end => Some(Cause::Closed),
                Ok(Parsed::Partial) => return log.0,
                Err(fault) => Some(Cause::H1(fault)),
            };
            if failed.is_none() || failed == Some(Cause::Upgrade) {
                log.head(ticket, method, head.status, Head::H1(&input[at..at + head.len]));
            }
            if let Some(cause) = failed {
                log.failed(ticket, cause);
                tickets.for_each(|ticket| log.failed(Ticket(ticket), cause));
                return log.0;
            }
            at += head.len;
            (status, persistent, content) = (head.status, head.persistent, 0);
            if status >= 200 {
                let rest = &input[at..];
                let length = match head.framing(method) {
                    ResponseFraming::None => 0,
                    ResponseFraming::Length(length) => usize::try_from(length).unwrap(),
                    ResponseFraming::UntilClose => {
                        persistent = false;
                        if end { rest.len() } else { usize::MAX }
                    }
                    ResponseFraming::Chunked => panic!("none of these is chunked"),
                };
                let came = length.min(rest.len());
                if came > 0 {
                    log.content(ticket, &rest[..came]);
                }
                if came < length {
                    if end {
                        log.failed(ticket, Cause::Closed);
                        tickets.for_each(|ticket| log.failed(Ticket(ticket), Cause::Closed));
                    }
                    return log.0;
                }
                at += came;
                content += came as u64;
                break;
            }
            if at == input.len() {
                if end {
                    log.failed(ticket, Cause::Closed);
                    tickets.for_each(|ticket| log.failed(Ticket(ticket), Cause::Closed));
                }
                return log.0;
            }
        }
        log.done(ticket, Answer { status, content });
        if !persistent {
            tickets.for_each(|ticket| log.unprocessed(Ticket(ticket)));
            return log.0;
        }
    }
    if end {
        tickets.for_each(|ticket| log.failed(Ticket(ticket), Cause::Closed));
    }
    log.0
}

/// One of a few heads, with content, or what is nearly one of them: an octet changed, left out or put in.
fn nearly_the_same() -> impl Strategy<Value = Vec<u8>> {
    let of_few = prop::sample::select(vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nok, and more",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 \r\nContent-Length:2\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    ]);
    let change = (0..100usize, prop::sample::select(b"0129 \r\n:HXx".to_vec()), 0..3u8);
    (of_few, prop::option::weighted(0.15, change)).prop_map(|(response, change)| {
        let mut octets = response.as_bytes().to_vec();
        if let Some((at, octet, how)) = change {
            let at = at % octets.len();
            match how {
                0 => octets[at] = octet,
                1 => drop(octets.remove(at)),
                _ => octets.insert(at, octet),
            }
        }
        octets
    })
}

proptest! {
    /// The short cut against plain parsing: what is remembered of a head never stands for another one.
    #[test]
    fn heads_that_are_nearly_the_same_are_told_apart(
        responses in proptest::collection::vec(nearly_the_same(), 1..10),
        again in 1..4usize, piece in 1..60usize, end in any::<bool>(), is_head in any::<bool>(),
    ) {
        let input: Vec<u8> = responses.iter().flat_map(|one| one.repeat(again)).collect();
        let method = if is_head { "HEAD" } else { "GET" };
        let count = 1 + (responses.len() * again) as u32;
        let mut told = play(&request(method), count, &input, piece, end);
        if !end {
            // A head of which a part has come has begun.
            told.retain(|told| !matches!(told, First(_)));
        }
        let mut expected = plainly(Method::recognise(method.as_bytes()), count, &input, end);
        if !end {
            expected.retain(|told| !matches!(told, First(_)));
        }
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn any_split_tells_the_same(
        responses in proptest::collection::vec(response(), 1..8), piece in 1..50usize,
    ) {
        let count = responses.len() as u32;
        let input = responses.concat();
        let whole = play(&request("GET"), count, &input, usize::MAX, true);
        prop_assert_eq!(ends(&whole).len(), responses.len());
        prop_assert!(ends(&whole).iter().all(|told| matches!(told, Done(..))));
        prop_assert_eq!(play(&request("GET"), count, &input, piece, true), whole);
    }

    #[test]
    fn octets_of_any_kind_end_every_request_once(
        octets in proptest::collection::vec(any::<u8>(), 0..200), piece in 1..50usize, good in any::<bool>(),
    ) {
        let input = if good { [PLAIN.as_bytes(), &octets].concat() } else { octets };
        let told = play(&request("GET"), 3, &input, piece, true);
        prop_assert_eq!(ends(&told).len(), 3);
        prop_assert_eq!(play(&request("GET"), 3, &input, usize::MAX, true), told);
    }
}
