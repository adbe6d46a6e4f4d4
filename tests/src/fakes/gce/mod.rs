//! A fake of Google Compute Engine and of the endpoint that issues its tokens, over one inventory.

mod errors;
mod fields;
mod inventory;
mod lists;
mod login;
mod objects;

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use fields::Selection;
pub use inventory::{GceDisk, GceInstance, GceInterface, GceInventory, GceMachineType};
use lists::{List, PageToken};
use login::IssuedToken;

/// What a fake Compute Engine does wrong, or unusually.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GceFault {
    /// The zone of the first instance has a warning with code UNREACHABLE in place of its instances.
    ScopeUnreachable,
    /// The zone of the first instance lacks an instance, and has a warning with code PARTIAL_SUCCESS on the last page.
    ScopePartial,
    /// The zone of the first instance is missing, and `unreachables` of the last page names it.
    Unreachables,
    /// The zone of the first instance is missing, and the first page has a warning with code UNREACHABLE.
    TopLevelWarning,
    /// The second page is empty, and has the token of another page.
    EmptyPageInBetween,
    /// After the last item there is one more page, which has no member `items`.
    LastPageWithoutItems,
    /// After the last item there is one more page, whose member `items` is empty.
    LastPageWithEmptyItems,
    /// The first item of a page is the last one of the page before. No item is missing.
    InstanceTwice,
    /// The second page has its own token as that of the next page.
    NextPageIsItself,
    /// A list has status 200, and an error in place of the list.
    ErrorInsteadOfList,
    /// Every request to the service exceeds a limit: status 403 with this reason.
    RateLimited(&'static str),
    /// Every request to the service exceeds a limit: status 429.
    TooManyRequests,
    /// The API is not enabled in the project.
    AccessNotConfigured,
    /// The key of the account was deleted.
    KeyDeleted,
    /// The account was deleted.
    AccountDeleted,
    /// An unknown zone is answered with 404, as some versions of the service do, and not with 400.
    UnknownZoneIsNotFound,
}

/// A fake Compute Engine. `answer` is the script of a `TlsServer`; the token endpoint is at `/token` of the same server.
#[derive(Debug)]
pub struct GceFake {
    /// What it has.
    pub inventory: GceInventory,
    /// The name of the service account.
    pub email: String,
    /// The rights of the account. The lists of machine types and zones need further ones.
    pub permissions: Vec<&'static str>,
    /// The most items on a page.
    pub page_size: usize,
    /// How long a token is valid.
    pub token_seconds: i64,
    /// How many seconds the clock of the service is ahead of this machine's.
    pub clock_ahead: i64,
    faults: Vec<GceFault>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Vec<IssuedToken>,
    logins: usize,
    pages: Vec<PageToken>,
    /// Faults that end, and how often they still happen.
    passing: Vec<(GceFault, usize)>,
}

/// The system parameters of Google's APIs that the fake knows. A token in a query is not among them.
const SYSTEM_PARAMETERS: [&str; 6] =
    ["alt", "$alt", "fields", "prettyPrint", "quotaUser", "$.xgafv"];
/// The parameters of lists. `filter` and `orderBy` are refused: the fake does not filter or sort.
const LIST_PARAMETERS: [&str; 2] = ["maxResults", "pageToken"];

impl GceFake {
    /// The service with this project, and an account that may list instances and read machine types.
    pub fn new(inventory: GceInventory) -> Self {
        Self {
            inventory,
            email: "inventory@example-project.iam.gserviceaccount.com".to_owned(),
            permissions: vec!["compute.instances.list", "compute.machineTypes.get"],
            page_size: 500,
            token_seconds: 3_599,
            clock_ahead: 0,
            faults: Vec::new(),
            state: Mutex::default(),
        }
    }

    /// Adds a fault.
    #[must_use]
    pub fn with(mut self, fault: GceFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Adds a fault of whole requests that happens this many times.
    #[must_use]
    pub fn with_times(self, fault: GceFault, times: usize) -> Self {
        self.state().passing.push((fault, times));
        self
    }

    /// Sets the most items on a page.
    #[must_use]
    pub fn with_page_size(mut self, size: usize) -> Self {
        self.page_size = size;
        self
    }

    /// The file with the key of the account, as the vendor's console creates it. `base` is the URL of the fake without a
    /// slash at the end.
    pub fn key_file(&self, base: &str) -> Value {
        json!({
            "type": "service_account",
            "project_id": self.inventory.project,
            "private_key_id": login::KEY_ID,
            "private_key": login::KEY_PKCS8,
            "client_email": self.email,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": format!("{base}/token"),
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "universe_domain": "googleapis.com",
        })
    }

    /// The key of the account, PEM with PKCS#8.
    pub fn key_pkcs8() -> &'static str {
        login::KEY_PKCS8
    }

    /// The key of the account, PEM with PKCS#1.
    pub fn key_pkcs1() -> &'static str {
        login::KEY_PKCS1
    }

    /// How many tokens were issued.
    pub fn logins(&self) -> usize {
        self.state().logins
    }

    /// Makes all issued tokens invalid.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// The answer to a request whose token has expired.
    pub fn token_expired() -> Action {
        errors::invalid_credentials()
    }

    /// The answer to a list that the account may not read.
    pub fn permission_denied() -> Action {
        errors::forbidden("compute.instances.list", "projects/example-project")
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        let answer = match request.path() {
            "/token" => self.issue_token(request),
            path => match path.strip_prefix("/compute/v1/projects/") {
                Some(path) if request.method == "GET" => self.answer_get(request, path),
                _ => errors::unknown_path(),
            },
        };
        let seconds = u64::try_from(self.now()).expect("the time is after 1970");
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        answer.header("date", &httpdate::fmt_http_date(date))
    }

    fn answer_get(&self, request: &ReceivedRequest, path: &str) -> Action {
        let path = path.replace("%3A", ":");
        let (project, path) = path.split_once('/').unwrap_or((&path, ""));
        if let Some(refused) = self.refuse_bearer(request) {
            return refused;
        }
        let number = self.inventory.project_number;
        if project != self.inventory.project && project != number.to_string() {
            return errors::not_found(&format!("projects/{project}"));
        }
        if self.happens(GceFault::AccessNotConfigured) {
            return errors::access_not_configured(number);
        }
        if let Some(limited) = self.rate_limit() {
            return limited;
        }
        let answer = self.answer_path(request, path);
        match (answer, request.query("fields")) {
            (Action::Answer { status: 200, body, .. }, Some(fields)) => {
                let whole = serde_json::from_slice(&body).expect("the fake answers JSON");
                match Selection::parse(&fields) {
                    Some(selection) => Action::json(200, &selection.apply(&whole)),
                    None => errors::error(
                        400,
                        "global",
                        "invalidParameter",
                        &format!("Invalid field selection {fields}"),
                    ),
                }
            }
            (answer, _) => answer,
        }
    }

    fn answer_path(&self, request: &ReceivedRequest, path: &str) -> Action {
        let parts: Vec<_> = path.split('/').collect();
        let (list, permission) = match parts[..] {
            ["aggregated" | "zones", .., "instances"] => {
                (Some(List::Instances), "compute.instances.list")
            }
            ["aggregated" | "zones", .., "machineTypes"] => {
                (Some(List::MachineTypes), "compute.machineTypes.list")
            }
            ["zones"] => (Some(List::Zones), "compute.zones.list"),
            ["zones", _, "machineTypes", _] => (None, "compute.machineTypes.get"),
            ["zones", _] => (None, "compute.zones.get"),
            _ => return errors::unknown_path(),
        };
        if let Some(refused) = refuse_parameters(request, list.is_some()) {
            return refused;
        }
        if !self.permissions.contains(&permission) {
            // A right on a list is one on the project.
            let project = format!("projects/{}", self.inventory.project);
            let resource =
                if list.is_some() { project } else { format!("{project}/{}", parts.join("/")) };
            return errors::forbidden(permission, &resource);
        }
        if list == Some(List::Instances) && self.happens(GceFault::ErrorInsteadOfList) {
            let error = json!({"code": 503, "message": "Backend Error", "errors": []});
            return Action::json(200, &json!({"error": error}));
        }
        match (list, &parts[..]) {
            (Some(list), ["aggregated", _]) => self.aggregated_list(request, list),
            (Some(list), ["zones"]) => self.list(request, list, None),
            (_, ["zones", zone, ..]) if !self.inventory.zones.iter().any(|it| it == zone) => {
                self.unknown_zone(zone)
            }
            (Some(list), ["zones", zone, _]) => self.list(request, list, Some(zone)),
            (None, ["zones", zone]) => Action::json(200, &objects::zone(&self.inventory, zone)),
            (None, ["zones", zone, _, name]) => self.machine_type(zone, name),
            _ => errors::unknown_path(),
        }
    }

    fn machine_type(&self, zone: &str, name: &str) -> Action {
        let Some(own) = self.inventory.machine_type(name) else {
            let project = &self.inventory.project;
            return errors::not_found(&format!(
                "projects/{project}/zones/{zone}/machineTypes/{name}"
            ));
        };
        Action::json(200, &objects::machine_type(&self.inventory, zone, &own))
    }

    fn unknown_zone(&self, zone: &str) -> Action {
        if self.has(GceFault::UnknownZoneIsNotFound) {
            let project = &self.inventory.project;
            return errors::not_found(&format!("projects/{project}/zones/{zone}"));
        }
        errors::invalid_value("zone", zone, "Unknown zone.")
    }

    fn rate_limit(&self) -> Option<Action> {
        if self.happens(GceFault::TooManyRequests) {
            return Some(errors::rate_limited(429, "rateLimitExceeded"));
        }
        let reasons = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
        let reason = reasons.into_iter().find(|it| self.happens(GceFault::RateLimited(it)))?;
        Some(errors::rate_limited(403, reason))
    }

    /// Whether a fault was added for good.
    fn has(&self, fault: GceFault) -> bool {
        self.faults.contains(&fault)
    }

    /// Whether a fault happens to this request. Counts it.
    fn happens(&self, fault: GceFault) -> bool {
        let mut state = self.state();
        let passing = state.passing.iter_mut().find(|(it, left)| *it == fault && *left > 0);
        match passing {
            Some((_, left)) => {
                *left -= 1;
                true
            }
            None => self.has(fault),
        }
    }

    /// The time of the service in seconds since 1970.
    fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("the time is after 1970").as_secs();
        i64::try_from(now).expect("the time fits") + self.clock_ahead
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }
}

/// The refusal of a parameter that a method does not have, or of a format that is not JSON.
fn refuse_parameters(request: &ReceivedRequest, is_list: bool) -> Option<Action> {
    for (name, value) in request.query_pairs() {
        let is_known = SYSTEM_PARAMETERS.contains(&name.as_str())
            || (is_list && LIST_PARAMETERS.contains(&name.as_str()));
        if !is_known {
            return Some(errors::unknown_parameter(&name));
        }
        if name.ends_with("alt") && value.split(';').next() != Some("json") {
            return Some(errors::invalid_value("alt", &value, "Must be json."));
        }
    }
    None
}
