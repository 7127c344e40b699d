//! Response heads (RFC 9112 §4 and §5).

use super::framing::{Announced, ResponseFraming};
use super::head::{Checked, FAST_LINES, Next, scanned_line};
use super::line;
use super::{Fault, HeadLimits, Parsed, Profile, Version};
use crate::field::{FieldLine, Fields};
use crate::method::Method;
use crate::span::Span;
use std::mem::{self, MaybeUninit};

/// What a response head said. Reused from response to response: the list of lines keeps its memory.
///
/// All spans count from the front of the buffer that was parsed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// The status code, from 100 to 599 (leniently to 999).
    pub status: u16,
    /// The reason phrase; empty if there is none.
    pub reason: Span,
    /// Whether the connection may go on behind this response, as far as version and fields say
    /// (RFC 9112 §9.3). [`ResponseFraming::UntilClose`] ends it nonetheless.
    pub persistent: bool,
    /// Octets of the head, with the empty line that ends it.
    pub len: usize,
    announced: Announced,
    lines: Vec<FieldLine>,
}

impl ResponseHead {
    /// The field section. `buffer` must be the one that was parsed.
    pub fn fields<'a>(&'a self, buffer: &'a [u8]) -> Fields<'a> {
        Fields::new(buffer, &self.lines)
    }

    /// How the content is delimited in answer to a request of method `request` (RFC 9112 §6.3).
    ///
    /// Codings below chunked are left to the caller, who finds them in Transfer-Encoding. A response
    /// whose final coding is not chunked, unlike such a request, ends with the connection.
    pub fn framing(&self, request: Method) -> ResponseFraming {
        let tunnel = request == Method::Connect && (200..300).contains(&self.status);
        if request == Method::Head || tunnel || matches!(self.status, 100..200 | 204 | 304) {
            return ResponseFraming::None;
        }
        match self.announced {
            Announced { transfer: true, chunked_last: true, .. } => ResponseFraming::Chunked,
            Announced { transfer: true, .. } => ResponseFraming::UntilClose,
            Announced { length: Some(length), .. } => ResponseFraming::Length(length),
            _ => ResponseFraming::UntilClose,
        }
    }
}

/// A parser of response heads; restartable like [`RequestParser`](super::RequestParser).
///
/// [`HeadLimits::request_line`] bounds the status line.
#[derive(Clone, Debug, Default)]
pub struct ResponseParser {
    profile: Profile,
    limits: HeadLimits,
    unfinished: Option<Checked>,
    /// The head as far as its lines were checked.
    draft: ResponseHead,
}

impl ResponseParser {
    /// A parser of that tolerance and those limits.
    pub fn new(profile: Profile, limits: HeadLimits) -> Self {
        Self { profile, limits, ..Self::default() }
    }

    /// Parses the head at the front of `buffer` into `head`.
    ///
    /// After [`Parsed::Partial`], call again with the same octets and more behind them. After
    /// [`Parsed::Complete`] the parser is ready for the next head, which starts behind the content;
    /// `head` is undefined otherwise. The lenient profile replaces folds and bare CRs by spaces in place.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of the first octet that makes the head illegal. Every longer input has the same.
    pub fn parse(&mut self, buffer: &mut [u8], head: &mut ResponseHead) -> Result<Parsed, Fault> {
        if self.unfinished.is_none() && fast(buffer, &self.limits, head).is_some() {
            return Ok(Parsed::Complete);
        }
        self.parse_by_line(buffer, head)
    }

    /// The careful path: gives the exact fault, knows both profiles, and can be restarted.
    pub(super) fn parse_by_line(
        &mut self,
        buffer: &mut [u8],
        head: &mut ResponseHead,
    ) -> Result<Parsed, Fault> {
        let unfinished = self.unfinished.take().filter(|checked| checked.fits(buffer));
        let mut checked = unfinished.unwrap_or_default();
        if !checked.has_start_line() {
            self.draft.lines.clear();
            self.draft.announced = Announced::NOTHING;
            match self.status_line(buffer)? {
                Some(section) => checked = Checked::start_line(section),
                None => {
                    self.unfinished = Some(checked);
                    return Ok(Parsed::Partial);
                }
            }
        }
        let draft = &mut self.draft;
        loop {
            match checked.next(buffer, draft.lines.len(), &self.limits, self.profile)? {
                Next::Field(line) => {
                    let value = line.value.of(buffer);
                    draft.announced.field(line.name, value, draft.version, self.profile)?;
                    draft.lines.push(line);
                }
                Next::End { len } => {
                    draft.len = len;
                    draft.persistent = draft.announced.persistent(draft.version);
                    mem::swap(head, draft);
                    return Ok(Parsed::Complete);
                }
                Next::Partial => {
                    self.unfinished = Some(checked);
                    return Ok(Parsed::Partial);
                }
            }
        }
    }

    /// Reads the status line into the draft, and tells where the field section starts; `None` if it
    /// is not there yet.
    fn status_line(&mut self, buffer: &[u8]) -> Result<Option<usize>, Fault> {
        let limited = buffer.get(..self.limits.request_line).unwrap_or(buffer);
        let Some(line) = line::status_line(limited, self.profile)? else {
            if limited.len() < buffer.len() {
                return Err(Fault::StatusLineTooLong);
            }
            return Ok(None);
        };
        self.draft.version = line.version;
        self.draft.status = line.status;
        self.draft.reason = Span::new(line.reason.start, line.reason.end);
        Ok(Some(line.len))
    }
}

/// The fast path, as for requests: `None` says nothing but that the careful path has to look.
fn fast(buffer: &[u8], limits: &HeadLimits, head: &mut ResponseHead) -> Option<()> {
    const STATUS_END: usize = "HTTP/1.1 200".len();
    // httparse skips leading empty lines; here they are illegal.
    if buffer.first() != Some(&b'H') {
        return None;
    }
    let mut headers = [const { MaybeUninit::uninit() }; FAST_LINES];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        buffer,
        &mut headers,
    );
    let Ok(httparse::Status::Complete(len)) = parsed else { return None };
    head.version = if response.version? == 0 { Version::Http10 } else { Version::Http11 };
    head.status = response.code?;
    let lines = &*response.headers;
    // The last line, whichever it is, and the empty line both end in CRLF; so does each line before.
    if buffer.get(len.checked_sub(4)?..len)? != b"\r\n\r\n" {
        return None;
    }
    let section = match lines.first() {
        Some(line) => Span::within(buffer, line.name.as_bytes()).start as usize,
        None => len - 2,
    };
    let ordinary = (100..600).contains(&head.status)
        && buffer.get(STATUS_END) == Some(&b' ')
        && buffer.get(section.checked_sub(2)?..section)? == b"\r\n"
        && section <= limits.request_line
        && len - section <= limits.field_section
        && lines.len() <= limits.field_lines;
    // Where httparse sees another octet than the careful path in the reason, positions differ.
    if !ordinary || section < STATUS_END + 3 {
        return None;
    }
    head.reason = Span::new(STATUS_END + 1, section - 2);
    head.len = len;
    head.lines.clear();
    head.announced = Announced::NOTHING;
    for header in lines {
        let line = scanned_line(buffer, header)?;
        head.announced.field(line.name, header.value, head.version, Profile::Strict).ok()?;
        head.lines.push(line);
    }
    head.persistent = head.announced.persistent(head.version);
    Some(())
}
