//! Tests of the whole module against scripted answers, and against the fake of Azure.

mod complete;
mod fake;
mod faults;
mod hostile;
mod judged;
mod links;
mod login;
mod recorded;
mod shorter;

use std::collections::BTreeMap;
use std::sync::Mutex;

use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_azure::Azure;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "5f8e1d2c-3b4a-4c5d-8e6f-7a8b9c0d1e2f";
const APPLICATION: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
const SECRET: &str = "s3cret~of.azure";

/// The answers of a small cloud by the names of requests, which `name` gives.
#[derive(Clone)]
struct Cloud(BTreeMap<String, Action>);

impl Cloud {
    /// Two virtual machines and a uniform scale set with one instance, in two locations.
    fn new() -> Self {
        let list = |entries: Value| Action::json(200, &json!({ "value": entries }));
        let machines = [vm("web", "eastus", 1), vm("db", "West Europe", 2)];
        let answers = [
            ("login", token("token-1")),
            (
                "locations",
                list(json!([
                    {"name": "eastus", "displayName": "East US"},
                    {"name": "westeurope", "displayName": "West Europe"},
                    {"name": "northeurope", "displayName": "North Europe"},
                ])),
            ),
            ("machines", list(json!(machines))),
            (
                "states",
                list(json!([
                    state("WEB", &["PowerState/running"]),
                    state("db", &["PowerState/deallocated"])
                ])),
            ),
            ("sets", list(json!([set("pool", "eastus", Some("Uniform"))]))),
            ("instances of pool", list(json!([instance("pool", 0)]))),
            (
                "sizes of eastus",
                list(json!([
                    {"name": "Standard_D2s_v5", "numberOfCores": 2, "memoryInMB": 8192},
                    {"name": "standard_b1s", "numberOfCores": 1, "memoryInMB": 1024},
                ])),
            ),
            (
                "sizes of westeurope",
                list(json!([
                    {"name": "Standard_D2s_v5", "numberOfCores": 2, "memoryInMB": 8192},
                ])),
            ),
        ];
        Self(answers.map(|(name, answer)| (name.to_owned(), answer)).into())
    }

    /// The same with another answer.
    fn with(mut self, name: &str, answer: Action) -> Self {
        self.0.insert(name.to_owned(), answer);
        self
    }

    /// The same with another list.
    fn with_list(self, name: &str, entries: impl Into<Value>) -> Self {
        let entries: Value = entries.into();
        self.with(name, Action::json(200, &json!({ "value": entries })))
    }

    /// The same with another document.
    fn with_json(self, name: &str, document: impl Into<Value>) -> Self {
        self.with(name, Action::json(200, &document.into()))
    }

    fn serve(self) -> Served {
        Served::script(move |request| self.answer(request))
    }

    /// The answer to a request. `BASE` in it is the URL of the server.
    fn answer(&self, request: &ReceivedRequest) -> Action {
        let name = name(request);
        let Some(answer) = self.0.get(&name) else {
            return failure(404, "ResourceNotFound", &format!("no answer to {name}"));
        };
        let base = format!("https://{}", request.header("host").expect("a host"));
        match answer.clone() {
            Action::Answer { status, headers, body } => {
                let body = String::from_utf8(body).expect("UTF-8").replace("BASE", &base);
                Action::Answer { status, headers, body: body.into_bytes() }
            }
            other => other,
        }
    }
}

/// What a request asks for.
fn name(request: &ReceivedRequest) -> String {
    let path = request.path();
    if let Some(page) = request.query("page") {
        return page;
    }
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match parts[..] {
        [_, "oauth2", "v2.0", "token"] => "login".to_owned(),
        ["subscriptions", _, "locations"] => "locations".to_owned(),
        [.., "locations", location, "vmSizes"] => format!("sizes of {location}"),
        [.., "virtualMachineScaleSets", set, "virtualMachines"] => format!("instances of {set}"),
        [.., "virtualMachineScaleSets"] => "sets".to_owned(),
        [.., "virtualMachines"] if request.query("statusOnly").is_some() => "states".to_owned(),
        [.., "virtualMachines"] => "machines".to_owned(),
        [.., "virtualMachines", machine] => format!("machine {machine}"),
        _ => path.to_owned(),
    }
}

fn token(token: &str) -> Action {
    Action::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}))
}

fn failure(status: u16, code: &str, message: &str) -> Action {
    Action::json(status, &json!({"error": {"code": code, "message": message}}))
}

fn id(name: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/Shop/providers/Microsoft.Compute/virtualMachines/{name}"
    )
}

fn set_id(name: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/Shop/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    )
}

fn vm_id(number: u32) -> String {
    format!("0B9D0C55-1111-4222-8333-{number:012}")
}

/// An entry of the list of virtual machines.
fn vm(name: &str, location: &str, number: u32) -> Value {
    json!({
        "id": id(name), "name": name, "location": location, "type": "Microsoft.Compute/virtualMachines",
        "properties": {"vmId": vm_id(number), "hardwareProfile": {"vmSize": "Standard_D2s_v5"}},
    })
}

/// An entry of the list of states, which spells the resource group in another way.
fn state(name: &str, codes: &[&str]) -> Value {
    let statuses: Vec<_> = codes.iter().map(|code| json!({ "code": code })).collect();
    json!({
        "id": id(name).replace("/Shop/", "/SHOP/"),
        "properties": {"instanceView": {"statuses": statuses}},
    })
}

fn set(name: &str, location: &str, mode: Option<&str>) -> Value {
    let mut set = json!({
        "id": set_id(name), "name": name, "location": location,
        "sku": {"name": "Standard_B1s", "capacity": 1}, "properties": {},
    });
    if let Some(mode) = mode {
        set["properties"]["orchestrationMode"] = json!(mode);
    }
    set
}

/// An instance of a uniform scale set.
fn instance(set: &str, number: u32) -> Value {
    json!({
        "id": format!("{}/virtualMachines/{number}", set_id(set)), "name": format!("{set}_{number}"),
        "instanceId": number.to_string(), "location": "eastus", "sku": {"name": "Standard_B1s"},
        "properties": {
            "vmId": vm_id(100 + number),
            "instanceView": {"statuses": [{"code": "PowerState/running"}]},
        },
    })
}

/// A served cloud, and a recorder that trusts its certificate.
struct Served {
    server: TlsServer,
}

impl Served {
    fn script(script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static) -> Self {
        Self { server: TlsServer::start(script) }
    }

    /// Answers each request with a number less than the number of answers with these, and others from the cloud.
    fn sequence(cloud: Cloud, request_name: &str, answers: Vec<Action>) -> Self {
        let (wanted, answers) = (request_name.to_owned(), Mutex::new(answers.into_iter()));
        Self::script(move |request| {
            let next = || answers.lock().expect("not poisoned").next();
            if name(request) == wanted
                && let Some(answer) = next()
            {
                return answer;
            }
            cloud.answer(request)
        })
    }

    fn gather(&self) -> Result<Gathered, GatherError> {
        self.gather_with(json!({}))
    }

    /// Gathers with other values of some parameters.
    fn gather_with(&self, changes: Value) -> Result<Gathered, GatherError> {
        let mut parameters = parameters(self.server.port());
        let Value::Object(changes) = changes else { panic!("an object") };
        parameters.as_object_mut().expect("an object").extend(changes);
        let ca_file = Some(self.server.ca_file().display().to_string());
        let options = Options { ca_file, retries: Some(0), ..Options::default() };
        Recorder::new().options(options).gather::<Azure>(parameters)
    }

    /// The names of the requests, sorted, because some are sent at the same time.
    fn requests(&self) -> Vec<String> {
        let mut names: Vec<_> = self.server.received().iter().map(name).collect();
        names.sort();
        names
    }
}

/// The parameters as the program passes them.
fn parameters(port: u16) -> Value {
    let url = format!("https://127.0.0.1:{port}");
    json!({
        "subscription_id": SUBSCRIPTION, "application_id": APPLICATION, "tenant_id": "example.com",
        "secret_key": SECRET, "cloud": "public", "authority_url": url, "endpoint_url": url,
    })
}

/// The guest with this name, and the name of its host.
fn guest<'a>(gathered: &'a Gathered, name: &str) -> (&'a str, &'a Guest) {
    let guests = gathered
        .hosts
        .iter()
        .flat_map(|host| host.guests.iter().map(|guest| (host.name.as_str(), guest)));
    guests.into_iter().find(|(_, guest)| guest.name == name).expect(name)
}

/// The names of all guests, sorted.
fn names(gathered: &Gathered) -> Vec<&str> {
    let guests = gathered.hosts.iter().flat_map(|host| &host.guests);
    let mut names: Vec<_> = guests.map(|guest| guest.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// The warnings as texts, sorted.
fn warnings(gathered: &Gathered) -> Vec<String> {
    let texts = gathered.warnings.iter();
    let mut texts: Vec<_> =
        texts.map(|warning| format!("{}: {}", warning.object, warning.message)).collect();
    texts.sort();
    texts
}
