//! Response heads in HTTP/1.1 syntax: what frames the content is written here and nowhere else.

use std::fmt::Display;

use bytes::Bytes;
use falconry_wire::h1::encode;
use falconry_wire::section::Section;

use crate::application::{Content, HttpVersion, Response};
use crate::host::Services;
use crate::protocol::respond::{explain, has_no_content};

/// Content up to this size is copied behind its head, so that one write takes both; larger content
/// is written from where it is. Two pages: beyond, the copy costs more than a second slice.
const COPY_LIMIT: usize = 8 * 1024;

/// What the head of a response depends on beside the response.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) version: HttpVersion,
    /// The request was HEAD.
    pub(super) head: bool,
    /// The connection stays open afterwards.
    pub(super) persistent: bool,
    /// An HTTP/1.0 client asked for persistence and has to be told.
    pub(super) keep_alive: bool,
}

/// How content that is written piece by piece is framed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// By Content-Length.
    Counted(u64),
    /// In chunks.
    Chunked,
    /// By the end of the connection: HTTP/1.0.
    UntilClose,
    /// There is none; what is written is counted and dropped (HEAD).
    Suppressed,
}

/// Queues a response whose content is known, and gives the content if it is too large to copy.
pub(super) fn whole(
    out: &mut Vec<u8>,
    response: &mut Response,
    answer: Answer,
    services: &Services,
) -> Option<Bytes> {
    let length = match &response.content {
        Content::Whole(content) => content.len() as u64,
        Content::Length(length) | Content::Declared(length) => *length,
        Content::None => 0,
    };
    begin(out, response, answer, services);
    // RFC 9110 §8.6: no Content-Length on 204; on 304 only what a 200 would have had.
    if !has_no_content(response.status) {
        content_length(out, length);
    }
    out.extend_from_slice(b"\r\n");
    let Content::Whole(content) = &mut response.content else { return None };
    if answer.head || has_no_content(response.status) || content.is_empty() {
        None
    } else if content.len() <= COPY_LIMIT {
        out.extend_from_slice(content);
        None
    } else {
        Some(std::mem::take(content))
    }
}

/// Queues the answer to what never reaches the application: the fault, the rule, and a close. Without
/// content if the method was HEAD.
pub(super) fn refusal(
    out: &mut Vec<u8>,
    head: bool,
    status: u16,
    fault: &dyn Display,
    section: Section,
    services: &Services,
) {
    let mut response = Response::default();
    explain(&mut response, status, fault, section);
    let answer =
        Answer { version: HttpVersion::Http11, head, persistent: false, keep_alive: false };
    whole(out, &mut response, answer, services);
}

/// Queues the head of a response whose content follows piece by piece.
pub(super) fn streamed(
    out: &mut Vec<u8>,
    response: &Response,
    mut answer: Answer,
    services: &Services,
) -> Framing {
    let declared = match response.content {
        Content::Declared(length) => Some(length),
        _ => None,
    };
    // RFC 9112 §6.1: no chunks for an HTTP/1.0 client; the close ends the content, if there is any.
    let chunked = declared.is_none() && answer.version == HttpVersion::Http11;
    let until_close = declared.is_none() && !chunked && !answer.head;
    answer.persistent &= !until_close;
    begin(out, response, answer, services);
    let framing = match declared {
        Some(length) => {
            content_length(out, length);
            Framing::Counted(length)
        }
        None if chunked => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            Framing::Chunked
        }
        None => Framing::UntilClose,
    };
    out.extend_from_slice(b"\r\n");
    if answer.head { Framing::Suppressed } else { framing }
}

/// Status line and all fields but those that frame the content, and no empty line.
fn begin(out: &mut Vec<u8>, response: &Response, answer: Answer, services: &Services) {
    encode::status_line(out, response.status);
    // RFC 9110 §6.6.1: a server with a clock dates its responses.
    if response.has_date {
        services.date.write_server(out);
    } else {
        services.date.write(out);
    }
    encode::fields(out, response.fields.view());
    // RFC 9112 §9.3, RFC 9110 §7.8: Upgrade goes with the connection option of its name.
    match (response.has_upgrade, answer.persistent, answer.keep_alive) {
        (false, true, false) => {}
        (false, true, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (false, false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (true, true, _) => out.extend_from_slice(b"Connection: upgrade\r\n"),
        (true, false, _) => out.extend_from_slice(b"Connection: upgrade, close\r\n"),
    }
}

/// Queues a 101; the raw stream follows.
pub(super) fn switching(out: &mut Vec<u8>, response: &Response, services: &Services) {
    encode::status_line(out, 101);
    services.date.write(out);
    encode::fields(out, response.fields.view());
    out.extend_from_slice(b"Connection: upgrade\r\n\r\n");
}

fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    encode::decimal(out, length);
    out.extend_from_slice(b"\r\n");
}
