//! What a run says when something goes wrong: every fault is counted as often as it happened and under its own name, a
//! stall of the server is seen from the plan, one of the generator is told, and shards add up to the whole.
//!
//! Servers are scripts ([`support`]) in memory on virtual time; where the system's errors matter, on sockets. Whatever
//! happens, every planned request is answered, failed or was never sent: each run of these tests is held to it.
//!
//! | file | topic |
//! | --- | --- |
//! | `freeze` | a server that stands still for a second, seen from the plan and from the request |
//! | `generator` | a generator that is late, and a server that is slow |
//! | `h1`, `h2` | faults of responses and connections, by protocol |
//! | `opening` | connections that do not come about |
//! | `schedules` | runs of random shape against servers that are right |
//! | `unread` | servers that do not read |
//! | `unusual` | what is right, however rare |
//! | `sockets` | faults that have the system's error numbers |
//! | `blocks` | a target against itself |
//! | `shards` | one plan in one piece and in three |
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod blocks;
mod freeze;
mod generator;
#[path = "../guard/mod.rs"]
mod guard;
mod h1;
mod h2;
mod opening;
mod schedules;
mod shards;
mod sockets;
mod support;
mod unread;
mod unusual;
#[path = "../virtual_time/mod.rs"]
mod virtual_time;
