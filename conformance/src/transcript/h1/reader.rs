//! Splits the octets of a connection into responses (RFC 9112 §6.3).
//!
//! Tolerant of everything that leaves the framing clear, so that a rule broken in a head does not hide
//! the rest; what it tolerates the passive rules name. What leaves the framing in doubt is kept as a
//! fault of its response, or as garbage where no response can be seen. Splitting the input differently
//! changes nothing.

use falconry_wire::monitor::head::{RawHead, fields, head_len, lines};

use super::super::response::{Framing, Response};
use super::requests::Requests;

/// The responses of one connection as they arrive.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    state: State,
    buffer: Vec<u8>,
    current: Response,
    finals: usize,
    whole: Vec<Response>,
    raw: Vec<u8>,
    garbage: Option<Garbage>,
    /// Octets of all heads so far.
    heads: usize,
    /// Octets at the front of the buffer that hold no end of a head.
    searched: usize,
}

/// Octets that are no response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Garbage {
    /// Why.
    pub reason: String,
    /// The octets, from the first that made no sense.
    pub octets: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
    /// Behind 101 or 2xx to CONNECT: the octets belong to another protocol.
    Raw,
    Garbage,
}

impl Reader {
    /// Takes octets that arrived.
    pub(crate) fn feed(&mut self, octets: &[u8], requests: &Requests) {
        self.buffer.extend_from_slice(octets);
        while self.step(requests) {}
    }

    /// Takes note that the peer closed: `clean` for FIN, false for a reset.
    pub(crate) fn close(&mut self, clean: bool) {
        match self.state {
            State::UntilClose => {
                let fault = (!clean).then(|| "reset before its end".to_owned());
                self.end(fault);
            }
            _ => self.cut(if clean { "the close" } else { "a reset" }),
        }
    }

    /// Takes note that nobody reads on: what is unfinished stays so.
    pub(crate) fn cut(&mut self, by: &str) {
        let fault = match self.state {
            State::Head if self.buffer.is_empty() => return,
            State::Raw | State::Garbage => return,
            State::Head => return self.throw(format!("a response head cut short by {by}")),
            State::Length(rest) => {
                let Framing::Length(length) = self.current.framing else { return };
                format!("content of {length} octets cut short by {by}, {rest} missing")
            }
            State::UntilClose => format!("content without a length, unfinished at {by}"),
            _ => format!("chunked content cut short by {by}"),
        };
        self.end(Some(fault));
    }

    /// The responses that arrived whole, or broke.
    pub(crate) fn responses(&self) -> &[Response] {
        &self.whole
    }

    /// Whether a response has begun that is not finished.
    pub(crate) fn is_midway(&self) -> bool {
        match self.state {
            State::Head => !self.buffer.is_empty(),
            State::Raw | State::Garbage => false,
            _ => true,
        }
    }

    /// What was read, for a transcript.
    pub(crate) fn into_parts(self) -> (Vec<Response>, Vec<u8>, Option<Garbage>) {
        let garbage = self.garbage().cloned();
        (self.whole, self.raw, garbage)
    }

    /// The octets behind a change of protocol.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The octets that are no response.
    pub(crate) fn garbage(&self) -> Option<&Garbage> {
        self.garbage.as_ref().filter(|garbage| !garbage.octets.is_empty())
    }

    /// Whether nothing that follows can be told apart any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.state == State::Garbage
    }

    /// One transition; false when more input is needed.
    fn step(&mut self, requests: &Requests) -> bool {
        match self.state {
            State::Head => self.head(requests),
            State::Length(rest) => {
                let (taken, rest) = self.take(rest);
                self.state = State::Length(rest);
                if rest == 0 {
                    self.end(None);
                }
                taken || rest == 0
            }
            State::ChunkSize => self.line(Self::chunk_size),
            State::ChunkData(rest) => {
                let (taken, rest) = self.take(rest);
                self.state = if rest == 0 { State::ChunkEnd } else { State::ChunkData(rest) };
                taken || rest == 0
            }
            State::ChunkEnd => self.line(|reader, line| {
                if line == b"\r\n" || line == b"\n" {
                    reader.state = State::ChunkSize;
                } else {
                    reader.break_off("chunk data do not end where the chunk size says");
                }
            }),
            State::Trailers => self.line(|reader, line| {
                if line == b"\r\n" || line == b"\n" {
                    reader.end(None);
                } else {
                    let lines: Vec<_> = lines(line).collect();
                    reader.current.trailers.extend(own(fields(&lines)));
                }
            }),
            State::UntilClose => {
                self.current.content.append(&mut self.buffer);
                false
            }
            State::Raw => {
                self.raw.append(&mut self.buffer);
                false
            }
            State::Garbage => {
                if let Some(garbage) = &mut self.garbage {
                    let room = MAX_GARBAGE.saturating_sub(garbage.octets.len());
                    garbage.octets.extend(self.buffer.drain(..).take(room));
                }
                self.buffer.clear();
                false
            }
        }
    }

    /// Moves up to `rest` octets to the content: whether there were any, and how many are still due.
    fn take(&mut self, rest: u64) -> (bool, u64) {
        let len = self.buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        self.current.content.extend(self.buffer.drain(..len));
        (len > 0, rest - len as u64)
    }

    /// Hands the next line, its end included, to `then`; false while it is unfinished.
    fn line(&mut self, then: fn(&mut Self, &[u8])) -> bool {
        let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
            if self.buffer.len() > MAX_FRAMING {
                self.break_off("chunked framing without an end of line");
            }
            return false;
        };
        if self.current.chunk_framing.len() > MAX_FRAMING {
            self.break_off("chunked framing without an end");
            return true;
        }
        let rest = self.buffer.split_off(end + 1);
        let line = std::mem::replace(&mut self.buffer, rest);
        if self.state != State::ChunkEnd || line != b"\r\n" {
            self.current.chunk_framing.extend_from_slice(&line);
        }
        then(self, &line);
        true
    }

    fn chunk_size(&mut self, line: &[u8]) {
        let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let (size, rest) = line.split_at(digits);
        let size =
            std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
        let rest = rest.trim_ascii();
        match size {
            Some(0) if rest.is_empty() || rest.starts_with(b";") => self.state = State::Trailers,
            Some(size) if rest.is_empty() || rest.starts_with(b";") => {
                self.state = State::ChunkData(size);
            }
            _ => self.break_off("a chunk size that is no number"),
        }
    }

    fn head(&mut self, requests: &Requests) -> bool {
        if self.buffer.is_empty() {
            return false;
        }
        let start = self.buffer.len().min(PROTOCOL.len());
        if self.buffer.get(..start) != PROTOCOL.get(..start) {
            self.throw("octets that are no response".into());
            return true;
        }
        let Some(len) = self.head_len() else {
            if self.buffer.len() > MAX_HEADS {
                self.throw("a response head without an end".into());
                return true;
            }
            return false;
        };
        self.heads += len;
        if self.heads > MAX_HEADS || self.whole.len() >= MAX_RESPONSES {
            self.throw("more responses than anyone asked for".into());
            return true;
        }
        let Some((version, status)) = status_line(&self.buffer) else {
            self.throw("a malformed status line".into());
            return true;
        };
        let rest = self.buffer.split_off(len);
        let head = std::mem::replace(&mut self.buffer, rest);
        let fields = own(RawHead::new(&head).fields());
        self.current =
            Response { status, version, head, fields, answers: self.finals, ..Response::default() };
        self.frame(requests);
        true
    }

    /// The length of the head at the front. What was searched is not searched again: a long head that
    /// comes in small pieces would cost its square.
    fn head_len(&mut self) -> Option<usize> {
        // The line end before an empty line may have come earlier.
        let from = self.searched.saturating_sub(b"\n\r\n".len());
        let end = head_len(self.buffer.get(from..)?);
        self.searched = if end.is_some() { 0 } else { self.buffer.len() };
        end.map(|end| from + end)
    }

    // RFC 9112 §6.3: the rules in their order, from the request's method to the close.
    fn frame(&mut self, requests: &Requests) {
        let response = &mut self.current;
        let (number, status) = (self.finals, response.status);
        if status == 101 || (requests.is_connect(number) && (200..300).contains(&status)) {
            self.end(None);
            self.state = State::Raw;
        } else if response.is_interim()
            || status == 204
            || status == 304
            || requests.is_head(number)
        {
            self.end(None);
        } else if response.field("Transfer-Encoding").is_some() {
            let chunked = response.members("Transfer-Encoding");
            if chunked.last().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
                response.framing = Framing::Chunked;
                self.state = State::ChunkSize;
            } else {
                response.framing = Framing::UntilClose;
                self.state = State::UntilClose;
            }
        } else if response.field("Content-Length").is_some() {
            let mut lengths = response.members("Content-Length");
            lengths.dedup();
            match lengths.as_slice() {
                [length] if length.bytes().all(|octet| octet.is_ascii_digit()) => {
                    match length.parse() {
                        Ok(length) => {
                            response.framing = Framing::Length(length);
                            self.state = State::Length(length);
                        }
                        Err(_) => self.break_off("a Content-Length beyond all bounds"),
                    }
                }
                [_] => self.break_off("a Content-Length that is no number"),
                _ => self.break_off("no single Content-Length"),
            }
        } else {
            response.framing = Framing::UntilClose;
            self.state = State::UntilClose;
        }
    }

    /// Ends the current response.
    fn end(&mut self, fault: Option<String>) {
        let mut response = std::mem::take(&mut self.current);
        response.fault = fault;
        if !response.is_interim() {
            self.finals += 1;
        }
        self.whole.push(response);
        self.state = State::Head;
    }

    /// Ends the current response with a fault behind which nothing can be framed.
    fn break_off(&mut self, fault: &str) {
        self.end(Some(fault.to_owned()));
        self.throw(format!("octets behind {fault}"));
    }

    /// Gives up: what is in the buffer and all that follows is garbage.
    fn throw(&mut self, reason: String) {
        let octets = self.buffer.drain(..).take(MAX_GARBAGE).collect();
        self.garbage = Some(Garbage { reason, octets });
        self.state = State::Garbage;
    }
}

/// The version and the status of the line at the front; `None` where they cannot be told.
fn status_line(octets: &[u8]) -> Option<(String, u16)> {
    let line = lines(octets).next()?.octets;
    let version = line.get(..8)?;
    let [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] = version else { return None };
    if !major.is_ascii_digit() || !minor.is_ascii_digit() || line.get(8) != Some(&b' ') {
        return None;
    }
    let digits = line.get(9..12)?;
    if !digits.iter().all(u8::is_ascii_digit) || line.get(12).is_some_and(|octet| *octet != b' ') {
        return None;
    }
    let status = std::str::from_utf8(digits).ok()?.parse().ok().filter(|status| *status >= 100)?;
    Some((String::from_utf8_lossy(version).into_owned(), status))
}

fn own(fields: Vec<(&[u8], std::borrow::Cow<'_, [u8]>)>) -> Vec<(String, Vec<u8>)> {
    fields
        .into_iter()
        .map(|(name, value)| {
            (String::from_utf8_lossy(name.trim_ascii()).into_owned(), value.into_owned())
        })
        .collect()
}

/// What every HTTP/1 response begins with.
const PROTOCOL: &[u8] = b"HTTP/";

/// Octets of all heads of a connection: far above what servers send. Fields cost many times their octets,
/// so a peer may not send them without end.
const MAX_HEADS: usize = 256 * 1024;

/// Octets of chunk sizes, extensions and trailer section of a response, for the same reason.
const MAX_FRAMING: usize = 256 * 1024;

/// Responses of a connection: no case asks for so many, and each of them meets all passive rules.
const MAX_RESPONSES: usize = 1000;

/// Octets of garbage that are kept.
const MAX_GARBAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `octets` in one piece and octet by octet, which must give the same.
    fn read(octets: &[u8], heads: &[usize]) -> Reader {
        let requests = Requests::with_heads(heads);
        let (mut one, mut many) = (Reader::default(), Reader::default());
        one.feed(octets, &requests);
        for octet in octets {
            many.feed(&[*octet], &requests);
        }
        assert_eq!(format!("{one:?}"), format!("{many:?}"));
        one
    }

    fn statuses(reader: &Reader) -> Vec<u16> {
        reader.responses().iter().map(|response| response.status).collect()
    }

    #[test]
    fn pipelined_responses_are_split_by_their_length() {
        let reader = read(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No\r\n\r\n",
            &[],
        );
        assert_eq!(statuses(&reader), [100, 200, 204]);
        assert_eq!(reader.responses()[1].content, b"hello");
        let answers: Vec<_> = reader.responses().iter().map(|response| response.answers).collect();
        assert_eq!(answers, [0, 0, 1]);
    }

    #[test]
    fn an_answer_to_head_has_no_content() {
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let reader = read(&[&response[..], response].concat(), &[1]);
        assert_eq!(statuses(&reader), [200]);
        assert!(reader.is_midway());
    }

    #[test]
    fn chunked_content_ends_with_its_trailers() {
        let reader = read(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\nHTTP/1.1 204 \r\n\r\n",
            &[],
        );
        assert_eq!(statuses(&reader), [200, 204]);
        let response = &reader.responses()[0];
        assert_eq!((response.content.as_slice(), response.fault.as_ref()), (&b"hello"[..], None));
        assert_eq!(response.trailer("x"), Some(&b"1"[..]));
        assert_eq!(response.chunk_framing, b"5;a=b\r\n0\r\nX: 1\r\n\r\n");
    }

    #[test]
    fn content_without_a_length_ends_with_the_connection() {
        let mut reader = read(b"HTTP/1.0 200 OK\r\n\r\nhello", &[]);
        assert!(reader.responses().is_empty() && reader.is_midway());
        reader.close(true);
        assert_eq!(reader.responses()[0].content, b"hello");
        assert_eq!(reader.responses()[0].fault, None);
    }

    #[test]
    fn content_cut_short_is_a_fault() {
        let mut reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", &[]);
        reader.close(true);
        let fault = reader.responses()[0].fault.clone().unwrap();
        assert_eq!(fault, "content of 9 octets cut short by the close, 4 missing");
    }

    #[test]
    fn octets_behind_101_are_left_alone() {
        let reader = read(b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\n\r\nHTTP/1.1 nonsense", &[]);
        assert_eq!(reader.raw(), b"HTTP/1.1 nonsense");
        assert_eq!(reader.garbage(), None);
    }

    #[test]
    fn what_is_no_response_is_garbage_with_a_reason() {
        for (octets, reason) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "octets that are no response"),
            (b"HTTP/1.1 20 OK\r\n\r\n", "a malformed status line"),
            (b"HTTP/1.1 204 No\r\n\r\nxyz", "octets that are no response"),
        ] {
            assert_eq!(read(octets, &[]).garbage().unwrap().reason, reason);
        }
    }

    #[test]
    fn heads_without_end_are_given_up() {
        for (start, again, faults) in [
            (&b""[..], &b"HTTP/1.1 100 C\r\n\r\n"[..], 0),
            (b"HTTP/1.1 200 OK\r\n", b"a:\r\n", 0),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a:\r\n", 1),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 1),
        ] {
            let mut reader = Reader::default();
            reader.feed(start, &Requests::default());
            let more = again.repeat(4096 / again.len());
            for _ in 0..MAX_HEADS / 1024 {
                reader.feed(&more, &Requests::default());
            }
            assert!(reader.is_lost());
            let fault = |response: &&Response| response.fault.is_some();
            assert_eq!(reader.responses().iter().filter(fault).count(), faults);
        }
    }

    #[test]
    fn doubtful_framing_is_a_fault_of_its_response() {
        for head in
            ["Content-Length: 5x", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: "]
        {
            let reader = read(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nhello").as_bytes(), &[]);
            assert!(reader.responses()[0].fault.is_some(), "{head}");
            assert_eq!(reader.garbage().unwrap().octets, b"hello");
        }
        let reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", &[]);
        assert_eq!(reader.responses()[0].fault.as_deref(), Some("a chunk size that is no number"));
    }
}
