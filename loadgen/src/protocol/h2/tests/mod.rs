//! Rules, one by one, against a server of scripted frames; and any split of what it sends.

mod connection;
mod exchanges;
mod splits;
pub(in crate::protocol::h2) mod support;
mod uploads;
