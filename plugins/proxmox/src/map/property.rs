//! Property strings of configurations: `virtio=BC:24:11:00:00:01,bridge=vmbr0`, `current=2048`,
//! `uuid=...,base64=1`.

use gatherer_plugin_support::uuid;

/// The properties in their order. The name of the default property may be left out in the text, and is empty then.
pub fn properties(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or(("", part));
        (name.trim(), value.trim())
    })
}

/// The value of a property.
pub fn property<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    properties(text).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The UUID of `smbios1`, in canonical form, and as it is written. With `base64=1` the other values are encoded, but not
/// this one.
pub fn smbios_uuid(smbios1: &str) -> Option<(String, &str)> {
    let text = property(smbios1, "uuid")?;
    Some((uuid::canonical(text)?, text))
}

/// The memory of a virtual machine, in MiB.
pub fn memory_mib(memory: &str) -> Option<u64> {
    let current = properties(memory).find(|(name, _)| matches!(*name, "" | "current"));
    current.and_then(|(_, mib)| mib.parse().ok())
}

/// The size of a disk in bytes: `10G`, `4M`, `528K`, `1.5T` or a number of bytes. The units are powers of 1024.
pub fn size_bytes(size: &str) -> Option<u64> {
    let (number, factor) = match size.as_bytes().last()? {
        b'K' => (&size[..size.len() - 1], 1 << 10),
        b'M' => (&size[..size.len() - 1], 1 << 20),
        b'G' => (&size[..size.len() - 1], 1 << 30),
        b'T' => (&size[..size.len() - 1], 1 << 40),
        _ => (size, 1_u64),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    // Less than 10^6 times 2^40.
    whole.checked_add(fraction.parse::<u64>().ok()? * factor / scale)
}

/// The hardware address of an interface, in lower case: `virtio=MAC`, `model=virtio,macaddr=MAC` or `hwaddr=MAC`.
pub fn mac(interface: &str) -> Option<String> {
    let named = |name: &str| matches!(name, "macaddr" | "hwaddr");
    let mut all = properties(interface);
    let found = properties(interface)
        .find(|(name, _)| named(name))
        .or_else(|| all.next().filter(|(name, _)| !name.is_empty()));
    found.map(|(_, value)| value).filter(|value| is_mac(value)).map(str::to_ascii_lowercase)
}

fn is_mac(text: &str) -> bool {
    let mut parts = text.split(':');
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit());
    parts.clone().count() == 6 && parts.all(is_byte)
}

/// The static addresses of a container's interface, without the length of the prefix.
pub fn static_addresses(interface: &str) -> Vec<String> {
    let configured = ["ip", "ip6"].into_iter().filter_map(|name| property(interface, name));
    configured
        .filter_map(|address| address.split('/').next())
        .filter(|address| address.parse::<std::net::IpAddr>().is_ok())
        .map(str::to_owned)
        .collect()
}

/// Whether a name in a configuration is one of these prefixes with a number: the number.
pub fn numbered(name: &str, prefix: &str) -> Option<u32> {
    let number = name.strip_prefix(prefix)?;
    if number.bytes().all(|byte| byte.is_ascii_digit()) { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_is_not_encoded_even_with_base64() {
        const UUID: &str = "0b9d0c55-1111-4222-8333-444455556666";
        for text in [
            "uuid=0b9d0c55-1111-4222-8333-444455556666",
            "base64=1,serial=YWJj,uuid=0B9D0C55-1111-4222-8333-444455556666",
            "manufacturer=QUJDRA==,base64=1,uuid=0b9d0c55-1111-4222-8333-444455556666,sku=eA==",
        ] {
            let (canonical, written) = smbios_uuid(text).expect("a UUID");
            assert_eq!(canonical, UUID, "{text}");
            assert!(text.contains(written));
        }
        for text in ["", "base64=1", "uuid=", "uuid=1", "serial=uuid", "uuid"] {
            assert_eq!(smbios_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn the_memory_is_the_default_property() {
        assert_eq!(memory_mib("2048"), Some(2048));
        assert_eq!(memory_mib("current=4096"), Some(4096));
        assert_eq!(memory_mib("max=8192,current=512"), Some(512));
        for text in ["", "max=8192", "current=", "much", "-1", "99999999999999999999999"] {
            assert_eq!(memory_mib(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units_of_powers_of_1024() {
        for (text, bytes) in [
            ("10G", 10 << 30),
            ("4M", 4 << 20),
            ("528K", 528 << 10),
            ("2T", 2 << 40),
            ("1.5G", 3 << 29),
            ("123", 123),
        ] {
            assert_eq!(size_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "G", "1P", "-1G", "1.G", ".5G", "1e3", "99999999999T", "1.1234567G", "ü"]
        {
            assert_eq!(size_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn finds_the_mac_in_each_form_of_an_interface() {
        for text in [
            "virtio=BC:24:11:00:00:0A,bridge=vmbr0",
            "model=virtio,macaddr=bc:24:11:00:00:0a,bridge=vmbr0",
            "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:0A,ip=dhcp,type=veth",
        ] {
            assert_eq!(mac(text).as_deref(), Some("bc:24:11:00:00:0a"), "{text}");
        }
        for text in ["", "virtio", "virtio,bridge=vmbr0", "virtio=BC:24", "bridge=a:b:c:d:e:f"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    #[test]
    fn only_static_addresses_of_a_container_are_known() {
        let of = static_addresses;
        assert_eq!(
            of("name=eth0,ip=192.0.2.7/24,ip6=2001:db8::7/64"),
            ["192.0.2.7", "2001:db8::7"]
        );
        assert!(of("name=eth0,ip=dhcp,ip6=auto").is_empty());
        assert!(of("ip=manual,ip6=").is_empty());
    }

    #[test]
    fn a_number_follows_the_prefix() {
        assert_eq!(numbered("scsi10", "scsi"), Some(10));
        for name in ["scsi", "scsihw", "scsi1x", "scsi+1", "xscsi1", "scsi99999999999"] {
            assert_eq!(numbered(name, "scsi"), None, "{name}");
        }
    }
}
