//! `/broken`: fails in the middle of its response, which must not look complete then.

use falconry_wire::field::FieldName;

use super::TEXT;
use crate::application::{Exchange, HandlerError};

pub(super) async fn broken(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    exchange.respond(200).field(FieldName::ContentType, TEXT);
    exchange.write(b"This is the first half, and there ").await?;
    exchange.flush().await?;
    Err(HandlerError::Application("broken on purpose".into()))
}
