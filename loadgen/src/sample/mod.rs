//! What processes use while the load runs.

use crate::clock::Nanos;

/// What a process used, read at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// When, from the begin of the measured part.
    pub at: Nanos,
    /// CPU time so far, user.
    pub user: Nanos,
    /// CPU time so far, system.
    pub system: Nanos,
    /// Resident memory, in octets.
    pub resident: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors; `None` where we may not look.
    pub descriptors: Option<u64>,
}
