//! The Resource Manager: access tokens, versions, and which path is which call.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::lists::{self, List};
use super::login::RESOURCES;
use super::{
    AzureCall, AzureFake, AzureFault, AzureOrchestration, AzureScaleSet, base_url, records,
    scale_set_records,
};

/// Versions of the subscription and its locations.
const SUBSCRIPTION_VERSIONS: &[&str] = &[
    "2014-04-01",
    "2015-01-01",
    "2016-06-01",
    "2018-06-01",
    "2019-06-01",
    "2019-11-01",
    "2020-01-01",
    "2021-01-01",
    "2022-12-01",
];

/// Versions of virtual machines, scale sets and sizes.
const COMPUTE_VERSIONS: &[&str] = &[
    "2015-06-15",
    "2016-03-30",
    "2017-03-30",
    "2017-12-01",
    "2018-04-01",
    "2018-06-01",
    "2018-10-01",
    "2019-03-01",
    "2019-07-01",
    "2019-12-01",
    "2020-06-01",
    "2020-12-01",
    "2021-03-01",
    "2021-04-01",
    "2021-07-01",
    "2021-11-01",
    "2022-03-01",
    "2022-08-01",
    "2022-11-01",
    "2023-03-01",
    "2023-07-01",
    "2023-09-01",
    "2024-03-01",
    "2024-07-01",
    "2024-11-01",
    "2025-04-01",
];

/// Versions of stock keeping units.
const SKU_VERSIONS: &[&str] = &["2017-03-30", "2017-09-01", "2019-04-01", "2021-07-01"];

/// An error of the Resource Manager.
pub(super) fn error(status: u16, code: &str, message: &str) -> Action {
    Action::json(status, &json!({"error": {"code": code, "message": message}}))
}

/// Answers a request for a path that begins with `/subscriptions`.
pub(super) fn answer(fake: &AzureFake, request: &ReceivedRequest, path: &str) -> Action {
    if request.query("$skiptoken").is_some() && fake.happens(&AzureFault::TokenExpiresInBetween) {
        fake.state().tokens.iter_mut().for_each(|token| token.is_expired = true);
    }
    if let Err(refused) = check_token(fake, request) {
        return refused;
    }
    if request.method != "GET" {
        let message =
            format!("The requested resource does not support http method '{}'.", request.method);
        return error(405, "MethodNotAllowed", &message);
    }
    let lower = path.to_ascii_lowercase();
    let segments: Vec<&str> = lower.trim_matches('/').split('/').collect();
    let [_, subscription, rest @ ..] = &segments[..] else {
        return Action::answer(501, "the fake does not list subscriptions");
    };
    if !subscription.eq_ignore_ascii_case(&fake.subscription_id) {
        let message = format!("The subscription '{subscription}' could not be found.");
        return error(404, "SubscriptionNotFound", &message);
    }
    let is_status_only = request.query("statusOnly").is_some_and(|value| value == "true");
    let call = match rest {
        [] => AzureCall::Subscription,
        ["locations"] => AzureCall::Locations,
        ["providers", "microsoft.compute", "virtualmachines"] if is_status_only => {
            AzureCall::Statuses
        }
        ["providers", "microsoft.compute", "virtualmachines"] => AzureCall::Vms,
        ["providers", "microsoft.compute", "virtualmachinescalesets"] => AzureCall::ScaleSets,
        ["providers", "microsoft.compute", "locations", _, "vmsizes"] => AzureCall::Sizes,
        ["providers", "microsoft.compute", "skus"] => AzureCall::Skus,
        ["resourcegroups", _, "providers", "microsoft.compute", "virtualmachines", _] => {
            AzureCall::Vm
        }
        [
            "resourcegroups",
            _,
            "providers",
            "microsoft.compute",
            "virtualmachinescalesets",
            _,
            "virtualmachines",
        ] => AzureCall::Instances,
        _ => return Action::answer(501, "the fake does not answer this path"),
    };
    if let Err(refused) = check_version(request, call).and_then(|()| check_fault(fake, call)) {
        return refused;
    }
    let items = match items(fake, request, call, rest) {
        Ok(items) => items,
        Err(refused) => return refused,
    };
    lists::answer(fake, request, &List { call, items, path: path.to_owned() })
        .header("x-ms-ratelimit-remaining-subscription-reads", "249")
        .header("x-ms-request-id", "4e9e57ed-0000-4000-8000-000000000006")
}

/// The objects of a list. An object that the application may not read is `None`.
fn items(
    fake: &AzureFake,
    request: &ReceivedRequest,
    call: AzureCall,
    path: &[&str],
) -> Result<Vec<Option<Value>>, Action> {
    let version = request.query("api-version").unwrap_or_default();
    let missing: Vec<&str> = fake.missing(call);
    let is_listed = |name: &str| !missing.contains(&name);
    let readable = |group: &str, item: Value| fake.may_read(group).then_some(item);
    let of_location = |location: &str| -> Result<(), Action> {
        if fake.inventory.locations.iter().any(|(name, _)| *name == location) {
            return Ok(());
        }
        let message =
            format!("The provided location '{location}' is not available for this subscription.");
        Err(error(400, "LocationNotAvailableForResourceType", &message))
    };
    let inventory = &fake.inventory;
    Ok(match call {
        AzureCall::Subscription => vec![Some(records::subscription(fake))],
        AzureCall::Locations => {
            let regions = inventory.locations.iter().map(|it| records::location(fake, *it));
            let logical = records::logical_location(fake, ("europe", "Europe"));
            regions.chain([logical]).map(Some).collect()
        }
        AzureCall::Vms => inventory
            .vms
            .iter()
            .filter(|vm| is_listed(&vm.name))
            .map(|vm| readable(&vm.group, records::vm(fake, vm, &version)))
            .collect(),
        AzureCall::Vm => vec![Some(vm(fake, request, path[1], path[5])?)],
        AzureCall::Statuses => inventory
            .vms
            .iter()
            .filter(|vm| is_listed(&vm.name))
            .map(|vm| readable(&vm.group, records::statuses_of_vm(fake, vm)))
            .collect(),
        AzureCall::ScaleSets => inventory
            .scale_sets
            .iter()
            .filter(|set| is_listed(set.name))
            .map(|set| readable(&set.group, scale_set_records::set(fake, set, &version)))
            .collect(),
        AzureCall::Instances => {
            let set = scale_set(fake, path[1], path[5])?;
            if fake.happens(&AzureFault::NoInstances) {
                return Ok(Vec::new());
            }
            let has_view = request.query("$expand").is_some();
            set.vms
                .iter()
                .filter(|(_, vm)| is_listed(&vm.name))
                .map(|it| Some(scale_set_records::instance(fake, set, it, &version, has_view)))
                .collect()
        }
        AzureCall::Sizes => {
            of_location(path[3])?;
            sizes(fake).iter().map(|size| Some(records::size(size))).collect()
        }
        AzureCall::Skus => {
            let location = sku_location(request)?;
            let locations = inventory.locations.iter().map(|(name, _)| *name);
            locations
                .filter(|name| location.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(name)))
                .flat_map(|name| sizes(fake).iter().map(move |size| Some(records::sku(size, name))))
                .collect()
        }
    })
}

fn sizes(fake: &AzureFake) -> &[super::AzureSize] {
    if fake.happens(&AzureFault::NoSizes) { &[] } else { &fake.inventory.sizes }
}

/// The location of the one filter that the list of stock keeping units has.
fn sku_location(request: &ReceivedRequest) -> Result<Option<String>, Action> {
    let Some(filter) = request.query("$filter") else { return Ok(None) };
    let location = filter.strip_prefix("location eq '").and_then(|rest| rest.strip_suffix('\''));
    match location {
        Some(location) => Ok(Some(location.to_owned())),
        None => Err(error(400, "InvalidFilter", "The $filter is not supported.")),
    }
}

/// One virtual machine, with its run time status if the client asked for that.
fn vm(
    fake: &AzureFake,
    request: &ReceivedRequest,
    group: &str,
    name: &str,
) -> Result<Value, Action> {
    if !fake.may_read(group) {
        return Err(forbidden(fake, "Microsoft.Compute/virtualMachines/read"));
    }
    let found = fake
        .inventory
        .vms
        .iter()
        .find(|vm| vm.name.eq_ignore_ascii_case(name) && vm.group.eq_ignore_ascii_case(group));
    let Some(vm) = found else {
        return Err(not_found(&format!("virtualMachines/{name}"), group));
    };
    let mut record = records::vm(fake, vm, &request.query("api-version").unwrap_or_default());
    if request.query("$expand").is_some() {
        record["properties"]["instanceView"] = records::instance_view(fake, vm);
    }
    Ok(record)
}

fn not_found(resource: &str, group: &str) -> Action {
    let message = format!(
        "The Resource 'Microsoft.Compute/{resource}' under resource group '{group}' was not found. For more details \
         please go to https://aka.ms/ARMResourceNotFoundFix"
    );
    error(404, "ResourceNotFound", &message)
}

/// The scale set, if its instances are listed by this call.
fn scale_set<'f>(
    fake: &'f AzureFake,
    group: &str,
    name: &str,
) -> Result<&'f AzureScaleSet, Action> {
    if !fake.may_read(group) {
        let action = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read";
        return Err(forbidden(fake, action));
    }
    let found =
        fake.inventory.scale_sets.iter().find(|set| {
            set.name.eq_ignore_ascii_case(name) && set.group.eq_ignore_ascii_case(group)
        });
    let Some(set) = found else {
        return Err(not_found(&format!("virtualMachineScaleSets/{name}"), group));
    };
    if set.orchestration == AzureOrchestration::Flexible {
        let message = "Operation 'GetVirtualMachineScaleSetVMs' is not allowed on Virtual Machine Scale Set with \
                       orchestration mode Flexible.";
        return Err(error(400, "BadRequest", message));
    }
    Ok(set)
}

fn check_token(fake: &AzureFake, request: &ReceivedRequest) -> Result<(), Action> {
    let refused = |code: &str, message: &str| {
        let authority = format!("{}/{}", base_url(request), fake.tenant_id);
        let challenge = format!(
            "Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{message}\""
        );
        Err(error(401, code, message).header("www-authenticate", &challenge))
    };
    let Some(text) = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "))
    else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return refused("AuthenticationFailed", message);
    };
    let state = fake.state();
    let Some(token) = state.tokens.iter().find(|token| token.text == text) else {
        return refused("InvalidAuthenticationToken", "The access token is invalid.");
    };
    // The fake stands for the Resource Managers of all clouds.
    if token.resource != base_url(request) && !RESOURCES.contains(&token.resource.as_str()) {
        let message = "The access token has been obtained for wrong audience or resource.";
        return refused("InvalidAuthenticationTokenAudience", message);
    }
    if token.is_expired() {
        let message = "The access token expiry UTC time '11/28/2026 11:00:00 AM' is earlier than current UTC time \
                       '11/28/2026 12:00:00 PM'.";
        return refused("ExpiredAuthenticationToken", message);
    }
    Ok(())
}

fn check_version(request: &ReceivedRequest, call: AzureCall) -> Result<(), Action> {
    let Some(version) = request.query("api-version").filter(|version| !version.is_empty()) else {
        let message =
            "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(error(400, "MissingApiVersionParameter", message));
    };
    let (versions, resource) = match call {
        AzureCall::Subscription | AzureCall::Locations => (SUBSCRIPTION_VERSIONS, "subscriptions"),
        AzureCall::Skus => (SKU_VERSIONS, "skus"),
        AzureCall::Sizes => (COMPUTE_VERSIONS, "locations/vmSizes"),
        AzureCall::Vms | AzureCall::Vm | AzureCall::Statuses => {
            (COMPUTE_VERSIONS, "virtualMachines")
        }
        AzureCall::ScaleSets => (COMPUTE_VERSIONS, "virtualMachineScaleSets"),
        AzureCall::Instances => (COMPUTE_VERSIONS, "virtualMachineScaleSets/virtualMachines"),
    };
    if versions.contains(&version.as_str()) {
        return Ok(());
    }
    let known = versions.join(", ");
    if versions == SUBSCRIPTION_VERSIONS {
        let message = format!(
            "The api-version '{version}' is invalid. The supported versions are '{known}'."
        );
        return Err(error(400, "InvalidApiVersionParameter", &message));
    }
    let message = format!(
        "No registered resource provider found for API version '{version}' and type '{resource}'. The supported \
         api-versions are '{known}'."
    );
    Err(error(400, "NoRegisteredProviderFound", &message))
}

/// The refusals that a fault causes.
fn check_fault(fake: &AzureFake, call: AzureCall) -> Result<(), Action> {
    if fake.happens(&AzureFault::Forbidden(call)) {
        let action = match call {
            AzureCall::Subscription => "Microsoft.Resources/subscriptions/read",
            AzureCall::Locations => "Microsoft.Resources/subscriptions/locations/read",
            AzureCall::Vms | AzureCall::Vm | AzureCall::Statuses => {
                "Microsoft.Compute/virtualMachines/read"
            }
            AzureCall::ScaleSets => "Microsoft.Compute/virtualMachineScaleSets/read",
            AzureCall::Instances => {
                "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read"
            }
            AzureCall::Sizes => "Microsoft.Compute/locations/vmSizes/read",
            AzureCall::Skus => "Microsoft.Compute/skus/read",
        };
        return Err(forbidden(fake, action));
    }
    let throttled = fake.happening(|fault| match fault {
        AzureFault::Throttled(throttled, seconds) if *throttled == call => Some(*seconds),
        _ => None,
    });
    if let Some(seconds) = throttled {
        let message = format!(
            "Number of requests for subscription '{}' and operation 'GET/SUBSCRIPTIONS' exceeded the backend storage \
             limit. Please try again after '{}' seconds.",
            fake.subscription_id,
            seconds.unwrap_or(1)
        );
        let answer = error(429, "SubscriptionRequestsThrottled", &message)
            .header("x-ms-failure-cause", "gateway");
        return Err(match seconds {
            Some(seconds) => answer.header("retry-after", &seconds.to_string()),
            None => answer,
        });
    }
    Ok(())
}

/// The answer to a call for which the application has no right.
pub(super) fn forbidden(fake: &AzureFake, action: &str) -> Action {
    let (client, subscription) = (&fake.application_id, &fake.subscription_id);
    let message = format!(
        "The client '{client}' with object id '0b1ec700-0000-4000-8000-000000000007' does not have authorization to \
         perform action '{action}' over scope '/subscriptions/{subscription}' or the scope is invalid. If access was \
         recently granted, please refresh your credentials."
    );
    error(403, "AuthorizationFailed", &message)
}
