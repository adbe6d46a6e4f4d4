//! The texts of cells: counts, sizes and states.

use gatherer_plugin_api::model::{Cpu, Guest, GuestState, Host, HostState};

use super::grid::CellStyle;

/// The known numbers of cores and threads of a host: `16c/32t`.
pub fn host_cpus(cpu: &Cpu) -> String {
    match (cpu.cores, cpu.threads, cpu.millicores) {
        (Some(cores), Some(threads), _) => format!("{cores}c/{threads}t"),
        (Some(cores), None, _) => format!("{cores}c"),
        (None, Some(threads), _) => format!("{threads}t"),
        (None, None, Some(millicores)) => one_decimal(u128::from(millicores), 1000),
        (None, None, None) => String::new(),
    }
}

/// A number divided by another one, rounded to one decimal, which is left out if it is 0.
fn one_decimal(number: u128, divisor: u128) -> String {
    let tenths = (number * 10 + divisor / 2) / divisor;
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        decimal => format!("{}.{decimal}", tenths / 10),
    }
}

/// The sums over all hosts, if they are known for each of them: `, 56 cores, 672 GiB`.
pub fn sums(hosts: &[&Host]) -> String {
    if hosts.is_empty() {
        return String::new();
    }
    let cores: Option<u64> = hosts.iter().map(|host| host.cpu.cores.map(u64::from)).sum();
    let memory: Option<u64> =
        hosts.iter().try_fold(0_u64, |sum, host| Some(sum.saturating_add(host.memory_bytes?)));
    let cores =
        cores.map(|cores| format!(", {cores} {}", if cores == 1 { "core" } else { "cores" }));
    let memory = memory.map(|bytes| format!(", {}", size(Some(bytes))));
    cores.unwrap_or_default() + &memory.unwrap_or_default()
}

/// A time in seconds, with one decimal below ten.
pub fn seconds(milliseconds: u64) -> String {
    match milliseconds {
        ..9_950 => format!("{}.{} s", (milliseconds + 50) / 1000, (milliseconds + 50) / 100 % 10),
        _ => format!("{} s", (milliseconds + 500) / 1000),
    }
}

/// A size in the largest binary unit that is not larger than it, rounded to one decimal.
pub fn size(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return String::new() };
    let units = [(60, "EiB"), (50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in units {
        let one = 1_u128 << shift;
        // 1023.6 MiB is shown as 1 GiB.
        if u128::from(bytes) + (one >> 11) >= one {
            return format!("{} {unit}", one_decimal(bytes.into(), one));
        }
    }
    format!("{bytes} B")
}

/// The hypervisor, and the operating system or managing software: `qemu · libvirt 9.0.0`.
pub fn system(host: &Host) -> String {
    let mut parts = Vec::new();
    if let Some(hypervisor) = &host.hypervisor {
        parts.push(with_version(&hypervisor.kind, hypervisor.version.as_deref()));
    }
    let os = host.os.as_ref().and_then(|os| Some((os.name.as_deref()?, os.version.as_deref())));
    let software =
        host.software.as_ref().map(|software| (&*software.name, software.version.as_deref()));
    if let Some((name, version)) = os.or(software) {
        parts.push(with_version(name, version));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

fn with_version(name: &str, version: Option<&str>) -> String {
    match version {
        Some(version) if !version.is_empty() => format!("{name} {version}"),
        _ => name.to_owned(),
    }
}

/// The state of a host.
pub fn host_state(host: &Host) -> (&'static str, CellStyle) {
    match host.state {
        None => ("", CellStyle::Plain),
        Some(HostState::Up) => ("up", CellStyle::Green),
        Some(HostState::Maintenance) => ("maintenance", CellStyle::Yellow),
        Some(HostState::Down) => ("down", CellStyle::Red),
        Some(HostState::Disconnected) => ("disconnected", CellStyle::Red),
        Some(_) => ("unknown", CellStyle::Yellow),
    }
}

/// The state of a guest.
pub fn guest_state(guest: &Guest) -> (&'static str, CellStyle) {
    let Some(state) = guest.state else {
        return if guest.template { ("template", CellStyle::Dim) } else { ("", CellStyle::Plain) };
    };
    match state {
        GuestState::Running => ("running", CellStyle::Green),
        GuestState::Blocked => ("blocked", CellStyle::Green),
        GuestState::Paused => ("paused", CellStyle::Yellow),
        GuestState::ShuttingDown => ("shutting down", CellStyle::Yellow),
        GuestState::Stopped => ("stopped", CellStyle::Dim),
        GuestState::Crashed => ("crashed", CellStyle::Red),
        GuestState::Suspended => ("suspended", CellStyle::Yellow),
        GuestState::PoweringOn => ("powering on", CellStyle::Yellow),
        GuestState::PoweringOff => ("powering off", CellStyle::Yellow),
        GuestState::Pausing => ("pausing", CellStyle::Yellow),
        GuestState::Suspending => ("suspending", CellStyle::Yellow),
        GuestState::Resuming => ("resuming", CellStyle::Yellow),
        GuestState::Resetting => ("resetting", CellStyle::Yellow),
        GuestState::Migrating => ("migrating", CellStyle::Yellow),
        _ => ("unknown", CellStyle::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::Cpu;

    use super::{host_cpus, seconds, size};

    #[test]
    fn uses_the_largest_unit_for_sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1 << 20, "1 MiB"),
            (3 << 29, "1.5 GiB"),
            (256 << 30, "256 GiB"),
            ((1 << 30) - 1, "1 GiB"),
            ((1 << 30) - (1 << 20), "1023 MiB"),
            (33_567_465_472, "31.3 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(size(Some(bytes)), text);
        }
        assert_eq!(size(None), "");
    }

    #[test]
    fn times_are_rounded() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (49, "0.0 s"),
            (50, "0.1 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (61_499, "61 s"),
        ] {
            assert_eq!(seconds(milliseconds), text);
        }
    }

    #[test]
    fn shows_the_known_cpu_counts() {
        let cpu = |cores, threads, millicores| {
            host_cpus(&Cpu { cores, threads, millicores, ..Cpu::default() })
        };
        assert_eq!(cpu(Some(16), Some(32), None), "16c/32t");
        assert_eq!(cpu(Some(4), None, None), "4c");
        assert_eq!(cpu(None, None, Some(4000)), "4");
        assert_eq!(cpu(None, None, Some(3920)), "3.9");
        assert_eq!(cpu(None, None, Some(7960)), "8");
        assert_eq!(cpu(None, None, None), "");
    }
}
