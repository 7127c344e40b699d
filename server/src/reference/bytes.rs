//! `/bytes/N`: N octets with Content-Length.

use bytes::Bytes;
use falconry_wire::field::FieldName;

use super::{below, explain, number};
use crate::application::{Exchange, Handled, Handler, HandlerError};

/// The alphabet over and over; a whole number of times, so that blocks can follow each other.
static BLOCK: [u8; 26 * 2520] = {
    let mut block = [0; 26 * 2520];
    let mut at = 0;
    while at < block.len() {
        block[at] = b'a' + (at % 26) as u8;
        at += 1;
    }
    block
};

/// Octet number i, counted from 0, is letter i modulo 26 of the alphabet.
pub(super) struct ByteCount;

impl Handler for ByteCount {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        let request = *exchange.request();
        let Some(count) = number(&below(&request, "/bytes/")) else {
            explain(exchange, 404, "no such number of octets\n");
            return Handled::Done(Ok(()));
        };
        let response = exchange.respond(200);
        response.field(FieldName::ContentType, "application/octet-stream");
        if request.is_head() {
            response.head_length(count);
            return Handled::Done(Ok(()));
        }
        // Up to a block, the content is a piece of static memory and costs nothing to make.
        let whole = usize::try_from(count).ok().and_then(|count| BLOCK.get(..count));
        if let Some(whole) = whole {
            response.content(Bytes::from_static(whole));
            return Handled::Done(Ok(()));
        }
        response.declare_length(count);
        Handled::later(write_blocks(exchange, count))
    }
}

async fn write_blocks(exchange: &mut Exchange<'_>, mut left: u64) -> Result<(), HandlerError> {
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK.len());
        let block = BLOCK.get(..length).unwrap_or_default();
        exchange.write(block).await?;
        left -= block.len() as u64;
    }
    Ok(())
}
