//! HTTP/2 syntax (RFC 9113): frames, their text lines, flow-control windows, the rules of messages.
//!
//! | file | topic |
//! | --- | --- |
//! | `registry` | frame types, flags, error codes and settings by their registered names |
//! | `fault` | every reason to refuse a frame, with its error code, scope and section |
//! | `frame` | typed frames, which cannot be built wrong; the one place of the rules |
//! | `raw` | raw frames, which can be anything |
//! | `settings` | the payload of SETTINGS |
//! | `decoder` | octets to typed frames, at any split |
//! | `window` | flow-control windows |
//! | `malformed`, `message` | field sections to requests, responses and trailers, and why not |
//! | `priority` | what the Priority field and PRIORITY_UPDATE say |
//! | [`text`] | the line of text that stands for a frame, in cases and traces |
//!
//! Two doors: [`Frame`] is what engines send; [`RawFrame`] is for whoever has to send what is wrong.
//! [`Frame::parse`] leads from the second to the first.

mod decoder;
mod fault;
mod frame;
mod malformed;
mod message;
mod priority;
mod raw;
mod registry;
mod settings;
#[cfg(test)]
mod tests;
pub mod text;
mod window;

pub use decoder::{Decoded, Decoder, Plain};
pub use fault::{Fault, Scope};
pub use frame::{Dependency, Frame, encode_field_block};
pub use malformed::Malformed;
pub use message::{RequestHead, ResponseHead, request, response, trailers};
pub use priority::Priority;
pub use raw::{FrameHead, RawFrame};
pub use registry::{ErrorCode, Flags, FrameType, SettingId, UnknownName};
pub use settings::{Settings, SettingsPayload};
pub use window::Window;

use std::fmt;
use std::num::NonZeroU32;

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Octets in front of a payload (RFC 9113 §4.1).
pub const FRAME_HEAD_LEN: usize = 9;

/// The initial, and lowest, SETTINGS_MAX_FRAME_SIZE (RFC 9113 §6.5.2).
pub const DEFAULT_MAX_FRAME_SIZE: u32 = 0x4000;

/// The highest SETTINGS_MAX_FRAME_SIZE: what the length field can say (RFC 9113 §6.5.2).
pub const MAX_FRAME_SIZE: u32 = 0x00ff_ffff;

/// The window that every stream and the connection start with (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 0xffff;

/// The largest window (RFC 9113 §6.9.1), and the highest stream identifier (RFC 9113 §5.1.1).
pub const MAX_WINDOW: u32 = 0x7fff_ffff;

/// The identifier of a stream: 1 to 2^31-1 (RFC 9113 §5.1.1).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(NonZeroU32);

impl StreamId {
    /// The stream of that number; `None` for 0 and from 2^31 on.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) if number.get() <= MAX_WINDOW => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Whether a client opens it: the number is odd.
    pub const fn is_client(self) -> bool {
        self.0.get() & 1 == 1
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
