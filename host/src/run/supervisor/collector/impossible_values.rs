//! Removes impossible numbers of processors, memory and frequency from the answer of any module, with warnings.
//!
//! Such a number is a mistake of the source, and a Manager would bill by it.

use std::fmt::Display;

use gatherer_plugin_api::assembly::Gathered;
use gatherer_plugin_api::model::{Guest, Host, Warning};
use serde_json::Number;

/// The most processors (sockets, cores, threads) of a host or guest. Linux supports at most 8,192 (x86); a virtual node of
/// Kubernetes stands for a whole cluster or cloud and can report some 100,000.
const CPUS_MAX: u32 = 1_000_000;
/// The largest memory of a host or guest: 2 PiB, where the Manager's `ramMb` ends. The largest servers have some
/// 64 TiB.
const MEMORY_MAX_BYTES: u64 = 1 << 51;
/// The highest frequency. No processor has 10 GHz, but the classic program prints the sum over all cores for Nutanix.
const FREQUENCY_MAX_MHZ: u32 = 10_000_000;

/// Removes the impossible numbers, and returns a warning for each host or guest that had some.
pub fn remove(gathered: &mut Gathered) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for host in &mut gathered.hosts {
        warnings.extend(of_host(host));
        warnings.extend(host.guests.iter_mut().filter_map(of_guest));
    }
    warnings.extend(gathered.detached_guests.iter_mut().filter_map(of_guest));
    warnings
}

fn of_host(host: &mut Host) -> Option<Warning> {
    let mut problems = Vec::new();
    let cpu = &mut host.cpu;
    limit("cpu.sockets", &mut cpu.sockets, CPUS_MAX, &mut problems);
    limit("cpu.cores", &mut cpu.cores, CPUS_MAX, &mut problems);
    limit("cpu.threads", &mut cpu.threads, CPUS_MAX, &mut problems);
    let millicores_max = u64::from(CPUS_MAX) * 1000;
    limit("cpu.millicores", &mut cpu.millicores, millicores_max, &mut problems);
    let range = 0.0..=f64::from(FREQUENCY_MAX_MHZ);
    let is_possible = |mhz: &Number| mhz.as_f64().is_some_and(|mhz| range.contains(&mhz));
    if let Some(mhz) = cpu.frequency_mhz.take_if(|mhz| !is_possible(mhz)) {
        problems.push(impossible("cpu.frequencyMhz", &mhz, FREQUENCY_MAX_MHZ));
    }
    limit("memoryBytes", &mut host.memory_bytes, MEMORY_MAX_BYTES, &mut problems);
    warning(&host.name, &problems)
}

fn of_guest(guest: &mut Guest) -> Option<Warning> {
    let mut problems = Vec::new();
    limit("cpus", &mut guest.cpus, CPUS_MAX, &mut problems);
    limit("memoryBytes", &mut guest.memory_bytes, MEMORY_MAX_BYTES, &mut problems);
    warning(&guest.name, &problems)
}

fn warning(object: &str, problems: &[String]) -> Option<Warning> {
    let message = problems.join("; ");
    (!message.is_empty()).then(|| Warning { object: object.to_owned(), message })
}

/// Removes a number that is more than the maximum. `member` is its name in the inventory.
fn limit<T: PartialOrd + Display>(
    member: &str,
    number: &mut Option<T>,
    max: T,
    problems: &mut Vec<String>,
) {
    if let Some(number) = number.take_if(|number| *number > max) {
        problems.push(impossible(member, number, max));
    }
}

fn impossible(member: &str, number: impl Display, max: impl Display) -> String {
    format!("{member} is ignored: it must be 0 to {max}, but is {number}")
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::assembly::Gathered;
    use gatherer_plugin_api::model::{Guest, Host};
    use serde_json::Number;

    use super::{CPUS_MAX, FREQUENCY_MAX_MHZ, MEMORY_MAX_BYTES, remove};

    fn gathered(cpus: u32, memory: u64, mhz: Number) -> Gathered {
        let mut host = Host::new("1", "kvm1");
        (host.cpu.sockets, host.cpu.cores, host.cpu.threads) = (Some(cpus), Some(cpus), Some(cpus));
        host.cpu.millicores = Some(u64::from(cpus) * 1000);
        host.cpu.frequency_mhz = Some(mhz);
        host.memory_bytes = Some(memory);
        let mut guest = Guest::new("2", "web");
        (guest.cpus, guest.memory_bytes) = (Some(cpus), Some(memory));
        let detached = guest.clone();
        host.guests.push(guest);
        let mut gathered = Gathered::default();
        gathered.hosts.push(host);
        gathered.detached_guests.push(detached);
        gathered
    }

    #[test]
    fn removes_impossible_numbers_of_hosts_and_all_guests() {
        for mhz in [Number::from_f64(1e308).expect("finite"), Number::from(-1)] {
            let mut gathered = gathered(u32::MAX, u64::MAX, mhz);
            let warnings = remove(&mut gathered);
            let host = &gathered.hosts[0];
            assert!(host.cpu.is_empty() && host.memory_bytes.is_none());
            for guest in [&host.guests[0], &gathered.detached_guests[0]] {
                assert_eq!((guest.cpus, guest.memory_bytes), (None, None));
            }
            let objects: Vec<_> = warnings.iter().map(|warning| &*warning.object).collect();
            assert_eq!(objects, ["kvm1", "web", "web"]);
            for member in
                ["sockets", "cores", "threads", "millicores", "frequencyMhz", "memoryBytes"]
            {
                assert!(warnings[0].message.contains(member), "{member}");
            }
        }
    }

    #[test]
    fn keeps_the_largest_possible_numbers_and_zeros() {
        for (cpus, memory, mhz) in [(CPUS_MAX, MEMORY_MAX_BYTES, FREQUENCY_MAX_MHZ), (0, 0, 0)] {
            let mut gathered = gathered(cpus, memory, mhz.into());
            let before = gathered.clone();
            assert_eq!(remove(&mut gathered), []);
            assert_eq!(gathered, before);
        }
    }
}
