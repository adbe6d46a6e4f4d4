//! Every kind of finding with every field set, and every word of every enumeration. The literals name
//! each field, so that the compiler sees to it that none is left out.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{
    Address, Condition, ConfigMap, Container, ContainerKind, ContainerState, Controller, Cpu,
    Guest, GuestState, Host, HostState, Hypervisor, Identifiers, Location, Namespace, Owner, Pod,
    PodHost, PodReference, Provider, SecretKeys, Service, ServiceAccount, ServicePort, Software,
    Taint, Timestamp, Use, Version,
};
use gatherer_plugin_api::{COLLECTIONS, Context, ErrorKind, GatherError, Item};

const HOST_STATES: [HostState; 4] =
    [HostState::Up, HostState::Maintenance, HostState::Down, HostState::Disconnected];

const CONTAINERS: [(ContainerKind, ContainerState); 3] = [
    (ContainerKind::App, ContainerState::Waiting),
    (ContainerKind::Init, ContainerState::Running),
    (ContainerKind::Ephemeral, ContainerState::Terminated),
];

const ERROR_KINDS: [ErrorKind; 12] = [
    ErrorKind::Configuration,
    ErrorKind::Authentication,
    ErrorKind::Permission,
    ErrorKind::Connection,
    ErrorKind::Tls,
    ErrorKind::Timeout,
    ErrorKind::Protocol,
    ErrorKind::RateLimited,
    ErrorKind::Unavailable,
    ErrorKind::Unsupported,
    ErrorKind::Crashed,
    ErrorKind::Internal,
];

/// Hands all of it over.
pub fn hand_over(context: &Context) -> Result<(), GatherError> {
    for state in HOST_STATES {
        let reference = context.host(host(state))?;
        if state == HostState::Up {
            for state in GuestState::ALL {
                context.guest(&reference, guest(state))?;
            }
        }
    }
    context.warning("an object", "is odd")?;
    for item in items() {
        context.item(item)?;
    }
    for name in COLLECTIONS {
        context.collection_end(*name, Ok(()))?;
    }
    for kind in ERROR_KINDS {
        let error = GatherError::new(kind, format!("it failed: {kind}"))
            .with_hint("do something")
            .with_retryable(kind == ErrorKind::Protocol)
            .with_retry_after_ms(1500);
        context.collection_end(format!("failed-{kind}"), Err(error))?;
    }
    context.count_retry();
    Ok(())
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

fn map(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn moment(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(1_700_000_000 + seconds).ok()
}

fn identifiers(of: &str) -> Identifiers {
    Identifiers {
        uuid: text(&format!("uuid of {of}")),
        machine_id: text("a machine id"),
        system_uuid: text("a system uuid"),
        kubernetes_uid: text("a kubernetes uid"),
        managed_object: text("host-42"),
        instance_id: text("i-0123"),
        previous: text("an older id"),
        other: map("rawUuid", "another identity"),
    }
}

fn addresses() -> Vec<Address> {
    vec![Address { kind: text("InternalIP"), address: "192.0.2.1".to_owned() }]
}

fn host(state: HostState) -> Host {
    let name = format!("{state:?}");
    Host {
        id: format!("id of {name}"),
        short_name: text(&format!("short {name}")),
        hypervisor: Some(Hypervisor { kind: "qemu".to_owned(), version: text("9.1") }),
        software: Some(Software { name: "libvirt".to_owned(), version: text("10.0") }),
        os: Some(Version { name: text("an os"), version: text("15.6") }),
        identifiers: identifiers(&name),
        state: Some(state),
        source_state: text("a host's word"),
        cpu: Cpu {
            architecture: text("x86_64"),
            vendor: text("a vendor"),
            model: text("a model"),
            frequency_mhz: Some(2400.into()),
            sockets: Some(2),
            cores: Some(16),
            threads: Some(32),
            millicores: Some(31_999),
        },
        memory_bytes: Some(68_719_476_736),
        addresses: addresses(),
        location: Location {
            datacenter: text("a data centre"),
            cluster: text("a cluster"),
            folder: text("a/folder"),
        },
        provider: Some(Provider {
            name: "aws".to_owned(),
            instance_id: text("i-4567"),
            region: text("a region"),
            zone: text("a zone"),
        }),
        labels: map("a label", "of the host"),
        taints: vec![Taint {
            key: "a taint".to_owned(),
            value: text("its value"),
            effect: "NoSchedule".to_owned(),
        }],
        roles: list(&["control-plane", "worker"]),
        conditions: vec![Condition {
            kind: "Ready".to_owned(),
            status: "True".to_owned(),
            reason: text("KubeletReady"),
            message: text("it is ready"),
            last_transition_time: moment(1),
        }],
        capacity: map("memory", "64Gi"),
        allocatable: map("memory", "60Gi"),
        versions: map("kernel", "6.4"),
        created_at: moment(2),
        synthetic: true,
        guests: vec![],
        name,
    }
}

fn guest(state: GuestState) -> Guest {
    let name = format!("{state:?}");
    Guest {
        id: text(&format!("id of {name}")),
        uuid: text("a guest's uuid"),
        identifiers: identifiers(&name),
        state: Some(state),
        source_state: text("a guest's word"),
        cpus: Some(4),
        memory_bytes: Some(4_294_967_296),
        addresses: addresses(),
        template: true,
        created_at: moment(3),
        attributes: map("vmware_uuid", "an attribute"),
        name,
    }
}

fn owner(kind: &str) -> Owner {
    Owner { kind: kind.to_owned(), name: format!("a {kind}"), uid: format!("uid of a {kind}") }
}

fn reference() -> PodReference {
    PodReference { name: "a pod".to_owned(), uid: "uid of a pod".to_owned() }
}

fn uses() -> Option<Vec<Use>> {
    Some(vec![Use {
        pod: reference(),
        container: text("a container"),
        mount_path: text("/mnt"),
        sub_path: text("a/part"),
        env: text("A_VARIABLE"),
    }])
}

fn container((kind, state): (ContainerKind, ContainerState)) -> Container {
    Container {
        name: format!("{kind:?}"),
        kind,
        image: text("registry.example/team/app:1.2"),
        image_id: text("docker-pullable://registry.example/team/app@sha256:aa"),
        image_digest: text("sha256:aa"),
        image_config_digest: text("sha256:bb"),
        image_repository: text("registry.example/team/app"),
        image_tag: text("1.2"),
        container_id: text("cc"),
        runtime: text("containerd"),
        state: Some(state),
        ready: true,
        restart_count: Some(7),
    }
}

fn pod() -> Pod {
    let PodReference { name, uid } = reference();
    Pod {
        namespace: "a namespace".to_owned(),
        name,
        uid,
        phase: text("Running"),
        host: Some(PodHost { id: text("id of Up"), name: "Up".to_owned() }),
        pod_ips: list(&["10.0.0.1"]),
        host_ips: list(&["192.0.2.1"]),
        service_account: text("an account"),
        labels: map("a label", "of the pod"),
        created_at: moment(4),
        controller: Some(owner("Deployment")),
        owners: vec![owner("ReplicaSet"), owner("Deployment")],
        bare: true,
        is_static: true,
        containers: CONTAINERS.into_iter().map(container).collect(),
    }
}

/// One of each collection.
fn items() -> [Item; 8] {
    let namespace = || "a namespace".to_owned();
    [
        Item::from(Namespace {
            name: namespace(),
            uid: "uid of a namespace".to_owned(),
            labels: map("a label", "of the namespace"),
            phase: text("Active"),
            created_at: moment(5),
        }),
        Item::from(ServiceAccount {
            namespace: namespace(),
            name: "an account".to_owned(),
            uid: "uid of an account".to_owned(),
        }),
        Item::from(Controller {
            namespace: namespace(),
            name: "a ReplicaSet".to_owned(),
            uid: "uid of a ReplicaSet".to_owned(),
            kind: "ReplicaSet".to_owned(),
            desired_replicas: Some(3),
            ready_replicas: Some(2),
            owner: Some(owner("Deployment")),
        }),
        Item::from(pod()),
        Item::from(Service {
            namespace: namespace(),
            name: "a service".to_owned(),
            uid: "uid of a service".to_owned(),
            kind: text("NodePort"),
            cluster_ips: list(&["10.1.0.1"]),
            external_ips: list(&["203.0.113.1"]),
            ports: vec![ServicePort {
                name: text("http"),
                protocol: text("TCP"),
                port: 80,
                target_port: text("8080"),
                node_port: Some(30_080),
            }],
            selector: map("app", "web"),
            pods: Some(vec![reference()]),
        }),
        Item::from(ConfigMap {
            namespace: namespace(),
            name: "a config map".to_owned(),
            uid: "uid of a config map".to_owned(),
            keys: list(&["a key"]),
            used_by: uses(),
        }),
        Item::from(SecretKeys {
            namespace: namespace(),
            name: "a secret".to_owned(),
            uid: "uid of a secret".to_owned(),
            kind: text("Opaque"),
            keys: list(&["a key"]),
            used_by: uses(),
        }),
        Item::DetachedGuest(Box::new(guest(GuestState::Unknown))),
    ]
}
