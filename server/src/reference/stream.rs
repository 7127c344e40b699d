//! `/stream/N`: N lines in as many writes, without Content-Length.

use falconry_wire::field::FieldName;

use super::{TEXT, below, explain, number};
use crate::application::{Exchange, HandlerError};

pub(super) async fn stream(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let request = *exchange.request();
    let Some(count) = number(&below(&request, "/stream/")) else {
        explain(exchange, 404, "no such number of lines\n");
        return Ok(());
    };
    exchange.respond(200).field(FieldName::ContentType, TEXT);
    // Begins the response, even one without lines: its length is not known by then.
    exchange.write(b"").await?;
    if request.is_head() {
        return Ok(());
    }
    for line in 1..=count {
        exchange.write(format!("line {line} of {count}\n").as_bytes()).await?;
        exchange.flush().await?;
    }
    Ok(())
}
