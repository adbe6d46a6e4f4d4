//! Faults between two pages, and the kinds of other errors.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_gce::GoogleCe;
use gatherer_plugin_support::testing::{Action, FaultyServer, PageFaults, Script};
use gatherer_tests::JudgedGuest;
use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::json;

use super::{Served, count, is_list};

/// A key that does not belong to the account.
const OTHER_KEY: &str =
    include_str!("../../../../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");

fn gather(server: &FaultyServer) -> Result<Vec<JudgedGuest>, GatherError> {
    let base = format!("https://{}", server.address);
    let mut key = GceFake::new(GceInventory::sample()).key_file(&base);
    if server.wrong_password {
        key["private_key"] = json!(OTHER_KEY);
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), key.to_string()).expect("written");
    let gathered = Recorder::new().options(server.options.clone()).gather::<GoogleCe>(json!({
        "cert_path": file.path(), "project_id": "example-project", "endpoint_url": base,
    }))?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests))
}

fn service() -> Script {
    let fake = GceFake::new(GceInventory::sample()).with_page_size(7);
    Box::new(move |request| fake.answer(request))
}

#[test]
fn each_fault_between_two_pages_has_its_result() {
    let report = PageFaults::new(service, |request| request.query("pageToken").is_some())
        .permission_denied(GceFake::permission_denied())
        .session_expired(GceFake::token_expired(), |request| request.path() == "/token")
        .check(gather);
    insta::assert_snapshot!(report);
}

#[test]
fn a_rate_limit_is_recognized_by_its_reason_and_waited_for() {
    let limits = ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"];
    for fault in limits.map(GceFault::RateLimited).into_iter().chain([GceFault::TooManyRequests]) {
        let served = Served::fake(GceFake::new(GceInventory::sample()).with_times(fault, 1));
        assert_eq!(count(&served.gather().expect("a limit that passes")), 12, "{fault:?}");
        let served = Served::fake(GceFake::new(GceInventory::sample()).with(fault));
        let error = served.gather().expect_err("a limit that stays");
        assert_eq!(error.kind, ErrorKind::RateLimited, "{error}");
        assert_eq!(served.targets().len(), 2, "one retry");
    }
}

/// The second retry waits for the next full minute, which is later than the deadline.
#[test]
fn a_limit_that_stays_is_a_quota_of_the_minute() {
    let fake = GceFake::new(GceInventory::sample());
    let mut served = Served::fake(fake.with(GceFault::RateLimited("rateLimitExceeded")));
    let ca_file = Some(served.server.ca_file().display().to_string());
    let (retries, timeout_ms) = (Some(3), Some(10_000));
    served.recorder =
        Recorder::new().options(Options { ca_file, retries, timeout_ms, ..Options::default() });
    let error = served.gather().expect_err("a quota");
    assert_eq!(error.kind, ErrorKind::RateLimited, "{error}");
    assert!(error.retry_after_ms.is_some_and(|ms| ms > 10_000), "{error:?}");
    assert_eq!(served.targets().len(), 2);
}

/// The error of a fake, and the number of requests for the list.
fn failure(fake: GceFake, zone: &str) -> (GatherError, usize) {
    let served = Served::fake(fake).retries(3);
    let mut error = served.gather_with(&json!({"zone": zone})).expect_err("a failure");
    error.message = error.message.replace(&served.base(), "https://compute.example.com");
    (error, served.targets().len())
}

#[test]
fn errors_that_stay_are_final_and_say_what_to_do() {
    let fake = || GceFake::new(GceInventory::sample());
    let mut without_right = fake();
    without_right.permissions = vec!["compute.machineTypes.get"];
    let mut other_project = fake();
    other_project.inventory.project = "other-project".to_owned();
    let other = Served::fake(other_project);
    let unknown_project =
        other.gather_with(&json!({"project_id": "example-project"})).expect_err("no project");
    let mut messages =
        vec![unknown_project.to_string().replace(&other.base(), "https://compute.example.com")];
    assert_eq!(unknown_project.kind, ErrorKind::Configuration);
    for (fake, zone, kind) in [
        (without_right, "", ErrorKind::Permission),
        (fake().with(GceFault::AccessNotConfigured), "", ErrorKind::Permission),
        (fake(), "europe-west1-z", ErrorKind::Configuration),
        (fake().with(GceFault::UnknownZoneIsNotFound), "europe-west1-z", ErrorKind::Configuration),
    ] {
        let (error, requests) = failure(fake, zone);
        assert_eq!((error.kind, error.retryable, requests), (kind, false, 1), "{error}");
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

/// Reasons that the fake does not have, with the first words of the hint.
#[test]
fn other_reasons_of_403_have_their_hints() {
    for (reason, hint) in [
        ("billingNotEnabled", "enable billing"),
        ("SECURITY_POLICY_VIOLATED", "allow this machine"),
        ("insufficientPermissions", "grant "),
        ("somethingNew", "grant "),
    ] {
        let served = Served::script(GceFake::new(GceInventory::sample()), move |fake, request| {
            if !is_list(request) {
                return fake.answer(request);
            }
            Action::json(
                403,
                &json!({"error": {"code": 403, "message": "no", "errors": [{"reason": reason}]}}),
            )
        });
        let error = served.gather().expect_err(reason);
        assert_eq!(error.kind, ErrorKind::Permission, "{error}");
        assert!(error.hint.as_deref().unwrap_or_default().starts_with(hint), "{error}");
    }
}

#[test]
fn another_service_at_the_url_is_recognized() {
    let page = Action::answer(200, "<!DOCTYPE html><html></html>");
    for (answer, kind) in [
        (Action::answer(404, ""), ErrorKind::Configuration),
        (Action::answer(404, "<!DOCTYPE html>"), ErrorKind::Configuration),
        (page, ErrorKind::Protocol),
        (Action::json(200, &json!({"items": 7})), ErrorKind::Protocol),
        (Action::answer(204, ""), ErrorKind::Protocol),
        (Action::redirect("https://login.example.com/"), ErrorKind::Protocol),
        (Action::answer(401, "<html>"), ErrorKind::Authentication),
        (Action::answer(403, "<html>"), ErrorKind::Permission),
    ] {
        let served = Served::script(GceFake::new(GceInventory::sample()), move |fake, request| {
            if is_list(request) { answer.clone() } else { fake.answer(request) }
        });
        let error = served.gather().expect_err("another service");
        assert_eq!(error.kind, kind, "{error}");
    }
}
