//! The devices of a VM in API v4, on AHV and on ESXi.

use gatherer_plugin_api::model::{Disk, Interface};
use serde::Deserialize;

use super::hardware;

/// An address or a name in an object of its own.
#[derive(Debug, Deserialize)]
pub struct TextV4 {
    /// The text.
    pub value: Option<String>,
}

/// An interface. Newer versions send the members with the prefix too.
#[derive(Debug, Deserialize)]
pub struct NicV4 {
    #[serde(rename = "backingInfo")]
    backing: Option<NicBackingV4>,
    #[serde(rename = "nicBackingInfo")]
    nic_backing: Option<NicBackingV4>,
    #[serde(rename = "networkInfo")]
    network: Option<NicNetworkV4>,
    #[serde(rename = "nicNetworkInfo")]
    nic_network: Option<NicNetworkV4>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NicBackingV4 {
    mac_address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NicNetworkV4 {
    ipv4_config: Option<Ipv4ConfigV4>,
    ipv4_info: Option<Ipv4InfoV4>,
    ipv6_info: Option<Ipv6InfoV4>,
    /// On ESXi.
    ip_address_info: Option<IpAddressInfoV4>,
    /// On ESXi.
    port_group_info: Option<PortGroupV4>,
}

#[derive(Debug, Deserialize)]
struct PortGroupV4 {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv4ConfigV4 {
    ip_address: Option<TextV4>,
    secondary_ip_address_list: Option<Vec<TextV4>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv4InfoV4 {
    learned_ip_addresses: Option<Vec<TextV4>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6InfoV4 {
    learned_ipv6_addresses: Option<Vec<TextV4>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IpAddressInfoV4 {
    ipv4_addresses: Option<Vec<TextV4>>,
    ipv6_addresses: Option<Vec<String>>,
}

/// A disk.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskV4 {
    disk_address: Option<DiskAddressV4>,
    backing_info: Option<DiskBackingV4>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiskAddressV4 {
    bus_type: Option<String>,
    index: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiskBackingV4 {
    disk_size_bytes: Option<u64>,
}

impl NicV4 {
    /// The interface in the model.
    pub fn into_interface(self) -> Interface {
        let mac = self.nic_backing.or(self.backing).and_then(|backing| backing.mac_address);
        let (mut addresses, mut name) = (Vec::new(), None);
        let mut add = |texts: Option<Vec<TextV4>>| {
            addresses.extend(texts.into_iter().flatten().filter_map(|text| text.value));
        };
        let mut of_esxi = Vec::new();
        for network in [self.network, self.nic_network].into_iter().flatten() {
            if let Some(config) = network.ipv4_config {
                add(config.ip_address.map(|address| vec![address]));
                add(config.secondary_ip_address_list);
            }
            add(network.ipv4_info.and_then(|info| info.learned_ip_addresses));
            add(network.ipv6_info.and_then(|info| info.learned_ipv6_addresses));
            if let Some(info) = network.ip_address_info {
                add(info.ipv4_addresses);
                of_esxi.extend(info.ipv6_addresses.unwrap_or_default());
            }
            name = name.or_else(|| network.port_group_info?.name);
        }
        addresses.extend(of_esxi);
        hardware::interface(mac, addresses, name)
    }
}

impl DiskV4 {
    /// The disk in the model. It has no size if it is a volume group.
    pub fn into_disk(self) -> Disk {
        let address = self.disk_address.as_ref();
        let bus = address.and_then(|address| address.bus_type.as_deref());
        let index = address.and_then(|address| address.index);
        let size = self.backing_info.and_then(|backing| backing.disk_size_bytes);
        hardware::disk(bus, index, size)
    }
}
