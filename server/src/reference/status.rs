//! `/status/CODE`: a response of that status, with what the status demands.

use falconry_wire::field::FieldName;

use super::{below, explain, number};
use crate::application::{Exchange, HandlerError};

pub(super) fn status(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let code = below(exchange.request(), "/status/");
    // RFC 9110 §15: final statuses are 200 to 599; 1xx alone would leave the client waiting.
    let status = match number(&code).and_then(|code| u16::try_from(code).ok()) {
        Some(status @ 200..=599) if code.len() == 3 => status,
        _ => {
            explain(exchange, 400, "not a final status code\n");
            return Ok(());
        }
    };
    // RFC 9110 §15.3.5, §15.3.6, §15.4.5.
    if matches!(status, 204 | 205 | 304) {
        exchange.respond(status);
        return Ok(());
    }
    let text = format!("status {status}, as asked for\n");
    let length = text.len();
    let response = explain(exchange, status, text);
    let (name, value) = match status {
        201 | 300..=303 | 307 | 308 => (FieldName::Location, "/"),
        // RFC 9110 §15.3.7.1: a part says which it is. Here it is all there is.
        206 => {
            let range = format!("bytes 0-{}/{length}", length.saturating_sub(1));
            response.field(FieldName::ContentRange, range);
            return Ok(());
        }
        401 => (FieldName::WwwAuthenticate, super::auth::CHALLENGE),
        405 => (FieldName::Allow, "OPTIONS"),
        407 => (FieldName::ProxyAuthenticate, super::auth::CHALLENGE),
        415 => (FieldName::Accept, "text/plain"),
        416 => (FieldName::ContentRange, "bytes */0"),
        426 => (FieldName::Upgrade, super::upgrade::PROTOCOL),
        _ => return Ok(()),
    };
    response.field(name, value);
    Ok(())
}
