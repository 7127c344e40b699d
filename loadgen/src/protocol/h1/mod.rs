//! HTTP/1.1 (RFC 9112): requests one behind the other, responses in the same order.
//!
//! | file | topic |
//! | --- | --- |
//! | `prepare` | requests as octets |
//! | here | the connection: what is in flight, and the responses to it |
//!
//! A server under load says the same thing over and over. The octets of the last head are kept, and
//! a head that begins with the same octets is the same head: comparing them takes the place of
//! parsing. All others go through the strict parser.

mod prepare;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use falconry_wire::field::FieldSection;
use falconry_wire::h1::{
    ChunkLimits, ChunkedDecoder, Decoded, HeadLimits, Parsed, Profile, ResponseFraming,
    ResponseHead, ResponseParser,
};
use falconry_wire::method::Method;

pub use prepare::Prepared;

use super::{Announced, Answer, BATCH, Engine, Head, Sink, Ticket};
use crate::error::Cause;
use crate::request::Mix;

/// Largest head that is remembered, in octets: most are a few hundred.
const KNOWN: usize = 1024;

/// Requests in flight for which there is room from the beginning.
const DEPTH: usize = 1024;

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub struct H1 {
    depth: usize,
    /// What is in flight, in order; never longer than `depth`.
    queue: VecDeque<Asked>,
    state: State,
    /// Whether an octet of the first response in flight has come.
    begun: bool,
    /// Octets of its content so far.
    content: u64,
    /// Its status.
    status: u16,
    /// Whether the connection may go on behind it.
    persistent: bool,
    /// No request goes behind what is in flight.
    closing: bool,
    /// What comes now is no HTTP any more.
    tunnel: bool,
    /// The request of that number is written up to that octet of its own.
    writing: Option<(u64, usize)>,
    /// A part of a head was handed to the parser.
    partial: bool,
    parser: ResponseParser,
    head: ResponseHead,
    /// The octets that `head` describes; empty if they are not kept.
    known: Vec<u8>,
    /// Octets of the input that were taken when it was found faulty.
    understood: usize,
    trailers: FieldSection,
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
struct Asked {
    ticket: Ticket,
    method: Method,
    closes: bool,
    upgrades: bool,
}

/// What comes next of the first response in flight.
///
/// ```text
/// Head ─► Length | Chunked | UntilClose ─► Head
///   └─ (no content, or all of it is there) ─┘
/// ```
#[derive(Debug)]
enum State {
    Head,
    /// So many octets of content.
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
}

impl Engine for H1 {
    type Prepared = Prepared;

    fn prepare(mix: &Mix, seed: u64) -> Result<Prepared, String> {
        Prepared::new(mix, seed)
    }

    fn open(_announced: &Announced, in_flight: usize, _out: &mut Vec<u8>) -> Self {
        let depth = in_flight.max(1);
        Self {
            depth,
            queue: VecDeque::with_capacity(depth.min(DEPTH)),
            state: State::Head,
            begun: false,
            content: 0,
            status: 0,
            persistent: true,
            closing: false,
            tunnel: false,
            writing: None,
            partial: false,
            parser: ResponseParser::new(Profile::Strict, HeadLimits::default()),
            head: ResponseHead::default(),
            known: Vec::new(),
            understood: 0,
            trailers: FieldSection::default(),
        }
    }

    #[inline]
    fn capacity(&self) -> usize {
        if self.closing || self.writing.is_some() { 0 } else { self.depth - self.queue.len() }
    }

    #[inline]
    fn in_flight(&self) -> usize {
        self.queue.len()
    }

    #[inline]
    fn start(&mut self, prepared: &Prepared, number: u64, ticket: Ticket, out: &mut Vec<u8>) {
        let begin = out.len();
        let form = prepared.append(number, out);
        if form.len() > BATCH {
            self.writing = Some((number, out.len() - begin));
        }
        // RFC 9112 §9.6: no request follows one that says `close`.
        self.closing |= form.closes;
        self.queue.push_back(Asked {
            ticket,
            method: form.method,
            closes: form.closes,
            upgrades: form.upgrades,
        });
    }

    #[inline]
    fn has_more(&self) -> bool {
        self.writing.is_some()
    }

    #[cold]
    fn proceed(&mut self, prepared: &Prepared, out: &mut Vec<u8>) {
        if let Some((number, written)) = self.writing {
            let rest = prepared.rest(number, written);
            let next = rest.get(..BATCH).unwrap_or(rest);
            out.extend_from_slice(next);
            self.writing = (next.len() < rest.len()).then_some((number, written + next.len()));
        }
    }

    fn receive(
        &mut self,
        _prepared: &Prepared,
        input: &mut [u8],
        _out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<usize, Cause> {
        let mut at = 0;
        while let Some(rest) = input.get_mut(at..)
            && !rest.is_empty()
        {
            let Some(&asked) = self.queue.front() else {
                // Behind a response that ended HTTP nothing is ours to judge.
                if self.tunnel {
                    return Ok(input.len());
                }
                // RFC 9112 §9.2: line ends that nobody asked for may be dropped, and nothing else.
                if let Some(len) = line_ends(rest) {
                    at += len;
                    break;
                }
                self.understood = at;
                return Err(Cause::Surplus);
            };
            let step = match self.state {
                State::Head => self.head(asked, rest, sink),
                _ => self.content(asked, rest, sink),
            };
            match step {
                Ok(Step::Taken(len)) => at += len,
                Ok(Step::Partial(len)) => {
                    at += len;
                    break;
                }
                Err(cause) => {
                    self.understood = at;
                    self.fail(cause, sink);
                    return Err(cause);
                }
            }
        }
        Ok(at)
    }

    fn understood(&self) -> usize {
        self.understood
    }

    fn end(&mut self, cause: Option<Cause>, sink: &mut impl Sink) {
        self.closing = true;
        if cause.is_none()
            && matches!(self.state, State::UntilClose)
            && let Some(&asked) = self.queue.front()
        {
            self.done(asked, sink);
        }
        self.fail(cause.unwrap_or(Cause::Closed), sink);
    }

    fn cancel(&mut self, _ticket: Ticket, _out: &mut Vec<u8>) -> bool {
        false
    }

    #[inline]
    fn is_closing(&self) -> bool {
        self.closing
    }
}

/// The length of all whole line ends, if there is nothing else but the begin of one more.
fn line_ends(octets: &[u8]) -> Option<usize> {
    let (pairs, rest) = octets.as_chunks();
    let is_all = pairs.iter().all(|pair| pair == b"\r\n") && matches!(rest, [] | [b'\r']);
    is_all.then_some(2 * pairs.len())
}

/// How far a step came.
enum Step {
    /// That many octets are done with; go on.
    Taken(usize),
    /// That many octets are done with; the rest needs more behind it.
    Partial(usize),
}

impl H1 {
    /// Takes a head, and with it all content that lies behind it and has a length.
    #[inline]
    fn head(
        &mut self,
        asked: Asked,
        input: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<Step, Cause> {
        if !self.begun {
            self.begun = true;
            sink.first(asked.ticket);
        }
        if self.partial || self.known.is_empty() || !input.starts_with(&self.known) {
            match self.parser.parse(input, &mut self.head).map_err(Cause::H1)? {
                Parsed::Partial => {
                    // What is remembered is no longer what `head` describes.
                    self.known.clear();
                    self.partial = true;
                    return Ok(Step::Partial(0));
                }
                Parsed::Complete => {
                    self.partial = false;
                    self.known.clear();
                    if let Some(octets) = input.get(..self.head.len)
                        && octets.len() <= KNOWN
                    {
                        self.known.extend_from_slice(octets);
                    }
                }
            }
        }
        let len = self.head.len;
        let status = self.head.status;
        let (octets, behind) = input.split_at_checked(len).unwrap_or_default();
        sink.head(asked.ticket, asked.method, status, Head::H1(octets));
        if status < 200 {
            return self.interim(asked, status, len, sink);
        }
        let framing = self.head.framing(asked.method);
        self.status = status;
        self.persistent = self.head.persistent && framing != ResponseFraming::UntilClose;
        self.content = 0;
        if !self.persistent {
            self.wind_up(status);
        }
        match framing {
            ResponseFraming::None => {
                // RFC 9110 §9.3.6: behind a 2xx to CONNECT the connection is a tunnel.
                self.tunnel = asked.method == Method::Connect && status < 300;
                self.persistent &= !self.tunnel;
                self.done(asked, sink);
                Ok(Step::Taken(len))
            }
            ResponseFraming::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= behind.len() => {
                    if length > 0 {
                        sink.content(asked.ticket, behind.get(..length).unwrap_or_default());
                        self.content = length as u64;
                    }
                    self.done(asked, sink);
                    Ok(Step::Taken(len + length))
                }
                _ => {
                    self.state = State::Length(length);
                    Ok(Step::Taken(len))
                }
            },
            ResponseFraming::Chunked => {
                self.state =
                    State::Chunked(ChunkedDecoder::new(Profile::Strict, ChunkLimits::default()));
                Ok(Step::Taken(len))
            }
            ResponseFraming::UntilClose => {
                self.state = State::UntilClose;
                Ok(Step::Taken(len))
            }
        }
    }

    /// The connection ends behind the response whose head has come: nothing more is asked on it (RFC 9112 §9.6).
    #[cold]
    fn wind_up(&mut self, status: u16) {
        self.closing = true;
        // RFC 9112 §9.5: a server that refuses the content and closes is sent no more of it. One that does not refuse may
        // need it for the answer.
        if status >= 400 {
            self.writing = None;
        }
    }

    /// A head of 1xx: the final one follows (RFC 9110 §15.2).
    #[cold]
    fn interim(
        &mut self,
        asked: Asked,
        status: u16,
        len: usize,
        sink: &mut impl Sink,
    ) -> Result<Step, Cause> {
        if status == 101 {
            if !asked.upgrades {
                return Err(Cause::Upgrade);
            }
            // What follows is no HTTP; the answer is as whole as it gets.
            self.status = status;
            self.content = 0;
            self.persistent = false;
            self.tunnel = true;
            self.done(asked, sink);
        }
        Ok(Step::Taken(len))
    }

    /// Takes content behind a head that was told before.
    fn content(
        &mut self,
        asked: Asked,
        input: &mut [u8],
        sink: &mut impl Sink,
    ) -> Result<Step, Cause> {
        match &mut self.state {
            State::Head => Ok(Step::Taken(0)),
            State::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= len as u64;
                let is_whole = *left == 0;
                self.content += len as u64;
                sink.content(asked.ticket, input.get(..len).unwrap_or_default());
                if is_whole {
                    self.done(asked, sink);
                }
                Ok(Step::Taken(len))
            }
            State::Chunked(decoder) => {
                match decoder.decode(input, &mut self.trailers).map_err(Cause::H1)? {
                    Decoded::Data { skip, len } => {
                        sink.framing(asked.ticket, input.get(..skip).unwrap_or_default());
                        self.content += len as u64;
                        let octets = input.get(skip..skip + len).unwrap_or_default();
                        sink.content(asked.ticket, octets);
                        Ok(Step::Taken(skip + len))
                    }
                    Decoded::Partial { consumed } => {
                        sink.framing(asked.ticket, input.get(..consumed).unwrap_or_default());
                        Ok(Step::Partial(consumed))
                    }
                    Decoded::End { consumed } => {
                        sink.framing(asked.ticket, input.get(..consumed).unwrap_or_default());
                        self.trailers.clear();
                        self.done(asked, sink);
                        Ok(Step::Taken(consumed))
                    }
                }
            }
            State::UntilClose => {
                self.content += input.len() as u64;
                sink.content(asked.ticket, input);
                Ok(Step::Taken(input.len()))
            }
        }
    }

    /// The first response in flight is whole.
    #[inline]
    fn done(&mut self, asked: Asked, sink: &mut impl Sink) {
        self.queue.pop_front();
        self.state = State::Head;
        self.begun = false;
        sink.done(asked.ticket, Answer { status: self.status, content: self.content });
        if !self.persistent || asked.closes {
            self.close(sink);
        }
    }

    /// RFC 9112 §9.6: whoever says `close` processes no request behind it.
    #[cold]
    fn close(&mut self, sink: &mut impl Sink) {
        self.closing = true;
        for asked in self.queue.drain(..) {
            sink.unprocessed(asked.ticket);
        }
    }

    /// Tells all that is in flight that the connection cannot go on.
    #[cold]
    fn fail(&mut self, cause: Cause, sink: &mut impl Sink) {
        self.closing = true;
        for asked in self.queue.drain(..) {
            sink.failed(asked.ticket, cause);
        }
    }
}
