//! Fuzz targets: each takes one input and panics if it breaks a rule.

use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::json;
use serde::Deserialize;

use crate::map::v2::{self, HostV2, VmV2};
use crate::map::v3::{self, ClusterV3, EntityV3, HostV3, VmV3};
use crate::map::v4::{self, ClusterV4, HostV4, VmV4};
use crate::map::{Found, answer};

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("prism", prism)];

/// The lists of one server.
#[derive(Deserialize)]
struct Lists<Cluster, Host, Vm> {
    clusters: Option<Vec<Cluster>>,
    hosts: Vec<Host>,
    vms: Vec<Vm>,
}

/// The lists of one server as JSON, after a byte that selects the version of the API.
fn prism(input: &[u8]) {
    let Some((version, lists)) = input.split_first() else { return };
    let found = match version {
        b'2' => found_v2(lists),
        b'3' => found_v3(lists),
        _ => found_v4(lists),
    };
    let checked = found.and_then(|found| {
        let guests = found.guests.len();
        Ok((guests, answer(found)?))
    });
    let (guests, answer) = match checked {
        Ok(checked) => checked,
        Err(error) => {
            assert_ne!(error.kind, ErrorKind::Internal, "{}", error.message);
            return;
        }
    };
    let placed: usize = answer.hosts.iter().map(|host| host.guests.len()).sum();
    assert_eq!(placed, guests, "each VM is on one host");
    let synthetic = answer.hosts.iter().filter(|host| host.synthetic);
    assert_eq!(synthetic.count(), 1, "there is one pseudo-host");
    for host in &answer.hosts {
        let json = serde_json::to_string(host).expect("a host can be serialized");
        let again: Host = serde_json::from_str(&json).expect("the runner can parse the host");
        assert_eq!(&again, host, "a host is the same after serialization");
    }
}

fn found_v2(input: &[u8]) -> Result<Found, GatherError> {
    let lists: Lists<(), HostV2, VmV2> = json::read(input, "the lists")?;
    Ok(Found {
        hosts: lists.hosts.into_iter().map(v2::host).collect(),
        guests: lists.vms.into_iter().map(v2::guest).collect(),
        ..Found::default()
    })
}

fn found_v3(input: &[u8]) -> Result<Found, GatherError> {
    let lists: Lists<EntityV3<ClusterV3>, EntityV3<HostV3>, EntityV3<VmV3>> =
        json::read(input, "the lists")?;
    let mut found = Found::default();
    found.clusters.extend(lists.clusters.into_iter().flatten().filter_map(v3::cluster));
    for host in lists.hosts {
        if !host.is_prism_central(&found.clusters)
            && let Some(uuid) = host.uuid().map(str::to_owned)
        {
            found.hosts.push(v3::host(uuid, host, &found.clusters));
        }
    }
    for vm in lists.vms {
        if let Some(uuid) = vm.uuid().map(str::to_owned) {
            found.guests.push(v3::guest(&uuid, vm));
        }
    }
    Ok(found)
}

fn found_v4(input: &[u8]) -> Result<Found, GatherError> {
    let lists: Lists<ClusterV4, HostV4, VmV4> = json::read(input, "the lists")?;
    let mut found = Found { lists_esxi_guests: true, ..Found::default() };
    for cluster in lists.clusters.unwrap_or_default() {
        found.clusters.push(v4::cluster(cluster)?);
    }
    for host in lists.hosts {
        found.hosts.push(v4::host(host, &found.clusters)?);
    }
    for vm in lists.vms {
        found.guests.push(v4::guest(vm, &found.clusters)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
