//! Hosts in the Manager's fixed types, as this and earlier gatherers print them. What is
//! read here and printed again in that format is the same, byte for byte.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Guest, GuestState, Host, Hypervisor, Version, Warning};
use gatherer_plugin_support::uuid::canonical as canonical_uuid;
use serde_json::Number;

use super::members::Unknown;
use super::shape::{SHAPES, expected};
use super::values::{Odd, count, mebibytes, number, text};
use super::{Found, MANAGER, Rest, Sink};
use gatherer_plugin_support::json::{Json, shown};

/// The placeholder that the format has for texts that are unknown.
const UNKNOWN: &str = "(unknown)";
const KUBERNETES: &str = "kubernetes";

/// Reads hosts, hands each on, and collects what is odd about them.
pub struct Reader<'a, 'b> {
    each: &'a mut Sink<'b>,
    warnings: Vec<Warning>,
    unknown: Unknown,
    /// ` of the manager "..."`, for errors, where the document tells managers apart.
    of_manager: String,
    /// The manager, where there are several.
    manager: Option<String>,
}

impl<'a, 'b> Reader<'a, 'b> {
    /// A reader that has read nothing yet.
    pub fn new(each: &'a mut Sink<'b>) -> Self {
        Self {
            each,
            warnings: Vec::new(),
            unknown: Unknown::default(),
            of_manager: String::new(),
            manager: None,
        }
    }

    /// Notes what is odd about the document.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Reads the hosts of one manager, of several or the only one.
    pub fn manager(
        &mut self,
        name: &str,
        hosts: Vec<(String, Json)>,
        several: bool,
    ) -> Result<(), GatherError> {
        self.of_manager = format!(" of the manager {}", shown(name));
        self.manager = several.then(|| name.to_owned());
        self.hosts(hosts)
    }

    /// Reads a map of hosts.
    pub fn hosts(&mut self, hosts: Vec<(String, Json)>) -> Result<(), GatherError> {
        for (key, value) in hosts {
            let Json::Object(members) = value else {
                let what = format!("the host {}{}", shown(&key), self.of_manager);
                return Err(expected(&what, "an object", &value));
            };
            let mut host = self.host(&key, members)?;
            if let Some(manager) = &self.manager {
                host.identifiers.other.insert(MANAGER.to_owned(), manager.clone());
            }
            (self.each)(Found::Host(Box::new(host)))?;
        }
        Ok(())
    }

    /// Everything that was read beside the hosts.
    pub fn rest(mut self) -> Rest {
        self.warnings.extend(self.unknown.into_warnings());
        Rest { collections: Vec::new(), warnings: self.warnings }
    }

    fn host(&mut self, key: &str, members: Vec<(String, Json)>) -> Result<Host, GatherError> {
        let place = format!("the host {}{}", shown(key), self.of_manager);
        let mut read = Unread { members, host: key, place, warnings: &mut self.warnings };
        let name = read.text("name").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| key.to_owned());
        let kind = read.text("type").filter(|kind| !kind.is_empty());
        let id = read.text("hostIdentifier").filter(|id| !id.is_empty());
        if id.is_none() {
            read.warn("it has no hostIdentifier; known by its name");
        }

        let mut host = Host::new(id.unwrap_or_else(|| name.clone()), name);
        host.short_name = (key != host.name && !key.is_empty()).then(|| key.to_owned());
        let is_node = kind.as_deref() == Some(KUBERNETES);
        if is_node {
            host.identifiers.machine_id = Some(host.id.clone());
        } else {
            host.identifiers.uuid = canonical_uuid(&host.id);
        }
        host.identifiers.previous = read.text("fallbackHostIdentifier");
        host.os = system(read.text("os"), read.text("osVersion"), is_node);

        let known = |text: &String| text != UNKNOWN;
        host.cpu.architecture = read.text("cpuArch").filter(|text| !text.is_empty());
        host.cpu.vendor = read.text("cpuVendor").filter(known);
        host.cpu.model = read.text("cpuDescription").filter(known);
        host.cpu.frequency_mhz = read.take("cpuMhz", "a number", number);
        host.cpu.sockets = read.take("totalCpuSockets", "a count", count);
        host.cpu.cores = read.take("totalCpuCores", "a count", count);
        host.cpu.threads = read.take("totalCpuThreads", "a count", count);
        host.memory_bytes = read.take("ramMb", "a number of MiB", mebibytes);
        forget_placeholders(&mut host, is_node);
        host.hypervisor = kind.map(|kind| Hypervisor { kind, version: None });

        let guests = read.raw("vms");
        let data = read.raw("optionalVmData");
        let left = std::mem::take(&mut read.members);
        host.guests = read.guests(guests, data)?;
        for (member, _) in left {
            self.unknown.note("host", member, key);
        }
        Ok(host)
    }
}

/// The members of one host that were not read yet.
struct Unread<'a> {
    members: Vec<(String, Json)>,
    host: &'a str,
    /// The host, for errors.
    place: String,
    warnings: &'a mut Vec<Warning>,
}

impl Unread<'_> {
    fn raw(&mut self, name: &str) -> Option<Json> {
        let place = self.members.iter().position(|(own, _)| own == name)?;
        Some(self.members.swap_remove(place).1)
    }

    fn take<T>(
        &mut self,
        name: &str,
        wanted: &str,
        understand: impl FnOnce(Json) -> Result<Option<T>, Odd>,
    ) -> Option<T> {
        let value = self.raw(name)?;
        let article = value.article();
        understand(value).unwrap_or_else(|Odd| {
            let message = format!("{name} should be {wanted}, but is {article}; left out");
            self.warn(if article == "a number" || article == "a text" {
                format!("{name} is not {wanted}; left out")
            } else {
                message
            });
            None
        })
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, "a text", text)
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(Warning { object: self.host.to_owned(), message: message.into() });
    }

    fn guests(&mut self, vms: Option<Json>, data: Option<Json>) -> Result<Vec<Guest>, GatherError> {
        let what = format!("`vms` of {}", self.place);
        let vms = match vms {
            Some(Json::Object(vms)) => vms,
            Some(other) => return Err(expected(&what, "an object of texts", &other)),
            None => {
                let message = format!("{} has no `vms`", self.place);
                return Err(GatherError::protocol(message).with_hint(SHAPES));
            }
        };
        let mut data: BTreeMap<String, Json> = match data {
            None | Some(Json::Null) => BTreeMap::new(),
            Some(Json::Object(data)) => data.into_iter().collect(),
            Some(other) => {
                let message = format!(
                    "optionalVmData should be an object, but is {}; left out",
                    other.article()
                );
                self.warn(message);
                BTreeMap::new()
            }
        };
        let mut guests = Vec::with_capacity(vms.len());
        for (name, id) in vms {
            let Json::Text(id) = id else {
                let what = format!("{what}: the id of {}", shown(&name));
                return Err(expected(&what, "a text", &id));
            };
            let data = data.remove(&name);
            guests.push(self.guest(name, id, data));
        }
        for name in data.into_keys() {
            self.warn(format!(
                "optionalVmData has {}, which is none of vms; left out",
                shown(&name)
            ));
        }
        Ok(guests)
    }

    fn guest(&mut self, name: String, id: String, data: Option<Json>) -> Guest {
        let mut guest = Guest { name, ..Guest::default() };
        guest.uuid = canonical_uuid(&id);
        if guest.uuid.as_ref().is_some_and(|canonical| *canonical != id) {
            guest.identifiers.other.insert("rawUuid".to_owned(), id.clone());
        }
        guest.id = (!id.is_empty()).then_some(id);
        let data = match data {
            None | Some(Json::Null) => return guest,
            Some(Json::Object(data)) => data,
            Some(other) => {
                let message = format!(
                    "optionalVmData of {} should be an object, but is {}; left out",
                    shown(&guest.name),
                    other.article()
                );
                self.warn(message);
                return guest;
            }
        };
        for (attribute, value) in data {
            let article = value.article();
            match text(value) {
                Ok(Some(word)) if attribute == "vmState" => set_state(&mut guest, word),
                Ok(Some(text)) => {
                    guest.attributes.insert(attribute, text);
                }
                Ok(None) => {}
                Err(Odd) => self.warn(format!(
                    "optionalVmData of {}: {} should be a text, but is {article}; left out",
                    shown(&guest.name),
                    shown(&attribute)
                )),
            }
        }
        guest
    }
}

/// The state behind a word. A word that the Manager does not know stays an attribute, so that
/// it is printed as it was read.
fn set_state(guest: &mut Guest, word: String) {
    guest.state = GuestState::from_manager_label(&word);
    if guest.state.is_some() {
        return;
    }
    guest.state = match word.as_str() {
        "shut off" | "shutoff" => Some(GuestState::Stopped),
        "in shutdown" => Some(GuestState::ShuttingDown),
        // virsh's word for a domain that waits for a resource.
        "idle" | "blocked" => Some(GuestState::Blocked),
        "pmsuspended" => Some(GuestState::Suspended),
        "no state" => Some(GuestState::Unknown),
        _ => GuestState::from_manager_label(&word.to_ascii_lowercase()),
    };
    guest.source_state = Some(word.clone());
    guest.attributes.insert("vmState".to_owned(), word);
}

/// The operating system. Kubernetes nodes do not tell their system's version: theirs is
/// always printed as 1.
fn system(name: Option<String>, version: Option<String>, is_node: bool) -> Option<Version> {
    let name = name.filter(|name| !name.is_empty());
    let version = match (&name, version) {
        (Some(_), Some(version)) if is_node && version == "1" => None,
        // Printed without one, a known system is version 1; the empty text keeps it empty.
        (Some(_), version) => version,
        (None, version) => version.filter(|version| !version.is_empty()),
    };
    (name.is_some() || version.is_some()).then_some(Version { name, version })
}

/// Zeros that the format prints for what is unknown are unknown here, wherever they are
/// printed again from that.
fn forget_placeholders(host: &mut Host, is_node: bool) {
    let cpu = &mut host.cpu;
    let zero = |count: Option<u32>| count == Some(0);
    let no_frequency = cpu.frequency_mhz == Some(Number::from(0));
    // No machine has no processors: this is the pseudo-host of a cloud.
    host.synthetic = zero(cpu.sockets)
        && zero(cpu.cores)
        && zero(cpu.threads)
        && host.memory_bytes == Some(0)
        && no_frequency;
    if host.synthetic {
        (cpu.sockets, cpu.cores, cpu.threads) = (None, None, None);
        cpu.architecture.take_if(|architecture| architecture == "cloud");
    }
    if !is_node {
        cpu.sockets.take_if(|sockets| *sockets == 0);
    }
    if no_frequency {
        cpu.frequency_mhz = None;
    }
    host.memory_bytes.take_if(|bytes| *bytes == 0);
}
