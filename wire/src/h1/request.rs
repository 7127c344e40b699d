//! Request heads (RFC 9112 §3 and §5).

use super::framing::{Announced, Framing};
use super::head::{Checked, FAST_LINES, Next, scanned_line};
use super::line;
use super::target::{Target, target_len};
use super::{Fault, HeadLimits, Parsed, Profile, Version};
use crate::authority::Authority;
use crate::field::{FieldLine, FieldName, Fields};
use crate::method::Method;
use crate::span::Span;
use std::mem::{self, MaybeUninit};

/// What a request head said. Reused from request to request: the list of lines keeps its memory.
///
/// All spans count from the front of the buffer that was parsed, leading empty lines included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method as spelled.
    pub method_span: Span,
    /// The version.
    pub version: Version,
    /// The target, taken apart.
    pub target: Target,
    /// How the content is delimited.
    pub framing: Framing,
    /// Whether the connection may go on behind this request (RFC 9112 §9.3): what version and
    /// Connection say, and false where RFC 9112 §6.1 demands a close.
    pub persistent: bool,
    /// An HTTP/1.0 client asked for keep-alive: an answer that grants it must say so.
    pub keep_alive_10: bool,
    /// The client waits for 100 (RFC 9110 §10.1.1). Never in HTTP/1.0.
    pub expects_continue: bool,
    /// The client expects something, known or not. Never in HTTP/1.0.
    pub has_expectation: bool,
    /// Upgrade is there and listed in Connection. Never in HTTP/1.0.
    pub upgrade: bool,
    /// Whom the request is meant for: the authority of the target if it has one, else Host
    /// (RFC 9112 §3.3). Empty if neither says.
    pub authority: Span,
    /// Octets of the head, with leading empty lines and the empty line that ends it.
    pub len: usize,
    lines: Vec<FieldLine>,
}

impl RequestHead {
    /// The field section. `buffer` must be the one that was parsed.
    pub fn fields<'a>(&'a self, buffer: &'a [u8]) -> Fields<'a> {
        Fields::new(buffer, &self.lines)
    }
}

/// A parser of request heads.
///
/// Restartable: for an unfinished head it keeps how far the complete lines were checked, so that a
/// head that arrives octet by octet is not read from the start each time.
#[derive(Clone, Debug, Default)]
pub struct RequestParser {
    profile: Profile,
    limits: HeadLimits,
    unfinished: Option<Checked>,
    /// The head as far as its lines were checked.
    draft: RequestHead,
    notes: Notes,
}

/// What the field lines read so far say about the request.
#[derive(Clone, Copy, Debug, Default)]
struct Notes {
    announced: Announced,
    host: Option<Span>,
    upgrade: bool,
    expects_continue: bool,
    has_expectation: bool,
}

impl RequestParser {
    /// A parser of that tolerance and those limits.
    pub fn new(profile: Profile, limits: HeadLimits) -> Self {
        Self { profile, limits, ..Self::default() }
    }

    /// Parses the head at the front of `buffer` into `head`.
    ///
    /// After [`Parsed::Partial`], call again with the same octets and more behind them. After
    /// [`Parsed::Complete`] the parser is ready for the next head, which starts at `head.len`; `head`
    /// is undefined otherwise. The lenient profile replaces folds and bare CRs by spaces in place.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of the first octet that makes the head illegal. Every longer input has the same.
    pub fn parse(&mut self, buffer: &mut [u8], head: &mut RequestHead) -> Result<Parsed, Fault> {
        if buffer.is_empty() {
            // Nothing is no unfinished head: one that comes whole behind it takes the fast path.
            self.unfinished = None;
            return Ok(Parsed::Partial);
        }
        if self.unfinished.is_none() && fast(buffer, &self.limits, head).is_some() {
            return Ok(Parsed::Complete);
        }
        self.parse_by_line(buffer, head)
    }

    /// The careful path: gives the exact fault, knows both profiles, and can be restarted.
    pub(super) fn parse_by_line(
        &mut self,
        buffer: &mut [u8],
        head: &mut RequestHead,
    ) -> Result<Parsed, Fault> {
        let unfinished = self.unfinished.take().filter(|checked| checked.fits(buffer));
        let mut checked = unfinished.unwrap_or_default();
        if !checked.has_start_line() {
            self.draft.lines.clear();
            self.notes = Notes::NOTHING;
            match self.request_line(buffer)? {
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
                    self.notes.line(&line, line.value.of(buffer), draft.version, self.profile)?;
                    draft.lines.push(line);
                }
                Next::End { len } => {
                    draft.len = len;
                    self.notes.finish(draft)?;
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

    /// Reads leading empty lines and the request line into the draft, and tells where the field
    /// section starts; `None` if they are not there yet.
    fn request_line(&mut self, buffer: &[u8]) -> Result<Option<usize>, Fault> {
        let (start, over) = line::leading_empty_lines(buffer, self.profile)?;
        if !over {
            return Ok(None);
        }
        let octets = buffer.get(start..).unwrap_or_default();
        let limited = octets.get(..self.limits.request_line).unwrap_or(octets);
        let Some(line) = line::request_line(limited, self.profile)? else {
            if limited.len() < octets.len() {
                return Err(Fault::RequestLineTooLong);
            }
            return Ok(None);
        };
        let draft = &mut self.draft;
        draft.method_span = Span::new(start + line.method.start, start + line.method.end);
        draft.method = Method::recognise(draft.method_span.of(buffer));
        let target = Span::new(start + line.target.start, start + line.target.end);
        draft.target.parse(buffer, target, draft.method)?;
        draft.version = line.version;
        Ok(Some(start + line.len))
    }
}

impl Notes {
    /// Nothing yet. A constant, because it is copied for every request.
    const NOTHING: Self = Self {
        announced: Announced::NOTHING,
        host: None,
        upgrade: false,
        expects_continue: false,
        has_expectation: false,
    };

    #[inline(always)]
    fn line(
        &mut self,
        line: &FieldLine,
        value: &[u8],
        version: Version,
        profile: Profile,
    ) -> Result<(), Fault> {
        match line.name {
            FieldName::Host => {
                // RFC 9112 §3.2: two hosts are two opinions about whom the request is for.
                if self.host.is_some() {
                    return Err(Fault::DuplicateHost);
                }
                if Authority::parse(value).is_none() {
                    return Err(Fault::InvalidHost);
                }
                self.host = Some(line.value);
            }
            // RFC 9110 §10.1.1: other expectations may be answered with 417, by the application.
            FieldName::Expect => {
                self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
                self.has_expectation |= !value.is_empty();
            }
            FieldName::Upgrade => self.upgrade |= !value.is_empty(),
            name => return self.announced.field(name, value, version, profile),
        }
        Ok(())
    }

    /// Judges the field section as a whole and fills in what follows from it.
    fn finish(&self, head: &mut RequestHead) -> Result<(), Fault> {
        let announced = &self.announced;
        let current = head.version == Version::Http11;
        // RFC 9112 §3.2: also where the target names the authority.
        if self.host.is_none() && current {
            return Err(Fault::MissingHost);
        }
        head.framing = if announced.transfer {
            if !announced.chunked_last {
                return Err(Fault::FinalCodingNotChunked);
            }
            if announced.other_coding {
                return Err(Fault::UnknownTransferCoding);
            }
            Framing::Chunked
        } else {
            announced.length.map_or(Framing::None, Framing::Length)
        };
        head.persistent = announced.persistent(head.version);
        head.keep_alive_10 = head.persistent && !current;
        head.expects_continue = self.expects_continue && current;
        head.has_expectation = self.has_expectation && current;
        head.upgrade = self.upgrade && announced.upgrade && current;
        head.authority = match self.host {
            Some(host) if head.target.authority.is_empty() => host,
            _ => head.target.authority,
        };
        Ok(())
    }
}

/// The fast path: a whole, ordinary head, scanned by httparse and checked by positions.
///
/// `None` says nothing but that the careful path has to look. What is accepted here, the careful path
/// accepts in both profiles, with the same head.
fn fast(buffer: &[u8], limits: &HeadLimits, head: &mut RequestHead) -> Option<()> {
    let mut headers = [const { MaybeUninit::uninit() }; FAST_LINES];
    let mut request = httparse::Request::new(&mut []);
    let Ok(httparse::Status::Complete(len)) =
        request.parse_with_uninit_headers(buffer, &mut headers)
    else {
        return None;
    };
    let method = request.method?.as_bytes();
    let target = request.path?.as_bytes();
    head.version = if request.version? == 0 { Version::Http10 } else { Version::Http11 };
    head.method_span = Span::within(buffer, method);
    head.method = Method::recognise(method);

    // Leading empty lines end in CRLF, and there are two at most.
    let start = head.method_span.start as usize;
    if start > 0 && !matches!(buffer.get(..start)?, b"\r\n" | b"\r\n\r\n") {
        return None;
    }
    // One space on both sides of the target.
    let target = Span::within(buffer, target);
    if target.is_empty() || target.start != head.method_span.end + 1 {
        return None;
    }
    if !head.target.parse_usual(buffer, target, head.method) {
        // With the space behind it, at which a percent-encoding that is cut short shows.
        let spaced = Span { end: target.end + 1, ..target };
        if target_len(spaced.of(buffer), Profile::Strict) != Ok(Some(target.len())) {
            return None;
        }
        head.target.parse(buffer, target, head.method).ok()?;
    }

    // Where the section starts if a CRLF ends the request line, as the lines below prove.
    let section = target.end as usize + " HTTP/1.1\r\n".len();
    let lines = &*request.headers;
    let too_large = section - start > limits.request_line
        || len - section > limits.field_section
        || lines.len() > limits.field_lines;
    // The last line, whichever it is, and the empty line both end in CRLF.
    if too_large || buffer.get(len.checked_sub(4)?..len)? != b"\r\n\r\n" {
        return None;
    }
    head.len = len;
    head.lines.clear();
    let mut notes = Notes::NOTHING;
    for header in lines {
        let line = scanned_line(buffer, header)?;
        notes.line(&line, header.value, head.version, Profile::Strict).ok()?;
        head.lines.push(line);
    }
    notes.finish(head).ok()
}
