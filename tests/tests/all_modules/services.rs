//! A service for each module, with latency and, if a test wants it, a fault.

use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::FILE_DOCUMENT;
use gatherer_tests::fakes::azure::{AzureFake, AzureInventory};
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Inventory};
use gatherer_tests::fakes::echo;
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixInventory};
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory};
use gatherer_tests::fakes::proxmox::{self, FakeProxmox, Release};
use gatherer_tests::fakes::vcenter::{self, Vcenter};
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use gatherer_tests::scripted_cluster::{Source, base64, kubeconfig};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The time that each answer takes.
const LATENCY: Duration = Duration::from_millis(20);

/// What is wrong with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The first answer is cut, and then every connection is reset.
    Dies,
    /// Every answer has status 500.
    Status500,
    /// Every answer is the first half of the right one, as if it were the whole.
    Half,
    /// After this number of requests each answer repeats the request.
    Repeats(usize, &'static str),
}

impl Fault {
    fn apply(self, request: &ReceivedRequest, right: Action) -> Action {
        let number = request.number;
        let Action::Answer { status, headers, mut body } = right else { return right };
        match self {
            Self::Repeats(after, content_type) if number >= after => {
                echo("", 200, content_type, request)
            }
            Self::Repeats(..) => Action::Answer { status, headers, body },
            Self::Status500 => Action::answer(500, "internal error"),
            Self::Dies if number > 0 => Action::Reset,
            Self::Dies => Action::with_length(body.len() as u64 + 1, &body[..body.len() / 2]),
            Self::Half => {
                body.truncate(body.len() / 2);
                Action::Answer { status, headers, body }
            }
        }
    }
}

/// The running server of a service, and a folder for files of its endpoint.
pub struct Served {
    server: TlsServer,
    folder: TempDir,
}

impl Served {
    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// An endpoint whose values are texts, as a Manager sends them.
    fn endpoint(&self, id: &str, module: &str, more: &Value) -> Value {
        let mut endpoint = json!({
            "id": id, "module": module, "ca_file": self.server.ca_file(), "retries": "0",
        });
        let members = endpoint.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        endpoint
    }

    /// The same for a module with the host's name, the port, the user and the password.
    fn with_password(&self, id: &str, module: &str, user: &str, password: &str) -> Value {
        let port = self.server.port().to_string();
        let more = json!({
            "hostname": "127.0.0.1", "port": port, "username": user, "password": password,
        });
        self.endpoint(id, module, &more)
    }
}

/// A service and the endpoint that gathers from it.
pub struct Service {
    pub endpoint: Value,
    served: Option<Served>,
}

impl Service {
    /// The id of its endpoint.
    pub fn id(&self) -> &str {
        self.endpoint["id"].as_str().expect("a text")
    }

    /// The requests that its server got.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.served.as_ref().map_or_else(Vec::new, |served| served.server.received())
    }

    /// A service that answers with this script.
    fn start(
        fault: Option<Fault>,
        script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static,
        endpoint: impl Fn(&Served) -> Value,
    ) -> Self {
        let server = TlsServer::start(move |request| {
            std::thread::sleep(LATENCY);
            let right = script(request);
            match fault {
                Some(fault) => fault.apply(request, right),
                None => right,
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let running = Served { server, folder };
        Self { endpoint: endpoint(&running), served: Some(running) }
    }
}

/// Starts the service of a module, with its fault.
type Start = fn(Option<Fault>) -> Service;

/// Each module with its service, in the order of the modules' names.
pub const SERVICES: [(&str, Start); 12] = [
    ("AmazonEC2", ec2),
    ("Azure", azure),
    ("File", file),
    ("GoogleCE", gce),
    ("Kubernetes", kubernetes),
    ("Libvirt", libvirt),
    ("NutanixAHV", nutanix),
    ("OpenStack", openstack),
    ("Proxmox", proxmox),
    ("SUSECloud", suse_cloud),
    ("VMware", vmware),
    ("Xen", xen),
];

fn ec2(fault: Option<Fault>) -> Service {
    let fake = Ec2Fake::new(Ec2Inventory::sample());
    let (key, region) = (fake.key(), fake.region.clone());
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| {
            let more = json!({
                "access_key_id": key.id, "secret_access_key": key.secret, "region": region,
                "zone": "", "endpoint_url": served.url(""),
            });
            served.endpoint("ec2", "AmazonEC2", &more)
        },
    )
}

fn azure(fault: Option<Fault>) -> Service {
    let fake = AzureFake::new(AzureInventory::sample());
    let more = json!({
        "subscription_id": fake.subscription_id, "application_id": fake.application_id,
        "tenant_id": fake.tenant_id, "secret_key": fake.secret, "zone": "West Europe",
    });
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| {
            let mut endpoint = served.endpoint("azure", "Azure", &more);
            endpoint["authority_url"] = served.url("").into();
            endpoint["endpoint_url"] = served.url("").into();
            endpoint
        },
    )
}

fn gce(fault: Option<Fault>) -> Service {
    let fake = Arc::new(GceFake::new(GceInventory::sample()));
    let answering = Arc::clone(&fake);
    Service::start(
        fault,
        move |request| answering.answer(request),
        |served| {
            let key = served.folder.path().join("key.json");
            std::fs::write(&key, fake.key_file(&served.url("")).to_string()).expect("a file");
            let more = json!({
                "service_account_email": null, "cert_path": key, "zone": "",
                "project_id": fake.inventory.project, "endpoint_url": served.url(""),
            });
            served.endpoint("gce", "GoogleCE", &more)
        },
    )
}

/// The password of the administrator of the fake.
const OPENSTACK_PASSWORD: &str = "pa55-of-keystone";

/// Servers that are on hosts: a Manager reads no others.
fn openstack_inventory() -> OpenstackInventory {
    let mut inventory = OpenstackInventory::sample();
    inventory.servers.retain(|server| server.host.is_some());
    inventory
}

fn openstack(fault: Option<Fault>) -> Service {
    let fake = OpenstackFake::new(openstack_inventory());
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| {
            let more = json!({
                "auth_url": served.url("/v3"), "username": "admin",
                "password": OPENSTACK_PASSWORD, "project": "admin",
            });
            served.endpoint("openstack", "OpenStack", &more)
        },
    )
}

fn suse_cloud(fault: Option<Fault>) -> Service {
    let fake = OpenstackFake::new(openstack_inventory());
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| {
            let (id, module) = ("suse-cloud", "SUSECloud");
            let mut endpoint = served.with_password(id, module, "admin", OPENSTACK_PASSWORD);
            endpoint["tenant"] = "admin".into();
            endpoint["protocol"] = "https".into();
            endpoint
        },
    )
}

fn file(fault: Option<Fault>) -> Service {
    Service::start(
        fault,
        |_| Action::answer(200, FILE_DOCUMENT),
        |served| served.endpoint("file", "File", &json!({ "url": served.url("/hosts.json") })),
    )
}

fn kubernetes(fault: Option<Fault>) -> Service {
    let nodes = Source::canned(&["n1", "n2", "n3", "n4", "n5", "n6", "n7"]);
    Service::start(
        fault,
        move |request| nodes.answer(request),
        |served| {
            let authority = std::fs::read_to_string(served.server.ca_file()).expect("a file");
            let cluster = json!({ "certificate-authority-data": base64(&authority) });
            let kubeconfig =
                kubeconfig(&served.url(""), &cluster, &json!({ "token": "token-of-kubernetes" }));
            json!({
                "id": "kubernetes", "module": "Kubernetes", "kubeconfig": kubeconfig.to_string(),
                "context": "", "page_size": 2, "retries": "0",
            })
        },
    )
}

/// The daemon that the library of libvirt has for tests. A daemon with a fault has gone and has left its socket behind.
fn libvirt(fault: Option<Fault>) -> Service {
    let folder = tempfile::tempdir().expect("a folder");
    let uri = match fault {
        None => "test:///default".to_owned(),
        Some(_) => format!("qemu+unix:///system?socket={}", folder.path().join("gone").display()),
    };
    Service {
        endpoint: json!({"id": "libvirt", "module": "Libvirt", "uri": uri, "sasl_username": null}),
        served: None,
    }
}

fn nutanix(fault: Option<Fault>) -> Service {
    let fake = NutanixFake::central_v4(NutanixInventory::sample(), 2);
    let (user, password) = (fake.username.clone(), fake.password.clone());
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| served.with_password("nutanix", "NutanixAHV", &user, &password),
    )
}

fn proxmox(fault: Option<Fault>) -> Service {
    let fake = FakeProxmox::cluster(Release::Nine);
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| {
            let (user, password) = (proxmox::USER, proxmox::PASSWORD);
            let mut endpoint = served.with_password("proxmox", "Proxmox", user, password);
            let members = endpoint.as_object_mut().expect("an object");
            let host = members.remove("hostname").expect("a name");
            members.insert("host".to_owned(), host);
            endpoint
        },
    )
}

fn vmware(fault: Option<Fault>) -> Service {
    let fake = Vcenter::default();
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| served.with_password("vmware", "VMware", vcenter::USER, vcenter::PASSWORD),
    )
}

fn xen(fault: Option<Fault>) -> Service {
    let fake = XapiFake::new(XapiInventory::sample());
    let (user, password) = (fake.username.clone(), fake.password.clone());
    Service::start(
        fault,
        move |request| fake.answer(request),
        |served| served.with_password("xen", "Xen", &user, &password),
    )
}
