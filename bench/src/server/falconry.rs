//! falconry as a library, as one would use it.

use anyhow::{Context, Result};
use falconry_server::application::{Exchange, HandlerError, Pipeline, Router};
use falconry_server::host::Totals;
use falconry_server::{Endpoint, Server};
use falconry_wire::field::FieldName;
use serde_json::{Value, json};

use super::{MESSAGE, PLAINTEXT, attend};

pub(super) fn run() -> Result<()> {
    let router = Router::new().get("/plaintext", plaintext).get("/json", message);
    let running = Server::new(Pipeline::new(router))
        .listen(Endpoint::new("http://127.0.0.1:0".parse()?))
        .threads(1)
        .start()?;
    let address = running.endpoints().first().context("no endpoint")?.endpoint.to_string();
    attend(address.parse()?, || counters(&running.totals()))?;
    running.shutdown(std::time::Duration::from_secs(1));
    println!("{}", counters(&running.join()));
    Ok(())
}

fn plaintext(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    exchange.respond(200).field(FieldName::ContentType, "text/plain").content(PLAINTEXT);
    Ok(())
}

fn message(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let content =
        serde_json::to_vec(&MESSAGE).map_err(|error| HandlerError::Application(Box::new(error)))?;
    exchange.respond(200).field(FieldName::ContentType, "application/json").content(content);
    Ok(())
}

fn counters(totals: &Totals) -> Value {
    json!({
        "connections": totals.connections,
        "open": totals.open,
        "requests": totals.requests,
        "ends": totals.ends,
        "blocks_rented": totals.blocks_rented,
        "blocks_pooled": totals.blocks_pooled,
    })
}
