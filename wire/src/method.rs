//! Request methods.

/// A request method (RFC 9110 §9): the ones the server treats specially, and all others.
///
/// Method names are case-sensitive. The spelling of an [`Method::Other`] stays in the buffer.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    /// RFC 5789.
    Patch,
    /// Any other token.
    Other,
}
