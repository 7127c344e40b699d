//! HTTP/2: cases in code, by topic.

mod abuse_continuation;
mod abuse_control;
mod abuse_flood;
mod abuse_memory;
mod abuse_resets;
mod frames;
mod hpack;
mod message;
mod preface;
mod semantics;
mod streams;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [
        abuse_continuation::cases(),
        abuse_control::cases(),
        abuse_memory::cases(),
        abuse_resets::cases(),
        frames::cases(),
        hpack::cases(),
        message::cases(),
        preface::cases(),
        semantics::cases(),
        streams::cases(),
    ]
    .concat()
}
