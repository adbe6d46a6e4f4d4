//! Faults in the middle of each list.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_azure::Azure;
use gatherer_plugin_support::testing::{FaultyServer, PageFaults, ReceivedRequest, Script};
use gatherer_tests::JudgedGuest;
use serde_json::json;

use super::{failure, fake};

fn gather(server: &FaultyServer) -> Result<Vec<JudgedGuest>, GatherError> {
    let fake = fake::sample();
    let url = format!("https://127.0.0.1:{}", server.address.port());
    let secret = if server.wrong_password { "wrong" } else { &fake.secret };
    let parameters = json!({
        "subscription_id": fake.subscription_id, "application_id": fake.application_id,
        "tenant_id": fake.tenant_id, "secret_key": secret, "authority_url": url, "endpoint_url": url,
    });
    let recorder = Recorder::new().options(server.options.clone());
    let gathered = recorder.gather::<Azure>(parameters)?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests))
}

fn report(is_second_page: fn(&ReceivedRequest) -> bool) -> String {
    let service = || {
        let fake = fake::sample();
        let script: Script = Box::new(move |request| fake.answer(request));
        script
    };
    let denied = failure(403, "AuthorizationFailed", "The client does not have authorization.");
    let expired = failure(401, "ExpiredAuthenticationToken", "The access token expired.");
    PageFaults::new(service, is_second_page)
        .permission_denied(denied)
        .session_expired(expired, |request| request.method == "POST")
        .check(gather)
}

fn is_second_page(request: &ReceivedRequest, list: &str) -> bool {
    request.path().ends_with(list) && request.query("$skiptoken").is_some()
}

#[test]
fn each_fault_of_the_second_page_of_machines_has_its_result() {
    let report = report(|request| {
        is_second_page(request, "/Microsoft.Compute/virtualMachines")
            && request.query("statusOnly").is_none()
    });
    // Of lists that are read at the same time, any may notice first that the service is gone.
    let lines = report.lines().map(|line| match line.strip_prefix("the service dies: ") {
        Some(rest) => format!("the service dies: {}", rest.split(':').next().unwrap_or_default()),
        None => line.to_owned(),
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn each_fault_of_the_second_page_of_states_has_its_result() {
    report(|request| {
        is_second_page(request, "/virtualMachines") && request.query("statusOnly").is_some()
    });
}

#[test]
fn each_fault_of_the_second_page_of_scale_sets_has_its_result() {
    report(|request| is_second_page(request, "/virtualMachineScaleSets"));
}

#[test]
fn each_fault_of_the_second_page_of_instances_has_its_result() {
    report(|request| is_second_page(request, "/uniform/virtualMachines"));
}
