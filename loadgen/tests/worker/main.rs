//! One worker at a time.
//!
//! | file | topic |
//! | --- | --- |
//! | `support` | workers and servers |
//! | `runs` | runs as they should be, and servers that are not |
//! | `accounts` | every planned request ends once, in its place |
//! | `blocked` | connections on which something does not go on |
//! | `samples` | requests one by one |
//! | `secure` | over TLS |
//! | `sessions` | users who send one request behind the other |
//! | `shapes` | runs of random shape |
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod accounts;
mod blocked;
mod runs;
mod samples;
mod secure;
mod sessions;
mod shapes;
mod support;
#[path = "../virtual_time/mod.rs"]
mod virtual_time;
