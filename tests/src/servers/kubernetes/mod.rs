//! A Kubernetes cluster without machines: a real kube-apiserver on a real etcd. Its nodes are what a test
//! writes; nothing runs on them and nothing changes them.
//!
//! The two programs are made by `scripts/servers/kube-apiserver.sh`, which `make test` runs.

mod api;
mod kubeconfigs;
pub mod nodes;
mod pki;
mod start;
pub mod workloads;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use kubeconfigs::{ADMIN_TOKEN, NAMES, NOBODY_TOKEN, credential_program, data, document};
pub use reqwest::Method;
use serde_json::Value;

use api::Api;
use start::Servers;
pub use workloads::SHARED_PODS;

/// The environment variable that names the folder of a running cluster, which tests share.
pub const SHARED_FOLDER: &str = "GATHERER_TEST_CLUSTER";
/// The environment variable that says why there can be no cluster.
pub const REASON: &str = "GATHERER_NO_KUBERNETES";
/// How many nodes the shared cluster has: three pages of the usual 500.
pub const SHARED_NODES: usize = 1100;
/// The size of a node of the shared cluster.
pub const SHARED_NODE_BYTES: usize = 4000;

/// A running cluster. What it is made of ends with it, and with the process.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    url: String,
    address: SocketAddr,
    ca_pem: String,
    api: Api,
    /// Absent where somebody else started it.
    servers: Option<Servers>,
}

impl Cluster {
    /// Starts one without nodes, in some 3 s. The error is the reason to skip a test.
    ///
    /// # Panics
    ///
    /// If the programs are there and do not start: that is no reason to skip.
    pub fn start() -> Result<Self, String> {
        let programs = start::programs()?;
        let servers = Servers::start(&programs).unwrap_or_else(|error| panic!("{error}"));
        let folder = servers.folder().to_owned();
        let mut cluster = Self::open(&folder)?;
        cluster.servers = Some(servers);
        Ok(cluster)
    }

    /// The cluster that all tests may share: they only read. It has [`SHARED_NODES`] nodes of
    /// [`SHARED_NODE_BYTES`], those of [`nodes::node`], and [`SHARED_PODS`] pods besides
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

    /// One that another process started, by its folder.
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

    /// Where the API server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The cluster's folder: `kubeconfig/`, `pki/`, `log/`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The kubeconfig of this name, one of [`NAMES`].
    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        assert!(NAMES.contains(&name), "no kubeconfig is called {name}");
        self.folder.join("kubeconfig").join(format!("{name}.yaml"))
    }

    /// The kubeconfig of somebody who may read some lists, one of [`workloads::READERS`]. They may
    /// nothing before [`Self::create_cases`].
    pub fn reader(&self, name: &str) -> PathBuf {
        assert!(workloads::READERS.contains(&name), "no reader is called {name}");
        self.folder.join("kubeconfig").join(format!("{name}.yaml"))
    }

    /// The folder of keys and certificates: `ca.crt`, `admin.crt`, `admin.key`, `admin.token`...
    pub fn pki(&self) -> PathBuf {
        self.folder.join("pki")
    }

    /// The certificate of the authority that signed the API server's.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A token that may do everything.
    pub fn admin_token(&self) -> &'static str {
        ADMIN_TOKEN
    }

    /// One request as administrator: status and body.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        self.api.request(method, path, body)
    }

    /// Creates an object below this path, such as `/api/v1/nodes`, and gives what the server made of it.
    pub fn create(&self, path: &str, object: &Value) -> Value {
        self.api.expect(Method::POST, path, Some(object))
    }

    /// Creates the nodes 0 to `count` - 1 of [`nodes::node`], with their statuses.
    pub fn create_nodes(&self, count: usize, bytes_each: usize) {
        self.create_nodes_from(0, count, bytes_each);
    }

    /// Creates `count` nodes, the first of which has this number.
    pub fn create_nodes_from(&self, first: usize, count: usize, bytes_each: usize) {
        let nodes = (first..first + count).map(|index| nodes::node(index, bytes_each));
        self.api.create_all("/api/v1/nodes", nodes);
    }

    /// Deletes a node.
    pub fn delete_node(&self, name: &str) {
        self.api.expect(Method::DELETE, &format!("/api/v1/nodes/{name}"), None);
    }

    /// A node as the API server has it now.
    pub fn node(&self, name: &str) -> Value {
        self.api.expect(Method::GET, &format!("/api/v1/nodes/{name}"), None)
    }

    /// The names of all nodes now, in one answer of the API server.
    pub fn node_names(&self) -> BTreeSet<String> {
        let list = self.api.expect(Method::GET, "/api/v1/nodes", None);
        let items = list["items"].as_array().expect("a list has items");
        items
            .iter()
            .map(|node| node["metadata"]["name"].as_str().expect("a node has a name").to_owned())
            .collect()
    }

    /// Has etcd forget how everything was before now, as it does every 5 minutes in a cluster. A list that
    /// is read page by page and began before a change cannot go on after this.
    pub fn forget_the_past(&self) {
        let (_, text) =
            self.request(Method::GET, "/api/v1/nodes?limit=1", None).expect("it answers");
        let list: Value = serde_json::from_str(&text).expect("a list is JSON");
        // The API server's versions are etcd's revisions.
        let revision = &list["metadata"]["resourceVersion"];
        let servers = self.servers.as_ref().expect("this process started it");
        let url = format!("{}/v3/kv/compaction", servers.etcd_url());
        let body = serde_json::json!({"revision": revision, "physical": true});
        let answer = self.api.request_url(Method::POST, url, Some(&body));
        assert!(matches!(answer, Ok((200, _))), "compaction at {revision}: {answer:?}");
    }

    /// The process id of the API server. Panics for a cluster that another process started.
    pub fn apiserver_pid(&self) -> u32 {
        self.servers.as_ref().expect("this process started it").apiserver_pid()
    }

    /// Ends the API server by SIGKILL, as a crash does, and waits until it is gone.
    pub fn kill_apiserver(&mut self) {
        self.servers.as_mut().expect("this process started it").kill_apiserver();
    }

    /// Ends everything and removes the folder, as dropping it does.
    pub fn stop(self) {
        drop(self);
    }
}
