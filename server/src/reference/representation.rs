//! A representation with validators, and how GET and HEAD of it are answered.

use std::time::SystemTime;

use bytes::Bytes;
use falconry_wire::field::FieldName;
use ring::digest;

use super::explain;
use crate::application::Exchange;
use crate::semantics::date;
use crate::semantics::etag::EntityTag;
use crate::semantics::preconditions::{self, Outcome, Validators};
use crate::semantics::range::{self, Selection};

/// Octets and what describes them.
pub(super) struct Representation {
    content: Bytes,
    content_type: String,
    /// Quotes included; strong.
    etag: String,
    last_modified: SystemTime,
    /// Last-Modified as it is sent.
    last_modified_text: String,
    cache_control: Option<&'static str>,
    /// Vary, which a 304 repeats.
    vary: Option<&'static str>,
    /// Content-Encoding and its like.
    metadata: Vec<(FieldName, Vec<u8>)>,
    ranges: bool,
}

impl Representation {
    /// A representation whose entity tag is made of the content.
    pub(super) fn new(
        content: impl Into<Bytes>,
        content_type: &str,
        last_modified: SystemTime,
    ) -> Self {
        let content = content.into();
        let digest = digest::digest(&digest::SHA256, &content);
        let start: String =
            digest.as_ref().iter().take(8).map(|octet| format!("{octet:02x}")).collect();
        Self::tagged(content, content_type, &start, last_modified)
    }

    /// A representation whose entity tag is known to change with every state.
    pub(super) fn tagged(
        content: impl Into<Bytes>,
        content_type: &str,
        tag: &str,
        last_modified: SystemTime,
    ) -> Self {
        let last_modified = date::whole_seconds(last_modified);
        Self {
            content: content.into(),
            content_type: content_type.to_owned(),
            etag: format!("\"{tag}\""),
            last_modified,
            last_modified_text: date::format(last_modified),
            cache_control: None,
            vary: None,
            metadata: Vec::new(),
            ranges: false,
        }
    }

    /// Adds Cache-Control.
    pub(super) fn cache_control(mut self, value: &'static str) -> Self {
        self.cache_control = Some(value);
        self
    }

    /// Adds Vary.
    pub(super) fn vary(mut self, value: &'static str) -> Self {
        self.vary = Some(value);
        self
    }

    /// Adds a field that describes the content.
    pub(super) fn described_by(mut self, name: FieldName, value: &[u8]) -> Self {
        self.metadata.push((name, value.to_vec()));
        self
    }

    /// Lets clients ask for ranges of it.
    pub(super) fn with_ranges(mut self) -> Self {
        self.ranges = true;
        self
    }

    /// How many octets it has.
    pub(super) fn len(&self) -> usize {
        self.content.len()
    }

    /// Its entity tag as a field value.
    pub(super) fn etag(&self) -> &str {
        &self.etag
    }

    /// Its modification time as a field value.
    pub(super) fn last_modified(&self) -> &str {
        &self.last_modified_text
    }

    /// What preconditions are held against.
    pub(super) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: EntityTag::parse(self.etag.as_bytes()),
            last_modified: Some(self.last_modified),
        }
    }

    /// Answers GET or HEAD: preconditions first, then ranges (RFC 9110 §13.2.2, §14.2).
    pub(super) fn answer(&self, exchange: &mut Exchange<'_>) {
        let request = *exchange.request();
        let (fields, now) = (request.fields, exchange.now());
        match preconditions::evaluate(request.method, fields, Some(self.validators()), now) {
            Outcome::Proceed => {}
            Outcome::NotModified => return self.not_modified(exchange),
            Outcome::PreconditionFailed => return precondition_failed(exchange),
        }
        let complete = self.content.len() as u64;
        let selection =
            if self.ranges && preconditions::range_applies(fields, self.validators(), now) {
                range::select(request.method, fields.all(FieldName::Range), complete)
            } else {
                Selection::Whole
            };
        match selection {
            Selection::Whole => {
                self.identify(exchange, 200);
                self.describe(exchange);
                exchange
                    .response()
                    .field(FieldName::ContentType, &self.content_type)
                    .content(self.content.clone());
            }
            Selection::Unsatisfiable => {
                explain(exchange, 416, "no octet of the representation is in these ranges\n")
                    .field(FieldName::ContentRange, range::unsatisfied(complete));
            }
            Selection::Ranges(ranges) => {
                // RFC 9110 §15.3.7: a client that sent If-Range knows what it gets a part of.
                let known = fields.get(FieldName::IfRange).is_some();
                self.identify(exchange, 206);
                if !known {
                    self.describe(exchange);
                }
                // RFC 9110 §15.3.7.2: one range is never sent as multipart.
                if let [only] = *ranges {
                    let part = only.of(&self.content);
                    if !known {
                        exchange.response().field(FieldName::ContentType, &self.content_type);
                    }
                    exchange
                        .response()
                        .field(FieldName::ContentRange, only.content_range(complete))
                        .content(self.content.slice_ref(part));
                } else {
                    let (content_type, body) =
                        range::multipart(&ranges, &self.content, &self.content_type);
                    exchange.response().field(FieldName::ContentType, content_type).content(body);
                }
            }
        }
    }

    /// Begins a response with what says which representation it is about, and how it may be cached.
    fn identify(&self, exchange: &mut Exchange<'_>, status: u16) {
        let response = exchange.respond(status);
        response.field(FieldName::ETag, &self.etag);
        if let Some(value) = self.cache_control {
            response.field(FieldName::CacheControl, value);
        }
        if let Some(value) = self.vary {
            response.field(FieldName::Vary, value);
        }
    }

    /// Adds what describes the representation, but for its type.
    fn describe(&self, exchange: &mut Exchange<'_>) {
        // RFC 9110 §8.8.2.1: never later than Date, which another worker's clock may be ahead of.
        let now = exchange.now();
        let response = exchange.response();
        if self.last_modified > now {
            response.field(FieldName::LastModified, date::format(now));
        } else {
            response.field(FieldName::LastModified, &self.last_modified_text);
        }
        if self.ranges {
            response.field(FieldName::AcceptRanges, "bytes");
        }
        for (name, value) in &self.metadata {
            response.field(*name, value);
        }
    }

    /// RFC 9110 §15.4.5: what a 200 would have said of caching and of the validator, and nothing
    /// that describes content which is not there. The engine adds Date.
    fn not_modified(&self, exchange: &mut Exchange<'_>) {
        self.identify(exchange, 304);
    }
}

/// Answers 412.
pub(super) fn precondition_failed(exchange: &mut Exchange<'_>) {
    explain(exchange, 412, "a precondition of the request does not hold\n");
}
