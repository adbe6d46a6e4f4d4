//! Test support: a scripted API server, and reading lists from it.

use std::net::SocketAddr;

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{Context, GatherError, Options};
use gatherer_plugin_support::run;
pub use gatherer_plugin_support::testing::ReceivedRequest;
use gatherer_plugin_support::testing::{Action, ScriptedServer};
use serde_json::{Value, json};

use crate::kubeconfig;
use crate::objects::Node;
use crate::objects::kinds::{NODES, NodeList};

/// What the tests ask of a request.
pub trait ApiRequest {
    /// The continue token, still encoded.
    fn token(&self) -> Option<&str>;
    /// The headers in lower case, each between line ends.
    fn head(&self) -> String;
}

impl ApiRequest for ReceivedRequest {
    fn token(&self) -> Option<&str> {
        self.target.split_once("&continue=").map(|(_, token)| token)
    }

    fn head(&self) -> String {
        let lines = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("\r\n{}", lines.collect::<String>()).to_lowercase()
    }
}

/// A server without TLS that answers one request per connection.
pub struct Server(ScriptedServer);

impl Server {
    /// `answer` returns the bytes of the response, including its head.
    pub fn new(answer: impl Fn(&ReceivedRequest) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self(ScriptedServer::http(move |request| Action::Raw(answer(request))))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    pub fn url(&self) -> String {
        self.0.url("")
    }

    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.0.received()
    }

    /// The names of the nodes that the client reads from this server, two per page.
    pub fn nodes(&self) -> Result<Vec<String>, GatherError> {
        nodes(&kubeconfig(&self.url(), ""), &Recorder::new().context())
    }
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
    work: impl AsyncFnOnce(&super::Client) -> Result<T, GatherError>,
) -> Result<T, GatherError> {
    let options = Options { retries: Some(0), timeout_ms: Some(10_000), ..Options::default() };
    let context = Recorder::new().options(options).context();
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
