//! The response a handler builds: status, fields, and content that is known at once.

use bytes::Bytes;
use falconry_wire::field::{FieldName, FieldSection, Fields};

use super::ResponseFault;

/// A response head in the making, with content if it is known at once.
///
/// Protocol-neutral: the engine writes it in the protocol's own syntax and adds Date, Server and
/// everything that frames the content. Its memory is reused from request to request.
#[derive(Debug, Default)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) fields: FieldSection,
    pub(crate) trailers: FieldSection,
    pub(crate) content: Content,
    /// Close the connection after this response.
    pub(crate) close: bool,
    pub(crate) has_date: bool,
    pub(crate) has_upgrade: bool,
    /// The first fault of a field, kept until the response is sent.
    pub(crate) fault: Option<ResponseFault>,
}

/// What is known of the content.
#[derive(Debug, Default)]
pub(crate) enum Content {
    /// All of it.
    #[default]
    None,
    Whole(Bytes),
    /// So many octets will be written.
    Declared(u64),
    /// The content of a HEAD response, which is only counted.
    Length(u64),
}

impl Response {
    /// Starts anew with `status`.
    pub(crate) fn reset(&mut self, status: u16) {
        self.status = status;
        self.fields.clear();
        self.trailers.clear();
        self.content = Content::None;
        self.close = false;
        self.has_date = false;
        self.has_upgrade = false;
        self.fault = None;
    }

    /// Adds a field line with a known name.
    ///
    /// A value that may not be sent (control characters, say) makes the response fail with 500
    /// instead of letting it through: this is the guard against response splitting.
    pub fn field(&mut self, name: FieldName, value: impl AsRef<[u8]>) -> &mut Self {
        match name {
            FieldName::ContentLength | FieldName::TransferEncoding | FieldName::Connection => {
                self.fault.get_or_insert(ResponseFault::FramingField);
                return self;
            }
            FieldName::Date => self.has_date = true,
            FieldName::Upgrade => self.has_upgrade = true,
            _ => {}
        }
        if let Err(fault) = self.fields.push(name, value.as_ref()) {
            self.fault.get_or_insert(ResponseFault::Field(fault));
        }
        self
    }

    /// Adds a field line with any name.
    pub fn field_named(&mut self, name: &[u8], value: impl AsRef<[u8]>) -> &mut Self {
        match FieldName::recognise(name) {
            FieldName::Other => {
                if let Err(fault) = self.fields.push_named(name, value.as_ref()) {
                    self.fault.get_or_insert(ResponseFault::Field(fault));
                }
                self
            }
            known => self.field(known, value),
        }
    }

    /// Adds a trailer field, sent where the protocol and the client allow trailers.
    ///
    /// What frames, routes or describes the message may not trail it (RFC 9110 §6.5.1): such a field
    /// fails the response, as one that may not be sent at all does.
    pub fn trailer(&mut self, name: &[u8], value: impl AsRef<[u8]>) -> &mut Self {
        if !FieldName::recognise(name).may_trail() {
            self.fault.get_or_insert(ResponseFault::FramingField);
        } else if let Err(fault) = self.trailers.push_named(name, value.as_ref()) {
            self.fault.get_or_insert(ResponseFault::Field(fault));
        }
        self
    }

    /// The whole content; gives Content-Length. Static octets cost no allocation.
    pub fn content(&mut self, content: impl Into<Bytes>) -> &mut Self {
        self.content = Content::Whole(content.into());
        self
    }

    /// Declares how long the content will be that is written piece by piece.
    ///
    /// Without a declaration such content is sent in chunks (or until the close, to HTTP/1.0).
    pub fn declare_length(&mut self, octets: u64) -> &mut Self {
        self.content = Content::Declared(octets);
        self
    }

    /// Says how long the content of a GET would be, for a HEAD response that spares making it.
    pub fn head_length(&mut self, octets: u64) -> &mut Self {
        self.content = Content::Length(octets);
        self
    }

    /// Closes the connection after this response, and in HTTP/2 after those that are under way.
    pub fn close(&mut self) -> &mut Self {
        self.close = true;
        self
    }

    /// The status set last.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The field lines set so far.
    pub fn fields(&self) -> Fields<'_> {
        self.fields.view()
    }
}
