//! Registered names: frame types, flags, error codes, settings (RFC 9113 §11 and the registries).

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

/// Declares an open set of numbers, some of which have names.
macro_rules! registry {
    ($(#[doc = $doc:literal])+ $name:ident($number:ty) { $($(#[doc = $entry_doc:literal])+ $entry:ident = $value:literal,)* }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub $number);

        impl $name {
            $($(#[doc = $entry_doc])+ pub const $entry: Self = Self($value);)*

            /// All that have a name here.
            pub const NAMED: &'static [Self] = &[$(Self::$entry),*];

            /// Its registered name; `None` if it has none here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some(stringify!($entry)),)* _ => None }
            }
        }

        /// The registered name, or the number in hexadecimal, `0x2a`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{:#04x}", self.0),
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            /// Takes what `Display` writes, and decimal numbers.
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                $(if text == stringify!($entry) { return Ok(Self::$entry); })*
                let number = match text.strip_prefix("0x") {
                    Some(digits) => <$number>::from_str_radix(digits, 16),
                    None => text.parse(),
                };
                match number {
                    Ok(number) if !text.contains('+') => Ok(Self(number)),
                    _ => Err(UnknownName),
                }
            }
        }
    };
}

/// Neither a registered name nor a number of that size.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("neither a registered name nor a number in range")]
pub struct UnknownName;

registry! {
    /// A frame type (RFC 9113 §6). Unknown ones survive.
    FrameType(u8) {
        /// Content (RFC 9113 §6.1).
        DATA = 0x00,
        /// Opens a stream or carries trailers (RFC 9113 §6.2).
        HEADERS = 0x01,
        /// Deprecated (RFC 9113 §6.3).
        PRIORITY = 0x02,
        /// Ends a stream at once (RFC 9113 §6.4).
        RST_STREAM = 0x03,
        /// Configuration (RFC 9113 §6.5).
        SETTINGS = 0x04,
        /// Announces a pushed stream (RFC 9113 §6.6).
        PUSH_PROMISE = 0x05,
        /// Measures a round trip (RFC 9113 §6.7).
        PING = 0x06,
        /// Ends a connection (RFC 9113 §6.8).
        GOAWAY = 0x07,
        /// Flow control (RFC 9113 §6.9).
        WINDOW_UPDATE = 0x08,
        /// More of a field block (RFC 9113 §6.10).
        CONTINUATION = 0x09,
        /// Reprioritises a response (RFC 9218 §7.1).
        PRIORITY_UPDATE = 0x10,
    }
}

registry! {
    /// An error code (RFC 9113 §7). Unknown ones survive.
    ErrorCode(u32) {
        /// Graceful.
        NO_ERROR = 0x00,
        /// A protocol error that has no code of its own.
        PROTOCOL_ERROR = 0x01,
        /// The sender's own fault.
        INTERNAL_ERROR = 0x02,
        /// A window was overrun or overflowed.
        FLOW_CONTROL_ERROR = 0x03,
        /// SETTINGS was not acknowledged in time.
        SETTINGS_TIMEOUT = 0x04,
        /// A frame on a half-closed or closed stream.
        STREAM_CLOSED = 0x05,
        /// A frame of an impossible length.
        FRAME_SIZE_ERROR = 0x06,
        /// Nothing of the stream was processed.
        REFUSED_STREAM = 0x07,
        /// No longer wanted.
        CANCEL = 0x08,
        /// The field compression state cannot be kept.
        COMPRESSION_ERROR = 0x09,
        /// The connection behind CONNECT failed.
        CONNECT_ERROR = 0x0a,
        /// The peer loads us too much.
        ENHANCE_YOUR_CALM = 0x0b,
        /// TLS below the minimum.
        INADEQUATE_SECURITY = 0x0c,
        /// HTTP/1.1 is required.
        HTTP_1_1_REQUIRED = 0x0d,
    }
}

registry! {
    /// A setting (RFC 9113 §6.5.2). Unknown ones survive.
    SettingId(u16) {
        /// Octets that the peer's encoder may use for its table.
        HEADER_TABLE_SIZE = 0x01,
        /// Whether PUSH_PROMISE may be sent: 0 or 1.
        ENABLE_PUSH = 0x02,
        /// How many streams the peer may have open.
        MAX_CONCURRENT_STREAMS = 0x03,
        /// The window of new streams, up to 2^31-1.
        INITIAL_WINDOW_SIZE = 0x04,
        /// The largest payload: 2^14 to 2^24-1.
        MAX_FRAME_SIZE = 0x05,
        /// The largest field section, 32 octets added for each line.
        MAX_HEADER_LIST_SIZE = 0x06,
        /// Whether extended CONNECT may be used: 0 or 1 (RFC 8441 §3).
        ENABLE_CONNECT_PROTOCOL = 0x08,
        /// Whether the priorities of RFC 7540 are ignored: 0 or 1 (RFC 9218 §2.1).
        NO_RFC7540_PRIORITIES = 0x09,
    }
}

/// The flags of a frame (RFC 9113 §4.1). What a bit means depends on the type.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Flags(pub u8);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// The stream ends: DATA, HEADERS.
    pub const END_STREAM: Self = Self(0x01);
    /// An acknowledgment: SETTINGS, PING.
    pub const ACK: Self = Self(0x01);
    /// The field block ends: HEADERS, PUSH_PROMISE, CONTINUATION.
    pub const END_HEADERS: Self = Self(0x04);
    /// Padding follows: DATA, HEADERS, PUSH_PROMISE.
    pub const PADDED: Self = Self(0x08);
    /// A dependency follows: HEADERS.
    pub const PRIORITY: Self = Self(0x20);

    /// Whether all of `flags` are set.
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These if `condition` holds, else none.
    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }

    /// The flags that frames of that type define, with their names.
    pub const fn defined(kind: FrameType) -> &'static [(&'static str, Self)] {
        match kind {
            FrameType::DATA => &[("END_STREAM", Self::END_STREAM), ("PADDED", Self::PADDED)],
            FrameType::HEADERS => &[
                ("END_STREAM", Self::END_STREAM),
                ("END_HEADERS", Self::END_HEADERS),
                ("PADDED", Self::PADDED),
                ("PRIORITY", Self::PRIORITY),
            ],
            FrameType::SETTINGS | FrameType::PING => &[("ACK", Self::ACK)],
            FrameType::PUSH_PROMISE => {
                &[("END_HEADERS", Self::END_HEADERS), ("PADDED", Self::PADDED)]
            }
            FrameType::CONTINUATION => &[("END_HEADERS", Self::END_HEADERS)],
            _ => &[],
        }
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_survive() {
        for &code in ErrorCode::NAMED {
            assert_eq!(code.to_string().parse(), Ok(code));
        }
        assert_eq!(ErrorCode::ENHANCE_YOUR_CALM.to_string(), "ENHANCE_YOUR_CALM");
        assert_eq!(ErrorCode(0x2a).to_string(), "0x2a");
        assert_eq!("0x2a".parse(), Ok(ErrorCode(42)));
        assert_eq!("42".parse(), Ok(SettingId(42)));
        assert_eq!(SettingId(7).name(), None);
        for text in ["", "0x", "+1", "0x+1", "-1", "256", "data", "0x100"] {
            assert_eq!(text.parse::<FrameType>(), Err(UnknownName), "{text}");
        }
    }
}
