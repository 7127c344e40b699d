//! Every reason to refuse a message.

use crate::field::FieldFault;
use crate::section::Section;

/// Declares [`Fault`] and its properties, one line each: message, status, RFC, section.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $message:literal, $status:literal, $rfc:literal, $section:literal;)*) => {
        /// Why a message was refused: one variant for each rule.
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

            /// The status that tells the sender; 502 for what only a response can do wrong, since
            /// that is what a gateway would answer.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Where the rule is written.
            pub const fn section(self) -> Section {
                match self { $(Self::$variant => Section::new($rfc, $section),)* }
            }

            /// The variant's name, `SpaceBeforeColon` say.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

faults! {
    /// A TLS record where a request was due: the client believes that the port speaks TLS.
    TlsOnCleartext = "TLS record on a cleartext connection", 400, 9112, "2.2";
    /// More empty lines in front of the request line than tolerated.
    LeadingEmptyLines = "too many empty lines before the request line", 400, 9112, "2.2";
    /// A line ends in LF without CR.
    BareLineFeed = "line feed without carriage return", 400, 9112, "2.2";
    /// A CR that no LF follows.
    BareCarriageReturn = "carriage return without line feed", 400, 9112, "2.2";
    /// A NUL octet anywhere in a head.
    NulOctet = "NUL octet in the head", 400, 9110, "5.5";
    /// A method octet that is no token character.
    InvalidMethod = "method is no token", 400, 9110, "9.1";
    /// The request line ends before it is complete.
    InvalidRequestLine = "request line is not method, target and version", 400, 9112, "3";
    /// Whitespace in the request line other than the two single spaces.
    ExtraWhitespaceInRequestLine = "extra whitespace in the request line", 400, 9112, "3";
    /// The third word is not `HTTP/` digit `.` digit. A raw space in the target ends up here too.
    InvalidVersion = "malformed protocol version", 400, 9112, "2.3";
    /// A well-formed version with another major number than 1.
    UnsupportedVersion = "unsupported major version", 505, 9110, "15.6.6";
    /// The request line is longer than its limit.
    RequestLineTooLong = "request line too long", 414, 9112, "3";
    /// A target octet that no URI may hold, or a target of no known form.
    InvalidTarget = "invalid request target", 400, 9112, "3.2";
    /// A control octet in the target.
    ControlInTarget = "control octet in the request target", 400, 9112, "3.2";
    /// A fragment, which is never sent.
    FragmentInTarget = "fragment in the request target", 400, 9110, "7.1";
    /// A percent sign without two hexadecimal digits.
    InvalidPercentEncoding = "broken percent-encoding in the request target", 400, 3986, "2.1";
    /// An at sign in the authority of an absolute-form target.
    UserinfoInTarget = "userinfo in the request target", 400, 9110, "4.2.4";
    /// An absolute-form target without a host.
    EmptyHostInTarget = "empty host in the request target", 400, 9110, "4.2.1";
    /// `*` with a method other than OPTIONS.
    AsteriskFormNotAllowed = "asterisk-form target with a method other than OPTIONS", 400, 9112, "3.2.4";
    /// `host:port` with a method other than CONNECT.
    AuthorityFormNotAllowed = "authority-form target with a method other than CONNECT", 400, 9112, "3.2.3";
    /// CONNECT with anything but a host and a port.
    InvalidConnectTarget = "CONNECT target is not host and port", 400, 9112, "3.2.3";
    /// An HTTP/1.1 request without Host.
    MissingHost = "no Host in an HTTP/1.1 request", 400, 9112, "3.2";
    /// Two Host lines.
    DuplicateHost = "more than one Host", 400, 9112, "3.2";
    /// A Host that is no `uri-host [ ":" port ]`.
    InvalidHost = "invalid Host", 400, 9112, "3.2";
    /// Whitespace between the start line and the first field line.
    WhitespaceBeforeFirstField = "whitespace before the first field line", 400, 9112, "2.2";
    /// Whitespace between a field name and the colon.
    SpaceBeforeColon = "whitespace between field name and colon", 400, 9112, "5.1";
    /// A field line that ends behind its name. Where whitespace and more follow the name, it is the
    /// name that is invalid.
    MissingColon = "field line without a colon", 400, 9112, "5";
    /// A field line that starts with the colon.
    EmptyFieldName = "empty field name", 400, 9112, "5";
    /// A field name octet that is no token character.
    InvalidFieldName = "field name is no token", 400, 9110, "5.1";
    /// A control octet in a field value.
    InvalidFieldValue = "control octet in a field value", 400, 9110, "5.5";
    /// A field line continued on the next line.
    ObsoleteFold = "folded field line", 400, 9112, "5.2";
    /// More field lines than the limit.
    TooManyFieldLines = "too many field lines", 431, 6585, "5";
    /// The field section is longer than its limit.
    FieldSectionTooLarge = "field section too large", 431, 6585, "5";
    /// A Content-Length that is no decimal number.
    InvalidContentLength = "Content-Length is no decimal number", 400, 9112, "6.3";
    /// More than one Content-Length, in lines or as a list.
    DuplicateContentLength = "more than one Content-Length", 400, 9112, "6.3";
    /// A Content-Length of 2^64 or more.
    ContentLengthOverflow = "Content-Length does not fit into 64 bits", 400, 9110, "8.6";
    /// Content-Length beside Transfer-Encoding.
    ContentLengthWithTransferEncoding = "Content-Length beside Transfer-Encoding", 400, 9112, "6.1";
    /// Transfer-Encoding in HTTP/1.0.
    TransferEncodingInHttp10 = "Transfer-Encoding in HTTP/1.0", 400, 9112, "6.1";
    /// A list member of Transfer-Encoding that is no coding.
    InvalidTransferEncoding = "malformed Transfer-Encoding", 400, 9112, "7";
    /// The request's last transfer coding is not chunked, so that its end is unknown.
    FinalCodingNotChunked = "final transfer coding is not chunked", 400, 9112, "6.3";
    /// A coding below chunked that the server does not know.
    UnknownTransferCoding = "unknown transfer coding", 501, 9112, "6.1";
    /// Chunked applied twice.
    ChunkedTwice = "chunked coding applied twice", 400, 9112, "6.1";
    /// Parameters on chunked.
    CodingParameters = "parameters on the chunked coding", 400, 9112, "7.1";
    /// A connection option that is no token.
    InvalidConnectionOption = "connection option is no token", 400, 9110, "7.6.1";
    /// A chunk size that is no hexadecimal number.
    InvalidChunkSize = "chunk size is no hexadecimal number", 400, 9112, "7.1";
    /// A chunk size of 2^64 or more, or with too many leading zeros.
    ChunkSizeOverflow = "chunk size has too many digits", 400, 9112, "7.1";
    /// Chunk data that CRLF does not follow.
    ChunkDataNotTerminated = "no CRLF behind chunk data", 400, 9112, "7.1";
    /// A chunk extension outside the grammar.
    InvalidChunkExtension = "malformed chunk extension", 400, 9112, "7.1.1";
    /// More chunk extension, or more framing for so little data, than the limits allow.
    ChunkFramingTooLarge = "too much chunk framing for the data", 400, 9112, "7.1.1";
    /// The trailer section is longer than its limit.
    TrailerSectionTooLarge = "trailer section too large", 431, 9112, "7.1.2";
    /// A status line that is not version, three digits and reason.
    InvalidStatusLine = "malformed status line", 502, 9112, "4";
    /// A status code outside 100 to 599.
    InvalidStatusCode = "status code outside 100 to 599", 502, 9110, "15";
    /// The status line is longer than its limit.
    StatusLineTooLong = "status line too long", 502, 9112, "4";
}

impl From<FieldFault> for Fault {
    fn from(fault: FieldFault) -> Self {
        match fault {
            FieldFault::EmptyName => Self::EmptyFieldName,
            FieldFault::InvalidName => Self::InvalidFieldName,
            FieldFault::InvalidValue => Self::InvalidFieldValue,
            FieldFault::TooLarge => Self::FieldSectionTooLarge,
        }
    }
}
