//! HTTP/1.1 syntax (RFC 9112): heads, targets, framing, the chunked coding.
//!
//! | file | topic |
//! | --- | --- |
//! | `fault` | every reason to refuse a message, with its status and section |
//! | `request`, `response`, `head` | parsers of heads: a fast path and a careful one |
//! | `line` | start lines and field lines, octet by octet: the careful path |
//! | `target` | the four forms of a request target |
//! | `framing` | Content-Length, Transfer-Encoding, Connection |
//! | `chunked` | the chunked coding |
//! | [`encode`] | serialisers |
//!
//! A parser judges octets strictly from left to right. Its verdict is therefore a pure function of
//! the octets so far: input split differently gives the same result, and what is refused once stays
//! refused for the same reason, whatever follows.

mod chunked;
pub mod encode;
mod fault;
mod framing;
mod head;
mod line;
mod request;
mod response;
mod target;
#[cfg(test)]
mod tests;

// What HTTP/2 has in common with it.
pub(crate) use framing::decimal;
pub(crate) use target::{is_path, scheme, split_query};

pub use chunked::{ChunkLimits, ChunkedDecoder, Decoded};
pub use fault::Fault;
pub use framing::{Framing, ResponseFraming};
pub use request::{RequestHead, RequestParser};
pub use response::{ResponseHead, ResponseParser};
pub use target::{Scheme, Target, TargetForm};

/// How much a parser tolerates.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Profile {
    /// Refuses all that a recipient may refuse where tolerance would invite smuggling. The default.
    #[default]
    Strict,
    /// Accepts what RFC 9112 lets a recipient accept: a bare LF as line end (§2.2), whitespace runs
    /// in the start line (§3), folded lines (§5.2), equal repeated lengths and Content-Length beside
    /// Transfer-Encoding (§6), and raw octets in targets that clients in the field send.
    Lenient,
}

impl Profile {
    const fn is_lenient(self) -> bool {
        matches!(self, Self::Lenient)
    }
}

/// The version of a message. Every HTTP/1.x above 1.0 is processed as 1.1 (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

/// Bounds of a head, in octets with line ends, and in lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadLimits {
    /// Longest start line. Default 8 KiB: RFC 9112 §3 asks for 8000 octets at least. Beyond: 414.
    pub request_line: usize,
    /// Longest field section, with the empty line that ends it. Default 32 KiB: room for large
    /// cookies, little enough that a thousand hostile connections cost 32 MiB. Beyond: 431.
    pub field_section: usize,
    /// Most field lines. Default 100: browsers send about 20. Beyond: 431.
    pub field_lines: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { request_line: 8 * 1024, field_section: 32 * 1024, field_lines: 100 }
    }
}

/// What a head parser says of the octets so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parsed {
    /// The head is whole, and described in the head that was handed in.
    Complete,
    /// Nothing is wrong so far, and more octets are needed.
    Partial,
}
