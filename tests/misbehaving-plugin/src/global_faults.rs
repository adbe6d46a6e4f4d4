//! Faults that the environment variable `MISBEHAVING` names, because a request with an unknown operation, an unknown
//! module or without parameters has no `case`.

use gatherer_plugin_api::__private::abi_stable::std_types::{RResult, RString};
use gatherer_plugin_api::{ErrorKind, GatherError, Summary};
use serde_json::Value;

fn fault() -> String {
    std::env::var("MISBEHAVING").unwrap_or_default()
}

/// A description instead of the manifest, if the fault has one.
pub fn description() -> Option<RString> {
    (fault() == "describes-another").then(|| "{\"name\": \"another\"}".into())
}

/// An answer instead of the correct one, if the fault applies to this request.
pub fn answer(operation: &str, request: &str) -> Option<RResult<RString, RString>> {
    let fault = fault();
    let request: Value = serde_json::from_str(request).unwrap_or_default();
    let nothing = || {
        let summary = serde_json::to_string(&Summary::default());
        Some(RResult::ROk(summary.unwrap_or_default().into()))
    };
    let error = |error: GatherError| {
        Some(RResult::RErr(serde_json::to_string(&error).unwrap_or_default().into()))
    };
    let knows_operation = operation == "gather";
    let knows_module = request["module"] == "Misbehaving";
    let has_case = request["parameters"]["case"].is_string();
    match fault.as_str() {
        "accepts-any-operation" if !knows_operation => nothing(),
        "aborts-on-unknown-operation" if !knows_operation => std::process::abort(),
        "accepts-any-module" if !knows_module => nothing(),
        "accepts-a-missing-case" if !has_case => nothing(),
        "aborts-without-case" if !has_case => std::process::abort(),
        "blames-the-endpoint" if !has_case => {
            error(GatherError::new(ErrorKind::Protocol, "nonsense"))
        }
        "accepts-any-parameters" if knows_operation && knows_module && has_case => nothing(),
        "quotes-parameters" if knows_operation && knows_module && has_case => {
            error(GatherError::configuration(format!("no: {}", request["parameters"])))
        }
        _ => None,
    }
}
