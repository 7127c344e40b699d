//! Servers that do as they are told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::protocol::Protocol;
use falconry_transport::memory::{self, MemoryOptions};
use falconry_transport::tls::{self, Acceptor};
use falconry_transport::{Bound, Listener, Stream, accept};
use falconry_wire::h2::{FRAME_HEAD_LEN, Flags, FrameHead, FrameType, PREFACE, RawFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

/// A request, as a peer sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// How many came before it, over all connections.
    pub number: u64,
    /// How many connections came before its own.
    pub connection: u64,
    /// Its stream; 0 in HTTP/1.1.
    pub stream: u32,
    /// Its path; empty in HTTP/2.
    pub path: String,
}

/// What a peer does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends octets. What is due at one time leaves in one write.
    Send(Vec<u8>),
    /// Ends its direction, and reads on.
    Fin,
    /// Resets the connection. What the client has not read by then is lost.
    Reset,
}

/// What follows from a request, and how long after it.
pub(crate) type Acts = Vec<(Duration, Act)>;

/// What follows from a request that a fault was chosen for.
pub(crate) type Fault = fn(&Asked) -> Acts;

/// Says what follows from a request.
pub(crate) type Script = Rc<RefCell<dyn FnMut(&Asked) -> Acts>>;

/// What a peer has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub asked: Rc<Cell<u64>>,
    pub connections: Rc<Cell<u64>>,
}

/// Octets at once.
pub(crate) fn send(octets: impl AsRef<[u8]>) -> (Duration, Act) {
    (Duration::ZERO, Act::Send(octets.as_ref().to_vec()))
}

/// Frames, one a line, each with the number of the stream for `@`.
pub(crate) fn frames(asked: &Asked, lines: &str) -> (Duration, Act) {
    send(octets(&lines.replace('@', &asked.stream.to_string())))
}

/// Frames, one a line.
pub(crate) fn octets(lines: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let frame: RawFrame = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        frame.encode(&mut octets);
    }
    octets
}

/// An answer as it should be.
pub(crate) fn good(asked: &Asked) -> Acts {
    if asked.stream == 0 {
        return vec![send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")];
    }
    vec![frames(asked, "HEADERS @ +END_HEADERS :status=200\nDATA @ +END_STREAM \"ok\"")]
}

/// The same later.
pub(crate) fn later(delay: Duration, acts: Acts) -> Acts {
    acts.into_iter().map(|(at, act)| (delay + at, act)).collect()
}

/// A script.
pub(crate) fn script(script: impl FnMut(&Asked) -> Acts + 'static) -> Script {
    Rc::new(RefCell::new(script))
}

/// A script that does something else with every tenth request, and how often it did.
pub(crate) fn every_tenth(fault: impl Fn(&Asked) -> Acts + 'static) -> (Script, Rc<Cell<u64>>) {
    let injected = Rc::new(Cell::new(0));
    let counter = Rc::clone(&injected);
    let script = script(move |asked| {
        if asked.number % 10 != 7 {
            return good(asked);
        }
        counter.set(counter.get() + 1);
        fault(asked)
    });
    (script, injected)
}

/// A peer in memory.
pub(crate) fn in_memory(protocol: Protocol, script: Script) -> (memory::Connector, Seen) {
    in_memory_with(protocol, MemoryOptions::default(), None, script)
}

/// The same, over TLS if there is an acceptor.
pub(crate) fn in_memory_with(
    protocol: Protocol,
    options: MemoryOptions,
    acceptor: Option<Acceptor>,
    script: Script,
) -> (memory::Connector, Seen) {
    let (connector, listener) = memory::listener(options);
    let listener = Box::new(listener).listen().unwrap();
    let seen = Seen::default();
    spawn_local(serve(listener, protocol, acceptor, script, seen.clone()));
    (connector, seen)
}

/// Serves whatever is accepted.
pub(crate) async fn serve(
    mut listener: Box<dyn Listener>,
    protocol: Protocol,
    acceptor: Option<Acceptor>,
    script: Script,
    seen: Seen,
) {
    let mut errors = accept::AcceptErrors::new();
    loop {
        let stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
        let number = seen.connections.replace(seen.connections.get() + 1);
        let reader = Reader { protocol, connection: number, begun: false, input: Vec::new() };
        let (script, seen, acceptor) = (Rc::clone(&script), seen.clone(), acceptor.clone());
        spawn_local(async move {
            match acceptor {
                None => talk(stream, reader, script, seen).await,
                Some(acceptor) => {
                    if let Ok((stream, _)) = tls::accept(stream, &acceptor).await {
                        talk(Box::new(stream), reader, script, seen).await;
                    }
                }
            }
        });
    }
}

/// One connection.
async fn talk(mut stream: Box<dyn Stream>, mut reader: Reader, script: Script, seen: Seen) {
    let mut due: VecDeque<(Instant, Act)> = VecDeque::new();
    let mut block = [0; 16 * 1024];
    loop {
        let mut out = Vec::new();
        let mut end = None;
        while let Some((_, act)) = due.pop_front_if(|(at, _)| *at <= Instant::now()) {
            match act {
                Act::Send(octets) => out.extend(octets),
                last => {
                    end = Some(last);
                    break;
                }
            }
        }
        if !out.is_empty()
            && (stream.write_all(&out).await.is_err() || stream.flush().await.is_err())
        {
            return;
        }
        match end {
            Some(Act::Reset) => return stream.set_reset_on_close(),
            Some(_) => {
                let _ = stream.shutdown().await;
                // All that still comes is read, so that no reset overtakes the end.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                return;
            }
            None => {}
        }
        let next = due.front().map(|(at, _)| *at);
        tokio::select! {
            read = stream.read(&mut block) => {
                let Ok(1..) = read else { return };
                reader.input.extend_from_slice(&block[..read.unwrap_or(0)]);
                let now = Instant::now();
                for asked in reader.requests(now, &mut due, &seen) {
                    for (delay, act) in (script.borrow_mut())(&asked) {
                        let at = due.partition_point(|(at, _)| *at <= now + delay);
                        due.insert(at, (now + delay, act));
                    }
                }
            }
            () = async { sleep_until(next.unwrap_or_else(Instant::now)).await }, if next.is_some() => {}
        }
    }
}

/// Finds requests in what a client sends.
struct Reader {
    protocol: Protocol,
    connection: u64,
    /// The client's preface has come.
    begun: bool,
    input: Vec<u8>,
}

impl Reader {
    fn requests(
        &mut self,
        now: Instant,
        due: &mut VecDeque<(Instant, Act)>,
        seen: &Seen,
    ) -> Vec<Asked> {
        let connection = self.connection;
        let asked = |stream, path| {
            let number = seen.asked.replace(seen.asked.get() + 1);
            Asked { number, connection, stream, path }
        };
        let mut requests = Vec::new();
        match self.protocol {
            Protocol::H1 => {
                let end = |input: &[u8]| input.windows(4).position(|four| four == b"\r\n\r\n");
                while let Some(end) = end(&self.input) {
                    let head: Vec<u8> = self.input.drain(..end + 4).collect();
                    let head = String::from_utf8(head).unwrap();
                    requests.push(asked(0, head.split(' ').nth(1).unwrap().to_owned()));
                }
            }
            Protocol::H2 => {
                let mut say = |octets| due.push_back((now, Act::Send(octets)));
                if !self.begun && self.input.starts_with(PREFACE) {
                    self.begun = true;
                    self.input.drain(..PREFACE.len());
                    say(octets("SETTINGS 0 MAX_CONCURRENT_STREAMS=100"));
                }
                while self.begun
                    && let Some(head) = self.input.first_chunk()
                {
                    let head = FrameHead::parse(head);
                    let length = FRAME_HEAD_LEN + head.length as usize;
                    if self.input.len() < length {
                        break;
                    }
                    self.input.drain(..length);
                    match head.kind {
                        FrameType::HEADERS => requests.push(asked(head.stream(), String::new())),
                        FrameType::SETTINGS if !head.flags.has(Flags::ACK) => {
                            say(octets("SETTINGS 0 +ACK"));
                        }
                        _ => {}
                    }
                }
            }
        }
        requests
    }
}
