//! What a person reads in a cell: counts and sizes in human units, states in words.

use gatherer_plugin_api::model::{Cpu, Guest, GuestState, Host, HostState};

use super::grid::Look;

/// Cores and threads of a host, as far as they are known: `16c/32t`.
pub fn host_cpus(cpu: &Cpu) -> String {
    match (cpu.cores, cpu.threads, cpu.millicores) {
        (Some(cores), Some(threads), _) => format!("{cores}c/{threads}t"),
        (Some(cores), None, _) => format!("{cores}c"),
        (None, Some(threads), _) => format!("{threads}t"),
        (None, None, Some(millicores)) => thousandths(millicores),
        (None, None, None) => String::new(),
    }
}

fn thousandths(millicores: u64) -> String {
    let text = format!("{}.{:03}", millicores / 1000, millicores % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A size in the largest binary unit that it fills, with one decimal where that tells more.
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

/// What runs the guests, and on which system: `qemu · libvirt 9.0.0`.
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

/// A host's state in one word.
pub fn host_state(host: &Host) -> (&'static str, Look) {
    match host.state {
        None => ("", Look::Plain),
        Some(HostState::Up) => ("up", Look::Green),
        Some(HostState::Maintenance) => ("maintenance", Look::Yellow),
        Some(HostState::Down) => ("down", Look::Red),
        Some(HostState::Disconnected) => ("disconnected", Look::Red),
        Some(_) => ("unknown", Look::Yellow),
    }
}

/// A guest's state in one or two words.
pub fn guest_state(guest: &Guest) -> (&'static str, Look) {
    let Some(state) = guest.state else {
        return if guest.template { ("template", Look::Dim) } else { ("", Look::Plain) };
    };
    match state {
        GuestState::Running => ("running", Look::Green),
        GuestState::Blocked => ("blocked", Look::Green),
        GuestState::Paused => ("paused", Look::Yellow),
        GuestState::ShuttingDown => ("shutting down", Look::Yellow),
        GuestState::Stopped => ("stopped", Look::Dim),
        GuestState::Crashed => ("crashed", Look::Red),
        GuestState::Suspended => ("suspended", Look::Yellow),
        GuestState::PoweringOn => ("powering on", Look::Yellow),
        GuestState::PoweringOff => ("powering off", Look::Yellow),
        GuestState::Pausing => ("pausing", Look::Yellow),
        GuestState::Suspending => ("suspending", Look::Yellow),
        GuestState::Resuming => ("resuming", Look::Yellow),
        GuestState::Resetting => ("resetting", Look::Yellow),
        GuestState::Migrating => ("migrating", Look::Yellow),
        _ => ("unknown", Look::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::Cpu;

    use super::{host_cpus, size};

    #[test]
    fn sizes_are_in_the_largest_unit_that_they_fill() {
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
    fn cpus_show_what_is_known() {
        let cpu = |cores, threads, millicores| {
            host_cpus(&Cpu { cores, threads, millicores, ..Cpu::default() })
        };
        assert_eq!(cpu(Some(16), Some(32), None), "16c/32t");
        assert_eq!(cpu(Some(4), None, None), "4c");
        assert_eq!(cpu(None, None, Some(3920)), "3.92");
        assert_eq!(cpu(None, None, None), "");
    }
}
