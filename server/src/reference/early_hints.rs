//! `/early-hints`: 103 before the 200 (RFC 8297).

use falconry_wire::field::{FieldName, FieldSection};

use super::explain;
use crate::application::{Exchange, HandlerError, ResponseFault};

const LINK: &str = "</file>; rel=preload; as=fetch";

pub(super) async fn early_hints(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let mut hints = FieldSection::default();
    hints.push(FieldName::Link, LINK.as_bytes()).map_err(ResponseFault::Field)?;
    exchange.interim(103, &hints).await?;
    explain(exchange, 200, "the hint came earlier\n").field(FieldName::Link, LINK);
    Ok(())
}
