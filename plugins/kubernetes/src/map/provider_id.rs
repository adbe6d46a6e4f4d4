//! The provider of a node, a cloud or a hypervisor: from its provider ID, which each provider formats
//! differently, and its topology labels.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Provider;
use gatherer_plugin_support::uuid;

use super::warnings::Problem;

/// The labels for region and zone: the current one, then that of Kubernetes before 1.17.
const REGION: [&str; 2] =
    ["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"];
const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

/// A provider ID, parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ProviderId {
    /// The provider, if the id has a scheme.
    pub provider: Option<Provider>,
    /// The provider's id of the instance.
    pub instance_id: Option<String>,
    /// The part that the id lacks.
    pub problem: Option<Problem>,
}

/// The part of a provider ID after its scheme.
#[derive(Debug, Default, PartialEq, Eq)]
struct InstancePath {
    instance_id: Option<String>,
    region: Option<String>,
    zone: Option<String>,
}

/// Parses a provider ID. The labels for region and zone take precedence over those in the id.
pub(super) fn parse(provider_id: &str, labels: &BTreeMap<String, String>) -> ProviderId {
    let id = provider_id.trim();
    if id.is_empty() {
        return ProviderId::default();
    }
    let Some((scheme, rest)) = id.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        // Oracle's provider IDs have no scheme, and neither have old ones of Amazon.
        return ProviderId {
            instance_id: Some(id.to_owned()),
            problem: Some(Problem::NoProvider),
            ..ProviderId::default()
        };
    };
    let path = match scheme {
        "aws" => aws(rest),
        "azure" => azure(rest),
        "gce" => gce(rest),
        "openstack" => openstack(rest),
        "vsphere" => {
            InstancePath { instance_id: canonical_uuid_or_text(rest), ..InstancePath::default() }
        }
        _ => InstancePath {
            instance_id: non_empty(rest.trim_start_matches('/')),
            ..InstancePath::default()
        },
    };
    let label = |keys: [&str; 2]| {
        keys.iter().find_map(|key| labels.get(*key).and_then(|value| non_empty(value)))
    };
    ProviderId {
        problem: path.instance_id.is_none().then_some(Problem::NoInstance),
        instance_id: path.instance_id.clone(),
        provider: Some(Provider {
            name: scheme.to_owned(),
            instance_id: path.instance_id,
            region: label(REGION).or(path.region),
            zone: label(ZONE).or(path.zone),
        }),
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether the text is a scheme by RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// A UUID in its canonical spelling; any other text unchanged.
fn canonical_uuid_or_text(text: &str) -> Option<String> {
    let text = text.trim_start_matches('/');
    uuid::canonical(text).or_else(|| non_empty(text))
}

/// `/<zone>/<instance>`, `/<instance>` or `//<instance>`. On Fargate, more parts follow.
fn aws(rest: &str) -> InstancePath {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let (zone, instance) = rest.split_once('/').unwrap_or(("", rest));
    InstancePath {
        instance_id: non_empty(instance),
        region: aws_region(zone),
        zone: non_empty(zone),
    }
}

/// The region of a zone: `eu-west-1` for `eu-west-1b`. Local zones (`us-west-2-lax-1a`) do not follow this rule.
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

/// `/subscriptions/<subscription>/resourceGroups/...`: the path of the resource is the instance's id.
fn azure(rest: &str) -> InstancePath {
    let path = rest.trim_start_matches('/');
    InstancePath {
        instance_id: non_empty(path).map(|path| format!("/{path}")),
        ..InstancePath::default()
    }
}

/// `<project>/<zone>/<name>`
fn gce(rest: &str) -> InstancePath {
    let [_, zone, name] = rest.split('/').collect::<Vec<_>>()[..] else {
        return InstancePath::default();
    };
    let region = zone.rsplit_once('-').and_then(|(region, _)| non_empty(region));
    InstancePath { instance_id: non_empty(name), region, zone: non_empty(zone) }
}

/// `/<instance>`, or `<region>/<instance>`.
fn openstack(rest: &str) -> InstancePath {
    let (region, instance) = rest.split_once('/').unwrap_or(("", rest));
    InstancePath {
        instance_id: canonical_uuid_or_text(instance),
        region: non_empty(region),
        zone: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::warnings::Problem;
    use super::{REGION, ZONE, parse};

    /// Provider, instance, region and zone; empty if unknown.
    fn parts(id: &str) -> [String; 4] {
        let parsed = parse(id, &BTreeMap::new());
        let provider = parsed.provider.unwrap_or_default();
        [provider.name, parsed.instance_id.unwrap_or_default()]
            .into_iter()
            .chain([provider.region, provider.zone].map(Option::unwrap_or_default))
            .collect::<Vec<_>>()
            .try_into()
            .expect("four")
    }

    #[test]
    fn parses_the_format_of_each_provider() {
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
            assert_eq!(parts(&id), expected, "{id}");
            assert_eq!(parse(&id, &BTreeMap::new()).problem, None, "{id}");
        }
    }

    #[test]
    fn a_malformed_id_is_a_problem_and_its_valid_parts_are_kept() {
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
            assert_eq!(parts(id), expected, "{id}");
            let has_provider = !expected[0].is_empty();
            let problem = if has_provider { Problem::NoInstance } else { Problem::NoProvider };
            assert_eq!(parse(id, &BTreeMap::new()).problem, Some(problem), "{id}");
        }
    }

    #[test]
    fn labels_take_precedence_over_the_id_and_current_labels_over_old_ones() {
        let location = |pairs: &[(&str, &str)]| {
            let labels = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let parsed = parse("aws:///eu-west-1b/i-0a1", &labels.collect());
            let provider = parsed.provider.expect("aws");
            (provider.region.expect("region"), provider.zone.expect("zone"))
        };
        let expected = |region: &str, zone: &str| (region.to_owned(), zone.to_owned());
        let old = [(REGION[1], "old"), (ZONE[1], "old-z")];
        let new = [(REGION[0], "new"), (ZONE[0], "new-z")];
        let empty = [(REGION[0], ""), (ZONE[0], "")];
        assert_eq!(location(&[]), expected("eu-west-1", "eu-west-1b"));
        assert_eq!(location(&old), expected("old", "old-z"));
        assert_eq!(location(&[old, new].concat()), expected("new", "new-z"));
        assert_eq!(location(&[old, empty].concat()), expected("old", "old-z"));
        assert_eq!(location(&new[..1]), expected("new", "eu-west-1b"));
    }
}
