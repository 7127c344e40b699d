//! A client whose server is a list of frames, one a line.

use falconry_wire::h2::{self, FRAME_HEAD_LEN, Frame, PREFACE, RawFrame, RequestHead};
use falconry_wire::hpack::{self, DecodedSection, SectionLimits};
use falconry_wire::method::Method;

use crate::error::Cause;
use crate::protocol::h2::{H2, Http2Options, Prepared};
use crate::protocol::{Answer, Engine, Head, Sink, Ticket};
use crate::request::{Mix, Request, Text};

pub(in crate::protocol::h2) fn text(text: &str) -> Text {
    Text::fixed(text.to_owned())
}

pub(in crate::protocol::h2) fn get(path: &str) -> Request {
    Request {
        name: format!("GET {path}"),
        method: Method::Get,
        method_name: "GET".into(),
        scheme: "http",
        authority: "localhost".into(),
        path: text(path),
        fields: vec![("user-agent".into(), text("falconry"))],
        content: Text::default(),
        octets: None,
        weight: 1,
    }
}

pub(in crate::protocol::h2) fn post(content: usize) -> Request {
    let mut request = get("/");
    request.method = Method::Post;
    request.method_name = "POST".into();
    request.content = text(&"c".repeat(content));
    request
}

pub(in crate::protocol::h2) fn mix(requests: impl IntoIterator<Item = Request>) -> Mix {
    Mix::new(requests.into_iter().collect(), 0)
}

/// A connection and all that came of it.
pub(super) struct Client {
    pub(super) engine: H2,
    prepared: Prepared,
    input: Vec<u8>,
    /// Octets sent and not looked at.
    out: Vec<u8>,
    decoder: hpack::Decoder,
    pub(super) log: Log,
}

/// Events, as lines; content is joined.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Log(pub(super) Vec<String>);

impl Client {
    /// A client of up to 10 requests in flight that has sent what comes first.
    pub(super) fn new(request: Request) -> Self {
        let mut client = Self::opened(request, Http2Options::default(), 10);
        client.sent();
        client
    }

    pub(super) fn opened(request: Request, options: Http2Options, in_flight: usize) -> Self {
        let mut out = Vec::new();
        let engine = H2::open_with(options, in_flight, &mut out);
        assert!(out.starts_with(PREFACE));
        out.drain(..PREFACE.len());
        Self {
            engine,
            prepared: H2::prepare(&mix([request]), 0).unwrap(),
            input: Vec::new(),
            out,
            decoder: hpack::Decoder::new(),
            log: Log::default(),
        }
    }

    /// A client that has exchanged SETTINGS and started so many requests, with tickets from 1.
    pub(super) fn with(request: Request, requests: u32) -> Self {
        let mut client = Self::new(request);
        client.server("SETTINGS 0\nSETTINGS 0 +ACK").unwrap();
        (1..=requests).for_each(|ticket| client.start(ticket));
        client.sent();
        client
    }

    pub(super) fn start(&mut self, ticket: u32) {
        assert!(self.engine.capacity() > 0);
        self.engine.start(&self.prepared, u64::from(ticket), Ticket(ticket), &mut self.out);
    }

    /// Receives frames.
    pub(super) fn server(&mut self, lines: &str) -> Result<(), Cause> {
        self.octets(&octets(lines), usize::MAX)
    }

    /// Receives octets, at most `step` at once.
    pub(super) fn octets(&mut self, octets: &[u8], step: usize) -> Result<(), Cause> {
        for part in octets.chunks(step.min(octets.len().max(1))) {
            self.input.extend_from_slice(part);
            let Self { engine, prepared, input, out, log, .. } = self;
            let consumed = engine.receive(prepared, input, out, log)?;
            engine.proceed(prepared, out);
            assert!(!out.is_empty() || !engine.has_more(), "it neither goes on nor waits");
            self.input.drain(..consumed);
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self, ticket: u32) {
        assert!(self.engine.cancel(Ticket(ticket), &mut self.out));
    }

    pub(super) fn end(&mut self, cause: Option<Cause>) {
        self.engine.end(cause, &mut self.log);
    }

    /// What happened since the last call.
    pub(super) fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log.0)
    }

    /// The frames that were sent since the last call. Requests are `METHOD PATH`, content is its length.
    pub(super) fn sent(&mut self) -> Vec<String> {
        let mut frames = Vec::new();
        let mut rest = &self.out[..];
        while let Some(head) = rest.first_chunk() {
            let head = h2::FrameHead::parse(head);
            let (payload, after) = rest[FRAME_HEAD_LEN..].split_at(head.length as usize);
            rest = after;
            frames.push(match Frame::parse(head, payload).unwrap() {
                Frame::Headers { stream, end_stream, end_headers: true, fragment, .. } => {
                    let (head, section) = read(&mut self.decoder, fragment);
                    let end = if end_stream { " +END_STREAM" } else { "" };
                    let target = head.target.path.of(section.buffer()).escape_ascii();
                    format!("{stream}{end} {} {target}", head.method.as_str())
                }
                Frame::Data { stream, end_stream, data, .. } => {
                    let end = if end_stream { " +END_STREAM" } else { "" };
                    format!("DATA {stream}{end} {}", data.len())
                }
                frame => frame.to_string(),
            });
        }
        self.out.clear();
        frames
    }

    /// The octets that were sent since the last call.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

/// Reads a request as a server does.
pub(super) fn read(decoder: &mut hpack::Decoder, block: &[u8]) -> (RequestHead, DecodedSection) {
    let mut section = DecodedSection::default();
    decoder.decode(block, &SectionLimits::default(), &mut section).unwrap();
    (h2::request(&section, false).unwrap(), section)
}

/// Frames, one a line.
pub(super) fn octets(lines: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let frame: RawFrame = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        frame.encode(&mut octets);
    }
    octets
}

impl Sink for Log {
    fn first(&mut self, ticket: Ticket) {
        self.0.push(format!("{} first", ticket.0));
    }

    fn head(&mut self, ticket: Ticket, request: Method, status: u16, head: Head<'_>) {
        let Head::H2(section) = head else { panic!("{head:?}") };
        let fields = section.fields().iter().count();
        self.0.push(format!("{} {} {status} {fields}", ticket.0, request.as_str()));
    }

    fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        let text = octets.escape_ascii().to_string();
        let start = format!("{} content ", ticket.0);
        match self.0.last_mut().filter(|last| last.starts_with(&start)) {
            Some(last) => last.push_str(&text),
            None => self.0.push(format!("{start}{text}")),
        }
    }

    fn done(&mut self, ticket: Ticket, answer: Answer) {
        self.0.push(format!("{} done {} {}", ticket.0, answer.status, answer.content));
    }

    fn failed(&mut self, ticket: Ticket, cause: Cause) {
        self.0.push(format!("{} failed {}", ticket.0, cause.name()));
    }

    fn unprocessed(&mut self, ticket: Ticket) {
        self.0.push(format!("{} unprocessed", ticket.0));
    }
}
