//! The application: `docs/target.md` as far as hyper makes it easy.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ALLOW, CONNECTION, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION,
    PROXY_AUTHENTICATE, SERVER, TE, TRAILER, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use serde::Serialize;
use tokio::time::sleep;

use super::content::Content;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Request content that is echoed: above what any case sends.
const MOST_ECHOED: usize = 64 << 20;

/// The longest a response is made to take, in milliseconds: as in the reference server.
const LONGEST_MS: u64 = 60_000;

/// What TechEmpower's JSON test serialises, anew for each request.
#[derive(Serialize)]
struct Message {
    message: &'static str,
}

/// Answers one request.
pub(super) async fn answer(request: Request<Incoming>) -> Result<Response<Content>, Infallible> {
    let mut response = route(request).await;
    response.headers_mut().insert(SERVER, HeaderValue::from_static("rs-hyper"));
    Ok(response)
}

async fn route(request: Request<Incoming>) -> Response<Content> {
    // There is no tunnel here, and a target in authority-form has no path.
    if *request.method() == Method::CONNECT {
        return refuse(request.method(), "GET, HEAD");
    }
    let path = request.uri().path();
    let resource = path.get(1..).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let argument = path.get(1 + resource.len()..).and_then(|rest| rest.strip_prefix('/'));
    match (resource, argument) {
        ("plaintext", None) => reading(&request, plaintext),
        ("json", None) => reading(&request, json),
        ("", None) if path == "/" => reading(&request, root),
        ("echo", None) => match *request.method() {
            Method::POST | Method::PUT => echo(request).await,
            _ => refuse(request.method(), "POST, PUT"),
        },
        ("headers", None) => reading(&request, headers),
        ("trailers", None) => reading(&request, trailers),
        ("slow", None) if is_reading(&request) => slow(&request).await,
        ("slow", None) => refuse(request.method(), "GET, HEAD"),
        ("bytes", Some(count)) => with_number(&request, count, bytes),
        ("stream", Some(count)) => with_number(&request, count, stream),
        ("status", Some(code)) => with_number(&request, code, status),
        // RFC 9110 §9.3.7: the server as a whole.
        _ if path == "*" && *request.method() == Method::OPTIONS => explain(StatusCode::OK, ""),
        _ => explain(StatusCode::NOT_FOUND, "there is nothing here\n"),
    }
}

fn is_reading(request: &Request<Incoming>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// A resource for GET and HEAD. The content of a response to HEAD is left out by hyper.
fn reading(
    request: &Request<Incoming>,
    answer: fn(&Request<Incoming>) -> Response<Content>,
) -> Response<Content> {
    if is_reading(request) { answer(request) } else { refuse(request.method(), "GET, HEAD") }
}

/// A resource for GET and HEAD whose path ends in a number.
fn with_number(
    request: &Request<Incoming>,
    digits: &str,
    answer: fn(u64, Version) -> Response<Content>,
) -> Response<Content> {
    match (is_reading(request), number(digits)) {
        (true, Some(number)) => answer(number, request.version()),
        (true, None) => explain(StatusCode::NOT_FOUND, "no such number\n"),
        (false, _) => refuse(request.method(), "GET, HEAD"),
    }
}

/// RFC 9110 §15.5.6, §15.6.2: 405 is for methods that are known.
fn refuse(method: &Method, allowed: &'static str) -> Response<Content> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    if !known.contains(method) {
        return explain(StatusCode::NOT_IMPLEMENTED, "an unknown method\n");
    }
    let mut response = explain(StatusCode::METHOD_NOT_ALLOWED, "not by this method\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn respond(content_type: HeaderValue, content: Content) -> Response<Content> {
    let mut response = Response::new(content);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn explain(status: StatusCode, text: impl Into<Bytes>) -> Response<Content> {
    let mut response = respond(TEXT, Content::Whole(text.into()));
    *response.status_mut() = status;
    response
}

fn root(_: &Request<Incoming>) -> Response<Content> {
    explain(StatusCode::OK, "a small server on hyper\n")
}

fn plaintext(_: &Request<Incoming>) -> Response<Content> {
    let text = Bytes::from_static(b"Hello, World!");
    respond(HeaderValue::from_static("text/plain"), Content::Whole(text))
}

fn json(_: &Request<Incoming>) -> Response<Content> {
    serialised(&Message { message: "Hello, World!" })
}

fn serialised(value: &impl Serialize) -> Response<Content> {
    match serde_json::to_vec(value) {
        Ok(text) => respond(JSON, Content::Whole(text.into())),
        Err(error) => explain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn bytes(count: u64, _: Version) -> Response<Content> {
    respond(OCTETS, Content::Letters(count))
}

fn stream(count: u64, _: Version) -> Response<Content> {
    respond(TEXT, Content::Lines { next: 1, count })
}

/// A final status, with the field that RFC 9110 §15 demands beside it.
fn status(code: u64, version: Version) -> Response<Content> {
    let code = u16::try_from(code).ok().filter(|code| (200..=599).contains(code));
    let Some(Ok(status)) = code.map(StatusCode::from_u16) else {
        return explain(StatusCode::BAD_REQUEST, "not a final status code\n");
    };
    let text = format!("status {}, as asked for\n", status.as_u16());
    let (name, value) = match status.as_u16() {
        204 | 205 | 304 => {
            let mut response = Response::new(Content::default());
            *response.status_mut() = status;
            return response;
        }
        201 | 300..=303 | 307 | 308 => (LOCATION, HeaderValue::from_static("/")),
        206 => (CONTENT_RANGE, HeaderValue::from_static("bytes 0-24/25")),
        401 => (WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"hyper\"")),
        405 => (ALLOW, HeaderValue::from_static("OPTIONS")),
        407 => (PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"hyper\"")),
        415 => (ACCEPT, HeaderValue::from_static("text/plain")),
        416 => (CONTENT_RANGE, HeaderValue::from_static("bytes */0")),
        // RFC 9110 §7.8: Upgrade is listed in Connection. RFC 9113 §8.6: HTTP/2 has neither.
        426 if version < Version::HTTP_2 => {
            let mut response = explain(status, text);
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            return response;
        }
        _ => return explain(status, text),
    };
    let mut response = explain(status, text);
    response.headers_mut().insert(name, value);
    response
}

async fn echo(request: Request<Incoming>) -> Response<Content> {
    let (head, content) = request.into_parts();
    // A client that does not finish gets no answer; what is wrong with the content is its fault.
    let Ok(content) = Limited::new(content, MOST_ECHOED).collect().await else {
        return explain(StatusCode::BAD_REQUEST, "the content is broken, or too large\n");
    };
    let trailers = content.trailers().filter(|_| accepts_trailers(&head.headers)).cloned();
    let octets = content.to_bytes();
    let content_type = head.headers.get(CONTENT_TYPE).cloned().unwrap_or(OCTETS);
    let Some(trailers) = trailers else {
        return respond(content_type, Content::Whole(octets));
    };
    let names: Vec<_> = trailers.keys().map(hyper::header::HeaderName::as_str).collect();
    let announced = HeaderValue::try_from(names.join(", "));
    let mut response = respond(content_type, Content::Trailed(octets, trailers));
    // Names are no longer than what was received; hyper sends announced trailers only.
    if let Ok(announced) = announced {
        response.headers_mut().insert(TRAILER, announced);
    }
    response
}

/// RFC 9110 §10.1.4: whether the client takes a trailer section.
fn accepts_trailers(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(TE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("trailers"))
}

fn trailers(request: &Request<Incoming>) -> Response<Content> {
    let text = "What follows the content is the trailer section.\n";
    if !accepts_trailers(request.headers()) {
        return explain(StatusCode::OK, text);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("server-timing", HeaderValue::from_static("content;dur=0"));
    let mut response = respond(TEXT, Content::Trailed(text.into(), trailers));
    response.headers_mut().insert(TRAILER, HeaderValue::from_static("Server-Timing"));
    response
}

async fn slow(request: &Request<Incoming>) -> Response<Content> {
    let query = request.uri().query().unwrap_or_default();
    let asked = |name: &str| {
        let given = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        given.map_or(Some(0), number)
    };
    let (Some(ms), Some(left), Some(every)) = (asked("ms"), asked("body"), asked("every")) else {
        return explain(StatusCode::BAD_REQUEST, "ms, body and every are numbers\n");
    };
    if left.saturating_mul(every).saturating_add(ms) > LONGEST_MS {
        return explain(StatusCode::BAD_REQUEST, "that would take too long\n");
    }
    sleep(Duration::from_millis(ms)).await;
    if left == 0 {
        return explain(StatusCode::OK, format!("waited {ms} ms\n"));
    }
    respond(TEXT, Content::dribble(left, Duration::from_millis(every)))
}

/// The request as hyper shows it.
#[derive(Serialize)]
struct Seen<'a> {
    method: &'a str,
    target: String,
    version: String,
    scheme: &'a str,
    authority: String,
    path: &'a str,
    query: Option<&'a str>,
    fields: Vec<[String; 2]>,
}

fn headers(request: &Request<Incoming>) -> Response<Content> {
    let (uri, fields) = (request.uri(), request.headers());
    let host = fields.get(hyper::header::HOST).map(|host| text(host.as_bytes()));
    serialised(&Seen {
        method: request.method().as_str(),
        target: uri.to_string(),
        version: format!("{:?}", request.version()),
        scheme: uri.scheme_str().unwrap_or("http"),
        authority: uri.authority().map(ToString::to_string).or(host).unwrap_or_default(),
        path: uri.path(),
        query: uri.query(),
        fields: fields
            .iter()
            .map(|(name, value)| [name.as_str().to_owned(), text(value.as_bytes())])
            .collect(),
    })
}

/// Octets as text: UTF-8, or else each octet as the character of its number.
fn text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().copied().map(char::from).collect(),
    }
}

/// A number without sign.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())?
}
