//! The pages of a list and the links to the next ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::resource_manager::error;
use super::{AzureCall, AzureFake, AzureFault, base_url};

/// The objects of a list. One that the application may not read is `None`: it takes its place on a page, and the page is
/// shorter.
pub(super) struct List {
    pub call: AzureCall,
    pub items: Vec<Option<Value>>,
    /// The path of the request.
    pub path: String,
}

/// The place of a page: its number and its first object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    page: usize,
    start: usize,
}

/// Answers with the page of the list for which the request asks.
pub(super) fn answer(fake: &AzureFake, request: &ReceivedRequest, list: &List) -> Action {
    let call = list.call;
    let place = match request.query("$skiptoken") {
        None => first_page(request, call),
        Some(token) => later_page(fake, request, list, &token),
    };
    let place = match place {
        Ok(place) => place,
        Err(refused) => return refused,
    };
    if matches!(call, AzureCall::Subscription | AzureCall::Vm) {
        return Action::json(200, list.items[0].as_ref().expect("an object"));
    }
    if fake.happens(&AzureFault::NoList(call)) {
        return Action::json(200, &json!({}));
    }
    if fake.happens(&AzureFault::ErrorWith200(call)) {
        let error =
            json!({"code": "InternalServerError", "message": "The list could not be read."});
        return Action::json(200, &json!({"error": error}));
    }
    let is_empty = (place.page == 0 && fake.happens(&AzureFault::EmptyFirstPage(call)))
        || (place.page == 1 && fake.happens(&AzureFault::EmptyPageInBetween(call)));
    let is_paged = !matches!(call, AzureCall::Locations | AzureCall::Sizes | AzureCall::Skus);
    let count = match (is_empty, is_paged) {
        (true, _) => 0,
        (false, true) => fake.page_size,
        (false, false) => list.items.len(),
    };
    let end = list.items.len().min(place.start + count);
    let mut page: Vec<&Value> = list.items[place.start..end].iter().flatten().collect();
    if place.start > 0
        && let Some(last) = &list.items[place.start - 1]
        && fake.happens(&AzureFault::SameObjectTwice(call))
    {
        page.insert(0, last);
    }
    let mut answer = json!({"value": page});
    let next = Place { page: place.page + 1, start: end };
    if place.page == 0 && fake.happens(&AzureFault::LinkToItself(call)) {
        answer["nextLink"] = json!(link(fake, request, list, place));
    } else if end < list.items.len() {
        answer["nextLink"] = json!(link(fake, request, list, next));
    } else if fake.happens(&AzureFault::EmptyLink(call)) {
        answer["nextLink"] = json!("");
    } else if fake.happens(&AzureFault::NullLink(call)) {
        answer["nextLink"] = Value::Null;
    }
    Action::json(200, &answer)
}

/// Checks the parameters of a request without a link.
fn first_page(request: &ReceivedRequest, call: AzureCall) -> Result<Place, Action> {
    let allowed: &[&str] = match call {
        AzureCall::Vms | AzureCall::Statuses => &["statusOnly", "$filter", "$expand"],
        AzureCall::Instances => &["$filter", "$select", "$expand"],
        AzureCall::Vm => &["$expand"],
        AzureCall::Skus => &["$filter", "includeExtendedLocations"],
        AzureCall::Locations => &["includeExtendedLocations"],
        AzureCall::Subscription | AzureCall::ScaleSets | AzureCall::Sizes => &[],
    };
    let pairs = request.query_pairs();
    let is_known = |name: &str| name == "api-version" || allowed.contains(&name);
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !is_known(name)) {
        let message = format!("The query parameter '{name}' is not supported.");
        return Err(error(400, "InvalidParameter", &message));
    }
    let value = |name: &str| request.query(name);
    let invalid = |message: &str| Err(error(400, "BadRequest", message));
    if value("statusOnly").is_some_and(|value| !["true", "false"].contains(&value.as_str())) {
        return invalid("The value of parameter statusOnly is invalid.");
    }
    if value("$expand").is_some_and(|value| value != "instanceView") {
        return invalid("The value of parameter $expand is invalid.");
    }
    match call {
        AzureCall::Statuses
            if value("api-version").is_some_and(|it| it.as_str() < "2019-07-01") =>
        {
            return invalid("The parameter statusOnly is not supported in this version.");
        }
        AzureCall::Vms | AzureCall::Statuses => {
            let filter = value("$filter").unwrap_or_default();
            if !filter.is_empty() && !filter.starts_with("'virtualMachineScaleSet/id' eq '") {
                return invalid("The value of parameter $filter is invalid.");
            }
            if filter.is_empty() && value("$expand").is_some() {
                return invalid("The parameter $expand is allowed only with $filter.");
            }
            if !filter.is_empty() {
                return Err(Action::answer(501, "the fake does not filter virtual machines"));
            }
        }
        AzureCall::Instances if value("$filter").or_else(|| value("$select")).is_some() => {
            return Err(Action::answer(501, "the fake does not filter instances"));
        }
        _ => {}
    }
    Ok(Place { page: 0, start: 0 })
}

/// Checks a request that follows a link. The link must have the parameters that the server gave it.
fn later_page(
    fake: &AzureFake,
    request: &ReceivedRequest,
    list: &List,
    skip_token: &str,
) -> Result<Place, Action> {
    let place = parse(skip_token)
        .filter(|place| place.start <= list.items.len() && token(fake, list, *place) == skip_token);
    let Some(place) = place else {
        return Err(error(
            400,
            "InvalidParameter",
            "The value of parameter $skiptoken is invalid.",
        ));
    };
    let sorted = |mut pairs: Vec<(String, String)>| {
        // Azure's own clients replace the version of a link by their own.
        pairs.retain(|(name, _)| fake.requires_link_version || name != "api-version");
        pairs.sort();
        pairs
    };
    let target = link(fake, request, list, place);
    let expected = ReceivedRequest { target, ..ReceivedRequest::default() };
    if sorted(request.query_pairs()) != sorted(expected.query_pairs()) {
        let message = "The parameters of the link to the next page were changed.";
        return Err(error(400, "InvalidParameter", message));
    }
    Ok(place)
}

/// The link to a page.
fn link(fake: &AzureFake, request: &ReceivedRequest, list: &List, place: Place) -> String {
    let base = fake.happening(|fault| match fault {
        AzureFault::LinkTo(of, base) if *of == list.call => Some(base.clone()),
        _ => None,
    });
    let base = base.unwrap_or_else(|| base_url(request));
    let mut link = format!("{base}{}?api-version={}", list.path, fake.link_version);
    for name in ["statusOnly", "$expand", "$filter"] {
        if let Some(value) = request.query(name) {
            link.extend(["&", name, "=", &value.replace(' ', "%20")]);
        }
    }
    let token = token(fake, list, place);
    let token = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    link + "&$skiptoken=" + &token
}

/// The token of a page. It belongs to the list and the fake.
fn token(fake: &AzureFake, list: &List, place: Place) -> String {
    let Place { page, start } = place;
    let path = list.path.to_ascii_lowercase();
    let text = format!("{} {:?} {path} {page} {start}", fake.secret, list.call);
    let signature = digest(&SHA256, text.as_bytes());
    // 0xfb and 0xff make `+` and `/` in Base64.
    let mut bytes = vec![0xfb, 0xff];
    bytes.extend(&signature.as_ref()[..9]);
    bytes.extend(format!("{page}!{start}!").as_bytes());
    let padding = if bytes.len().is_multiple_of(3) { "!" } else { "" };
    bytes.extend(padding.as_bytes());
    STANDARD.encode(bytes)
}

fn parse(token: &str) -> Option<Place> {
    let bytes = STANDARD.decode(token).ok()?;
    let text = std::str::from_utf8(bytes.get(11..)?).ok()?;
    let (page, rest) = text.split_once('!')?;
    let (start, _) = rest.split_once('!')?;
    Some(Place { page: page.parse().ok()?, start: start.parse().ok()? })
}
