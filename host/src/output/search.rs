//! Searches an inventory for hosts, guests and pods by name, identifier or address.

use std::net::IpAddr;
use std::str::FromStr;

use gatherer_plugin_api::model::{
    Address, EndpointResult, Guest, Host, Identifiers, Interface, Inventory, Pod,
};

/// The digits of a UUID.
const UUID_DIGITS: usize = 32;

/// The minimum number of digits that are compared without the dashes of a UUID. Fewer would be found by chance.
const MIN_UUID_DIGITS: usize = 8;

/// A text to search for: a part of a name or identifier in upper or lower case, a part of a UUID with or without dashes,
/// or an IP address in any notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// As it was given.
    given: String,
    /// In lower case.
    text: String,
    /// The hexadecimal digits, if the text can be a part of a UUID.
    digits: Option<String>,
    address: Option<IpAddr>,
}

impl FromStr for SearchText {
    type Err = &'static str;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let text = given.trim().to_lowercase();
        if text.is_empty() {
            return Err("must not be empty");
        }
        let digits = text.strip_prefix("urn:uuid:").unwrap_or(&text);
        let digits = digits.trim_matches(['{', '}']).replace('-', "");
        let is_part_of_uuid = (MIN_UUID_DIGITS..=UUID_DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = is_part_of_uuid.then_some(digits);
        let address = parse_address(text.trim_matches(['[', ']']));
        Ok(Self { given: given.to_owned(), text, digits, address })
    }
}

impl SearchText {
    /// The text as it was given.
    pub fn given(&self) -> &str {
        &self.given
    }

    fn is_in_text(&self, value: &str) -> bool {
        value.to_lowercase().contains(&self.text)
    }

    fn is_in_uuid(&self, value: &str) -> bool {
        let Some(digits) = &self.digits else { return false };
        let value = value.replace('-', "").to_lowercase();
        value.len() == UUID_DIGITS && value.contains(digits)
    }

    fn is_in_id(&self, value: &str) -> bool {
        self.is_in_text(value) || self.is_in_uuid(value)
    }

    /// A complete IP address finds only equal addresses: `10.0.0.1` does not find `10.0.0.12`.
    fn is_in_address(&self, value: &str) -> bool {
        match self.address {
            Some(address) => {
                let own = value.split('/').next().unwrap_or_default();
                parse_address(own) == Some(address)
            }
            None => self.is_in_text(value),
        }
    }

    fn is_in_identifiers(&self, identifiers: &Identifiers) -> bool {
        identifiers.values().any(|value| self.is_in_id(value))
    }

    fn is_in_addresses(&self, addresses: &[Address]) -> bool {
        addresses.iter().any(|address| self.is_in_address(&address.address))
    }

    fn is_in_host(&self, host: &Host) -> bool {
        self.is_in_id(&host.name)
            || host.short_name.as_ref().is_some_and(|name| self.is_in_text(name))
            || self.is_in_id(&host.id)
            || self.is_in_identifiers(&host.identifiers)
            || self.is_in_addresses(&host.addresses)
            || host
                .provider
                .as_ref()
                .and_then(|provider| provider.instance_id.as_ref())
                .is_some_and(|id| self.is_in_id(id))
    }

    fn is_in_guest(&self, guest: &Guest) -> bool {
        self.is_in_id(&guest.name)
            || [&guest.id, &guest.uuid].into_iter().flatten().any(|id| self.is_in_id(id))
            || self.is_in_identifiers(&guest.identifiers)
            || self.is_in_addresses(&guest.addresses)
            || guest.host_name.as_ref().is_some_and(|name| self.is_in_text(name))
            || guest.interfaces.iter().any(|interface| self.is_in_interface(interface))
            // Other attributes are not identifiers: `running` would find most guests.
            || guest.attributes.values().any(|value| self.is_in_uuid(value))
    }

    fn is_in_interface(&self, interface: &Interface) -> bool {
        interface.mac.as_ref().is_some_and(|mac| self.is_in_text(mac))
            || interface.addresses.iter().any(|address| self.is_in_address(address))
    }

    fn is_in_pod(&self, pod: &Pod) -> bool {
        self.is_in_id(&pod.name)
            || self.is_in_id(&pod.uid)
            || pod.pod_ips.iter().any(|address| self.is_in_address(address))
    }
}

/// An IP address; an IPv4 address that is written as IPv6 is the IPv4 address.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// An object that was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Its endpoint.
    pub endpoint: &'a EndpointResult,
    /// The object.
    pub object: FoundObject<'a>,
}

/// The kinds of objects that are searched.
#[derive(Debug, Clone, Copy)]
pub enum FoundObject<'a> {
    /// A host.
    Host(&'a Host),
    /// A guest and its host, if it has one.
    Guest(&'a Guest, Option<&'a Host>),
    /// A pod.
    Pod(&'a Pod),
}

/// Finds all objects with the text, in the order of the inventory.
pub fn find<'a>(inventory: &'a Inventory, text: &SearchText) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for endpoint in &inventory.endpoints {
        let mut add = |object| found.push(Found { endpoint, object });
        for host in &endpoint.hosts {
            if text.is_in_host(host) {
                add(FoundObject::Host(host));
            }
            for guest in host.guests.iter().filter(|guest| text.is_in_guest(guest)) {
                add(FoundObject::Guest(guest, Some(host)));
            }
        }
        for guest in endpoint.detached_guests.iter().filter(|guest| text.is_in_guest(guest)) {
            add(FoundObject::Guest(guest, None));
        }
        for pod in endpoint.workloads.pods.iter().filter(|pod| text.is_in_pod(pod)) {
            add(FoundObject::Pod(pod));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{
        Address, EndpointResult, Guest, Host, Interface, Inventory, Pod, Workloads,
    };

    use super::{FoundObject, SearchText, find};
    use crate::output::inventory::assemble;

    const UUID: &str = "4c4c4544-0042-3510-8052-b4c04f4e3731";

    fn inventory() -> Inventory {
        let address = |address: &str| Address { kind: None, address: address.to_owned() };
        let mut guest = Guest::new(UUID, "Web-1");
        guest.addresses = vec![address("10.0.0.12"), address("2001:db8::1/64")];
        guest.host_name = Some("intranet.example.com".into());
        guest.interfaces = vec![Interface {
            mac: Some("52:54:00:12:34:56".into()),
            addresses: vec!["192.0.2.7".into()],
            network: Some("br0".into()),
        }];
        guest.attributes.insert("vmState".into(), "running".into());
        guest
            .attributes
            .insert("vmware_uuid".into(), "564D7AAA-0000-4000-8000-00000000ABCD".into());
        let mut host = Host::new("H-1", "esx1.example.com");
        host.addresses = vec![address("10.0.0.1")];
        host.identifiers.instance_id = Some("i-0abc".into());
        host.guests = vec![guest];
        let mut endpoint = EndpointResult::new("e".into(), None, None);
        endpoint.status = gatherer_plugin_api::model::EndpointStatus::Complete;
        endpoint.hosts = vec![host];
        endpoint.detached_guests = vec![Guest::new("d", "lost")];
        let pod = Pod {
            name: "web-7".into(),
            uid: "6d5e3bb5-0000-4000-8000-000000000001".into(),
            pod_ips: vec!["10.42.0.9".into()],
            host_ips: vec!["10.0.0.1".into()],
            ..Pod::default()
        };
        endpoint.workloads = Workloads { pods: vec![pod], ..Workloads::default() };
        assemble(vec![endpoint], None)
    }

    fn found(text: &str) -> Vec<&'static str> {
        let inventory = inventory();
        let text: SearchText = text.parse().expect("a text");
        let found = find(&inventory, &text).into_iter().map(|found| match found.object {
            FoundObject::Host(_) => "host",
            FoundObject::Guest(_, Some(_)) => "guest",
            FoundObject::Guest(_, None) => "detached",
            FoundObject::Pod(_) => "pod",
        });
        found.collect()
    }

    #[test]
    fn finds_names_in_upper_and_lower_case() {
        assert_eq!(found("WEB-"), ["guest", "pod"]);
        assert_eq!(found("ESX1"), ["host"]);
        assert_eq!(found(" lost "), ["detached"]);
        assert!(found("running").is_empty(), "an attribute is not a name");
        assert!("  ".parse::<SearchText>().is_err());
    }

    #[test]
    fn finds_identifiers_and_uuids_with_and_without_dashes() {
        let bare = UUID.replace('-', "");
        let braced = format!("{{{}}}", UUID.to_uppercase());
        let named = format!("urn:uuid:{UUID}");
        for text in [UUID, &bare, &braced, &named, "4C4C454400423510", "4544-0042-35", "8052"] {
            assert_eq!(found(text), ["guest"], "{text}");
        }
        assert_eq!(found("564d7aaa00004000"), ["guest"], "an attribute that is a UUID");
        assert_eq!(found("6d5e3bb50000"), ["pod"]);
        assert_eq!(found("h-1"), ["host"]);
        assert_eq!(found("I-0ABC"), ["host"]);
        assert!(found("23").is_empty(), "short texts are compared with the dashes");
    }

    #[test]
    fn finds_the_host_name_and_the_interfaces_of_a_guest() {
        assert_eq!(found("intranet"), ["guest"]);
        assert_eq!(found("52:54:00:12"), ["guest"]);
        assert_eq!(found("192.0.2.7"), ["guest"]);
        assert!(found("192.0.2.70").is_empty());
        assert!(found("br0").is_empty(), "a network is not an address");
    }

    #[test]
    fn a_complete_address_finds_only_equal_addresses() {
        assert_eq!(found("10.0.0.1"), ["host"]);
        assert_eq!(found("10.0.0."), ["host", "guest"]);
        assert_eq!(found("10.42.0.9"), ["pod"]);
        for text in ["2001:DB8:0:0::1", "[2001:db8::1]", "2001:db8::1"] {
            assert_eq!(found(text), ["guest"], "{text}");
        }
        assert_eq!(found("::ffff:10.0.0.12"), ["guest"]);
    }
}
