//! The HTTP/2 engine against two servers in memory, ours and hyper with the `h2` crate: whatever the windows, the sizes
//! and the order of events, every request gets the answer that belongs to it, and no server finds fault with us.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeMap;
use std::future::pending;

use falconry_loadgen::error::Cause;
use falconry_loadgen::protocol::h2::{H2, Http2Options};
use falconry_loadgen::protocol::{Answer, Engine, Sink, Ticket};
use falconry_loadgen::request::{Mix, Request, Text};
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Limits, Server};
use falconry_transport::Bound;
use falconry_transport::memory::{self, Connector, MemoryOptions, MemoryStream};
use falconry_wire::method::Method;
use falconry_wire::monitor::h2::{End, Monitor};
use falconry_witness::Witness;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Duration, timeout};

const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What one run does.
#[derive(Clone, Debug)]
struct Schedule {
    /// What the transport takes at once.
    capacity: usize,
    options: Http2Options,
    in_flight: usize,
    requests: Vec<Kind>,
    /// How many requests are started in all.
    count: u64,
    /// Every so many-th request is given up when its response has begun.
    cancel_every: u32,
    /// The server's windows and streams.
    server_window: u32,
    server_streams: u32,
    /// Octets that are read at once.
    read: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bytes(usize),
    HeadOfBytes(usize),
    Echo(usize),
    /// Content that differs from request to request.
    EchoOfNumber,
    Trailers,
}

impl Kind {
    fn request(self) -> Request {
        let (method, path, content) = match self {
            Self::Bytes(size) => (Method::Get, format!("/bytes/{size}"), Text::default()),
            Self::HeadOfBytes(size) => (Method::Head, format!("/bytes/{size}"), Text::default()),
            Self::Echo(size) => (Method::Post, "/echo".into(), Text::fixed(vec![b'c'; size])),
            Self::EchoOfNumber => {
                let content = Text::parse("{{number}} {{hex 4000}} {{hex 4000}}", 1).unwrap();
                (Method::Post, "/echo".into(), content)
            }
            Self::Trailers => (Method::Get, "/trailers".into(), Text::default()),
        };
        Request {
            name: path.clone(),
            method,
            method_name: method.as_str().into(),
            scheme: "http",
            authority: "localhost".into(),
            path: Text::fixed(path),
            fields: vec![
                ("te".into(), Text::fixed("trailers")),
                ("x-number".into(), Text::parse("{{number}}", 2).unwrap()),
            ],
            content,
            octets: None,
            weight: 1,
        }
    }

    /// Octets of content of the response.
    fn content(self, number: u64) -> Option<usize> {
        match self {
            Self::Bytes(size) | Self::Echo(size) => Some(size),
            Self::HeadOfBytes(_) => Some(0),
            Self::EchoOfNumber => Some(number.to_string().len() + 8002),
            Self::Trailers => None,
        }
    }
}

/// What came of the requests that are in flight, by ticket: its number, whether it has begun, octets of content.
#[derive(Default)]
struct Log {
    open: BTreeMap<Ticket, (u64, bool, u64)>,
    answers: Vec<(u64, Answer)>,
    failures: Vec<(u64, Cause)>,
    /// To be sent again: more than the server takes was sent before it had said how much that is.
    unprocessed: Vec<u64>,
}

impl Sink for Log {
    fn first(&mut self, ticket: Ticket) {
        let open = self.open.get_mut(&ticket).unwrap();
        assert!(!std::mem::replace(&mut open.1, true), "begun twice");
    }

    fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        let open = self.open.get_mut(&ticket).unwrap();
        assert!(open.1);
        open.2 += octets.len() as u64;
    }

    fn done(&mut self, ticket: Ticket, answer: Answer) {
        let (number, begun, content) = self.open.remove(&ticket).unwrap();
        assert!(begun && content == answer.content);
        self.answers.push((number, answer));
    }

    fn failed(&mut self, ticket: Ticket, cause: Cause) {
        let (number, ..) = self.open.remove(&ticket).unwrap();
        self.failures.push((number, cause));
    }

    fn unprocessed(&mut self, ticket: Ticket) {
        let (number, begun, _) = self.open.remove(&ticket).unwrap();
        assert!(!begun);
        self.unprocessed.push(number);
    }
}

/// Sends all requests of a schedule over one connection, and says what came of them and how many were given up.
async fn drive(stream: MemoryStream, schedule: &Schedule) -> (Log, usize) {
    let mix = Mix::new(schedule.requests.iter().map(|kind| kind.request()).collect(), 7);
    let prepared = H2::prepare(&mix, 7).unwrap();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut monitor = Monitor::new();
    let mut out = Vec::new();
    let mut engine = H2::open_with(schedule.options, schedule.in_flight, &mut out);
    let mut log = Log::default();
    let (mut input, mut block) = (Vec::new(), vec![0; schedule.read]);
    let mut numbers = 0..schedule.count;
    let (mut ticket, mut given_up) = (0, 0);
    loop {
        while engine.capacity() > 0 {
            let again = log.unprocessed.pop();
            let Some(number) = again.or_else(|| numbers.next()) else { break };
            log.open.insert(Ticket(ticket), (number, false, 0));
            engine.start(&prepared, number, Ticket(ticket), &mut out);
            ticket += 1;
        }
        if out.is_empty() && engine.has_more() {
            engine.proceed(&prepared, &mut out);
            assert!(!out.is_empty() || !engine.has_more(), "it neither goes on nor waits");
        }
        assert_eq!(engine.in_flight(), log.open.len());
        if log.open.is_empty() && engine.capacity() > 0 {
            break;
        }
        tokio::select! {
            written = writing.write(&out), if !out.is_empty() => {
                let written = written.unwrap();
                monitor.sent(&out[..written]);
                out.drain(..written);
            }
            read = reading.read(&mut block) => {
                let read = read.unwrap();
                if read == 0 {
                    monitor.end(End::Fin);
                    engine.end(None, &mut log);
                    break;
                }
                monitor.received(&block[..read]);
                input.extend_from_slice(&block[..read]);
                let received = engine.receive(&prepared, &mut input, &mut out, &mut log);
                input.drain(..received.unwrap());
                let begun: Vec<_> = log
                    .open
                    .iter()
                    .filter(|(ticket, open)| open.1 && (ticket.0 + 1) % schedule.cancel_every == 0)
                    .map(|(&ticket, _)| ticket)
                    .collect();
                for ticket in begun {
                    log.open.remove(&ticket);
                    assert!(engine.cancel(ticket, &mut out));
                    given_up += 1;
                }
            }
        }
    }
    let broken: Vec<_> = monitor
        .findings()
        .filter(|(_, tally)| tally.broken > 0)
        .map(|(rule, tally)| (rule.id, tally.seen.clone()))
        .collect();
    assert!(broken.is_empty(), "{broken:#?} {:?}", log.failures);
    (log, given_up)
}

/// Every request was answered, by what belongs to it, or given up.
fn judge(schedule: &Schedule, log: &Log, given_up: usize) {
    assert!(log.failures.is_empty(), "{:?}", log.failures);
    assert!(log.unprocessed.is_empty());
    assert_eq!((log.answers.len() + given_up) as u64, schedule.count);
    let mix = Mix::new(schedule.requests.iter().map(|kind| kind.request()).collect(), 7);
    for &(number, answer) in &log.answers {
        let kind = schedule.requests[mix.pick(number)];
        assert_eq!(answer.status, 200, "{kind:?}");
        if let Some(content) = kind.content(number) {
            assert_eq!(answer.content, content as u64, "{kind:?}");
        }
    }
}

async fn ours(schedule: Schedule) {
    let options = MemoryOptions { capacity: schedule.capacity, ..MemoryOptions::default() };
    let (connector, listener) = memory::listener(options);
    let mut limits = Limits::default();
    limits.http2.streams = schedule.server_streams;
    limits.http2.stream_window = schedule.server_window;
    limits.http2.connection_window = schedule.server_window;
    // What a client may do in vain is not what this is about.
    limits.request_rate = None;
    limits.response_rate = None;
    let server = Server::new(application(ReferenceOptions::default())).limits(limits);
    let worker = server.listen(Endpoint::bound(listener)).into_worker().unwrap();
    let worker = spawn_local(worker.run(pending()));
    play(connector, &schedule).await;
    worker.abort();
}

async fn hyper(mut schedule: Schedule) {
    // It sends the content of what is asked for by HEAD, which is a fault.
    schedule.requests.retain(|kind| !matches!(kind, Kind::HeadOfBytes(_)));
    schedule.requests.push(Kind::Bytes(100));
    let options = MemoryOptions { capacity: schedule.capacity, ..MemoryOptions::default() };
    let (connector, listener) = memory::listener(options);
    let listener = Box::new(listener).listen().unwrap();
    let serving = spawn_local(Witness::Hyper.serve(listener, None));
    play(connector, &schedule).await;
    serving.abort();
}

async fn play(connector: Connector, schedule: &Schedule) {
    // Virtual time stands still while anything can be done: this ends what waits for ever, and nothing else.
    let driven = timeout(FOREVER, drive(connector.connect().await.unwrap(), schedule)).await;
    let (log, given_up) = driven.expect("the exchange stands still");
    judge(schedule, &log, given_up);
}

/// On one thread and virtual time.
fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    LocalSet::new().block_on(&runtime.unwrap(), test);
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![0..200usize, 16_000..17_000usize, 0..200_000usize]
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let kinds = prop_oneof![
        4 => sizes().prop_map(Kind::Bytes),
        1 => sizes().prop_map(Kind::HeadOfBytes),
        3 => sizes().prop_map(Kind::Echo),
        1 => Just(Kind::EchoOfNumber),
        1 => Just(Kind::Trailers),
    ];
    let windows = || prop_oneof![1..200u32, 60_000..70_000u32, Just(1 << 30)];
    let table = prop_oneof![Just(0), 0..300u32, Just(4096), Just(65_536)];
    let options =
        (windows(), windows(), table).prop_map(|(stream_window, connection_window, table_size)| {
            Http2Options {
                // Smaller ones cost a WINDOW_UPDATE for so few octets that servers take offence.
                stream_window: stream_window.max(8000),
                connection_window,
                table_size,
            }
        });
    let server = (65_535..200_000u32, 1..120u32);
    (
        prop_oneof![1..100usize, Just(64 * 1024)],
        options,
        1..150usize,
        prop::collection::vec(kinds, 1..6),
        1..100u64,
        prop_oneof![Just(u32::MAX), 2..9u32],
        server,
        1..70_000usize,
    )
        .prop_map(
            |(capacity, options, in_flight, requests, count, cancel_every, server, read)| {
                Schedule {
                    capacity: 40 * capacity,
                    options,
                    in_flight,
                    requests,
                    count,
                    cancel_every,
                    server_window: server.0,
                    server_streams: server.1,
                    read,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn our_server_answers_every_schedule(schedule in schedules()) {
        run(ours(schedule));
    }

    #[test]
    fn hyper_answers_every_schedule(schedule in schedules()) {
        run(hyper(schedule));
    }
}

fn plain(requests: Vec<Kind>, count: u64) -> Schedule {
    Schedule {
        capacity: 64 * 1024,
        options: Http2Options::default(),
        in_flight: 100,
        requests,
        count,
        cancel_every: u32::MAX,
        server_window: 1 << 20,
        server_streams: 100,
        read: 64 * 1024,
    }
}

#[test]
fn large_contents_go_both_ways_at_once() {
    let schedule = plain(vec![Kind::Echo(3_000_000), Kind::Bytes(5_000_000)], 12);
    run(ours(schedule.clone()));
    run(hyper(schedule));
}

#[test]
fn many_small_requests_are_answered() {
    let schedule = plain(vec![Kind::Bytes(10), Kind::Bytes(0), Kind::Trailers], 20_000);
    run(ours(schedule.clone()));
    run(hyper(schedule));
}
