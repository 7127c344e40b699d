//! Sans-I/O syntax of HTTP.
//!
//! Everything here takes octets and gives values, or takes values and gives octets. There is no
//! socket, no clock, no logging and no `async`. Protocol-neutral nouns (methods, fields, sections)
//! sit at the top; each protocol has a folder of its own.

pub mod authority;
pub mod field;
pub mod h1;
pub mod h2;
pub mod hpack;
pub mod method;
pub mod monitor;
pub mod section;
pub mod span;
