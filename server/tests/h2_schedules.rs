//! Random schedules of frames against the HTTP/2 engine, in memory and on virtual time: whatever comes, in
//! whatever order, the server says nothing that a rule forbids, its memory stays within its bounds, every
//! stream ends, and so does the connection.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{DataRate, Endpoint, Limits, Server};
use falconry_transport::memory::{self, MemoryOptions, MemoryStream};
use falconry_wire::h2::{Flags, FrameType, PREFACE, RawFrame};
use falconry_wire::monitor::h2::{End, Monitor};
use peak_alloc::PeakAlloc;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, sleep, timeout};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One thing a client does.
#[derive(Clone, Debug)]
enum Step {
    /// Sends frames in one write.
    Send(Vec<String>),
    /// Sends a frame that may be anything.
    SendRaw { kind: u8, flags: u8, stream: u32, payload: Vec<u8> },
    /// Lets time pass, milliseconds.
    Wait(u64),
    /// Reads what has come.
    Read,
}

/// A request; `content` says whether more frames belong to it.
fn open(stream: u32, path: &str, content: bool) -> String {
    let (method, end) = if content { ("POST", "") } else { ("GET", " +END_STREAM") };
    format!(
        "HEADERS {stream}{end} +END_HEADERS :method={method} :scheme=http :authority=a :path={path} te=trailers"
    )
}

/// Streams of the client, in their order mostly, and now and then one that is not its own.
fn streams() -> impl Strategy<Value = u32> {
    prop_oneof![20 => (0..12u32).prop_map(|at| 2 * at + 1), 1 => 0..40u32]
}

fn paths() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/plaintext",
        "/bytes/0",
        "/bytes/70000",
        "/bytes/1000000",
        "/stream/50",
        "/slow?ms=400",
        "/slow?ms=10&body=20&every=50",
        "/echo",
        "/trailers",
        "/early-hints",
        "/broken",
        "/falconry/no-such-resource",
        "/status/204",
    ])
}

fn lines() -> impl Strategy<Value = String> {
    let increments = prop_oneof![4 => 1..100_000u32, 1 => Just(0), 1 => Just(0x7fff_ffff)];
    let codes = prop::sample::select(vec!["CANCEL", "NO_ERROR", "REFUSED_STREAM", "0x1234"]);
    let settings = prop::sample::select(vec![
        "INITIAL_WINDOW_SIZE=0",
        "INITIAL_WINDOW_SIZE=1",
        "INITIAL_WINDOW_SIZE=65535",
        "INITIAL_WINDOW_SIZE=2147483647",
        "HEADER_TABLE_SIZE=0",
        "HEADER_TABLE_SIZE=4096 MAX_FRAME_SIZE=16777215",
        "MAX_CONCURRENT_STREAMS=0 ENABLE_PUSH=0 0x4242=1",
        "MAX_HEADER_LIST_SIZE=10",
        "ENABLE_PUSH=2",
        "",
    ]);
    prop_oneof![
        12 => (streams(), paths(), any::<bool>())
            .prop_map(|(stream, path, content)| open(stream, path, content)),
        2 => streams().prop_map(|stream| format!(
            "HEADERS {stream} :method=GET :scheme=http\nCONTINUATION {stream} :path=/plaintext\n\
             CONTINUATION {stream} +END_HEADERS :authority=a"
        )),
        1 => streams().prop_map(|stream| format!(
            "HEADERS {stream} +END_HEADERS :method=CONNECT :protocol=websocket :scheme=http :authority=a \
             :path=/websocket sec-websocket-version=13"
        )),
        1 => streams().prop_map(|stream| format!("HEADERS {stream} +END_STREAM +END_HEADERS X=y")),
        8 => (streams(), 0..17_000usize, any::<bool>(), prop::option::of(0..255u8)).prop_map(
            |(stream, len, end, padding)| {
                let end = if end { " +END_STREAM" } else { "" };
                let padding = padding.map_or(String::new(), |padding| format!(" +PADDED={padding}"));
                let len = len.min(16_384 - 256);
                format!("DATA {stream}{end}{padding} \"{}\"", "d".repeat(len))
            }
        ),
        2 => streams()
            .prop_map(|stream| format!("HEADERS {stream} +END_STREAM +END_HEADERS x-sum=1")),
        6 => (streams(), increments)
            .prop_map(|(stream, increment)| format!("WINDOW_UPDATE {stream} {increment}")),
        3 => (streams(), codes).prop_map(|(stream, code)| format!("RST_STREAM {stream} {code}")),
        3 => settings.prop_map(|settings| format!("SETTINGS 0 {settings}")),
        1 => Just("SETTINGS 0 +ACK".to_owned()),
        2 => Just("PING 0 \"12345678\"".to_owned()),
        1 => (streams(), 0..8u32, any::<bool>()).prop_map(|(stream, urgency, incremental)| {
            let incremental = if incremental { ", i" } else { "" };
            format!("PRIORITY_UPDATE 0 prioritized={stream} \"u={urgency}{incremental}\"")
        }),
        1 => streams().prop_map(|stream| format!("PRIORITY {stream} 1/16")),
        1 => Just("GOAWAY 0 last=0 NO_ERROR".to_owned()),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(lines(), 1..6).prop_map(Step::Send),
        1 => (0..14u8, any::<u8>(), 0..9u32, vec(any::<u8>(), 0..40))
            .prop_map(|(kind, flags, stream, payload)| Step::SendRaw { kind, flags, stream, payload }),
        3 => (0..3_000u64).prop_map(Step::Wait),
        5 => Just(Step::Read),
    ]
}

/// A client that never waits: it writes and reads what goes.
struct Client {
    stream: MemoryStream,
    monitor: Monitor,
    unsent: Vec<u8>,
    closed: bool,
}

impl Client {
    fn queue(&mut self, frame: &RawFrame) {
        frame.encode(&mut self.unsent);
    }

    /// Lets the server work until it waits for time or for us.
    async fn settle(&mut self, reads: bool) {
        loop {
            let mut moved = self.write();
            if reads {
                moved += self.read();
            }
            for _ in 0..4 {
                yield_now().await;
            }
            if moved == 0 {
                return;
            }
        }
    }

    fn write(&mut self) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let mut total = 0;
        while !self.closed && !self.unsent.is_empty() {
            match Pin::new(&mut self.stream).poll_write(&mut cx, &self.unsent) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.monitor.sent(&self.unsent[..written]);
                    self.unsent.drain(..written);
                    total += written;
                }
                // A peer that is gone; what it said before is still to be read.
                Poll::Ready(_) => self.unsent.clear(),
                Poll::Pending => break,
            }
        }
        total
    }

    fn read(&mut self) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let mut total = 0;
        while !self.closed {
            let mut octets = [0; 4096];
            let mut buffer = ReadBuf::new(&mut octets);
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    total += buffer.filled().len();
                    self.monitor.received(buffer.filled());
                }
                Poll::Ready(Ok(())) => {
                    self.closed = true;
                    self.monitor.end(End::Fin);
                }
                Poll::Ready(Err(_)) => {
                    self.closed = true;
                    self.monitor.end(End::Reset);
                }
                Poll::Pending => break,
            }
        }
        total
    }
}

/// Memory that one connection may hold at most: the receive window, the output of every stream, the
/// connection's own buffers, and what tables and tasks take.
fn bound(limits: &Limits) -> usize {
    let window = limits.http2.connection_window as usize;
    let output = limits.http2.streams as usize * limits.response_buffer;
    window + output + 2 * 1024 * 1024
}

async fn play(schedule: Vec<Step>) {
    let start = MEMORY.current_usage();
    let rate = Some(DataRate { octets_per_sec: 10_000, grace: Duration::from_secs(5) });
    let limits = Limits { request_rate: rate, response_rate: rate, ..Limits::default() };
    let bound = bound(&limits);
    let options = MemoryOptions { capacity: 4096, ..MemoryOptions::default() };
    let (connector, listener) = memory::listener(options);
    let server = Server::new(application(ReferenceOptions::default()))
        .limits(limits)
        .listen(Endpoint::bound(listener));
    let worker = server.into_worker().unwrap();
    let counters = worker.counters();
    let (stop, stopped) = oneshot::channel();
    let worker =
        spawn_local(worker.run(async { stopped.await.unwrap_or_else(|_| Instant::now()) }));

    let stream = connector.connect().await.unwrap();
    let mut client =
        Client { stream, monitor: Monitor::new(), unsent: PREFACE.to_vec(), closed: false };
    client.queue(&"SETTINGS 0".parse().unwrap());
    client.settle(false).await;
    for step in schedule {
        match step {
            Step::Send(lines) => {
                for line in lines.iter().flat_map(|lines| lines.lines()) {
                    client.queue(&line.parse().unwrap());
                }
                client.settle(false).await;
            }
            Step::SendRaw { kind, flags, stream, payload } => {
                let frame = RawFrame::new(FrameType(kind), Flags(flags), stream, payload);
                client.queue(&frame);
                client.settle(false).await;
            }
            Step::Wait(milliseconds) => {
                sleep(Duration::from_millis(milliseconds)).await;
                client.settle(false).await;
            }
            Step::Read => client.settle(true).await,
        }
        let held = MEMORY.current_usage().saturating_sub(start);
        assert!(held < bound, "{held} octets of memory");
    }
    // Nothing more is said: deadlines end whatever is left.
    for _ in 0..600 {
        client.settle(true).await;
        if client.closed {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert!(client.closed, "the connection never ended");
    let broken: Vec<_> = client.monitor.findings().filter(|(_, tally)| tally.broken > 0).collect();
    assert!(
        broken.is_empty(),
        "{:#?}",
        broken.iter().map(|(rule, tally)| (rule.id, &tally.seen)).collect::<Vec<_>>()
    );
    drop(client);
    let _ = stop.send(Instant::now());
    worker.await.unwrap().unwrap();
    let totals = falconry_server::host::Totals::of([&counters]);
    assert_eq!((totals.open, totals.connections), (0, 1));
    assert_eq!(totals.ends.values().sum::<u64>(), 1, "{:?}", totals.ends);
}

proptest! {
    #[test]
    fn every_schedule_keeps_the_rules_and_ends(schedule in vec(steps(), 1..60)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        // No schedule lets a week pass: this ends what waits for ever.
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        let ended =
            LocalSet::new().block_on(&runtime.unwrap(), async { timeout(week, play(schedule)).await });
        ended.expect("the schedule stands still");
    }
}
