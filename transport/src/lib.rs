//! See the crate description; modules arrive with their first use.
