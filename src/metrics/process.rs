//! What Linux says about this process, under the names that every Prometheus client uses.
use std::fs;

/// Clock ticks of `/proc/self/stat` in a second (proc(5): `USER_HZ`, 100 on every platform of today).
const TICKS_PER_SEC: f64 = 100.0;

/// Values by name; what cannot be read is left out.
pub fn read() -> Vec<(&'static str, &'static str, f64)> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| number(status.lines().find_map(|line| line.strip_prefix(name))?);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let max_fds = limits.lines().find_map(|line| line.strip_prefix("Max open files")).and_then(number);
    // One of them is the folder that is being read.
    let fds = fs::read_dir("/proc/self/fd").ok().map(|all| all.count().saturating_sub(1) as f64);
    let values = [
        ("process_resident_memory_bytes", "Memory in use.", kib("VmRSS:").map(|kib| kib * 1_024.0)),
        ("process_virtual_memory_bytes", "Address space in use.", kib("VmSize:").map(|kib| kib * 1_024.0)),
        ("process_open_fds", "File descriptors in use.", fds),
        ("process_max_fds", "File descriptors that may be in use.", max_fds),
        ("process_threads", "Threads.", kib("Threads:")),
    ];
    values.into_iter().filter_map(|(name, help, value)| Some((name, help, value?))).collect()
}

/// Seconds of processor time spent so far.
pub fn cpu_secs() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets, which may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let user: f64 = fields.nth(11)?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SEC)
}

fn number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}
