//! HTTP/1.1: cases in code, by topic.

mod auth;
mod conditional;
mod connection;
mod dates;
mod field_values;
mod head;
mod methods;
mod negotiation;
mod range;
mod request_line;
mod responses;
mod store;
mod upgrade;
mod validators;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [
        auth::cases(),
        conditional::cases(),
        connection::cases(),
        dates::cases(),
        field_values::cases(),
        head::cases(),
        methods::cases(),
        negotiation::cases(),
        range::cases(),
        request_line::cases(),
        responses::cases(),
        store::cases(),
        upgrade::cases(),
    ]
    .concat()
}
