//! What can be seen only at real endpoints: each is gathered for real, again, and cancelled in
//! between.

use std::time::{Duration, Instant};

use gatherer_plugin_api::LogLevel;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};
use serde_json::Value;

use super::Lab;
use super::checks::{ended_in_peace, failed_with};
use super::compare::first_difference;
use super::report::Report;
use crate::output::inventory;
use crate::request::Endpoint;
use crate::run::protocol::GATHER;
use crate::run::supervisor::{Answer, WorkerOutcome};

/// After how many quarters of its duration a gathering is cancelled, the likeliest first.
const CANCEL_AT: [u32; 3] = [2, 3, 1];

/// Gathers one endpoint and looks closely. False if it could not be gathered.
pub async fn check(lab: &Lab, mut endpoint: Endpoint, report: &mut Report) -> bool {
    let who = format!("{} {}", endpoint.module, endpoint.id);
    // What is not sent cannot be seen to be secret.
    endpoint.request.options.log_level = LogLevel::Trace;
    let started = Instant::now();
    let first = lab.observe(&endpoint, Some(GATHER), None).await;
    let took = started.elapsed();
    let gathers = format!("{who}: gathers a whole answer");
    let same = format!("{who}: gathers the same a second time");
    match whole(&first) {
        Ok(answer) => {
            report.ok(&format!("{gathers}: {} in {:.1} s", counted(answer), took.as_secs_f64()));
            let second = lab.observe(&endpoint, Some(GATHER), None).await;
            report.verdict(&same, equal(&first, &second));
        }
        Err(why) => {
            report.not_ok(&gathers, &why);
            report.skipped(&same, "the first answer is not whole");
        }
    }
    cancelled(lab, &endpoint, took.min(endpoint.timeout), &who, report).await;
    let shows = format!("{who}: shows no secret");
    let redactions = endpoint.redactor.redactions();
    if !endpoint.redactor.has_secrets() {
        report.skipped(&shows, "the endpoint has none");
    } else if let Some(text) = redactions.first {
        let times = if redactions.count == 1 {
            "once".into()
        } else {
            format!("{} times", redactions.count)
        };
        // Some of them may have been told of since.
        let text = endpoint.redactor.redact(&text);
        report.not_ok(&shows, &format!("it was taken out {times}, first of: {text}"));
    } else {
        report.ok(&shows);
    }
    first.result.is_ok()
}

fn whole(observed: &WorkerOutcome) -> Result<&Answer, String> {
    match &observed.result {
        Ok(answer) => ended_in_peace(observed).map(|()| answer),
        Err(error) => Err(failed_with(error)),
    }
}

fn counted(answer: &Answer) -> String {
    inventory::counted(&answer.hosts, &answer.detached_guests, &answer.workloads)
}

fn equal(first: &WorkerOutcome, second: &WorkerOutcome) -> Result<(), String> {
    let (first, second) = (whole(first)?, whole(second)?);
    match first_difference(&normalized(first), &normalized(second)) {
        None => Ok(()),
        Some(place) => Err(format!(
            "the answers differ in {place}; that is right only if it changed in between"
        )),
    }
}

/// An answer in the order in which it is printed.
fn normalized(answer: &Answer) -> Value {
    let mut result = EndpointResult {
        status: EndpointStatus::Complete,
        hosts: answer.hosts.clone(),
        detached_guests: answer.detached_guests.clone(),
        workloads: answer.workloads.clone(),
        collections: answer.collections.clone(),
        warnings: answer.warnings.clone(),
        ..EndpointResult::new(String::new(), None, None)
    };
    inventory::settle(&mut result, false);
    serde_json::to_value(result).unwrap_or_default()
}

/// Tells it to end in the middle of a gathering that takes about so long.
async fn cancelled(lab: &Lab, endpoint: &Endpoint, took: Duration, who: &str, report: &mut Report) {
    let check = format!("{who}: ends when it is told to");
    for quarters in CANCEL_AT {
        let observed = lab.observe(endpoint, Some(GATHER), Some(took / 4 * quarters)).await;
        // A worker that has only begun is ended by SIGTERM itself.
        let by_signal = observed.abnormal_end.as_ref().is_some_and(|odd| odd.contains("SIGTERM"));
        // One that goes on to a whole answer may not have heard: that cannot be told.
        let deaf = observed.result.is_ok();
        let told = observed.time_to_end.filter(|_| !by_signal && !deaf);
        let Some(after) = told else { continue };
        return if observed.killed {
            report.not_ok(&check, "it had to be killed 2 s after SIGTERM and `cancelled`");
        } else {
            report.ok(&format!("{check}: within {} ms", after.as_millis().max(1)));
        };
    }
    report.skipped(&check, "its gathering is too short to be told in between");
}
