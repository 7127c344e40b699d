//! `/`, and the two resources of the TechEmpower benchmarks: `/plaintext` and `/json`.

use bytes::Bytes;
use falconry_wire::field::FieldName;
use falconry_wire::method::Method;
use serde::Serialize;

use super::ReferenceOptions;
use super::representation::Representation;
use crate::application::{Exchange, Handled, Handler, HandlerError};

/// `/plaintext`: no allocation at all.
pub(super) fn plaintext(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    exchange
        .respond(200)
        .field(FieldName::ContentType, "text/plain")
        .content(Bytes::from_static(b"Hello, World!"));
    Ok(())
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

/// How long the serialised message is: its buffer is allocated once and fits.
const MESSAGE_LENGTH: usize = r#"{"message":"Hello, World!"}"#.len();

/// `/json`: serialised anew for each request, as the rules of the benchmark demand.
pub(super) fn json(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let mut content = Vec::with_capacity(MESSAGE_LENGTH);
    serde_json::to_writer(&mut content, &Message { message: "Hello, World!" })
        .map_err(|error| HandlerError::Application(error.into()))?;
    exchange.respond(200).field(FieldName::ContentType, "application/json").content(content);
    Ok(())
}

/// `/`: what there is to see.
pub(super) struct Root(Representation);

impl Root {
    pub(super) fn new(options: &ReferenceOptions) -> Self {
        Self(Representation::new(PAGE, "text/html; charset=utf-8", options.modified))
    }
}

impl Root {
    /// Reads the content to its end before it answers, so that a client sees whether it was well framed.
    async fn sink(&self, exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
        let mut dropped = [0; 1024];
        while exchange.read(&mut dropped).await? > 0 {}
        self.0.answer(exchange);
        Ok(())
    }
}

impl Handler for Root {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        if exchange.request().method == Method::Post {
            return Handled::later(self.sink(exchange));
        }
        self.0.answer(exchange);
        Handled::Done(Ok(()))
    }
}

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>falconry</title>
<h1>falconry</h1>
<p>This is the reference server. Its resources:</p>
<ul>
<li><a href="/plaintext">/plaintext</a>, <a href="/json">/json</a>: as TechEmpower defines them
<li>/echo: gives back what is sent with POST or PUT
<li><a href="/bytes/100">/bytes/N</a>, <a href="/stream/10">/stream/N</a>: content with and without a length
<li><a href="/status/404">/status/CODE</a>: a status and what it demands
<li><a href="/headers">/headers</a>: the request as it was seen
<li><a href="/slow?ms=100&amp;body=10&amp;every=100">/slow?ms=N&amp;body=N&amp;every=MS</a>: takes its time
<li><a href="/file">/file</a>: ranges and preconditions
<li>/store/NAME: PUT, GET, DELETE; POST to /store/
<li><a href="/trailers">/trailers</a>, <a href="/early-hints">/early-hints</a>: before and behind the content
<li>/upgrade, /websocket: other protocols
<li><a href="/redirect/303?to=/">/redirect/CODE?to=TARGET</a>: elsewhere
<li><a href="/auth">/auth</a>: Basic, falcon and peregrine
<li><a href="/negotiate">/negotiate</a>: types, languages, codings
<li><a href="/broken">/broken</a>: fails half way
</ul>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_fits_its_buffer() {
        let content = serde_json::to_string(&Message { message: "Hello, World!" }).unwrap();
        assert_eq!(content, r#"{"message":"Hello, World!"}"#);
        assert_eq!(content.len(), MESSAGE_LENGTH);
    }
}
