//! Semantics of HTTP as plain functions for handlers (RFC 9110).
//!
//! Nothing here knows a connection, a clock or an exchange: functions take field values, octets and
//! the current time, and give values. A handler decides what to do with them.

pub mod auth;
pub mod date;
pub mod etag;
pub mod media_type;
pub mod negotiation;
pub mod preconditions;
pub mod range;
pub mod upgrade;
pub mod websocket;
