//! Metrics of the watched endpoints, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gatherer_plugin_api::model::Timestamp;

use crate::state::StatusRecord;

/// The prefix of all names.
const PREFIX: &str = "virtual_host_gatherer_";

/// The text of the metrics.
pub fn text(statuses: &BTreeMap<String, StatusRecord>, events: u64) -> String {
    let statuses: Vec<_> = statuses.values().filter(|status| !status.removed).collect();
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64)>| {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{PREFIX}{name}{labels} {value}");
        }
    };
    let of = |value: &dyn Fn(&StatusRecord) -> Option<f64>| {
        let samples =
            statuses.iter().filter_map(|status| Some((labels(status, &[]), value(status)?)));
        samples.collect::<Vec<_>>()
    };
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    family("info", "gauge", "The version of the program.", vec![(version, 1.0)]);
    #[expect(clippy::cast_precision_loss, reason = "2^53 events are enough")]
    family(
        "events_total",
        "counter",
        "Events written since the start.",
        vec![(String::new(), events as f64)],
    );
    family(
        "endpoint_up",
        "gauge",
        "Whether the last round of the endpoint succeeded.",
        of(&|status| Some(f64::from(u8::from(status.failing_since.is_none())))),
    );
    let failing = statuses.iter().filter_map(|status| {
        status.failing_since?;
        let failure = status.last_failure.as_ref()?;
        Some((labels(status, &[("kind", &failure.kind)]), 1.0))
    });
    family(
        "endpoint_failing",
        "gauge",
        "Endpoints that fail now, by kind of error.",
        failing.collect(),
    );
    family(
        "endpoint_last_success_timestamp_seconds",
        "gauge",
        "When the endpoint was last gathered completely.",
        of(&|status| Some(seconds(status.last_success.as_ref()?.at))),
    );
    family(
        "endpoint_last_duration_seconds",
        "gauge",
        "How long the last round of the endpoint took.",
        of(&last_duration),
    );
    family(
        "endpoint_next_run_timestamp_seconds",
        "gauge",
        "When the endpoint is asked next.",
        of(&|status| Some(seconds(status.next_run?))),
    );
    let ObjectSamples { objects, missing, failures, expiries } = ObjectSamples::of(&statuses);
    family("endpoint_objects", "gauge", "Objects in the last complete answer, by kind.", objects);
    family(
        "endpoint_expiry_timestamp_seconds",
        "gauge",
        "When certificates, tokens and passwords of the endpoint expire.",
        expiries,
    );
    family(
        "endpoint_missing_collection",
        "gauge",
        "Collections that the last complete answer does not have completely.",
        missing,
    );
    #[expect(clippy::cast_precision_loss, reason = "no endpoint succeeds 2^53 times")]
    family(
        "endpoint_successes_total",
        "counter",
        "Rounds that succeeded.",
        of(&|status| Some(status.successes as f64)),
    );
    family("endpoint_failures_total", "counter", "Rounds that failed, by kind of error.", failures);
    text
}

/// Samples of which an endpoint can have several: their labels and values.
#[derive(Default)]
struct ObjectSamples {
    objects: Vec<(String, f64)>,
    missing: Vec<(String, f64)>,
    failures: Vec<(String, f64)>,
    expiries: Vec<(String, f64)>,
}

impl ObjectSamples {
    #[expect(clippy::cast_precision_loss, reason = "no endpoint has 2^53 objects or failures")]
    fn of(statuses: &[&StatusRecord]) -> Self {
        let mut samples = Self::default();
        for status in statuses {
            let count =
                |label, (kind, count): (&String, f64)| (labels(status, &[(label, kind)]), count);
            let failures = status.failures.iter();
            samples.failures.extend(failures.map(|(kind, n)| count("kind", (kind, *n as f64))));
            let Some(success) = &status.last_success else { continue };
            let counts = success.counts.iter();
            samples.objects.extend(counts.map(|(kind, n)| count("kind", (kind, *n as f64))));
            let missing = success.missing.iter();
            samples.missing.extend(missing.map(|name| count("collection", (name, 1.0))));
            // Of several things with the same name, the one that expires first counts.
            let mut first: BTreeMap<&str, Timestamp> = BTreeMap::new();
            for expiry in &success.expiries {
                let at = first.entry(&expiry.what).or_insert(expiry.at);
                *at = expiry.at.min(*at);
            }
            let expiries = first.into_iter();
            let sample = |(what, at)| (labels(status, &[("what", what)]), seconds(at));
            samples.expiries.extend(expiries.map(sample));
        }
        samples
    }
}

/// The duration of the last round, whether it succeeded or failed.
#[expect(clippy::cast_precision_loss, reason = "no round takes 2^53 ms")]
fn last_duration(status: &StatusRecord) -> Option<f64> {
    let milliseconds = match status.failing_since {
        None => status.last_success.as_ref()?.duration_ms?,
        Some(_) => status.last_failure.as_ref()?.duration_ms?,
    };
    Some(milliseconds as f64 / 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "a point in time has fewer than 2^53 milliseconds")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The labels of an endpoint's sample, and further ones.
fn labels(status: &StatusRecord, further: &[(&str, &str)]) -> String {
    let mut text = format!("{{endpoint=\"{}\"", escaped(&status.id));
    if let Some(module) = &status.module {
        let _ = write!(text, ",module=\"{}\"", escaped(module));
    }
    for (name, value) in further {
        let _ = write!(text, ",{name}=\"{}\"", escaped(value));
    }
    text.push('}');
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gatherer_plugin_api::model::{
        EndpointResult, EndpointRun, EndpointStatus, Host, Timestamp,
    };
    use gatherer_plugin_api::{ErrorKind, Expiry, GatherError};

    use super::text;
    use crate::state::StatusRecord;

    #[test]
    fn has_a_sample_of_each_kind_for_each_endpoint() {
        let mut status = StatusRecord::new("a \"quoted\"\\ id");
        let result = EndpointResult::new(status.id.clone(), Some("File".to_owned()), None);
        let failed = EndpointResult {
            error: Some(GatherError::new(ErrorKind::Timeout, "late")),
            ..result.clone()
        };
        let complete = EndpointResult {
            status: EndpointStatus::Complete,
            hosts: vec![Host::new("h", "h")],
            run: Some(EndpointRun {
                started_at: Timestamp::UNIX_EPOCH,
                duration_ms: 1500,
                retries: None,
                expiries: [2000, 1000]
                    .map(|second| {
                        let at = Timestamp::from_second(second).expect("in range");
                        Expiry::new("the certificate", at)
                    })
                    .to_vec(),
            }),
            ..result
        };
        status.record(&failed);
        let failing = BTreeMap::from([(status.id.clone(), status.clone())]);
        let line = r#"virtual_host_gatherer_endpoint_failing{endpoint="a \"quoted\"\\ id",module="File",kind="timeout"} 1"#;
        assert!(text(&failing, 0).lines().any(|found| found == line));
        status.record(&complete);
        let statuses = BTreeMap::from([(status.id.clone(), status)]);
        let text = text(&statuses, 7);
        let endpoint = r#"{endpoint="a \"quoted\"\\ id",module="File""#;
        for line in [
            "virtual_host_gatherer_events_total 7".to_owned(),
            format!("virtual_host_gatherer_endpoint_up{endpoint}}} 1"),
            format!(r#"virtual_host_gatherer_endpoint_objects{endpoint},kind="hosts"}} 1"#),
            format!(
                r#"virtual_host_gatherer_endpoint_expiry_timestamp_seconds{endpoint},what="the certificate"}} 1000"#
            ),
            format!(
                r#"virtual_host_gatherer_endpoint_failures_total{endpoint},kind="timeout"}} 1"#
            ),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("endpoint_failing"), "{text}");
    }
}
