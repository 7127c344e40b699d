//! What a field section must be to be a message (RFC 9113 §8.2 and §8.3).
//!
//! The rules look at the octets of each line, so that it does not matter by which path they came:
//! static table, dynamic table, literal, Huffman.

use super::Malformed;
use crate::authority::Authority;
use crate::field::{FieldLine, FieldName, Fields, is_name, is_value, trim};
use crate::h1::{self, Scheme, Target, TargetForm, decimal, is_path, split_query};
use crate::hpack::DecodedSection;
use crate::method::Method;
use crate::span::Span;

/// What a request's field section said. All spans point into [`DecodedSection::buffer`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method as spelled.
    pub method_span: Span,
    /// The scheme as spelled; empty for CONNECT, unless it is extended.
    pub scheme: Span,
    /// The target as HTTP/1.1 would have it: origin-form, `*`, or the authority of CONNECT. Its scheme is
    /// that of `:scheme`.
    pub target: Target,
    /// Whom the request is meant for: `:authority`, else Host.
    pub authority: Span,
    /// `:protocol` of extended CONNECT (RFC 8441 §4).
    pub protocol: Option<Span>,
    /// Content-Length. Whether DATA keeps to it shows later (RFC 9113 §8.1.1).
    pub content_length: Option<u64>,
    /// The client waits for 100 (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// The client expects something, known or not.
    pub has_expectation: bool,
    /// How many lines in front are pseudo-fields.
    pub pseudo_fields: usize,
}

/// What a response's field section said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ResponseHead {
    /// The status, 100 to 599 but 101.
    pub status: u16,
    /// Content-Length.
    pub content_length: Option<u64>,
    /// How many lines in front are pseudo-fields.
    pub pseudo_fields: usize,
}

impl RequestHead {
    /// The fields without the pseudo-fields. Cookie crumbs are apart as they came (RFC 9113 §8.2.3).
    pub fn fields<'a>(&self, section: &'a DecodedSection) -> Fields<'a> {
        behind(section, self.pseudo_fields)
    }
}

impl ResponseHead {
    /// The fields without the pseudo-field.
    pub fn fields<'a>(&self, section: &'a DecodedSection) -> Fields<'a> {
        behind(section, self.pseudo_fields)
    }
}

/// Reads a request. `extended_connect` says whether we announced RFC 8441.
///
/// The section must be within its limits: what exceeds them is not there to be judged.
///
/// # Errors
///
/// What is [`Malformed`] in the first line that is; else in the section as a whole.
pub fn request(section: &DecodedSection, extended_connect: bool) -> Result<RequestHead, Malformed> {
    let buffer = section.buffer();
    let mut notes = Notes::default();
    for line in section.lines() {
        notes.line(line, buffer, Kind::Request)?;
    }
    notes.request(buffer, extended_connect)
}

/// Reads a response, interim or final.
///
/// # Errors
///
/// As [`request`].
pub fn response(section: &DecodedSection) -> Result<ResponseHead, Malformed> {
    let buffer = section.buffer();
    let mut notes = Notes::default();
    for line in section.lines() {
        notes.line(line, buffer, Kind::Response)?;
    }
    let status = notes.status.ok_or(Malformed::MissingStatus)?.of(buffer);
    let status = match *status {
        [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            [a, b, c].iter().fold(0, |status, digit| 10 * status + u16::from(digit - b'0'))
        }
        _ => return Err(Malformed::InvalidStatus),
    };
    if status == 101 {
        return Err(Malformed::SwitchingProtocols);
    }
    let Notes { content_length, pseudo_fields, .. } = notes;
    Ok(ResponseHead { status, content_length, pseudo_fields })
}

/// Judges trailers, of a request or a response.
///
/// Which fields may trail is not said here but by [`FieldName::may_trail`]: those that may not are to be
/// ignored, and no reason to refuse the message.
///
/// # Errors
///
/// As [`request`].
pub fn trailers(section: &DecodedSection) -> Result<(), Malformed> {
    let mut notes = Notes::default();
    section.lines().iter().try_for_each(|line| notes.line(line, section.buffer(), Kind::Trailers))
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Request,
    Response,
    Trailers,
}

/// What the lines read so far say.
#[derive(Default)]
struct Notes {
    method: Option<Span>,
    scheme: Option<Span>,
    authority: Option<Span>,
    path: Option<Span>,
    protocol: Option<Span>,
    status: Option<Span>,
    host: Option<Span>,
    content_length: Option<u64>,
    expects_continue: bool,
    has_expectation: bool,
    pseudo_fields: usize,
    in_fields: bool,
}

impl Notes {
    fn line(&mut self, line: &FieldLine, buffer: &[u8], kind: Kind) -> Result<(), Malformed> {
        let (name, value) = (line.spelled.of(buffer), line.value.of(buffer));
        if !is_value(value) {
            return Err(Malformed::InvalidFieldValue);
        }
        // RFC 9113 §8.2.1: HPACK delimits values, so nobody may trim them.
        if trim(value).len() < value.len() {
            return Err(Malformed::WhitespaceAroundFieldValue);
        }
        if let [b':', ..] = name {
            return self.pseudo_field(name, line.value, kind);
        }
        self.in_fields = true;
        if name.iter().any(u8::is_ascii_uppercase) {
            return Err(Malformed::UppercaseFieldName);
        }
        if !is_name(name) {
            return Err(match name {
                [] => Malformed::EmptyFieldName,
                _ => Malformed::InvalidFieldName,
            });
        }
        match line.name {
            FieldName::Connection
            | FieldName::KeepAlive
            | FieldName::ProxyConnection
            | FieldName::TransferEncoding
            | FieldName::Upgrade => return Err(Malformed::ConnectionSpecificField),
            FieldName::Te if kind != Kind::Request => {
                return Err(Malformed::ConnectionSpecificField);
            }
            FieldName::Te if !value.eq_ignore_ascii_case(b"trailers") => {
                return Err(Malformed::InvalidTe);
            }
            FieldName::Host if kind == Kind::Request => {
                // RFC 9112 §3.2: two hosts are two opinions about whom the request is for.
                if self.host.replace(line.value).is_some() {
                    return Err(Malformed::DuplicateHost);
                }
                if Authority::parse(value).is_none() {
                    return Err(Malformed::InvalidHost);
                }
            }
            FieldName::ContentLength if kind != Kind::Trailers => {
                let length = content_length(value)?;
                if self.content_length.replace(length).is_some() {
                    return Err(Malformed::DuplicateContentLength);
                }
            }
            FieldName::Expect if kind == Kind::Request => {
                self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
                self.has_expectation |= !value.is_empty();
            }
            _ => {}
        }
        Ok(())
    }

    fn pseudo_field(&mut self, name: &[u8], value: Span, kind: Kind) -> Result<(), Malformed> {
        let (slot, direction) = match name {
            b":method" => (&mut self.method, Kind::Request),
            b":scheme" => (&mut self.scheme, Kind::Request),
            b":authority" => (&mut self.authority, Kind::Request),
            b":path" => (&mut self.path, Kind::Request),
            b":protocol" => (&mut self.protocol, Kind::Request),
            b":status" => (&mut self.status, Kind::Response),
            _ => return Err(Malformed::UnknownPseudoField),
        };
        if kind == Kind::Trailers {
            return Err(Malformed::PseudoFieldInTrailers);
        }
        if kind != direction {
            return Err(Malformed::MisplacedPseudoField);
        }
        if self.in_fields {
            return Err(Malformed::PseudoFieldAfterField);
        }
        if slot.replace(value).is_some() {
            return Err(Malformed::DuplicatePseudoField);
        }
        self.pseudo_fields += 1;
        Ok(())
    }

    /// Judges a request's section as a whole.
    fn request(&self, buffer: &[u8], extended_connect: bool) -> Result<RequestHead, Malformed> {
        let method_span = self.method.ok_or(Malformed::MissingMethod)?;
        if !is_name(method_span.of(buffer)) {
            return Err(Malformed::InvalidMethod);
        }
        let method = Method::recognise(method_span.of(buffer));
        if let Some(protocol) = self.protocol {
            if method != Method::Connect {
                return Err(Malformed::ProtocolWithoutConnect);
            }
            if !extended_connect {
                return Err(Malformed::ProtocolNotAnnounced);
            }
            if !is_name(protocol.of(buffer)) {
                return Err(Malformed::InvalidProtocol);
            }
        }
        let (scheme, target) = if method == Method::Connect && self.protocol.is_none() {
            (Span::EMPTY, self.connect_target(buffer)?)
        } else {
            // RFC 8441 §4: extended CONNECT has scheme and path, as any other request.
            let scheme = self.scheme.ok_or(Malformed::MissingScheme)?;
            let path = self.path.ok_or(Malformed::MissingPath)?;
            let mut target = path_target(buffer, path, method)?;
            target.scheme = h1::scheme(scheme.of(buffer)).ok_or(Malformed::InvalidScheme)?;
            (scheme, target)
        };
        let authority = self.authority(buffer, target.scheme)?;
        Ok(RequestHead {
            method,
            method_span,
            scheme,
            target,
            authority,
            protocol: self.protocol,
            content_length: self.content_length,
            expects_continue: self.expects_continue,
            has_expectation: self.has_expectation,
            pseudo_fields: self.pseudo_fields,
        })
    }

    /// RFC 9113 §8.5: a host and a port, and nothing else.
    fn connect_target(&self, buffer: &[u8]) -> Result<Target, Malformed> {
        if self.scheme.is_some() || self.path.is_some() {
            return Err(Malformed::ConnectWithTarget);
        }
        let whole = self.authority.ok_or(Malformed::InvalidConnectAuthority)?;
        match Authority::parse(whole.of(buffer)) {
            // Port 0 cannot be connected to.
            Some(Authority { host: [_, ..], port: Some(1..) }) => Ok(Target {
                form: TargetForm::Authority,
                whole,
                authority: whole,
                ..Target::default()
            }),
            _ => Err(Malformed::InvalidConnectAuthority),
        }
    }

    /// RFC 9113 §8.3.1: `:authority` counts, and Host must not say anything else.
    ///
    /// A request that says neither is refused, although RFC 9113 does not ask for that: an http URI
    /// without a host is invalid (RFC 9110 §4.2.1), and HTTP/1.1 refuses its counterpart.
    fn authority(&self, buffer: &[u8], scheme: Option<Scheme>) -> Result<Span, Malformed> {
        let Some(span) = self.authority else {
            return self.host.ok_or(Malformed::MissingAuthority);
        };
        let octets = span.of(buffer);
        let authority = match Authority::parse(octets) {
            Some(authority) if !authority.host.is_empty() => authority,
            _ if octets.contains(&b'@') => return Err(Malformed::UserinfoInAuthority),
            _ => return Err(Malformed::InvalidAuthority),
        };
        if let Some(host) = self.host.and_then(|host| Authority::parse(host.of(buffer))) {
            // RFC 3986 §6.2.2.1 and §6.2.3: names in any case, and a default port like none.
            let default = match scheme {
                Some(Scheme::Http) => Some(80),
                Some(Scheme::Https) => Some(443),
                None => None,
            };
            let same = host.host.eq_ignore_ascii_case(authority.host)
                && host.port.or(default) == authority.port.or(default);
            if !same {
                return Err(Malformed::HostDiffers);
            }
        }
        Ok(span)
    }
}

fn behind(section: &DecodedSection, pseudo_fields: usize) -> Fields<'_> {
    Fields::new(section.buffer(), section.lines().get(pseudo_fields..).unwrap_or_default())
}

/// RFC 9113 §8.3.1: an absolute path and perhaps a query, whatever the scheme; or `*`.
fn path_target(buffer: &[u8], whole: Span, method: Method) -> Result<Target, Malformed> {
    let octets = whole.of(buffer);
    if octets == b"*" {
        return match method {
            Method::Options => {
                Ok(Target { form: TargetForm::Asterisk, whole, ..Target::default() })
            }
            _ => Err(Malformed::AsteriskPathNotAllowed),
        };
    }
    if octets.first() != Some(&b'/') || !is_path(octets) {
        return Err(Malformed::InvalidPath);
    }
    let (path, query) = split_query(octets, whole.start as usize);
    let plain = !octets.iter().any(|octet| matches!(octet, b'%' | b'.'));
    Ok(Target { form: TargetForm::Origin, whole, path, query, plain, ..Target::default() })
}

/// RFC 9110 §8.6. Lists of equal numbers may be accepted; they are refused, as in HTTP/1.1.
fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    decimal(value).map_err(|fault| match fault {
        h1::Fault::ContentLengthOverflow => Malformed::ContentLengthOverflow,
        _ if value.contains(&b',') => Malformed::DuplicateContentLength,
        _ => Malformed::InvalidContentLength,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::SectionLimits;

    fn section(lines: &[(&str, &str)]) -> DecodedSection {
        let mut section = DecodedSection::default();
        for (name, value) in lines {
            let known = FieldName::recognise(name.as_bytes());
            let value: Vec<u8> = value.chars().map(|char| char as u8).collect();
            section.push(known, name.as_bytes(), &value, &SectionLimits::default());
        }
        section
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a")];

    /// GET with some lines replaced; an empty name removes.
    fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let mut lines = GET.to_vec();
        for &(name, value) in changes {
            match lines.iter_mut().find(|line| line.0 == name) {
                Some(line) => line.1 = value,
                None if value.is_empty() && name.starts_with('-') => {
                    lines.retain(|line| line.0 != &name[1..]);
                }
                None => lines.push((name, value)),
            }
        }
        lines
    }

    fn refused(lines: &[(&str, &str)]) -> Malformed {
        request(&section(lines), true).expect_err(&format!("{lines:?}"))
    }

    #[test]
    fn a_request_has_its_parts() {
        let lines = with(&[(":path", "/a?b=c"), ("host", "A:443"), ("cookie", "a=b")]);
        let section = section(&lines);
        let head = request(&section, false).unwrap();
        let buffer = section.buffer();
        assert_eq!(head.method, Method::Get);
        assert_eq!(head.target.form, TargetForm::Origin);
        assert_eq!(head.target.path.of(buffer), b"/a");
        assert_eq!(head.target.query.unwrap().of(buffer), b"b=c");
        assert_eq!(head.target.scheme, Some(Scheme::Https));
        assert_eq!(head.authority.of(buffer), b"a");
        assert_eq!(head.scheme.of(buffer), b"https");
        assert_eq!(head.fields(&section).len(), 2);
        assert_eq!(head.fields(&section).get(FieldName::Cookie), Some(&b"a=b"[..]));
    }

    #[test]
    fn the_fine_points_that_are_legal() {
        for changes in [
            &[("-:authority", ""), ("host", "a")][..],
            &[("te", "Trailers")],
            &[("x", "")],
            &[("x", "a\tb\u{e9}")],
            &[(":method", "OPTIONS"), (":path", "*")],
            &[(":method", "get")],
            &[(":scheme", "foo+1")],
            &[(":path", "/%20[a]?%ff")],
            &[("content-length", "18446744073709551615")],
            &[("cookie", "a"), ("x", "y")],
        ] {
            let lines = with(changes);
            assert!(request(&section(&lines), false).is_ok(), "{lines:?}");
        }
        let expecting = with(&[("expect", "100-Continue"), ("content-length", "3")]);
        let head = request(&section(&expecting), false).unwrap();
        assert!(head.expects_continue && head.has_expectation);
        assert_eq!(head.content_length, Some(3));
    }

    #[test]
    fn connect_names_host_and_port_and_extended_connect_is_like_any_request() {
        let plain = section(&[(":method", "CONNECT"), (":authority", "a:80")]);
        let head = request(&plain, false).unwrap();
        assert_eq!(head.target.form, TargetForm::Authority);
        assert!(head.scheme.is_empty() && head.target.scheme.is_none());
        let extended = section(&with(&[(":method", "CONNECT"), (":protocol", "websocket")]));
        let head = request(&extended, true).unwrap();
        assert_eq!(head.protocol.unwrap().of(extended.buffer()), b"websocket");
        assert_eq!(head.target.form, TargetForm::Origin);
        assert_eq!(request(&extended, false), Err(Malformed::ProtocolNotAnnounced));
    }

    /// Lines of a request for each fault that a request can have.
    fn samples() -> Vec<(Malformed, Vec<(&'static str, &'static str)>)> {
        use Malformed::*;
        let connect = |lines: &[(&'static str, &'static str)]| {
            let mut connect = vec![(":method", "CONNECT")];
            connect.extend_from_slice(lines);
            connect
        };
        let mut samples = vec![
            (EmptyFieldName, with(&[("", "x")])),
            (UppercaseFieldName, with(&[("Accept", "x")])),
            (UppercaseFieldName, with(&[("x-Y", "x")])),
            (InvalidFieldName, with(&[("a b", "x")])),
            (InvalidFieldName, with(&[("a:b", "x")])),
            (InvalidFieldName, with(&[("a\u{e9}", "x")])),
            (InvalidFieldName, with(&[("a(", "x")])),
            (InvalidFieldValue, with(&[("a", "b\0")])),
            (InvalidFieldValue, with(&[("a", "\r\nb")])),
            (InvalidFieldValue, with(&[(":path", "/\n")])),
            (InvalidFieldValue, with(&[("a", "b\x7f")])),
            (WhitespaceAroundFieldValue, with(&[("a", " b")])),
            (WhitespaceAroundFieldValue, with(&[("a", "b\t")])),
            (WhitespaceAroundFieldValue, with(&[(":path", "/ ")])),
            (InvalidTe, with(&[("te", "gzip")])),
            (InvalidTe, with(&[("te", "trailers, gzip")])),
            (UnknownPseudoField, with(&[(":x", "y")])),
            (UnknownPseudoField, with(&[(":", "y")])),
            (UnknownPseudoField, with(&[(":Path", "y")])),
            (MisplacedPseudoField, with(&[(":status", "200")])),
            (MissingMethod, with(&[("-:method", "")])),
            (InvalidMethod, with(&[(":method", "")])),
            (InvalidMethod, with(&[(":method", "G T")])),
            (MissingScheme, with(&[("-:scheme", "")])),
            (InvalidScheme, with(&[(":scheme", "")])),
            (InvalidScheme, with(&[(":scheme", "1http")])),
            (InvalidScheme, with(&[(":scheme", "ht/tp")])),
            (MissingPath, with(&[("-:path", "")])),
            (AsteriskPathNotAllowed, with(&[(":path", "*")])),
            (MissingAuthority, with(&[("-:authority", "")])),
            (InvalidAuthority, with(&[(":authority", "")])),
            (InvalidAuthority, with(&[(":authority", ":80")])),
            (InvalidAuthority, with(&[(":authority", "a/b")])),
            (UserinfoInAuthority, with(&[(":authority", "u@a")])),
            (InvalidHost, with(&[("host", "a b")])),
            (InvalidHost, with(&[("-:authority", ""), ("host", "u@a")])),
            (HostDiffers, with(&[("host", "b")])),
            (HostDiffers, with(&[("host", "a:80")])),
            (HostDiffers, with(&[("host", "")])),
            (ConnectWithTarget, with(&[(":method", "CONNECT")])),
            (ConnectWithTarget, connect(&[(":authority", "a:1"), (":path", "/")])),
            (InvalidConnectAuthority, connect(&[])),
            (InvalidConnectAuthority, connect(&[(":authority", "a")])),
            (InvalidConnectAuthority, connect(&[(":authority", "a:0")])),
            (InvalidConnectAuthority, connect(&[("host", "a:80")])),
            (ProtocolWithoutConnect, with(&[(":protocol", "websocket")])),
            (InvalidProtocol, with(&[(":method", "CONNECT"), (":protocol", "")])),
            (ContentLengthOverflow, with(&[("content-length", "18446744073709551616")])),
            (DuplicateContentLength, with(&[("content-length", "1, 1")])),
        ];
        for path in ["", "a", "/a b", "/#", "/%", "/%2", "/%zz", "/<", "/\u{e9}", "http://a/"] {
            samples.push((InvalidPath, with(&[(":path", path)])));
        }
        for length in ["", "+1", "-1", "0x1", "1.0", "1 1"] {
            samples.push((InvalidContentLength, with(&[("content-length", length)])));
        }
        let specific = ["connection", "keep-alive", "proxy-connection", "upgrade"];
        for name in specific.into_iter().chain(["transfer-encoding"]) {
            samples.push((ConnectionSpecificField, with(&[(name, "x")])));
        }
        for (fault, twice) in [
            (DuplicatePseudoField, (":path", "/")),
            (DuplicatePseudoField, (":authority", "a")),
            (DuplicateHost, ("host", "a")),
            (DuplicateContentLength, ("content-length", "1")),
        ] {
            let mut lines = with(&[twice]);
            lines.push(twice);
            samples.push((fault, lines));
        }
        let mut lines = vec![("x", "y")];
        lines.extend(GET);
        samples.push((PseudoFieldAfterField, lines));
        samples
    }

    #[test]
    fn every_rule_has_a_sample_that_breaks_it() {
        let samples = samples();
        for (fault, lines) in &samples {
            assert_eq!(refused(lines), *fault, "{lines:?}");
        }
        for fault in Malformed::ALL {
            let elsewhere = matches!(
                fault,
                Malformed::PseudoFieldInTrailers
                    | Malformed::ProtocolNotAnnounced
                    | Malformed::MissingStatus
                    | Malformed::InvalidStatus
                    | Malformed::SwitchingProtocols
            );
            assert!(elsewhere || samples.iter().any(|(other, _)| other == fault), "{fault:?}");
        }
    }

    #[test]
    fn a_response_has_one_status() {
        let status = |text| response(&section(&[(":status", text)])).map(|head| head.status);
        assert_eq!(status("200"), Ok(200));
        assert_eq!(status("103"), Ok(103));
        assert_eq!(status("101"), Err(Malformed::SwitchingProtocols));
        for text in ["", "20", "2000", "099", "600", "2x0", "+20"] {
            assert_eq!(status(text), Err(Malformed::InvalidStatus), "{text}");
        }
        for (fault, lines) in [
            (Malformed::MissingStatus, &[("a", "b")][..]),
            (Malformed::MisplacedPseudoField, &[(":status", "200"), (":path", "/")]),
            (Malformed::ConnectionSpecificField, &[(":status", "200"), ("te", "trailers")]),
            (Malformed::PseudoFieldAfterField, &[("a", "b"), (":status", "200")]),
            (Malformed::DuplicatePseudoField, &[(":status", "200"), (":status", "200")]),
        ] {
            assert_eq!(response(&section(lines)), Err(fault), "{lines:?}");
        }
        let two = section(&[(":status", "200"), ("content-length", "5")]);
        let head = response(&two).unwrap();
        assert_eq!((head.content_length, head.fields(&two).len()), (Some(5), 1));
    }

    #[test]
    fn trailers_are_held_to_the_same_field_rules() {
        assert_eq!(trailers(&section(&[("grpc-status", "0"), ("content-length", "x")])), Ok(()));
        for (fault, line) in [
            (Malformed::PseudoFieldInTrailers, (":path", "/")),
            (Malformed::PseudoFieldInTrailers, (":status", "200")),
            (Malformed::UppercaseFieldName, ("A", "b")),
            (Malformed::InvalidFieldValue, ("a", "\n")),
            (Malformed::ConnectionSpecificField, ("te", "trailers")),
            (Malformed::ConnectionSpecificField, ("connection", "x")),
        ] {
            assert_eq!(trailers(&section(&[line])), Err(fault), "{line:?}");
        }
    }

    #[test]
    fn each_knows_name_and_section() {
        for fault in Malformed::ALL {
            assert_eq!(fault.name(), format!("{fault:?}"));
            assert!(fault.section().to_string().starts_with("RFC "));
            assert!(!fault.to_string().ends_with('.'));
        }
    }
}
