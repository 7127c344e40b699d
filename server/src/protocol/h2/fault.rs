//! Why an HTTP/2 connection was ended by the server: one variant for each rule or limit.

use falconry_wire::h2::{self, ErrorCode};
use falconry_wire::hpack;
use falconry_wire::section::Section;

use super::Budget;

/// A connection error (RFC 9113 §5.4.1): what the client did, or failed to do.
///
/// Its text is what GOAWAY says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Http2Fault {
    /// A frame that breaks a rule by itself, or a window.
    #[error("{0}")]
    Frame(h2::Fault),
    /// A field block that cannot be decoded.
    #[error("{0}")]
    Compression(hpack::Fault),
    /// A frame that the state of its stream forbids.
    #[error("{0}")]
    State(StateFault),
    /// More than a budget allows.
    #[error("{0}")]
    Budget(Budget),
    /// A field block beyond all limits.
    #[error("{0}")]
    Block(BlockFault),
    /// More settings in one frame than [`crate::Http2Limits::settings_entries`].
    #[error("too many settings in a frame")]
    TooManySettings,
    /// No SETTINGS in [`crate::Limits::request_head_timeout`], or none acknowledged in
    /// [`crate::Http2Limits::settings_timeout`].
    #[error("SETTINGS not sent or not acknowledged in time")]
    SettingsTimeout,
    /// No answer to PING in [`crate::KeepAlivePing::timeout`].
    #[error("PING not answered in time")]
    PingTimeout,
    /// A frame or field block that took longer than [`crate::Limits::request_head_timeout`].
    #[error("frame or field block took too long")]
    BlockTimeout,
    /// The client let a response wait: it opened its windows slower than [`crate::Limits::response_rate`].
    #[error("response taken slower than the minimum data rate")]
    ResponseTooSlow,
}

/// Declares [`StateFault`] and its properties, one line each: message, code, RFC, section.
macro_rules! state_faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $message:literal, $code:ident, $rfc:literal, $section:literal;)*) => {
        /// A frame that the state of its stream, or of the connection, forbids.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
        #[non_exhaustive]
        pub enum StateFault {
            $($(#[doc = $doc])+ #[error($message)] $variant,)*
        }

        impl StateFault {
            /// The error code that tells the client.
            pub const fn code(self) -> ErrorCode {
                match self { $(Self::$variant => ErrorCode::$code,)* }
            }

            /// Where the rule is written.
            pub const fn section(self) -> Section {
                match self { $(Self::$variant => Section::new($rfc, $section),)* }
            }

            /// The variant's name, `IdleStream` say.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

state_faults! {
    /// A frame other than HEADERS and PRIORITY on a stream that nobody opened.
    IdleStream = "frame on an idle stream", PROTOCOL_ERROR, 9113, "5.1";
    /// DATA or HEADERS on a stream that both sides have ended.
    ClosedStream = "frame on a closed stream", STREAM_CLOSED, 9113, "5.1";
    /// A stream with an even number.
    EvenStream = "stream of an even number opened by the client", PROTOCOL_ERROR, 9113, "5.1.1";
    /// A stream with a lower number than an earlier one.
    StreamOutOfOrder = "stream of a lower number than an earlier one", PROTOCOL_ERROR, 9113, "5.1.1";
    /// A client cannot promise streams.
    PushPromise = "PUSH_PROMISE from a client", PROTOCOL_ERROR, 9113, "8.4";
    /// SETTINGS_NO_RFC7540_PRIORITIES differs from that of the first SETTINGS.
    PrioritiesChanged = "SETTINGS_NO_RFC7540_PRIORITIES changed", PROTOCOL_ERROR, 9218, "2.1";
    /// PRIORITY_UPDATE for more idle streams than may be opened.
    TooManyPrioritized = "PRIORITY_UPDATE for more streams than may be opened", PROTOCOL_ERROR, 9218, "7.1";
    /// PRIORITY_UPDATE for a stream that only a server could open.
    PrioritizedPush = "PRIORITY_UPDATE for an idle stream of the server", PROTOCOL_ERROR, 9218, "7.1";
}

/// A field block that costs more than any section within the limits could.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFault {
    /// More CONTINUATION frames than [`crate::Http2Limits::continuations`] (CVE-2024-27316).
    #[error("too many CONTINUATION frames")]
    Continuations,
    /// More octets than twice [`crate::Limits::field_section`].
    #[error("field block too large")]
    TooLarge,
    /// A section that decodes to more than four times [`crate::Limits::field_section`]
    /// (CVE-2016-1544).
    #[error("field section too large")]
    Expands,
}

impl Http2Fault {
    /// The error code that tells the client.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Frame(fault) => fault.code(),
            Self::Compression(_) => ErrorCode::COMPRESSION_ERROR,
            Self::State(fault) => fault.code(),
            Self::SettingsTimeout => ErrorCode::SETTINGS_TIMEOUT,
            // A client that does not answer is as good as gone.
            Self::PingTimeout => ErrorCode::NO_ERROR,
            Self::Budget(_)
            | Self::Block(_)
            | Self::TooManySettings
            | Self::BlockTimeout
            | Self::ResponseTooSlow => ErrorCode::ENHANCE_YOUR_CALM,
        }
    }

    /// Where the rule, or the danger, is written.
    pub const fn section(self) -> Section {
        match self {
            Self::Frame(fault) => fault.section(),
            Self::Compression(fault) => fault.section(),
            Self::State(fault) => fault.section(),
            Self::Budget(budget) => budget.section(),
            Self::Block(_) => Section::new(9113, "10.5.1"),
            Self::SettingsTimeout => Section::new(9113, "6.5.3"),
            Self::PingTimeout => Section::new(9113, "6.7"),
            Self::TooManySettings | Self::BlockTimeout | Self::ResponseTooSlow => {
                Section::new(9113, "10.5")
            }
        }
    }

    /// A stable name in snake case, for logs and metrics; Kestrel's own where it has the reason.
    pub fn as_str(self) -> &'static str {
        use h2::Fault as Frame;
        match self {
            Self::Frame(fault) => match fault {
                Frame::InvalidPreface | Frame::FirstFrameNotSettings => "invalid_handshake",
                Frame::FrameTooLarge => "max_frame_length_exceeded",
                Frame::PaddingTooLong => "invalid_data_padding",
                Frame::ExpectedContinuation | Frame::UnexpectedContinuation => "unexpected_frame",
                Frame::InvalidEnablePush
                | Frame::InvalidInitialWindowSize
                | Frame::InvalidMaxFrameSize
                | Frame::InvalidEnableConnectProtocol
                | Frame::InvalidNoRfc7540Priorities
                | Frame::InitialWindowOverflow => "invalid_settings",
                Frame::ZeroStreamIncrement
                | Frame::ZeroConnectionIncrement
                | Frame::StreamWindowOverflow
                | Frame::ConnectionWindowOverflow => "invalid_window_update_size",
                Frame::StreamWindowExceeded | Frame::ConnectionWindowExceeded => {
                    "flow_control_window_exceeded"
                }
                fault if fault.code() == ErrorCode::FRAME_SIZE_ERROR => "invalid_frame_length",
                _ => "invalid_stream_id",
            },
            Self::Compression(_) => "error_reading_headers",
            Self::State(fault) => match fault {
                StateFault::IdleStream | StateFault::EvenStream | StateFault::StreamOutOfOrder => {
                    "invalid_stream_id"
                }
                StateFault::ClosedStream => "frame_after_stream_close",
                StateFault::PushPromise => "unexpected_frame",
                StateFault::PrioritiesChanged => "invalid_settings",
                StateFault::TooManyPrioritized | StateFault::PrioritizedPush => {
                    "invalid_priority_update"
                }
            },
            Self::Budget(budget) => match budget {
                Budget::ClientResets => "stream_reset_limit_exceeded",
                Budget::OwnResets => "stream_error_limit_exceeded",
                Budget::RefusedStreams => "refused_stream_limit_exceeded",
                Budget::OversizedSections => "max_request_headers_total_size_exceeded",
                Budget::TableSizeUpdates => "table_size_update_limit_exceeded",
                Budget::EmptyFrames => "empty_frame_limit_exceeded",
                Budget::SmallData => "small_data_limit_exceeded",
                Budget::Pings => "ping_limit_exceeded",
                Budget::Settings => "settings_limit_exceeded",
                Budget::Priorities => "priority_limit_exceeded",
                Budget::WindowUpdates => "window_update_limit_exceeded",
                Budget::ClosedStreams => "closed_stream_limit_exceeded",
                Budget::IgnoredFrames => "ignored_frame_limit_exceeded",
            },
            Self::Block(BlockFault::Continuations) => "continuation_limit_exceeded",
            Self::Block(_) => "max_request_headers_total_size_exceeded",
            Self::TooManySettings => "settings_limit_exceeded",
            Self::SettingsTimeout => "settings_timeout",
            Self::PingTimeout => "ping_timeout",
            Self::BlockTimeout => "request_headers_timeout",
            Self::ResponseTooSlow => "min_response_data_rate",
        }
    }
}

impl From<h2::Fault> for Http2Fault {
    fn from(fault: h2::Fault) -> Self {
        Self::Frame(fault)
    }
}

impl From<hpack::Fault> for Http2Fault {
    fn from(fault: hpack::Fault) -> Self {
        Self::Compression(fault)
    }
}

impl From<StateFault> for Http2Fault {
    fn from(fault: StateFault) -> Self {
        Self::State(fault)
    }
}

impl From<Budget> for Http2Fault {
    fn from(budget: Budget) -> Self {
        Self::Budget(budget)
    }
}

impl From<BlockFault> for Http2Fault {
    fn from(fault: BlockFault) -> Self {
        Self::Block(fault)
    }
}
