//! What every protocol asks of a response, and the answers that the engines give themselves.

use std::fmt::Display;

use falconry_wire::field::FieldName;
use falconry_wire::h1::Scheme;
use falconry_wire::section::Section;

use crate::application::{Content, Fault, HandlerError, Request, Response, ResponseFault};
use crate::host::Services;

/// RFC 9110 §15.3.5, §15.4.5: these end with their head.
pub(crate) fn has_no_content(status: u16) -> bool {
    matches!(status, 204 | 304)
}

/// RFC 9110 §15.3.6: nor has a 205, although it may say so in more than its head.
fn may_have_content(status: u16) -> bool {
    !has_no_content(status) && status != 205
}

/// What the application may not ask for.
pub(crate) fn check(response: &Response, head: bool) -> Result<(), ResponseFault> {
    if let Some(fault) = response.fault {
        return Err(fault);
    }
    if !(200..=999).contains(&response.status) {
        return Err(ResponseFault::Status(response.status));
    }
    match response.content {
        // RFC 9110 §15.3.6: a 205 says that there is nothing.
        Content::Whole(ref content)
            if !content.is_empty() && !may_have_content(response.status) =>
        {
            Err(ResponseFault::Content)
        }
        Content::Length(declared) if declared > 0 && !head => {
            Err(ResponseFault::Length { declared, written: 0 })
        }
        // Declared, and then nothing was written.
        Content::Declared(declared) if declared > 0 && !head => {
            Err(ResponseFault::Length { declared, written: 0 })
        }
        _ => Ok(()),
    }
}

/// What the application may not ask for where content is written piece by piece: only its length is open
/// yet, everything else is as for a whole response.
pub(crate) fn check_streamed(response: &Response) -> Result<(), ResponseFault> {
    if !may_have_content(response.status) {
        return Err(ResponseFault::Content);
    }
    check(response, true)
}

/// Makes `response` the answer to a fault: its status, the fault and the rule, in a line of text.
pub(crate) fn explain(response: &mut Response, status: u16, fault: &dyn Display, section: Section) {
    response.reset(status);
    response
        .field(FieldName::ContentType, "text/plain; charset=utf-8")
        .content(format!("{status}: {fault} ({section})\n"));
}

/// Makes `response` the answer to a handler that failed before it began; gives the fault if the
/// request is what was at fault.
pub(crate) fn failed(response: &mut Response, error: &HandlerError) -> Option<Fault> {
    match error {
        HandlerError::Request(fault) => {
            explain(response, fault.status(), fault, fault.section());
            return Some(*fault);
        }
        HandlerError::Response(ResponseFault::TooManyUpgrades) => {
            response.reset(503);
            response.field(FieldName::ContentType, "text/plain");
            response.content(&b"too many upgraded connections\n"[..]);
        }
        _ => internal_error(response),
    }
    None
}

pub(crate) fn internal_error(response: &mut Response) {
    response.reset(500);
    response.field(FieldName::ContentType, "text/plain").content(&b"internal server error\n"[..]);
}

/// What the head of a request says that may refuse it.
pub(crate) struct Claims {
    /// Content-Length.
    pub(crate) length: Option<u64>,
    /// The scheme of the target, where it names one: that of the connection, or no scheme of ours.
    pub(crate) scheme: Option<Option<Scheme>>,
    /// It has an expectation other than 100-continue alone.
    pub(crate) unknown_expectation: bool,
}

/// What can be refused by the head alone, before the application sees it.
pub(crate) fn early_fault(
    claims: &Claims,
    request: &Request<'_>,
    services: &Services,
) -> Option<Fault> {
    if claims.length.is_some_and(|length| services.exceeds_content_limit(length)) {
        return Some(Fault::ContentTooLarge);
    }
    // RFC 9110 §7.4: an https resource is not served in the clear, and nothing here is served as ftp.
    let served = if request.connection.tls.is_some() { Scheme::Https } else { Scheme::Http };
    if claims.scheme.is_some_and(|scheme| scheme != Some(served)) {
        return Some(Fault::Misdirected);
    }
    // RFC 9110 §10.1.1: 417 is allowed for an expectation that is not known.
    if claims.unknown_expectation {
        return Some(Fault::UnknownExpectation);
    }
    None
}
