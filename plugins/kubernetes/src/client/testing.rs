//! For this folder's tests: a server that answers as it is told, and a context that keeps what the
//! plugin says.

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
use crate::objects::node::{Node, NodeList};

/// What a request said.
#[derive(Debug, Clone)]
pub struct Asked {
    /// From 0.
    pub number: usize,
    /// Path and query.
    pub target: String,
    /// The head, in lower case.
    pub head: String,
}

impl Asked {
    pub fn token(&self) -> Option<&str> {
        self.target.split_once("&continue=").map(|(_, token)| token)
    }
}

/// Speaks with a client before its request is read; whether the request may come.
type Greeting = fn(&mut TcpStream) -> std::io::Result<bool>;

/// A server without TLS; one request for each connection.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Each request is answered with these bytes, head and all.
    pub fn new(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        Self::greeting(|_| Ok(true), answer)
    }

    /// A SOCKS 5 proxy for user `us@er` with password `pass`, that leads to the server itself
    /// (RFC 1928, RFC 1929).
    pub fn behind_socks(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        Self::greeting(socks, answer)
    }

    fn greeting(greet: Greeting, answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let (kept, stop) = (Arc::clone(&asked), Arc::clone(&stopping));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                if !greet(&mut stream).unwrap_or(false) {
                    continue;
                }
                let Some((mut stream, request)) = read(stream, &kept) else { continue };
                // Who stops reading is what some tests are about.
                let _ = stream.write_all(&answer(&request));
            }
        });
        Self { address, asked, stopping, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no thread panicked").clone()
    }

    /// What the client makes of it, with pages of two.
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

fn socks(stream: &mut TcpStream) -> std::io::Result<bool> {
    let some = |stream: &mut TcpStream, length: u8| {
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).map(|()| bytes)
    };
    let methods = some(stream, 2)?[1];
    some(stream, methods)?;
    stream.write_all(&[5, 2])?;
    let length = some(stream, 2)?[1];
    let user = some(stream, length)?;
    let length = some(stream, 1)?[0];
    let good = some(stream, length)? == b"pass" && user == b"us@er";
    stream.write_all(&[1, u8::from(!good)])?;
    if !good {
        return Ok(false);
    }
    // CONNECT to a name, which is looked up here and not by the client.
    let length = match some(stream, 5)?.as_slice() {
        [5, 1, 0, 3, length] => *length,
        _ => return Ok(false),
    };
    let target = some(stream, length + 2)?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    Ok(target == b"cluster.invalid\0\x50")
}

fn read(stream: TcpStream, kept: &Mutex<Vec<Asked>>) -> Option<(TcpStream, Asked)> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let target = head.split(' ').nth(1)?.to_owned();
    let mut kept = kept.lock().expect("no thread panicked");
    let asked = Asked { number: kept.len(), target, head: head.to_lowercase() };
    kept.push(asked.clone());
    Some((stream, asked))
}

/// An answer.
pub fn answer(status: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// 200 and this document.
pub fn ok(document: &Value) -> Vec<u8> {
    answer("200 OK", "content-type: application/json\r\n", document.to_string().as_bytes())
}

/// A page with nodes of these names.
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

/// A kubeconfig for this server, whose user has these lines.
pub fn kubeconfig(server: &str, user: &str) -> String {
    let cluster = json!({ "server": server });
    let user = if user.is_empty() { "{token: a-good-token}" } else { user };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters:\n- name: c\n  cluster: \
         {cluster}\nusers:\n- name: u\n  user: {user}\ncontexts:\n- name: x\n  context: \
         {{cluster: c, user: u}}\n"
    )
}

/// What the client makes of a kubeconfig, with pages of two.
pub fn nodes(kubeconfig: &str, context: &Context) -> Result<Vec<String>, GatherError> {
    let access = kubeconfig::read(kubeconfig, None, context)?;
    for (object, sentence) in &access.warnings {
        context.warning(object, sentence)?;
    }
    let list = Arc::new(List::default());
    let sink: Arc<dyn super::ItemSink<NodeList>> = list.clone();
    run::block_on(context, async {
        let client = super::Client::new(&access, 2, context).await?;
        client.list(&super::Resource::nodes(), sink).await
    })?;
    let mut nodes = list.0.lock().expect("no test panics there").split_off(0);
    nodes.sort();
    Ok(nodes)
}

/// What a client comes to that speaks with this server.
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

/// The names of the nodes that a client gave.
#[derive(Default)]
struct List(Mutex<Vec<String>>);

impl super::ItemSink<NodeList> for List {
    fn take(&self, node: Node<'_>) -> Result<(), GatherError> {
        self.0.lock().expect("no test panics there").push(node.metadata.name.to_string());
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        self.0.lock().expect("no test panics there").clear();
        Ok(())
    }
}

/// What a plugin said, by the number of its recorder.
static SAID: Mutex<Option<HashMap<usize, Vec<String>>>> = Mutex::new(None);
static NUMBERS: AtomicUsize = AtomicUsize::new(0);

/// A runner that keeps records and calls.
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

    pub fn said(&self) -> Vec<String> {
        let said = SAID.lock().expect("no thread panicked");
        said.as_ref().and_then(|said| said.get(&self.number)).cloned().unwrap_or_default()
    }
}

fn keep(number: usize, text: String) {
    let mut said = SAID.lock().expect("no thread panicked");
    said.get_or_insert_default().entry(number).or_default().push(text);
}

extern "C" fn emit(number: usize, record: RStr<'_>) -> i32 {
    keep(number, record.to_string());
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
    keep(number, format!("{method} {request}"));
    ROk(RString::new())
}
