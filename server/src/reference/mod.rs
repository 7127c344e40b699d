//! The bundled application of the reference server: the target contract (`docs/target.md`).
//!
//! Every resource is an ordinary handler on the public API, so that this folder also shows how
//! one writes an application. One file a topic.

mod auth;
mod broken;
mod bytes;
mod early_hints;
mod echo;
mod file;
mod headers;
mod log;
mod negotiate;
mod redirect;
mod representation;
mod slow;
mod static_content;
mod status;
mod store;
mod stream;
mod trailers;
mod upgrade;
mod websocket;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use ::bytes::Bytes;
use falconry_wire::field::{FieldName, Fields};
use falconry_wire::method::Method;

use crate::semantics::media_type::is_media_type;

use crate::application::{
    Application, Exchange, Pipeline, Request, Response, Router, asynchronous,
};

/// What the bundled application may be told.
#[derive(Clone, Debug)]
pub struct ReferenceOptions {
    /// Last-Modified of the static resources. Default: the time of the call.
    pub modified: SystemTime,
    /// Longest time that `/slow` takes in all. Default 10 minutes: more than any client waits, so
    /// that a forgotten request ends some day. More is answered 400.
    pub longest_wait: Duration,
    /// Largest content of one resource of `/store/`, in octets. Default 1 MiB. More is answered 413.
    pub stored_content: usize,
    /// Most octets of all resources of `/store/` together. Default 64 MiB. The oldest make room.
    pub stored_total: usize,
    /// Most resources of `/store/`. Default 4096. The oldest make room.
    pub stored_resources: usize,
    /// Whether TRACE is answered. Default no.
    pub trace: bool,
}

impl Default for ReferenceOptions {
    fn default() -> Self {
        Self {
            modified: SystemTime::now(),
            longest_wait: Duration::from_secs(600),
            stored_content: 1 << 20,
            stored_total: 64 << 20,
            stored_resources: 4096,
            trace: false,
        }
    }
}

/// The bundled application.
pub fn application(options: ReferenceOptions) -> impl Application {
    let store = store::Store::new(&options);
    let router = Router::new()
        .trace(options.trace)
        .get("/plaintext", static_content::plaintext)
        .get("/json", static_content::json)
        .get("/", static_content::Root::new(&options))
        .post("/", static_content::Root::new(&options))
        .post("/echo", asynchronous(echo::echo))
        .on(Method::Put, "/echo", asynchronous(echo::echo))
        .get("/bytes/*", bytes::ByteCount)
        .get("/stream/*", asynchronous(stream::stream))
        .get("/status/*", status::status)
        .post("/status/*", status::status)
        .get("/headers", headers::headers)
        .get("/slow", slow::Slow::new(&options))
        .get("/file", file::File::new(&options))
        .get("/store/*", store.clone())
        .on(Method::Put, "/store/*", store.clone())
        .on(Method::Delete, "/store/*", store.clone())
        .post("/store/*", store)
        .get("/trailers", asynchronous(trailers::trailers))
        .get("/early-hints", asynchronous(early_hints::early_hints))
        .get("/upgrade", asynchronous(upgrade::upgrade))
        .post("/upgrade", asynchronous(upgrade::upgrade))
        .on(Method::Connect, "/upgrade", asynchronous(upgrade::connect))
        .get("/websocket", asynchronous(websocket::websocket))
        .on(Method::Connect, "/websocket", asynchronous(websocket::connect))
        .get("/redirect/*", redirect::redirect)
        .post("/redirect/*", redirect::redirect)
        .on(Method::Put, "/redirect/*", redirect::redirect)
        .on(Method::Delete, "/redirect/*", redirect::redirect)
        .get("/auth", auth::auth)
        .post("/auth", auth::auth)
        .get("/negotiate", negotiate::Negotiate::new(&options))
        .get("/broken", asynchronous(broken::broken));
    Pipeline::new(router).with(log::AccessLog)
}

/// The type of everything that is text for people.
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers with a line of text.
fn explain<'e>(
    exchange: &'e mut Exchange<'_>,
    status: u16,
    text: impl Into<Bytes>,
) -> &'e mut Response {
    exchange.respond(status).field(FieldName::ContentType, TEXT).content(text)
}

/// What follows `prefix`, which ends in a slash, in the normalised path.
fn below<'c>(request: &Request<'c>, prefix: &str) -> Cow<'c, [u8]> {
    match request.normalised_path() {
        Cow::Borrowed(path) => {
            Cow::Borrowed(path.strip_prefix(prefix.as_bytes()).unwrap_or_default())
        }
        Cow::Owned(path) => {
            Cow::Owned(path.strip_prefix(prefix.as_bytes()).unwrap_or_default().to_vec())
        }
    }
}

/// The type of a request's content to send it back with: as given, if it is a media type that may be
/// sent; what a client writes wrongly must not come out of a server as it is.
fn content_type(fields: Fields<'_>) -> &str {
    let given = fields.get(FieldName::ContentType).filter(|value| is_media_type(value));
    given.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or("application/octet-stream")
}

/// A decimal number of digits alone.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!(number(b"0042"), Some(42));
        for digits in
            [&b""[..], b"+1", b"-1", b" 1", b"1 ", b"0x1", b"18446744073709551616", b"\xff"]
        {
            assert_eq!(number(digits), None);
        }
    }
}
