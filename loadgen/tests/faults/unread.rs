//! Servers that answer, or ask, and do not read.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use falconry_loadgen::connect::Connector;
use falconry_loadgen::protocol::h1::H1;
use falconry_loadgen::protocol::{BATCH, Protocol};
use falconry_loadgen::record::Recorder;
use falconry_loadgen::request::{Content, Mix, Options};
use falconry_loadgen::run::{Stop, Timeouts};
use falconry_loadgen::worker::{Seen, Share, Watch};
use falconry_transport::memory::{self, MemoryOptions};
use falconry_transport::{Bound, Origin, Stream, accept};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

use super::support::peer::{good, in_memory, octets, script};
use super::support::{Run, SECOND, balance, count, failures, on_virtual_time, only, plan};
use super::virtual_time::whole;

/// A server that does that on each of its connections.
fn serving(capacity: usize, talk: impl AsyncFn(Box<dyn Stream>) + Clone + 'static) -> Connector {
    let (connector, listener) =
        memory::listener(MemoryOptions { capacity, ..MemoryOptions::default() });
    let mut listener = Box::new(listener).listen().unwrap();
    spawn_local(async move {
        let mut errors = accept::AcceptErrors::new();
        loop {
            let stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
            let talk = talk.clone();
            spawn_local(async move { talk(stream).await });
        }
    });
    Connector::memory(connector)
}

/// Requests with so much content.
fn uploads(octets: usize) -> Arc<Mix> {
    let (origin, _) = Origin::split("http://falconry.test").unwrap();
    let content = Some(Content::Octets(Bytes::from(vec![b'c'; octets])));
    let options = Options { content, ..Options::default() };
    Arc::new(options.mix(&origin, &["/".to_owned()], 1).unwrap())
}

/// Reads the head of a request and what came with it.
async fn head(stream: &mut Box<dyn Stream>) {
    let mut input = Vec::new();
    while !input.windows(4).any(|four| four == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut input).await.unwrap() > 0);
    }
}

#[test]
fn a_server_that_asks_without_end_and_does_not_read_is_given_up() {
    on_virtual_time(async || {
        let connector = serving(64 * 1024, async |mut stream| {
            // The preface, and the request behind it.
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(&octets("SETTINGS 0")).await.unwrap();
            let ping = octets("PING 0 \"12345678\"");
            for _ in 0..100_000 {
                if stream.write_all(&ping).await.is_err() {
                    return;
                }
            }
            pending().await
        });
        let mut run = Run::new(Protocol::H2, plan(count(5), 1, 1), connector);
        // Ends what would stand still.
        run.timeouts.request = Some(60 * SECOND);
        let recording = run.go().await;
        assert_eq!(failures(&recording), only("first-byte.unread", 5));
        assert_eq!(recording.counts.answered, 0);
    });
}

#[test]
fn a_server_that_answers_without_reading_the_content_is_given_up_behind_its_answer() {
    on_virtual_time(async || {
        let connector = serving(64 * 1024, async |mut stream| {
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            pending().await
        });
        let plan = plan(count(3), 1, 1);
        let run = Run { mix: uploads(1 << 20), ..Run::new(Protocol::H1, plan, connector) };
        let recording = run.go().await;
        assert_eq!(recording.counts.answered, 3);
        // Nothing is due behind the last.
        assert_eq!(failures(&recording), only("idle.unread", 2));
    });
}

#[test]
fn an_answer_is_read_to_its_end_where_sending_fails() {
    on_virtual_time(async || {
        let connector = serving(1 << 20, async |mut stream| {
            head(&mut stream).await;
            let answer = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n";
            stream.write_all(&[&answer[..], &[b'x'; 200_000]].concat()).await.unwrap();
        });
        let plan = plan(count(3), 1, 1);
        let run = Run { mix: uploads(5 << 20), ..Run::new(Protocol::H1, plan, connector) };
        let recording = run.go().await;
        assert!(failures(&recording).is_empty(), "{:?}", failures(&recording));
        assert_eq!(recording.counts.statuses, [(413, 3)].into());
        assert_eq!(recording.counts.content, 600_000);
    });
}

/// Notes the most octets that went out at once.
struct Largest(Rc<Cell<usize>>);

impl Watch for Largest {
    const SEES: bool = true;

    type Connection = ();

    fn open(&self, _: usize) {}

    fn see(&mut self, (): &mut (), seen: Seen<'_>, _: &mut Recorder) {
        if let Seen::Sent(octets) = seen {
            self.0.set(self.0.get().max(octets.len()));
        }
    }
}

#[test]
fn requests_that_are_pipelined_are_not_all_kept_at_once() {
    on_virtual_time(async || {
        const CONTENT: usize = 100_000;
        let (connector, _) = in_memory(Protocol::H1, script(good));
        let share = Share {
            plan: Arc::new(plan(count(60), 1, 50)),
            mix: uploads(CONTENT),
            connector: Connector::memory(connector),
            thread: 0,
            timeouts: Timeouts::default(),
            samples: false,
            stop: Stop::default(),
        };
        let largest = Rc::new(Cell::new(0));
        let recording = whole::<H1, _>(share, Largest(Rc::clone(&largest))).await;
        balance(&recording);
        assert_eq!(recording.counts.answered, 60);
        assert!(largest.get() <= BATCH + CONTENT + 1000, "{}", largest.get());
    });
}
