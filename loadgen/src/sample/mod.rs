//! What processes use while the load runs, and what the machine is.
//!
//! Everything comes from the kernel's own counters (`/proc` on Linux); elsewhere processes are not sampled.

#[cfg(target_os = "linux")]
mod linux;
mod machine;

pub use machine::machine;

use crate::clock::Nanos;

/// What a process and its descendants used, read at one moment.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Usage {
    /// When, from the begin of the measured part.
    pub at: Nanos,
    /// CPU time so far, user, in nanoseconds; the kernel counts in steps of 10 ms as a rule.
    pub user: Nanos,
    /// CPU time so far, system, in nanoseconds.
    pub system: Nanos,
    /// Resident memory, in octets. What processes share is counted in each.
    pub resident: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors; `None` where we may not look.
    pub descriptors: Option<u64>,
    /// Processes: 1 and its descendants.
    pub processes: u64,
    /// CPU time so far of all cores and all processes of the machine, the generator's included, in nanoseconds.
    pub machine: Nanos,
    /// CPU time so far that the machine's host gave to others (steal), in nanoseconds.
    pub stolen: Nanos,
}

/// CPU time of all cores of the machine.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cores {
    /// What all processes used, in nanoseconds.
    pub used: Nanos,
    /// What they had use for and the machine's host gave to others (steal), in nanoseconds.
    pub stolen: Nanos,
}

impl Cores {
    /// CPU time since the machine started; `None` where the system does not say.
    pub fn now() -> Option<Self> {
        #[cfg(target_os = "linux")]
        return linux::cores();
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// CPU time since an earlier moment.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            used: self.used.saturating_sub(earlier.used),
            stolen: self.stolen.saturating_sub(earlier.stolen),
        }
    }
}

/// What the machine's monotonic clock reads, in nanoseconds; 0 where there is none. By it shards of one machine are set side by
/// side, whatever becomes of its wall clock.
pub fn monotonic() -> Nanos {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        std::time::Duration::try_from(now).map_or(0, crate::clock::nanos)
    }
    #[cfg(not(target_os = "linux"))]
    0
}

/// Why a process cannot be sampled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleFault {
    /// There is none of that number.
    #[error("there is no process {0} (--pid)")]
    NoProcess(u32),
    /// We may not look.
    #[error("process {0} may not be looked at: run as its user, or without --pid")]
    Denied(u32),
    /// The kernel's files cannot be read.
    #[error("what process {0} uses cannot be read: {1}")]
    Unreadable(u32, String),
    /// The system has no such files.
    #[error("processes can be sampled on Linux only: leave --pid out")]
    Unsupported,
}

/// Reads what a process uses, again and again.
///
/// Descendants are counted in: servers that work in child processes, as nginx does, are known by the parent's number. What a child
/// used stays counted when it is gone, so that CPU time never goes back as long as parents wait for their children.
#[derive(Debug)]
pub struct Sampler {
    #[cfg(target_os = "linux")]
    tree: linux::Tree,
}

impl Sampler {
    /// A sampler of process `pid` and its descendants.
    ///
    /// # Errors
    /// Why it cannot be sampled.
    pub fn new(pid: u32) -> Result<Self, SampleFault> {
        #[cfg(target_os = "linux")]
        return Ok(Self { tree: linux::Tree::new(pid)? });
        #[cfg(not(target_os = "linux"))]
        {
            let _ = pid;
            Err(SampleFault::Unsupported)
        }
    }

    /// What is used now, which is `at` from the begin of the measured part; `None` when the process has ended.
    ///
    /// Cost: some 50 µs, and 10 µs for each thread and child, in calls that block: for once a second, off the workers.
    pub fn read(&mut self, at: Nanos) -> Option<Usage> {
        #[cfg(target_os = "linux")]
        return self.tree.read(at);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = at;
            None
        }
    }
}
