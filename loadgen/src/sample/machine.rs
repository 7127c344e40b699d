//! What the machine is, for manifests.

use std::collections::BTreeMap;

/// Facts about the machine that bear on the figures: what could be found out, by name.
///
/// | name | value |
/// | --- | --- |
/// | `os`, `architecture` | that of the build |
/// | `cores-usable` | cores that this process may use |
/// | `cores`, `cpu` | cores in all, model of the first |
/// | `memory` | in octets |
/// | `kernel` | release |
/// | `governor` | frequency governor of the first core |
/// | `descriptors` | open descriptors allowed to this process |
/// | `somaxconn` | longest queue of connections to accept |
/// | `ports` | first and last port of outgoing connections |
/// | `load` | mean number of running processes over the last minute |
pub fn machine() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.insert(name.to_owned(), value);
        }
    };
    fact("os", Some(std::env::consts::OS.to_owned()));
    fact("architecture", Some(std::env::consts::ARCH.to_owned()));
    fact("cores-usable", std::thread::available_parallelism().ok().map(|cores| cores.to_string()));
    #[cfg(target_os = "linux")]
    linux(&mut fact);
    facts
}

#[cfg(target_os = "linux")]
fn linux(fact: &mut impl FnMut(&str, Option<String>)) {
    use procfs::{CpuInfo, Current, LoadAverage, Meminfo};
    use rustix::process::{Resource, getrlimit};

    let read = |path: &str| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let cpus = CpuInfo::current().ok();
    fact("cores", cpus.as_ref().map(|cpus| cpus.num_cores().to_string()));
    fact("cpu", cpus.as_ref().and_then(|cpus| cpus.model_name(0)).map(str::to_owned));
    fact("memory", Meminfo::current().ok().map(|memory| memory.mem_total.to_string()));
    fact("kernel", read("/proc/sys/kernel/osrelease"));
    fact("governor", read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
    let limit = getrlimit(Resource::Nofile).current;
    fact("descriptors", Some(limit.map_or("unlimited".to_owned(), |limit| limit.to_string())));
    fact("somaxconn", read("/proc/sys/net/core/somaxconn"));
    let ports = read("/proc/sys/net/ipv4/ip_local_port_range");
    fact("ports", ports.map(|ports| ports.replace(' ', "-")));
    fact("load", LoadAverage::current().ok().map(|load| load.one.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_cores_and_an_architecture() {
        let facts = machine();
        assert_eq!(facts.get("os").map(String::as_str), Some(std::env::consts::OS));
        assert!(facts.contains_key("architecture"));
        assert!(facts.values().all(|value| !value.is_empty() && !value.contains('\n')));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_its_kernel_and_limits() {
        let facts = machine();
        for name in ["cores", "kernel", "memory", "descriptors", "somaxconn", "ports", "load"] {
            assert!(facts.contains_key(name), "{name} in {facts:?}");
        }
    }
}
