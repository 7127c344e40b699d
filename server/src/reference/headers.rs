//! `/headers`: the request as the server saw it, as JSON.

use std::borrow::Cow;

use falconry_wire::field::FieldName;
use serde::Serialize;

use crate::application::{Exchange, HandlerError};

#[derive(Serialize)]
struct Seen<'a> {
    method: Cow<'a, str>,
    target: Cow<'a, str>,
    version: &'static str,
    scheme: &'static str,
    authority: Cow<'a, str>,
    path: Cow<'a, str>,
    query: Option<Cow<'a, str>>,
    fields: Vec<[Cow<'a, str>; 2]>,
}

pub(super) fn headers(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let request = *exchange.request();
    let seen = Seen {
        method: text(request.method_name),
        target: text(request.target),
        version: request.version.as_str(),
        scheme: request.scheme(),
        authority: text(request.authority),
        path: text(request.path),
        query: request.query.map(text),
        fields: request.fields.iter().map(|(name, value)| [text(name), text(value)]).collect(),
    };
    let content =
        serde_json::to_vec(&seen).map_err(|error| HandlerError::Application(error.into()))?;
    exchange
        .respond(200)
        .field(FieldName::ContentType, "application/json")
        // What one client sent is of no use to another.
        .field(FieldName::CacheControl, "no-store")
        .content(content);
    Ok(())
}

/// Octets as text: UTF-8, or else each octet as the character of its number (Latin-1).
fn text(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(octets.iter().copied().map(char::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_that_are_no_utf8_become_latin1() {
        assert_eq!(text("ä".as_bytes()), "ä");
        assert_eq!(text(b"\xe4\xff"), "äÿ");
    }
}
