//! A fake of the API of Proxmox VE: answers in the shapes of Proxmox VE 6 and 9.

mod inventory;
mod login;

use std::sync::{Mutex, MutexGuard};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Map, Value, json};

/// The user of the fake.
pub const USER: &str = "gatherer@pve";
/// The user's password.
pub const PASSWORD: &str = "correct horse +&=% battery";
/// The user's API token.
pub const TOKEN_ID: &str = "gatherer@pve!inventory";
/// The secret of the token.
pub const TOKEN_SECRET: &str = "7d3f1c52-aaaa-4bbb-8ccc-0123456789ab";

/// The release whose types the answers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Proxmox VE 6: ids and counts as text, `""` for a template that is none.
    Six,
    /// Proxmox VE 9: numbers, but the memory of a configuration as a property string.
    Nine,
}

/// A node.
#[derive(Debug, Clone)]
pub struct FakeNode {
    /// The name.
    pub name: &'static str,
    /// Whether the cluster sees it.
    pub online: bool,
    /// Whether the node that is asked can reach it.
    pub reachable: bool,
}

/// A guest.
#[derive(Debug, Clone)]
pub struct FakeGuest {
    /// The id.
    pub vmid: u32,
    /// `qemu` or `lxc`.
    pub kind: &'static str,
    /// The node.
    pub node: &'static str,
    /// The name; absent if the statistics are missing.
    pub name: Option<&'static str>,
    /// The state.
    pub status: &'static str,
    /// CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Whether it is a template.
    pub template: bool,
    /// The pool.
    pub pool: Option<&'static str>,
    /// The other members of its configuration.
    pub config: Value,
}

/// What happens to a guest after the list was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The guest is deleted.
    Deleted(u32),
    /// The guest moves to another node.
    Moved(u32, &'static str),
    /// The configuration of the guest cannot be read, although the guest exists.
    Broken(u32),
}

/// A cluster or a single node.
#[derive(Debug)]
pub struct FakeProxmox {
    /// The release.
    pub release: Release,
    /// The cluster; `None` for a single node.
    pub cluster: Option<&'static str>,
    /// Whether the cluster has a quorum.
    pub quorate: bool,
    /// The nodes.
    pub nodes: Vec<FakeNode>,
    /// The guests.
    pub guests: Vec<FakeGuest>,
    /// The permissions of the user and the token.
    pub permissions: Value,
    /// The roles on paths, of all users.
    pub acl: Value,
    /// When the user and the token expire, in seconds since 1970; `None` if the user may not read that.
    pub expiries: Option<(i64, i64)>,
    /// Guests that the user may not see: they are left out.
    pub hidden: Vec<u32>,
    /// Whether the login needs a second factor.
    pub second_factor: bool,
    /// How many requests a ticket is good for.
    pub requests_of_a_ticket: usize,
    /// Whether each list has the first guest twice.
    pub repeats_a_guest: bool,
    /// What happens after the first list of guests.
    pub change: Option<Change>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    logins: usize,
    requests: usize,
    lists: usize,
}

const EVERYTHING: [&str; 8] =
    ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];

impl FakeProxmox {
    /// A cluster of two nodes with virtual machines, containers and a template.
    pub fn cluster(release: Release) -> Self {
        let privileges =
            json!({"VM.Audit": 1, "Sys.Audit": 1, "Datastore.Audit": 1, "Pool.Audit": 1});
        let permissions: Map<String, Value> =
            EVERYTHING.iter().map(|path| ((*path).to_owned(), privileges.clone())).collect();
        let node = |name| FakeNode { name, online: true, reachable: true };
        Self {
            release,
            cluster: Some("lab"),
            quorate: true,
            nodes: vec![node("pve-a"), node("pve-b")],
            guests: inventory::guests(),
            permissions: Value::Object(permissions),
            acl: json!([{"path": "/", "type": "user", "ugid": USER, "roleid": "PVEAuditor", "propagate": 1}]),
            expiries: Some((0, 0)),
            hidden: Vec::new(),
            second_factor: false,
            requests_of_a_ticket: usize::MAX,
            repeats_a_guest: false,
            change: None,
            state: Mutex::default(),
        }
    }

    /// One node without a cluster.
    pub fn standalone(release: Release) -> Self {
        let mut fake = Self::cluster(release);
        fake.cluster = None;
        fake.nodes.truncate(1);
        fake.guests.retain(|guest| guest.node == "pve-a");
        fake
    }

    /// Takes a node offline: its guests have no statistics any more.
    #[must_use]
    pub fn with_offline(mut self, node: &str) -> Self {
        let found = self.nodes.iter_mut().find(|found| found.name == node).expect("a node");
        (found.online, found.reachable) = (false, false);
        for guest in self.guests.iter_mut().filter(|guest| guest.node == node) {
            guest.name = None;
        }
        self
    }

    /// Answers a request.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        let Some(path) = request.path().strip_prefix("/api2/json/") else {
            return refusal(501, "no such uri");
        };
        if path == "access/ticket" {
            return self.log_in(request);
        }
        if request.method != "GET" {
            return refusal(501, "Method not implemented");
        }
        if let Err(refusal) = self.authenticate(request) {
            return refusal;
        }
        let parts: Vec<&str> = path.split('/').collect();
        let allowed: &[&str] = if parts == ["cluster", "resources"] { &["type"] } else { &[] };
        if let Some(unknown) = unknown_parameter(request, allowed) {
            let errors = json!({unknown: "property is not defined in schema and the schema does not allow additional properties"});
            return Action::json(400, &json!({"data": null, "errors": errors}));
        }
        match parts[..] {
            ["access", "permissions"] => data(self.permissions.clone()),
            ["access", "users", USER] => match self.expiries {
                None => refusal(403, "Permission check failed"),
                Some((user, token)) => data(json!({"enable": 1, "expire": user, "groups": [],
                    "tokens": {"inventory": {"expire": token, "privsep": 1}}})),
            },
            ["access", "acl"] => data(self.acl.clone()),
            ["version"] => data(match self.release {
                Release::Six => {
                    json!({"version": "6.4-13", "release": "6.4", "repoid": "9f411e79"})
                }
                Release::Nine => {
                    json!({"version": "9.1.5", "release": "9.1", "repoid": "80cf92a64bef6889"})
                }
            }),
            ["cluster", "status"] if !self.may_read_cluster() => {
                refusal(403, "Permission check failed (/, Sys.Audit)")
            }
            ["cluster", "status"] => data(self.cluster_status()),
            ["cluster", "resources"] => match request.query("type").as_deref() {
                None | Some("vm") => data(self.resources()),
                Some("node" | "storage" | "sdn") => data(json!([])),
                Some(_) => Action::json(
                    400,
                    &json!({"data": null, "errors": {"type": "value is not one of the enumeration"}}),
                ),
            },
            ["nodes"] => data(self.node_list()),
            ["nodes", name, ref rest @ ..] => self.of_node(name, rest),
            _ => refusal(501, "Method not implemented"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    fn may_read_cluster(&self) -> bool {
        !self.permissions["/"]["Sys.Audit"].is_null()
    }

    fn cluster_status(&self) -> Value {
        let mut entries = Vec::new();
        if let Some(name) = self.cluster {
            entries.push(json!({"type": "cluster", "id": "cluster", "name": name, "version": 2,
                "nodes": self.nodes.len(), "quorate": u8::from(self.quorate)}));
        }
        for (number, node) in self.nodes.iter().enumerate() {
            entries.push(
                json!({"type": "node", "id": format!("node/{}", node.name), "name": node.name,
                "nodeid": number + 1, "local": u8::from(number == 0), "level": "",
                "ip": format!("192.0.2.{}", number + 1), "online": u8::from(node.online)}),
            );
        }
        Value::Array(entries)
    }

    fn node_list(&self) -> Value {
        let entries = self.nodes.iter().map(|node| {
            let mut entry = json!({"type": "node", "id": format!("node/{}", node.name), "node": node.name,
                "status": if node.online { "online" } else { "offline" }, "level": "",
                "ssl_fingerprint": "AA:BB"});
            if node.online {
                entry["maxcpu"] = self.number(16);
                entry["maxmem"] = json!(64_u64 << 30);
                entry["uptime"] = json!(5000);
            }
            entry
        });
        entries.collect()
    }

    fn resources(&self) -> Value {
        let mut state = self.state();
        state.lists += 1;
        let is_changed = state.lists > 1;
        let mut entries = Vec::new();
        for guest in self.guests.iter().filter(|guest| !self.hidden.contains(&guest.vmid)) {
            let mut guest = guest.clone();
            match self.change {
                Some(Change::Deleted(vmid)) if is_changed && vmid == guest.vmid => continue,
                Some(Change::Moved(vmid, node)) if is_changed && vmid == guest.vmid => {
                    guest.node = node;
                }
                _ => {}
            }
            entries.push(self.resource(&guest));
        }
        if self.repeats_a_guest {
            entries.extend(entries.first().cloned());
        }
        Value::Array(entries)
    }

    fn resource(&self, guest: &FakeGuest) -> Value {
        let id = format!("{}/{}", guest.kind, guest.vmid);
        let online = self.nodes.iter().any(|node| node.name == guest.node && node.online);
        if !online {
            return json!({"id": id, "vmid": self.number(guest.vmid.into()), "node": guest.node,
                "type": guest.kind, "status": "unknown"});
        }
        let template = match self.release {
            Release::Six if !guest.template => json!(""),
            _ => self.number(guest.template.into()),
        };
        let mut entry = json!({
            "id": id, "vmid": self.number(guest.vmid.into()), "node": guest.node, "type": guest.kind,
            "status": guest.status, "template": template, "maxcpu": self.number(guest.cpus.into()),
            "maxmem": guest.memory_mib << 20, "maxdisk": 8_u64 << 30, "cpu": 0.01, "mem": 0,
            "uptime": if guest.status == "running" { 1234 } else { 0 },
        });
        if let Some(name) = guest.name {
            entry["name"] = json!(name);
        }
        if let Some(pool) = guest.pool {
            entry["pool"] = json!(pool);
        }
        if let Some(tags) = guest.config.get("tags") {
            entry["tags"] = tags.clone();
        }
        entry
    }

    fn of_node(&self, name: &str, rest: &[&str]) -> Action {
        match self.nodes.iter().find(|node| node.name == name) {
            None => return refusal(500, "hostname lookup failed"),
            Some(node) if !node.reachable => return refusal(595, "No route to host"),
            Some(_) => {}
        }
        match rest {
            ["status"] => data(self.node_status()),
            [kind @ ("qemu" | "lxc")] => {
                let is_own = |guest: &&FakeGuest| {
                    guest.node == name && guest.kind == *kind && !self.hidden.contains(&guest.vmid)
                };
                let guests = self.guests.iter().filter(is_own);
                data(guests.map(|guest| self.resource(guest)).collect::<Value>())
            }
            [kind @ ("qemu" | "lxc"), vmid, "config"] => self.config(name, kind, vmid),
            _ => refusal(501, "Method not implemented"),
        }
    }

    fn node_status(&self) -> Value {
        let mut status = json!({
            "cpuinfo": {"sockets": 2, "cores": 8, "cpus": 16, "mhz": "2100.072", "vendor": "GenuineIntel",
                "model": "A Processor", "hvm": "1", "user_hz": 100},
            "memory": {"total": 68_000_000_000_u64, "used": 1, "free": 67_999_999_999_u64},
            "uptime": 5000,
        });
        match self.release {
            Release::Six => {
                status["pveversion"] = json!("pve-manager/6.4-13/9f411e79");
                status["kversion"] = json!("Linux 5.4.128-1-pve #1 SMP PVE 5.4.128-1");
            }
            Release::Nine => {
                status["pveversion"] = json!("pve-manager/9.1.5/80cf92a64bef6889");
                status["kversion"] = json!("Linux 6.17.9-1-pve #1 SMP PREEMPT_DYNAMIC");
                status["current-kernel"] = json!({"sysname": "Linux", "release": "6.17.9-1-pve",
                    "machine": "x86_64", "version": "#1 SMP"});
            }
        }
        status
    }

    fn config(&self, node: &str, kind: &str, vmid: &str) -> Action {
        let folder = if kind == "qemu" { "qemu-server" } else { kind };
        let message =
            format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist");
        let is_wanted = |guest: &&FakeGuest| {
            let on = match self.change {
                Some(Change::Moved(moved, to)) if moved == guest.vmid => to,
                _ => guest.node,
            };
            on == node
                && guest.kind == kind
                && guest.vmid.to_string() == vmid
                && !self.hidden.contains(&guest.vmid)
        };
        let Some(guest) = self.guests.iter().find(is_wanted) else {
            return refusal(500, &message);
        };
        if [Some(Change::Deleted(guest.vmid)), Some(Change::Broken(guest.vmid))]
            .contains(&self.change)
        {
            return refusal(500, &message);
        }
        let mut config = guest.config.clone();
        config["digest"] = json!("fe2300768384f04d269fefb22fbf0ada4d619013");
        config["memory"] = match (self.release, kind) {
            (Release::Six, _) | (_, "lxc") => json!(guest.memory_mib),
            (Release::Nine, _) if guest.vmid % 2 == 0 => json!(guest.memory_mib.to_string()),
            (Release::Nine, _) => json!(format!("current={}", guest.memory_mib)),
        };
        config["cores"] = self.number(guest.cpus.into());
        if guest.template {
            config["template"] = self.number(1);
        }
        data(config)
    }

    /// A number as the release writes it.
    fn number(&self, number: u64) -> Value {
        match self.release {
            Release::Six => json!(number.to_string()),
            Release::Nine => json!(number),
        }
    }
}

/// A successful answer.
fn data(data: impl Into<Value>) -> Action {
    Action::json(200, &json!({ "data": data.into() }))
}

/// An error of the API.
pub fn refusal(status: u16, message: &str) -> Action {
    Action::json(status, &json!({"data": null, "message": format!("{message}\n")}))
}

/// The name of a parameter that the method does not have.
fn unknown_parameter(request: &ReceivedRequest, allowed: &[&str]) -> Option<String> {
    let (_, query) = request.target.split_once('?')?;
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    names.into_iter().find(|name| !allowed.contains(name)).map(str::to_owned)
}
