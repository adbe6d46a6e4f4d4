//! The hosts of a cloud: pseudo-hosts, because a cloud does not report the machines that its instances run on.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Cpu, Host, Hypervisor, Software};
use gatherer_plugin_api::{Context, GatherError, HostRef};

/// What a Manager calls a cloud. The texts are those of the Manager's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudNames {
    /// The type of the hosts: `aws`.
    pub kind: &'static str,
    /// The name of the cloud: `Amazon AWS`.
    pub name: &'static str,
    /// The service, in the place of a version: `EC2`.
    pub service: &'static str,
}

/// The pseudo-hosts of one endpoint.
///
/// An endpoint with a zone has one host with the endpoint's id, as the classic program has it, also without guests: a
/// Manager then keeps the host. An endpoint without a zone has a host `<endpoint>/<zone>` for each zone that has guests.
///
/// ```no_run
/// use gatherer_plugin_api::{Context, GatherError, model::Guest};
/// use gatherer_plugin_support::cloud::{CloudNames, ZoneHosts};
///
/// # fn send(context: &Context, instances: Vec<(String, Guest)>) -> Result<(), GatherError> {
/// const NAMES: CloudNames = CloudNames { kind: "aws", name: "Amazon AWS", service: "EC2" };
/// let mut hosts = ZoneHosts::new(context, NAMES, Some("eu-central-1a"))?;
/// for (zone, guest) in instances {
///     if let Some(host) = hosts.of_zone(&zone)? {
///         context.guest(&host, guest)?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct ZoneHosts<'a> {
    context: &'a Context,
    names: CloudNames,
    zones: Zones,
}

enum Zones {
    One { zone: String, host: HostRef },
    All(BTreeMap<String, HostRef>),
}

impl<'a> ZoneHosts<'a> {
    /// The hosts of an endpoint with this zone, or of all zones. Sends the host of the zone.
    pub fn new(
        context: &'a Context,
        names: CloudNames,
        zone: Option<&str>,
    ) -> Result<Self, GatherError> {
        let zones = match zone {
            Some(zone) => {
                let host = context.host(pseudo_host(names, context.endpoint()))?;
                Zones::One { zone: zone.to_owned(), host }
            }
            None => Zones::All(BTreeMap::new()),
        };
        Ok(Self { context, names, zones })
    }

    /// The id of the host of the guests in this zone, of which [`of_zone`](Self::of_zone) sends the host.
    pub fn id_of(&self, zone: &str) -> String {
        match self.zones {
            Zones::One { .. } => self.context.endpoint().to_owned(),
            Zones::All(_) => id_of_zone(self.context, zone),
        }
    }

    /// The host of the guests in this zone, `None` if the endpoint has another zone. Sends the host if it is new.
    pub fn of_zone(&mut self, zone: &str) -> Result<Option<HostRef>, GatherError> {
        match &mut self.zones {
            Zones::One { zone: wanted, host } => Ok((wanted == zone).then(|| host.clone())),
            Zones::All(hosts) => {
                if let Some(host) = hosts.get(zone) {
                    return Ok(Some(host.clone()));
                }
                let id = id_of_zone(self.context, zone);
                let host = self.context.host(pseudo_host(self.names, &id))?;
                hosts.insert(zone.to_owned(), host.clone());
                Ok(Some(host))
            }
        }
    }
}

/// The id of the host of a zone, for an endpoint without a zone.
fn id_of_zone(context: &Context, zone: &str) -> String {
    format!("{}/{zone}", context.endpoint())
}

fn pseudo_host(names: CloudNames, id: &str) -> Host {
    Host {
        hypervisor: Some(Hypervisor { kind: names.kind.to_owned(), version: None }),
        software: Some(Software {
            name: names.name.to_owned(),
            version: Some(names.service.to_owned()),
        }),
        cpu: Cpu { architecture: Some("cloud".to_owned()), ..Cpu::default() },
        synthetic: true,
        ..Host::new(id, id)
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::Guest;
    use gatherer_plugin_api::testing::Recorder;
    use gatherer_plugin_api::{Context, GatherError, Gatherer};
    use serde::Deserialize;

    use super::{CloudNames, ZoneHosts};

    const NAMES: CloudNames = CloudNames { kind: "aws", name: "Amazon AWS", service: "EC2" };

    #[derive(Deserialize)]
    struct Parameters {
        zone: Option<String>,
    }

    /// A cloud with an instance in zone `b` and two in zone `a`.
    struct Cloud;

    impl Gatherer for Cloud {
        type Parameters = Parameters;

        fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
            let mut hosts = ZoneHosts::new(context, NAMES, parameters.zone.as_deref())?;
            for (zone, id) in [("b", "1"), ("a", "2"), ("a", "3")] {
                if let Some(host) = hosts.of_zone(zone)? {
                    let guest = Guest::new(id, id);
                    let attributes = [("host".to_owned(), hosts.id_of(zone))].into();
                    context.guest(&host, Guest { attributes, ..guest })?;
                }
            }
            Ok(())
        }
    }

    /// The hosts, each with the ids of its guests.
    fn gather(zone: Option<&str>) -> Vec<String> {
        let gathered =
            Recorder::new().endpoint("cloud").gather::<Cloud>(serde_json::json!({ "zone": zone }));
        let hosts = gathered.expect("a complete answer").hosts.into_iter().map(|host| {
            assert!(host.synthetic);
            assert_eq!(host.id, host.name);
            assert!(host.guests.iter().all(|guest| guest.attributes["host"] == host.id));
            let guests: Vec<_> = host.guests.iter().map(|guest| guest.name.as_str()).collect();
            format!("{}: {}", host.id, guests.join(" "))
        });
        hosts.collect()
    }

    #[test]
    fn a_zone_has_the_endpoints_id_also_without_guests() {
        assert_eq!(gather(Some("a")), ["cloud: 2 3"]);
        assert_eq!(gather(Some("c")), ["cloud: "]);
    }

    #[test]
    fn all_zones_have_a_host_each() {
        let mut hosts = gather(None);
        hosts.sort();
        assert_eq!(hosts, ["cloud/a: 2 3", "cloud/b: 1"]);
    }
}
