//! A server of a cluster's list of nodes, page by page as an API server has it, with faults at chosen pages. The
//! pages are generated here, or come from a real API server behind this one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gatherer_plugin_support::testing::{Action, Identity, ReceivedRequest, ScriptedServer};
use serde_json::{Value, json};

use super::upstream::Upstream;

/// The source of the pages.
#[derive(Debug, Clone)]
pub enum Source {
    /// These nodes.
    Canned(Arc<Vec<Value>>),
    /// A real API server, which gets the client's headers.
    Upstream(Upstream),
}

/// Turns a correct answer to a request into a wrong one.
pub type AnswerFault = Arc<dyn Fn(&ReceivedRequest, Action) -> Action + Send + Sync>;

/// Returns whether a request is authorized. The answer to any other request is status 401.
pub type RequestFilter = Arc<dyn Fn(&ReceivedRequest) -> bool + Send + Sync>;

/// A scripted API server that is not started yet.
#[derive(Clone)]
pub struct NodeServer {
    source: Source,
    wrong: Vec<WrongPage>,
    filter: Option<RequestFilter>,
}

#[derive(Clone)]
struct WrongPage {
    /// The number of the page, from 1, or 0 for every page.
    page: usize,
    /// The number of requests that get the wrong page.
    times: usize,
    answer_fault: AnswerFault,
}

impl NodeServer {
    /// A server without faults.
    pub fn of(source: &Source) -> Self {
        Self { source: source.clone(), wrong: Vec::new(), filter: None }
    }

    /// Adds a fault to the first `times` requests for a page. Page 1 is the first one, 0 means every page.
    #[must_use]
    pub fn wrong(mut self, page: usize, times: usize, answer_fault: AnswerFault) -> Self {
        self.wrong.push(WrongPage { page, times, answer_fault });
        self
    }

    /// Answers only the requests for which the filter returns true.
    #[must_use]
    pub fn guarded(
        mut self,
        filter: impl Fn(&ReceivedRequest) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filter = Some(Arc::new(filter));
        self
    }

    /// Starts the server with TLS.
    pub fn https(self, identity: &Identity) -> ScriptedServer {
        ScriptedServer::https(identity, self.script())
    }

    /// Starts the server without TLS.
    pub fn http(self) -> ScriptedServer {
        ScriptedServer::http(self.script())
    }

    fn script(self) -> impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static {
        let numbers = Mutex::new(HashMap::new());
        let left = Mutex::new(self.wrong.iter().map(|wrong| wrong.times).collect::<Vec<_>>());
        move |request| self.answer(request, &numbers, &left)
    }

    fn answer(
        &self,
        request: &ReceivedRequest,
        numbers: &Mutex<HashMap<String, usize>>,
        left: &Mutex<Vec<usize>>,
    ) -> Action {
        if self.filter.as_ref().is_some_and(|filter| !filter(request)) {
            return Action::json(401, &kubernetes_status(401, "Unauthorized", "Unauthorized"));
        }
        let good = self.source.answer(request);
        if request.path() != "/api/v1/nodes" {
            return good;
        }
        let page = {
            let mut numbers = numbers.lock().expect("no thread panicked");
            let token = request.query("continue").unwrap_or_default();
            // The source answers an unknown token, and no fault is for page 99.
            let page =
                if token.is_empty() { 1 } else { numbers.get(&token).copied().unwrap_or(99) };
            if let Some(next) = next_token(&good) {
                numbers.insert(next, page + 1);
            }
            page
        };
        let mut action = good;
        let mut left = left.lock().expect("no thread panicked");
        for (wrong, left) in self.wrong.iter().zip(left.iter_mut()) {
            if *left > 0 && (wrong.page == 0 || wrong.page == page) {
                *left -= 1;
                action = (wrong.answer_fault)(request, action);
            }
        }
        action
    }
}

impl Source {
    /// Generated nodes with these names.
    pub fn canned(names: &[&str]) -> Self {
        Self::Canned(Arc::new(names.iter().map(|name| canned_node(name)).collect()))
    }

    /// Answers a request.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        match self {
            Self::Canned(nodes) => canned_page(nodes, request),
            Self::Upstream(upstream) => upstream.answer(request),
        }
    }
}

fn canned_page(nodes: &[Value], request: &ReceivedRequest) -> Action {
    if request.path() != "/api/v1/nodes" {
        let message = "the server could not find the requested resource";
        return Action::json(404, &kubernetes_status(404, "NotFound", message));
    }
    let limit = request.query("limit").and_then(|limit| limit.parse().ok());
    let token = request.query("continue").unwrap_or_default();
    let start = match token.strip_prefix(TOKEN).map(str::parse) {
        Some(Ok(start)) => start,
        None if token.is_empty() => 0,
        _ => {
            let message = "continue key is not valid";
            return Action::json(400, &kubernetes_status(400, "BadRequest", message));
        }
    };
    let end = limit.map_or(nodes.len(), |limit: usize| nodes.len().min(start + limit));
    let mut metadata = json!({"resourceVersion": "4711"});
    if end < nodes.len() {
        metadata["continue"] = format!("{TOKEN}{end}").into();
        metadata["remainingItemCount"] = (nodes.len() - end).into();
    }
    let page = json!({"kind": "NodeList", "apiVersion": "v1", "metadata": metadata,
        "items": nodes.get(start..end).unwrap_or_default()});
    Action::json(200, &page)
}

/// The start of the continue tokens. A client must treat a token as opaque and encode it in the URL, so this one
/// has characters with a meaning in URLs.
const TOKEN: &str = "ey+/J=&%2 ";

fn next_token(action: &Action) -> Option<String> {
    let Action::Answer { body, .. } = action else { return None };
    let page: Value = serde_json::from_slice(body).ok()?;
    page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()).map(str::to_owned)
}

/// The `Status` object that an API server sends with an error.
pub fn kubernetes_status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}

/// A node with this name and everything that a kubelet reports.
pub fn canned_node(name: &str) -> Value {
    let condition = |kind: &str, status: &str| {
        json!({"type": kind, "status": status, "reason": "Kubelet", "message": "kubelet",
            "lastHeartbeatTime": "2026-01-02T03:04:05Z", "lastTransitionTime": "2026-01-02T03:04:05Z"})
    };
    let resources = json!({"cpu": "4", "memory": "16Gi", "pods": "110"});
    json!({
        "metadata": {
            "name": name, "uid": format!("uid-of-{name}"), "resourceVersion": "12",
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64"},
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"podCIDR": "10.1.2.0/24", "providerID": format!("openstack:///{name}")},
        "status": {
            "capacity": resources, "allocatable": resources,
            "conditions": [condition("MemoryPressure", "False"), condition("Ready", "True")],
            "addresses": [{"type": "InternalIP", "address": "10.1.2.3"},
                {"type": "Hostname", "address": name}],
            "nodeInfo": {"machineID": format!("machine-{name}"), "systemUUID": format!("system-{name}"),
                "bootID": "b", "kernelVersion": "6.1", "osImage": "SLE Micro", "architecture": "amd64",
                "containerRuntimeVersion": "containerd://1.7", "kubeletVersion": "v1.33.1",
                "kubeProxyVersion": "v1.33.1", "operatingSystem": "linux"},
        },
    })
}

/// Faults of a page.
pub mod faults {
    use super::{Action, AnswerFault, Arc, Value, kubernetes_status};

    /// This action instead of the page.
    pub fn action(action: Action) -> AnswerFault {
        Arc::new(move |_, _| action.clone())
    }

    /// An action with the page's bytes.
    pub fn of_page(fault: impl Fn(&[u8]) -> Action + Send + Sync + 'static) -> AnswerFault {
        Arc::new(move |_, good| fault(&body(good)))
    }

    /// A `Status` object of the API server instead of the page.
    pub fn status(code: u16, reason: &'static str, message: &'static str) -> AnswerFault {
        Arc::new(move |_, _| Action::json(code, &kubernetes_status(code, reason, message)))
    }

    /// The page with a change of its JSON.
    pub fn change(change: impl Fn(&mut Value) + Send + Sync + 'static) -> AnswerFault {
        Arc::new(move |_, good| {
            let mut page = serde_json::from_slice(&body(good)).expect("a page is JSON");
            change(&mut page);
            Action::json(200, &page)
        })
    }

    /// The page with a change of its bytes.
    pub fn bytes(change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> AnswerFault {
        Arc::new(move |_, good| {
            Action::answer(200, change(body(good))).header("content-type", "application/json")
        })
    }

    /// The page with this header, added so many times.
    pub fn header(name: &'static str, value: String, times: usize) -> AnswerFault {
        Arc::new(move |_, good| (0..times).fold(good, |page, _| page.header(name, &value)))
    }

    /// The page, sent after a function ran.
    pub fn after(function: impl Fn() + Send + Sync + 'static) -> AnswerFault {
        Arc::new(move |_, good| {
            function();
            good
        })
    }

    fn body(action: Action) -> Vec<u8> {
        match action {
            Action::Answer { body, .. } => body,
            other => panic!("{other:?} instead of a page"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(target: &str) -> Value {
        let request = ReceivedRequest { target: target.to_owned(), ..Default::default() };
        let nodes: Vec<Value> = ["a", "b", "c"].into_iter().map(canned_node).collect();
        let Action::Answer { body, .. } = canned_page(&nodes, &request) else { panic!("a fault") };
        serde_json::from_slice(&body).expect("JSON")
    }

    #[test]
    fn pages_are_linked_by_tokens_that_must_be_encoded() {
        let names = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().expect("a list");
            items.iter().map(|item| item["metadata"]["name"].to_string()).collect()
        };
        let first = page("/api/v1/nodes?limit=2");
        assert_eq!(names(&first), ["\"a\"", "\"b\""]);
        assert_eq!(first["metadata"]["continue"], "ey+/J=&%2 2");
        let last = page("/api/v1/nodes?limit=2&continue=ey%2B%2FJ%3D%26%252+2");
        assert_eq!(names(&last), ["\"c\""]);
        assert!(last["metadata"].get("continue").is_none());
        assert_eq!(page("/api/v1/nodes?continue=ey&limit=2")["code"], 400);
        assert_eq!(page("/api/v1/pods")["code"], 404);
    }
}
