//! A real node: a kubelet with containerd that runs pods, in a cluster with controllers.
//!
//! It can be started only once, in the namespaces of `make test-node`, which end all of its processes and remove its
//! files. `scripts/servers/node.sh` prepares the programs.

mod configuration;
mod image_registry;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use image_registry::PushedImage;
use image_registry::{Registry, RunningRegistry};

use super::kubernetes::Cluster;
use super::tail;
use crate::{built, plugins};

/// The environment variable with the folder of the node's programs.
const PROGRAMS: &str = "GATHERER_NODE_PROGRAMS";
/// The environment variable with the control group of the node's pods.
const CONTROL_GROUP: &str = "GATHERER_NODE_CGROUP";
/// The environment variable with the archive of the program's container image.
const IMAGE: &str = "GATHERER_NODE_IMAGE";
/// The longest wait for the node or a pod, on a machine that is busy.
const TIMEOUT: Duration = Duration::from_mins(3);

/// The name of the node.
pub const NODE_NAME: &str = "node-1";

/// The images in the registry of the node.
#[derive(Debug)]
pub struct Images {
    /// An image of one platform with busybox; without arguments, a container of it sleeps.
    pub single: PushedImage,
    /// The same for two platforms. Its manifest for this machine has a digest that sorts before the one of its index.
    pub multi: PushedImage,
    /// The program and module Kubernetes.
    pub gatherer: PushedImage,
}

/// A running node and its cluster.
#[derive(Debug)]
pub struct Node {
    cluster: Cluster,
    images: Images,
    programs: PathBuf,
    folder: PathBuf,
    processes: Vec<Child>,
    _registry: RunningRegistry,
}

impl Node {
    /// Starts the node, and waits until it is ready. Panics outside of `make test-node`, or if the node does not get
    /// ready.
    pub fn start() -> Self {
        let programs = std::env::var_os(PROGRAMS).expect("make test-node sets this variable");
        let programs = PathBuf::from(programs);
        let group = std::env::var(CONTROL_GROUP).expect("make test-node sets this variable");
        let folder = std::env::temp_dir().join("node");
        for name in ["log", "cni", "manifests", "volume-plugins"] {
            std::fs::create_dir_all(folder.join(name)).expect("a new folder");
        }
        let (registry, images) = registry(&programs);
        let cluster = Cluster::start_for_nodes().unwrap_or_else(|reason| panic!("{reason}"));
        let mut node =
            Self { cluster, images, programs, folder, processes: Vec::new(), _registry: registry };
        node.start_processes(&group);
        node
    }

    fn start_processes(&mut self, group: &str) {
        let (pki, admin) = (self.cluster.pki(), self.cluster.kubeconfig("admin"));
        let (pki, admin) = (pki.display(), admin.display());
        let pause = &self.images.single;
        configuration::write(&self.folder, &self.programs, &self.cluster.pki(), group, pause);
        let folder = self.folder.display().to_string();
        self.spawn(
            "kube-controller-manager",
            &[
                format!("--kubeconfig={admin}"),
                format!("--root-ca-file={pki}/ca.crt"),
                format!("--service-account-private-key-file={pki}/sa.key"),
                "--leader-elect=false".to_owned(),
            ],
        );
        self.spawn("containerd", &[format!("--config={folder}/containerd.toml")]);
        self.wait_until("containerd answers", |node| node.ctr(&["version"]).ok());
        self.spawn(
            "kubelet",
            &[
                format!("--config={folder}/kubelet.json"),
                format!("--kubeconfig={admin}"),
                format!("--hostname-override={NODE_NAME}"),
                format!("--root-dir={folder}/kubelet"),
                format!("--cert-dir={folder}/kubelet-pki"),
                "--container-runtime=remote".to_owned(),
                format!("--container-runtime-endpoint=unix://{folder}/containerd.sock"),
            ],
        );
        self.wait_until("the node is ready", |node| {
            let nodes = node.cluster.list("/api/v1/nodes");
            let conditions = nodes.first()?["status"]["conditions"].as_array()?;
            conditions
                .iter()
                .any(|one| one["type"] == "Ready" && one["status"] == "True")
                .then_some(())
        });
    }

    fn spawn(&mut self, program: &str, args: &[String]) {
        let log = self.folder.join("log").join(format!("{program}.log"));
        let log = std::fs::File::create(log).expect("a new file");
        let mut command = Command::new(self.programs.join(program));
        command
            .args(args)
            .env_clear()
            .env("PATH", self.path())
            // Without this, the kubelet waits for a cloud's server of credentials.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor is free"))
            .stderr(log);
        let process = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        self.processes.push(process);
    }

    /// `PATH` of the programs: they run each other, and programs of the system such as mount.
    fn path(&self) -> String {
        format!(
            "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            self.programs.display()
        )
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The images in the registry.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Writes the manifest of a static pod, which the kubelet starts by itself.
    pub fn write_static_pod(&self, pod: &Value) {
        // The kubelet must not read half of the file, and skips names that begin with a dot.
        let manifests = self.folder.join("manifests");
        let new = manifests.join(".new");
        std::fs::write(&new, pod.to_string()).expect("a new file");
        std::fs::rename(new, manifests.join("pod.json")).expect("a new name");
    }

    /// Creates a folder on the node that every user may write, for volumes of pods.
    pub fn create_folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder).expect("a new folder");
        plugins::set_mode(&folder, 0o777);
        folder
    }

    /// Loads the archive of the program's container image, which `scripts/image.sh` made, into containerd. Returns the
    /// name of the image.
    pub fn load_program_image(&self) -> String {
        let archive = std::env::var(IMAGE).expect("make test-node sets this variable");
        let args = ["images", "import", "--snapshotter=native", &archive];
        let printed = self.ctr(&args).unwrap_or_else(|error| panic!("{archive}: {error}"));
        let name = printed.split_whitespace().find(|word| word.contains("/virtual-host-gatherer:"));
        name.unwrap_or_else(|| panic!("no image: {printed}")).to_owned()
    }

    /// Runs ctr, containerd's client, for the containers of Kubernetes. The error has its messages.
    pub fn ctr(&self, args: &[&str]) -> Result<String, String> {
        let socket = self.folder.join("containerd.sock");
        let mut command = Command::new(self.programs.join("ctr"));
        command.arg("--address").arg(socket).args(["--namespace", "k8s.io"]).args(args);
        run(&mut command, "")
    }

    /// Runs kubectl as administrator with this text on stdin. The error has its messages.
    pub fn kubectl(&self, args: &[&str], stdin: &str) -> Result<String, String> {
        let mut command = Command::new(Cluster::kubectl()?);
        command.arg("--kubeconfig").arg(self.cluster.kubeconfig("admin")).args(args);
        run(command.env("HOME", &self.folder), stdin)
    }

    /// The objects that `kubectl get --all-namespaces` shows.
    pub fn kubectl_get(&self, resource: &str) -> Vec<Value> {
        let args = ["get", "--all-namespaces", "--output=json", resource];
        let text = self.kubectl(&args, "").unwrap_or_else(|error| panic!("{error}"));
        let mut list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
        serde_json::from_value(list["items"].take()).expect("a list has items")
    }

    /// Creates objects with kubectl.
    pub fn create(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let created = self.kubectl(&["create", "--filename=-"], &list.to_string());
        created.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until the condition returns a value. Panics with the end of each log if that takes more than 3 minutes.
    pub fn wait_until<T>(&self, expected: &str, condition: impl Fn(&Self) -> Option<T>) -> T {
        let until = Instant::now() + TIMEOUT;
        loop {
            if let Some(value) = condition(self) {
                return value;
            }
            if Instant::now() > until {
                let logs = ["kube-controller-manager", "containerd", "kubelet"]
                    .map(|program| tail(&self.folder.join("log").join(format!("{program}.log"))));
                panic!("{expected}: did not happen; the logs end with:\n{}", logs.join("\n\n"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Runs a program with this text on stdin. Returns its stdout, or its stderr if it fails.
fn run(command: &mut Command, stdin: &str) -> Result<String, String> {
    let program = command.get_program().to_owned();
    let describe = |error: std::io::Error| format!("{}: {error}", Path::new(&program).display());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(describe)?;
    // The texts fit into the buffer of a pipe, or the program reads all of its stdin before it prints.
    child.stdin.take().expect("stdin is a pipe").write_all(stdin.as_bytes()).map_err(describe)?;
    let output = child.wait_with_output().map_err(describe)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Makes the images and starts their registry.
fn registry(programs: &Path) -> (RunningRegistry, Images) {
    let mut registry = Registry::default();
    let busybox = registry.layer(&[("bin/busybox".to_owned(), programs.join("busybox"))]);
    let sleeps = json!({"Cmd": ["/bin/busybox", "sleep", "1000000"]});
    let single = registry.image("single:1", &busybox, &sleeps);
    let (index, manifest) = registry.index("multi:1", &busybox, &sleeps);

    let plugin = plugins::file_name("kubernetes");
    let mut files =
        image_registry::with_libraries("/usr/bin/virtual-host-gatherer", &crate::program());
    files.extend(image_registry::with_libraries(&format!("/plugins/{plugin}"), &built(&plugin)));
    let program = registry.layer(&files);
    let entrypoint = ["/usr/bin/virtual-host-gatherer", "--plugin-dir", "/plugins"];
    let gatherer = registry.image("gatherer:1", &program, &json!({"Entrypoint": entrypoint}));

    let registry = registry.start();
    let pushed = |name: &str, digest: &str, platform_digest: &str| PushedImage {
        repository: format!("{}/{name}", registry.address()),
        tag: "1".to_owned(),
        digest: digest.to_owned(),
        platform_digest: platform_digest.to_owned(),
    };
    let images = Images {
        single: pushed("single", &single, &single),
        multi: pushed("multi", &index, &manifest),
        gatherer: pushed("gatherer", &gatherer, &gatherer),
    };
    (registry, images)
}
