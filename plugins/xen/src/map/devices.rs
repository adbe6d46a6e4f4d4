//! Pure: the network interfaces and disks of virtual machines.

use std::collections::HashMap;
use std::net::IpAddr;

use gatherer_plugin_api::model::{Disk, Interface};

use crate::pool::PoolRecords;
use crate::record::{Class, Record};

/// The devices of all virtual machines, by the reference of the virtual machine.
pub struct Devices<'a> {
    records: &'a PoolRecords,
    interfaces: HashMap<&'a str, Vec<Record<'a>>>,
    disks: HashMap<&'a str, Vec<Record<'a>>>,
}

impl<'a> Devices<'a> {
    /// Sorts the devices of a pool by virtual machine, and those of each by number.
    pub fn of(records: &'a PoolRecords) -> Self {
        Self {
            records,
            interfaces: by_vm(&records.vifs, "device"),
            disks: by_vm(&records.vbds, "userdevice"),
        }
    }

    /// The interfaces of a virtual machine, with the addresses that the tools in it report.
    pub fn interfaces(&self, vm: &str, tools: Option<Record<'_>>) -> Vec<Interface> {
        let mut addresses = addresses(tools);
        let interface = |vif: &Record<'a>| {
            let network = vif.reference("network").and_then(|it| self.records.networks.get(it));
            let name = network.and_then(|it| it.text("name_label").or_else(|| it.text("bridge")));
            let device = vif.text("device").unwrap_or_default();
            Interface {
                mac: vif.text("MAC").map(str::to_ascii_lowercase),
                addresses: addresses.remove(device).unwrap_or_default(),
                network: name.map(str::to_owned),
            }
        };
        self.interfaces.get(vm).into_iter().flatten().map(interface).collect()
    }

    /// The disks of a virtual machine, without CD and floppy drives.
    pub fn disks(&self, vm: &str) -> Vec<Disk> {
        let disks = self.disks.get(vm).into_iter().flatten();
        let disks = disks.filter(|vbd| !matches!(vbd.text("type"), Some("CD" | "Floppy")));
        disks
            .map(|vbd| {
                let vdi = vbd.reference("VDI").and_then(|it| self.records.vdis.get(it));
                let name = vbd.text("device").or_else(|| vbd.text("userdevice"));
                Disk {
                    name: name.map(str::to_owned),
                    capacity_bytes: vdi.and_then(|vdi| vdi.number("virtual_size")),
                }
            })
            .collect()
    }
}

/// Groups devices by the virtual machine to which they belong.
fn by_vm<'a>(class: &'a Class, number: &str) -> HashMap<&'a str, Vec<Record<'a>>> {
    let mut devices: HashMap<_, Vec<Record<'a>>> = HashMap::new();
    for record in class.iter() {
        if let Some(vm) = record.reference("VM") {
            devices.entry(vm).or_default().push(record);
        }
    }
    for list in devices.values_mut() {
        list.sort_by_key(|record| (record.number(number).unwrap_or(u64::MAX), record.reference));
    }
    devices
}

/// The addresses of each interface, by its number. The names are `0/ip`, `0/ipv4/0`, `0/ipv6/1`. The values come from
/// inside the guest, so only real addresses are kept.
fn addresses(tools: Option<Record<'_>>) -> HashMap<&str, Vec<String>> {
    let mut addresses: HashMap<&str, Vec<String>> = HashMap::new();
    let entries = tools.into_iter().flat_map(|tools| tools.entries("networks"));
    for (name, value) in entries {
        let Some((device, _)) = name.split_once('/') else { continue };
        let list = addresses.entry(device).or_default();
        list.extend(
            value.split_whitespace().filter(|it| it.parse::<IpAddr>().is_ok()).map(str::to_owned),
        );
    }
    for list in addresses.values_mut() {
        // IPv4 first. The first address is listed twice, as `0/ip` too.
        list.sort_by_cached_key(|address| address.parse::<IpAddr>().ok());
        list.dedup();
    }
    addresses
}
