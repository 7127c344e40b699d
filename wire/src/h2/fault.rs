//! Every reason to refuse a frame.

use super::ErrorCode;
use crate::section::Section;

/// How far an error reaches (RFC 9113 §5.4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// One stream is reset; the others go on (RFC 9113 §5.4.2).
    Stream,
    /// The connection ends (RFC 9113 §5.4.1).
    Connection,
}

/// Declares [`Fault`] and its properties, one line each: message, code, scope, RFC, section.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $message:literal, $code:ident, $scope:ident, $rfc:literal, $section:literal;)*) => {
        /// Why a frame was refused: one variant for each rule that a frame can break whatever the
        /// streams of the connection are doing.
        ///
        /// The message reads well behind "refused: ". Names are stable: case files and reports use them.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[doc = $doc])+ #[error($message)] $variant,)*
        }

        impl Fault {
            /// All faults.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The error code that tells the peer.
            pub const fn code(self) -> ErrorCode {
                match self { $(Self::$variant => ErrorCode::$code,)* }
            }

            /// How far it reaches.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope,)* }
            }

            /// Where the rule is written.
            pub const fn section(self) -> Section {
                match self { $(Self::$variant => Section::new($rfc, $section),)* }
            }

            /// The variant's name, `FrameTooLarge` say.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

faults! {
    /// The first octets are no connection preface.
    InvalidPreface = "invalid connection preface", PROTOCOL_ERROR, Connection, 9113, "3.4";
    /// The first frame is no SETTINGS, or one that acknowledges.
    FirstFrameNotSettings = "first frame is not SETTINGS", PROTOCOL_ERROR, Connection, 9113, "3.4";
    /// A payload above SETTINGS_MAX_FRAME_SIZE. RFC 9113 lets some of these be stream errors; none is
    /// here, because going on would mean to read what was announced.
    FrameTooLarge = "frame larger than SETTINGS_MAX_FRAME_SIZE", FRAME_SIZE_ERROR, Connection, 9113, "4.2";
    /// A payload without room for what its flags announce.
    FrameTooShort = "frame too short for its flags", FRAME_SIZE_ERROR, Connection, 9113, "4.2";
    /// Something between the frames of a field block.
    ExpectedContinuation = "field block interrupted by another frame", PROTOCOL_ERROR, Connection, 9113, "4.3";
    /// CONTINUATION where no field block is open.
    UnexpectedContinuation = "CONTINUATION without a field block", PROTOCOL_ERROR, Connection, 9113, "6.10";
    /// As much padding as payload, or more.
    PaddingTooLong = "padding as long as the payload", PROTOCOL_ERROR, Connection, 9113, "6.1";
    /// DATA on stream 0.
    DataOnConnection = "DATA on stream 0", PROTOCOL_ERROR, Connection, 9113, "6.1";
    /// HEADERS on stream 0.
    HeadersOnConnection = "HEADERS on stream 0", PROTOCOL_ERROR, Connection, 9113, "6.2";
    /// PRIORITY on stream 0.
    PriorityOnConnection = "PRIORITY on stream 0", PROTOCOL_ERROR, Connection, 9113, "6.3";
    /// PRIORITY of another length than 5.
    PriorityLength = "PRIORITY not of 5 octets", FRAME_SIZE_ERROR, Stream, 9113, "6.3";
    /// RST_STREAM on stream 0.
    ResetOnConnection = "RST_STREAM on stream 0", PROTOCOL_ERROR, Connection, 9113, "6.4";
    /// RST_STREAM of another length than 4.
    ResetLength = "RST_STREAM not of 4 octets", FRAME_SIZE_ERROR, Connection, 9113, "6.4";
    /// SETTINGS on a stream.
    SettingsOnStream = "SETTINGS on a stream", PROTOCOL_ERROR, Connection, 9113, "6.5";
    /// SETTINGS of a length that is no multiple of 6.
    SettingsLength = "SETTINGS not of 6 octets for each setting", FRAME_SIZE_ERROR, Connection, 9113, "6.5";
    /// An acknowledgment with settings in it.
    SettingsAckNotEmpty = "SETTINGS acknowledgment with a payload", FRAME_SIZE_ERROR, Connection, 9113, "6.5";
    /// SETTINGS_ENABLE_PUSH above 1.
    InvalidEnablePush = "SETTINGS_ENABLE_PUSH is neither 0 nor 1", PROTOCOL_ERROR, Connection, 9113, "6.5.2";
    /// SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1.
    InvalidInitialWindowSize = "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1", FLOW_CONTROL_ERROR, Connection, 9113, "6.5.2";
    /// SETTINGS_MAX_FRAME_SIZE below 2^14 or above 2^24-1.
    InvalidMaxFrameSize = "SETTINGS_MAX_FRAME_SIZE outside 2^14 to 2^24-1", PROTOCOL_ERROR, Connection, 9113, "6.5.2";
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL above 1.
    InvalidEnableConnectProtocol = "SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1", PROTOCOL_ERROR, Connection, 8441, "3";
    /// SETTINGS_NO_RFC7540_PRIORITIES above 1.
    InvalidNoRfc7540Priorities = "SETTINGS_NO_RFC7540_PRIORITIES is neither 0 nor 1", PROTOCOL_ERROR, Connection, 9218, "2.1";
    /// PUSH_PROMISE on stream 0.
    PushPromiseOnConnection = "PUSH_PROMISE on stream 0", PROTOCOL_ERROR, Connection, 9113, "6.6";
    /// PUSH_PROMISE of stream 0.
    PromisedStreamZero = "PUSH_PROMISE of stream 0", PROTOCOL_ERROR, Connection, 9113, "6.6";
    /// PING on a stream.
    PingOnStream = "PING on a stream", PROTOCOL_ERROR, Connection, 9113, "6.7";
    /// PING of another length than 8.
    PingLength = "PING not of 8 octets", FRAME_SIZE_ERROR, Connection, 9113, "6.7";
    /// GOAWAY on a stream.
    GoAwayOnStream = "GOAWAY on a stream", PROTOCOL_ERROR, Connection, 9113, "6.8";
    /// GOAWAY of less than 8 octets.
    GoAwayLength = "GOAWAY of less than 8 octets", FRAME_SIZE_ERROR, Connection, 9113, "6.8";
    /// WINDOW_UPDATE of another length than 4.
    WindowUpdateLength = "WINDOW_UPDATE not of 4 octets", FRAME_SIZE_ERROR, Connection, 9113, "6.9";
    /// WINDOW_UPDATE by 0 for a stream.
    ZeroStreamIncrement = "WINDOW_UPDATE of a stream by 0", PROTOCOL_ERROR, Stream, 9113, "6.9";
    /// WINDOW_UPDATE by 0 for the connection.
    ZeroConnectionIncrement = "WINDOW_UPDATE of the connection by 0", PROTOCOL_ERROR, Connection, 9113, "6.9";
    /// The window of a stream grows above 2^31-1.
    StreamWindowOverflow = "stream window above 2^31-1", FLOW_CONTROL_ERROR, Stream, 9113, "6.9.1";
    /// The connection's window grows above 2^31-1.
    ConnectionWindowOverflow = "connection window above 2^31-1", FLOW_CONTROL_ERROR, Connection, 9113, "6.9.1";
    /// More DATA than the window of its stream.
    StreamWindowExceeded = "DATA beyond the stream window", FLOW_CONTROL_ERROR, Stream, 9113, "6.9.1";
    /// More DATA than the connection's window.
    ConnectionWindowExceeded = "DATA beyond the connection window", FLOW_CONTROL_ERROR, Connection, 9113, "6.9.1";
    /// A change of the initial window lifts a stream's above 2^31-1.
    InitialWindowOverflow = "stream window above 2^31-1 by SETTINGS_INITIAL_WINDOW_SIZE", FLOW_CONTROL_ERROR, Connection, 9113, "6.9.2";
    /// CONTINUATION on stream 0.
    ContinuationOnConnection = "CONTINUATION on stream 0", PROTOCOL_ERROR, Connection, 9113, "6.10";
    /// PRIORITY_UPDATE on a stream.
    PriorityUpdateOnStream = "PRIORITY_UPDATE on a stream", PROTOCOL_ERROR, Connection, 9218, "7.1";
    /// PRIORITY_UPDATE of less than 4 octets.
    PriorityUpdateLength = "PRIORITY_UPDATE of less than 4 octets", FRAME_SIZE_ERROR, Connection, 9218, "7.1";
    /// PRIORITY_UPDATE for stream 0.
    PrioritizedStreamZero = "PRIORITY_UPDATE for stream 0", PROTOCOL_ERROR, Connection, 9218, "7.1";
}
