//! The chunked coding (RFC 9112 §7.1).

use super::line::{SectionLine, section_line};
use super::{Fault, Profile};
use crate::field::{FieldName, FieldSection, is_token_octet, is_value_octet};

/// Bounds of chunked framing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChunkLimits {
    /// Most octets of extension in one chunk. Default 256: nobody is known to use them.
    pub extension: usize,
    /// Longest trailer section in octets, with the empty line that ends it. Default 8 KiB.
    pub trailer_section: usize,
    /// Most trailer lines. Default 32.
    pub trailer_lines: usize,
    /// How many octets of framing a message may have beyond its octets of data.
    ///
    /// Framing costs the recipient work that data does not pay for: a million chunks of one octet are
    /// five million octets of framing. Default 256 KiB, 64 Ki such chunks; chunks of five octets and
    /// more cost nothing.
    pub overhead: u64,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self { extension: 256, trailer_section: 8 * 1024, trailer_lines: 32, overhead: 256 * 1024 }
    }
}

/// A decoder of one chunked message.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    profile: Profile,
    limits: ChunkLimits,
    state: State,
    /// Size of the chunk being announced, then what is left of it.
    size: u64,
    /// Octets of data and of framing so far.
    data: u64,
    framing: u64,
    /// Octets of extension in this chunk.
    extension: usize,
    trailer_octets: usize,
    trailer_lines: usize,
}

/// What [`ChunkedDecoder::decode`] found at the front of the buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decoded {
    /// `buffer[..skip]` is framing and the next `len` octets are content; all are consumed.
    /// `len` is at least 1.
    Data {
        /// Octets of framing in front.
        skip: usize,
        /// Octets of content behind them.
        len: usize,
    },
    /// The first `consumed` octets can be dropped; more octets are needed behind the rest.
    Partial {
        /// Octets of framing that are done with.
        consumed: usize,
    },
    /// The message ended, and the trailers are filled in.
    End {
        /// Octets up to the end of the message.
        consumed: usize,
    },
}

/// What the next octet must be.
///
/// ```text
/// Size ─► Digits ─► Extension states ─► SizeFeed ─► Data ─► DataReturn ─► DataFeed ─► Size
///                                           └ size 0 ─► Trailers ─► Done
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The first digit of a chunk size.
    Size,
    /// More digits; so many were read, leading zeros and others.
    Digits {
        zeros: u8,
        digits: u8,
    },
    /// Whitespace behind the size or an extension: a semicolon must follow.
    BeforeSemicolon,
    /// Behind a semicolon: whitespace, or the name's first octet.
    BeforeName,
    Name,
    /// Whitespace behind a name: an equals sign or a semicolon must follow.
    AfterName,
    /// Behind an equals sign: whitespace, or the value's first octet.
    BeforeValue,
    Token,
    Quoted,
    /// Behind a backslash in a quoted string.
    Escaped,
    /// Behind a quoted string.
    AfterQuoted,
    /// LF behind the CR of the size line.
    SizeFeed,
    Data,
    /// CR behind the data.
    DataReturn,
    /// LF behind that.
    DataFeed,
    Trailers,
    Done,
}

/// Most digits of a chunk size behind its leading zeros: those of 64 bits.
const DIGITS: u8 = 16;
/// Most leading zeros of a chunk size.
const ZEROS: u8 = 64;

impl ChunkedDecoder {
    /// A decoder at the start of a message.
    pub fn new(profile: Profile, limits: ChunkLimits) -> Self {
        Self {
            profile,
            limits,
            state: State::Size,
            size: 0,
            data: 0,
            framing: 0,
            extension: 0,
            trailer_octets: 0,
            trailer_lines: 0,
        }
    }

    /// Decodes from the front of `buffer` up to the end of the first run of content.
    ///
    /// Call it with what is left behind the consumed octets and more, until [`Decoded::End`]. Trailer
    /// fields are added to `trailers` as they come; those that RFC 9110 §6.5.1 bars from a trailer
    /// section (what frames, routes or describes the message) are dropped.
    ///
    /// Chunk framing ends its lines in CRLF in either profile: RFC 9112 §2.2 tolerates a bare LF in
    /// start lines and fields alone. Trailers are never unfolded.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of the first illegal octet; the decoder is of no use afterwards.
    pub fn decode(&mut self, buffer: &[u8], trailers: &mut FieldSection) -> Result<Decoded, Fault> {
        let mut at = 0;
        loop {
            match self.state {
                State::Data => {
                    let available = buffer.len() - at;
                    if available == 0 {
                        return Ok(Decoded::Partial { consumed: at });
                    }
                    let len = usize::try_from(self.size).unwrap_or(usize::MAX).min(available);
                    self.pass(len);
                    return Ok(Decoded::Data { skip: at, len });
                }
                State::Trailers => return self.trailers(buffer, at, trailers),
                State::Done => return Ok(Decoded::End { consumed: at }),
                _ => {}
            }
            let Some(&octet) = buffer.get(at) else { return Ok(Decoded::Partial { consumed: at }) };
            self.state = self.next(octet)?;
            self.framing += 1;
            if self.framing > self.data.saturating_add(self.limits.overhead) {
                return Err(Fault::ChunkFramingTooLarge);
            }
            at += 1;
        }
    }

    /// How many octets are certain to be content next, whatever they are; 0 outside of a chunk.
    pub fn ahead(&self) -> u64 {
        if self.state == State::Data { self.size } else { 0 }
    }

    /// Takes note of `octets` of content that went past the decoder, read to where they were
    /// wanted. At most [`ahead`](Self::ahead) many count.
    pub fn pass(&mut self, octets: usize) {
        let octets = self.ahead().min(octets as u64);
        self.size -= octets;
        self.data = self.data.saturating_add(octets);
        if self.state == State::Data && self.size == 0 {
            self.state = State::DataReturn;
        }
    }

    /// The state behind one octet of framing.
    fn next(&mut self, octet: u8) -> Result<State, Fault> {
        let is_extension = !matches!(
            self.state,
            State::Size
                | State::Digits { .. }
                | State::SizeFeed
                | State::DataReturn
                | State::DataFeed
        );
        if is_extension && octet != b'\r' {
            self.extension += 1;
            if self.extension > self.limits.extension {
                return Err(Fault::ChunkFramingTooLarge);
            }
        }
        Ok(match (self.state, octet) {
            (State::Size, _) => {
                self.size = 0;
                self.extension = 0;
                self.digit(octet, 0, 0)?
            }
            (State::Digits { .. }, b'\r') => State::SizeFeed,
            (State::Digits { .. }, b';') => State::BeforeName,
            (State::Digits { .. }, b' ' | b'\t') => State::BeforeSemicolon,
            (State::Digits { .. }, b'\n') => return Err(Fault::BareLineFeed),
            (State::Digits { zeros, digits }, _) => self.digit(octet, zeros, digits)?,

            // RFC 9110 §5.6.3: bad whitespace must be parsed where the grammar has it. There is none in
            // front of the line end.
            (State::BeforeSemicolon | State::AfterName, b' ' | b'\t') => self.state,
            (State::BeforeSemicolon, b'\r') if self.profile.is_lenient() => State::SizeFeed,
            (State::BeforeSemicolon | State::AfterName, b';') => State::BeforeName,
            (State::AfterName, b'=') => State::BeforeValue,

            (State::BeforeName | State::BeforeValue, b' ' | b'\t') => self.state,
            (State::BeforeName, octet) if is_token_octet(octet) => State::Name,
            (State::BeforeValue, b'"') => State::Quoted,
            (State::BeforeValue, octet) if is_token_octet(octet) => State::Token,

            (State::Name | State::Token, octet) if is_token_octet(octet) => self.state,
            (State::Name, b'=') => State::BeforeValue,
            (State::Name, b' ' | b'\t') => State::AfterName,
            (State::Token | State::AfterQuoted, b' ' | b'\t') => State::BeforeSemicolon,
            (State::Name | State::Token | State::AfterQuoted, b';') => State::BeforeName,
            (State::Name | State::Token | State::AfterQuoted, b'\r') => State::SizeFeed,

            (State::Quoted, b'"') => State::AfterQuoted,
            (State::Quoted, b'\\') => State::Escaped,
            (State::Quoted | State::Escaped, octet) if is_value_octet(octet) => State::Quoted,

            (State::SizeFeed, b'\n') if self.size == 0 => State::Trailers,
            (State::SizeFeed, b'\n') => State::Data,
            (State::SizeFeed, _) => return Err(Fault::BareCarriageReturn),
            (State::DataReturn, b'\r') => State::DataFeed,
            (State::DataFeed, b'\n') => State::Size,
            (State::DataReturn | State::DataFeed, _) => return Err(Fault::ChunkDataNotTerminated),
            (_, b'\n') => return Err(Fault::BareLineFeed),
            _ => return Err(Fault::InvalidChunkExtension),
        })
    }

    fn digit(&mut self, octet: u8, zeros: u8, digits: u8) -> Result<State, Fault> {
        let Some(digit) = char::from(octet).to_digit(16) else {
            return Err(Fault::InvalidChunkSize);
        };
        let (zeros, digits) =
            if digit == 0 && digits == 0 { (zeros + 1, 0) } else { (zeros, digits + 1) };
        if zeros > ZEROS || digits > DIGITS {
            return Err(Fault::ChunkSizeOverflow);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Digits { zeros, digits })
    }

    /// Reads the trailer section from `at` on, whole lines only.
    fn trailers(
        &mut self,
        buffer: &[u8],
        mut at: usize,
        trailers: &mut FieldSection,
    ) -> Result<Decoded, Fault> {
        loop {
            let octets = buffer.get(at..).unwrap_or_default();
            let room = self.limits.trailer_section - self.trailer_octets;
            let limited = octets.get(..room).unwrap_or(octets);
            let is_field = limited.first().is_some_and(|octet| !b" \t\r\n".contains(octet));
            if is_field && self.trailer_lines >= self.limits.trailer_lines {
                return Err(Fault::TooManyFieldLines);
            }
            match section_line(limited, self.trailer_lines == 0, false, self.profile)? {
                None if limited.len() < octets.len() => return Err(Fault::TrailerSectionTooLarge),
                None => return Ok(Decoded::Partial { consumed: at }),
                Some(SectionLine::End { len }) => {
                    self.state = State::Done;
                    return Ok(Decoded::End { consumed: at + len });
                }
                Some(SectionLine::Field { name, value, len }) => {
                    let name = octets.get(name).unwrap_or_default();
                    if FieldName::recognise(name).may_trail() {
                        trailers.push_named(name, octets.get(value).unwrap_or_default())?;
                    }
                    self.trailer_octets += len;
                    self.trailer_lines += 1;
                    at += len;
                }
            }
        }
    }
}
