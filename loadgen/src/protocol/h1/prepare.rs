//! Requests of HTTP/1.1 in the form that costs least to send (RFC 9112 §3).

use falconry_wire::field::list;
use falconry_wire::h1::{HeadLimits, Parsed, Profile, RequestHead, RequestParser};
use falconry_wire::method::Method;

use crate::protocol::BATCH;
use crate::request::{Mix, Part, Request, Text};

/// The requests of a mix.
#[derive(Debug)]
pub struct Prepared {
    mix: Mix,
    requests: Vec<Form>,
    seed: u64,
}

/// One request.
#[derive(Debug)]
pub(super) struct Form {
    /// The method, which has a say in how the response is framed.
    pub(super) method: Method,
    /// Whether it asks for the connection's end.
    pub(super) closes: bool,
    /// Whether it asks for another protocol.
    pub(super) upgrades: bool,
    octets: Octets,
}

#[derive(Debug)]
enum Octets {
    /// The same for all.
    Fixed(Box<[u8]>),
    /// Rendered for each; head and content, if any, with all they need.
    Rendered(Vec<Segment>),
    /// The head up to the value of Content-Length, and the content, which is not always as long.
    Measured(Vec<Segment>, Text),
}

/// A part of a request that is rendered. Texts stay as they are: what their holes give is a matter of their place.
#[derive(Debug)]
enum Segment {
    Fixed(Box<[u8]>),
    Text(Text),
}

/// Appends segments as they are for request `number`.
fn render(segments: &[Segment], number: u64, seed: u64, out: &mut Vec<u8>) {
    for segment in segments {
        match segment {
            Segment::Fixed(octets) => out.extend_from_slice(octets),
            Segment::Text(text) => text.render(number, seed, out),
        }
    }
}

impl Prepared {
    /// Prepares a mix.
    ///
    /// # Errors
    /// What cannot be sent, in a sentence.
    pub(super) fn new(mix: &Mix, seed: u64) -> Result<Self, String> {
        let requests = mix.requests.iter().map(Form::new).collect::<Result<Vec<_>, _>>()?;
        if requests.is_empty() {
            return Err("there is no request to send".into());
        }
        Ok(Self { mix: mix.clone(), requests, seed })
    }

    #[inline]
    fn form(&self, number: u64) -> &Form {
        match &*self.requests {
            [one] => one,
            many => many.get(self.mix.pick(number)).unwrap_or(&many[0]),
        }
    }

    /// What is left of request `number` behind so many of its octets.
    pub(super) fn rest(&self, number: u64, written: usize) -> &[u8] {
        match &self.form(number).octets {
            Octets::Fixed(octets) => octets.get(written..).unwrap_or_default(),
            Octets::Rendered(_) | Octets::Measured(..) => &[],
        }
    }

    /// Appends request `number` of the plan to `out`, the first [`BATCH`] octets of one that is the same for all, and
    /// gives what it is.
    #[inline]
    pub(super) fn append(&self, number: u64, out: &mut Vec<u8>) -> &Form {
        let form = self.form(number);
        match &form.octets {
            Octets::Fixed(octets) => {
                out.extend_from_slice(octets.get(..BATCH).unwrap_or(octets));
            }
            Octets::Rendered(segments) => render(segments, number, self.seed, out),
            Octets::Measured(head, content) => {
                render(head, number, self.seed, out);
                measured(content, number, self.seed, out);
            }
        }
        form
    }
}

/// Appends the value of Content-Length, the end of the head and the content.
fn measured(content: &Text, number: u64, seed: u64, out: &mut Vec<u8>) {
    // Digits of the largest length.
    const ROOM: usize = 20;
    let at = out.len();
    out.extend_from_slice(&[b'0'; ROOM]);
    out.extend_from_slice(b"\r\n\r\n");
    let begin = out.len();
    content.render(number, seed, out);
    let mut length = out.len() - begin;
    let mut digits = 0;
    for place in out.iter_mut().skip(at).take(ROOM).rev() {
        *place = b'0' + (length % 10) as u8;
        length /= 10;
        digits += 1;
        if length == 0 {
            break;
        }
    }
    out.drain(at..at + ROOM - digits);
}

impl Form {
    /// Octets, if they are the same for all.
    #[inline]
    pub(super) fn len(&self) -> usize {
        if let Octets::Fixed(octets) = &self.octets { octets.len() } else { 0 }
    }

    fn new(request: &Request) -> Result<Self, String> {
        if let Some(octets) = &request.octets {
            let closes = closes(octets);
            let octets = Octets::Fixed(octets.to_vec().into());
            return Ok(Self { method: request.method, closes, upgrades: false, octets });
        }
        request.check().map_err(|fault| format!("`{}`: {fault}", request.name))?;
        let mut head = Builder::default();
        head.fixed(request.method_name.as_bytes());
        head.fixed(b" ");
        head.text(&request.path);
        head.fixed(b" HTTP/1.1\r\nHost: ");
        head.fixed(request.authority.as_bytes());
        head.fixed(b"\r\n");
        let (mut closes, mut upgrades) = (false, false);
        for (name, value) in &request.fields {
            if matches!(&**name, "content-length" | "transfer-encoding" | "host") {
                let request = &request.name;
                return Err(format!("`{request}`: `{name}` is written by falconry itself"));
            }
            head.fixed(name.as_bytes());
            head.fixed(b": ");
            head.text(value);
            head.fixed(b"\r\n");
            if name == "te" {
                // RFC 9110 §10.1.4: the next hop is not to pass it on.
                head.fixed(b"Connection: te\r\n");
            }
            if name == "connection" {
                let options = fixed(value);
                closes |= list(&options).any(|option| option.eq_ignore_ascii_case(b"close"));
            }
            upgrades |= name == "upgrade";
        }
        let octets = if request.content.is_fixed() {
            let content = fixed(&request.content);
            if request.announces_none() || !content.is_empty() {
                head.fixed(format!("Content-Length: {}\r\n", content.len()).as_bytes());
            }
            head.fixed(b"\r\n");
            head.fixed(&content);
            match head {
                Builder { segments, open } if segments.is_empty() => Octets::Fixed(open.into()),
                head => Octets::Rendered(head.finish()),
            }
        } else {
            head.fixed(b"Content-Length: ");
            Octets::Measured(head.finish(), request.content.clone())
        };
        Ok(Self { method: request.method, closes, upgrades, octets })
    }
}

/// Whether octets that are sent as they are ask for the connection's end, as far as they can be read.
fn closes(octets: &[u8]) -> bool {
    let mut head = RequestHead::default();
    let mut parser = RequestParser::new(Profile::Lenient, HeadLimits::default());
    let parsed = parser.parse(&mut octets.to_vec(), &mut head);
    parsed == Ok(Parsed::Complete) && !head.persistent
}

/// The fixed parts of a text, joined.
fn fixed(text: &Text) -> Vec<u8> {
    let parts = text.parts.iter().filter_map(|part| match part {
        Part::Fixed(octets) => Some(&**octets),
        _ => None,
    });
    parts.flatten().copied().collect()
}

/// Joins what is fixed, and keeps the texts with holes between.
#[derive(Default)]
struct Builder {
    segments: Vec<Segment>,
    open: Vec<u8>,
}

impl Builder {
    fn fixed(&mut self, octets: &[u8]) {
        self.open.extend_from_slice(octets);
    }

    fn text(&mut self, text: &Text) {
        if text.is_fixed() {
            self.open.extend(fixed(text));
        } else {
            self.close();
            self.segments.push(Segment::Text(text.clone()));
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.segments.push(Segment::Fixed(std::mem::take(&mut self.open).into()));
        }
    }

    fn finish(mut self) -> Vec<Segment> {
        self.close();
        self.segments
    }
}
