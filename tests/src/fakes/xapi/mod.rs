//! A fake of XAPI, the interface of XenServer and XCP-ng: JSON-RPC 2.0 and 1.0 at `/jsonrpc`, and XML-RPC at `/` and
//! `/RPC2` for the vendor's own client, over one inventory.

mod fields;
mod inventory;
mod records;
mod xml_rpc;

use std::sync::{Mutex, MutexGuard};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

pub use inventory::{XapiHost, XapiInterface, XapiInventory, XapiVm, XapiVmKind};

/// What a fake XAPI does wrong, or unusually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XapiFault {
    /// The list of virtual machines is empty.
    NoVms,
    /// The list of virtual machines lacks the first one, which runs.
    VmMissing,
    /// The list of virtual machines has the guests, and no control domain.
    NoControlDomains,
    /// The first virtual machine is destroyed after the hosts were listed.
    VmDestroyedInBetween,
    /// The list of hosts is empty.
    NoHosts,
    /// The list of hosts lacks the coordinator.
    CoordinatorMissing,
    /// The list of hosts lacks the second one.
    HostMissing,
    /// The host is still starting.
    StillBooting,
    /// Replies are those of JSON-RPC 1.0.
    Version1,
    /// Whole numbers are texts.
    IntegersAsText,
    /// A number in the records of virtual machines is infinite, which is not JSON.
    Infinity,
}

/// A fake XAPI. `answer` is the script of a `ScriptedServer`.
#[derive(Debug)]
pub struct XapiFake {
    /// What it has.
    pub inventory: XapiInventory,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The address of the coordinator, if this host is another one.
    pub coordinator: Option<String>,
    faults: Vec<XapiFault>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: Vec<String>,
    logins: usize,
    is_vm_destroyed: bool,
}

/// The result of a call, or the code and the parameters of an error.
type CallResult = Result<Value, Vec<String>>;

impl XapiFake {
    /// A coordinator.
    pub fn new(inventory: XapiInventory) -> Self {
        Self {
            inventory,
            username: "inventory".to_owned(),
            password: "pa55-of-xapi".to_owned(),
            coordinator: None,
            faults: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// Adds a fault.
    #[must_use]
    pub fn with(mut self, fault: XapiFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// How many clients have logged in.
    pub fn logins(&self) -> usize {
        self.state().logins
    }

    /// How many sessions are open.
    pub fn open_sessions(&self) -> usize {
        self.state().sessions.len()
    }

    /// The records of a class, without faults.
    pub fn records(&self, class: &str) -> Vec<Value> {
        let records = records::all(&self.inventory, class, None).expect("a class of the fake");
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// The answer to a call whose session has ended.
    pub fn session_invalid() -> Action {
        json_rpc(&Err(vec!["SESSION_INVALID".to_owned(), "OpaqueRef:gone".to_owned()]), false)
    }

    /// The answer to a call that the user's role does not include.
    pub fn permission_denied() -> Action {
        let error =
            ["RBAC_PERMISSION_DENIED", "VM.get_all_records", "No permission in user session"];
        json_rpc(&Err(error.map(str::to_owned).to_vec()), false)
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        if request.method != "POST" {
            return Action::answer(404, "");
        }
        match request.path() {
            "/jsonrpc" => self.answer_json(&request.body),
            "/" | "/RPC2" => self.answer_xml(&request.body),
            _ => Action::answer(404, ""),
        }
    }

    fn answer_json(&self, body: &[u8]) -> Action {
        let Ok(call) = serde_json::from_slice::<Value>(body) else {
            return Action::answer(500, "");
        };
        let (Some(method), Some(parameters)) = (call["method"].as_str(), call["params"].as_array())
        else {
            return Action::answer(500, "");
        };
        let parameters: Option<Vec<_>> =
            parameters.iter().map(|it| it.as_str().map(str::to_owned)).collect();
        let Some(parameters) = parameters else { return Action::answer(500, "") };
        let is_version_1 = self.has(XapiFault::Version1) || call["jsonrpc"] != "2.0";
        let mut result = self.call(method, &parameters);
        if self.has(XapiFault::IntegersAsText)
            && let Ok(result) = &mut result
        {
            integers_to_text(result);
        }
        let mut answer = json_rpc(&result, is_version_1);
        if self.has(XapiFault::Infinity)
            && let Action::Answer { body, .. } = &mut answer
        {
            let text = String::from_utf8_lossy(body);
            let finite = "\"HVM_shadow_multiplier\":1.0";
            *body = text.replace(finite, "\"HVM_shadow_multiplier\":Infinity").into_bytes();
        }
        answer
    }

    fn answer_xml(&self, body: &[u8]) -> Action {
        let Some((method, parameters)) = xml_rpc::parse(body) else {
            return Action::answer(500, "");
        };
        let reply = match self.call(&method, &parameters) {
            Ok(value) => json!({"Status": "Success", "Value": value}),
            Err(error) => json!({"Status": "Failure", "ErrorDescription": error}),
        };
        Action::answer(200, xml_rpc::response(&reply)).header("content-type", "text/xml")
    }

    fn call(&self, method: &str, parameters: &[String]) -> CallResult {
        if method == "session.login_with_password" {
            return self.log_in(parameters);
        }
        let class = method.strip_suffix(".get_all_records");
        if class.is_none() && method != "session.logout" {
            return error(&["MESSAGE_METHOD_UNKNOWN", method]);
        }
        let [session] = parameters else {
            let count = parameters.len().to_string();
            return error(&["MESSAGE_PARAMETER_COUNT_MISMATCH", method, "1", &count]);
        };
        let mut state = self.state();
        let Some(position) = state.sessions.iter().position(|known| known == session) else {
            return error(&["SESSION_INVALID", session]);
        };
        let Some(class) = class else {
            state.sessions.remove(position);
            return Ok(json!(""));
        };
        if class == "VM" && self.has(XapiFault::VmDestroyedInBetween) {
            state.is_vm_destroyed = true;
        }
        let destroyed = state.is_vm_destroyed.then_some(0);
        let Some(mut records) = records::all(&self.inventory, class, destroyed) else {
            return error(&["MESSAGE_METHOD_UNKNOWN", method]);
        };
        let is_control = |record: &Value| record["is_control_domain"] == true;
        for fault in &self.faults {
            match (fault, class) {
                (XapiFault::NoVms, "VM") | (XapiFault::NoHosts, "host") => records.clear(),
                (XapiFault::VmMissing, "VM") => drop(records.remove("OpaqueRef:VM0")),
                (XapiFault::NoControlDomains, "VM") => records.retain(|_, it| !is_control(it)),
                (XapiFault::CoordinatorMissing, "host") => drop(records.remove("OpaqueRef:host0")),
                (XapiFault::HostMissing, "host") => drop(records.remove("OpaqueRef:host1")),
                _ => {}
            }
        }
        Ok(Value::Object(records))
    }

    /// Two to four parameters: user, password, version, originator.
    fn log_in(&self, parameters: &[String]) -> CallResult {
        if !(2..=4).contains(&parameters.len()) {
            let count = parameters.len().to_string();
            let code = "MESSAGE_PARAMETER_COUNT_MISMATCH";
            return error(&[code, "session.login_with_password", "4", &count]);
        }
        if self.has(XapiFault::StillBooting) {
            return error(&["HOST_STILL_BOOTING"]);
        }
        if let Some(coordinator) = &self.coordinator {
            return error(&["HOST_IS_SLAVE", coordinator]);
        }
        if parameters[0] != self.username || parameters[1] != self.password {
            let message = "Authentication failure";
            return error(&["SESSION_AUTHENTICATION_FAILED", &parameters[0], message]);
        }
        let mut state = self.state();
        state.logins += 1;
        let session = format!("OpaqueRef:5e551041-0000-4000-8000-{:012x}", state.logins);
        state.sessions.push(session.clone());
        Ok(json!(session))
    }

    fn has(&self, fault: XapiFault) -> bool {
        self.faults.contains(&fault)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }
}

fn error(words: &[&str]) -> CallResult {
    Err(words.iter().map(|&word| word.to_owned()).collect())
}

/// The answer of JSON-RPC.
fn json_rpc(result: &CallResult, is_version_1: bool) -> Action {
    let reply = match (result, is_version_1) {
        (Ok(result), false) => json!({"jsonrpc": "2.0", "id": 1, "result": result}),
        (Ok(result), true) => json!({"id": 1, "result": result, "error": null}),
        (Err(words), false) => {
            let error = json!({"code": 1, "message": words[0], "data": words[1..]});
            json!({"jsonrpc": "2.0", "id": 1, "error": error})
        }
        (Err(words), true) => json!({"id": 1, "result": null, "error": words}),
    };
    Action::json(200, &reply)
}

/// Replaces all whole numbers by texts, as the documentation of the protocol says.
fn integers_to_text(value: &mut Value) {
    match value {
        Value::Number(number) if !number.is_f64() => *value = json!(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(integers_to_text),
        Value::Object(members) => members.values_mut().for_each(integers_to_text),
        _ => {}
    }
}
