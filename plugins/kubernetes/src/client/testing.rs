//! Test support: a small HTTP server with scripted responses, and a context that records what the
//! plugin reports.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use gatherer_plugin_api::__private::abi_stable::std_types::{ROk, RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, GatherError, Options};
use gatherer_plugin_support::run;
use serde_json::{Value, json};

use crate::kubeconfig;
use crate::objects::Node;
use crate::objects::kinds::{NODES, NodeList};

/// A request that the server received.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// Counts from 0.
    pub number: usize,
    /// Path and query.
    pub target: String,
    /// The head, in lower case.
    pub head: String,
}

impl ReceivedRequest {
    pub fn token(&self) -> Option<&str> {
        self.target.split_once("&continue=").map(|(_, token)| token)
    }
}

/// A handshake before the request. Returns whether the request may follow.
type Handshake = fn(&mut TcpStream) -> std::io::Result<bool>;

/// A server without TLS that answers one request per connection.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `answer` returns the bytes of the response, including its head.
    pub fn new(answer: impl Fn(&ReceivedRequest) -> Vec<u8> + Send + 'static) -> Self {
        Self::with_handshake(|_| Ok(true), answer)
    }

    /// A SOCKS 5 proxy for user `us@er` with password `pass` that forwards to this same server
    /// (RFC 1928, RFC 1929).
    pub fn behind_socks(answer: impl Fn(&ReceivedRequest) -> Vec<u8> + Send + 'static) -> Self {
        Self::with_handshake(socks, answer)
    }

    fn with_handshake(
        handshake: Handshake,
        answer: impl Fn(&ReceivedRequest) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the listener's address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (received, stop) = (Arc::clone(&requests), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                if !handshake(&mut stream).unwrap_or(false) {
                    continue;
                }
                let Some((mut stream, request)) = read(stream, &received) else { continue };
                // Some tests make the client stop reading.
                let _ = stream.write_all(&answer(&request));
            }
        });
        Self { address, requests, stopping, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().expect("no thread panicked").clone()
    }

    /// The names of the nodes that the client reads from this server, two per page.
    pub fn nodes(&self) -> Result<Vec<String>, GatherError> {
        nodes(&kubeconfig(&self.url(), ""), &Recorder::new(Options::default()).context())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The server's part of a SOCKS 5 handshake.
fn socks(stream: &mut TcpStream) -> std::io::Result<bool> {
    let read = |stream: &mut TcpStream, length: u8| {
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = read(stream, 2)?[1];
    read(stream, methods)?;
    stream.write_all(&[5, 2])?;
    let length = read(stream, 2)?[1];
    let user = read(stream, length)?;
    let length = read(stream, 1)?[0];
    let accepted = read(stream, length)? == b"pass" && user == b"us@er";
    stream.write_all(&[1, u8::from(!accepted)])?;
    if !accepted {
        return Ok(false);
    }
    // CONNECT to a host name, which the proxy resolves and not the client.
    let length = match read(stream, 5)?.as_slice() {
        [5, 1, 0, 3, length] => *length,
        _ => return Ok(false),
    };
    let target = read(stream, length + 2)?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(target == b"cluster.invalid\0\x50")
}

fn read(
    stream: TcpStream,
    received: &Mutex<Vec<ReceivedRequest>>,
) -> Option<(TcpStream, ReceivedRequest)> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let target = head.split(' ').nth(1)?.to_owned();
    let mut received = received.lock().expect("no thread panicked");
    let request = ReceivedRequest { number: received.len(), target, head: head.to_lowercase() };
    received.push(request.clone());
    Some((stream, request))
}

/// A response. `lines` are further header lines, each ending with CR LF.
pub fn answer(status: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A response with status 200 and a JSON document.
pub fn ok(document: &Value) -> Vec<u8> {
    answer("200 OK", "content-type: application/json\r\n", document.to_string().as_bytes())
}

/// A page of nodes. `next` is its continue token, empty on the last page.
pub fn page(names: &[&str], next: &str, version: &str) -> Value {
    let items = names.iter().map(|name| {
        json!({"metadata": {"name": name, "uid": format!("uid-{name}")}, "spec": {}, "status": {}})
    });
    json!({
        "kind": "NodeList", "apiVersion": "v1",
        "metadata": {"resourceVersion": version, "continue": next},
        "items": items.collect::<Vec<_>>(),
    })
}

/// A kubeconfig for a server, as text. `user` is a YAML flow mapping; empty means a user with a token.
pub fn kubeconfig(server: &str, user: &str) -> String {
    let cluster = json!({ "server": server });
    let user = if user.is_empty() { "{token: a-good-token}" } else { user };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters:\n- name: c\n  cluster: \
         {cluster}\nusers:\n- name: u\n  user: {user}\ncontexts:\n- name: x\n  context: \
         {{cluster: c, user: u}}\n"
    )
}

/// Reads the nodes of a kubeconfig's cluster, two per page. Returns their names, sorted.
pub fn nodes(kubeconfig: &str, context: &Context) -> Result<Vec<String>, GatherError> {
    let access = kubeconfig::read(kubeconfig, None, context)?;
    for warning in &access.warnings {
        context.warning(&warning.object, &warning.message)?;
    }
    let NodeNames(mut nodes) = run::block_on(context, async {
        let client = super::Client::new(&access, 2, context).await?;
        client.list(&NODES, NodeNames::default()).await
    })?;
    nodes.sort();
    Ok(nodes)
}

/// Runs `work` with a client of the server.
pub fn with_client<T>(
    server: &Server,
    page_size: u32,
    work: impl AsyncFnOnce(&super::Client<'_>) -> Result<T, GatherError>,
) -> Result<T, GatherError> {
    let options = Options { retries: Some(0), timeout_ms: Some(10_000), ..Options::default() };
    let context = Recorder::new(options).context();
    let access = kubeconfig::read(&kubeconfig(&server.url(), ""), None, &context)?;
    run::block_on(&context, async {
        let client = super::Client::new(&access, page_size, &context).await?;
        work(&client).await
    })
}

/// Collects the names of nodes.
#[derive(Default)]
struct NodeNames(Vec<String>);

impl super::ItemSink for NodeNames {
    type List = NodeList;

    fn take(&mut self, node: Node<'_>) -> Result<(), GatherError> {
        self.0.push(node.metadata.name.to_string());
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        self.0.clear();
        Ok(())
    }
}

/// The records and calls of plugins, by the number of their recorder.
static RECORDED: Mutex<Option<HashMap<usize, Vec<String>>>> = Mutex::new(None);
static NUMBERS: AtomicUsize = AtomicUsize::new(0);

/// Simulates the runner: records the records and calls that the plugin sends.
pub struct Recorder {
    number: usize,
    options: Options,
}

impl Recorder {
    pub fn new(options: Options) -> Self {
        Self { number: NUMBERS.fetch_add(1, Ordering::SeqCst), options }
    }

    pub fn context(&self) -> Context {
        let callbacks = Callbacks { context: self.number, emit, log, cancelled, call };
        let (endpoint, module) = ("endpoint".to_owned(), "Kubernetes".to_owned());
        Context::new(callbacks, endpoint, module, self.options.clone())
    }

    /// What the plugin sent: each record as JSON, each call as `method request`.
    pub fn output(&self) -> Vec<String> {
        let recorded = RECORDED.lock().expect("no thread panicked");
        recorded
            .as_ref()
            .and_then(|by_number| by_number.get(&self.number))
            .cloned()
            .unwrap_or_default()
    }
}

fn record(number: usize, text: String) {
    let mut recorded = RECORDED.lock().expect("no thread panicked");
    recorded.get_or_insert_default().entry(number).or_default().push(text);
}

extern "C" fn emit(number: usize, text: RStr<'_>) -> i32 {
    record(number, text.to_string());
    0
}

extern "C" fn log(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn cancelled(_: usize) -> u8 {
    0
}

extern "C" fn call(
    number: usize,
    method: RStr<'_>,
    request: RStr<'_>,
) -> RResult<RString, RString> {
    record(number, format!("{method} {request}"));
    ROk(RString::new())
}
