//! `/file`: a static resource with a strong entity tag, ranges and preconditions.

use super::ReferenceOptions;
use super::representation::Representation;
use crate::application::{Exchange, Handled, Handler};

/// The resource: 16 lines of 64 octets, each beginning with its offset, so that a range shows at a
/// glance whether it is the right one.
pub(super) struct File(Representation);

impl File {
    pub(super) fn new(options: &ReferenceOptions) -> Self {
        let line = |number: usize| {
            format!(
                "{:04} abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ ....\n",
                number * 64
            )
        };
        let content: String = (0..16).map(line).collect();
        let representation =
            Representation::new(content, "text/plain; charset=utf-8", options.modified);
        Self(representation.cache_control("max-age=60").with_ranges())
    }
}

impl Handler for File {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        self.0.answer(exchange);
        Handled::Done(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_1024_octets() {
        assert_eq!(File::new(&ReferenceOptions::default()).0.len(), 1024);
    }
}
