//! HTTP/2: cases in code, by topic.

mod hpack;
mod message;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [hpack::cases(), message::cases()].concat()
}
