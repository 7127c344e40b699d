//! `/websocket`: echoes messages (RFC 6455).

use falconry_wire::field::FieldName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::explain;
use super::upgrade::{asks, offers, read_content, required};
use crate::application::{Exchange, HandlerError, Upgraded};
use crate::semantics::websocket::{self, Opcode, Receiver, Refusal};

/// Largest message that is echoed, in octets: large enough for a test, small enough that a
/// thousand clients cost 64 MiB. More is answered with close code 1009.
const MESSAGE_LIMIT: usize = 64 * 1024;

pub(super) async fn websocket(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    // RFC 6455 §4.1: a handshake is a GET; the router brings HEAD here too.
    if exchange.request().is_head() || !offers(exchange, "websocket") {
        required(exchange, "websocket");
        exchange.response().field(FieldName::SecWebSocketVersion, websocket::VERSION);
        return Ok(());
    }
    let accept = match websocket::accept(exchange.request().fields) {
        Ok(accept) => accept,
        Err(Refusal::Version) => {
            // RFC 6455 §4.2.2: says which version would do.
            required(exchange, "websocket");
            exchange.response().field(FieldName::SecWebSocketVersion, websocket::VERSION);
            return Ok(());
        }
        Err(refusal @ Refusal::Key) => {
            explain(exchange, 400, format!("{refusal}\n"));
            return Ok(());
        }
    };
    read_content(exchange).await?;
    exchange.respond(101).field(FieldName::SecWebSocketAccept, accept);
    let stream = exchange.upgrade("websocket").await?;
    echo(stream).await
}

/// The same by extended CONNECT, where the stream itself is the agreement: no key and no answer to it
/// (RFC 8441 §5).
pub(super) async fn connect(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    if !asks(exchange, "websocket") {
        return Ok(());
    }
    let mut versions = exchange.request().fields.all(FieldName::SecWebSocketVersion);
    if versions.next() != Some(websocket::VERSION.as_bytes()) || versions.next().is_some() {
        explain(exchange, 400, "this resource speaks another version of the WebSocket protocol\n")
            .field(FieldName::SecWebSocketVersion, websocket::VERSION);
        return Ok(());
    }
    exchange.respond(200);
    let stream = exchange.upgrade("websocket").await?;
    echo(stream).await
}

async fn echo(mut stream: Upgraded<'_>) -> Result<(), HandlerError> {
    let mut receiver = Receiver::new(MESSAGE_LIMIT);
    let mut input = vec![0; 4096];
    let mut output = Vec::new();
    loop {
        let read = stream.read(&mut input).await?;
        if read == 0 {
            return Ok(());
        }
        receiver.feed(input.get(..read).unwrap_or_default());
        let open = answer(&mut receiver, &mut output);
        stream.write_all(&output).await?;
        stream.flush().await?;
        output.clear();
        if !open {
            return Ok(());
        }
    }
}

/// Answers all that was received; false once the conversation is over.
fn answer(receiver: &mut Receiver, output: &mut Vec<u8>) -> bool {
    loop {
        match receiver.next_message() {
            Ok(None) => return true,
            Ok(Some(message)) => match message.opcode {
                Opcode::Ping => websocket::encode(output, Opcode::Pong, &message.payload),
                Opcode::Pong => {}
                Opcode::Close => {
                    // RFC 6455 §5.5.1: answered in kind, with the client's own code.
                    websocket::encode(output, Opcode::Close, &message.payload);
                    return false;
                }
                opcode => websocket::encode(output, opcode, &message.payload),
            },
            Err(failure) => {
                websocket::encode(output, Opcode::Close, &failure.code().to_be_bytes());
                return false;
            }
        }
    }
}
