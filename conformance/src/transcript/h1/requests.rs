//! What was asked: the methods and versions of the requests sent, as far as they can be told.
//!
//! A response can only be framed by knowing the request it answers (RFC 9112 §6.3). Requests are read
//! from the octets sent, up to the first that is no plain, well-framed request; a case may name the
//! rest.

use falconry_wire::monitor::head::{RawHead, head_len};

/// The requests sent on one connection.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    asked: Vec<Asked>,
    heads: Vec<usize>,
    buffer: Vec<u8>,
    skip: u64,
    lost: bool,
}

/// One request: what a response's framing and rules depend on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The method as spelled.
    pub method: String,
    /// Whether the version is HTTP/1.0.
    pub version_10: bool,
    /// Whether it carries `Connection: close`, or is HTTP/1.0 without `keep-alive`.
    pub closes: bool,
    /// The Content-Type.
    pub content_type: Option<Vec<u8>>,
}

impl Requests {
    /// Requests of which those of the given numbers, from 1, are HEAD whatever the octets say.
    pub fn with_heads(heads: &[usize]) -> Self {
        Self { heads: heads.to_vec(), ..Self::default() }
    }

    /// Says that the request of that number, from 1, is HEAD.
    pub fn add_head(&mut self, number: usize) {
        self.heads.push(number);
    }

    /// Takes note of octets sent.
    pub fn sent(&mut self, octets: &[u8]) {
        if self.lost {
            return;
        }
        self.buffer.extend_from_slice(octets);
        self.skip_content();
        while self.skip == 0
            && !self.lost
            && let Some(len) = head_len(&self.buffer)
        {
            self.head(len);
            self.skip_content();
        }
        if self.buffer.len() > MAX_HEAD {
            self.lose();
        }
    }

    /// The request of that number, from 0; `None` where it could not be read.
    pub fn asked(&self, number: usize) -> Option<&Asked> {
        self.asked.get(number)
    }

    /// Whether the request of that number, from 0, is HEAD.
    pub fn is_head(&self, number: usize) -> bool {
        self.heads.contains(&(number + 1)) || self.method_is(number, "HEAD")
    }

    /// Whether the request of that number, from 0, is CONNECT.
    pub fn is_connect(&self, number: usize) -> bool {
        self.method_is(number, "CONNECT")
    }

    /// Whether the request of that number, from 0, was read whole and nothing was sent behind it.
    pub fn ends_with(&self, number: usize) -> bool {
        let open = self.lost || self.skip > 0 || !self.buffer.is_empty();
        !open && self.asked.len() == number + 1
    }

    fn method_is(&self, number: usize, method: &str) -> bool {
        self.asked(number).is_some_and(|asked| asked.method == method)
    }

    fn head(&mut self, len: usize) {
        let rest = self.buffer.split_off(len);
        let octets = std::mem::replace(&mut self.buffer, rest);
        let head = RawHead::new(&octets);
        let line: Vec<_> = head.start_line.octets.split(|&octet| octet == b' ').collect();
        let [method, _, version] = line.as_slice() else { return self.lose() };
        let version_10 = *version == b"HTTP/1.0";
        if !version_10 && *version != b"HTTP/1.1" {
            return self.lose();
        }
        let fields = head.fields();
        let value = |wanted: &[u8]| {
            fields
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let connection = |option: &str| {
            fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"connection")).any(
                |(_, value)| {
                    value
                        .split(|&octet| octet == b',')
                        .any(|member| member.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
                },
            )
        };
        self.asked.push(Asked {
            method: String::from_utf8_lossy(method).into_owned(),
            version_10,
            closes: connection("close") || (version_10 && !connection("keep-alive")),
            content_type: value(b"content-type").map(|value| value.to_vec()),
        });
        // Where chunked content ends is not worth a second decoder: what follows it stays unknown.
        if value(b"transfer-encoding").is_some() {
            return self.lose();
        }
        let mut lengths =
            fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
        match (lengths.next(), lengths.next()) {
            (None, _) => {}
            // A number reads a sign as well, which is no length.
            (Some((_, digits)), None) if digits.iter().all(u8::is_ascii_digit) => {
                match std::str::from_utf8(digits).map(str::parse) {
                    Ok(Ok(length)) => self.skip = length,
                    _ => self.lose(),
                }
            }
            _ => self.lose(),
        }
    }

    fn skip_content(&mut self) {
        let len = self.buffer.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.buffer.drain(..len);
        self.skip -= len as u64;
    }

    fn lose(&mut self) {
        self.lost = true;
        self.buffer = Vec::new();
    }
}

/// Octets of an unfinished head that are kept; no case needs to know a request larger than that.
const MAX_HEAD: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelined_requests_are_told_apart() {
        let mut requests = Requests::default();
        for octet in b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n" {
            requests.sent(&[*octet]);
        }
        assert_eq!(requests.asked(0).unwrap().method, "POST");
        assert!(requests.is_head(1));
        let last = requests.asked(2).unwrap();
        assert!(last.version_10 && last.closes);
        assert!(requests.ends_with(2) && !requests.ends_with(1));
        requests.sent(b"G");
        assert!(!requests.ends_with(2));
    }

    #[test]
    fn a_broken_request_ends_the_knowledge() {
        let mut requests = Requests::default();
        requests.sent(b"GET / HTTP/1.1 x\r\n\r\nHEAD / HTTP/1.1\r\n\r\n");
        assert_eq!(requests.asked(0), None);
        assert!(!requests.is_head(1));
    }

    #[test]
    fn a_length_in_doubt_ends_the_knowledge() {
        for length in ["+5", "", "5, 5", "5\r\nContent-Length: 5"] {
            let mut requests = Requests::default();
            let octets = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\nhello");
            requests.sent(octets.as_bytes());
            requests.sent(b"HEAD / HTTP/1.1\r\n\r\n");
            assert!(!requests.is_head(1) && !requests.ends_with(0), "{length}");
        }
    }

    #[test]
    fn a_case_may_say_which_request_is_head() {
        let requests = Requests::with_heads(&[2]);
        assert!(requests.is_head(1) && !requests.is_head(0));
    }
}
