//! HTTP/2: cases in code, by topic.

mod goaway;
mod ping;
mod reset;
mod settings;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [goaway::cases(), ping::cases(), reset::cases(), settings::cases()].concat()
}
