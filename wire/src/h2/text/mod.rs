//! The line of text that stands for a frame, in cases and traces.
//!
//! ```text
//! HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=https :path=/ x="a b"
//! HEADERS 3 +END_HEADERS +PADDED=8 +PRIORITY=!1/16 0x828487
//! DATA 1 +END_STREAM "hello\r\n"
//! PRIORITY 3 1/16
//! RST_STREAM 1 CANCEL
//! SETTINGS 0 MAX_FRAME_SIZE=16384 0x2a=1
//! SETTINGS 0 +ACK
//! PUSH_PROMISE 1 +END_HEADERS promised=2 :method=GET
//! PING 0 +ACK "12345678"
//! GOAWAY 0 last=5 ENHANCE_YOUR_CALM "too many resets"
//! WINDOW_UPDATE 0 65535
//! CONTINUATION 1 +END_HEADERS 0x84
//! PRIORITY_UPDATE 0 prioritized=3 "u=1"
//! RAW type=0x42 flags=0x01 stream=3 len=100 0x0102
//! ```
//!
//! **Every raw frame has a line, and the line gives the frame back, octet by octet.** No rule is looked
//! at: `PING 1 "x"` is a frame too. What the words after the flags mean depends on the type; behind them,
//! or in their place, `"…"` and `0x…` are octets as they are. What has no words is written so.
//!
//! - The stream, and any other 31-bit number, may have an `R` in front: its reserved bit is set.
//! - `+0x80` sets flags that have no name. `+PADDED=8` writes the padding length and so many zeros;
//!   `+PADDED` sets the flag alone. `+PRIORITY` likewise, with the dependency: an exclusive one has
//!   `!` in front, and the weight counts from 1.
//! - `name=value` is a field, in a form of HPACK that needs no state: an index of the static table where
//!   the field stands there, else a literal that is not indexed, with the name's static index if it
//!   has one, without Huffman code. Other forms are octets. Both sides may be quoted.
//! - In quotes, `\"`, `\\`, `\r`, `\n`, `\t` and `\x00` stand for octets.
//! - `RAW` takes any type, and with `len` a length that is not true.

mod read;
mod write;

use crate::hpack::{Indexing, Literal, Name, Representation, STATIC_ENTRIES, StaticEntry};

/// Why a line stands for no frame, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{fault} at octet {at}")]
pub struct LineError {
    /// What is wrong.
    pub fault: LineFault,
    /// Where in the line, in octets from 0, the word starts that is wrong.
    pub at: usize,
}

/// What can be wrong with a line.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum LineFault {
    /// The first word is no frame type.
    #[error("unknown frame type")]
    UnknownType,
    /// The second word is no stream.
    #[error("no stream number")]
    InvalidStream,
    /// A flag that frames of the type do not have, or with a value it does not take.
    #[error("unknown flag")]
    InvalidFlag,
    /// A number out of range, or none at all.
    #[error("invalid number")]
    InvalidNumber,
    /// No error code.
    #[error("unknown error code")]
    InvalidErrorCode,
    /// No setting.
    #[error("unknown setting")]
    InvalidSetting,
    /// A quoted string that does not end, or with an unknown escape.
    #[error("malformed quoted string")]
    InvalidQuoted,
    /// `0x` without pairs of digits.
    #[error("malformed hexadecimal octets")]
    InvalidHex,
    /// A word that means nothing here.
    #[error("unexpected word")]
    UnexpectedWord,
    /// The type needs another word here.
    #[error("the line ends too early")]
    MissingWord,
}

/// Appends a field in the form that needs no state.
fn encode_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let index = |found: usize| found as u32 + 1;
    let same_name = |entry: &StaticEntry| entry.name.as_bytes() == name;
    let mut entries = STATIC_ENTRIES.iter();
    let whole = entries.position(|entry| same_name(entry) && entry.value.as_bytes() == value);
    let representation = match (whole, STATIC_ENTRIES.iter().position(same_name)) {
        (Some(found), _) => Representation::Indexed(index(found)),
        (None, found) => Representation::Literal {
            indexing: Indexing::Without,
            name: found.map_or(Name::Literal(Literal::plain(name)), |at| Name::Index(index(at))),
            value: Literal::plain(value),
        },
    };
    representation.encode(out);
}
