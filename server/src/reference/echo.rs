//! `/echo`: the content of the request, and its trailers, as the response.

use falconry_wire::field::{FieldName, FieldSection};

use super::{content_type, number};
use crate::application::{Exchange, HandlerError};

/// Content up to this size is read whole before the response begins, so that whatever is wrong
/// with it can still be answered with a status. More is sent back while it comes.
const BUFFERED: usize = 256 * 1024;

/// How much is read at once.
const PIECE: usize = 16 * 1024;

pub(super) async fn echo(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let request = *exchange.request();
    let mut content = Vec::new();
    let mut piece = Vec::new();
    let whole = loop {
        match read_piece(exchange, &mut piece).await? {
            [] => break true,
            octets => content.extend_from_slice(octets),
        }
        if content.len() >= BUFFERED {
            break false;
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
    exchange.write(&content).await?;
    drop(content);
    loop {
        match read_piece(exchange, &mut piece).await? {
            [] => break,
            octets => exchange.write(octets).await?,
        }
    }
    let trailers = trailers(exchange);
    add_trailers(exchange, &trailers);
    Ok(())
}

/// Reads what is there of the request content, a piece at most; nothing is its end.
async fn read_piece<'p>(
    exchange: &mut Exchange<'_>,
    piece: &'p mut Vec<u8>,
) -> Result<&'p [u8], HandlerError> {
    // Made once: a client may send its content in pieces of an octet.
    piece.resize(PIECE, 0);
    let read = exchange.read(piece).await?;
    Ok(piece.get(..read).unwrap_or_default())
}

/// The request's trailers that may be sent back, copied because the response borrows the exchange.
fn trailers(exchange: &Exchange<'_>) -> FieldSection {
    let mut kept = FieldSection::default();
    if exchange.request().accepts_trailers() {
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
