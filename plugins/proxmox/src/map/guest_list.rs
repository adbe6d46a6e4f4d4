//! The list of all guests of a cluster.

use gatherer_plugin_api::GatherError;
use serde_json::Value;

use super::replies::GuestEntry;
use super::values;

/// The largest id of a guest (`pve-vmid` in the API's schema).
const VMID_MAX: u64 = 999_999_999;

/// The kind of a guest, which is a part of the path of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl GuestKind {
    /// The API's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }
}

/// A guest as the list describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedGuest {
    /// The kind.
    pub kind: GuestKind,
    /// The id in the cluster.
    pub vmid: u64,
    /// The node.
    pub node: String,
    /// The name, if the list has one.
    pub name: Option<String>,
    /// The state in the API's word.
    pub status: Option<String>,
    /// The operation that holds the lock.
    pub lock: Option<String>,
    /// Whether it is a template.
    pub template: bool,
    /// The number of CPUs.
    pub cpus: Option<u32>,
    /// The memory.
    pub memory_bytes: Option<u64>,
    /// The size of the first disk.
    pub disk_bytes: Option<u64>,
    /// How long it has been running.
    pub uptime_seconds: Option<u64>,
    /// The tags.
    pub tags: Option<String>,
    /// The pool.
    pub pool: Option<String>,
}

/// The guests of the list, each once, ordered by id. An entry that does not tell which guest it is, or the same
/// guest on two nodes, is an error: the list could then be shorter than the truth.
pub fn guests(entries: Vec<GuestEntry>) -> Result<Vec<ListedGuest>, GatherError> {
    let mut guests = entries.into_iter().map(guest).collect::<Result<Vec<_>, _>>()?;
    guests.sort_by_key(|guest| guest.vmid);
    guests.dedup();
    for pair in guests.windows(2) {
        if pair[0].vmid == pair[1].vmid {
            return Err(invalid(&format!("lists the guest {} twice", pair[0].vmid)));
        }
    }
    Ok(guests)
}

fn guest(entry: GuestEntry) -> Result<ListedGuest, GatherError> {
    let vmid = values::positive(&entry.vmid).filter(|vmid| *vmid <= VMID_MAX);
    let vmid = vmid.ok_or_else(|| invalid("has an entry without a valid vmid"))?;
    let kind = match entry.kind.as_str() {
        "qemu" => GuestKind::Qemu,
        "lxc" => GuestKind::Lxc,
        _ => return Err(invalid(&format!("has the guest {vmid}, which is neither qemu nor lxc"))),
    };
    if !is_node_name(&entry.node) {
        return Err(invalid(&format!("has the guest {vmid} without a valid node")));
    }
    let known = |value: &Value| values::positive(value);
    Ok(ListedGuest {
        kind,
        vmid,
        name: values::text(&entry.name),
        status: values::text(&entry.status),
        lock: values::text(&entry.lock),
        template: values::flag(&entry.template),
        cpus: values::count(&entry.maxcpu),
        memory_bytes: known(&entry.maxmem),
        disk_bytes: known(&entry.maxdisk),
        uptime_seconds: values::integer(&entry.uptime),
        tags: values::text(&entry.tags),
        pool: values::text(&entry.pool),
        node: entry.node,
    })
}

/// Whether a text can be the name of a node, which is a part of paths: a host name.
pub fn is_node_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    name.len() <= 255
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(is_allowed)
}

fn invalid(why: &str) -> GatherError {
    GatherError::protocol(format!("the list of guests {why}"))
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;
    use serde_json::json;

    use super::*;

    fn read(list: &Value) -> Result<Vec<ListedGuest>, GatherError> {
        guests(serde_json::from_value(list.clone()).expect("entries"))
    }

    #[test]
    fn a_guest_that_is_listed_twice_is_kept_once() {
        let web = json!({"type": "qemu", "vmid": 100, "node": "pve1", "name": "web"});
        let same = json!({"type": "qemu", "vmid": "100", "node": "pve1", "name": "web"});
        let ct = json!({"type": "lxc", "vmid": 99, "node": "pve1"});
        let listed = read(&json!([web, ct, same])).expect("valid");
        assert_eq!(listed.iter().map(|guest| guest.vmid).collect::<Vec<_>>(), [99, 100]);
    }

    #[test]
    fn an_entry_that_is_not_a_known_guest_fails_the_list() {
        let mut messages = Vec::new();
        for list in [
            json!([{"type": "qemu", "vmid": null, "node": "pve1"}]),
            json!([{"type": "qemu", "vmid": "web", "node": "pve1"}]),
            json!([{"type": "qemu", "vmid": 0, "node": "pve1"}]),
            json!([{"type": "qemu", "vmid": 1_000_000_000, "node": "pve1"}]),
            json!([{"type": "openvz", "vmid": 100, "node": "pve1"}]),
            json!([{"type": "qemu", "vmid": 100, "node": "../x"}]),
            json!([{"type": "qemu", "vmid": 100, "node": ""}]),
            json!([{"type": "qemu", "vmid": 100, "node": "a"}, {"type": "lxc", "vmid": 100, "node": "a"}]),
            json!([{"type": "qemu", "vmid": 100, "node": "a"}, {"type": "qemu", "vmid": 100, "node": "b"}]),
        ] {
            let error = read(&list).expect_err("invalid");
            assert_eq!(error.kind, ErrorKind::Protocol, "{list}");
            messages.push(error.message);
        }
        messages.dedup();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn numbers_that_the_api_does_not_know_are_absent() {
        let listed = json!([{"type": "lxc", "vmid": "101", "node": "pve1", "template": "", "name": "",
            "maxcpu": 0, "maxmem": 0, "uptime": 0}]);
        let guest = &read(&listed).expect("valid")[0];
        assert_eq!((guest.cpus, guest.memory_bytes, guest.name.as_deref()), (None, None, None));
        assert_eq!((guest.uptime_seconds, guest.template), (Some(0), false));
    }
}
