//! Requests to the API server, as its administrator: what fills a cluster and tells what is in it,
//! independent of how the program asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::kubeconfigs::ADMIN_TOKEN;

/// How many requests are under way at once where many are made.
const AT_ONCE: usize = 16;

/// A client that keeps its connections.
#[derive(Debug)]
pub(super) struct Api {
    url: String,
    client: Client,
    runtime: Mutex<Runtime>,
}

impl Api {
    pub(super) fn new(url: &str, ca_pem: &str) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("a certificate in PEM");
        roots.add(ca).expect("the cluster's authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .timeout(Duration::from_mins(1))
            .pool_max_idle_per_host(AT_ONCE)
            .build()
            .expect("a client needs nothing of the machine");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        Self { url: url.to_owned(), client, runtime: Mutex::new(runtime) }
    }

    /// Status and body of one request.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        self.request_url(method, format!("{}{path}", self.url), body)
    }

    /// The same of another server, which is not told who asks.
    pub(super) fn request_url(
        &self,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        let request = exchange(self.client.clone(), method, url, body.map(Value::to_string));
        self.runtime().block_on(request)
    }

    /// One request that has to succeed, and its answer.
    pub(super) fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let what = format!("{method} {path}");
        let (status, text) =
            self.request(method, path, body).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!((200..300).contains(&status), "{what}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// POSTs them all to one path, several at once.
    pub(super) fn create_all(&self, path: &str, bodies: impl Iterator<Item = Value>) {
        let url = format!("{}{path}", self.url);
        let mut bodies = bodies.map(|body| body.to_string());
        self.runtime().block_on(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < AT_ONCE
                    && let Some(body) = bodies.next()
                {
                    running.spawn(exchange(
                        self.client.clone(),
                        Method::POST,
                        url.clone(),
                        Some(body),
                    ));
                }
                let Some(done) = running.join_next().await else { return };
                match done.expect("nothing panics there") {
                    Ok((200..=299, _)) => {}
                    Ok((status, text)) => panic!("POST {path}: {status}: {text}"),
                    Err(error) => panic!("POST {path}: {error}"),
                }
            }
        });
    }

    /// Creates each object below its path, several at once, and writes its status where it has one:
    /// the server takes no status from who creates. Their UIDs, in the same order.
    pub(super) fn make_all(&self, objects: impl Iterator<Item = (String, Value)>) -> Vec<String> {
        let mut objects = objects.enumerate();
        let mut uids = Vec::new();
        self.runtime().block_on(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < AT_ONCE
                    && let Some((at, (path, object))) = objects.next()
                {
                    uids.push(String::new());
                    let (client, url) = (self.client.clone(), format!("{}{path}", self.url));
                    running.spawn(async move { (at, make(client, url, object).await) });
                }
                let Some(done) = running.join_next().await else { return };
                let (at, made) = done.expect("nothing panics there");
                uids[at] = made.unwrap_or_else(|error| panic!("{error}"));
            }
        });
        uids
    }

    fn runtime(&self) -> std::sync::MutexGuard<'_, Runtime> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the server made of an object, as far as it is needed.
#[derive(serde::Deserialize)]
struct Made {
    metadata: MadeMetadata,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeMetadata {
    uid: String,
    resource_version: String,
}

/// Creates an object and writes its status; gives its UID.
async fn make(client: Client, url: String, mut object: Value) -> Result<String, String> {
    let status = object.as_object_mut().and_then(|object| object.remove("status"));
    let body = object.to_string();
    let text = expected(client.clone(), Method::POST, url.clone(), body).await?;
    let made: Made = serde_json::from_str(&text).map_err(|error| format!("POST {url}: {error}"))?;
    if let Some(status) = status {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let url = format!("{url}/{name}/status");
        // What the server does not take from here it keeps.
        object["metadata"]["resourceVersion"] = Value::from(made.metadata.resource_version);
        object["status"] = status;
        expected(client, Method::PUT, url, object.to_string()).await?;
    }
    Ok(made.metadata.uid)
}

/// The answer of a request that has to succeed.
async fn expected(
    client: Client,
    method: Method,
    url: String,
    body: String,
) -> Result<String, String> {
    let what = format!("{method} {url}");
    match exchange(client, method, url, Some(body)).await {
        Ok((200..=299, text)) => Ok(text),
        Ok((status, text)) => Err(format!("{what}: {status}: {text}")),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

async fn exchange(
    client: Client,
    method: Method,
    url: String,
    body: Option<String>,
) -> Result<(u16, String), String> {
    let with_tls = url.starts_with("https:");
    let mut request = client.request(method, url);
    // Nobody but the API server knows the token; etcd refuses who comes with one.
    if with_tls {
        request = request.bearer_auth(ADMIN_TOKEN);
    }
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body);
    }
    let answer = async {
        let mut response = request.send().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok::<_, reqwest::Error>((response.status().as_u16(), bytes))
    };
    let (status, bytes) = answer.await.map_err(|error| error.to_string())?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}
