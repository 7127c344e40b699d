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
mod goaway;
mod headers;
mod hpack;
mod message;
mod ping;
mod preface;
mod reset;
mod settings;
mod streams;
mod tls;
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
        goaway::cases(),
        headers::cases(),
        hpack::cases(),
        message::cases(),
        ping::cases(),
        preface::cases(),
        reset::cases(),
        settings::cases(),
        streams::cases(),
        tls::cases(),
    ]
    .concat()
}
