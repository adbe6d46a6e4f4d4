//! The texts of cells: counts, sizes and states.

use gatherer_plugin_api::model::{Cpu, Guest, GuestState, Host, HostState};

use super::grid::CellStyle;

/// The known numbers of cores and threads of a host: `16c/32t`.
pub fn host_cpus(cpu: &Cpu) -> String {
    match (cpu.cores, cpu.threads, cpu.millicores) {
        (Some(cores), Some(threads), _) => format!("{cores}c/{threads}t"),
        (Some(cores), None, _) => format!("{cores}c"),
        (None, Some(threads), _) => format!("{threads}t"),
        (None, None, Some(millicores)) => thousandths(millicores),
        (None, None, None) => String::new(),
    }
}

/// Thousandths as a decimal number.
fn thousandths(millicores: u64) -> String {
    let text = format!("{}.{:03}", millicores / 1000, millicores % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A size in the largest binary unit that is not larger than it, with one decimal if that is not 0.
pub fn size(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return String::new() };
    let units = [(60, "EiB"), (50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (shift, unit) in units {
        let one = 1_u64 << shift;
        if bytes >= one {
            let tenths = u128::from(bytes) * 10 / u128::from(one);
            return match tenths % 10 {
                0 => format!("{} {unit}", tenths / 10),
                decimal => format!("{}.{decimal} {unit}", tenths / 10),
            };
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

    use super::{host_cpus, size};

    #[test]
    fn uses_the_largest_unit_for_sizes() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1 << 20, "1 MiB"),
            (3 << 29, "1.5 GiB"),
            (256 << 30, "256 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(Some(bytes)), text);
        }
        assert_eq!(size(None), "");
    }

    #[test]
    fn shows_the_known_cpu_counts() {
        let cpu = |cores, threads, millicores| {
            host_cpus(&Cpu { cores, threads, millicores, ..Cpu::default() })
        };
        assert_eq!(cpu(Some(16), Some(32), None), "16c/32t");
        assert_eq!(cpu(Some(4), None, None), "4c");
        assert_eq!(cpu(None, None, Some(3920)), "3.92");
        assert_eq!(cpu(None, None, None), "");
    }
}
