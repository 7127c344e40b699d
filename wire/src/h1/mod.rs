//! HTTP/1.1 syntax (RFC 9112): heads, targets, framing, the chunked coding.
//!
//! The shape the rest of the project builds on (the wire crate's author fills it in):
//!
//! ```ignore
//! #[derive(Clone, Copy)] pub enum Profile { Strict, Lenient }
//! pub enum Version { Http10, Http11 }
//!
//! /// What a request head said. Reused from request to request: `lines` keeps its memory.
//! #[derive(Default)]
//! pub struct RequestHead {
//!     pub method: Method,
//!     pub method_span: Span,
//!     pub version: Version,
//!     pub target: Target,              // form + spans
//!     pub framing: Framing,            // None | Length(u64) | Chunked
//!     pub persistent: bool,            // RFC 9112 §9.3 from version and Connection; false where §6.1 demands a close
//!     pub keep_alive_10: bool,         // an HTTP/1.0 client asked for keep-alive: the answer must say so
//!     pub expects_continue: bool,      // RFC 9110 §10.1.1; false in HTTP/1.0
//!     pub upgrade: bool,               // Upgrade present, listed in Connection, HTTP/1.1
//!     pub authority: Span,             // absolute-form or authority-form wins over Host; empty if none
//!     pub len: usize,                  // octets of the head with its empty line(s), leading empty lines included
//!     lines: Vec<FieldLine>,
//! }
//! impl RequestHead { pub fn fields<'a>(&'a self, buffer: &'a [u8]) -> Fields<'a>; }
//!
//! pub struct Target { pub form: TargetForm, pub whole: Span, pub path: Span, pub query: Option<Span>,
//!                     pub scheme: Option<Scheme> /* Http, Https */ , pub authority: Span }
//! pub enum TargetForm { Origin, Absolute, Authority, Asterisk }
//!
//! pub struct HeadLimits { pub request_line: usize, pub field_section: usize, pub field_lines: usize }
//!
//! /// Restartable: keeps only how far the complete lines of an unfinished head were checked.
//! pub struct RequestParser { .. }
//! impl RequestParser {
//!     pub fn new(profile: Profile, limits: HeadLimits) -> Self;
//!     /// Parses the head at the front of `buffer`. Lenient profile may rewrite folds in place.
//!     pub fn parse(&mut self, buffer: &mut [u8], head: &mut RequestHead) -> Result<Parsed, Fault>;
//! }
//! pub enum Parsed { Complete, Partial }
//!
//! pub struct ResponseHead { pub version, pub status: u16, pub reason: Span, pub persistent: bool, pub len, lines .. }
//! pub struct ResponseParser { .. }     // the same shape
//! impl ResponseHead { pub fn framing(&self, request: Method) -> ResponseFraming /* None, Length, Chunked, UntilClose */; }
//!
//! pub struct ChunkedDecoder { .. }
//! impl ChunkedDecoder {
//!     pub fn new(profile: Profile, limits: ChunkLimits) -> Self;
//!     pub fn decode(&mut self, buffer: &[u8], trailers: &mut FieldSection) -> Result<Decoded, Fault>;
//! }
//! pub enum Decoded {
//!     Data { skip: usize, len: usize },  // buffer[..skip] is framing, the next len octets are content; all consumed
//!     Partial { consumed: usize },       // drop these, feed more
//!     End { consumed: usize },           // the message ended here; trailers are filled
//! }
//!
//! // Serialisers append to a Vec<u8>; no allocation beyond its growth.
//! pub mod encode {
//!     pub fn status_line(out: &mut Vec<u8>, status: u16);          // registered reason phrases, preformatted
//!     pub fn field(out: &mut Vec<u8>, name: FieldName, value: &[u8]);
//!     pub fn fields(out: &mut Vec<u8>, fields: Fields<'_>);
//!     pub fn decimal(out: &mut Vec<u8>, value: u64);
//!     pub fn chunk_head(out: &mut Vec<u8>, len: usize);            // size CRLF; the caller adds data and CRLF
//!     pub fn last_chunk(out: &mut Vec<u8>, trailers: Fields<'_>);
//!     pub fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]);
//! }
//! ```
