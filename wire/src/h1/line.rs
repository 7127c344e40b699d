//! Start lines and field lines, octet by octet (RFC 9112 §2.2, §3, §4, §5).
//!
//! The careful path of the head parsers, and their reference. Each function looks at the octets from
//! left to right and stops at the first that makes the line faulty, or at their end with `None`.

use super::target::target_len;
use super::{Fault, Profile, Version};
use crate::field::{is_token_octet, is_value_octet};
use std::ops::Range;

/// A whole request line.
#[derive(Clone, Debug)]
pub(super) struct RequestLine {
    pub(super) method: Range<usize>,
    pub(super) target: Range<usize>,
    pub(super) version: Version,
    /// Octets with the line end.
    pub(super) len: usize,
}

/// A whole status line.
#[derive(Clone, Debug)]
pub(super) struct StatusLine {
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) reason: Range<usize>,
    /// Octets with the line end.
    pub(super) len: usize,
}

/// A whole line of a field section.
#[derive(Clone, Debug)]
pub(super) enum SectionLine {
    /// A field line, with its line end `len` octets long. The value is trimmed.
    Field { name: Range<usize>, value: Range<usize>, len: usize },
    /// The empty line that ends the section.
    End { len: usize },
}

/// The octets of empty lines in front of a request line, and whether that is all there is of them.
///
/// RFC 9112 §2.2 asks to ignore one; old clients send one behind the content of a POST, so two are
/// tolerated strictly. More are a flood.
pub(super) fn leading_empty_lines(octets: &[u8], profile: Profile) -> Result<(usize, bool), Fault> {
    let most = if profile.is_lenient() { 16 } else { 2 };
    let mut at = 0;
    let mut lines = 0;
    while let Some(octet @ (b'\r' | b'\n')) = octets.get(at) {
        if lines == most {
            return Err(Fault::LeadingEmptyLines);
        }
        at += match (octet, octets.get(at + 1)) {
            (b'\n', _) if profile.is_lenient() => 1,
            (b'\n', _) => return Err(Fault::BareLineFeed),
            (_, Some(b'\n')) => 2,
            (_, Some(_)) => return Err(Fault::BareCarriageReturn),
            (_, None) => return Ok((at, false)),
        };
        lines += 1;
    }
    Ok((at, true))
}

/// The request line at the front of `octets`: `method SP target SP version CRLF`.
///
/// The lenient profile takes any run of SP, HTAB, VT and FF as one space, and ignores such runs at
/// both ends (RFC 9112 §3).
pub(super) fn request_line(octets: &[u8], profile: Profile) -> Result<Option<RequestLine>, Fault> {
    // A TLS record begins with its type and the major version 3.
    match octets {
        [0x16] => return Ok(None),
        [0x16, 0x03, ..] => return Err(Fault::TlsOnCleartext),
        _ => {}
    }
    let start = if profile.is_lenient() { blanks(octets, 0) } else { 0 };
    let mut at = start;
    while octets.get(at).is_some_and(|&octet| is_token_octet(octet)) {
        at += 1;
    }
    let method = start..at;
    let Some(at) = separator(octets, at, method.is_empty(), Fault::InvalidMethod, profile)? else {
        return Ok(None);
    };
    let Some(len) = target_len(octets.get(at..).unwrap_or_default(), profile)? else {
        return Ok(None);
    };
    let target = at..at + len;
    let Some(at) = separator(octets, target.end, len == 0, Fault::InvalidTarget, profile)? else {
        return Ok(None);
    };
    let Some((major, minor)) = version(octets.get(at..).unwrap_or_default())? else {
        return Ok(None);
    };
    let at = at + VERSION.len();
    let end = if profile.is_lenient() { blanks(octets, at) } else { at };
    let len = match octets.get(end) {
        None => return Ok(None),
        Some(b' ' | b'\t') => return Err(Fault::ExtraWhitespaceInRequestLine),
        Some(b'\r' | b'\n') => match line_end(octets, end, profile)? {
            None => return Ok(None),
            Some(len) => len,
        },
        Some(0) => return Err(Fault::NulOctet),
        Some(_) => return Err(Fault::InvalidVersion),
    };
    let version = match (major, minor) {
        (1, 0) => Version::Http10,
        // RFC 9110 §2.5: a higher minor version is processed as the highest one we know.
        (1, _) => Version::Http11,
        _ => return Err(Fault::UnsupportedVersion),
    };
    Ok(Some(RequestLine { method, target, version, len }))
}

/// The status line at the front of `octets`: `version SP status SP [ reason ] CRLF`.
///
/// The lenient profile lets the second space be missing with the reason, as many servers do, and takes
/// status codes above 599, which RFC 9110 §15 tells clients to treat as 5xx.
pub(super) fn status_line(octets: &[u8], profile: Profile) -> Result<Option<StatusLine>, Fault> {
    let Some((major, minor)) = version(octets)? else { return Ok(None) };
    let mut at = VERSION.len();
    match octets.get(at) {
        None => return Ok(None),
        Some(b' ') => at += 1,
        Some(_) => return Err(Fault::InvalidStatusLine),
    }
    let version = match (major, minor) {
        (1, 0) => Version::Http10,
        (1, _) => Version::Http11,
        _ => return Err(Fault::UnsupportedVersion),
    };
    let mut status = 0;
    for _ in 0..3 {
        match octets.get(at) {
            None => return Ok(None),
            Some(digit @ b'0'..=b'9') => status = status * 10 + u16::from(digit - b'0'),
            Some(_) => return Err(Fault::InvalidStatusLine),
        }
        at += 1;
    }
    let most = if profile.is_lenient() { 999 } else { 599 };
    if !(100..=most).contains(&status) {
        return Err(Fault::InvalidStatusCode);
    }
    let mut reason = at..at;
    match octets.get(at) {
        None => return Ok(None),
        Some(b' ') => {
            at += 1;
            reason.start = at;
            while octets.get(at).is_some_and(|&octet| is_value_octet(octet)) {
                at += 1;
            }
            reason.end = at;
        }
        Some(b'\r' | b'\n') if profile.is_lenient() => {}
        Some(_) => return Err(Fault::InvalidStatusLine),
    }
    match octets.get(at) {
        None => Ok(None),
        Some(b'\r' | b'\n') => {
            let len = line_end(octets, at, profile)?;
            Ok(len.map(|len| StatusLine { version, status, reason, len }))
        }
        Some(0) => Err(Fault::NulOctet),
        Some(_) => Err(Fault::InvalidStatusLine),
    }
}

/// The line of a field section at the front of `octets`; `first` if no field line came before it.
///
/// Folds are refused. Where they are tolerated, [`unfold`] has made them one line before, and
/// `whole` demands to see that no continuation follows.
pub(super) fn section_line(
    octets: &[u8],
    first: bool,
    whole: bool,
    profile: Profile,
) -> Result<Option<SectionLine>, Fault> {
    match octets.first() {
        None => return Ok(None),
        Some(b' ' | b'\t') if first => return Err(Fault::WhitespaceBeforeFirstField),
        Some(b' ' | b'\t') => return Err(Fault::ObsoleteFold),
        Some(b'\r' | b'\n') => {
            return Ok(line_end(octets, 0, profile)?.map(|len| SectionLine::End { len }));
        }
        Some(b':') => return Err(Fault::EmptyFieldName),
        Some(_) => {}
    }
    let Some(colon) = field_name(octets, profile)? else { return Ok(None) };
    let mut at = colon + 1;
    while matches!(octets.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    let start = at;
    let mut end = at;
    loop {
        match octets.get(at) {
            None => return Ok(None),
            Some(b' ' | b'\t') => at += 1,
            Some(&octet) if is_value_octet(octet) => {
                at += 1;
                end = at;
            }
            Some(b'\r' | b'\n') => break,
            Some(0) => return Err(Fault::NulOctet),
            Some(_) => return Err(Fault::InvalidFieldValue),
        }
    }
    let Some(len) = line_end(octets, at, profile)? else { return Ok(None) };
    if whole && octets.len() == len {
        return Ok(None);
    }
    Ok(Some(SectionLine::Field { name: 0..colon, value: start..end, len }))
}

/// Makes the field line at the front of `octets` and its continuations one line, as far as they are
/// there: line ends within it and bare CRs in the value become spaces (RFC 9112 §5.2 and §2.2).
pub(super) fn unfold(octets: &mut [u8]) {
    let Some(colon) = octets.iter().position(|&octet| !is_token_octet(octet)) else { return };
    if colon == 0 || octets.get(colon) != Some(&b':') {
        return;
    }
    let mut at = colon + 1;
    while let Some(found) = memchr::memchr2(b'\r', b'\n', octets.get(at..).unwrap_or_default()) {
        at += found;
        let line_end = match octets.get(at..).unwrap_or_default() {
            [b'\r'] => return,
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ => 0,
        };
        // A CR that ends nothing, or a line end that the next line takes back.
        let replaced = match (line_end, octets.get(at + line_end)) {
            (0, _) => 1,
            (_, Some(b' ' | b'\t')) => line_end,
            _ => return,
        };
        if let Some(octets) = octets.get_mut(at..at + replaced) {
            octets.fill(b' ');
        }
        at += replaced;
    }
}

/// Where the colon behind the field name stands.
fn field_name(octets: &[u8], profile: Profile) -> Result<Option<usize>, Fault> {
    let mut at = 0;
    while octets.get(at).is_some_and(|&octet| is_token_octet(octet)) {
        at += 1;
    }
    let name_end = at;
    while matches!(octets.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    match octets.get(at) {
        None => Ok(None),
        // RFC 9112 §5.1: trimming it would hide smuggled fields from the next hop.
        Some(b':') if at > name_end => Err(Fault::SpaceBeforeColon),
        Some(b':') => Ok(Some(at)),
        Some(b'\r' | b'\n') => match line_end(octets, at, profile)? {
            None => Ok(None),
            Some(_) => Err(Fault::MissingColon),
        },
        Some(0) => Err(Fault::NulOctet),
        Some(_) => Err(Fault::InvalidFieldName),
    }
}

/// The length of the line up to and with the line end whose CR or LF stands at `at`.
fn line_end(octets: &[u8], at: usize, profile: Profile) -> Result<Option<usize>, Fault> {
    match octets.get(at..).unwrap_or_default() {
        [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        [b'\n', ..] if profile.is_lenient() => Ok(Some(at + 1)),
        [b'\n', ..] => Err(Fault::BareLineFeed),
        _ => Err(Fault::BareCarriageReturn),
    }
}

/// Where the next word of the request line starts, if the word that ends at `at` is followed by
/// a single space (leniently by a run of blanks). Any octet that is no blank is a fault: `otherwise`.
fn separator(
    octets: &[u8],
    at: usize,
    empty: bool,
    otherwise: Fault,
    profile: Profile,
) -> Result<Option<usize>, Fault> {
    let next = match octets.get(at) {
        None => return Ok(None),
        Some(b' ') if !empty && !profile.is_lenient() => at + 1,
        Some(b' ' | b'\t' | 0x0b | 0x0c) if !empty && profile.is_lenient() => blanks(octets, at),
        Some(b' ' | b'\t') => return Err(Fault::ExtraWhitespaceInRequestLine),
        Some(b'\r' | b'\n') => {
            return match line_end(octets, at, profile)? {
                None => Ok(None),
                Some(_) => Err(Fault::InvalidRequestLine),
            };
        }
        Some(0) => return Err(Fault::NulOctet),
        Some(_) => return Err(otherwise),
    };
    match octets.get(next) {
        None => Ok(None),
        Some(b' ' | b'\t') => Err(Fault::ExtraWhitespaceInRequestLine),
        Some(_) => Ok(Some(next)),
    }
}

/// Where the run of blanks at `at` ends.
fn blanks(octets: &[u8], mut at: usize) -> usize {
    while matches!(octets.get(at), Some(b' ' | b'\t' | 0x0b | 0x0c)) {
        at += 1;
    }
    at
}

/// The pattern of a version; the noughts stand for any digit.
const VERSION: &[u8; 8] = b"HTTP/0.0";

/// Major and minor number of the version at the front of `octets`. RFC 9112 §2.3: case matters.
fn version(octets: &[u8]) -> Result<Option<(u8, u8)>, Fault> {
    for (&expected, &octet) in VERSION.iter().zip(octets) {
        let legal = if expected == b'0' { octet.is_ascii_digit() } else { octet == expected };
        if !legal {
            return Err(Fault::InvalidVersion);
        }
    }
    match octets {
        [_, _, _, _, _, major, _, minor, ..] => Ok(Some((major - b'0', minor - b'0'))),
        _ => Ok(None),
    }
}
