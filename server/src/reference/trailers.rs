//! `/trailers`: a response with a trailer section (RFC 9110 §6.5).

use falconry_wire::field::FieldName;

use super::TEXT;
use crate::application::{Exchange, HandlerError};

/// FNV-1a of 64 bits: the trailer tells something of the content that is known only behind it.
fn checksum(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(super) async fn trailers(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    // RFC 9110 §6.5.1: a client that did not say `TE: trailers` may drop them, so they are not
    // sent, and what is not sent is not announced.
    let wanted = exchange.request().accepts_trailers();
    let response = exchange.respond(200);
    response.field(FieldName::ContentType, TEXT);
    if wanted {
        response.field(FieldName::Trailer, "X-Checksum, Server-Timing");
    }
    let content = b"What follows the content is the trailer section.\n";
    exchange.write(content).await?;
    if wanted {
        let response = exchange.response();
        response.trailer(b"X-Checksum", format!("{:016x}", checksum(content)));
        response.trailer(b"Server-Timing", "content;dur=0");
    }
    Ok(())
}
