//! HTTP/1.1: cases in code, by topic.

mod head;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [head::cases()].concat()
}
