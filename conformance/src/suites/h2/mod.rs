//! HTTP/2: cases in code, by topic.

mod ping;
mod reset;
mod settings;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [ping::cases(), reset::cases(), settings::cases()].concat()
}
