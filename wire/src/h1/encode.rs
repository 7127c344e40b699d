//! Serialisers of HTTP/1.1. Each appends to a `Vec<u8>` and allocates nothing but its growth.
//!
//! They write what they are given: names and values come from a [`FieldSection`], which holds legal
//! ones only, or from the program itself.
//!
//! [`FieldSection`]: crate::field::FieldSection

use crate::field::{FieldName, Fields, is_value};

/// Declares the registered status codes with their reason phrases.
macro_rules! statuses {
    ($($status:literal $reason:literal,)*) => {
        /// The registered reason phrase of a status code; empty for one that is not registered.
        pub const fn reason(status: u16) -> &'static str {
            match status { $($status => $reason,)* _ => "" }
        }

        const fn line(status: u16) -> Option<&'static str> {
            match status {
                $($status => Some(concat!("HTTP/1.1 ", $status, " ", $reason, "\r\n")),)*
                _ => None,
            }
        }

        /// The registered status codes.
        pub const STATUSES: &[u16] = &[$($status),*];
    };
}

statuses! {
    100 "Continue",
    101 "Switching Protocols",
    102 "Processing",
    103 "Early Hints",
    200 "OK",
    201 "Created",
    202 "Accepted",
    203 "Non-Authoritative Information",
    204 "No Content",
    205 "Reset Content",
    206 "Partial Content",
    207 "Multi-Status",
    208 "Already Reported",
    226 "IM Used",
    300 "Multiple Choices",
    301 "Moved Permanently",
    302 "Found",
    303 "See Other",
    304 "Not Modified",
    305 "Use Proxy",
    307 "Temporary Redirect",
    308 "Permanent Redirect",
    400 "Bad Request",
    401 "Unauthorized",
    402 "Payment Required",
    403 "Forbidden",
    404 "Not Found",
    405 "Method Not Allowed",
    406 "Not Acceptable",
    407 "Proxy Authentication Required",
    408 "Request Timeout",
    409 "Conflict",
    410 "Gone",
    411 "Length Required",
    412 "Precondition Failed",
    413 "Content Too Large",
    414 "URI Too Long",
    415 "Unsupported Media Type",
    416 "Range Not Satisfiable",
    417 "Expectation Failed",
    421 "Misdirected Request",
    422 "Unprocessable Content",
    423 "Locked",
    424 "Failed Dependency",
    425 "Too Early",
    426 "Upgrade Required",
    428 "Precondition Required",
    429 "Too Many Requests",
    431 "Request Header Fields Too Large",
    451 "Unavailable For Legal Reasons",
    500 "Internal Server Error",
    501 "Not Implemented",
    502 "Bad Gateway",
    503 "Service Unavailable",
    504 "Gateway Timeout",
    505 "HTTP Version Not Supported",
    506 "Variant Also Negotiates",
    507 "Insufficient Storage",
    508 "Loop Detected",
    511 "Network Authentication Required",
}

/// Writes `HTTP/1.1 status reason CRLF`. A status code without three digits is written as 500.
pub fn status_line(out: &mut Vec<u8>, status: u16) {
    if let Some(line) = line(status) {
        out.extend_from_slice(line.as_bytes());
    } else if (100..1000).contains(&status) {
        // RFC 9112 §4: the space stays where the reason is empty.
        out.extend_from_slice(b"HTTP/1.1 ");
        decimal(out, u64::from(status));
        out.extend_from_slice(b" \r\n");
    } else {
        status_line(out, 500);
    }
}

/// Writes one field line of a known name.
pub fn field(out: &mut Vec<u8>, name: FieldName, value: &[u8]) {
    debug_assert!(name != FieldName::Other && is_value(value), "illegal field line");
    line_of(out, name.as_str().as_bytes(), value);
}

/// Writes all lines of `fields`, without the empty line behind them.
pub fn fields(out: &mut Vec<u8>, fields: Fields<'_>) {
    for (name, value) in fields.iter() {
        line_of(out, name, value);
    }
}

/// Writes `value` in decimal digits.
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(digits(value, &mut [0; 20]));
}

/// The decimal digits of `value`, written to the end of `room`: none of them a leading zero.
pub fn digits(mut value: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut used = 0;
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        used += 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    room.split_at(room.len() - used).1
}

/// Writes the size line of a chunk of `len` octets. The caller adds the data and CRLF.
///
/// A chunk of no octets would end the content (RFC 9112 §7.1): for that there is [`last_chunk`].
pub fn chunk_head(out: &mut Vec<u8>, len: usize) {
    debug_assert!(len > 0, "an empty chunk is the last one");
    let mut digits = [0; 16];
    let mut used = 0;
    let mut value = len;
    for digit in digits.iter_mut().rev() {
        let nibble = (value & 0xf) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        used += 1;
        value >>= 4;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.split_at(digits.len() - used).1);
    out.extend_from_slice(b"\r\n");
}

/// Writes the last chunk, the trailer section and the empty line that ends the message.
pub fn last_chunk(out: &mut Vec<u8>, trailers: Fields<'_>) {
    out.extend_from_slice(b"0\r\n");
    fields(out, trailers);
    out.extend_from_slice(b"\r\n");
}

/// Writes `method target HTTP/1.1 CRLF`.
pub fn request_line(out: &mut Vec<u8>, method: &[u8], target: &[u8]) {
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

fn line_of(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::FieldSection;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn status_lines_are_written_whether_registered_or_not() {
        assert_eq!(written(|out| status_line(out, 200)), "HTTP/1.1 200 OK\r\n");
        assert_eq!(written(|out| status_line(out, 299)), "HTTP/1.1 299 \r\n");
        assert_eq!(written(|out| status_line(out, 7)), "HTTP/1.1 500 Internal Server Error\r\n");
        for &status in STATUSES {
            let line = format!("HTTP/1.1 {status} {}\r\n", reason(status));
            assert_eq!(written(|out| status_line(out, status)), line);
        }
    }

    #[test]
    fn fields_and_last_chunk_are_written_as_lines() {
        let mut section = FieldSection::default();
        section.push(FieldName::ETag, b"\"x\"").unwrap();
        section.push_named(b"x-sum", b"").unwrap();
        let text = written(|out| last_chunk(out, section.view()));
        assert_eq!(text, "0\r\nETag: \"x\"\r\nx-sum: \r\n\r\n");
        assert_eq!(written(|out| field(out, FieldName::Te, b"trailers")), "TE: trailers\r\n");
        assert_eq!(written(|out| request_line(out, b"GET", b"/")), "GET / HTTP/1.1\r\n");
    }

    #[test]
    fn numbers_are_written_without_leading_zeros() {
        for number in [0, 7, 10, 300_000, u64::MAX] {
            assert_eq!(digits(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_fmt_would(value in any::<u64>(), shift in 0..64u32) {
            let value = value >> shift;
            prop_assert_eq!(written(|out| decimal(out, value)), value.to_string());
            let len = usize::try_from(value.max(1)).unwrap();
            prop_assert_eq!(written(|out| chunk_head(out, len)), format!("{len:x}\r\n"));
        }
    }
}
