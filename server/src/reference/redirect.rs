//! `/redirect/CODE?to=TARGET`: that 3xx with Location (RFC 9110 §15.4).

use falconry_wire::field::FieldName;

use super::{below, explain, number};
use crate::application::{Exchange, HandlerError};

pub(super) fn redirect(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let request = *exchange.request();
    let status = number(&below(&request, "/redirect/")).and_then(|code| u16::try_from(code).ok());
    let Some(status @ (300..=303 | 307 | 308)) = status else {
        explain(exchange, 400, "not a status that redirects\n");
        return Ok(());
    };
    let Some(target) = request.query_value("to").and_then(decode) else {
        explain(exchange, 400, "to is not a URI reference\n");
        return Ok(());
    };
    explain(exchange, status, format!("see {target}\n")).field(FieldName::Location, target);
    Ok(())
}

/// Percent-decodes a URI reference, once. `None` if what comes out is empty or holds an octet that
/// no URI reference holds: line ends among them, which would begin a field of their own.
fn decode(encoded: &[u8]) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = encoded;
    while let Some((&first, tail)) = rest.split_first() {
        let octet = match (first, tail) {
            (b'%', &[high, low, ..]) => {
                let digit = |octet| char::from(octet).to_digit(16);
                rest = tail.get(2..)?;
                u8::try_from(digit(high)? << 4 | digit(low)?).ok()?
            }
            (b'%', _) => return None,
            _ => {
                rest = tail;
                first
            }
        };
        // RFC 3986 §2: unreserved, reserved, and the percent sign of an escape that stays.
        if !(octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&octet)) {
            return None;
        }
        decoded.push(char::from(octet));
    }
    if decoded.is_empty() { None } else { Some(decoded) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_decoded_once() {
        for (encoded, expected) in [
            ("/file", "/file"),
            ("%2Ffile%3Fa=b", "/file?a=b"),
            ("https%3A%2F%2Fexample.org/", "https://example.org/"),
            ("/%2520", "/%20"),
        ] {
            assert_eq!(decode(encoded.as_bytes()).as_deref(), Some(expected), "{encoded}");
        }
    }

    #[test]
    fn nothing_gets_into_a_field_of_its_own() {
        for encoded in [
            "",
            "/%0d%0aX-A:%20b",
            "/%0a",
            "/%00",
            "/%20",
            "/%",
            "/%4",
            "/%zz",
            "/%c3%a4",
            "/<",
            "/\"",
        ] {
            assert_eq!(decode(encoded.as_bytes()), None, "{encoded}");
        }
    }
}
