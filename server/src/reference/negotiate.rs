//! `/negotiate`: three types, two languages, two codings (RFC 9110 §12).

use std::io::{self, Write};

use falconry_wire::field::FieldName;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::representation::Representation;
use super::{ReferenceOptions, explain};
use crate::application::{Exchange, Handled, Handler};
use crate::semantics::negotiation;

const VARY: &str = "Accept, Accept-Language, Accept-Encoding";

/// The offers, those first that win a tie.
const TYPES: [&str; 3] =
    ["text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"];
const LANGUAGES: [&str; 2] = ["en", "de"];
const CODINGS: [&str; 2] = ["identity", "gzip"];

/// All twelve representations, made at start.
pub(super) struct Negotiate(Vec<((&'static str, &'static str, &'static str), Representation)>);

impl Negotiate {
    pub(super) fn new(options: &ReferenceOptions) -> Self {
        let mut all = Vec::new();
        for content_type in TYPES {
            for language in LANGUAGES {
                let text = text(content_type, language);
                // Writing to memory does not fail; without gzip, identity would still be there.
                let gzip = gzip(text.as_bytes()).ok();
                let identity = Some(text.into_bytes());
                for (coding, content) in CODINGS.into_iter().zip([identity, gzip]) {
                    let Some(content) = content else { continue };
                    let mut made = Representation::new(content, content_type, options.modified)
                        .vary(VARY)
                        .described_by(FieldName::ContentLanguage, language.as_bytes());
                    // RFC 9110 §8.4: identity is never named.
                    if coding != "identity" {
                        made = made.described_by(FieldName::ContentEncoding, coding.as_bytes());
                    }
                    all.push(((content_type, language, coding), made));
                }
            }
        }
        Self(all)
    }

    fn chosen(&self, exchange: &Exchange<'_>) -> Option<&Representation> {
        let fields = exchange.request().fields;
        let wanted = (
            negotiation::best(TYPES, |offer| {
                negotiation::media_type(fields.all(FieldName::Accept), offer)
            })?,
            negotiation::best(LANGUAGES, |offer| {
                negotiation::language(fields.all(FieldName::AcceptLanguage), offer)
            })?,
            negotiation::best(CODINGS, |offer| {
                negotiation::coding(fields.all(FieldName::AcceptEncoding), offer)
            })?,
        );
        self.0.iter().find(|(offer, _)| *offer == wanted).map(|(_, representation)| representation)
    }
}

impl Handler for Negotiate {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        match self.chosen(exchange) {
            Some(representation) => representation.answer(exchange),
            None => {
                // RFC 9110 §15.5.7: says what there is. It depends on the same fields.
                let list = format!(
                    "types: {}\nlanguages: {}\ncodings: {}\n",
                    TYPES.join(", "),
                    LANGUAGES.join(", "),
                    CODINGS.join(", ")
                );
                explain(exchange, 406, list).field(FieldName::Vary, VARY);
            }
        }
        Handled::Done(Ok(()))
    }
}

fn text(content_type: &str, language: &str) -> String {
    let greeting = if language == "de" { "Grüß dich, Falke!" } else { "Hello, falcon!" };
    match content_type {
        "text/html; charset=utf-8" => {
            format!(
                "<!DOCTYPE html>\n<html lang=\"{language}\"><title>falconry</title><p>{greeting}</html>\n"
            )
        }
        "application/json" => {
            format!("{{\"language\":\"{language}\",\"greeting\":\"{greeting}\"}}\n")
        }
        _ => format!("{greeting}\n"),
    }
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn every_representation_has_an_entity_tag_of_its_own() {
        let all = Negotiate::new(&ReferenceOptions::default()).0;
        let tags: HashSet<_> = all.iter().map(|(_, made)| made.etag()).collect();
        assert_eq!((all.len(), tags.len()), (12, 12));
    }

    #[test]
    fn gzip_is_undone_by_gzip() {
        let mut text = String::new();
        GzDecoder::new(&*gzip(b"falcon").unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "falcon");
    }
}
