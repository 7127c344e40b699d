//! What is sent.
//!
//! [`Options`] are what the command line says about all requests, [`List`] a file of several, [`cases`] the
//! accepted fixtures; each makes a [`Mix`]. `docs/load-requests.md` has the formats.
//!
//! Which request of the mix the plan's request `number` is, and what its holes ([`Part`]) give, is a function of
//! the seed and that number: shards and threads agree without talking.

pub mod cases;
mod list;
mod options;
mod origin;
mod random;
mod text;
mod weights;

pub use list::List;
pub use options::{Content, Options};
pub use text::{Part, Text};

use bytes::Bytes;
use falconry_wire::field::{is_name, is_value};
use falconry_wire::method::Method;
use weights::Weights;

/// What a run sends: requests and their weights.
#[derive(Clone, Debug)]
pub struct Mix {
    /// The requests, each with its weight, at least one.
    pub requests: Vec<Request>,
    weights: Weights,
    seed: u64,
}

impl Mix {
    /// A mix of those requests, chosen from by their weights; what weighs nothing is never sent.
    pub fn new(requests: Vec<Request>, seed: u64) -> Self {
        let weights = Weights::new(requests.iter().map(|request| request.weight));
        Self { requests, weights, seed }
    }

    /// Which request the plan's request `number` is: the same on every machine for one seed.
    #[inline]
    pub fn pick(&self, number: u64) -> usize {
        self.weights.pick(self.seed, number)
    }

    /// The seed of the choice, meant for the holes as well.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name in reports: `GET /`, or the id of a case.
    pub name: String,
    /// The method.
    pub method: Method,
    /// The method as spelled.
    pub method_name: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host, or `:authority`.
    pub authority: String,
    /// The target in origin-form.
    pub path: Text,
    /// Further field lines, without Host and Content-Length; names in lower case.
    pub fields: Vec<(String, Text)>,
    /// The content.
    pub content: Text,
    /// Octets of HTTP/1.1 to be sent as they are, in place of all the above.
    pub octets: Option<Bytes>,
    /// How often it is sent against the others.
    pub weight: u32,
}

impl Request {
    /// Whether it is sent in the same octets every time.
    pub fn is_fixed(&self) -> bool {
        let texts = [&self.path, &self.content];
        self.octets.is_some()
            || texts.into_iter().chain(self.fields.iter().map(|(_, text)| text)).all(Text::is_fixed)
    }

    /// Looks for what would break a request line or a field line, whatever the holes give.
    ///
    /// # Errors
    /// What is wrong, in a sentence without the name of the request.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !is_name(self.method_name.as_bytes()) {
            return Err(format!("the method `{}` is no token", self.method_name));
        }
        let visible = |octets: &[u8]| octets.iter().all(u8::is_ascii_graphic);
        if self.path.is_empty() || !self.path.given().all(visible) {
            return Err("the path must be visible ASCII, percent-encoded elsewhere".into());
        }
        if !visible(self.authority.as_bytes()) {
            return Err(format!("the authority `{}` is none", self.authority));
        }
        for (name, value) in &self.fields {
            if !is_name(name.as_bytes()) {
                return Err(format!("the field name `{name}` is no token"));
            }
            if !value.given().all(is_value) {
                return Err(format!("the value of `{name}` has a control octet"));
            }
        }
        Ok(())
    }

    /// Whether Content-Length is announced where there is no content.
    ///
    /// RFC 9110 §8.6: a method that is meant to have content announces even none.
    pub(crate) fn announces_none(&self) -> bool {
        matches!(self.method, Method::Post | Method::Put | Method::Patch)
    }
}

/// The places of a request's texts; fields follow in their order.
mod place {
    pub(super) const PATH: u16 = 0;
    pub(super) const CONTENT: u16 = 1;
    pub(super) const FIELDS: u16 = 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_depends_on_seed_and_number_alone() {
        let options = Options::default();
        let (origin, _) = falconry_transport::Origin::split("http://a").unwrap();
        let requests: Vec<_> =
            ["/a", "/b", "/c"].iter().map(|path| options.request(&origin, path).unwrap()).collect();
        let picks = |mix: &Mix| (0..64).map(|number| mix.pick(number)).collect::<Vec<_>>();
        let mix = Mix::new(requests.clone(), 7);
        assert_eq!(picks(&mix), picks(&mix.clone()));
        assert_ne!(picks(&mix), picks(&Mix::new(requests, 8)));
    }

    #[test]
    fn a_hole_anywhere_makes_a_request_differ() {
        let (origin, _) = falconry_transport::Origin::split("http://a").unwrap();
        let options = Options::default();
        assert!(options.request(&origin, "/").unwrap().is_fixed());
        assert!(!options.request(&origin, "/{{number}}").unwrap().is_fixed());
        let options = Options { fields: vec!["A: {{uuid}}".into()], ..Options::default() };
        assert!(!options.request(&origin, "/").unwrap().is_fixed());
        let content = Some(Content::Template("{{hex 2}}".into()));
        let options = Options { content, ..Options::default() };
        assert!(!options.request(&origin, "/").unwrap().is_fixed());
    }
}
