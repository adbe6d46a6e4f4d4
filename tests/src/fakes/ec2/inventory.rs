//! What a fake region of EC2 has.

/// The zones of a region, the instance types that it knows, and an account's dedicated hosts and instances.
#[derive(Debug, Clone)]
pub struct Ec2Inventory {
    /// The zones.
    pub zones: Vec<Ec2Zone>,
    /// The instance types.
    pub types: Vec<Ec2Type>,
    /// The dedicated hosts.
    pub hosts: Vec<Ec2Host>,
    /// The instances. Those with the same reservation are beside each other.
    pub instances: Vec<Ec2Instance>,
}

/// A zone.
#[derive(Debug, Clone)]
pub struct Ec2Zone {
    /// The name, such as `eu-central-1a`.
    pub name: String,
    /// The id, which does not depend on the account.
    pub id: String,
    /// `availability-zone`, `local-zone` or `wavelength-zone`.
    pub kind: &'static str,
    /// `opt-in-not-required`, `opted-in` or `not-opted-in`.
    pub opt_in: &'static str,
}

/// An instance type.
#[derive(Debug, Clone)]
pub struct Ec2Type {
    /// The name.
    pub name: &'static str,
    /// The number of cores.
    pub cores: u32,
    /// The threads of each core.
    pub threads_per_core: u32,
    /// The memory in MiB.
    pub memory_mib: u64,
    /// The architectures.
    pub architectures: &'static [&'static str],
    /// Whether there is no hypervisor.
    pub is_bare_metal: bool,
}

/// A dedicated host.
#[derive(Debug, Clone)]
pub struct Ec2Host {
    /// The id.
    pub id: String,
    /// The tag `Name`.
    pub name: Option<String>,
    /// The name of the zone.
    pub zone: String,
    /// The only instance type, if the host is not for all types of a family.
    pub instance_type: Option<&'static str>,
    /// The family of instance types.
    pub family: &'static str,
    /// The number of sockets.
    pub sockets: u32,
    /// The number of cores.
    pub cores: u32,
    /// The number of virtual CPUs.
    pub vcpus: u32,
    /// `available`, `under-assessment`, `permanent-failure`, `released`, `released-permanent-failure` or `pending`.
    pub state: &'static str,
}

/// A state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Ec2State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

/// The service that manages an instance.
#[derive(Debug, Clone)]
pub struct Ec2Operator {
    /// Its name.
    pub principal: &'static str,
    /// Whether the instance is only listed with `IncludeManagedResources`.
    pub is_hidden: bool,
}

/// A network interface.
#[derive(Debug, Clone)]
pub struct Ec2Interface {
    /// The id.
    pub id: String,
    /// The MAC address.
    pub mac: String,
    /// The private IPv4 addresses. The first one is the primary one.
    pub private_addresses: Vec<String>,
    /// The IPv6 addresses.
    pub ipv6_addresses: Vec<String>,
    /// The public address of the primary private address.
    pub public_address: Option<String>,
    /// The subnet.
    pub subnet: String,
}

/// An instance.
#[derive(Debug, Clone)]
pub struct Ec2Instance {
    /// The id.
    pub id: String,
    /// The id of its reservation.
    pub reservation: String,
    /// The tags. The tag `Name` is the name.
    pub tags: Vec<(String, String)>,
    /// The name of the instance type, which may be unknown.
    pub instance_type: String,
    /// The state.
    pub state: Ec2State,
    /// The name of the zone.
    pub zone: String,
    /// The id of its dedicated host.
    pub host: Option<String>,
    /// `default`, `dedicated` or `host`.
    pub tenancy: &'static str,
    /// The architecture.
    pub architecture: &'static str,
    /// Whether `platform` is `windows`. It is absent otherwise.
    pub is_windows: bool,
    /// What is billed for the operating system. Old answers lack it.
    pub platform_details: Option<&'static str>,
    /// Cores, and threads of each core. Old answers lack them.
    pub cpu_options: Option<[u32; 2]>,
    /// `spot`, `scheduled` or `capacity-block`.
    pub lifecycle: Option<&'static str>,
    /// The service that manages it.
    pub operator: Option<Ec2Operator>,
    /// The network interfaces. An instance of EC2-Classic and a terminated one have none.
    pub interfaces: Vec<Ec2Interface>,
    /// The devices and volumes.
    pub volumes: Vec<(&'static str, String)>,
    /// When it was launched.
    pub launch_time: String,
    /// The ARN of its Outpost.
    pub outpost: Option<String>,
}

impl Ec2State {
    /// The code and the word of the API.
    pub fn code_and_name(self) -> (u32, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
            Self::Stopping => (64, "stopping"),
            Self::Stopped => (80, "stopped"),
        }
    }
}

impl Ec2Instance {
    /// The tag `Name`, or else the id.
    pub fn name(&self) -> &str {
        let name = self.tags.iter().find(|(key, value)| key == "Name" && !value.is_empty());
        name.map_or(&self.id, |(_, value)| value)
    }

    /// Whether only requests with `IncludeManagedResources` list it.
    pub fn is_hidden(&self) -> bool {
        self.operator.as_ref().is_some_and(|operator| operator.is_hidden)
    }
}

impl Ec2Inventory {
    /// Two zones with guests and one without, two local zones, two dedicated hosts, and an instance of each kind and in
    /// each state.
    pub fn sample() -> Self {
        let mut instances: Vec<_> = (1..=18).map(instance).collect();
        instances[0].set_name("web");
        instances[0].tags.push(("team".to_owned(), "a&b <\"shop\"> 'x'".to_owned()));
        instances[0].tags.push(("empty".to_owned(), String::new()));
        // The same reservation, and the same name.
        instances[1].set_name("web");
        let reservation = instances[0].reservation.clone();
        instances[1].reservation.clone_from(&reservation);
        instances[2].set_name("Büro <5> & größer");
        instances[2].reservation = reservation;
        instances[3].tags.clear();
        instances[3].state = Ec2State::Stopped;
        instances[4].state = Ec2State::Pending;
        instances[5].state = Ec2State::Stopping;
        instances[6].state = Ec2State::ShuttingDown;
        instances[7].terminate();
        instances[8].zone = String::from("eu-central-1b");
        instances[8].lifecycle = Some("spot");
        instances[8].instance_type = String::from("t4g.small");
        instances[8].architecture = "arm64";
        instances[8].cpu_options = Some([2, 1]);
        instances[9].zone = String::from("eu-central-1b");
        instances[9].is_windows = true;
        instances[9].platform_details = Some("Windows with SQL Server Standard");
        instances[9].tenancy = "dedicated";
        // Fewer CPUs than the type has.
        instances[10].instance_type = String::from("c5.4xlarge");
        instances[10].cpu_options = Some([4, 1]);
        instances[11].host = Some("h-0f00000000000001a".to_owned());
        instances[11].tenancy = "host";
        instances[12].host = Some("h-0f00000000000001a".to_owned());
        instances[12].tenancy = "host";
        instances[12].state = Ec2State::Stopped;
        instances[13].instance_type = String::from("m5.metal");
        instances[13].cpu_options = None;
        instances[13].zone = String::from("eu-central-1b");
        // A type that the region does not know any more, without CPU options, in EC2-Classic.
        instances[14].instance_type = String::from("t1.micro");
        instances[14].cpu_options = None;
        instances[14].platform_details = None;
        instances[14].interfaces.clear();
        instances[14].architecture = "i386";
        instances[15].operator =
            Some(Ec2Operator { principal: "eks.amazonaws.com", is_hidden: true });
        instances[15].set_name("eks auto node");
        instances[16].operator =
            Some(Ec2Operator { principal: "lambda.amazonaws.com", is_hidden: false });
        instances[16].zone = String::from("eu-central-1-ham-1a");
        instances[17].outpost = Some(
            "arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0".to_owned(),
        );
        Self { zones: zones(), types: types(), hosts: hosts(), instances }
    }

    /// Two hosts, and this number of instances in three zones, each in a reservation of its own. Every fourth is stopped.
    pub fn of_size(count: u32) -> Self {
        let numbered = |number: u32| {
            let mut instance = instance(1_000 + number);
            instance.set_name(&format!("vm{number:05}"));
            let zone = ["a", "b", "c"][number as usize % 3];
            instance.zone = format!("eu-central-1{zone}");
            if number.is_multiple_of(4) {
                instance.state = Ec2State::Stopped;
            }
            let types = ["t3.micro", "m5.large", "c5.4xlarge"];
            instance.instance_type = String::from(types[number as usize % 3]);
            instance.cpu_options = None;
            instance
        };
        let instances = (0..count).map(numbered).collect();
        Self { zones: zones(), types: types(), hosts: hosts(), instances }
    }

    /// The instances that are guests: all but those that are terminated.
    pub fn guests(&self) -> impl Iterator<Item = &Ec2Instance> {
        self.instances.iter().filter(|instance| instance.state != Ec2State::Terminated)
    }

    /// The number of virtual CPUs of an instance: its CPU options, or else the type's.
    pub fn cpus(&self, instance: &Ec2Instance) -> Option<u32> {
        if let Some([cores, threads]) = instance.cpu_options {
            return Some(cores * threads);
        }
        let kind = self.instance_type(&instance.instance_type)?;
        Some(kind.cores * kind.threads_per_core)
    }

    /// The memory of an instance in bytes.
    pub fn memory_bytes(&self, instance: &Ec2Instance) -> Option<u64> {
        Some(self.instance_type(&instance.instance_type)?.memory_mib << 20)
    }

    fn instance_type(&self, name: &str) -> Option<&Ec2Type> {
        self.types.iter().find(|known| known.name == name)
    }
}

impl Ec2Instance {
    fn set_name(&mut self, name: &str) {
        self.tags.retain(|(key, _)| key != "Name");
        self.tags.insert(0, ("Name".to_owned(), name.to_owned()));
    }

    /// Terminated instances have lost their network interfaces and volumes.
    fn terminate(&mut self) {
        self.state = Ec2State::Terminated;
        self.interfaces.clear();
        self.volumes.clear();
    }
}

fn zones() -> Vec<Ec2Zone> {
    let zone = |name: &str, id: &str, kind, opt_in| Ec2Zone {
        name: name.to_owned(),
        id: id.to_owned(),
        kind,
        opt_in,
    };
    vec![
        zone("eu-central-1a", "euc1-az2", "availability-zone", "opt-in-not-required"),
        zone("eu-central-1b", "euc1-az3", "availability-zone", "opt-in-not-required"),
        zone("eu-central-1c", "euc1-az1", "availability-zone", "opt-in-not-required"),
        zone("eu-central-1-ham-1a", "euc1-ham1-az1", "local-zone", "opted-in"),
        zone("eu-central-1-waw-1a", "euc1-waw1-az1", "local-zone", "not-opted-in"),
    ]
}

fn types() -> Vec<Ec2Type> {
    let kind = |name, cores, threads_per_core, memory_mib, architectures| Ec2Type {
        name,
        cores,
        threads_per_core,
        memory_mib,
        architectures,
        is_bare_metal: false,
    };
    vec![
        kind("t3.micro", 1, 2, 1024, &["x86_64"][..]),
        kind("t4g.small", 2, 1, 2048, &["arm64"]),
        kind("m5.large", 1, 2, 8192, &["x86_64"]),
        kind("c5.4xlarge", 8, 2, 32768, &["x86_64"]),
        kind("r5.8xlarge", 16, 2, 262_144, &["x86_64"]),
        Ec2Type { is_bare_metal: true, ..kind("m5.metal", 48, 2, 393_216, &["x86_64"]) },
        kind("mac2.metal", 8, 1, 16384, &["arm64_mac"]),
    ]
}

fn hosts() -> Vec<Ec2Host> {
    let host = |id: &str, zone: &str, state| Ec2Host {
        id: id.to_owned(),
        name: None,
        zone: zone.to_owned(),
        instance_type: None,
        family: "m5",
        sockets: 2,
        cores: 48,
        vcpus: 96,
        state,
    };
    vec![
        Ec2Host {
            name: Some("licences & keys".to_owned()),
            ..host("h-0f00000000000001a", "eu-central-1a", "available")
        },
        Ec2Host {
            instance_type: Some("r5.8xlarge"),
            family: "r5",
            ..host("h-0f00000000000002b", "eu-central-1b", "available")
        },
        host("h-0f00000000000003c", "eu-central-1b", "released"),
    ]
}

/// A running instance with one interface in the first zone.
fn instance(number: u32) -> Ec2Instance {
    let [_, _, high, low] = number.to_be_bytes();
    Ec2Instance {
        id: format!("i-0{number:016x}"),
        reservation: format!("r-0{number:016x}"),
        tags: vec![("Name".to_owned(), format!("guest {number}"))],
        instance_type: "m5.large".to_owned(),
        state: Ec2State::Running,
        zone: "eu-central-1a".to_owned(),
        host: None,
        tenancy: "default",
        architecture: "x86_64",
        is_windows: false,
        platform_details: Some("Linux/UNIX"),
        cpu_options: Some([1, 2]),
        lifecycle: None,
        operator: None,
        interfaces: vec![Ec2Interface {
            id: format!("eni-0{number:016x}"),
            mac: format!("02:ec:20:00:{high:02x}:{low:02x}"),
            private_addresses: vec![format!("10.20.{high}.{low}"), format!("10.21.{high}.{low}")],
            ipv6_addresses: vec![format!("2001:db8::{number:x}")],
            public_address: (number % 2 == 1).then(|| format!("198.51.{high}.{low}")),
            subnet: "subnet-0c0ffee0000000001".to_owned(),
        }],
        volumes: vec![("/dev/xvda", format!("vol-0{number:016x}"))],
        launch_time: "2026-03-04T05:06:07.000Z".to_owned(),
        outpost: None,
    }
}
