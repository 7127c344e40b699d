//! What frames a message and its connection: Content-Length, Transfer-Encoding, Connection
//! (RFC 9112 §6 and §9).

use super::{Fault, Profile, Version};
use crate::field::{FieldName, is_name, list, trim};

/// How a request's content is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Framing {
    /// There is none.
    #[default]
    None,
    /// That many octets.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

/// How a response's content is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ResponseFraming {
    /// There is none.
    #[default]
    None,
    /// That many octets.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// All octets until the connection closes, which therefore cannot persist.
    UntilClose,
}

/// What the field lines read so far say about framing and connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Announced {
    /// Content-Length.
    pub(super) length: Option<u64>,
    /// A Transfer-Encoding line was read.
    pub(super) transfer: bool,
    /// One of the codings is chunked.
    chunked: bool,
    /// The last coding so far is chunked.
    pub(super) chunked_last: bool,
    /// There is a coding beside chunked.
    pub(super) other_coding: bool,
    /// Connection options.
    pub(super) close: bool,
    keep_alive: bool,
    pub(super) upgrade: bool,
}

impl Announced {
    /// Nothing yet. A constant, because it is copied for every message.
    pub(super) const NOTHING: Self = Self {
        length: None,
        transfer: false,
        chunked: false,
        chunked_last: false,
        other_coding: false,
        close: false,
        keep_alive: false,
        upgrade: false,
    };

    /// Takes note of one field line; lines of other names are passed over.
    #[inline]
    pub(super) fn field(
        &mut self,
        name: FieldName,
        value: &[u8],
        version: Version,
        profile: Profile,
    ) -> Result<(), Fault> {
        match name {
            FieldName::ContentLength => self.content_length(value, profile),
            FieldName::TransferEncoding => self.transfer_encoding(value, version, profile),
            FieldName::Connection => self.connection(value, profile),
            _ => Ok(()),
        }
    }

    /// Whether the connection may go on behind this message (RFC 9112 §9.3).
    pub(super) fn persistent(&self, version: Version) -> bool {
        // RFC 9112 §6.1: whoever tolerates both framings, or a coding from HTTP/1.0, has to close.
        let dubious = self.transfer && (self.length.is_some() || version == Version::Http10);
        !self.close && !dubious && (version == Version::Http11 || self.keep_alive)
    }

    fn content_length(&mut self, value: &[u8], profile: Profile) -> Result<(), Fault> {
        let length = match decimal(value) {
            Err(Fault::InvalidContentLength) if value.contains(&b',') => {
                self.listed_length(value, profile)?
            }
            length => length?,
        };
        // RFC 9112 §6.3: equal repeated lengths may be taken as one. Strictly we refuse them always,
        // because the next hop may choose another one.
        match self.length {
            Some(other) if other != length || !profile.is_lenient() => {
                return Err(Fault::DuplicateContentLength);
            }
            _ => self.length = Some(length),
        }
        self.exclusive(profile)
    }

    /// `5, 5`. Unlike other lists it has no empty members: a length that is not there is no length.
    fn listed_length(&self, value: &[u8], profile: Profile) -> Result<u64, Fault> {
        let mut lengths = value.split(|&octet| octet == b',').map(|member| decimal(trim(member)));
        let first = lengths.next().unwrap_or(Err(Fault::InvalidContentLength))?;
        let mut equal = true;
        for length in lengths {
            equal &= length? == first;
        }
        if equal && profile.is_lenient() { Ok(first) } else { Err(Fault::DuplicateContentLength) }
    }

    fn transfer_encoding(
        &mut self,
        value: &[u8],
        version: Version,
        profile: Profile,
    ) -> Result<(), Fault> {
        self.transfer = true;
        // RFC 9112 §6.1: the framing of such a message is faulty even if there is a length.
        if version == Version::Http10 && !profile.is_lenient() {
            return Err(Fault::TransferEncodingInHttp10);
        }
        self.exclusive(profile)?;
        for member in list(value) {
            let (coding, parameters) = match memchr::memchr(b';', member) {
                Some(at) => (trim(member.get(..at).unwrap_or_default()), true),
                None => (member, false),
            };
            if !is_name(coding) {
                return Err(Fault::InvalidTransferEncoding);
            }
            self.chunked_last = coding.eq_ignore_ascii_case(b"chunked");
            if !self.chunked_last {
                self.other_coding = true;
            } else if parameters {
                return Err(Fault::CodingParameters);
            } else if self.chunked {
                return Err(Fault::ChunkedTwice);
            } else {
                self.chunked = true;
            }
        }
        Ok(())
    }

    /// RFC 9112 §6.1: Content-Length beside Transfer-Encoding ought to be handled as an error.
    fn exclusive(&self, profile: Profile) -> Result<(), Fault> {
        if self.transfer && self.length.is_some() && !profile.is_lenient() {
            return Err(Fault::ContentLengthWithTransferEncoding);
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8], profile: Profile) -> Result<(), Fault> {
        // What nearly all clients send, without a walk over the list.
        if value.eq_ignore_ascii_case(b"keep-alive") {
            self.keep_alive = true;
            return Ok(());
        }
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !is_name(option) && !profile.is_lenient() {
                return Err(Fault::InvalidConnectionOption);
            }
        }
        Ok(())
    }
}

/// `1*DIGIT` (RFC 9110 §8.6); leading zeros are legal and mean nothing.
pub(crate) fn decimal(digits: &[u8]) -> Result<u64, Fault> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Fault::InvalidContentLength);
    }
    let value = digits.iter().try_fold(0u64, |value, &digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    value.ok_or(Fault::ContentLengthOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use FieldName::{Connection, ContentLength, TransferEncoding};

    fn announced(
        profile: Profile,
        version: Version,
        lines: &[(FieldName, &[u8])],
    ) -> Result<Announced, Fault> {
        let mut announced = Announced::NOTHING;
        for &(name, value) in lines {
            announced.field(name, value, version, profile)?;
        }
        Ok(announced)
    }

    fn strict(lines: &[(FieldName, &[u8])]) -> Result<Announced, Fault> {
        announced(Profile::Strict, Version::Http11, lines)
    }

    fn lenient(lines: &[(FieldName, &[u8])]) -> Result<Announced, Fault> {
        announced(Profile::Lenient, Version::Http11, lines)
    }

    #[test]
    fn a_length_is_a_decimal_number_that_fits() {
        assert_eq!(strict(&[(ContentLength, b"010")]).unwrap().length, Some(10));
        let most = u64::MAX.to_string();
        assert_eq!(strict(&[(ContentLength, most.as_bytes())]).unwrap().length, Some(u64::MAX));
        for value in [
            &b""[..],
            b"+5",
            b"-5",
            b"0x5",
            b"5 5",
            b"5.0",
            b"5e0",
            b"1_0",
            b"\"5\"",
            b",5",
            b"5,",
            b"5,a",
        ] {
            assert_eq!(strict(&[(ContentLength, value)]), Err(Fault::InvalidContentLength));
            assert_eq!(lenient(&[(ContentLength, value)]), Err(Fault::InvalidContentLength));
        }
        for value in [&b"18446744073709551616"[..], b"18446744073709551621", &[b'9'; 40]] {
            assert_eq!(strict(&[(ContentLength, value)]), Err(Fault::ContentLengthOverflow));
        }
    }

    #[test]
    fn a_repeated_length_is_refused_or_must_be_equal() {
        let lines: [(FieldName, &[u8]); 2] = [(ContentLength, b"5"), (ContentLength, b"5")];
        assert_eq!(strict(&lines), Err(Fault::DuplicateContentLength));
        assert_eq!(lenient(&lines).unwrap().length, Some(5));
        assert_eq!(strict(&[(ContentLength, b"5, 5")]), Err(Fault::DuplicateContentLength));
        assert_eq!(lenient(&[(ContentLength, b"5, 05")]).unwrap().length, Some(5));
        assert_eq!(lenient(&[(ContentLength, b"5, 6")]), Err(Fault::DuplicateContentLength));
    }

    #[test]
    fn transfer_codings_are_told_apart() {
        let of = |value: &'static [u8]| strict(&[(TransferEncoding, value)]);
        for value in [&b"chunked"[..], b", ChUnKeD ,"] {
            let announced = of(value).unwrap();
            assert!(announced.transfer && announced.chunked_last && !announced.other_coding);
        }
        let announced = of(b"gzip, chunked").unwrap();
        assert!(announced.chunked_last && announced.other_coding);
        assert!(!of(b"chunked, gzip").unwrap().chunked_last);
        assert!(!of(b"").unwrap().chunked_last);
        assert!(!of(b"xchunked").unwrap().chunked_last);
        assert_eq!(of(b"chunked, chunked"), Err(Fault::ChunkedTwice));
        assert_eq!(of(b"chunked;a=b"), Err(Fault::CodingParameters));
        assert_eq!(of(b"chunked foo"), Err(Fault::InvalidTransferEncoding));
        assert_eq!(of(b"\"chunked\""), Err(Fault::InvalidTransferEncoding));
        assert_eq!(of(b"chunked\xff"), Err(Fault::InvalidTransferEncoding));
    }

    #[test]
    fn both_framings_are_refused_or_end_the_connection() {
        let lines: [(FieldName, &[u8]); 2] =
            [(ContentLength, b"5"), (TransferEncoding, b"chunked")];
        assert_eq!(strict(&lines), Err(Fault::ContentLengthWithTransferEncoding));
        assert!(!lenient(&lines).unwrap().persistent(Version::Http11));
        let swapped = [lines[1], lines[0]];
        assert_eq!(strict(&swapped), Err(Fault::ContentLengthWithTransferEncoding));
        assert!(!lenient(&swapped).unwrap().persistent(Version::Http11));
        let coding = &lines[1..];
        assert_eq!(
            announced(Profile::Strict, Version::Http10, coding),
            Err(Fault::TransferEncodingInHttp10)
        );
        assert!(!lenient(coding).unwrap().persistent(Version::Http10));
    }

    #[test]
    fn persistence_follows_version_and_options() {
        let of = |value: &'static [u8]| strict(&[(Connection, value)]).unwrap();
        assert!(of(b"").persistent(Version::Http11));
        assert!(!of(b"").persistent(Version::Http10));
        assert!(of(b"Keep-Alive").persistent(Version::Http10));
        assert!(!of(b"keep-alive, CLOSE").persistent(Version::Http11));
        assert!(of(b"x, upgrade").upgrade);
        assert_eq!(strict(&[(Connection, b"a b")]), Err(Fault::InvalidConnectionOption));
        assert!(lenient(&[(Connection, b"a b")]).is_ok());
    }
}
