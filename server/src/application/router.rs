//! Routes: which handler answers which path and method.

use falconry_wire::field::FieldName;
use falconry_wire::method::Method;

use super::{Exchange, Handled, Handler, Request};

/// One path, or all paths below one, and its handlers by method.
pub struct Resource {
    path: Box<[u8]>,
    /// Whether it also answers for all that begins with the path and a slash.
    below: bool,
    handlers: Vec<(Method, Box<dyn Handler>)>,
    /// The value of Allow, made at start.
    allow: String,
}

/// Routes by path, then by method, with the answers HTTP itself demands: 404, 405 with Allow,
/// 501 for methods nobody knows, OPTIONS, HEAD through GET.
#[derive(Default)]
pub struct Router {
    resources: Vec<Resource>,
    trace: bool,
}

impl Router {
    /// No routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers GET and HEAD of `path` with `handler`. A path that ends in `/*` stands for all below it.
    pub fn get(self, path: &str, handler: impl Handler) -> Self {
        self.on(Method::Get, path, handler)
    }

    /// Answers POST of `path` with `handler`.
    pub fn post(self, path: &str, handler: impl Handler) -> Self {
        self.on(Method::Post, path, handler)
    }

    /// Answers `method` of `path` with `handler`.
    pub fn on(mut self, method: Method, path: &str, handler: impl Handler) -> Self {
        let (path, below) = match path.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let found =
            self.resources.iter().position(|r| *r.path == *path.as_bytes() && r.below == below);
        let index = found.unwrap_or_else(|| {
            self.resources.push(Resource {
                path: path.as_bytes().into(),
                below,
                handlers: Vec::new(),
                allow: "OPTIONS".to_owned(),
            });
            self.resources.len() - 1
        });
        if let Some(resource) = self.resources.get_mut(index) {
            // CONNECT is extended CONNECT here, which only a client that knows it can use.
            if method != Method::Connect {
                let implied = if method == Method::Get { ", HEAD" } else { "" };
                resource.allow = format!("{}{implied}, {}", method.as_str(), resource.allow);
            }
            resource.handlers.push((method, Box::new(handler)));
        }
        self
    }

    /// Whether TRACE is answered with the request as it was received. Default no: it helps to find
    /// out what proxies add, and also those who should not know.
    pub fn trace(mut self, on: bool) -> Self {
        self.trace = on;
        self
    }

    fn resource(&self, path: &[u8]) -> Option<&Resource> {
        self.resources.iter().find(|resource| match path.strip_prefix(&*resource.path) {
            Some(b"") => !resource.below,
            Some(rest) => resource.below && rest.first() == Some(&b'/'),
            None => false,
        })
    }
}

impl Handler for Router {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        let request = *exchange.request();
        // RFC 9110 §9.1: 501 for what the server does not know at all. A CONNECT to an origin
        // server that is no proxy belongs here too: there is no resource to disallow it for.
        if matches!(request.method, Method::Other | Method::Connect) && request.protocol.is_none() {
            return plain(exchange, 501, None, "method not implemented\n");
        }
        if request.path == b"*" {
            // RFC 9110 §9.3.7: asks for the server as a whole.
            return plain(exchange, 204, Some("GET, HEAD, POST, PUT, DELETE, OPTIONS"), "");
        }
        if request.method == Method::Trace && self.trace {
            exchange
                .respond(200)
                .field(FieldName::ContentType, "message/http")
                .content(reflection(&request));
            return Handled::Done(Ok(()));
        }
        let Some(resource) = self.resource(&request.normalised_path()) else {
            return plain(exchange, 404, None, "no such resource\n");
        };
        let wanted = if request.method == Method::Head { Method::Get } else { request.method };
        match resource.handlers.iter().find(|(method, _)| *method == wanted) {
            Some((_, handler)) => handler.handle(exchange),
            None if request.method == Method::Options => {
                plain(exchange, 204, Some(&resource.allow), "")
            }
            // RFC 9220 §3: nobody here speaks the protocol that an extended CONNECT asks for.
            None if request.protocol.is_some() => plain(exchange, 501, None, "unknown protocol\n"),
            // RFC 9110 §15.5.6: a 405 names the methods that would do.
            None => plain(exchange, 405, Some(&resource.allow), "method not allowed\n"),
        }
    }
}

/// The head as it was received, without what a client would not want to see in a page (RFC 9110 §9.3.8).
fn reflection(request: &Request<'_>) -> Vec<u8> {
    let mut head = Vec::new();
    let version = request.version.as_str().as_bytes();
    for part in [request.method_name, b" ", request.target, b" ", version, b"\r\n"] {
        head.extend_from_slice(part);
    }
    for (name, value) in request.fields.iter() {
        let secret = matches!(
            FieldName::recognise(name),
            FieldName::Authorization | FieldName::Cookie | FieldName::ProxyAuthorization
        );
        if !secret {
            for part in [name, b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn plain<'a>(
    exchange: &mut Exchange<'_>,
    status: u16,
    allow: Option<&str>,
    explanation: &'static str,
) -> Handled<'a> {
    let response = exchange.respond(status);
    if let Some(allow) = allow {
        response.field(FieldName::Allow, allow);
    }
    if !explanation.is_empty() {
        response.field(FieldName::ContentType, "text/plain").content(explanation.as_bytes());
    }
    Handled::Done(Ok(()))
}
