//! Requests to the API server as its administrator: they fill a cluster and read what it contains, without
//! the code under test.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::kubeconfigs::ADMIN_TOKEN;

/// How many requests run concurrently when many objects are created.
const CONCURRENT_REQUESTS: usize = 16;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that reuses its connections.
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
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(CONCURRENT_REQUESTS)
            .build(connector);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { url: url.to_owned(), client, runtime: Mutex::new(runtime) }
    }

    /// Sends one request. Returns the status and the body.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        self.request_url(method, format!("{}{path}", self.url), body)
    }

    /// Sends a request to another server, without credentials.
    pub(super) fn request_url(
        &self,
        method: Method,
        url: String,
        body: Option<&Value>,
    ) -> Result<(u16, String), String> {
        let request = exchange(self.client.clone(), method, url, body.map(Value::to_string));
        self.runtime().block_on(request)
    }

    /// Sends one request. Returns the response as JSON; panics if the request fails.
    pub(super) fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let what = format!("{method} {path}");
        let (status, text) =
            self.request(method, path, body).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!((200..300).contains(&status), "{what}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// POSTs all objects to one path, concurrently.
    pub(super) fn create_all(&self, path: &str, bodies: impl Iterator<Item = Value>) {
        let url = format!("{}{path}", self.url);
        let mut bodies = bodies.map(|body| body.to_string());
        self.runtime().block_on(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < CONCURRENT_REQUESTS
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
                match done.expect("the task does not panic") {
                    Ok((200..=299, _)) => {}
                    Ok((status, text)) => panic!("POST {path}: {status}: {text}"),
                    Err(error) => panic!("POST {path}: {error}"),
                }
            }
        });
    }

    /// Creates each object below its path, concurrently, and then writes its status: API servers ignore the
    /// status of a new object. Returns the UIDs in the order of the objects.
    pub(super) fn create_all_with_status(
        &self,
        objects: impl Iterator<Item = (String, Value)>,
    ) -> Vec<String> {
        let mut objects = objects.enumerate();
        let mut uids = Vec::new();
        self.runtime().block_on(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < CONCURRENT_REQUESTS
                    && let Some((index, (path, object))) = objects.next()
                {
                    uids.push(String::new());
                    let (client, url) = (self.client.clone(), format!("{}{path}", self.url));
                    running.spawn(
                        async move { (index, create_with_status(client, url, object).await) },
                    );
                }
                let Some(done) = running.join_next().await else { return };
                let (index, uid) = done.expect("the task does not panic");
                uids[index] = uid.unwrap_or_else(|error| panic!("{error}"));
            }
        });
        uids
    }

    fn runtime(&self) -> std::sync::MutexGuard<'_, Runtime> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a created object that is needed.
#[derive(serde::Deserialize)]
struct CreatedObject {
    metadata: CreatedMetadata,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedMetadata {
    uid: String,
    resource_version: String,
}

/// Creates an object and writes its status. Returns its UID.
async fn create_with_status(
    client: Client,
    url: String,
    mut object: Value,
) -> Result<String, String> {
    let status = object.as_object_mut().and_then(|object| object.remove("status"));
    let body = object.to_string();
    let text = expect_success(client.clone(), Method::POST, url.clone(), body).await?;
    let created: CreatedObject =
        serde_json::from_str(&text).map_err(|error| format!("POST {url}: {error}"))?;
    if let Some(status) = status {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let url = format!("{url}/{name}/status");
        // The server keeps everything but the status.
        object["metadata"]["resourceVersion"] = Value::from(created.metadata.resource_version);
        object["status"] = status;
        expect_success(client, Method::PUT, url, object.to_string()).await?;
    }
    Ok(created.metadata.uid)
}

/// Sends a request. Any other status than 2xx is an error.
async fn expect_success(
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
    let mut request = Request::builder().method(method).uri(url);
    // Only the API server uses TLS and knows the token; etcd rejects requests with a token.
    if with_tls {
        request = request.header(AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"));
    }
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::from(body.unwrap_or_default()));
    let request = request.map_err(|error| error.to_string())?;
    let response = async {
        let response = client.request(request).await.map_err(|error| format!("{error:?}"))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| format!("{error:?}"))?;
        Ok((head.status.as_u16(), String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    let response = tokio::time::timeout(REQUEST_TIMEOUT, response).await;
    response.unwrap_or_else(|_| Err("no response in time".to_owned()))
}
