//! `/upgrade`: the protocol `echo`, which sends every octet back (RFC 9110 §7.8).

use falconry_wire::field::FieldName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::explain;
use crate::application::{Exchange, HandlerError, HttpVersion};
use crate::semantics;

/// The protocol's name.
pub(super) const PROTOCOL: &str = "echo";

pub(super) async fn upgrade(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    if !offers(exchange, PROTOCOL) {
        required(exchange, PROTOCOL);
        return Ok(());
    }
    read_content(exchange).await?;
    exchange.respond(101);
    let mut stream = exchange.upgrade(PROTOCOL).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(buffer.get(..read).unwrap_or_default()).await?;
        stream.flush().await?;
    }
}

/// Whether the client offers to switch to `protocol`. RFC 9110 §7.8: not in HTTP/1.0.
pub(super) fn offers(exchange: &Exchange<'_>, protocol: &str) -> bool {
    let request = exchange.request();
    request.version == HttpVersion::Http11 && semantics::upgrade::offers(request.fields, protocol)
}

/// Answers 426, which names what would do (RFC 9110 §15.5.22).
pub(super) fn required(exchange: &mut Exchange<'_>, protocol: &str) {
    explain(exchange, 426, format!("this resource speaks {protocol}\n"))
        .field(FieldName::Upgrade, protocol);
}

/// RFC 9110 §7.8: the content of the request belongs to the old protocol and is read first.
pub(super) async fn read_content(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let mut dropped = [0; 1024];
    while exchange.read(&mut dropped).await? > 0 {}
    Ok(())
}
