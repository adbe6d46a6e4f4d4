//! What a group of machines has in common, and its name.

use super::safe_names::{GROUP_PREFIX, checksum, cut, group_part, unique};

/// What the machines of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shared<'a> {
    /// A group that always exists: `guests`, `hosts`, `templates`, `agents`.
    Kind(&'static str),
    /// The module of their endpoint.
    Module(&'a str),
    /// Their endpoint, by id and module.
    Endpoint(&'a str, Option<&'a str>),
    /// Their state, in snake case.
    State(&'a str),
    /// Their data centre. Another endpoint's data centre of the same name is another one.
    Datacenter { endpoint: &'a str, name: &'a str },
    /// Their cluster.
    Cluster { endpoint: &'a str, datacenter: Option<&'a str>, name: &'a str },
    /// The host that the guests run on, by its name in Ansible's inventory.
    On(&'a str),
    /// The kind of the hosts' hypervisor.
    Hypervisor(&'a str),
    /// A role of the hosts.
    Role(&'a str),
    /// The name of their operating system.
    Os(&'a str),
    /// A label's key.
    Label(&'a str),
    /// A label's key and value.
    LabelValue(&'a str, &'a str),
}

impl<'a> Shared<'a> {
    /// The first part of the group's name.
    const fn family(&self) -> &'static str {
        match self {
            Self::Kind(kind) => kind,
            Self::Module(_) => "module",
            Self::Endpoint(..) => "endpoint",
            Self::State(_) => "state",
            Self::Datacenter { .. } => "datacenter",
            Self::Cluster { .. } => "cluster",
            Self::On(_) => "on",
            Self::Hypervisor(_) => "hypervisor",
            Self::Role(_) => "role",
            Self::Os(_) => "os",
            Self::Label(_) | Self::LabelValue(..) => "label",
        }
    }

    /// The texts that tell this group from others of its family; the first ones are in its name.
    fn texts(&self) -> [&'a str; 3] {
        match *self {
            Self::Kind(_) => [""; 3],
            Self::Module(text)
            | Self::State(text)
            | Self::On(text)
            | Self::Hypervisor(text)
            | Self::Role(text)
            | Self::Os(text)
            | Self::Label(text) => [text, "", ""],
            Self::Endpoint(id, module) => [id, module.unwrap_or_default(), ""],
            Self::Datacenter { endpoint, name } => [name, endpoint, ""],
            Self::Cluster { endpoint, datacenter, name } => {
                [name, endpoint, datacenter.unwrap_or_default()]
            }
            Self::LabelValue(key, value) => [key, value, ""],
        }
    }

    /// The name: its parts, and a number if they are not enough. Level 1 adds the endpoint of a cluster or a data centre,
    /// level 2 the number.
    fn name(&self, level: usize) -> String {
        let texts = self.texts();
        let mut name = format!("{GROUP_PREFIX}{}", self.family());
        if matches!(self, Self::Kind(_)) {
            return name;
        }
        let in_name = match self {
            Self::LabelValue(..) => 2,
            Self::Datacenter { .. } | Self::Cluster { .. } if level > 0 => 2,
            _ => 1,
        };
        let mut needs_number = level == 2;
        for (position, text) in texts[..in_name].iter().enumerate() {
            let part = group_part(text);
            needs_number |= part.is_empty();
            name.push_str(if position == 0 { "_" } else { "__" });
            name.push_str(&part);
        }
        if needs_number {
            let number = checksum(&[self.family(), texts[0], texts[1], texts[2]]);
            name = format!("{}_{number:08x}", name.trim_end_matches('_'));
        }
        cut(name)
    }
}

/// The names of groups, which are different.
pub fn group_names(groups: &[Shared<'_>]) -> Vec<String> {
    unique(groups.len(), 2, |position, level| groups[position].name(level))
}
