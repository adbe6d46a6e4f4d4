//! Which cloud or hypervisor a node is an instance of: from its provider ID, which every cloud
//! writes in its own way, and its topology labels.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Provider;
use gatherer_plugin_support::uuid;

/// The labels that name region and zone, the present ones before those of Kubernetes up to 1.16.
const REGION: [&str; 2] =
    ["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"];
const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

/// What was learnt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The provider, if the id says whose it is.
    pub provider: Option<Provider>,
    /// The provider's id of the instance.
    pub instance_id: Option<String>,
    /// What is odd about the id.
    pub warning: Option<&'static str>,
}

/// What the part of an id behind its scheme says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    instance_id: Option<String>,
    region: Option<String>,
    zone: Option<String>,
}

/// Reads a provider ID. Region and zone are those of the labels, else those of the id.
pub fn read(provider_id: &str, labels: &BTreeMap<String, String>) -> Read {
    let id = provider_id.trim();
    if id.is_empty() {
        return Read::default();
    }
    let Some((scheme, rest)) = id.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        // Oracle's are like that, and old ones of Amazon.
        return Read {
            instance_id: Some(id.to_owned()),
            warning: Some("its providerID does not say which provider's it is"),
            ..Read::default()
        };
    };
    let parts = match scheme {
        "aws" => aws(rest),
        "azure" => azure(rest),
        "gce" => gce(rest),
        "openstack" => openstack(rest),
        "vsphere" => Parts { instance_id: own_or_canonical(rest), ..Parts::default() },
        _ => Parts { instance_id: some(rest.trim_start_matches('/')), ..Parts::default() },
    };
    let label =
        |keys: [&str; 2]| keys.iter().find_map(|key| labels.get(*key).and_then(|own| some(own)));
    Read {
        warning: parts
            .instance_id
            .is_none()
            .then_some("its providerID does not say which instance it is"),
        instance_id: parts.instance_id.clone(),
        provider: Some(Provider {
            name: scheme.to_owned(),
            instance_id: parts.instance_id,
            region: label(REGION).or(parts.region),
            zone: label(ZONE).or(parts.zone),
        }),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether it is a scheme by RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// The UUID of an instance in its one spelling; another text as it is.
fn own_or_canonical(text: &str) -> Option<String> {
    let text = text.trim_start_matches('/');
    uuid::canonical(text).or_else(|| some(text))
}

/// `/<zone>/<instance>`, or `/<instance>` or `//<instance>`; Fargate has further parts behind.
fn aws(rest: &str) -> Parts {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let (zone, instance) = rest.split_once('/').unwrap_or(("", rest));
    Parts { instance_id: some(instance), region: aws_region(zone), zone: some(zone) }
}

/// `eu-west-1` of `eu-west-1b`. Local zones (`us-west-2-lax-1a`) do not follow that rule.
fn aws_region(zone: &str) -> Option<String> {
    let region = zone.strip_suffix(|c: char| c.is_ascii_lowercase())?;
    let (area, number) = region.rsplit_once('-')?;
    let is_area = area.split('-').count() >= 2
        && area
            .split('-')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase()));
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    (is_area && is_number).then(|| region.to_owned())
}

/// `/subscriptions/<subscription>/resourceGroups/...`: the id is the resource's path.
fn azure(rest: &str) -> Parts {
    let path = rest.trim_start_matches('/');
    Parts { instance_id: some(path).map(|path| format!("/{path}")), ..Parts::default() }
}

/// `<project>/<zone>/<name>`
fn gce(rest: &str) -> Parts {
    let [_, zone, name] = rest.split('/').collect::<Vec<_>>()[..] else { return Parts::default() };
    let region = zone.rsplit_once('-').and_then(|(region, _)| some(region));
    Parts { instance_id: some(name), region, zone: some(zone) }
}

/// `/<instance>`, or `<region>/<instance>`.
fn openstack(rest: &str) -> Parts {
    let (region, instance) = rest.split_once('/').unwrap_or(("", rest));
    Parts { instance_id: own_or_canonical(instance), region: some(region), zone: None }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{REGION, ZONE, read};

    /// Provider, instance, region, zone; empty for what is not known.
    fn told(id: &str) -> [String; 4] {
        let read = read(id, &BTreeMap::new());
        let provider = read.provider.unwrap_or_default();
        [provider.name, read.instance_id.unwrap_or_default()]
            .into_iter()
            .chain([provider.region, provider.zone].map(Option::unwrap_or_default))
            .collect::<Vec<_>>()
            .try_into()
            .expect("four")
    }

    #[test]
    fn every_provider_has_its_own_form() {
        const UUID: &str = "7b2f5c1e-08d3-4f4e-9a52-1d3c6b7e8f90";
        const AZURE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/\
            virtualMachineScaleSets/aks-pool-vmss/virtualMachines/0";
        for (id, expected) in [
            (format!("openstack:///{UUID}"), ["openstack", UUID, "", ""]),
            (format!("openstack://RegionOne/{UUID}"), ["openstack", UUID, "RegionOne", ""]),
            (format!("openstack://{UUID}"), ["openstack", UUID, "", ""]),
            ("aws:///eu-west-1b/i-0a1".into(), ["aws", "i-0a1", "eu-west-1", "eu-west-1b"]),
            (
                "aws:///us-gov-east-1a/i-0a1".into(),
                ["aws", "i-0a1", "us-gov-east-1", "us-gov-east-1a"],
            ),
            ("aws:///us-west-2-lax-1a/i-0a1".into(), ["aws", "i-0a1", "", "us-west-2-lax-1a"]),
            ("aws:////i-0a1".into(), ["aws", "i-0a1", "", ""]),
            ("aws:///i-0a1".into(), ["aws", "i-0a1", "", ""]),
            (
                "aws:///eu-west-1a/5d8e/fargate-ip".into(),
                ["aws", "5d8e/fargate-ip", "eu-west-1", "eu-west-1a"],
            ),
            (
                "gce://shop/europe-west1-b/gke-1".into(),
                ["gce", "gke-1", "europe-west1", "europe-west1-b"],
            ),
            (format!("azure://{AZURE}"), ["azure", AZURE, "", ""]),
            (format!("vsphere://{}", UUID.to_uppercase()), ["vsphere", UUID, "", ""]),
            ("kind://docker/kind/kind-worker".into(), ["kind", "docker/kind/kind-worker", "", ""]),
            ("k3s://node-1".into(), ["k3s", "node-1", "", ""]),
            ("hcloud://123".into(), ["hcloud", "123", "", ""]),
            ("some.thing+new:///x/y".into(), ["some.thing+new", "x/y", "", ""]),
            (String::new(), ["", "", "", ""]),
            (" ".into(), ["", "", "", ""]),
        ] {
            assert_eq!(told(&id), expected, "{id}");
            assert_eq!(read(&id, &BTreeMap::new()).warning, None, "{id}");
        }
    }

    #[test]
    fn of_a_malformed_id_is_told_what_can_be() {
        for (id, expected) in [
            ("aws://", ["aws", "", "", ""]),
            ("aws:///eu-west-1b/", ["aws", "", "eu-west-1", "eu-west-1b"]),
            ("gce://shop/gke-1", ["gce", "", "", ""]),
            ("gce://shop/europe-west1-b/", ["gce", "", "europe-west1", "europe-west1-b"]),
            ("openstack:///", ["openstack", "", "", ""]),
            ("openstack://RegionOne/", ["openstack", "", "RegionOne", ""]),
            ("azure:///", ["azure", "", "", ""]),
            ("vsphere://", ["vsphere", "", "", ""]),
            ("other:///", ["other", "", "", ""]),
            ("ocid1.instance.oc1.fra.x", ["", "ocid1.instance.oc1.fra.x", "", ""]),
            ("i-0a1", ["", "i-0a1", "", ""]),
            ("://x", ["", "://x", "", ""]),
            ("a b://x", ["", "a b://x", "", ""]),
            ("://", ["", "://", "", ""]),
        ] {
            assert_eq!(told(id), expected, "{id}");
            assert!(read(id, &BTreeMap::new()).warning.is_some(), "{id}");
        }
    }

    #[test]
    fn labels_say_region_and_zone_before_the_id_does_and_new_ones_before_old_ones() {
        let labels = |pairs: &[(&str, &str)]| {
            let own = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let provider = read("aws:///eu-west-1b/i-0a1", &own.collect()).provider.expect("aws");
            (provider.region.expect("region"), provider.zone.expect("zone"))
        };
        let told = |region: &str, zone: &str| (region.to_owned(), zone.to_owned());
        let old = [(REGION[1], "old"), (ZONE[1], "old-z")];
        let new = [(REGION[0], "new"), (ZONE[0], "new-z")];
        let empty = [(REGION[0], ""), (ZONE[0], "")];
        assert_eq!(labels(&[]), told("eu-west-1", "eu-west-1b"));
        assert_eq!(labels(&old), told("old", "old-z"));
        assert_eq!(labels(&[old, new].concat()), told("new", "new-z"));
        assert_eq!(labels(&[old, empty].concat()), told("old", "old-z"));
        assert_eq!(labels(&new[..1]), told("new", "eu-west-1b"));
    }
}
