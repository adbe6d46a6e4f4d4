//! The v3 API of Prism Central: its lists, and what it refuses.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::{NutanixFake, NutanixFault, NutanixHypervisor, v3_objects};

/// The length of a page for which the client does not ask.
const DEFAULT_LENGTH: u64 = 20;

/// The largest length for which a client may ask.
const MAX_LENGTH: u64 = 500;

/// Answers a request for a path below `/api/nutanix/v3/`.
pub(super) fn answer(fake: &NutanixFake, request: &ReceivedRequest, path: &str) -> Action {
    let kind = match path {
        "vms/list" => "vm",
        "hosts/list" => "host",
        "clusters/list" => "cluster",
        _ => return error(404, "URL_NOT_FOUND", "the requested URL was not found"),
    };
    if request.method != "POST" {
        return error(405, "METHOD_NOT_ALLOWED", "the list is read with POST");
    }
    let content_type = request.header("content-type").unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return error(415, "UNSUPPORTED_MEDIA_TYPE", "the body must be application/json");
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&request.body) else {
        return error(400, "INVALID_ARGUMENT", "the body is not a JSON object");
    };
    let known = ["kind", "offset", "length", "sort_attribute", "sort_order"];
    if let Some(name) = body.keys().find(|name| !known.contains(&name.as_str())) {
        return match name.as_str() {
            "filter" => Action::answer(501, "the fake does not filter"),
            _ => error(422, "INVALID_ARGUMENT", "additional properties are not allowed"),
        };
    }
    if body.get("kind").is_some_and(|own| own != kind) {
        return error(422, "INVALID_ARGUMENT", "the kind does not belong to this list");
    }
    let number = |name: &str, default| match body.get(name) {
        None => Some(default),
        Some(value) => value.as_u64(),
    };
    let (Some(offset), Some(length)) = (number("offset", 0), number("length", DEFAULT_LENGTH))
    else {
        return error(422, "INVALID_ARGUMENT", "offset and length must be numbers");
    };
    if !(1..=MAX_LENGTH).contains(&length) {
        return error(422, "INVALID_ARGUMENT", "length must be between 1 and 500");
    }
    if length == MAX_LENGTH {
        if fake.happens(NutanixFault::SilentAtLength500) {
            return Action::BlackHole;
        }
        if fake.happens(NutanixFault::GatewayTimeoutAtLength500) {
            return Action::answer(504, "<html>504 Gateway Time-out</html>");
        }
    }
    let mut entities = match kind {
        "vm" => {
            let guests = fake.listed_guests(NutanixHypervisor::Ahv);
            guests.into_iter().map(|guest| v3_objects::vm(&fake.inventory, guest)).collect()
        }
        "host" => v3_objects::hosts(&fake.inventory),
        _ => v3_objects::clusters(&fake.inventory),
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Err(message) = sort(&mut entities, kind, text("sort_attribute"), text("sort_order")) {
        return error(422, "INVALID_ARGUMENT", message);
    }
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let count = usize::try_from(length).map_or(fake.page_size, |it| it.min(fake.page_size));
    let is_empty = offset == fake.page_size && fake.happens(NutanixFault::EmptyPageInBetween);
    let slice = fake.slice(&entities, offset, if is_empty { 0 } else { count });
    let mut answer = json!({
        "api_version": "3.1",
        "metadata": {
            "kind": kind,
            "length": slice.items.len(),
            "offset": offset,
            "sort_attribute": text("sort_attribute"),
            "sort_order": text("sort_order"),
            "total_matches": slice.total,
        },
    });
    if !fake.happens(NutanixFault::NoList) {
        answer["entities"] = json!(slice.items);
    }
    Action::json(200, &answer)
}

/// Sorts by the one attribute of this kind that the API sorts by.
fn sort(
    entities: &mut [Value],
    kind: &str,
    attribute: &str,
    order: &str,
) -> Result<(), &'static str> {
    if attribute.is_empty() {
        return Ok(());
    }
    let is_known = attribute == "name" || (kind == "vm" && attribute == "vm_name");
    if !is_known {
        return Err("the sort attribute is unknown");
    }
    let name = |entity: &Value| entity["status"]["name"].as_str().unwrap_or_default().to_owned();
    entities.sort_by_key(name);
    match order {
        "" | "ASCENDING" => {}
        "DESCENDING" => entities.reverse(),
        _ => return Err("the sort order is unknown"),
    }
    Ok(())
}

/// The answer to missing or wrong credentials.
pub(super) fn unauthorized() -> Action {
    error(401, "AUTHENTICATION_REQUIRED", "Authentication required.")
}

/// The answer to a user without the right.
pub(super) fn forbidden() -> Action {
    error(403, "ACCESS_DENIED", "No permission to access the resource.")
}

fn error(status: u16, reason: &str, message: &str) -> Action {
    let messages = json!([{"message": message, "reason": reason}]);
    let body = json!({
        "api_version": "3.1",
        "code": status,
        "message_list": messages,
        "state": "ERROR",
    });
    Action::json(status, &body)
}
