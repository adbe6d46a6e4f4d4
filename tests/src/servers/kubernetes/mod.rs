//! A Kubernetes cluster without machines: a real kube-apiserver with a real etcd. Tests write the nodes and the other
//! objects; nothing runs on them, and nothing else changes them.
//!
//! The two programs are built by `scripts/servers/kube-apiserver.sh`, which `make test` runs. [`ApiServer`] has the
//! other choice.

mod api;
pub mod cluster_nodes;
mod kubeconfigs;
mod pki;
mod start;
pub mod workloads;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use http::Method;
pub use kubeconfigs::{
    ADMIN_TOKEN, KUBECONFIGS, UNKNOWN_TOKEN, UNPRIVILEGED_TOKEN, base64_file, credential_program,
    kubeconfig_yaml,
};
use serde_json::Value;

use api::Api;
use start::{Machines, Servers};
pub use start::{Pki, ServedCertificate};
pub use workloads::SHARED_PODS;

/// Unwraps the result of [`Cluster::start`] or [`Cluster::shared`], or skips the test.
#[macro_export]
macro_rules! cluster_or_skip {
    ($cluster:expr) => {
        match $cluster {
            Ok(cluster) => cluster,
            Err(reason) => $crate::skip!("{reason}"),
        }
    };
}

/// The environment variable with the folder of a running cluster that test processes share.
pub const SHARED_FOLDER: &str = "GATHERER_TEST_CLUSTER";
/// The environment variable with the reason why no cluster is available.
pub const UNAVAILABLE_REASON: &str = "GATHERER_NO_KUBERNETES";
/// The environment variable that selects the API server: `new`, or the old one if it is not set.
const API_SERVER: &str = "GATHERER_API_SERVER";
/// The number of nodes of the shared cluster: three pages of 500.
pub const SHARED_NODES: usize = 1100;
/// The size of a node of the shared cluster in bytes.
pub const SHARED_NODE_BYTES: usize = 4000;

/// The API server of all clusters of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiServer {
    /// kube-apiserver 1.20.
    Old,
    /// The newest version of the library of kube-apiserver, without validation, RBAC and custom resources: see
    /// `scripts/servers/new-apiserver.sh`.
    New,
}

impl ApiServer {
    /// The one that the environment selects.
    pub fn selected() -> Self {
        match std::env::var(API_SERVER).as_deref() {
            Ok("new") => Self::New,
            _ => Self::Old,
        }
    }
}

/// A running cluster. Its processes and files go away when it is dropped, or when this process ends.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    url: String,
    address: SocketAddr,
    ca_pem: String,
    api: Api,
    /// `None` if another process started the cluster.
    servers: Option<Servers>,
}

impl Cluster {
    /// Starts a cluster without nodes, which takes about 3 s. The error is the reason to skip a test.
    ///
    /// # Panics
    ///
    /// If the programs exist and do not start: that is not a reason to skip a test.
    pub fn start() -> Result<Self, String> {
        Self::start_with_certificates(&|_| Vec::new())
    }

    /// Like [`Self::start`]. The API server also presents these certificates.
    pub fn start_with_certificates(
        certificates: &dyn Fn(&Pki) -> Vec<ServedCertificate>,
    ) -> Result<Self, String> {
        Self::start_with(Machines::None, certificates)
    }

    /// Like [`Self::start`], for kubelets that run pods and controllers that create them.
    pub fn start_for_nodes() -> Result<Self, String> {
        Self::start_with(Machines::Nodes, &|_| Vec::new())
    }

    fn start_with(
        machines: Machines,
        certificates: &dyn Fn(&Pki) -> Vec<ServedCertificate>,
    ) -> Result<Self, String> {
        let programs = start::programs()?;
        let servers = Servers::start(&programs, machines, certificates);
        let servers = servers.unwrap_or_else(|error| panic!("{error}"));
        let folder = servers.folder().to_owned();
        let mut cluster = Self::open(&folder)?;
        cluster.servers = Some(servers);
        Ok(cluster)
    }

    /// The cluster for all tests that only read. It has [`SHARED_NODES`] nodes of
    /// [`SHARED_NODE_BYTES`], made by [`cluster_nodes::node`], and [`SHARED_PODS`] pods in addition to
    /// [`workloads::cases`].
    pub fn shared() -> Result<&'static Self, String> {
        static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| {
                if let Some(folder) = std::env::var_os(SHARED_FOLDER).filter(|f| !f.is_empty()) {
                    return Self::open(Path::new(&folder));
                }
                let cluster = Self::start()?;
                cluster.create_nodes(SHARED_NODES, SHARED_NODE_BYTES);
                cluster.create_workloads(SHARED_PODS, SHARED_NODES);
                cluster.create_cases();
                Ok(cluster)
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Opens a cluster that another process started, by its folder.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            std::fs::read_to_string(folder.join(name))
                .map_err(|error| format!("{}: {error}", folder.join(name).display()))
        };
        let (url, ca_pem) = (read("url")?, read("pki/ca.crt")?);
        let address = url.trim_start_matches("https://").parse();
        let address = address.map_err(|error| format!("{url}: {error}"))?;
        let api = Api::new(&url, &ca_pem);
        Ok(Self { folder: folder.to_owned(), url, address, ca_pem, api, servers: None })
    }

    /// `https://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of the API server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the cluster, with `kubeconfig/`, `pki/` and `log/`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a kubeconfig, one of [`KUBECONFIGS`].
    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        assert!(KUBECONFIGS.contains(&name), "unknown kubeconfig {name}");
        self.folder.join("kubeconfig").join(format!("{name}.yaml"))
    }

    /// The path of the kubeconfig of a user with limited rights, one of [`workloads::READERS`]. These users
    /// have no rights before [`Self::create_cases`].
    pub fn reader(&self, name: &str) -> PathBuf {
        assert!(workloads::READERS.contains(&name), "unknown reader {name}");
        self.folder.join("kubeconfig").join(format!("{name}.yaml"))
    }

    /// The folder of keys and certificates: `ca.crt`, `admin.crt`, `admin.key`, `admin.token`...
    pub fn pki(&self) -> PathBuf {
        self.folder.join("pki")
    }

    /// The certificate of the authority that signed the API server's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The token of an administrator.
    pub fn admin_token(&self) -> &'static str {
        ADMIN_TOKEN
    }

    /// Sends a request as administrator. Returns the status and the body.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        self.api.request(method, path, body)
    }

    /// Creates an object below this path, such as `/api/v1/nodes`, and returns the created object.
    pub fn create(&self, path: &str, object: &Value) -> Value {
        self.api.expect(Method::POST, path, Some(object))
    }

    /// Creates the nodes 0 to `count` - 1 of [`cluster_nodes::node`], with their statuses.
    pub fn create_nodes(&self, count: usize, bytes_each: usize) {
        self.create_nodes_from(0, count, bytes_each);
    }

    /// Creates `count` nodes, starting with number `first`.
    pub fn create_nodes_from(&self, first: usize, count: usize, bytes_each: usize) {
        let nodes = (first..first + count).map(|index| cluster_nodes::node(index, bytes_each));
        self.api.create_all("/api/v1/nodes", nodes);
    }

    /// Deletes a node.
    pub fn delete_node(&self, name: &str) {
        self.api.expect(Method::DELETE, &format!("/api/v1/nodes/{name}"), None);
    }

    /// Reads a node.
    pub fn node(&self, name: &str) -> Value {
        self.api.expect(Method::GET, &format!("/api/v1/nodes/{name}"), None)
    }

    /// The names of all nodes, read with one request.
    pub fn node_names(&self) -> BTreeSet<String> {
        let list = self.api.expect(Method::GET, "/api/v1/nodes", None);
        let items = list["items"].as_array().expect("a list has items");
        items
            .iter()
            .map(|node| node["metadata"]["name"].as_str().expect("a node has a name").to_owned())
            .collect()
    }

    /// Compacts etcd: it drops all revisions before the current one, as it does every 5 minutes in a real cluster.
    /// A paged list that started at an earlier revision cannot continue.
    pub fn compact(&self) {
        let (_, text) =
            self.request(Method::GET, "/api/v1/nodes?limit=1", None).expect("a response");
        let list: Value = serde_json::from_str(&text).expect("a list is JSON");
        // The resource versions of the API server are the revisions of etcd.
        let revision = &list["metadata"]["resourceVersion"];
        let servers = self.servers.as_ref().expect("this process started the cluster");
        let url = format!("{}/v3/kv/compaction", servers.etcd_url());
        let body = serde_json::json!({"revision": revision, "physical": true});
        let response = self.api.request_url(Method::POST, url, Some(&body));
        assert!(matches!(response, Ok((200, _))), "compaction at {revision}: {response:?}");
    }

    /// The path of kubectl of the old API server's version. The error is the reason to skip a test.
    pub fn kubectl() -> Result<PathBuf, String> {
        start::programs().map(|programs| programs.kubectl())
    }

    /// The folder of keys and certificates with the openssl that made them. The error is the reason to skip a test.
    pub fn make_more_certificates(&self) -> Result<Pki, String> {
        Ok(Pki { folder: self.pki(), openssl: start::programs()?.openssl() })
    }

    /// The process id of the API server. Panics for a cluster that another process started.
    pub fn apiserver_pid(&self) -> u32 {
        self.servers.as_ref().expect("this process started the cluster").apiserver_pid()
    }

    /// Ends the API server with SIGKILL, like a crash, and waits for its end.
    pub fn kill_apiserver(&mut self) {
        self.servers.as_mut().expect("this process started the cluster").kill_apiserver();
    }

    /// Ends all processes and removes the folder, like dropping the cluster.
    pub fn stop(self) {
        drop(self);
    }
}
