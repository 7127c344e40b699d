//! The machine the numbers come from: cores, limits, and what else runs.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Ticks a second in `/proc`: `USER_HZ`, 100 on every architecture Linux still supports.
const TICKS: u64 = 100;

/// Pins this thread, and those it starts from now on, to one core.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    anyhow::ensure!(cpu < CpuSet::MAX_CPU, "there is no CPU {cpu}");
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("failed to pin to CPU {cpu}"))
}

/// Raises the limit of open descriptors as far as it may be raised.
pub(crate) fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it may not, opening connections fails with a message of its own.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// CPU time of all processes together since the start of the machine.
pub(crate) fn busy() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let busy: u64 = ticks.iter().take(7).sum::<u64>() - ticks.iter().skip(3).take(2).sum::<u64>();
    Ok(ticks_to_time(busy))
}

/// CPU time of this thread.
pub(crate) fn own_cpu() -> Result<Duration> {
    on_cpu(&fs::read_to_string("/proc/thread-self/schedstat")?)
}

/// CPU time of child processes that have ended, in ticks of 10 ms.
pub(crate) fn children_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field, the name in parentheses, may hold anything; then the third, the state.
    let (_, fields) = stat.rsplit_once(')').context("stat without a name")?;
    let times = fields.split_whitespace().skip(13).take(2).map(str::parse::<u64>);
    Ok(ticks_to_time(times.sum::<Result<u64, _>>()?))
}

/// Time on a CPU out of a `schedstat` file, whose first number is nanoseconds.
pub(crate) fn on_cpu(schedstat: &str) -> Result<Duration> {
    let nanoseconds = schedstat.split_whitespace().next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// A time out of `/proc`.
pub(crate) fn ticks_to_time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * (1000 / TICKS))
}

/// The model of the first CPU and the number of CPUs.
pub(crate) fn cpu_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    // Not what this thread may use: it is pinned to one of them.
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    let model = value("model name").unwrap_or_else(|| "unknown CPU".to_owned());
    format!("{model}, {count} CPUs")
}

/// The kernel's release.
pub(crate) fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", release.trim())
}
