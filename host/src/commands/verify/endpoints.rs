//! The checks with real endpoints: each endpoint is gathered twice, and then cancelled while it is gathered
//! again.

use std::time::{Duration, Instant};

use gatherer_plugin_api::assembly::Gathered;
use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};
use gatherer_plugin_api::{ErrorKind, LogLevel, StepStatus};
use serde_json::Value;

use super::VerifySession;
use super::checks::{ended_normally, failed_with};
use super::compare::first_difference;
use super::objects;
use super::report::CheckReport;
use crate::output::checked::EndpointCheck;
use crate::output::inventory;
use crate::request::Endpoint;
use crate::run::protocol::{CHECK, GATHER};
use crate::run::supervisor::{Answer, WorkerOutcome};

/// A gathering is cancelled after this many quarters of its duration. The value that most likely works comes
/// first.
const CANCEL_AT: [u32; 3] = [2, 3, 1];

/// Checks one endpoint. False if it could not be gathered.
pub async fn check(
    session: &VerifySession,
    manifest: &Manifest,
    mut endpoint: Endpoint,
    report: &mut CheckReport,
) -> bool {
    let name = format!("{} {}", endpoint.module, endpoint.id);
    // At a higher level, secrets in some log lines would not be found.
    endpoint.request.options.log_level = LogLevel::Trace;
    let started = Instant::now();
    let first = session.observe(&endpoint, Some(GATHER), None).await;
    let took = started.elapsed();
    let gathers = format!("{name}: gathers a complete answer");
    let same = format!("{name}: gathers the same answer again");
    match complete(&first) {
        Ok(answer) => {
            report
                .ok_with(&gathers, &format!("{} in {:.1} s", counted(answer), took.as_secs_f64()));
            check_objects(&normalized(answer), manifest, &endpoint, &name, report);
            let second = session.observe(&endpoint, Some(GATHER), None).await;
            report.verdict(&same, equal(&first, &second));
        }
        Err(reason) => {
            report.not_ok(&gathers, &reason);
            report.skipped(&same, "the first answer is not complete");
        }
    }
    check_steps(session, &endpoint, first.result.is_ok(), &name, report).await;
    if matches!(&first.result, Err(error) if error.kind == ErrorKind::Protocol) {
        // The worker is killed as soon as it breaks a rule.
        report.skipped(&format!("{name}: ends when cancelled"), "the first answer is not complete");
    } else {
        check_cancelling(session, &endpoint, took.min(endpoint.timeout), &name, report).await;
    }
    let shows = format!("{name}: shows no secret");
    let redactions = endpoint.redactor.redactions();
    if !endpoint.redactor.has_secrets() {
        report.skipped(&shows, "the endpoint has none");
    } else if let Some(text) = redactions.first {
        let times = if redactions.count == 1 {
            "once".into()
        } else {
            format!("{} times", redactions.count)
        };
        // The plugin may have reported more secrets after this text was redacted.
        let text = endpoint.redactor.redact(&text);
        report
            .not_ok(&shows, &format!("a secret was redacted {times}, the first time from: {text}"));
    } else {
        report.ok(&shows);
    }
    first.result.is_ok()
}

/// Makes the operation `check` of an endpoint: of one that was gathered, no step may fail or be left out.
async fn check_steps(
    session: &VerifySession,
    endpoint: &Endpoint,
    is_complete: bool,
    name: &str,
    report: &mut CheckReport,
) {
    let checks = format!("{name}: checks every step");
    if !is_complete {
        report.skipped(&checks, "the endpoint was not gathered");
        return;
    }
    let observed = session.observe(endpoint, Some(CHECK), None).await;
    let names = (endpoint.id.as_str(), endpoint.module.as_str());
    let ended = observed.result.map(drop);
    let checked = EndpointCheck::new(names, &session.library.software, &[], observed.check, ended);
    if checked.is_unsupported() {
        report.skipped(&checks, "the module has no check");
        return;
    }
    let problem = checked
        .steps
        .iter()
        .find(|step| matches!(step.status, StepStatus::Failed | StepStatus::NotTried));
    report.verdict(
        &checks,
        match problem {
            None => Ok(()),
            Some(step) if step.status == StepStatus::Failed => Err(format!(
                "the step {} failed, although the endpoint was gathered: {}",
                step.name, step.message
            )),
            Some(step) => Err(format!("the step {} was left out", step.name)),
        },
    );
}

/// Checks the hosts, guests and items of an answer.
fn check_objects(
    answer: &Value,
    manifest: &Manifest,
    endpoint: &Endpoint,
    name: &str,
    report: &mut CheckReport,
) {
    let has_ids = format!("{name}: every host, guest and item has an id");
    report.verdict(&has_ids, objects::have_ids(answer));
    report
        .verdict(&format!("{name}: no two have the same id"), objects::have_different_ids(answer));
    let has_no_secret = format!("{name}: none contains a secret");
    match objects::have_no_secrets(answer, endpoint, manifest.module(&endpoint.module)) {
        Some(verdict) => report.verdict(&has_no_secret, verdict),
        None => report.skipped(&has_no_secret, "the endpoint has none"),
    }
}

/// The answer, if it is complete and the process ended normally.
fn complete(observed: &WorkerOutcome) -> Result<&Answer, String> {
    match &observed.result {
        Ok(answer) => ended_normally(observed).map(|()| answer),
        Err(error) => Err(failed_with(error)),
    }
}

/// The numbers of hosts, guests and items, as text.
fn counted(answer: &Answer) -> String {
    let Gathered { hosts, detached_guests, workloads, .. } = &answer.gathered;
    inventory::counted(hosts, detached_guests, workloads)
}

/// Compares two answers. The error is a message.
fn equal(first: &WorkerOutcome, second: &WorkerOutcome) -> Result<(), String> {
    let (first, second) = (complete(first)?, complete(second)?);
    match first_difference(&normalized(first), &normalized(second)) {
        None => Ok(()),
        Some(place) => Err(format!(
            "the answers differ in {place}; this is correct only if it changed in between"
        )),
    }
}

/// An answer as JSON, in the order in which it is printed.
fn normalized(answer: &Answer) -> Value {
    let gathered = answer.gathered.clone();
    let mut result = EndpointResult {
        status: EndpointStatus::Complete,
        hosts: gathered.hosts,
        detached_guests: gathered.detached_guests,
        workloads: gathered.workloads,
        collections: gathered.collections,
        warnings: gathered.warnings,
        ..EndpointResult::new(String::new(), None, None)
    };
    inventory::normalize(&mut result, false);
    serde_json::to_value(result).unwrap_or_default()
}

/// Cancels a gathering, which takes about as long as `took`, in the middle.
async fn check_cancelling(
    session: &VerifySession,
    endpoint: &Endpoint,
    took: Duration,
    name: &str,
    report: &mut CheckReport,
) {
    let check = format!("{name}: ends when cancelled");
    for quarters in CANCEL_AT {
        let observed = session.observe(endpoint, Some(GATHER), Some(took / 4 * quarters)).await;
        // SIGTERM kills a worker that has only just started.
        let by_signal = observed.abnormal_end.as_ref().is_some_and(|end| end.contains("SIGTERM"));
        // If it completes its answer, it is unknown whether it noticed the request.
        let was_complete = observed.result.is_ok();
        let ended = observed.time_to_end.filter(|_| !by_signal && !was_complete);
        let Some(after) = ended else { continue };
        return if observed.killed {
            report.not_ok(&check, "it had to be killed, 2 s after SIGTERM and `cancelled`");
        } else {
            report.ok_with(&check, &format!("within {} ms", after.as_millis().max(1)));
        };
    }
    report.skipped(&check, "the gathering is too short to be cancelled");
}
