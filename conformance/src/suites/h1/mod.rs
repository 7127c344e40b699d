//! HTTP/1.1: cases in code, by topic.

mod conditional;
mod dates;
mod head;
mod range;
mod validators;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [conditional::cases(), dates::cases(), head::cases(), range::cases()].concat()
}
