//! A thread, its runtime, pacer and connections.

pub mod pace;
