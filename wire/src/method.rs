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

impl Method {
    /// All methods the project knows by heart.
    pub const KNOWN: [Self; 9] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
    ];

    /// The method spelled by `octets`, exactly as is: `get` is [`Method::Other`].
    ///
    /// Compares a word or two by length. Does not check that an other method is a token.
    #[inline]
    pub fn recognise(octets: &[u8]) -> Self {
        if let Some(parts) = octets.split_first_chunk::<4>() {
            return match parts {
                (b"HEAD", b"") => Self::Head,
                (b"POST", b"") => Self::Post,
                (b"TRAC", b"E") => Self::Trace,
                (b"PATC", b"H") => Self::Patch,
                (b"DELE", b"TE") => Self::Delete,
                (b"OPTI", b"ONS") => Self::Options,
                (b"CONN", b"ECT") => Self::Connect,
                _ => Self::Other,
            };
        }
        match octets {
            b"GET" => Self::Get,
            b"PUT" => Self::Put,
            _ => Self::Other,
        }
    }

    /// Its name; empty for [`Method::Other`], whose spelling is in the buffer it came from.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "",
        }
    }

    /// Whether it is defined as read-only (RFC 9110 §9.2.1). Nothing is known of an other method.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// Whether doing it twice is meant to be the same as doing it once (RFC 9110 §9.2.2).
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(octets: &[u8]) -> Method {
        let same = |method: &&Method| method.as_str().as_bytes() == octets;
        Method::KNOWN.iter().find(same).copied().unwrap_or(Method::Other)
    }

    #[test]
    fn every_known_method_is_recognised_and_no_other_case_of_it() {
        for method in Method::KNOWN {
            assert_eq!(Method::recognise(method.as_str().as_bytes()), method);
            let lower = method.as_str().to_ascii_lowercase();
            assert_eq!(Method::recognise(lower.as_bytes()), Method::Other);
        }
        assert_eq!(Method::recognise(b""), Method::Other);
    }

    #[test]
    fn safe_methods_are_idempotent_and_post_is_neither() {
        assert!(Method::KNOWN.iter().all(|method| !method.is_safe() || method.is_idempotent()));
        assert!(Method::Put.is_idempotent() && !Method::Put.is_safe());
        assert!(!Method::Post.is_idempotent() && !Method::Patch.is_idempotent());
    }

    proptest! {
        #[test]
        fn recognising_agrees_with_comparing(octets in "[A-Z]{0,9}|[GPHDOCT][A-Z]{2,6}") {
            prop_assert_eq!(Method::recognise(octets.as_bytes()), naive(octets.as_bytes()));
        }

        #[test]
        fn one_changed_octet_is_another_method(
            which in 0..Method::KNOWN.len(), at in 0..7usize, octet in any::<u8>(),
        ) {
            let mut octets = Method::KNOWN[which].as_str().as_bytes().to_vec();
            let at = at % octets.len();
            octets[at] = octet;
            prop_assert_eq!(Method::recognise(&octets), naive(&octets));
        }
    }
}
