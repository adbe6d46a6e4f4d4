//! The v4 APIs of Prism Central: versions, paging, and what they refuse.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::v4_object::{list, object};
use super::{NutanixFake, NutanixFault, NutanixHypervisor, v4_clusters, v4_vms};

/// The number of items of a page for which the client does not ask.
const DEFAULT_LIMIT: usize = 50;

/// The largest limit for which a client may ask.
const MAX_LIMIT: usize = 100;

/// The minor version from which on controller VMs have a list.
const FIRST_MINOR_WITH_CVMS: u32 = 2;

/// Answers a request for a path below `/api/`, as a server whose newest version is `v4.<minor>`.
pub(super) fn answer(
    fake: &NutanixFake,
    request: &ReceivedRequest,
    path: &str,
    minor: u32,
) -> Action {
    let segments: Vec<&str> = path.split('/').collect();
    if let ["vmm" | "clustermgmt", "unversioned", "info"] = segments[..] {
        return match request.method.as_str() {
            "OPTIONS" => Action::json(200, &json!({"data": format!("v4.{minor}")})),
            _ => Action::answer(405, ""),
        };
    }
    let [namespace, version, rest @ ..] = segments.as_slice() else {
        return not_found("vmm");
    };
    let version = version.strip_prefix("v4.").and_then(|minor| minor.parse::<u32>().ok());
    let Some(version) = version.filter(|version| *version <= minor) else {
        return not_found(namespace);
    };
    if request.method != "GET" {
        return Action::answer(405, "");
    }
    // What each list can be ordered by.
    let (answer_type, orders, items): (_, &[&str], Vec<Value>) = match (*namespace, rest) {
        ("vmm", ["ahv", "config", "vms"]) => {
            let is_redacted = fake.happens(NutanixFault::Redacted);
            let guests = fake.listed_guests(NutanixHypervisor::Ahv);
            let vms = guests.into_iter().map(|guest| v4_vms::ahv_vm(guest, is_redacted)).collect();
            ("vmm.v4.ahv.config.ListVmsApiResponse", &["extId", "name"], vms)
        }
        ("vmm", ["esxi", "config", "vms"]) => {
            let is_redacted = fake.happens(NutanixFault::Redacted);
            let guests = fake.listed_guests(NutanixHypervisor::Esxi);
            let vms = guests.into_iter().map(|guest| v4_vms::esxi_vm(guest, is_redacted)).collect();
            ("vmm.v4.esxi.config.ListVmsApiResponse", &["extId", "name"], vms)
        }
        ("clustermgmt", ["config", "hosts"]) => {
            let hosts = fake.inventory.hosts.iter();
            let hosts = hosts.map(|host| v4_clusters::host(&fake.inventory, host)).collect();
            let orders = &["extId", "hostName", "hostType", "cluster/name", "memorySizeBytes"];
            ("clustermgmt.v4.config.ListHostsApiResponse", orders, hosts)
        }
        ("clustermgmt", ["config", "clusters"]) => {
            let clusters = fake.inventory.clusters.iter();
            let clusters = clusters.map(|cluster| v4_clusters::cluster(&fake.inventory, cluster));
            let orders = &["extId", "name", "vmCount", "nodes/numberOfNodes"];
            ("clustermgmt.v4.config.ListClustersApiResponse", orders, clusters.collect())
        }
        ("clustermgmt", ["config", "clusters", id, "cvms"]) if version >= FIRST_MINOR_WITH_CVMS => {
            let cvms = v4_clusters::controller_vms(&fake.inventory, id);
            ("clustermgmt.v4.config.ListCvmsByClusterIdApiResponse", &[], cvms)
        }
        _ => return not_found(namespace),
    };
    match (Page { fake, request, namespace, answer_type, orders }).answer(items) {
        Ok(answer) | Err(answer) => answer,
    }
}

/// A request for a page of a list.
struct Page<'a> {
    fake: &'a NutanixFake,
    request: &'a ReceivedRequest,
    namespace: &'a str,
    answer_type: &'a str,
    orders: &'a [&'a str],
}

impl Page<'_> {
    /// Both results are answers.
    fn answer(&self, mut items: Vec<Value>) -> Result<Action, Action> {
        let mut page = 0_usize;
        let mut limit = DEFAULT_LIMIT;
        for (name, value) in self.request.query_pairs() {
            match name.as_str() {
                "$page" => page = value.parse().map_err(|_| self.invalid("$page"))?,
                "$limit" => {
                    let parsed = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    limit = parsed.ok_or_else(|| self.invalid("$limit"))?;
                }
                "$orderby" => self.sort(&mut items, &value)?,
                "$filter" | "$select" | "$expand" | "$apply" => {
                    return Err(Action::answer(501, format!("the fake has no {name}")));
                }
                _ => return Err(self.invalid(&name)),
            }
        }
        let limit = limit.min(self.fake.page_size);
        let is_truncated = self.fake.happens(NutanixFault::IsTruncated);
        if is_truncated {
            items.pop();
        }
        let (first, is_empty) = match page {
            0 => (0, false),
            _ if !self.fake.happens(NutanixFault::EmptyPageInBetween) => (page, false),
            1 => (1, true),
            _ => (page - 1, false),
        };
        let start = first.saturating_mul(limit);
        let slice = self.fake.slice(&items, start, if is_empty { 0 } else { limit });
        let has_next = is_empty || start.saturating_add(slice.items.len()) < items.len();
        let flags = [
            ("hasError", self.fake.happens(NutanixFault::HasError)),
            ("isPaginated", true),
            ("isTruncated", is_truncated),
        ];
        let flags = flags.map(|(name, value)| {
            object("common.v1.config.Flag", json!({"name": name, "value": value}))
        });
        let metadata = object(
            "common.v1.response.ApiResponseMetadata",
            json!({
                "flags": list(flags),
                "links": self.links(page, limit, items.len(), has_next),
                "totalAvailableResults": slice.total,
                "extraInfo":
                    list([object("common.v1.config.KVPair", json!({"name": "truncatedIndexes"}))]),
            }),
        );
        let mut answer = object(self.answer_type, json!({"metadata": metadata}));
        // A page beyond the end, and an empty list, have no `data`.
        if (is_empty || !slice.items.is_empty()) && !self.fake.happens(NutanixFault::NoList) {
            answer["data"] = json!(slice.items);
        }
        Ok(Action::json(200, &answer))
    }

    /// The links, whose host is the one that the client named.
    fn links(&self, page: usize, limit: usize, total: usize, has_next: bool) -> Value {
        let host = self.request.header("host").unwrap_or("prism");
        let last = total.div_ceil(limit).saturating_sub(1);
        let mut links = vec![("self", page), ("last", last), ("first", 0)];
        if has_next {
            links.push(("next", page + 1));
        }
        if page > 0 {
            links.push(("prev", page - 1));
        }
        list(links.into_iter().map(|(rel, page)| {
            let path = self.request.path();
            let href = format!("https://{host}{path}?$page={page}&$limit={limit}");
            object("common.v1.response.ApiLink", json!({"href": href, "rel": rel}))
        }))
    }

    /// Sorts by `<member> [asc|desc]`.
    fn sort(&self, items: &mut [Value], order: &str) -> Result<(), Action> {
        let (member, direction) = order.split_once(' ').unwrap_or((order, "asc"));
        if !self.orders.contains(&member) {
            return Err(self.invalid("$orderby"));
        }
        let pointer = format!("/{member}");
        items.sort_by_cached_key(|item| match item.pointer(&pointer) {
            Some(Value::Number(number)) => format!("{:020}", number.as_u64().unwrap_or(0)),
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        });
        match direction {
            "asc" => Ok(()),
            "desc" => {
                items.reverse();
                Ok(())
            }
            _ => Err(self.invalid("$orderby")),
        }
    }

    /// The answer to a query parameter that is unknown or has an invalid value.
    fn invalid(&self, parameter: &str) -> Action {
        let namespace = self.namespace;
        let message = object(
            &format!("{namespace}.v4.error.SchemaValidationErrorMessage"),
            json!({
                "message": "the query parameter is invalid",
                "location": parameter,
                "attributePath": null,
            }),
        );
        let error = object(
            &format!("{namespace}.v4.error.SchemaValidationError"),
            json!({
                "error": "Bad Request",
                "statusCode": 400,
                "path": self.request.path(),
                "timestamp": "2026-03-01T08:00:00Z",
                "validationErrorMessages": list([message]),
            }),
        );
        error_response(400, namespace, &error)
    }
}

/// The answer to a path that the server does not have.
fn not_found(namespace: &str) -> Action {
    error_response(404, namespace, &app_messages(namespace, "40400", "the resource was not found"))
}

/// The answer to a user without the right.
pub(super) fn forbidden() -> Action {
    error_response(403, "vmm", &app_messages("vmm", "40300", "the user has no permission"))
}

fn app_messages(namespace: &str, code: &str, message: &str) -> Value {
    list([object(
        &format!("{namespace}.v4.error.AppMessage"),
        json!({
            "message": message,
            "severity": "ERROR",
            "code": code,
            "locale": "en_US",
            "errorGroup": "OURS",
        }),
    )])
}

fn error_response(status: u16, namespace: &str, error: &Value) -> Action {
    let data = object(&format!("{namespace}.v4.error.ErrorResponse"), json!({"error": error}));
    Action::json(status, &json!({"data": data}))
}
