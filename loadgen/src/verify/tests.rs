//! Servers that do one thing wrong, servers that do nothing wrong, and any split of what they say.

use std::collections::BTreeMap;
use std::time::Duration;

use falconry_fixtures::Values;
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Server};
use falconry_transport::memory::{self, MemoryOptions};
use falconry_wire::field::FieldSection;
use falconry_wire::h1::{
    ChunkLimits, ChunkedDecoder, Decoded, HeadLimits, Parsed, Profile, ResponseFraming,
    ResponseHead, ResponseParser,
};
use falconry_wire::h2::{PREFACE, RawFrame};
use falconry_wire::hpack::{DecodedSection, SectionLimits};
use falconry_wire::monitor::h2::End;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use super::*;
use crate::error::Cause;
use crate::protocol::h2::H2;
use crate::protocol::{Announced, Answer, Engine, Head, Protocol, Sink, Ticket};
use crate::request::Options;

/// How often each rule was broken, and a sample of each.
type Told = BTreeMap<String, (u64, Violation)>;

fn tell<'a>(told: &'a mut Told) -> impl FnMut(&str, &dyn Fn() -> Violation) + 'a {
    |rule, what| told.entry(rule.to_owned()).or_insert_with(|| (0, what())).0 += 1
}

fn counts(told: &Told) -> Vec<(&str, u64)> {
    told.iter().map(|(rule, (count, _))| (rule.as_str(), *count)).collect()
}

/// A mix of these, `METHOD PATH` each.
fn mix(requests: &[&str]) -> Mix {
    let (origin, _) = falconry_transport::Origin::split("http://a").unwrap();
    let request = |line: &&str| {
        let (method, path) = line.split_once(' ').unwrap();
        let options = Options { method: Some(method.into()), ..Options::default() };
        options.request(&origin, path).unwrap()
    };
    Mix::new(requests.iter().map(request).collect(), 1)
}

/// A client of HTTP/1.1 that tells a watch what an engine would: one response for each request, in order.
struct Client<'a> {
    verifier: &'a mut Verifier,
    watch: Watch,
    told: &'a mut Told,
    requests: Vec<usize>,
    next: usize,
    input: Vec<u8>,
    parser: ResponseParser,
    content: Option<Left>,
    lost: bool,
}

/// Content that is still to come.
enum Left {
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
    UntilClose,
}

impl<'a> Client<'a> {
    fn new(verifier: &'a mut Verifier, told: &'a mut Told, requests: Vec<usize>) -> Self {
        Self {
            verifier,
            watch: Watch::new(Protocol::H1, 1),
            told,
            requests,
            next: 0,
            input: Vec::new(),
            parser: ResponseParser::new(Profile::default(), HeadLimits::default()),
            content: None,
            lost: false,
        }
    }

    fn ticket(&self) -> Ticket {
        Ticket(u32::try_from(self.next % 7).unwrap())
    }

    fn feed(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        while !self.lost && self.step() {}
    }

    /// Takes something off the input: whether there was enough.
    fn step(&mut self) -> bool {
        let (ticket, mut tell) = (self.ticket(), tell(self.told));
        match &mut self.content {
            None => {
                let Some(&request) = self.requests.get(self.next) else {
                    if !self.input.is_empty() {
                        self.watch.refused(self.verifier, None, &self.input, &mut tell);
                        self.lost = true;
                    }
                    return false;
                };
                let mut head = ResponseHead::default();
                match self.parser.parse(&mut self.input, &mut head) {
                    Ok(Parsed::Partial) => return false,
                    Err(fault) => {
                        self.watch.failed(self.verifier, ticket, false, &mut tell);
                        let input = &self.input;
                        self.watch.refused(self.verifier, Some(fault), input, &mut tell);
                        self.lost = true;
                        return false;
                    }
                    Ok(Parsed::Complete) => {}
                }
                let octets: Vec<u8> = self.input.drain(..head.len).collect();
                let seen = Head::H1(&octets);
                self.watch.head(self.verifier, ticket, request, head.status, seen, &mut tell);
                if head.status < 200 {
                    return true;
                }
                let method = self.verifier.requests[request].method.clone();
                self.content = Some(match head.framing(Method::recognise(&method)) {
                    ResponseFraming::None => Left::Length(0),
                    ResponseFraming::Length(length) => Left::Length(length),
                    ResponseFraming::Chunked => Left::Chunked(Box::new(ChunkedDecoder::new(
                        Profile::default(),
                        ChunkLimits::default(),
                    ))),
                    ResponseFraming::UntilClose => Left::UntilClose,
                });
                true
            }
            Some(Left::Length(0)) => {
                self.watch.done(self.verifier, ticket, &mut tell);
                self.content = None;
                self.next += 1;
                true
            }
            Some(Left::Length(left)) => {
                let len = self.input.len().min(usize::try_from(*left).unwrap());
                self.watch.content(ticket, &self.input[..len]);
                *left -= len as u64;
                self.input.drain(..len);
                len > 0
            }
            Some(Left::UntilClose) => {
                self.watch.content(ticket, &self.input);
                self.input.clear();
                false
            }
            Some(Left::Chunked(decoder)) => {
                let mut trailers = FieldSection::default();
                let (framing, data) = match decoder.decode(&self.input, &mut trailers) {
                    Ok(Decoded::Data { skip, len }) => (skip, len),
                    Ok(Decoded::Partial { consumed } | Decoded::End { consumed }) => (consumed, 0),
                    Err(fault) => {
                        self.watch.failed(self.verifier, ticket, false, &mut tell);
                        let input = &self.input;
                        self.watch.refused(self.verifier, Some(fault), input, &mut tell);
                        self.lost = true;
                        return false;
                    }
                };
                self.watch.framing(ticket, &self.input[..framing]);
                self.watch.content(ticket, &self.input[framing..framing + data]);
                self.input.drain(..framing + data);
                // Asking again behind the end tells the end.
                let ended = matches!(decoder.decode(b"", &mut trailers), Ok(Decoded::End { .. }));
                if ended {
                    self.content = Some(Left::Length(0));
                }
                ended || data > 0
            }
        }
    }

    /// The server closes.
    fn close(mut self) {
        let (ticket, mut tell) = (self.ticket(), tell(self.told));
        match self.content {
            Some(Left::UntilClose) => self.watch.done(self.verifier, ticket, &mut tell),
            Some(_) if !self.lost => self.watch.failed(self.verifier, ticket, true, &mut tell),
            _ => {}
        }
        self.watch.end(End::Fin, &mut tell);
    }
}

/// The breaches of one connection of HTTP/1.1: answers to these requests, in pieces of that size.
fn said(requests: &[&str], octets: &[u8], piece: usize) -> Told {
    let mut told = Told::new();
    let mut verifier = Verifier::new(&mix(requests));
    let mut client = Client::new(&mut verifier, &mut told, (0..requests.len()).collect());
    octets.chunks(piece.max(1)).for_each(|piece| client.feed(piece));
    client.close();
    told
}

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// A response with a date.
fn response(status: &str, rest: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{DATE}{rest}").into_bytes()
}

const OK: &str = "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/// What a server says, to which requests, and the rule that it breaks.
fn faults() -> Vec<(&'static str, Vec<&'static str>, Vec<u8>)> {
    let get = vec!["GET /"];
    let two = vec!["GET /a", "GET /b"];
    let ok = || response("200 OK", OK);
    let chunked = |rest: &str| {
        response(
            "200 OK",
            &format!("Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{rest}"),
        )
    };
    vec![
        ("h1.passive.date-present", get.clone(), format!("HTTP/1.1 200 OK\r\n{OK}").into()),
        (
            "h1.passive.date-form",
            get.clone(),
            format!("HTTP/1.1 200 OK\r\nDate: yesterday\r\n{OK}").into(),
        ),
        (
            "h1.passive.length-exact",
            get.clone(),
            response("200 OK", "Content-Type: a/b\r\nContent-Length: 9\r\n\r\nok"),
        ),
        (
            "h1.passive.length-without-content",
            get.clone(),
            response("204 No Content", "Content-Length: 0\r\n\r\n"),
        ),
        ("h1.passive.etag-form", get.clone(), response("200 OK", &format!("ETag: bare\r\n{OK}"))),
        (
            "h1.passive.space-before-colon",
            get.clone(),
            response("200 OK", &format!("A : b\r\n{OK}")),
        ),
        ("h1.passive.line-ends", get.clone(), response("200 OK", &format!("A: b\n{OK}"))),
        (
            "h1.passive.length-form",
            get.clone(),
            response("200 OK", "Content-Type: a/b\r\nContent-Length: 2x\r\n\r\nok"),
        ),
        (
            "h1.passive.delimited",
            get.clone(),
            response("200 OK", "Content-Type: text/plain\r\n\r\nall of it"),
        ),
        (
            "h1.passive.no-content",
            vec!["HEAD /"],
            [response("200 OK", "Content-Type: a/b\r\nContent-Length: 2\r\n\r\n"), b"ok".to_vec()]
                .concat(),
        ),
        (
            "h1.passive.nothing-behind-close",
            two.clone(),
            [response("200 OK", &format!("Connection: close\r\n{OK}")), ok()].concat(),
        ),
        ("h1.passive.chunk-lines", get.clone(), chunked("2;a b=\"\r\nok\r\n0\r\n\r\n")),
        ("h1.passive.trailer-announced", get.clone(), chunked("2\r\nok\r\n0\r\nX-A: 5\r\n\r\n")),
        ("h1.passive.chunk-lines", get.clone(), chunked("xyz\r\n")),
        ("load.malformed", get.clone(), chunked("2\r\nok, and more\r\n")),
        ("load.malformed", two.clone(), [ok(), b"SSH-2.0-x\r\n".to_vec()].concat()),
        ("h1.passive.location-on-redirect", vec!["POST /"], response("302 Found", OK)),
    ]
}

#[test]
fn each_fault_is_counted_once_under_its_rule() {
    for (rule, requests, octets) in faults() {
        let told = said(&requests, &octets, usize::MAX);
        let shown = octets.escape_ascii();
        assert_eq!(counts(&told), [(rule, 1)], "{shown}");
        let (_, sample) = &told[rule];
        let title = super::rule(rule).unwrap().title;
        assert!(sample.what.starts_with(title), "{}", sample.what);
        assert!(!sample.octets.is_empty(), "{shown}");
    }
}

#[test]
fn a_fault_that_comes_again_counts_again() {
    let mut octets = Vec::new();
    for _ in 0..50 {
        octets.extend(format!("HTTP/1.1 200 OK\r\n{OK}").into_bytes());
        octets.extend(response("200 OK", OK));
    }
    let told = said(&["GET /"; 100], &octets, usize::MAX);
    assert_eq!(counts(&told), [("h1.passive.date-present", 50)]);
}

#[test]
fn equal_heads_with_other_content_have_their_own_verdict() {
    let range = |content: &str| {
        let rest =
            "Content-Type: a/b\r\nContent-Range: bytes 0-1/9\r\nTransfer-Encoding: chunked\r\n\r\n";
        response("206 Partial", &format!("{rest}{:x}\r\n{content}\r\n0\r\n\r\n", content.len()))
    };
    let octets = [range("ok"), range("too long"), range("ok")].concat();
    let told = said(&["GET /"; 3], &octets, usize::MAX);
    assert_eq!(counts(&told), [("h1.passive.range-form", 1)]);
}

#[test]
fn content_is_compared_over_all_connections_of_a_worker() {
    let (mut told, mut verifier) = (Told::new(), Verifier::new(&mix(&["GET /", "POST /"])));
    let tagged = |content| {
        let rest = "Content-Type: a/b\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\n";
        response("200 OK", &format!("{rest}{content}"))
    };
    for content in ["ok", "ok", "no", "ok"] {
        let mut client = Client::new(&mut verifier, &mut told, vec![0, 1]);
        client.feed(&tagged(content));
        // What POST gives may differ.
        client.feed(&tagged(content));
        client.close();
    }
    assert_eq!(counts(&told), [("load.etag-kept", 1)]);
}

#[test]
fn requests_that_differ_get_content_that_may_differ() {
    let (mut told, mut verifier) = (Told::new(), Verifier::new(&mix(&["GET /{{number}}"])));
    for content in ["aa", "bb"] {
        let mut client = Client::new(&mut verifier, &mut told, vec![0]);
        let rest = "Content-Type: a/b\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\n";
        client.feed(&response("200 OK", &format!("{rest}{content}")));
        client.close();
    }
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn what_is_left_out_exists_and_has_a_reason() {
    for (id, why) in LEFT_OUT {
        assert!(super::rule(id).is_some() && !why.is_empty(), "{id}");
    }
    let ids: Vec<_> = super::rules().iter().map(|rule| rule.id).collect();
    assert_eq!(ids, ["load.malformed", "load.etag-kept", "load.content-changed"]);
    assert!(super::rule("h2.passive.ping-asked").is_some() && super::rule("x").is_none());
}

#[test]
fn a_watch_does_not_grow_with_the_run() {
    let (mut told, mut verifier) = (Told::new(), Verifier::new(&mix(&["GET /"])));
    let mut client = Client::new(&mut verifier, &mut told, vec![0; 5000]);
    for number in 0..5000 {
        client.feed(&response("200 OK", &format!("X-N: {number}\r\n{OK}")));
    }
    assert!(client.watch.kept() <= 2, "{}", client.watch.kept());
}

/// A traffic of HTTP/2, `> FRAME` from us and `< FRAME` from the server, and its end.
fn watched(trace: &str, in_flight: usize, piece: usize, end: End) -> Told {
    let mut told = Told::new();
    let mut watch = Watch::new(Protocol::H2, in_flight);
    watch.sent(PREFACE);
    for line in trace.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (way, frame) = line.split_once(' ').unwrap();
        let mut octets = Vec::new();
        frame.parse::<RawFrame>().unwrap().encode(&mut octets);
        for part in octets.chunks(piece.max(1)) {
            match way {
                ">" => watch.sent(part),
                _ => watch.received(part, &mut tell(&mut told)),
            }
        }
    }
    watch.end(end, &mut tell(&mut told));
    told
}

const HELLO: &str = "> SETTINGS 0\n< SETTINGS 0\n> SETTINGS 0 +ACK\n< SETTINGS 0 +ACK\n";

const GOOD: &str =
    "+END_HEADERS :status=200 date=\"Sun, 06 Nov 1994 08:49:37 GMT\" content-type=a/b";

fn asked(id: u32) -> String {
    format!(
        "> HEADERS {id} +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=a :path=/\n"
    )
}

#[test]
fn each_fault_of_http2_is_counted_once_under_its_rule() {
    let get = asked(1);
    for (rule, rest) in [
        ("h2.passive.ping-asked", "< PING 0 +ACK \"12345678\"".to_owned()),
        ("h2.passive.idle-stream", format!("< HEADERS 9 +END_STREAM {GOOD}")),
        ("h2.passive.field-name-case", format!("{get}< HEADERS 1 +END_STREAM {GOOD} X-A=b")),
        (
            "h2.passive.length-exact",
            format!("{get}< HEADERS 1 {GOOD} content-length=5\n< DATA 1 +END_STREAM \"four\""),
        ),
        (
            "h2.passive.date-form",
            format!(
                "{get}< HEADERS 1 +END_STREAM +END_HEADERS :status=200 date=now content-type=a/b"
            ),
        ),
        ("h2.passive.goaway-before-close", String::new()),
    ] {
        let told = watched(&format!("{HELLO}{rest}"), 4, usize::MAX, End::Fin);
        let others = told.keys().filter(|id| *id != "h2.passive.goaway-before-close").count();
        assert_eq!(told[rule].0, 1, "{rest}");
        assert!(others <= 1, "{rest}: {told:?}");
    }
}

#[test]
fn advice_that_was_not_taken_hides_no_fault_of_the_connection() {
    let (mut told, verifier) = (Told::new(), Verifier::new(&mix(&["GET /"])));
    let mut watch = Watch::new(Protocol::H2, 4);
    watch.sent(PREFACE);
    let date = "date=\"Sun, 06 Nov 1994 08:49:37 GMT\"";
    let bare = format!("< HEADERS 1 +END_HEADERS :status=200 {date}\n< DATA 1 +END_STREAM \"x\"");
    let trace = format!("{HELLO}{}{bare}", asked(1));
    for line in trace.lines() {
        let (way, frame) = line.split_once(' ').unwrap();
        let mut octets = Vec::new();
        frame.parse::<RawFrame>().unwrap().encode(&mut octets);
        match way {
            ">" => watch.sent(&octets),
            _ => watch.received(&octets, &mut tell(&mut told)),
        }
    }
    watch.refused(&verifier, None, b"more than we take", &mut tell(&mut told));
    assert_eq!(counts(&told), [("h2.passive.content-type-present", 1), ("load.malformed", 1)]);
}

#[test]
fn faults_of_many_streams_are_all_counted() {
    let mut trace = HELLO.to_owned();
    for id in (1..401).step_by(2) {
        let bad = if id % 4 == 1 { " X-A=b" } else { "" };
        trace += &format!("{}< HEADERS {id} +END_STREAM {GOOD}{bad}\n", asked(id));
    }
    for piece in [usize::MAX, 7] {
        let told = watched(&trace, 1, piece, End::Ours);
        assert_eq!(counts(&told), [("h2.passive.field-name-case", 100)]);
    }
}

#[test]
fn content_of_http2_is_compared_by_stream() {
    let (mut told, mut verifier) = (Told::new(), Verifier::new(&mix(&["GET /"])));
    let mut watch = Watch::new(Protocol::H2, 4);
    let mut section = DecodedSection::default();
    let limits = SectionLimits::default();
    for (name, value) in [(&b":status"[..], &b"200"[..]), (b"etag", b"\"1\"")] {
        let known = falconry_wire::field::FieldName::recognise(name);
        section.push(known, name, value, &limits);
    }
    for content in ["hello", "hallo"] {
        // Two at a time, with their content mixed.
        for ticket in [4, 9] {
            let head = Head::H2(&section);
            watch.head(&mut verifier, Ticket(ticket), 0, 200, head, &mut tell(&mut told));
        }
        for octet in content.as_bytes() {
            watch.content(Ticket(9), &[*octet]);
            watch.content(Ticket(4), &[*octet]);
        }
        for ticket in [4, 9] {
            watch.done(&mut verifier, Ticket(ticket), &mut tell(&mut told));
        }
    }
    assert_eq!(counts(&told), [("load.etag-kept", 2)]);
}

/// Runs `test` with the reference server in memory.
fn with_reference(test: impl AsyncFnOnce(memory::Connector)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    LocalSet::new().block_on(&runtime.unwrap(), async {
        let (connector, listener) = memory::listener(MemoryOptions::default());
        let server = Server::new(application(ReferenceOptions::default()));
        let worker = server.listen(Endpoint::bound(listener)).into_worker().unwrap();
        spawn_local(worker.run(std::future::pending()));
        // Longer than any test lets pass: this ends what waits for ever.
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        timeout(week, test(connector)).await.expect("the test stands still");
    });
}

#[test]
fn the_reference_server_answers_every_fixture_of_a_mix_without_a_breach() {
    let cases = Mix::of_cases("cases:h1", &Values::reference("localhost", "http"), 1).unwrap();
    let mix = cases.mix;
    with_reference(async |connector| {
        let (mut told, mut verifier) = (Told::new(), Verifier::new(&mix));
        for _ in 0..3 {
            let mut stream = connector.connect().await.unwrap();
            for (at, request) in mix.requests.iter().enumerate() {
                let mut client = Client::new(&mut verifier, &mut told, vec![at]);
                stream.write_all(request.octets.as_deref().unwrap()).await.unwrap();
                stream.flush().await.unwrap();
                let mut octets = [0; 4096];
                while client.next == 0 {
                    let len = stream.read(&mut octets).await.unwrap();
                    assert!(len > 0, "{}", request.name);
                    client.feed(&octets[..len]);
                }
                assert!(!client.lost, "{}", request.name);
            }
        }
        assert!(told.is_empty(), "{told:#?}");
    });
}

/// Tells a watch what an engine tells, each ticket being its own request of the plan.
struct Watched<'a> {
    mix: &'a Mix,
    verifier: &'a mut Verifier,
    watch: &'a mut Watch,
    told: &'a mut Told,
    /// The numbers in the plan by ticket.
    numbers: &'a mut Vec<Option<u64>>,
}

impl Watched<'_> {
    fn request(&self, ticket: Ticket) -> usize {
        self.mix.pick(self.numbers[ticket.0 as usize].unwrap())
    }
}

impl Sink for Watched<'_> {
    fn first(&mut self, _: Ticket) {}

    fn head(&mut self, ticket: Ticket, _: Method, status: u16, head: Head<'_>) {
        let request = self.request(ticket);
        self.watch.head(self.verifier, ticket, request, status, head, &mut tell(self.told));
    }

    fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        self.watch.content(ticket, octets);
    }

    fn done(&mut self, ticket: Ticket, _: Answer) {
        self.watch.done(self.verifier, ticket, &mut tell(self.told));
        self.numbers[ticket.0 as usize] = None;
    }

    fn failed(&mut self, ticket: Ticket, cause: Cause) {
        panic!("request {:?}: {cause:?}", self.numbers[ticket.0 as usize]);
    }

    fn unprocessed(&mut self, ticket: Ticket) {
        panic!("request {:?} was not processed", self.numbers[ticket.0 as usize]);
    }
}

#[test]
fn the_reference_server_is_loaded_by_http2_without_a_breach() {
    const IN_FLIGHT: usize = 16;
    let mix = mix(&[
        "GET /",
        "HEAD /",
        "GET /plaintext",
        "GET /json",
        "GET /bytes/70000",
        "GET /stream/20",
        "GET /trailers",
        "GET /early-hints",
        "GET /status/404",
        "GET /status/204",
        "GET /file",
        "GET /headers?n={{number}}",
        "POST /echo",
        "OPTIONS /",
    ]);
    with_reference(async |connector| {
        let (mut told, mut verifier) = (Told::new(), Verifier::new(&mix));
        let mut watch = Watch::new(Protocol::H2, IN_FLIGHT);
        let mut stream = connector.connect().await.unwrap();
        let prepared = H2::prepare(&mix, 1).unwrap();
        let (mut input, mut out) = (Vec::new(), Vec::new());
        let mut engine = H2::open(&Announced::default(), IN_FLIGHT, &mut out);
        let mut numbers: Vec<Option<u64>> = vec![None; IN_FLIGHT];
        let mut next = 0;
        while next < 1000 || engine.in_flight() > 0 {
            while next < 1000 && engine.capacity() > 0 {
                let ticket = numbers.iter().position(Option::is_none).unwrap();
                numbers[ticket] = Some(next);
                let ticket = Ticket(u32::try_from(ticket).unwrap());
                engine.start(&prepared, next, ticket, &mut out);
                next += 1;
            }
            watch.sent(&out);
            stream.write_all(&out).await.unwrap();
            stream.flush().await.unwrap();
            out.clear();
            let before = input.len();
            assert!(stream.read_buf(&mut input).await.unwrap() > 0);
            watch.received(&input[before..], &mut tell(&mut told));
            let mut sink = Watched {
                mix: &mix,
                verifier: &mut verifier,
                watch: &mut watch,
                told: &mut told,
                numbers: &mut numbers,
            };
            let taken = engine.receive(&prepared, &mut input, &mut out, &mut sink).unwrap();
            input.drain(..taken);
        }
        watch.end(End::Ours, &mut tell(&mut told));
        assert!(told.is_empty(), "{told:#?}");
        assert!(watch.kept() <= IN_FLIGHT);
    });
}

proptest! {
    #[test]
    fn splitting_the_input_changes_nothing(
        which in prop::collection::vec(0..16_usize, 1..3), piece in 1..40_usize,
    ) {
        let all = faults();
        // Good responses before it, and the fault.
        let (_, requests, octets) = &all[which[0] % all.len()];
        let mut requests = requests.clone();
        let mut octets = octets.clone();
        if which.len() > 1 {
            requests.insert(0, "GET /first");
            octets = [response("200 OK", OK), octets].concat();
        }
        let whole = said(&requests, &octets, usize::MAX);
        let split = said(&requests, &octets, piece);
        prop_assert_eq!(counts(&whole), counts(&split));
    }

    #[test]
    fn splitting_http2_changes_nothing(piece in 1..30_usize, bad in any::<bool>()) {
        let bad = if bad { " X-A=b" } else { "" };
        let trace = format!("{HELLO}{}< HEADERS 1 {GOOD}{bad}\n< DATA 1 +END_STREAM \"x\"", asked(1));
        let whole = watched(&trace, 1, usize::MAX, End::Fin);
        let split = watched(&trace, 1, piece, End::Fin);
        prop_assert_eq!(counts(&split), counts(&whole));
    }
}
