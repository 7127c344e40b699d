//! The field names the project knows by heart (RFC 9110 §5.1).

/// Declares [`FieldName`] and everything that is derived from the one list of names.
macro_rules! field_names {
    ($($variant:ident = $spelling:literal,)*) => {
        /// A field name: one the project knows by heart, or any other.
        ///
        /// Known names are recognised by word compares, whatever their case (RFC 9110 §5.1).
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        #[allow(missing_docs)]
        #[repr(u8)]
        pub enum FieldName {
            #[default]
            Other,
            $($variant,)*
        }

        impl FieldName {
            /// All known names, in alphabetical order.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),*];

            /// Its canonical spelling, `Content-Length` say; empty for [`FieldName::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::Other => "",
                    $(Self::$variant => $spelling,)*
                }
            }
        }
    };
}

field_names! {
    Accept = "Accept",
    AcceptCharset = "Accept-Charset",
    AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language",
    AcceptPatch = "Accept-Patch",
    AcceptPost = "Accept-Post",
    AcceptRanges = "Accept-Ranges",
    AccessControlAllowCredentials = "Access-Control-Allow-Credentials",
    AccessControlAllowHeaders = "Access-Control-Allow-Headers",
    AccessControlAllowMethods = "Access-Control-Allow-Methods",
    AccessControlAllowOrigin = "Access-Control-Allow-Origin",
    AccessControlExposeHeaders = "Access-Control-Expose-Headers",
    AccessControlMaxAge = "Access-Control-Max-Age",
    AccessControlRequestHeaders = "Access-Control-Request-Headers",
    AccessControlRequestMethod = "Access-Control-Request-Method",
    Age = "Age",
    Allow = "Allow",
    AltSvc = "Alt-Svc",
    AltUsed = "Alt-Used",
    AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization",
    CacheControl = "Cache-Control",
    CapsuleProtocol = "Capsule-Protocol",
    Connection = "Connection",
    ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding",
    ContentLanguage = "Content-Language",
    ContentLength = "Content-Length",
    ContentLocation = "Content-Location",
    ContentRange = "Content-Range",
    ContentSecurityPolicy = "Content-Security-Policy",
    ContentType = "Content-Type",
    Cookie = "Cookie",
    Date = "Date",
    EarlyData = "Early-Data",
    ETag = "ETag",
    Expect = "Expect",
    Expires = "Expires",
    Forwarded = "Forwarded",
    From = "From",
    Host = "Host",
    Http2Settings = "HTTP2-Settings",
    IfMatch = "If-Match",
    IfModifiedSince = "If-Modified-Since",
    IfNoneMatch = "If-None-Match",
    IfRange = "If-Range",
    IfUnmodifiedSince = "If-Unmodified-Since",
    KeepAlive = "Keep-Alive",
    LastModified = "Last-Modified",
    Link = "Link",
    Location = "Location",
    MaxForwards = "Max-Forwards",
    Origin = "Origin",
    Pragma = "Pragma",
    Prefer = "Prefer",
    Priority = "Priority",
    ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthenticationInfo = "Proxy-Authentication-Info",
    ProxyAuthorization = "Proxy-Authorization",
    ProxyConnection = "Proxy-Connection",
    Range = "Range",
    Referer = "Referer",
    RetryAfter = "Retry-After",
    SecWebSocketAccept = "Sec-WebSocket-Accept",
    SecWebSocketExtensions = "Sec-WebSocket-Extensions",
    SecWebSocketKey = "Sec-WebSocket-Key",
    SecWebSocketProtocol = "Sec-WebSocket-Protocol",
    SecWebSocketVersion = "Sec-WebSocket-Version",
    Server = "Server",
    ServerTiming = "Server-Timing",
    SetCookie = "Set-Cookie",
    StrictTransportSecurity = "Strict-Transport-Security",
    Te = "TE",
    Traceparent = "traceparent",
    Trailer = "Trailer",
    TransferEncoding = "Transfer-Encoding",
    Upgrade = "Upgrade",
    UpgradeInsecureRequests = "Upgrade-Insecure-Requests",
    UserAgent = "User-Agent",
    Vary = "Vary",
    Via = "Via",
    WwwAuthenticate = "WWW-Authenticate",
    XContentTypeOptions = "X-Content-Type-Options",
    XForwardedFor = "X-Forwarded-For",
    XForwardedHost = "X-Forwarded-Host",
    XForwardedProto = "X-Forwarded-Proto",
    XRequestId = "X-Request-ID",
}

impl FieldName {
    /// The name spelled by `octets` in any case; [`FieldName::Other`] if it is none of the table.
    ///
    /// Looks only at the few names of the same length, a word at a time.
    #[inline]
    pub fn recognise(octets: &[u8]) -> Self {
        let Some(&(from, to)) = BY_LENGTH.get(octets.len()) else { return Self::Other };
        let Some(candidates) = ENTRIES.get(usize::from(from)..usize::from(to)) else {
            return Self::Other;
        };
        let words = words(octets);
        for entry in candidates {
            if entry.matches(&words) {
                return entry.name;
            }
        }
        Self::Other
    }

    /// Whether a trailer section may hold it.
    ///
    /// RFC 9110 §6.5.1: not what frames, routes, authenticates or describes the message; a
    /// recipient that met it there would have acted on the message already.
    pub const fn may_trail(self) -> bool {
        !matches!(
            self,
            Self::Authorization
                | Self::CacheControl
                | Self::Connection
                | Self::ContentEncoding
                | Self::ContentLength
                | Self::ContentRange
                | Self::ContentType
                | Self::Cookie
                | Self::Expect
                | Self::Host
                | Self::IfMatch
                | Self::IfModifiedSince
                | Self::IfNoneMatch
                | Self::IfRange
                | Self::IfUnmodifiedSince
                | Self::KeepAlive
                | Self::MaxForwards
                | Self::Pragma
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Range
                | Self::SetCookie
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }
}

/// The octets of a name of up to 32 octets as four words; words overlap rather than pad.
type Words = [u64; 4];

/// A known name as words, and the bits that fold its letters (and only them) to lower case.
struct Entry {
    name: FieldName,
    fold: Words,
    folded: Words,
}

impl Entry {
    #[inline]
    const fn matches(&self, words: &Words) -> bool {
        words[0] | self.fold[0] == self.folded[0]
            && words[1] | self.fold[1] == self.folded[1]
            && words[2] | self.fold[2] == self.folded[2]
            && words[3] | self.fold[3] == self.folded[3]
    }
}

const LONGEST: usize = 32;
const COUNT: usize = FieldName::KNOWN.len();

/// The known names by length.
static ENTRIES: [Entry; COUNT] = {
    const BLANK: Entry = Entry { name: FieldName::Other, fold: [0; 4], folded: [0; 4] };
    let mut entries = [BLANK; COUNT];
    let mut filled = 0;
    let mut length = 0;
    while length <= LONGEST {
        let mut which = 0;
        while which < COUNT {
            let name = FieldName::KNOWN[which];
            let spelling = name.as_str().as_bytes();
            if spelling.len() == length {
                let mut fold = [0; LONGEST];
                let mut folded = [0; LONGEST];
                let mut at = 0;
                while at < length {
                    fold[at] = if spelling[at].is_ascii_alphabetic() { 0x20 } else { 0 };
                    folded[at] = spelling[at] | fold[at];
                    at += 1;
                }
                let (fold, folded) = (fold.split_at(length).0, folded.split_at(length).0);
                entries[filled] = Entry { name, fold: words(fold), folded: words(folded) };
                filled += 1;
            }
            which += 1;
        }
        length += 1;
    }
    assert!(filled == COUNT, "a known name is longer than LONGEST");
    entries
};

/// Where the names of each length stand in [`ENTRIES`].
static BY_LENGTH: [(u8, u8); LONGEST + 1] = {
    let mut ranges = [(0, 0); LONGEST + 1];
    let mut length = 0;
    let mut filled = 0;
    while length <= LONGEST {
        let from = filled;
        let mut which = 0;
        while which < COUNT {
            if FieldName::KNOWN[which].as_str().len() == length {
                filled += 1;
            }
            which += 1;
        }
        ranges[length] = (from, filled);
        length += 1;
    }
    ranges
};

/// The words of `octets`. Two names of the same length up to 32 are equal if their words are.
#[inline]
const fn words(octets: &[u8]) -> Words {
    if let (Some(first), Some(last)) = (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        if let (Some(front), Some(back)) = (octets.first_chunk::<16>(), octets.last_chunk::<16>()) {
            let second = u128::from_le_bytes(*front) >> 64;
            let third = u128::from_le_bytes(*back) & u64::MAX as u128;
            return [first, second as u64, third as u64, last];
        }
        return [first, last, 0, 0];
    }
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return [first as u64 | (last as u64) << 32, 0, 0, 0];
    }
    match *octets {
        [a, b, c] => [u32::from_le_bytes([a, b, c, 0]) as u64, 0, 0, 0],
        [a, b] => [u16::from_le_bytes([a, b]) as u64, 0, 0, 0],
        [a] => [a as u64, 0, 0, 0],
        _ => [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(octets: &[u8]) -> FieldName {
        let same = |name: &&FieldName| name.as_str().as_bytes().eq_ignore_ascii_case(octets);
        FieldName::KNOWN.iter().find(same).copied().unwrap_or_default()
    }

    #[test]
    fn every_known_name_is_recognised_in_any_case() {
        for &name in FieldName::KNOWN {
            assert_eq!(FieldName::recognise(name.as_str().as_bytes()), name);
            assert_eq!(FieldName::recognise(name.as_str().to_lowercase().as_bytes()), name);
            assert_eq!(FieldName::recognise(name.as_str().to_uppercase().as_bytes()), name);
        }
        assert_eq!(FieldName::recognise(b""), FieldName::Other);
    }

    #[test]
    fn the_list_of_names_is_sorted_and_has_no_twins() {
        let spellings: Vec<_> =
            FieldName::KNOWN.iter().map(|name| name.as_str().to_lowercase()).collect();
        assert!(spellings.is_sorted_by(|a, b| a < b), "{spellings:?}");
    }

    #[test]
    fn no_single_octet_change_of_a_known_name_is_mistaken() {
        for &name in FieldName::KNOWN {
            for at in 0..name.as_str().len() {
                for octet in 0..=255 {
                    let mut octets = name.as_str().as_bytes().to_vec();
                    octets[at] = octet;
                    assert_eq!(FieldName::recognise(&octets), naive(&octets), "{octets:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn recognising_agrees_with_comparing(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(FieldName::recognise(&octets), naive(&octets));
        }

        #[test]
        fn names_cut_or_grown_are_not_mistaken(
            which in 0..FieldName::KNOWN.len(), cut in 0..33usize, tail in "[A-Za-z-]{0,3}",
        ) {
            let mut octets = FieldName::KNOWN[which].as_str().as_bytes().to_vec();
            octets.truncate(cut);
            octets.extend_from_slice(tail.as_bytes());
            prop_assert_eq!(FieldName::recognise(&octets), naive(&octets));
        }
    }
}
