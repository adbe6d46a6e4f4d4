//! The processors of a hypervisor, as the driver of its virtualization describes them.

use gatherer_plugin_api::model::Cpu;
use serde_json::Value;

use super::values;

/// The processors. `cpu_info` is an object, in older versions its JSON as text, and empty or absent if the driver does not
/// say anything. `vcpus` is the number of CPUs that servers may use.
pub fn cpu(cpu_info: &Value, vcpus: &Value) -> Cpu {
    let parsed;
    let info = match cpu_info {
        Value::String(text) => {
            parsed = serde_json::from_str(text).unwrap_or_default();
            &parsed
        }
        info => info,
    };
    let topology = &info["topology"];
    let mut cpu = Cpu {
        architecture: values::text(&info["arch"]).map(str::to_owned),
        vendor: values::texts(&info["vendor"]),
        model: values::texts(&info["model"]),
        ..Cpu::default()
    };
    let vcpus = values::count(vcpus);
    let counts = ["sockets", "cores", "threads"].map(|name| values::count(&topology[name]));
    match counts {
        [Some(sockets), Some(cores), Some(threads)] => {
            let cells = cells(topology, [sockets, cores, threads], vcpus);
            cpu.sockets = sockets.checked_mul(cells);
            cpu.cores = cpu.sockets.and_then(|sockets| sockets.checked_mul(cores));
            cpu.threads = cpu.cores.and_then(|cores| cores.checked_mul(threads));
        }
        _ => cpu.threads = vcpus,
    }
    cpu
}

/// By how many NUMA cells the number of sockets is multiplied. libvirt's topology is that of one cell, except for a machine
/// whose cells differ: then it has one socket with all CPUs as cores, and so the cores are not fewer than the CPUs for
/// servers.
fn cells(topology: &Value, [sockets, cores, threads]: [u32; 3], vcpus: Option<u32>) -> u32 {
    let cells = values::count(&topology["cells"]).unwrap_or(1);
    let is_whole = sockets == 1 && threads == 1 && vcpus.is_none_or(|vcpus| vcpus <= cores);
    if is_whole { 1 } else { cells }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn counts(info: &Value, vcpus: u32) -> [Option<u32>; 3] {
        let cpu = cpu(info, &json!(vcpus));
        [cpu.sockets, cpu.cores, cpu.threads]
    }

    #[test]
    fn counts_are_totals_of_the_host() {
        let info = |cells: u32, sockets: u32, cores: u32, threads: u32| json!({"topology": {"cells": cells, "sockets": sockets, "cores": cores, "threads": threads}});
        for (info, vcpus, expected) in [
            // Two cells with one socket each; all CPUs, and without some that are reserved.
            (info(2, 1, 16, 2), 64, [2, 32, 64]),
            (info(2, 1, 16, 2), 20, [2, 32, 64]),
            // Two sockets in one cell.
            (info(1, 2, 8, 2), 32, [2, 16, 32]),
            // Without threads: one cell has fewer CPUs than the host.
            (info(2, 1, 8, 1), 16, [2, 16, 16]),
            // A machine whose cells differ.
            (info(4, 1, 40, 1), 40, [1, 40, 40]),
            (info(4, 1, 40, 1), 30, [1, 40, 40]),
        ] {
            assert_eq!(counts(&info, vcpus), expected.map(Some), "{info}");
        }
        // Too large to be true.
        assert_eq!(counts(&info(1, 65_536, 65_536, 2), 4), [Some(65_536), None, None]);
    }

    #[test]
    fn cpu_info_may_be_text_or_an_object_or_nothing() {
        let object = json!({
            "arch": "x86_64", "model": "Nehalem", "vendor": "Intel", "features": ["pge"],
            "topology": {"cores": 2, "threads": 1, "sockets": 4},
        });
        let of_object = cpu(&object, &json!(8));
        assert_eq!(cpu(&json!(object.to_string()), &json!(8)), of_object);
        assert_eq!(of_object.architecture.as_deref(), Some("x86_64"));
        assert_eq!(of_object.model.as_deref(), Some("Nehalem"));
        assert_eq!(of_object.vendor.as_deref(), Some("Intel"));
        assert_eq!(
            [of_object.sockets, of_object.cores, of_object.threads],
            [Some(4), Some(8), Some(8)]
        );
        for nothing in
            [json!(""), json!({}), Value::Null, json!("null"), json!("{"), json!([]), json!(7)]
        {
            assert_eq!(counts(&nothing, 8), [None, None, Some(8)], "{nothing}");
            assert_eq!(counts(&nothing, 0), [None; 3], "{nothing}");
        }
    }
}
