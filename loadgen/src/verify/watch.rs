//! What is watched of one connection.

use falconry_wire::h1::Fault;
use falconry_wire::monitor::h2::{End, Monitor};
use falconry_wire::monitor::{Behind, Level, Rule};

use super::content::Hashing;
use super::fields::Said;
use super::heads::Response;
use super::{Known, MALFORMED, Report, Verifier, is_held, sample};
use crate::protocol::{Head, Protocol, Ticket};

/// Watches one connection. Bounded: it keeps the responses in flight without their content, and of HTTP/2 some
/// streams beside them.
#[derive(Debug)]
pub struct Watch {
    /// The traffic, of HTTP/2 only.
    traffic: Option<Box<Traffic>>,
    /// Responses that are under way; few of HTTP/1.1, where one comes behind the other.
    open: Vec<Open>,
    /// Used up ones, for their memory.
    spare: Vec<Open>,
    /// The response of HTTP/1.1 that came whole last.
    last: Option<Open>,
    /// A response failed behind its head: what comes now is content, or its framing.
    midway: bool,
}

#[derive(Debug)]
struct Traffic {
    monitor: Monitor,
    /// How many breaches of each rule were told, and of all together.
    told: Vec<u64>,
    all: u64,
    /// A rule of a MUST was broken.
    is_blamed: bool,
}

/// A response under way.
#[derive(Debug, Default)]
struct Open {
    ticket: Option<Ticket>,
    request: usize,
    status: u16,
    head: Vec<u8>,
    framing: Vec<u8>,
    content: u64,
    closes: bool,
    hashing: Option<Hashing>,
}

impl Watch {
    /// A connection that was just opened, for at most `in_flight` requests at a time.
    pub fn new(protocol: Protocol, in_flight: usize) -> Self {
        let traffic = (protocol == Protocol::H2).then(|| Box::new(Traffic::new(in_flight)));
        Self { traffic, open: Vec::new(), spare: Vec::new(), last: None, midway: false }
    }

    /// Octets that go out next. Of HTTP/2 all of them are wanted, the preface included, before the answers
    /// to them are given to [`Watch::received`]; HTTP/1.1 needs none.
    pub fn sent(&mut self, octets: &[u8]) {
        if let Some(traffic) = &mut self.traffic {
            traffic.monitor.sent(octets);
        }
    }

    /// Octets that came in, each once. Of HTTP/2 all of them are wanted; HTTP/1.1 needs none.
    pub fn received(&mut self, octets: &[u8], report: &mut Report<'_>) {
        if let Some(traffic) = &mut self.traffic {
            traffic.monitor.received(octets);
            traffic.tell(report);
        }
    }

    /// A head came: interim or final, in answer to that request of the mix.
    pub fn head(
        &mut self,
        verifier: &mut Verifier,
        ticket: Ticket,
        request: usize,
        status: u16,
        head: Head<'_>,
        report: &mut Report<'_>,
    ) {
        let said = match head {
            Head::H1(octets) => {
                self.follows(verifier, report);
                if status < 200 {
                    let open = Open { request, status, head: octets.to_vec(), ..Open::default() };
                    open.judge(verifier, report);
                    return;
                }
                Said::by_h1(octets)
            }
            Head::H2(_) if status != 200 => return,
            Head::H2(section) => Said::by_h2(section),
        };
        let is_steady = verifier.requests.get(request).is_some_and(|known| known.is_steady);
        let compared = status == 200 && is_steady;
        let hashing = if compared { verifier.contents.begin(request, &said) } else { None };
        // Of HTTP/2 the traffic tells all else.
        if hashing.is_none() && self.traffic.is_some() {
            return;
        }
        let mut open = self.spare.pop().unwrap_or_default();
        open.begin(ticket, request, status);
        open.hashing = hashing;
        if let Head::H1(octets) = head {
            open.head.extend_from_slice(octets);
        }
        self.open.push(open);
    }

    /// Content came.
    pub fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        if let Some(open) = self.open.iter_mut().find(|open| open.ticket == Some(ticket)) {
            open.content += octets.len() as u64;
            if let Some(hashing) = &mut open.hashing {
                hashing.update(octets);
            }
        }
    }

    /// Octets of the chunked coding that are no content came: chunk sizes, extensions, line ends, the trailer
    /// section, all as they stand on the wire. Without them, the rules about chunks and trailers are idle.
    pub fn framing(&mut self, ticket: Ticket, octets: &[u8]) {
        if let Some(open) = self.open.iter_mut().find(|open| open.ticket == Some(ticket)) {
            // One octet too many marks what is too long to be judged.
            let room = (MAX_FRAMING + 1).saturating_sub(open.framing.len());
            open.framing.extend_from_slice(octets.get(..room).unwrap_or(octets));
        }
    }

    /// The response is whole.
    pub fn done(&mut self, verifier: &mut Verifier, ticket: Ticket, report: &mut Report<'_>) {
        let Some(mut open) = self.take(ticket) else { return };
        if let Some((rule, seen)) =
            open.hashing.take().and_then(|hashing| verifier.contents.end(open.request, hashing))
        {
            report(rule.id, &|| sample(rule, &seen, &open.head));
        }
        if self.traffic.is_some() {
            self.spare.push(open);
            return;
        }
        if open.framing.len() > MAX_FRAMING {
            open.framing.clear();
        }
        drop_line_ends_of_chunks(&mut open.framing);
        open.closes = open.judge(verifier, report);
        self.spare.extend(self.last.replace(open));
    }

    /// The request failed, or was not processed. `cut` tells that the server closed before the response was whole.
    ///
    /// Told before [`Watch::refused`] and [`Watch::end`].
    pub fn failed(
        &mut self,
        verifier: &Verifier,
        ticket: Ticket,
        cut: bool,
        report: &mut Report<'_>,
    ) {
        let Some(open) = self.take(ticket) else { return };
        if cut && self.traffic.is_none() {
            open.judge_behind(verifier, Behind::Cut, &[LENGTH_EXACT], report);
        }
        self.midway = self.traffic.is_none();
        self.spare.push(open);
    }

    /// The engine gave the connection up for what the server sent: `octets` are those that it could not take,
    /// `fault` is what is wrong with them, if they are of HTTP/1.1 and that is known.
    pub fn refused(
        &mut self,
        verifier: &Verifier,
        fault: Option<Fault>,
        octets: &[u8],
        report: &mut Report<'_>,
    ) {
        if let Some(traffic) = &self.traffic {
            // As a rule, the fault has broken one of the rules about traffic. Advice that was not taken is none.
            if !traffic.is_blamed {
                report(MALFORMED.id, &|| sample(&MALFORMED, "a fault of the connection", octets));
            }
            return;
        }
        let mut rule = &MALFORMED;
        // Where no content is under way, a response begins, or something that is none.
        if !self.midway {
            if octets.starts_with(b"HTTP/") {
                if self.follows(verifier, report) {
                    return;
                }
            } else {
                let rules = &[NO_CONTENT, NOTHING_BEHIND_CLOSE];
                let last = self.last.take();
                if last
                    .is_some_and(|last| last.judge_behind(verifier, Behind::Octets, rules, report))
                {
                    return;
                }
            }
        }
        if octets.starts_with(b"HTTP/") || self.midway {
            rule = fault.and_then(broken_by).and_then(super::rule).unwrap_or(rule);
        }
        let start = octets.get(..SHOWN).unwrap_or(octets).escape_ascii();
        let seen = match fault {
            Some(fault) => format!("{fault}: `{start}`"),
            None => format!("`{start}`"),
        };
        report(rule.id, &|| sample(rule, &seen, octets));
    }

    /// The connection ended: by the server's own close, its reset, or by us.
    pub fn end(&mut self, end: End, report: &mut Report<'_>) {
        if let Some(traffic) = &mut self.traffic {
            traffic.monitor.end(end);
            traffic.tell(report);
        }
    }

    /// How many responses it keeps.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.open.len() + self.spare.len() + usize::from(self.last.is_some())
    }

    /// Another response came behind the last one: whether that is a breach.
    fn follows(&mut self, verifier: &Verifier, report: &mut Report<'_>) -> bool {
        let Some(last) = self.last.take_if(|last| last.closes) else { return false };
        let breach = last.judge_behind(verifier, Behind::Response, &[NOTHING_BEHIND_CLOSE], report);
        self.spare.push(last);
        breach
    }

    fn take(&mut self, ticket: Ticket) -> Option<Open> {
        let at = self.open.iter().position(|open| open.ticket == Some(ticket))?;
        Some(self.open.swap_remove(at))
    }
}

impl Open {
    /// Makes a used one new.
    fn begin(&mut self, ticket: Ticket, request: usize, status: u16) {
        self.head.clear();
        self.framing.clear();
        self.head.shrink_to(MAX_FRAMING);
        *self = Self {
            ticket: Some(ticket),
            request,
            status,
            head: std::mem::take(&mut self.head),
            framing: std::mem::take(&mut self.framing),
            ..Self::default()
        };
    }

    /// Tells what the rules say of it.
    fn judge(&self, verifier: &mut Verifier, report: &mut Report<'_>) -> bool {
        let Verifier { requests, heads, .. } = verifier;
        let Some(known) = requests.get(self.request) else { return false };
        let verdict = heads.judge(&self.response(known));
        tell(&verdict.breaches, &self.head, report);
        verdict.closes
    }

    /// Tells what those rules say of it in the light of what came behind; whether any was broken.
    fn judge_behind(
        &self,
        verifier: &Verifier,
        behind: Behind,
        rules: &[&str],
        report: &mut Report<'_>,
    ) -> bool {
        let Some(known) = verifier.requests.get(self.request) else { return false };
        let breaches = verifier.heads.behind(&self.response(known), behind, rules);
        tell(&breaches, &self.head, report);
        !breaches.is_empty()
    }

    fn response<'a>(&'a self, known: &'a Known) -> Response<'a> {
        Response {
            asked: Some(known.asked()),
            status: self.status,
            head: &self.head,
            framing: &self.framing,
            content: self.content,
        }
    }
}

impl Traffic {
    fn new(in_flight: usize) -> Self {
        // Frames may still come on a stream that is over; so many more are hardly under way.
        let monitor = Monitor::remembering(in_flight.saturating_mul(2).saturating_add(16));
        let told = monitor.findings().map(|_| 0).collect();
        Self { monitor, told, all: 0, is_blamed: false }
    }

    /// Tells the breaches that are new.
    fn tell(&mut self, report: &mut Report<'_>) {
        if std::mem::replace(&mut self.all, self.monitor.breaches()) == self.monitor.breaches() {
            return;
        }
        for ((rule, tally), told) in self.monitor.findings().zip(&mut self.told) {
            for _ in *told..tally.broken {
                if is_held(rule) {
                    self.is_blamed |= rule.level == Level::Must;
                    let seen = tally.seen.as_deref().unwrap_or_default();
                    report(rule.id, &|| sample(rule, seen, b""));
                }
            }
            *told = tally.broken;
        }
    }
}

fn tell(breaches: &[(&'static Rule, String)], head: &[u8], report: &mut Report<'_>) {
    for (rule, seen) in breaches {
        report(rule.id, &|| sample(rule, seen, head));
    }
}

/// The rule that a response breaks which a strict parser refuses for that fault.
///
/// The parser's verdict is the same however the octets were split, which what a rule sees in the octets so far
/// would not be.
fn broken_by(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::InvalidStatusLine | Fault::InvalidStatusCode => "h1.passive.status-line",
        Fault::InvalidVersion | Fault::UnsupportedVersion => "h1.passive.version",
        Fault::BareLineFeed => "h1.passive.line-ends",
        Fault::BareCarriageReturn => "h1.passive.lone-cr",
        Fault::WhitespaceBeforeFirstField => "h1.passive.leading-whitespace",
        Fault::ObsoleteFold => "h1.passive.folded-field",
        Fault::SpaceBeforeColon => "h1.passive.space-before-colon",
        Fault::MissingColon | Fault::EmptyFieldName | Fault::InvalidFieldName => {
            "h1.passive.field-name"
        }
        Fault::NulOctet | Fault::InvalidFieldValue => "h1.passive.field-value",
        Fault::InvalidContentLength
        | Fault::DuplicateContentLength
        | Fault::ContentLengthOverflow => "h1.passive.length-form",
        Fault::ContentLengthWithTransferEncoding => "h1.passive.length-and-coding",
        Fault::ChunkedTwice => "h1.passive.chunked-once",
        Fault::InvalidConnectionOption => "h1.passive.connection-options",
        Fault::InvalidChunkSize | Fault::InvalidChunkExtension => "h1.passive.chunk-lines",
        _ => return None,
    })
}

/// Drops the line end behind the data of each chunk, so that sizes, extensions and trailers are left, line by
/// line, as the rules want them.
fn drop_line_ends_of_chunks(framing: &mut Vec<u8>) {
    let (mut read, mut kept, mut behind_data) = (0, 0, false);
    while let Some(rest) = framing.get(read..).filter(|rest| !rest.is_empty()) {
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let line = rest.get(..len).unwrap_or(rest);
        if behind_data && line == b"\r\n" {
            behind_data = false;
        } else {
            let mut digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).peekable();
            let is_size = digits.peek().is_some();
            behind_data = digits.any(|digit| *digit != b'0');
            let is_last = is_size && !behind_data;
            // Behind the last chunk stand trailers, whatever they look like.
            let len = if is_last { rest.len() } else { len };
            framing.copy_within(read..read + len, kept);
            kept += len;
            read += len;
            continue;
        }
        read += len;
    }
    framing.truncate(kept);
}

const LENGTH_EXACT: &str = "h1.passive.length-exact";
const NO_CONTENT: &str = "h1.passive.no-content";
const NOTHING_BEHIND_CLOSE: &str = "h1.passive.nothing-behind-close";

/// Octets of chunk sizes, extensions and trailers of one response that are judged.
const MAX_FRAMING: usize = 16 * 1024;

/// Octets in the sentence about what is no response.
const SHOWN: usize = 40;
