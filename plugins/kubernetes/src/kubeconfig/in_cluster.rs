//! `in-cluster` in place of a kubeconfig: the API server and the service account of the pod that the program runs in.
//!
//! The request chooses only whether this identity is used, which the operator must allow. The server, the token and
//! the authority come from the environment and the volume that the kubelet gives to the pod, and the request must not
//! weaken the verification of the server: otherwise its author would get the token.

use std::path::PathBuf;

use gatherer_plugin_api::{GatherError, Options, Policy, Secret};
use kube::config::AuthInfo;

use super::config_node::error;
use super::files::Files;
use super::token::{self, TokenFile};
use super::{Access, cluster, pem};

/// The value of the parameter `kubeconfig`.
pub const IN_CLUSTER: &str = "in-cluster";

/// How messages name this kubeconfig.
const ORIGIN: &str = "kubeconfig in-cluster";

/// Where kubelets mount the token and the authority.
const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The hint if a file of the service account cannot be used.
const MOUNT: &str = "set automountServiceAccountToken: true for the pod, or mount a projected volume with the token \
                     and the ConfigMap kube-root-ca.crt there";

/// What the kubelet gives to a pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// The host of the API server: an IP address without brackets, or a name.
    pub host: Option<String>,
    /// The port of the API server.
    pub port: Option<String>,
    /// The folder with `token` and `ca.crt`.
    pub folder: PathBuf,
}

impl Pod {
    /// The pod of this process. The worker gets these variables from the runner; a request cannot set them.
    pub fn of_process() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            host: set("KUBERNETES_SERVICE_HOST"),
            port: set("KUBERNETES_SERVICE_PORT"),
            folder: set("GATHERER_SERVICE_ACCOUNT_FOLDER").unwrap_or_else(|| FOLDER.into()).into(),
        }
    }
}

/// Whether the parameter is the word, and not a path or a document.
pub fn is_in_cluster(kubeconfig: &str) -> bool {
    kubeconfig.trim() == IN_CLUSTER
}

/// Reads the access of the pod. The error's kind is `configuration`.
pub fn read(context: Option<&str>, options: &Options, pod: &Pod) -> Result<Access, GatherError> {
    check_allowed(&options.policy)?;
    check_request(context, options)?;
    let server = server(pod)?;
    if !pod.folder.is_dir() {
        let why = format!("there is no folder {}", pod.folder.display());
        return Err(error(ORIGIN, why).with_hint(MOUNT));
    }
    let files = Files::below(ORIGIN, &pod.folder);
    let file = |name: &str| pod.folder.join(name).display().to_string();
    let token_file = TokenFile::new(ORIGIN, "token".to_owned(), &file("token"), &files);
    let token = token_file.read().map_err(|error| error.with_hint(MOUNT))?;
    let authority = files.read("ca.crt", &file("ca.crt"));
    let authority = authority.map_err(|error| error.with_hint(MOUNT))?;
    let authorities = pem::authorities(&authority)
        .map_err(|why| error(ORIGIN, format_args!("ca.crt {why}")).with_hint(MOUNT))?;
    let server = cluster::parse_server(&server).map_err(|why| {
        error(
            ORIGIN,
            format_args!("the server of KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT {why}"),
        )
    })?;
    Ok(Access {
        context: IN_CLUSTER.to_owned(),
        cluster: IN_CLUSTER.to_owned(),
        user: "the service account".to_owned(),
        is_in_pod: true,
        server,
        ca: Some(authorities.pem),
        insecure: false,
        tls_server_name: None,
        proxy_url: None,
        auth: AuthInfo::default(),
        client_certificate: None,
        token_file: Some(token_file),
        oidc: None,
        warnings: Vec::new(),
        secrets: vec![Secret::new(token::text(&token))],
    })
}

/// Refuses the identity of the pod unless the operator allows it.
fn check_allowed(policy: &Policy) -> Result<(), GatherError> {
    if policy.allow_machine_identity {
        return Ok(());
    }
    let why = "the identity of this machine, the service account of the pod, is not allowed";
    Err(error(ORIGIN, why).with_hint(format!(
        "let the operator set allow_machine_identity in {}, or set the path of a kubeconfig; ./{IN_CLUSTER} is the path \
         of a file with this name",
        policy.config_file
    )))
}

/// Refuses options of the endpoint that have no meaning, or with which the token could be sent to another server than
/// the pod's.
fn check_request(context: Option<&str>, options: &Options) -> Result<(), GatherError> {
    let refused = |what: &str, why: &str| {
        Err(error(ORIGIN, format_args!("{what} must not be set: {why}"))
            .with_hint(format!("remove {what} from the endpoint")))
    };
    if context.is_some_and(|name| !name.is_empty()) {
        return refused("context", "a pod has one cluster and one service account");
    }
    let why =
        "the token of the pod is sent only to a server with a certificate of the pod's ca.crt";
    if options.insecure {
        return refused("insecure", why);
    }
    if options.ca_file.is_some() {
        return refused("ca_file", why);
    }
    Ok(())
}

/// The URL of the API server.
fn server(pod: &Pod) -> Result<String, GatherError> {
    let (Some(host), Some(port)) = (&pod.host, &pod.port) else {
        let why = "this process is not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set";
        return Err(error(ORIGIN, why).with_hint(
            "run the program in a pod of the cluster, or use the path of a kubeconfig",
        ));
    };
    let is_bare_ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    Ok(if is_bare_ipv6 {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    })
}
