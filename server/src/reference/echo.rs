//! `/echo`: the content of the request, and its trailers, as the response.

use falconry_wire::field::{FieldName, FieldSection};

use super::{content_type, number, wants_trailers};
use crate::application::{Exchange, HandlerError};

/// Content up to this size is read whole before the response begins, so that whatever is wrong
/// with it can still be answered with a status. More is sent back while it comes.
const BUFFERED: usize = 256 * 1024;

/// How much is read at once.
const PIECE: usize = 16 * 1024;

pub(super) async fn echo(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let request = *exchange.request();
    let mut content = Vec::new();
    let whole = loop {
        match read_more(exchange, &mut content).await? {
            0 => break true,
            _ if content.len() >= BUFFERED => break false,
            _ => {}
        }
    };
    let response = exchange.respond(200);
    response.field(FieldName::ContentType, content_type(request.fields));

    if whole {
        let trailers = trailers(exchange);
        if trailers.is_empty() {
            exchange.response().content(content);
            return Ok(());
        }
        let names: Vec<_> = trailers.view().iter().map(|(name, _)| name.to_vec()).collect();
        // RFC 9110 §6.6.2: announced, since they are known already.
        exchange.response().field(FieldName::Trailer, names.join(&b", "[..]));
        exchange.write(&content).await?;
        add_trailers(exchange, &trailers);
        return Ok(());
    }

    if let Some(length) = request.fields.get(FieldName::ContentLength).and_then(number) {
        exchange.response().declare_length(length);
    }
    loop {
        exchange.write(&content).await?;
        content.clear();
        if read_more(exchange, &mut content).await? == 0 {
            break;
        }
    }
    let trailers = trailers(exchange);
    add_trailers(exchange, &trailers);
    Ok(())
}

/// Appends what is there of the request content; 0 is its end.
async fn read_more(
    exchange: &mut Exchange<'_>,
    content: &mut Vec<u8>,
) -> Result<usize, HandlerError> {
    let filled = content.len();
    content.resize(filled + PIECE, 0);
    let read = exchange.read(content.get_mut(filled..).unwrap_or_default()).await;
    content.truncate(filled + *read.as_ref().unwrap_or(&0));
    read
}

/// The request's trailers that may be sent back, copied because the response borrows the exchange.
fn trailers(exchange: &Exchange<'_>) -> FieldSection {
    let mut kept = FieldSection::default();
    if wants_trailers(exchange.request()) {
        for (name, value) in exchange.trailers().iter() {
            // RFC 9110 §6.5.1: what the client should not have put there is not repeated.
            if FieldName::recognise(name).may_trail() {
                // What was received is legal, so that storing it does not fail.
                let _ = kept.push_named(name, value);
            }
        }
    }
    kept
}

fn add_trailers(exchange: &mut Exchange<'_>, trailers: &FieldSection) {
    for (name, value) in trailers.view().iter() {
        exchange.response().trailer(name, value);
    }
}
