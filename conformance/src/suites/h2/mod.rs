//! HTTP/2: cases in code, by topic.

mod abuse_continuation;
mod abuse_control;
mod abuse_fields;
mod abuse_flood;
mod abuse_memory;
mod abuse_resets;
mod abuse_slow;
mod abuse_unneeded;
mod extended_connect;
mod flow;
mod frames;
mod headers;
mod preface;
mod priority;
mod responses;
mod streams;
mod windows;

use super::CodeCase;

/// All of them.
pub(super) fn cases() -> Vec<CodeCase> {
    [
        abuse_continuation::cases(),
        abuse_control::cases(),
        abuse_fields::cases(),
        abuse_memory::cases(),
        abuse_resets::cases(),
        abuse_slow::cases(),
        abuse_unneeded::cases(),
        extended_connect::cases(),
        flow::cases(),
        frames::cases(),
        headers::cases(),
        preface::cases(),
        priority::cases(),
        responses::cases(),
        streams::cases(),
    ]
    .concat()
}
