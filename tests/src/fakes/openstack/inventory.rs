//! What a fake OpenStack has: users, projects, compute nodes, flavors and servers. The answers of each microversion are
//! rendered from it.

use serde_json::Value;

/// All objects of a cloud. The servers are in the order in which nova lists them, the newest first.
#[derive(Debug, Clone)]
pub struct OpenstackInventory {
    /// Those who can log in.
    pub users: Vec<OpenstackUser>,
    /// The projects of the domain "Default", each with its id and its name.
    pub projects: Vec<OpenstackProject>,
    /// The compute nodes, which nova's API calls hypervisors.
    pub hypervisors: Vec<OpenstackHypervisor>,
    /// The flavors that still exist.
    pub flavors: Vec<OpenstackFlavor>,
    /// The servers, including those that no list has: see [`OpenstackServer::is_soft_deleted`].
    pub servers: Vec<OpenstackServer>,
}

/// A project, which older releases call a tenant.
#[derive(Debug, Clone)]
pub struct OpenstackProject {
    /// `tenant_id` of a server.
    pub id: String,
    /// The name.
    pub name: String,
    /// The id of its domain.
    pub domain: OpenstackDomain,
}

/// A domain of users and projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenstackDomain {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

/// A user, and an application credential of this user.
#[derive(Debug, Clone)]
pub struct OpenstackUser {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The user's domain.
    pub domain: OpenstackDomain,
    /// The password.
    pub password: String,
    /// The id of the project in which the user has roles, and to which the application credential belongs.
    pub project: String,
    /// The id and the secret of the application credential.
    pub application_credential: (String, String),
    /// What nova's policies let the user do. A user with the role "reader" has none of these.
    pub policies: Vec<OpenstackPolicy>,
}

/// A right that nova's policies give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenstackPolicy {
    /// To list the servers of all projects.
    AllTenants,
    /// To see where a server runs.
    ServerAttributes,
    /// To list the hypervisors.
    Hypervisors,
    /// To list the services.
    Services,
}

impl OpenstackPolicy {
    /// An administrator's policies.
    pub const ADMIN: [Self; 4] =
        [Self::AllTenants, Self::ServerAttributes, Self::Hypervisors, Self::Services];

    /// The name, as the refusals have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllTenants => "os_compute_api:servers:detail:get_all_tenants",
            Self::ServerAttributes => "os_compute_api:os-extended-server-attributes",
            Self::Hypervisors => "os_compute_api:os-hypervisors:list-detail",
            Self::Services => "os_compute_api:os-services:list",
        }
    }
}

impl OpenstackUser {
    /// Whether a policy gives the user this right.
    pub fn may(&self, policy: OpenstackPolicy) -> bool {
        self.policies.contains(&policy)
    }
}

/// A compute node.
#[derive(Debug, Clone)]
pub struct OpenstackHypervisor {
    /// The id before microversion 2.53.
    pub number: u32,
    /// The id from microversion 2.53 on.
    pub uuid: String,
    /// `hypervisor_hostname`: for ironic the id of the bare-metal node.
    pub name: String,
    /// The name of the compute service that it belongs to.
    pub service: String,
    /// The cell that it is in.
    pub cell: String,
    /// `QEMU`, `ironic`, `VMware vCenter Server`, ...
    pub kind: String,
    /// The version as a number, for example 8002002 for 8.2.2.
    pub version: u64,
    /// `cpu_info`, if the driver gives one.
    pub cpu_info: Option<Value>,
    /// The number of CPU threads. Ironic says 0.
    pub vcpus: u32,
    /// The memory. Ironic says 0.
    pub memory_mb: u64,
    /// Whether its service is up.
    pub is_up: bool,
    /// Whether its service is enabled.
    pub is_enabled: bool,
}

/// A flavor: the sizes of a server.
#[derive(Debug, Clone)]
pub struct OpenstackFlavor {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// The memory.
    pub ram_mb: u64,
    /// The size of the root disk.
    pub disk_gb: u64,
    /// Whether every project may use it.
    pub is_public: bool,
}

/// A server.
#[derive(Debug, Clone)]
pub struct OpenstackServer {
    /// The id.
    pub id: String,
    /// Not unique.
    pub name: String,
    /// The id of its project.
    pub project: String,
    /// The cell that it is in. Servers without a host are in `cell0` or not yet in a cell, and are listed first.
    pub cell: String,
    /// The name of its hypervisor and of the compute service, if it is on one.
    pub host: Option<OpenstackPlace>,
    /// `ACTIVE`, `SHUTOFF`, ...
    pub status: String,
    /// `active`, `stopped`, ...
    pub vm_state: String,
    /// 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended.
    pub power_state: u32,
    /// Its flavor as it was when the server was created. The flavor itself may have been deleted.
    pub flavor: OpenstackFlavor,
    /// The image's id. A server that was started from a volume has none.
    pub image: Option<String>,
    /// When it was created.
    pub created: String,
    /// The user's metadata.
    pub metadata: Vec<(String, String)>,
    /// The user's tags.
    pub tags: Vec<String>,
    /// Its network interfaces.
    pub ports: Vec<OpenstackPort>,
    /// The ids of its volumes.
    pub volumes: Vec<String>,
    /// Whether it is deleted, but can be restored: no list has it then.
    pub is_soft_deleted: bool,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenstackPlace {
    /// `OS-EXT-SRV-ATTR:hypervisor_hostname`.
    pub hypervisor: String,
    /// `OS-EXT-SRV-ATTR:host`.
    pub service: String,
}

/// A network interface of a server.
#[derive(Debug, Clone)]
pub struct OpenstackPort {
    /// The name of its network.
    pub network: String,
    /// The MAC address.
    pub mac: String,
    /// The addresses in the network.
    pub fixed: Vec<String>,
    /// The address by which it is reached from outside.
    pub floating: Option<String>,
}

impl OpenstackInventory {
    /// The user with this name.
    pub fn user(&self, name: &str) -> Option<&OpenstackUser> {
        self.users.iter().find(|user| user.name == name)
    }

    /// How many servers are on a hypervisor.
    pub fn servers_on(&self, hypervisor: &str) -> usize {
        let is_on = |server: &&OpenstackServer| {
            server.host.as_ref().is_some_and(|place| place.hypervisor == hypervisor)
        };
        self.servers.iter().filter(is_on).count()
    }

    /// The servers that a list of all projects has if all cells are up.
    pub fn listed_servers(&self) -> impl Iterator<Item = &OpenstackServer> {
        self.servers.iter().filter(|server| !server.is_soft_deleted)
    }
}
