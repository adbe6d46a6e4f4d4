//! The parts of the API's answers that the module uses. Values that are not needed to tell what exists have any type:
//! `values` reads them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Every answer.
#[derive(Debug, Deserialize)]
pub struct Reply<T> {
    /// The data.
    pub data: T,
}

/// `GET /access/permissions`: by path, the privileges, each with whether it propagates.
pub type Permissions = BTreeMap<String, BTreeMap<String, Value>>;

/// An entry of `GET /access/acl`: a role on a path.
#[derive(Debug, Deserialize)]
pub struct AclEntry {
    /// The path.
    pub path: String,
    /// The role.
    pub roleid: String,
}

/// `GET /access/users/USER`.
#[derive(Debug, Deserialize)]
pub struct UserEntry {
    /// When the user expires, in seconds since 1970; 0 if never.
    #[serde(default)]
    pub expire: Value,
    /// The tokens by name. Absent before Proxmox VE 6.2.
    #[serde(default)]
    pub tokens: BTreeMap<String, TokenEntry>,
}

/// A token of a user.
#[derive(Debug, Deserialize)]
pub struct TokenEntry {
    /// When the token expires, in seconds since 1970; 0 if never.
    #[serde(default)]
    pub expire: Value,
}

/// `GET .../config`: the configuration of a guest.
pub type Config = BTreeMap<String, Value>;

/// `GET /version`.
#[derive(Debug, Default, Deserialize)]
pub struct VersionReply {
    /// The version: `9.1.5`.
    #[serde(default)]
    pub version: Value,
}

/// An entry of `GET /cluster/status`: the cluster, or one of its nodes.
#[derive(Debug, Deserialize)]
pub struct ClusterStatusEntry {
    /// `cluster` or `node`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the cluster or of the node.
    #[serde(default)]
    pub name: Value,
    /// Of the cluster: the number of its nodes, whether online or not.
    #[serde(default)]
    pub nodes: Value,
    /// Of the cluster: whether a majority of the nodes is online.
    #[serde(default)]
    pub quorate: Value,
    /// Of a node: its address.
    #[serde(default)]
    pub ip: Value,
    /// Of a node: whether it is online.
    #[serde(default)]
    pub online: Value,
}

/// An entry of `GET /cluster/resources?type=vm`.
#[derive(Debug, Clone, Deserialize)]
pub struct GuestEntry {
    /// `qemu` or `lxc`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id in the cluster.
    pub vmid: Value,
    /// The node.
    pub node: String,
    /// The name. Absent without recent statistics.
    #[serde(default)]
    pub name: Value,
    /// `running`, `stopped` or `unknown`.
    #[serde(default)]
    pub status: Value,
    /// Whether it is a template.
    #[serde(default)]
    pub template: Value,
    /// The number of CPUs.
    #[serde(default)]
    pub maxcpu: Value,
    /// The memory in bytes.
    #[serde(default)]
    pub maxmem: Value,
    /// The size of the first disk in bytes.
    #[serde(default)]
    pub maxdisk: Value,
    /// How long it has been running, in seconds.
    #[serde(default)]
    pub uptime: Value,
    /// The tags, separated by semicolons.
    #[serde(default)]
    pub tags: Value,
    /// The pool.
    #[serde(default)]
    pub pool: Value,
    /// The operation that holds the lock: `migrate`, `suspended`, `backup`.
    #[serde(default)]
    pub lock: Value,
}

/// An entry of `GET /nodes`.
#[derive(Debug, Deserialize)]
pub struct NodeEntry {
    /// The name.
    pub node: String,
    /// `online`, `offline` or `unknown`.
    #[serde(default)]
    pub status: Value,
    /// The number of CPUs. Absent without `Sys.Audit` on the node.
    #[serde(default)]
    pub maxcpu: Value,
    /// The memory in bytes. Absent without `Sys.Audit` on the node.
    #[serde(default)]
    pub maxmem: Value,
}

/// `GET /nodes/NODE/status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// `pve-manager/9.1.5/80cf92a64bef6889`.
    pub pveversion: Value,
    /// `Linux 6.17.9-1-pve #1 SMP ...`.
    pub kversion: Value,
    /// The members `machine` and `release`. From Proxmox VE 8 on.
    #[serde(rename = "current-kernel")]
    pub current_kernel: Value,
    /// The members `sockets`, `cores`, `cpus`, `model`, `mhz` and others.
    pub cpuinfo: Value,
    /// The member `total`, in bytes, and others.
    pub memory: Value,
}
