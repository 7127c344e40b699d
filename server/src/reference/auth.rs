//! `/auth`: Basic authentication (RFC 7617).

use falconry_wire::field::FieldName;

use super::explain;
use crate::application::{Exchange, HandlerError};
use crate::semantics::auth::Credentials;

/// What a client is asked for.
pub(super) const CHALLENGE: &str = "Basic realm=\"falconry\", charset=\"UTF-8\"";

// Printed in the documentation: this protects nothing but the test of it.
const USER: &str = "falcon";
const PASSWORD: &str = "peregrine";

pub(super) fn auth(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let mut values = exchange.request().fields.all(FieldName::Authorization);
    // Two of them would leave open which one counts.
    let only = values.next().filter(|_| values.next().is_none());
    if only.and_then(Credentials::parse).is_some_and(|found| found.are(USER, PASSWORD)) {
        explain(exchange, 200, "welcome, falcon\n").field(FieldName::CacheControl, "private");
    } else {
        explain(exchange, 401, "credentials wanted\n").field(FieldName::WwwAuthenticate, CHALLENGE);
    }
    Ok(())
}
