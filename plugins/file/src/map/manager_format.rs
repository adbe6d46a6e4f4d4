//! Reads hosts in the Manager's format, which has fixed types, as this and earlier gatherers print it.
//! What this program has printed without a warning is read and printed again byte for byte. Of other gatherers' output,
//! the types of numbers, unknown members, states in other words and values that are ignored here change.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Guest, GuestState, Host, Hypervisor, Version, Warning};
use gatherer_plugin_support::uuid;
use serde_json::Number;

use super::format::{FORMATS_HINT, has_replaced_name, ignored, is_id, wrong_type};
use super::values::{Unreadable, count, mebibytes, megahertz, text};
use super::warnings::Warnings;
use super::{DocumentSummary, Finding, FindingSink, MANAGER};
use gatherer_plugin_support::json::{Json, member, quote};

/// The format's placeholder for unknown strings.
const UNKNOWN: &str = "(unknown)";
const KUBERNETES: &str = "kubernetes";

/// Reads hosts, passes each to the sink, and collects warnings.
pub struct HostReader<'a, 'b> {
    sink: &'a mut FindingSink<'b>,
    warnings: Warnings,
    /// ` of the manager "..."`, for errors, if the document has managers.
    of_manager: String,
    /// The name of the current manager, if the document has several.
    manager: Option<String>,
}

impl<'a, 'b> HostReader<'a, 'b> {
    /// A reader that passes hosts to this sink.
    pub fn new(sink: &'a mut FindingSink<'b>) -> Self {
        Self { sink, warnings: Warnings::default(), of_manager: String::new(), manager: None }
    }

    /// Adds a warning about the document.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.forward(warning);
    }

    /// Reads the hosts of a manager. `is_one_of_several`: whether the document has further managers.
    pub fn manager(
        &mut self,
        name: &str,
        hosts: Vec<(String, Json)>,
        is_one_of_several: bool,
    ) -> Result<(), GatherError> {
        self.of_manager = format!(" of the manager {}", quote(name));
        self.manager = is_one_of_several.then(|| name.to_owned());
        self.hosts(hosts)
    }

    /// Reads a map of hosts.
    pub fn hosts(&mut self, hosts: Vec<(String, Json)>) -> Result<(), GatherError> {
        for (key, value) in hosts {
            let Json::Object(members) = value else {
                let subject = format!("the host {}{}", quote(&key), self.of_manager);
                return Err(wrong_type(&subject, "an object", &value));
            };
            let mut host = self.host(&key, members)?;
            if let Some(manager) = &self.manager {
                host.identifiers.other.insert(MANAGER.to_owned(), manager.clone());
            }
            (self.sink)(Finding::Host(Box::new(host)))?;
        }
        Ok(())
    }

    /// The collections, of which this format has none, and the warnings.
    pub fn into_summary(self) -> DocumentSummary {
        DocumentSummary { collections: Vec::new(), warnings: self.warnings.into_list() }
    }

    fn host(&mut self, key: &str, members: Vec<(String, Json)>) -> Result<Host, GatherError> {
        let description = format!("the host {}{}", quote(key), self.of_manager);
        let mut read =
            RemainingMembers { members, host: key, description, warnings: &mut self.warnings };
        for member in ["name", "hostIdentifier", "fallbackHostIdentifier", "type"] {
            read.check_readable(member)?;
        }
        let name = read.text("name").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| key.to_owned());
        let kind = read.text("type").filter(|kind| !kind.is_empty());
        let id = read.text("hostIdentifier").filter(|id| !id.is_empty());
        if id.is_none() {
            read.warn("it has no hostIdentifier; its name is used instead");
        }

        let mut host = Host::new(id.unwrap_or_else(|| name.clone()), name);
        host.short_name = (key != host.name && !key.is_empty()).then(|| key.to_owned());
        let is_node = kind.as_deref() == Some(KUBERNETES);
        if is_node {
            host.identifiers.machine_id = Some(host.id.clone());
        } else {
            host.identifiers.uuid = uuid::canonical(&host.id);
        }
        host.identifiers.previous = read.text("fallbackHostIdentifier");
        host.os = operating_system(read.text("os"), read.text("osVersion"), is_node);

        let known = |text: &String| text != UNKNOWN;
        host.cpu.architecture = read.text("cpuArch").filter(|text| !text.is_empty());
        host.cpu.vendor = read.text("cpuVendor").filter(known);
        host.cpu.model = read.text("cpuDescription").filter(known);
        host.cpu.frequency_mhz = read.take("cpuMhz", "a number of MHz", megahertz);
        host.cpu.sockets = read.take("totalCpuSockets", "a count", count);
        host.cpu.cores = read.take("totalCpuCores", "a count", count);
        host.cpu.threads = read.take("totalCpuThreads", "a count", count);
        host.memory_bytes = read.take("ramMb", "a number of MiB", mebibytes);
        remove_placeholders(&mut host, is_node);
        host.hypervisor = kind.map(|kind| Hypervisor { kind, version: None });

        let guests = read.raw("vms");
        let data = read.raw("optionalVmData");
        let unknown = std::mem::take(&mut read.members);
        host.guests = read.guests(guests, data)?;
        for (member, value) in unknown {
            self.warnings.add_unknown("host", member, &value, key);
        }
        Ok(host)
    }
}

/// The members of one host that are not read yet.
struct RemainingMembers<'a> {
    members: Vec<(String, Json)>,
    host: &'a str,
    /// The host, for errors.
    description: String,
    warnings: &'a mut Warnings,
}

impl RemainingMembers<'_> {
    /// Removes a member and returns its value.
    fn raw(&mut self, name: &str) -> Option<Json> {
        let index = self.members.iter().position(|(own, _)| own == name)?;
        Some(self.members.swap_remove(index).1)
    }

    /// Removes a member and converts its value. If that fails, adds a warning and returns `None`.
    fn take<T>(
        &mut self,
        name: &str,
        expected: &str,
        convert: impl FnOnce(Json) -> Result<Option<T>, Unreadable>,
    ) -> Option<T> {
        let value = self.raw(name)?;
        let why = match &value {
            // Its type may be right, but not the value.
            Json::Number(_) | Json::LossyNumber(_) | Json::Text(_) => {
                format!("is ignored: it must be {expected}")
            }
            other => ignored(expected, other),
        };
        convert(value).unwrap_or_else(|Unreadable| {
            self.warn(format!("{name} {why}"));
            None
        })
    }

    /// An error if the member cannot be read.
    fn check_readable(&self, name: &str) -> Result<(), GatherError> {
        match member(&self.members, name) {
            Some(value @ Json::Unreadable(_)) => {
                let subject = format!("`{name}` of {}", self.description);
                Err(wrong_type(&subject, "a string", value))
            }
            _ => Ok(()),
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, "a string", text)
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.add(self.host, message);
    }

    fn guests(&mut self, vms: Option<Json>, data: Option<Json>) -> Result<Vec<Guest>, GatherError> {
        let subject = format!("`vms` of {}", self.description);
        let vms = match vms {
            Some(Json::Object(vms)) => vms,
            Some(other) => return Err(wrong_type(&subject, "an object of strings", &other)),
            None => {
                let message = format!("{} has no `vms`", self.description);
                return Err(GatherError::protocol(message).with_hint(FORMATS_HINT));
            }
        };
        let mut data: BTreeMap<String, Json> = match data {
            None | Some(Json::Null) => BTreeMap::new(),
            Some(Json::Object(mut data)) => {
                for (name, value) in data.extract_if(.., |(_, value)| has_replaced_name(value)) {
                    let name = quote(&name);
                    self.warn(format!("optionalVmData of {name} {}", ignored("", &value)));
                }
                data.into_iter().collect()
            }
            Some(other) => {
                self.warn(format!("optionalVmData {}", ignored("an object", &other)));
                BTreeMap::new()
            }
        };
        let mut guests = Vec::with_capacity(vms.len());
        for (name, id) in vms {
            if !is_id(&id) {
                let subject = format!("{subject}: the id of {}", quote(&name));
                return Err(wrong_type(&subject, "a string or a number", &id));
            }
            let id = text(id).ok().flatten().unwrap_or_default();
            let data = data.remove(&name);
            guests.push(self.guest(name, id, data));
        }
        for name in data.into_keys() {
            let name = quote(&name);
            self.warn(format!("optionalVmData of {name} is ignored: it is not in vms"));
        }
        Ok(guests)
    }

    fn guest(&mut self, name: String, id: String, data: Option<Json>) -> Guest {
        let mut guest = Guest { name, ..Guest::default() };
        guest.uuid = uuid::canonical_or_raw(&id, "rawUuid", &mut guest.identifiers.other);
        if guest.uuid.is_none() {
            // A text that is not a UUID is only the guest's id.
            guest.identifiers.other.clear();
        }
        guest.id = (!id.is_empty()).then_some(id);
        let data = match data {
            None | Some(Json::Null) => return guest,
            Some(Json::Object(data)) => data,
            Some(other) => {
                let name = quote(&guest.name);
                self.warn(format!("optionalVmData of {name} {}", ignored("an object", &other)));
                return guest;
            }
        };
        for (attribute, value) in data {
            let why = ignored("a string", &value);
            match text(value) {
                Ok(Some(word)) if attribute == "vmState" => set_state(&mut guest, word),
                Ok(Some(text)) => {
                    guest.attributes.insert(attribute, text);
                }
                Ok(None) => {}
                Err(Unreadable) => self.warn(format!(
                    "{} in optionalVmData of {} {why}",
                    quote(&attribute),
                    quote(&guest.name),
                )),
            }
        }
        guest
    }
}

/// Sets the state from a word. A word that is not a Manager's label is kept as the source's own word.
fn set_state(guest: &mut Guest, word: String) {
    guest.state = GuestState::from_manager_label(&word);
    if guest.state.is_none() {
        guest.state = GuestState::from_word(&word);
        guest.source_state = guest.state.map(|_| word);
    }
}

/// The operating system. Kubernetes nodes do not report the version, and the format always prints it as 1.
fn operating_system(
    name: Option<String>,
    version: Option<String>,
    is_node: bool,
) -> Option<Version> {
    let name = name.filter(|name| !name.is_empty());
    let version = match (&name, version) {
        (Some(_), Some(version)) if is_node && version == "1" => None,
        // An empty version is kept, because a missing one would be printed as 1.
        (Some(_), version) => version,
        (None, version) => version.filter(|version| !version.is_empty()),
    };
    (name.is_some() || version.is_some()).then_some(Version { name, version })
}

/// Removes zeros that mean "unknown", if the format prints them again for unknown values.
fn remove_placeholders(host: &mut Host, is_node: bool) {
    let cpu = &mut host.cpu;
    let zero = |count: Option<u32>| count == Some(0);
    let no_frequency = cpu.frequency_mhz == Some(Number::from(0));
    // A host without processors and memory is not a machine but the pseudo-host of a cloud.
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
