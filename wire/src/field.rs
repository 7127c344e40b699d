//! Field names, field lines and field sections (RFC 9110 §5), the same for every protocol.
//!
//! The rules for names and values are here and nowhere else, by whatever path the octets came:
//! [`is_name`], [`is_value`] and [`trim`].

use crate::span::Span;

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

/// What is wrong with a field that somebody wants to store.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum FieldFault {
    /// The name has no octet.
    #[error("empty field name")]
    EmptyName,
    /// The name is no token (RFC 9110 §5.1).
    #[error("octet in a field name that is no token character")]
    InvalidName,
    /// The value holds a control octet other than HTAB (RFC 9110 §5.5).
    #[error("control octet in a field value")]
    InvalidValue,
    /// The section would grow beyond what a [`Span`] can name.
    #[error("field section above 4 GiB")]
    TooLarge,
}

/// One field line: where its name and value stand in a buffer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FieldLine {
    /// Which name it is.
    pub name: FieldName,
    /// The name as spelled. Empty for a known name that nobody spelled (see [`FieldSection`]).
    pub spelled: Span,
    /// The value without surrounding whitespace.
    pub value: Span,
}

/// A borrowed field section: lines in order, and the buffer they point into.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    buffer: &'a [u8],
    lines: &'a [FieldLine],
}

/// An owned field section: responses, trailers, and everything that is decoded rather than sliced.
///
/// One arena of octets and one list of lines; clearing it keeps the memory for the next message.
/// What is in it is legal: [`FieldSection::push`] and [`FieldSection::push_named`] see to that.
#[derive(Clone, Debug, Default)]
pub struct FieldSection {
    buffer: Vec<u8>,
    lines: Vec<FieldLine>,
}

impl<'a> Fields<'a> {
    /// A view of `lines`, which point into `buffer`.
    pub fn new(buffer: &'a [u8], lines: &'a [FieldLine]) -> Self {
        Self { buffer, lines }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All lines in order, as spelled name (canonical for one nobody spelled) and value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let buffer = self.buffer;
        self.known().map(move |(name, line)| (spelling(name, line, buffer), line.value.of(buffer)))
    }

    /// The value of the first line of that known name.
    pub fn get(&self, name: FieldName) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all lines of that known name, in order.
    pub fn all(&self, name: FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let buffer = self.buffer;
        self.known()
            .filter(move |&(other, _)| other == name)
            .map(move |(_, line)| line.value.of(buffer))
    }

    /// The values of all lines of that name, known or not, in any case and in order.
    pub fn named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The members of a list-based field over all its lines (RFC 9110 §5.6.1), as [`list`] splits.
    pub fn list(&self, name: FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.all(name).flat_map(list)
    }

    fn known(&self) -> impl Iterator<Item = (FieldName, &'a FieldLine)> + use<'a> {
        self.lines.iter().map(|line| (line.name, line))
    }
}

impl FieldSection {
    /// Borrows it.
    pub fn view(&self) -> Fields<'_> {
        Fields::new(&self.buffer, &self.lines)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.lines.clear();
    }

    /// Keeps the first `lines` lines and drops the rest.
    pub fn truncate(&mut self, lines: usize) {
        self.lines.truncate(lines);
        let end = self.lines.iter().map(|line| line.spelled.end.max(line.value.end)).max();
        self.buffer.truncate(end.unwrap_or(0) as usize);
    }

    /// Adds a line of a known name. Whitespace around the value is not stored.
    ///
    /// # Errors
    ///
    /// [`FieldFault::EmptyName`] for [`FieldName::Other`], which has no spelling;
    /// [`FieldFault::InvalidValue`] for a value that [`is_value`] refuses.
    pub fn push(&mut self, name: FieldName, value: &[u8]) -> Result<(), FieldFault> {
        if name == FieldName::Other {
            return Err(FieldFault::EmptyName);
        }
        self.store(name, b"", value)
    }

    /// Adds a line of any name, spelled as given. Whitespace around the value is not stored.
    ///
    /// # Errors
    ///
    /// [`FieldFault::EmptyName`], [`FieldFault::InvalidName`] for a name that is no token, and
    /// those of [`FieldSection::push`].
    pub fn push_named(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldFault> {
        if name.is_empty() {
            return Err(FieldFault::EmptyName);
        }
        if !is_name(name) {
            return Err(FieldFault::InvalidName);
        }
        self.store(FieldName::recognise(name), name, value)
    }

    fn store(&mut self, name: FieldName, spelled: &[u8], value: &[u8]) -> Result<(), FieldFault> {
        if !is_value(value) {
            return Err(FieldFault::InvalidValue);
        }
        let value = trim(value);
        if self.buffer.len() + spelled.len() + value.len() > u32::MAX as usize {
            return Err(FieldFault::TooLarge);
        }
        let spelled = self.append(spelled);
        let value = self.append(value);
        self.lines.push(FieldLine { name, spelled, value });
        Ok(())
    }

    fn append(&mut self, octets: &[u8]) -> Span {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(octets);
        Span::new(start, self.buffer.len())
    }
}

/// Whether `octet` may stand in a token (RFC 9110 §5.6.2).
#[inline]
pub const fn is_token_octet(octet: u8) -> bool {
    OCTETS[octet as usize] & TOKEN != 0
}

/// Whether `octets` are a token, and thus a field name (RFC 9110 §5.1).
pub fn is_name(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is_token_octet(octet))
}

/// Whether `octet` may stand in a field value: visible, obs-text, SP or HTAB (RFC 9110 §5.5).
#[inline]
pub const fn is_value_octet(octet: u8) -> bool {
    OCTETS[octet as usize] & VALUE != 0
}

/// Whether all of `octets` may stand in a field value. The empty value is legal.
///
/// RFC 9110 §5.5 demands to refuse CR, LF and NUL, and lets a recipient keep other control
/// octets where the field is opaque; we refuse those too, since no field is defined to hold them.
pub fn is_value(octets: &[u8]) -> bool {
    octets.iter().all(|&octet| is_value_octet(octet))
}

/// `octets` without the SP and HTAB around them (RFC 9110 §5.6.3).
#[inline]
pub fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// The members of a list (RFC 9110 §5.6.1): split at commas outside quoted strings, trimmed.
///
/// Empty members do not count (RFC 9110 §5.6.1.2). An open quoted string reaches to the end.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let octets = rest?;
        let mut quoted = false;
        let mut escaped = false;
        let comma = octets.iter().position(|&octet| {
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                b',' => return !quoted,
                _ => {}
            }
            false
        });
        let (member, tail) = match comma {
            Some(comma) => (&octets[..comma], Some(&octets[comma + 1..])),
            None => (octets, None),
        };
        rest = tail;
        Some(trim(member))
    })
    .filter(|member| !member.is_empty())
}

fn spelling<'a>(name: FieldName, line: &FieldLine, buffer: &'a [u8]) -> &'a [u8] {
    if line.spelled.is_empty() { name.as_str().as_bytes() } else { line.spelled.of(buffer) }
}

const TOKEN: u8 = 1;
const VALUE: u8 = 2;

/// Which classes each octet belongs to.
const OCTETS: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let o = octet as u8;
        if o.is_ascii_alphanumeric()
            || matches!(o, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
            || matches!(o, b'^' | b'_' | b'`' | b'|' | b'~')
        {
            table[octet] |= TOKEN;
        }
        if o == b'\t' || (o >= b' ' && o != 0x7f) {
            table[octet] |= VALUE;
        }
        octet += 1;
    }
    table
};

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

    #[test]
    fn token_and_value_octets_are_those_of_the_grammar() {
        for octet in 0..=255u8 {
            let token = octet.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&octet);
            assert_eq!(is_token_octet(octet), token, "{octet:#04x}");
            let value = octet == b'\t' || (octet >= 0x20 && octet != 0x7f);
            assert_eq!(is_value_octet(octet), value, "{octet:#04x}");
        }
    }

    #[test]
    fn a_name_nobody_spelled_is_iterated_in_its_canonical_spelling() {
        let mut section = FieldSection::default();
        section.push(FieldName::ETag, b" \t\"x\" ").unwrap();
        section.push_named(b"x-a", b"1").unwrap();
        section.push_named(b"CONTENT-type", b"").unwrap();
        let lines: Vec<_> = section.view().iter().collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"ETag", b"\"x\""), (b"x-a", b"1"), (b"CONTENT-type", b"")];
        assert_eq!(lines, expected);
        assert_eq!(section.view().get(FieldName::ContentType), Some(&b""[..]));
        assert_eq!(section.view().named(b"X-A").collect::<Vec<_>>(), [b"1"]);
        assert_eq!(section.view().named(b"etag").count(), 1);
        assert_eq!(section.view().get(FieldName::Date), None);
    }

    #[test]
    fn what_is_illegal_is_not_stored() {
        let mut section = FieldSection::default();
        assert_eq!(section.push(FieldName::Other, b"x"), Err(FieldFault::EmptyName));
        assert_eq!(section.push_named(b"", b"x"), Err(FieldFault::EmptyName));
        assert_eq!(section.push_named(b"a b", b"x"), Err(FieldFault::InvalidName));
        assert_eq!(section.push_named(b":path", b"x"), Err(FieldFault::InvalidName));
        for value in [&b"a\r\nb"[..], b"a\nb", b"a\rb", b"a\0", b"\x7f", b"\x0b"] {
            assert_eq!(section.push(FieldName::Via, value), Err(FieldFault::InvalidValue));
        }
        assert!(section.is_empty());
    }

    #[test]
    fn truncating_leaves_the_first_lines() {
        let mut section = FieldSection::default();
        section.push(FieldName::Via, b"one").unwrap();
        section.push(FieldName::Via, b"two").unwrap();
        section.truncate(1);
        section.push(FieldName::Via, b"three").unwrap();
        assert_eq!(section.view().all(FieldName::Via).collect::<Vec<_>>(), [&b"one"[..], b"three"]);
        section.truncate(0);
        assert!(section.is_empty());
    }

    #[test]
    fn lists_skip_empty_members_and_keep_quoted_commas() {
        let members = |value| list(value).map(|m| str::from_utf8(m).unwrap()).collect::<Vec<_>>();
        assert_eq!(members(b", a ,\t, b,"), ["a", "b"]);
        assert_eq!(members(b"a=\"x,\\\",y\", b"), ["a=\"x,\\\",y\"", "b"]);
        assert_eq!(members(b"\"open, b"), ["\"open, b"]);
        assert_eq!(members(b""), [""; 0]);
        let mut section = FieldSection::default();
        section.push(FieldName::Connection, b"a, b").unwrap();
        section.push(FieldName::Connection, b"c").unwrap();
        assert_eq!(section.view().list(FieldName::Connection).count(), 3);
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
