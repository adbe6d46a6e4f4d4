//! Maps a guest's description, the XML of libvirt's domain, to the parts of the model that no other call has.

use gatherer_plugin_api::model::{Disk, Guest, Interface, Version};
use gatherer_plugin_support::xml::{self, Limits, Node, XmlError};

/// The limits of a description. One of a guest with hundreds of devices has some 100 KiB.
const LIMITS: Limits = Limits { bytes: 4 * 1024 * 1024, nodes: 200_000, depth: 100 };

/// The attributes of an interface's source that name its network, by its type.
const NETWORKS: [&str; 4] = ["network", "bridge", "dev", "portgroup"];

/// Adds the interfaces, the disks and the operating system in the description to the guest.
pub fn describe(description: &str, guest: &mut Guest) -> Result<(), XmlError> {
    let document = xml::parse(description, LIMITS)?;
    let domain = document.root_element();
    if let Some(devices) = xml::child(domain, "devices") {
        guest.interfaces = xml::children(devices, "interface").map(interface).collect();
        guest.disks = xml::children(devices, "disk").filter_map(disk).collect();
    }
    // The tools that create guests write the id of libosinfo here: `http://fedoraproject.org/fedora/41`.
    let metadata = xml::child(domain, "metadata");
    let os = metadata
        .and_then(|metadata| xml::child(metadata, "libosinfo"))
        .and_then(|libosinfo| xml::child(libosinfo, "os"))
        .and_then(|os| os.attribute("id"))
        .filter(|id| !id.is_empty());
    guest.os = os.map(|id| Version { name: Some(id.to_owned()), version: None });
    Ok(())
}

fn interface(element: Node<'_, '_>) -> Interface {
    let attribute = |child: &str, name: &str| xml::child(element, child)?.attribute(name);
    let network = NETWORKS.iter().find_map(|name| attribute("source", name));
    Interface {
        mac: attribute("mac", "address").map(str::to_lowercase),
        network: network.map(str::to_owned),
        ..Interface::default()
    }
}

/// A disk, or `None` for a removable medium.
fn disk(element: Node<'_, '_>) -> Option<Disk> {
    // `disk` is the default.
    if !matches!(element.attribute("device").unwrap_or("disk"), "disk" | "lun") {
        return None;
    }
    let name = xml::child(element, "target").and_then(|target| target.attribute("dev"));
    Some(Disk { name: name.map(str::to_owned), capacity_bytes: None })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{Disk, Guest, Interface, Version};

    use super::describe;

    fn described(description: &str) -> Guest {
        let mut guest = Guest::new("u", "web");
        describe(description, &mut guest).expect("a description");
        guest
    }

    #[test]
    fn reads_interfaces_of_every_type() {
        let guest = described(
            "<domain><devices>
               <interface type='network'><mac address='52:54:00:AB:cd:01'/>
                 <source network='default' portgroup='g' bridge='virbr0'/></interface>
               <interface type='bridge'><mac address='52:54:00:00:00:02'/><source bridge='br0'/></interface>
               <interface type='direct'><source dev='eth0' mode='bridge'/></interface>
               <interface type='user'/>
             </devices></domain>",
        );
        let interface = |mac: Option<&str>, network: Option<&str>| Interface {
            mac: mac.map(str::to_owned),
            network: network.map(str::to_owned),
            ..Interface::default()
        };
        assert_eq!(
            guest.interfaces,
            [
                interface(Some("52:54:00:ab:cd:01"), Some("default")),
                interface(Some("52:54:00:00:00:02"), Some("br0")),
                interface(None, Some("eth0")),
                interface(None, None),
            ]
        );
    }

    #[test]
    fn reads_disks_without_removable_media_and_the_operating_system() {
        let guest = described(
            "<domain><metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
               <libosinfo:os id='http://opensuse.org/opensuse/15.6'/></libosinfo:libosinfo></metadata>
             <devices>
               <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>
               <disk type='block' device='lun'><target dev='sda'/></disk>
               <disk type='file' device='cdrom'><target dev='sdb'/></disk>
               <disk type='file' device='floppy'><target dev='fda'/></disk>
               <disk type='file'/>
             </devices></domain>",
        );
        let disk =
            |name: Option<&str>| Disk { name: name.map(str::to_owned), capacity_bytes: None };
        assert_eq!(guest.disks, [disk(Some("vda")), disk(Some("sda")), disk(None)]);
        let name = Some("http://opensuse.org/opensuse/15.6".to_owned());
        assert_eq!(guest.os, Some(Version { name, version: None }));
    }

    #[test]
    fn a_description_without_devices_adds_nothing_and_no_xml_is_an_error() {
        let guest = described("<domain type='test'><os><type>hvm</type></os></domain>");
        assert_eq!(guest, Guest::new("u", "web"));
        let mut guest = Guest::new("u", "web");
        assert!(describe("<domain>", &mut guest).is_err());
        assert!(
            describe("<!DOCTYPE d [<!ENTITY e 'x'>]><domain>&e;</domain>", &mut guest).is_err()
        );
    }
}
