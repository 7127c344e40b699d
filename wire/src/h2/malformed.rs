//! Every reason to refuse a message.

use super::ErrorCode;
use crate::section::Section;

/// Declares [`Malformed`] and its properties, one line each: message, RFC, section.
macro_rules! malformed {
    ($($(#[doc = $doc:literal])+ $variant:ident = $message:literal, $rfc:literal, $section:literal;)*) => {
        /// Why a field section is no message: one variant for each rule.
        ///
        /// Each is a stream error of type PROTOCOL_ERROR (RFC 9113 §8.1.1), which a server may announce
        /// by a response with status 400 (RFC 9113 §8.2.1). Other streams go on. Names are stable.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
        #[non_exhaustive]
        pub enum Malformed {
            $($(#[doc = $doc])+ #[error($message)] $variant,)*
        }

        impl Malformed {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The error code that tells the peer.
            pub const CODE: ErrorCode = ErrorCode::PROTOCOL_ERROR;

            /// Where the rule is written.
            pub const fn section(self) -> Section {
                match self { $(Self::$variant => Section::new($rfc, $section),)* }
            }

            /// The variant's name, `MissingPath` say.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

malformed! {
    /// A field name without an octet.
    EmptyFieldName = "empty field name", 9113, "8.2.1";
    /// A capital letter in a field name.
    UppercaseFieldName = "capital letter in a field name", 9113, "8.2.1";
    /// Another octet in a field name that is no token character; a colon, say.
    InvalidFieldName = "field name is no token", 9113, "8.2.1";
    /// A control octet in a value.
    InvalidFieldValue = "control octet in a field value", 9113, "8.2.1";
    /// SP or HTAB around a value.
    WhitespaceAroundFieldValue = "whitespace around a field value", 9113, "8.2.1";
    /// Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding or Upgrade; TE but in requests.
    ConnectionSpecificField = "connection-specific field", 9113, "8.2.2";
    /// TE with anything but `trailers`.
    InvalidTe = "TE other than trailers", 9113, "8.2.2";
    /// A pseudo-field that is defined nowhere.
    UnknownPseudoField = "unknown pseudo-header field", 9113, "8.3";
    /// A pseudo-field of requests in a response, or the other way round.
    MisplacedPseudoField = "pseudo-header field of the other direction", 9113, "8.3";
    /// A pseudo-field in trailers.
    PseudoFieldInTrailers = "pseudo-header field in trailers", 9113, "8.3";
    /// A pseudo-field behind a field.
    PseudoFieldAfterField = "pseudo-header field behind a field", 9113, "8.3";
    /// The same pseudo-field twice.
    DuplicatePseudoField = "repeated pseudo-header field", 9113, "8.3";
    /// A request without `:method`.
    MissingMethod = "no :method", 9113, "8.3.1";
    /// A method that is no token.
    InvalidMethod = "method is no token", 9113, "8.3.1";
    /// A request without `:scheme`.
    MissingScheme = "no :scheme", 9113, "8.3.1";
    /// A scheme outside the grammar of RFC 3986 §3.1.
    InvalidScheme = "malformed :scheme", 9113, "8.3.1";
    /// A request without `:path`.
    MissingPath = "no :path", 9113, "8.3.1";
    /// A path that is no `/path?query`.
    InvalidPath = "invalid :path", 9113, "8.3.1";
    /// `*` with a method other than OPTIONS.
    AsteriskPathNotAllowed = ":path * with a method other than OPTIONS", 9113, "8.3.1";
    /// Neither `:authority` nor Host.
    MissingAuthority = "neither :authority nor Host", 9110, "4.2.1";
    /// An authority that is no host and port.
    InvalidAuthority = "invalid :authority", 9113, "8.3.1";
    /// An at sign in the authority.
    UserinfoInAuthority = "userinfo in :authority", 9113, "8.3.1";
    /// Two Host lines.
    DuplicateHost = "more than one Host", 9112, "3.2";
    /// A Host that is no host and port.
    InvalidHost = "invalid Host", 9110, "7.2";
    /// Host names another authority than `:authority`.
    HostDiffers = "Host and :authority differ", 9113, "8.3.1";
    /// CONNECT with `:scheme` or `:path`.
    ConnectWithTarget = "CONNECT with :scheme or :path", 9113, "8.5";
    /// CONNECT to anything but a host and a port.
    InvalidConnectAuthority = "CONNECT authority is not host and port", 9113, "8.5";
    /// `:protocol` with another method than CONNECT.
    ProtocolWithoutConnect = ":protocol without CONNECT", 8441, "4";
    /// `:protocol` where extended CONNECT was not announced.
    ProtocolNotAnnounced = ":protocol without SETTINGS_ENABLE_CONNECT_PROTOCOL", 8441, "3";
    /// A protocol that is no token.
    InvalidProtocol = ":protocol is no token", 8441, "4";
    /// A Content-Length that is no decimal number.
    InvalidContentLength = "Content-Length is no decimal number", 9110, "8.6";
    /// More than one Content-Length, in lines or as a list.
    DuplicateContentLength = "more than one Content-Length", 9110, "8.6";
    /// A Content-Length of 2^64 or more.
    ContentLengthOverflow = "Content-Length does not fit into 64 bits", 9110, "8.6";
    /// A response without `:status`.
    MissingStatus = "no :status", 9113, "8.3.2";
    /// A status that is not three digits from 100 to 599.
    InvalidStatus = "invalid :status", 9113, "8.3.2";
    /// Status 101, which HTTP/2 does not have.
    SwitchingProtocols = "status 101", 9113, "8.6";
}
