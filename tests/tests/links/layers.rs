//! One run over a cluster and the four platforms whose machines are its nodes.

use std::sync::Arc;

use gatherer_plugin_support::testing::TlsServer;
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory, OpenstackServer};
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions};
use gatherer_tests::servers::moto::{Moto, MotoContent};
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use gatherer_tests::{Judge, JudgedGuest, Outcome, Run, inventory_endpoint, recorded, skip};
use serde_json::{Value, json};

use crate::recorded_cloud::{self, RecordedServer, first_server};
use crate::{links_of, shown, text, warnings_of};

/// A node of the cluster, and the machine that it is.
struct Expected {
    node: &'static str,
    /// `spec.providerID`.
    provider_id: Option<String>,
    /// `status.nodeInfo.systemUUID`.
    system_uuid: Option<String>,
    /// The identifier that shows it, and its value in the inventory.
    evidence: (&'static str, String),
    /// The endpoint, the id and the name of the guest.
    guest: (&'static str, String, String),
    /// The id of its physical host, if the server says it.
    host_id: Option<String>,
    /// The name of its physical host.
    host: String,
}

impl Expected {
    /// A node with a provider ID, the guest that it is, and the id and name of the host.
    fn by_provider(
        node: &'static str,
        provider_id: String,
        guest: (&'static str, String, String),
        (host_id, host): (Option<String>, String),
    ) -> Self {
        let evidence = ("providerId", provider_id.clone());
        Self {
            node,
            provider_id: Some(provider_id),
            system_uuid: None,
            evidence,
            guest,
            host_id,
            host,
        }
    }
}

/// The UUID of the guest of libvirt with this number.
fn guest_uuid(number: u32) -> String {
    format!("cafe0000-1111-4000-8000-{number:012x}")
}

/// A node as its kubelet writes it.
fn node(name: &str, provider_id: Option<&str>, system_uuid: Option<&str>) -> Value {
    let number = name.bytes().fold(7_u64, |sum, byte| sum * 31 % 9973 + u64::from(byte));
    let own = format!("dddddddd-2222-4000-8000-{number:012x}");
    let mut spec = json!({});
    if let Some(id) = provider_id {
        spec["providerID"] = id.into();
    }
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec,
        "status": {
            "nodeInfo": {
                "machineID": own.replace('d', "e").replace('-', ""), "systemUUID": system_uuid.unwrap_or(&own),
                "bootID": own, "kernelVersion": "6.12.0", "osImage": "Debian", "operatingSystem": "linux",
                "containerRuntimeVersion": "containerd://2.0.0", "kubeletVersion": "v1.20.2",
                "kubeProxyVersion": "v1.20.2", "architecture": "amd64",
            },
            "addresses": [{"type": "Hostname", "address": name}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}],
        },
    })
}

/// Creates a node, and a pod that is assigned to it.
fn create(cluster: &Cluster, node: &Value) {
    cluster.create("/api/v1/nodes", node);
    let name = text(&node["metadata"]["name"]);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("on-{name}")},
        "spec": {"nodeName": name, "containers": [{"name": "app", "image": "registry.example.com/app"}]},
    });
    cluster.create("/api/v1/namespaces/default/pods", &pod);
}

/// Starts a daemon with running guests, or says why that is not possible.
fn start_libvirt(guests: u32) -> Result<Libvirtd, String> {
    // The daemon is useless without the client library.
    let endpoints = json!([{"id": "probe", "module": "Libvirt", "uri": "test:///default"}]);
    let probe = Run::gather(&endpoints).args(["--format", "inventory"]).run().endpoint("probe");
    if let Some(message) = probe["error"]["message"].as_str()
        && message.ends_with("is not installed")
    {
        return Err(message.to_owned());
    }
    let daemon = Libvirtd::start(&LibvirtdOptions::default())?;
    for number in 1..=guests {
        let path = daemon.definition(&format!("vm{number}"), &guest_uuid(number), 1, 32);
        daemon.virsh(&[format!("define {path}"), format!("start vm{number}")]);
    }
    Ok(daemon)
}

/// Two virtual machines of vSphere, of old and of new virtual hardware: the UUID that vSphere says, and what the guest's
/// own system shows.
fn machines_of_vsphere(judge: &Judge, vcsim: &Vcsim) -> [(String, JudgedGuest); 2] {
    let mut arguments = vcsim.judge_arguments();
    let read = |arguments: &[String]| {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        judge.read("vmware.py", &arguments)
    };
    let seen_by_guest = read(&arguments);
    arguments.push("--own-uuids".to_owned());
    let own = read(&arguments);
    let pair = |is_swapped: bool| {
        let mut pairs = seen_by_guest.iter().filter_map(|guest| {
            let same = own.iter().find(|own| own.name == guest.name)?;
            let own = same.id.clone()?;
            let is_running = guest.state.as_deref() == Some("poweredOn") && guest.host.is_some();
            (is_running && (guest.id.as_ref() != Some(&own)) == is_swapped)
                .then(|| (own, guest.clone()))
        });
        pairs.next_back().expect("a machine of this hardware")
    };
    [pair(false), pair(true)]
}

fn serve_openstack() -> (TlsServer, OpenstackServer) {
    let inventory = OpenstackInventory::sample();
    let is_active = |server: &&OpenstackServer| server.host.is_some() && server.status == "ACTIVE";
    let server = inventory.servers.iter().find(is_active).expect("an active server").clone();
    let fake = Arc::new(OpenstackFake::new(inventory));
    (TlsServer::start(move |request| fake.answer(request)), server)
}

fn openstack_endpoint(id: &str, server: &TlsServer, password: &str) -> Value {
    json!({
        "id": id, "module": "OpenStack", "auth_url": server.url("/v3"), "username": "admin",
        "password": password, "project": "admin", "ca_file": server.ca_file(), "retries": 0,
    })
}

/// The host of an endpoint with this name.
fn host<'a>(endpoint: &'a Value, name: &str) -> &'a Value {
    let mut named =
        endpoint["hosts"].as_array().expect("a list").iter().filter(|host| host["name"] == *name);
    let host = named.next().unwrap_or_else(|| panic!("no host {name}"));
    assert!(named.next().is_none(), "two hosts {name}");
    host
}

/// All servers of the run.
struct Servers {
    daemon: Libvirtd,
    vcsim: Vcsim,
    cluster: Cluster,
    moto: Moto,
    openstack: TlsServer,
    /// The one of `openstack` that a node is.
    server: OpenstackServer,
    recorded: Option<(TlsServer, RecordedServer)>,
    judge: Judge,
}

impl Servers {
    /// Starts them, or says why that is not possible.
    fn start() -> Result<Self, String> {
        let judge = Judge::new()?;
        let daemon = start_libvirt(3)?;
        let vcsim = Vcsim::start(&VcsimOptions::default())?;
        let cluster = Cluster::start()?;
        let moto = Moto::start(&judge, MotoContent::Sample);
        let (openstack, server) = serve_openstack();
        let recorded = recorded("openstack")
            .map(|folder| (recorded_cloud::serve(&folder), first_server(&folder)));
        Ok(Self { daemon, vcsim, cluster, moto, openstack, server, recorded, judge })
    }

    /// The nodes that are guests of libvirt.
    fn of_libvirt(&self) -> [Expected; 2] {
        let host = self.daemon.virsh(&["hostname"]).trim().to_owned();
        let spellings =
            [("of-kvm", guest_uuid(1)), ("of-kvm-upper-case", guest_uuid(2).to_uppercase())];
        let mut number = 0;
        spellings.map(|(node, spelling)| {
            number += 1;
            Expected {
                node,
                provider_id: None,
                system_uuid: Some(spelling),
                evidence: ("systemUuid", guest_uuid(number)),
                guest: ("kvm", guest_uuid(number), format!("vm{number}")),
                host_id: Some(self.daemon.uuid().to_owned()),
                host: host.clone(),
            }
        })
    }

    /// The nodes whose provider ID names their machine.
    fn of_clouds(&self) -> Vec<Expected> {
        let server = &self.server;
        let place = server.host.as_ref().expect("it is on a host").hypervisor.clone();
        let mut expected = vec![
            Expected::by_provider(
                "of-openstack",
                format!("openstack:///{}", server.id),
                ("nova", server.id.clone(), server.name.clone()),
                (Some(place.clone()), place),
            ),
            self.of_ec2(),
        ];
        let machines = machines_of_vsphere(&self.judge, &self.vcsim);
        for (node, (own, guest)) in ["of-vsphere", "of-vsphere-swapped"].into_iter().zip(machines) {
            expected.push(Expected::by_provider(
                node,
                format!("vsphere://{own}"),
                ("vcenter", guest.id.expect("an id"), guest.name),
                (None, guest.host.expect("a host")),
            ));
        }
        if let Some((_, server)) = &self.recorded {
            expected.push(Expected::by_provider(
                "of-recorded-openstack",
                format!("openstack:///{}", server.uuid),
                ("recorded", server.uuid.clone(), server.name.clone()),
                (Some(server.hypervisor.clone()), server.hypervisor.clone()),
            ));
        }
        expected
    }

    /// The node that is an instance on a dedicated host.
    fn of_ec2(&self) -> Expected {
        let arguments = self.moto.judge_arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut instances = self.judge.read("ec2.py", &arguments).into_iter();
        let instance = instances.find(|instance| instance.host.is_some());
        let instance = instance.expect("an instance on a dedicated host");
        let id = instance.id.expect("an id");
        Expected::by_provider(
            "of-ec2",
            format!("aws:///eu-central-1a/{id}"),
            ("ec2", id, instance.name),
            (None, instance.host.expect("a host")),
        )
    }

    fn endpoints(&self) -> Vec<Value> {
        let (mut of_ec2, kubeconfig) = (self.moto.endpoint(), self.cluster.kubeconfig("token"));
        of_ec2["id"] = "ec2".into();
        let mut endpoints = vec![
            json!({"id": "k8s", "module": "Kubernetes", "kubeconfig": kubeconfig, "collect": "pods"}),
            json!({"id": "kvm", "module": "Libvirt", "uri": self.daemon.unix_uri()}),
            openstack_endpoint("nova", &self.openstack, "pa55-of-keystone"),
            // It has the same servers, and would be in links if it were complete.
            openstack_endpoint("refused", &self.openstack, "wrong"),
            self.vcsim.endpoint(),
            of_ec2,
        ];
        let recorded = self.recorded.iter();
        endpoints.extend(recorded.map(|(server, _)| recorded_cloud::endpoint("recorded", server)));
        endpoints
    }
}

/// Follows the pod on a node down to the physical host, and compares each step with what the servers say.
fn assert_linked(outcome: &Outcome, inventory: &Value, expected: &Expected) {
    let Expected { node, guest: (endpoint, guest_id, guest_name), .. } = expected;
    let k8s = inventory_endpoint(inventory, "k8s");
    let pods = k8s["workloads"]["pods"].as_array().expect("pods");
    let pod = pods.iter().find(|pod| pod["name"] == *format!("on-{node}")).expect("a pod");
    let host_of_pod = host(&k8s, node);
    let ids = [&pod["host"], host_of_pod].map(|host| (&host["id"], &host["name"]));
    assert_eq!(ids[0], ids[1], "{node}");

    let place = inventory_endpoint(inventory, endpoint);
    let physical = host(&place, &expected.host);
    let id = text(&physical["id"]);
    if let Some(expected) = &expected.host_id {
        assert_eq!(id, expected, "{node}");
    }
    let guests = physical["guests"].as_array().expect("guests");
    assert!(guests.iter().any(|guest| guest["id"] == **guest_id), "{node}");

    let links = links_of(inventory, "k8s", node);
    println!("pod {} on {node}: {}", text(&pod["name"]), links.join("; "));
    let evidence = format!("{} {}", expected.evidence.0, expected.evidence.1);
    assert_eq!(
        links,
        [
            format!("same guest {endpoint}/{guest_name} ({guest_id}) by {evidence}"),
            format!("runs-on host {endpoint}/{} ({id}) by {evidence}", expected.host),
        ]
    );
    assert_eq!(warnings_of(outcome, "k8s", node), [""; 0]);
}

#[test]
fn links_lead_from_each_pod_to_its_physical_host() {
    let servers = match Servers::start() {
        Ok(servers) => servers,
        Err(reason) => skip!("{reason}"),
    };
    let mut expected = Vec::from(servers.of_libvirt());
    expected.extend(servers.of_clouds());
    for one in &expected {
        let node = node(one.node, one.provider_id.as_deref(), one.system_uuid.as_deref());
        create(&servers.cluster, &node);
    }
    // A server that is on no host, and the guest of libvirt that no other node is.
    let other = &OpenstackInventory::sample().servers[1];
    let provider_id = format!("openstack:///{}", other.id);
    for (name, provider_id, system_uuid) in [
        ("junk-zeros", None, "00000000-0000-0000-0000-000000000000"),
        ("junk-of-a-board", None, "03000200-0400-0500-0006-000700080009"),
        ("disagreeing", Some(provider_id.as_str()), guest_uuid(3).as_str()),
    ] {
        create(&servers.cluster, &node(name, provider_id, Some(system_uuid)));
    }

    let run = Run::gather(&json!(servers.endpoints())).args(["-v", "--format", "inventory"]);
    let outcome = run.run().expect_code(0);
    let inventory = outcome.inventory();
    for endpoint in inventory["endpoints"].as_array().expect("a list") {
        let is_refused = endpoint["id"] == "refused";
        assert_eq!(
            endpoint["status"] == "failed",
            is_refused,
            "{}: {}",
            endpoint["id"],
            endpoint["error"]
        );
    }
    for one in &expected {
        assert_linked(&outcome, &inventory, one);
    }
    // There are no others.
    let all = inventory["links"].as_array().expect("a list");
    assert_eq!(all.len(), 2 * expected.len(), "{:#?}", all.iter().map(shown).collect::<Vec<_>>());
    for name in ["junk-zeros", "junk-of-a-board"] {
        assert_eq!(warnings_of(&outcome, "k8s", name), [""; 0]);
    }
    let warnings = warnings_of(&outcome, "k8s", "disagreeing");
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    for part in ["different machines", &provider_id, &guest_uuid(3), "\"vm3\"", &other.name] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
}
