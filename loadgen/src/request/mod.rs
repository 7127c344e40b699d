//! What is sent.

use bytes::Bytes;
use falconry_wire::method::Method;

/// What a run sends: requests and their weights.
#[derive(Clone, Debug)]
pub struct Mix {
    /// The requests, each with its weight, at least one.
    pub requests: Vec<Request>,
}

impl Mix {
    /// Which request the plan's request `number` is: the same on every machine for one seed.
    #[inline]
    pub fn pick(&self, number: u64) -> usize {
        let _ = number;
        0
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name in reports: `GET /`, or the id of a case.
    pub name: String,
    /// The method.
    pub method: Method,
    /// The method as spelled.
    pub method_name: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host, or `:authority`.
    pub authority: String,
    /// The target in origin-form.
    pub path: Text,
    /// Further field lines, without Host and Content-Length; names in lower case.
    pub fields: Vec<(String, Text)>,
    /// The content.
    pub content: Text,
    /// Octets of HTTP/1.1 to be sent as they are, in place of all the above.
    pub octets: Option<Bytes>,
    /// How often it is sent against the others.
    pub weight: u32,
}

/// Octets with holes that are filled in for each request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text {
    /// In order; one fixed part, or none, if there are no holes.
    pub parts: Vec<Part>,
}

/// A part of a [`Text`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// As it is.
    Fixed(Bytes),
    /// The number of the request in the plan.
    Number,
    /// A number from the range, uniformly; a function of seed and request number.
    Random(std::ops::Range<u64>),
}

impl Text {
    /// Whether it is the same for every request.
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Fixed(_)))
    }

    /// Appends it as it is for the plan's request `number`.
    pub fn render(&self, number: u64, seed: u64, out: &mut Vec<u8>) {
        let _ = (number, seed, out);
    }
}
