//! Passive rules: what must hold of every message a server sends, whatever was asked.
//!
//! A monitor takes a response as it stood on the wire, with what is known of the request it answers,
//! and says which rules came up and which were broken. It is sans-I/O: the conformance runner feeds it
//! every response of a run, the load generator every response under load.

pub mod head;
