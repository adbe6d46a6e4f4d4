//! Whether the user may view each kind of object: the shortest page of each list.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::Request;
use gatherer_plugin_support::retry;
use serde_json::json;

use super::{ApiVersion, Prism};

/// A list that a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// The clusters.
    Clusters,
    /// The hosts.
    Hosts,
    /// The virtual machines.
    Vms,
}

impl ListKind {
    /// All lists, in the order in which they are read.
    pub const ALL: [Self; 3] = [Self::Clusters, Self::Hosts, Self::Vms];

    /// The name of the step of a check.
    pub fn step(self) -> String {
        let objects = match self {
            Self::Clusters => "clusters",
            Self::Hosts => "hosts",
            Self::Vms => "VMs",
        };
        format!("right: view {objects}")
    }
}

impl ApiVersion {
    /// The lists that a run reads with this version.
    pub fn lists(&self) -> &'static [ListKind] {
        match self {
            Self::V2 => &[ListKind::Hosts, ListKind::Vms],
            Self::V3 | Self::V4 { .. } => &ListKind::ALL,
        }
    }
}

/// Requests one item of a list.
pub async fn probe(
    prism: &Prism<'_>,
    version: &ApiVersion,
    kind: ListKind,
) -> Result<(), GatherError> {
    let request = request(prism, version, kind);
    retry::idempotent(prism.context, || prism.attempt(&request)).await.map(drop)
}

fn request(prism: &Prism<'_>, version: &ApiVersion, kind: ListKind) -> Request {
    let get = |path: &str, parameters: &[(&str, &str)]| {
        let mut url = prism.url(path);
        url.query_pairs_mut().extend_pairs(parameters);
        prism.get(url)
    };
    match version {
        ApiVersion::V2 => match kind {
            ListKind::Vms => {
                get("PrismGateway/services/rest/v2.0/vms", &[("offset", "0"), ("length", "1")])
            }
            _ => get("PrismGateway/services/rest/v2.0/hosts", &[("page", "1"), ("count", "1")]),
        },
        ApiVersion::V3 => {
            let (path, kind) = match kind {
                ListKind::Clusters => ("clusters", "cluster"),
                ListKind::Hosts => ("hosts", "host"),
                ListKind::Vms => ("vms", "vm"),
            };
            let url = prism.url(&format!("api/nutanix/v3/{path}/list"));
            prism.post(url, &json!({"kind": kind, "offset": 0, "length": 1}))
        }
        ApiVersion::V4 { vmm, clustermgmt } => {
            let path = match kind {
                ListKind::Clusters => format!("api/clustermgmt/{clustermgmt}/config/clusters"),
                ListKind::Hosts => format!("api/clustermgmt/{clustermgmt}/config/hosts"),
                ListKind::Vms => format!("api/vmm/{vmm}/ahv/config/vms"),
            };
            get(&path, &[("$page", "0"), ("$limit", "1")])
        }
    }
}
