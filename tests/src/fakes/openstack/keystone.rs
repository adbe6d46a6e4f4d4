//! keystone v3: versions, tokens with the catalogue, and projects.

use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::inventory::{OpenstackDomain, OpenstackPolicy, OpenstackProject, OpenstackUser};
use super::sample::hex_id;
use super::{OpenstackFake, OpenstackFault, keystone_error};

/// A token that was issued.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) id: String,
    /// The user's name.
    pub(super) user: String,
    /// The id of the project that it is for. `None`: it is for none.
    pub(super) project: Option<String>,
    /// How many requests to nova had this token.
    pub(super) requests: usize,
    /// When it ends, in seconds since 1970.
    ends: i64,
}

impl Token {
    /// Whether it has ended.
    pub(super) fn is_expired(&self, fake: &OpenstackFake) -> bool {
        let is_used_up = fake.token_requests.is_some_and(|most| self.requests >= most);
        is_used_up || Timestamp::now().as_second() >= self.ends
    }
}

pub(super) fn answer(fake: &OpenstackFake, request: &ReceivedRequest, path: &str) -> Action {
    match (request.method.as_str(), path) {
        ("GET", "") => {
            let versions = json!({"versions": {"values": [version(fake, request)]}});
            Action::json(300, &versions)
        }
        ("GET", "v3") => Action::json(200, &json!({"version": version(fake, request)})),
        ("POST", "v3/auth/tokens") => match log_in(fake, request) {
            Ok(answer) | Err(answer) => answer,
        },
        ("DELETE", "v3/auth/tokens") => {
            let Some(subject) = request.header("x-subject-token") else { return unauthorized() };
            let mut state = fake.state();
            let before = state.tokens.len();
            state.tokens.retain(|token| token.id != subject);
            if state.tokens.len() < before {
                return Action::answer(204, "");
            }
            not_found(&format!("Could not find token: {subject}."))
        }
        ("GET", "v3/projects") => {
            let Some(token) = valid_token(fake, request) else { return unauthorized() };
            let user = fake.inventory.user(&token.user).expect("a token is a user's");
            if !user.may(OpenstackPolicy::AllTenants) {
                let message = "You are not authorized to perform the requested action: identity:list_projects.";
                return keystone_error(403, "Forbidden", message);
            }
            let projects = fake.inventory.projects.iter().map(|project| {
                let (id, name, domain) = (&project.id, &project.name, &project.domain.id);
                json!({"id": id, "name": name, "domain_id": domain, "enabled": true})
            });
            Action::json(
                200,
                &json!({"projects": projects.collect::<Vec<_>>(), "links": {"next": null}}),
            )
        }
        (_, "" | "v3" | "v3/auth/tokens" | "v3/projects") => {
            let message = "The method is not allowed for the requested URL.";
            keystone_error(405, "Method Not Allowed", message)
        }
        _ => not_found("The resource could not be found."),
    }
}

fn not_found(message: &str) -> Action {
    keystone_error(404, "Not Found", message)
}

/// The refusal of a login or of a token. Its sentence is always the same, so that it does not say what was wrong.
pub(super) fn unauthorized() -> Action {
    let message = "The request you have made requires authentication.";
    keystone_error(401, "Unauthorized", message)
}

fn malformed(what: &str) -> Action {
    let message = format!(
        "{what}. The server could not comply with the request since it is either malformed or otherwise incorrect. \
         The client is assumed to be in error."
    );
    keystone_error(400, "Bad Request", &message)
}

/// The request's token, if it is valid.
pub(super) fn valid_token(fake: &OpenstackFake, request: &ReceivedRequest) -> Option<Token> {
    let wanted = request.header("x-auth-token")?;
    let state = fake.state();
    let token = state.tokens.iter().find(|token| token.id == wanted)?;
    (!token.is_expired(fake)).then(|| token.clone())
}

fn version(fake: &OpenstackFake, request: &ReceivedRequest) -> Value {
    let origin = fake.origin(request, "keystone.internal.example.com:5000");
    json!({
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{origin}{}/v3/", fake.identity_path)}],
        "media-types": [{
            "base": "application/json",
            "type": "application/vnd.openstack.identity-v3+json",
        }],
    })
}

fn log_in(fake: &OpenstackFake, request: &ReceivedRequest) -> Result<Action, Action> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| malformed("Expecting to find valid JSON in request body"))?;
    let identity = &body["auth"]["identity"];
    let methods = identity["methods"]
        .as_array()
        .ok_or_else(|| malformed("'methods' is a required property"))?;
    let [method] = &methods[..] else { return Err(unauthorized()) };
    let scope = &body["auth"]["scope"];
    let (user, project) = match method.as_str() {
        Some("password") => {
            let user = user_with_password(fake, &identity["password"]["user"])?;
            (user, scoped_project(fake, user, scope)?)
        }
        Some("application_credential") => {
            if !scope.is_null() {
                let message = "Error authenticating with application credential: Application credentials cannot request a scope.";
                return Err(keystone_error(403, "Forbidden", message));
            }
            let user = user_with_credential(fake, &identity["application_credential"])?;
            (user, fake.inventory.projects.iter().find(|project| project.id == user.project))
        }
        _ => return Err(unauthorized()),
    };
    let now = Timestamp::now().as_second();
    let mut state = fake.state();
    state.logins += 1;
    let token = Token {
        id: format!("gAAAAABtoken-{}-of-{}", state.logins, user.name),
        user: user.name.clone(),
        project: project.map(|project| project.id.clone()),
        requests: 0,
        ends: now + fake.token_seconds,
    };
    state.tokens.push(token.clone());
    drop(state);
    let mut document = json!({
        "methods": [method],
        "user": {
            "domain": domain(&user.domain),
            "id": user.id,
            "name": user.name,
            "password_expires_at": null,
        },
        "audit_ids": ["6QeU4DwHRrmbo2ul0MU1mw"],
        "expires_at": time(token.ends),
        "issued_at": time(now),
    });
    if let Some(project) = project {
        let role = if user.may(OpenstackPolicy::AllTenants) { "admin" } else { "reader" };
        document["project"] =
            json!({"domain": domain(&project.domain), "id": project.id, "name": project.name});
        document["is_domain"] = json!(false);
        document["roles"] = json!([{"id": hex_id('8', 1), "name": role}]);
        document["catalog"] = catalog(fake, request, project);
    }
    let answer = Action::json(201, &json!({"token": document}));
    Ok(answer.header("X-Subject-Token", &token.id).header("Vary", "X-Auth-Token"))
}

/// The user of the method "password": by id, or by name and domain.
fn user_with_password<'a>(
    fake: &'a OpenstackFake,
    wanted: &Value,
) -> Result<&'a OpenstackUser, Action> {
    let user = match wanted["id"].as_str() {
        Some(id) => fake.inventory.users.iter().find(|user| user.id == id),
        None => user_by_name(fake, wanted)?,
    };
    let password = wanted["password"]
        .as_str()
        .ok_or_else(|| malformed("'password' is a required property"))?;
    user.filter(|user| user.password == password).ok_or_else(unauthorized)
}

fn user_by_name<'a>(
    fake: &'a OpenstackFake,
    wanted: &Value,
) -> Result<Option<&'a OpenstackUser>, Action> {
    let name =
        wanted["name"].as_str().ok_or_else(|| malformed("Expecting to find id or name in user"))?;
    if !wanted["domain"].is_object() {
        return Err(malformed("Expecting to find domain in user"));
    }
    let mut users = fake.inventory.users.iter();
    Ok(users.find(|user| user.name == name && is_domain(&user.domain, &wanted["domain"])))
}

/// The user of the method "application_credential": by the credential's id, or by its name and its user.
fn user_with_credential<'a>(
    fake: &'a OpenstackFake,
    wanted: &Value,
) -> Result<&'a OpenstackUser, Action> {
    let (id, secret) = (wanted["id"].as_str(), wanted["secret"].as_str());
    let (Some(id), Some(secret)) = (id, secret) else {
        return Err(malformed("'secret' is a required property"));
    };
    let is_right =
        |user: &&OpenstackUser| user.application_credential == (id.to_owned(), secret.to_owned());
    fake.inventory.users.iter().find(is_right).ok_or_else(unauthorized)
}

/// The project that a token is to be for.
fn scoped_project<'a>(
    fake: &'a OpenstackFake,
    user: &OpenstackUser,
    scope: &Value,
) -> Result<Option<&'a OpenstackProject>, Action> {
    if scope.is_null() || scope == "unscoped" {
        return Ok(None);
    }
    let wanted = &scope["project"];
    if !wanted.is_object() {
        // A token for a domain or for the whole system: no user of this fake has roles there.
        return Err(unauthorized());
    }
    let project = if let Some(id) = wanted["id"].as_str() {
        fake.inventory.projects.iter().find(|project| project.id == id)
    } else {
        if !wanted["domain"].is_object() {
            return Err(malformed("Expecting to find domain in project"));
        }
        fake.inventory.projects.iter().find(|project| {
            wanted["name"] == project.name.as_str() && is_domain(&project.domain, &wanted["domain"])
        })
    };
    project.filter(|project| project.id == user.project).map(Some).ok_or_else(unauthorized)
}

fn is_domain(domain: &OpenstackDomain, wanted: &Value) -> bool {
    match wanted["id"].as_str() {
        Some(id) => domain.id == id,
        None => wanted["name"] == domain.name.as_str(),
    }
}

fn domain(domain: &OpenstackDomain) -> Value {
    json!({"id": domain.id, "name": domain.name})
}

/// The services of all regions. RegionTwo is the first, so that a client must look for the right one.
fn catalog(fake: &OpenstackFake, request: &ReceivedRequest, project: &OpenstackProject) -> Value {
    if fake.has(OpenstackFault::NoCatalog) {
        return json!([]);
    }
    let origin = format!("https://{}", request.header("host").unwrap_or("localhost"));
    let project_part = if fake.project_in_url { format!("/{}", project.id) } else { String::new() };
    let endpoints = |path: &str| {
        let mut endpoints = Vec::new();
        for (region, prefix) in [("RegionTwo", "/two"), ("RegionOne", "")] {
            if region == "RegionTwo" && fake.second_region.is_none() {
                continue;
            }
            for (interface, part) in
                [("admin", "/admin"), ("internal", "/internal"), ("public", "")]
            {
                let number = u32::try_from(endpoints.len()).expect("a small number");
                endpoints.push(json!({
                    "id": hex_id('7', number),
                    "interface": interface,
                    "region_id": region,
                    "region": region,
                    "url": format!("{origin}{prefix}{part}{path}"),
                }));
            }
        }
        endpoints
    };
    let service = |number: u32, kind: &str, name: &str, endpoints: Vec<Value>| json!({"id": hex_id('6', number), "type": kind, "name": name, "endpoints": endpoints});
    let identity = format!("{origin}{}/v3/", fake.identity_path);
    let mut keystone = endpoints("");
    for endpoint in &mut keystone {
        endpoint["url"] = json!(identity);
    }
    json!([
        service(
            1,
            "compute_legacy",
            "nova_legacy",
            endpoints(&format!("/compute/v2/{}", project.id))
        ),
        service(2, "placement", "placement", endpoints("/placement")),
        service(3, "compute", "nova", endpoints(&format!("/compute/v2.1{project_part}"))),
        service(4, "identity", "keystone", keystone),
    ])
}

/// A time as keystone writes it.
fn time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).expect("a time of this century").to_string();
    time.replace('Z', ".000000Z")
}
