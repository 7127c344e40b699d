//! Request targets (RFC 9112 §3.2) and the octets they are made of (RFC 3986).

use super::{Fault, Profile};
use crate::authority::Authority;
use crate::method::Method;
use crate::span::Span;

/// A request target, taken apart. All spans point into the buffer of the head.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Target {
    /// Which of the four forms it has.
    pub form: TargetForm,
    /// All of it.
    pub whole: Span,
    /// The path, undecoded. Begins with `/` in origin-form; may be empty in absolute-form, where
    /// that means `/` (for OPTIONS, `*`); is empty in the other forms.
    pub path: Span,
    /// What is behind the first question mark; `None` without one.
    pub query: Option<Span>,
    /// The scheme of an absolute-form target; `None` in other forms, and for other schemes.
    pub scheme: Option<Scheme>,
    /// Host and port of an absolute-form or authority-form target; empty in the other forms.
    pub authority: Span,
    /// Whether there is no percent sign and no dot in it, so that there is nothing to normalise.
    pub plain: bool,
}

/// The form of a request target.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum TargetForm {
    /// `/where?q=now` (RFC 9112 §3.2.1).
    #[default]
    Origin,
    /// `http://www.example.org/where?q=now` (RFC 9112 §3.2.2).
    Absolute,
    /// `www.example.org:80`, for CONNECT (RFC 9112 §3.2.3).
    Authority,
    /// `*`, for OPTIONS (RFC 9112 §3.2.4).
    Asterisk,
}

/// A scheme that HTTP serves.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

impl Target {
    /// Takes apart the target at `whole` in `buffer`, whose octets [`target_len`] has accepted.
    ///
    /// Field by field and in place: a target made elsewhere and moved here costs more than its parts.
    #[inline(always)]
    pub(super) fn parse(
        &mut self,
        buffer: &[u8],
        whole: Span,
        method: Method,
    ) -> Result<(), Fault> {
        let octets = whole.of(buffer);
        let seen = seen(octets);
        if octets.first() == Some(&b'/') && method != Method::Connect {
            self.origin(octets, whole, seen);
        } else {
            *self = Self::parse_other(octets, whole, method)?;
            self.plain = seen & (DOT | ESCAPE) == 0;
        }
        Ok(())
    }

    /// Takes apart an origin-form target of octets that need no closer look, the usual ones, in one
    /// pass; `false` for any other, which [`target_len`] has to judge.
    #[inline(always)]
    pub(super) fn parse_usual(&mut self, buffer: &[u8], whole: Span, method: Method) -> bool {
        let octets = whole.of(buffer);
        let seen = seen(octets);
        let usual = octets.first() == Some(&b'/')
            && method != Method::Connect
            && seen & (ESCAPE | UNUSUAL) == 0;
        if usual {
            self.origin(octets, whole, seen);
        }
        usual
    }

    #[inline(always)]
    fn origin(&mut self, octets: &[u8], whole: Span, seen: u8) {
        self.form = TargetForm::Origin;
        self.whole = whole;
        (self.path, self.query) = match seen & QUERY {
            0 => (whole, None),
            _ => split_query(octets, whole.start as usize),
        };
        self.scheme = None;
        self.authority = Span::EMPTY;
        self.plain = seen & (DOT | ESCAPE) == 0;
    }

    /// The forms that are rarer than origin-form.
    fn parse_other(octets: &[u8], whole: Span, method: Method) -> Result<Self, Fault> {
        let start = whole.start as usize;
        if method == Method::Connect {
            // RFC 9112 §3.2.3: the port is not optional here. Port 0 cannot be connected to.
            return match Authority::parse(octets) {
                Some(Authority { host, port: Some(1..) }) if !host.is_empty() => {
                    Ok(Self::of_form(TargetForm::Authority, whole, whole))
                }
                _ => Err(Fault::InvalidConnectTarget),
            };
        }
        if octets == b"*" {
            // RFC 9112 §3.2.4.
            return match method {
                Method::Options => Ok(Self::of_form(TargetForm::Asterisk, whole, Span::EMPTY)),
                _ => Err(Fault::AsteriskFormNotAllowed),
            };
        }
        let Some((scheme, rest)) = split_scheme(octets) else {
            return Err(match Authority::parse(octets) {
                Some(Authority { host, port: Some(_) }) if !host.is_empty() => {
                    Fault::AuthorityFormNotAllowed
                }
                _ => Fault::InvalidTarget,
            });
        };
        let authority_start = octets.len() - rest.len();
        let authority_len =
            rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(authority_len);
        // RFC 9110 §4.2.4: treat userinfo from a stranger as an error; it hides the real host.
        if authority.contains(&b'@') {
            return Err(Fault::UserinfoInTarget);
        }
        match Authority::parse(authority) {
            None => return Err(Fault::InvalidTarget),
            Some(authority) if authority.host.is_empty() => return Err(Fault::EmptyHostInTarget),
            Some(_) => {}
        }
        let from = start + authority_start;
        let authority = Span::new(from, from + authority_len);
        let (path, query) = split_query(rest, from + authority_len);
        Ok(Self { form: TargetForm::Absolute, whole, path, query, scheme, authority, plain: false })
    }

    fn of_form(form: TargetForm, whole: Span, authority: Span) -> Self {
        Self { form, whole, authority, ..Self::default() }
    }
}

/// The length of the target at the front of `octets`, up to the whitespace or line end behind it;
/// `None` if it reaches to their end.
///
/// Square brackets are let through anywhere: RFC 3986 §3.3 would have them encoded, but browsers send
/// them raw in queries and no two parsers differ about them.
pub(super) fn target_len(octets: &[u8], profile: Profile) -> Result<Option<usize>, Fault> {
    let mut at = 0;
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        let Some(legal) = rest.iter().position(|&octet| TARGET[usize::from(octet)] != LEGAL) else {
            return Ok(None);
        };
        at += legal;
        let Some(&octet) = octets.get(at) else { return Ok(None) };
        match (TARGET[usize::from(octet)], octet) {
            (RAW, _) if profile.is_lenient() => at += 1,
            (STOP, _) => return Ok(Some(at)),
            (_, 0x0b | 0x0c) if profile.is_lenient() => return Ok(Some(at)),
            (_, b'%') => {
                let digits = octets.get(at + 1..).unwrap_or_default();
                match digits.get(..2).unwrap_or(digits) {
                    digits if !digits.iter().all(u8::is_ascii_hexdigit) => {
                        return Err(Fault::InvalidPercentEncoding);
                    }
                    [_, _] => at += 3,
                    _ => return Ok(None),
                }
            }
            (_, 0) => return Err(Fault::NulOctet),
            (_, b'#') => return Err(Fault::FragmentInTarget),
            (_, octet) if octet.is_ascii_control() => return Err(Fault::ControlInTarget),
            _ => return Err(Fault::InvalidTarget),
        }
    }
}

/// What kinds of octets there are, without a branch for each.
#[inline(always)]
fn seen(octets: &[u8]) -> u8 {
    octets.iter().fold(0, |seen, &octet| seen | KINDS[usize::from(octet)])
}

/// Path and query of octets that stand at `start`, parted at the first question mark.
pub(crate) fn split_query(octets: &[u8], start: usize) -> (Span, Option<Span>) {
    let end = start + octets.len();
    match memchr::memchr(b'?', octets) {
        Some(mark) => (Span::new(start, start + mark), Some(Span::new(start + mark + 1, end))),
        None => (Span::new(start, end), None),
    }
}

/// Whether `octets` may stand in path and query (RFC 3986 §3.3 and §3.4), whole percent-encodings
/// included. As [`target_len`] in its strict profile, of octets that are all there.
pub(crate) fn is_path(mut octets: &[u8]) -> bool {
    loop {
        let other = octets.iter().position(|&octet| TARGET[usize::from(octet)] != LEGAL);
        let Some(rest) = other.and_then(|at| octets.get(at..)) else { return true };
        match rest {
            [b'%', a, b, rest @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                octets = rest;
            }
            _ => return false,
        }
    }
}

/// The scheme, and what is behind `://`.
fn split_scheme(octets: &[u8]) -> Option<(Option<Scheme>, &[u8])> {
    let (name, rest) = octets.split_at(memchr::memchr(b':', octets)?);
    Some((scheme(name)?, rest.strip_prefix(b"://")?))
}

/// The scheme of that name, which is `Some(None)` if HTTP does not serve it, and `None` if it cannot be
/// one (RFC 3986 §3.1).
pub(crate) fn scheme(name: &[u8]) -> Option<Option<Scheme>> {
    let legal = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    match name {
        _ if name.eq_ignore_ascii_case(b"http") => Some(Some(Scheme::Http)),
        _ if name.eq_ignore_ascii_case(b"https") => Some(Some(Scheme::Https)),
        [first, rest @ ..] => {
            (first.is_ascii_alphabetic() && rest.iter().all(legal)).then_some(None)
        }
        [] => None,
    }
}

const QUERY: u8 = 1;
const DOT: u8 = 2;
const ESCAPE: u8 = 4;
/// Anything that [`target_len`] would not pass over.
const UNUSUAL: u8 = 8;

static KINDS: [u8; 256] = {
    let mut table = [UNUSUAL; 256];
    let mut octet = 0;
    while octet < 256 {
        if TARGET[octet] == LEGAL {
            table[octet] = 0;
        }
        octet += 1;
    }
    table[b'?' as usize] = QUERY;
    table[b'.' as usize] = DOT;
    table[b'%' as usize] = ESCAPE;
    table
};

const ILLEGAL: u8 = 0;
/// May stand in a URI as it is.
const LEGAL: u8 = 1;
/// Ends the target.
const STOP: u8 = 2;
/// Should have been percent-encoded.
const RAW: u8 = 3;

static TARGET: [u8; 256] = {
    let mut table = [ILLEGAL; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = match octet as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => LEGAL,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => LEGAL,
            b':' | b'@' | b'/' | b'?' | b'[' | b']' => LEGAL,
            b' ' | b'\t' | b'\r' | b'\n' => STOP,
            b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => RAW,
            _ => ILLEGAL,
        };
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: Method, text: &str) -> Result<Target, Fault> {
        let mut target = Target::default();
        target.parse(text.as_bytes(), Span::new(0, text.len()), method)?;
        Ok(target)
    }

    #[test]
    fn origin_form_is_path_and_query() {
        let target = parse(Method::Get, "/a/b?c=d?e").unwrap();
        assert_eq!(target.form, TargetForm::Origin);
        assert_eq!(target.path, Span::new(0, 4));
        assert_eq!(target.query, Some(Span::new(5, 10)));
        assert_eq!(parse(Method::Get, "//h/x").unwrap().path, Span::new(0, 5));
        assert_eq!(parse(Method::Get, "/?").unwrap().query, Some(Span::new(2, 2)));
        assert_eq!(parse(Method::Get, "/").unwrap().query, None);
    }

    #[test]
    fn absolute_form_has_scheme_and_authority() {
        let target = parse(Method::Get, "HTTP://a.example:8080/x?y").unwrap();
        assert_eq!(target.form, TargetForm::Absolute);
        assert_eq!(target.scheme, Some(Scheme::Http));
        assert_eq!(target.authority, Span::new(7, 21));
        assert_eq!(target.path, Span::new(21, 23));
        assert_eq!(target.query, Some(Span::new(24, 25)));
        let bare = parse(Method::Get, "https://[::1]?y").unwrap();
        assert_eq!(bare.scheme, Some(Scheme::Https));
        assert!(bare.path.is_empty());
        assert_eq!(bare.query, Some(Span::new(14, 15)));
        assert_eq!(parse(Method::Get, "frob://h/").unwrap().scheme, None);
    }

    #[test]
    fn forms_belong_to_their_methods() {
        assert_eq!(parse(Method::Options, "*").unwrap().form, TargetForm::Asterisk);
        assert_eq!(parse(Method::Get, "*"), Err(Fault::AsteriskFormNotAllowed));
        assert_eq!(parse(Method::Options, "*x"), Err(Fault::InvalidTarget));
        assert_eq!(parse(Method::Connect, "h:80").unwrap().form, TargetForm::Authority);
        assert_eq!(parse(Method::Get, "h:80"), Err(Fault::AuthorityFormNotAllowed));
        for text in ["/", "h", "h:", "h:0", ":80", "h:99999", "http://h:80", "u@h:80", "*"] {
            assert_eq!(parse(Method::Connect, text), Err(Fault::InvalidConnectTarget), "{text}");
        }
    }

    #[test]
    fn broken_absolute_forms_are_refused() {
        assert_eq!(parse(Method::Get, "http://u@h/"), Err(Fault::UserinfoInTarget));
        assert_eq!(parse(Method::Get, "http:///x"), Err(Fault::EmptyHostInTarget));
        assert_eq!(parse(Method::Get, "http://:80/x"), Err(Fault::EmptyHostInTarget));
        for text in ["index.html", "http:/x", "http://h:x/", "http://[::1/", "1http://h/", "a:b:c"]
        {
            assert_eq!(parse(Method::Get, text), Err(Fault::InvalidTarget), "{text}");
        }
        assert!(parse(Method::Get, "http://h/u@x").is_ok());
    }

    #[test]
    fn octets_are_judged_one_by_one() {
        let strict = |text: &[u8]| target_len(text, Profile::Strict);
        assert_eq!(strict(b"/a%20b "), Ok(Some(6)));
        assert_eq!(strict(b"/a%2"), Ok(None));
        assert_eq!(strict(b"/a%2 "), Err(Fault::InvalidPercentEncoding));
        assert_eq!(strict(b"/a%z"), Err(Fault::InvalidPercentEncoding));
        assert_eq!(strict(b"/a#"), Err(Fault::FragmentInTarget));
        assert_eq!(strict(b"/\0"), Err(Fault::NulOctet));
        assert_eq!(strict(b"/\x01"), Err(Fault::ControlInTarget));
        assert_eq!(strict(b"/\x7f"), Err(Fault::ControlInTarget));
        for octet in *b"<>\"\\^`{|}\x80\xff" {
            assert_eq!(strict(&[b'/', octet]), Err(Fault::InvalidTarget));
            assert_eq!(target_len(&[b'/', octet, b' '], Profile::Lenient), Ok(Some(2)));
        }
    }
}
