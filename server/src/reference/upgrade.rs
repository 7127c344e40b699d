//! `/upgrade`: the protocol `echo`, which sends every octet back (RFC 9110 §7.8).

use falconry_wire::field::FieldName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::explain;
use crate::application::{Exchange, HandlerError, HttpVersion, Upgraded};
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
    echo(exchange.upgrade(PROTOCOL).await?).await
}

/// The same by extended CONNECT (RFC 8441).
pub(super) async fn connect(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    if asks(exchange, PROTOCOL) {
        echo(exchange.upgrade(PROTOCOL).await?).await?;
    }
    Ok(())
}

async fn echo(mut stream: Upgraded<'_>) -> Result<(), HandlerError> {
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

/// Whether an extended CONNECT asks for `protocol`; if not, it is answered. RFC 9220 §3: 501.
pub(super) fn asks(exchange: &mut Exchange<'_>, protocol: &str) -> bool {
    let asked = exchange.request().protocol.unwrap_or_default();
    let known = asked.eq_ignore_ascii_case(protocol.as_bytes());
    if !known {
        explain(exchange, 501, format!("this resource speaks {protocol}\n"));
    }
    known
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
