//! Rules that hold for the messages of every protocol.

/// Declares rules that are reported under the protocol they were seen in: the constants `H1` and `H2`, which
/// differ in the first name of the ids only.
macro_rules! shared {
    ($(Rule { id: $id:literal, $($field:ident: $value:expr),+ $(,)? }),+ $(,)?) => {
        /// As rules of HTTP/1.1.
        pub(super) const H1: &[Rule] =
            &[$(Rule { id: concat!("h1.passive.", $id), $($field: $value),+ }),+];

        /// As rules of HTTP/2.
        pub(super) const H2: &[Rule] =
            &[$(Rule { id: concat!("h2.passive.", $id), $($field: $value),+ }),+];
    };
}
