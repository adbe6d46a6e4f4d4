//! nova: its versions, who may ask it, pages, and the lists of services and flavors.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::inventory::{OpenstackFlavor, OpenstackInventory, OpenstackPolicy, OpenstackUser};
use super::microversion::{announce, document, negotiate};
use super::sample::uuid;
use super::{OpenstackFake, OpenstackFault, bad_request, integers_to_text, nova_error};
use super::{hypervisors, keystone, servers};

/// A request to nova, whose token is valid.
pub(super) struct Call<'a> {
    pub(super) fake: &'a OpenstackFake,
    pub(super) request: &'a ReceivedRequest,
    pub(super) inventory: &'a OpenstackInventory,
    pub(super) user: &'a OpenstackUser,
    /// The id of the token's project.
    pub(super) project: String,
    /// The minor number of the microversion.
    pub(super) minor: u32,
    /// The scheme, host and path of links, before `/v2.1`.
    pub(super) root: String,
    /// The part of the path with the project, if the client has it there.
    project_part: String,
}

pub(super) fn answer(
    fake: &OpenstackFake,
    request: &ReceivedRequest,
    path: &str,
    rest: &str,
    inventory: &OpenstackInventory,
) -> Action {
    let origin = fake.origin(request, "nova.internal.example.com:8774");
    // Behind a proxy, nova does not know the path that the proxy gives it.
    let is_internal = fake.has(OpenstackFault::InternalLinks);
    let root = if is_internal { origin } else { format!("{origin}{path}") };
    if request.method != "GET" {
        return Action::answer(405, "");
    }
    match rest {
        "" => return Action::json(200, &json!({"versions": [document(fake, &root)]})),
        "v2.1" => return Action::json(200, &json!({"version": document(fake, &root)})),
        _ => {}
    }
    let Some(resource) = rest.strip_prefix("v2.1/") else { return item_not_found() };
    if keystone::valid_token(fake, request).is_none() {
        let uri = format!(
            "Keystone uri=\"{}\"",
            fake.origin(request, "keystone.internal.example.com:5000")
        );
        return keystone::unauthorized().header("WWW-Authenticate", &uri);
    }
    let token = count_request(fake, request);
    let minor = match negotiate(fake, request) {
        Ok(minor) => minor,
        Err(refusal) => return refusal,
    };
    let user = fake.inventory.user(&token.user).expect("a token is a user's");
    let Some(project) = token.project else {
        // A token without a project has no roles.
        return announce(forbidden(&format!("os_compute_api:{}", policy_of(resource))), minor);
    };
    let (project_part, resource) = match resource.split_once('/') {
        Some((first, resource)) if is_project_id(first) => (format!("/{first}"), resource),
        _ => (String::new(), resource),
    };
    if !project_part.is_empty() && project_part[1..] != project {
        return announce(
            bad_request(&format!(
                "Malformed request URL: URL's project_id '{}' doesn't match Context's project_id '{project}'",
                &project_part[1..]
            )),
            minor,
        );
    }
    let call = Call { fake, request, inventory, user, project, minor, root, project_part };
    let mut answer = match resource {
        "servers/detail" => servers::list(&call),
        "os-hypervisors/detail" => hypervisors::list(&call),
        "os-services" => services(&call),
        "flavors/detail" => flavors(&call),
        _ => match resource.strip_prefix("servers/") {
            Some(id) => servers::show(&call, id),
            None => item_not_found(),
        },
    };
    if fake.has(OpenstackFault::NumbersAsText)
        && let Action::Answer { status: 200, body, .. } = &mut answer
    {
        let mut value: Value = serde_json::from_slice(body).expect("JSON");
        integers_to_text(&mut value);
        *body = value.to_string().into_bytes();
    }
    announce(answer, minor)
}

/// The request's token, after this request was counted.
fn count_request(fake: &OpenstackFake, request: &ReceivedRequest) -> keystone::Token {
    let id = request.header("x-auth-token").expect("the request has a token");
    let mut state = fake.state();
    let token = state.tokens.iter_mut().find(|token| token.id == id).expect("a valid token");
    token.requests += 1;
    token.clone()
}

fn is_project_id(part: &str) -> bool {
    part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn policy_of(resource: &str) -> &str {
    match resource {
        "os-hypervisors/detail" => "os-hypervisors:list-detail",
        "os-services" => "os-services:list",
        "flavors/detail" => "os-flavor-access",
        _ => "servers:detail",
    }
}

fn item_not_found() -> Action {
    not_found("The resource could not be found.")
}

/// The answer about an object that does not exist, or that the user may not see.
pub(super) fn not_found(message: &str) -> Action {
    nova_error(404, "itemNotFound", message)
}

/// The refusal of a policy, which it names.
fn forbidden(policy: &str) -> Action {
    nova_error(403, "forbidden", &format!("Policy doesn't allow {policy} to be performed."))
}

/// The answer to a fault that nova did not expect, here of its database.
pub(super) fn unexpected(exception: &str) -> Action {
    let message = format!(
        "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if \
         possible.\n<class '{exception}'>"
    );
    nova_error(500, "computeFault", &message)
}

impl Call<'_> {
    /// Refuses a user whom a policy does not give this right.
    pub(super) fn require(&self, policy: OpenstackPolicy) -> Result<(), Action> {
        if self.user.may(policy) { Ok(()) } else { Err(forbidden(policy.name())) }
    }

    /// Refuses parameters that the microversion does not have.
    pub(super) fn refuse_others(&self, known: &[&str]) -> Result<(), Action> {
        for (name, _) in self.request.query_pairs() {
            if !known.contains(&name.as_str()) {
                return Err(bad_request(&format!(
                    "Additional properties are not allowed ('{name}' was unexpected)"
                )));
            }
        }
        Ok(())
    }

    /// The value of a parameter with the words of a boolean.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Action> {
        let Some(value) = self.request.query(name) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "on" | "y" | "yes" => Ok(Some(true)),
            "0" | "f" | "false" | "off" | "n" | "no" => Ok(Some(false)),
            _ => Err(bad_request(&format!(
                "Invalid input for query parameters {name}. Value: {value}. '{value}' is not one of [True, 'True', \
                 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', 'y', 't', False, 'False', 'FALSE', \
                 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no', 'n', 'f']"
            ))),
        }
    }

    /// The page's size, which is at most nova's own limit.
    pub(super) fn limit(&self) -> Result<usize, Action> {
        let most = self.fake.page_size;
        let Some(limit) = self.request.query("limit") else { return Ok(most) };
        match limit.parse::<usize>() {
            Ok(0) => Ok(most),
            Ok(limit) => Ok(limit.min(most)),
            Err(_) => Err(bad_request(&format!(
                "Invalid input for query parameters limit. Value: {limit}. '{limit}' does not match '^[0-9]*$'"
            ))),
        }
    }

    /// The page of a list that the client asks for, with the link to the next one. The items have these ids, and `render`
    /// makes the one with this index. `before` precedes the items of the first page, and counts for the size.
    pub(super) fn page(
        &self,
        name: &str,
        path: &str,
        ids: &[&str],
        render: impl Fn(usize) -> Value,
        before: Vec<Value>,
    ) -> Action {
        let limit = match self.limit() {
            Ok(limit) => limit,
            Err(refusal) => return refusal,
        };
        let marker = self.request.query("marker");
        let start = match &marker {
            None => 0,
            Some(marker) => match ids.iter().position(|id| id == marker) {
                Some(position) => position + 1,
                None => return bad_request(&format!("marker [{marker}] not found")),
            },
        };
        let size = limit - before.len().min(limit);
        let end = (start + size).min(ids.len());
        let is_full = before.len() + (end - start) == limit;
        let mut next = (is_full && end > start).then(|| self.next_link(path, ids[end - 1]));
        let links = format!("{name}_links");
        if let Some(marker) = &marker {
            if self.fake.happens_once(OpenstackFault::EmptyPageInBetween, name) {
                // Another size, since the link would lead to this page otherwise.
                let link = self.next_link(path, marker) + &format!("&limit={limit}");
                return Action::json(
                    200,
                    &json!({name: [], links: [{"rel": "next", "href": link}]}),
                );
            }
            if self.fake.has(OpenstackFault::SelfLink) {
                next = Some(self.next_link(path, marker));
            }
        }
        let mut items = before;
        if start > 0 && self.fake.has(OpenstackFault::SameObjectTwice) {
            items.push(render(start - 1));
        }
        items.extend((start..end).map(render));
        let mut answer = json!({ name: items });
        match next {
            Some(href) => answer[links] = json!([{"rel": "next", "href": href}]),
            None if self.fake.has(OpenstackFault::NoList) => answer = json!({}),
            None => {}
        }
        Action::json(200, &answer)
    }

    /// The request's own parameters, sorted, with another marker.
    fn next_link(&self, path: &str, marker: &str) -> String {
        let mut pairs = self.request.query_pairs();
        pairs.retain(|(name, _)| name != "marker");
        pairs.sort();
        pairs.push(("marker".to_owned(), marker.to_owned()));
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}/v2.1{}/{path}?{}", self.root, self.project_part, pairs.join("&"))
    }

    /// Whether the cell's database cannot be reached.
    pub(super) fn is_down(&self, cell: &str) -> bool {
        self.fake.down_cells.iter().any(|down| down == cell)
    }
}

/// The services of nova: one for each compute host, and the scheduler.
fn services(call: &Call<'_>) -> Action {
    if let Err(refusal) = call.require(OpenstackPolicy::Services) {
        return refusal;
    }
    if call.minor >= 75
        && let Err(refusal) = call.refuse_others(&["host", "binary"])
    {
        return refusal;
    }
    let id = |number: usize| {
        let number = u32::try_from(number).expect("a small number");
        if call.minor >= 53 { json!(uuid('5', number)) } else { json!(number) }
    };
    let mut services = vec![json!({
        "id": id(1), "binary": "nova-scheduler", "host": "controller", "zone": "internal", "status": "enabled",
        "state": "up", "updated_at": "2026-11-20T07:51:07.000000", "disabled_reason": null,
    })];
    let mut names = Vec::new();
    for hypervisor in &call.inventory.hypervisors {
        if names.contains(&&hypervisor.service) {
            continue;
        }
        names.push(&hypervisor.service);
        let is_down = call.is_down(&hypervisor.cell);
        if is_down && call.minor < 69 {
            continue;
        }
        let host = &hypervisor.service;
        if is_down {
            services.push(json!({"binary": "nova-compute", "host": host, "status": "UNKNOWN"}));
            continue;
        }
        services.push(json!({
            "id": id(names.len() + 1), "binary": "nova-compute", "host": host, "zone": "nova",
            "status": if hypervisor.is_enabled { "enabled" } else { "disabled" },
            "state": if hypervisor.is_up { "up" } else { "down" },
            "updated_at": "2026-11-20T07:51:07.000000",
            "disabled_reason": (!hypervisor.is_enabled).then_some("maintenance"),
        }));
    }
    if call.minor >= 11 {
        for service in services.iter_mut().filter(|service| service["status"] != "UNKNOWN") {
            service["forced_down"] = json!(false);
        }
    }
    for name in ["host", "binary"] {
        if let Some(wanted) = call.request.query(name) {
            services.retain(|service| service[name] == wanted.as_str());
        }
    }
    Action::json(200, &json!({"services": services}))
}

/// The flavors: those of all projects only if the client asks for them and is an administrator.
fn flavors(call: &Call<'_>) -> Action {
    let known = ["is_public", "limit", "marker", "minDisk", "minRam", "sort_dir", "sort_key"];
    if call.minor >= 75
        && let Err(refusal) = call.refuse_others(&known)
    {
        return refusal;
    }
    let is_public = call.request.query("is_public");
    let is_listed = |flavor: &&OpenstackFlavor| match is_public.as_deref() {
        _ if !call.user.may(OpenstackPolicy::AllTenants) => flavor.is_public,
        Some("None" | "none") => true,
        Some("0" | "False" | "false") => !flavor.is_public,
        _ => flavor.is_public,
    };
    let flavors: Vec<_> = call.inventory.flavors.iter().filter(is_listed).collect();
    let render = |index: usize| {
        let flavor = flavors[index];
        let mut rendered = json!({
            "id": flavor.id,
            "name": flavor.name,
            "ram": flavor.ram_mb,
            "vcpus": flavor.vcpus,
            "disk": flavor.disk_gb,
            "swap": "",
            "rxtx_factor": 1.0,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "OS-FLV-DISABLED:disabled": false,
            "os-flavor-access:is_public": flavor.is_public,
            "links": call.links("flavors", &flavor.id),
        });
        if call.minor >= 55 {
            rendered["description"] = Value::Null;
        }
        if call.minor >= 61 {
            rendered["extra_specs"] = json!({});
        }
        rendered
    };
    let ids: Vec<_> = flavors.iter().map(|flavor| flavor.id.as_str()).collect();
    call.page("flavors", "flavors/detail", &ids, render, Vec::new())
}

impl Call<'_> {
    /// The links of an object.
    pub(super) fn links(&self, kind: &str, id: &str) -> Value {
        let root = &self.root;
        json!([
            {"rel": "self", "href": format!("{root}/v2.1{}/{kind}/{id}", self.project_part)},
            {"rel": "bookmark", "href": format!("{root}{}/{kind}/{id}", self.project_part)},
        ])
    }
}
