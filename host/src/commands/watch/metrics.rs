//! Metrics of the watched endpoints.

use std::collections::BTreeMap;

use crate::output::exposition::{
    self, AnswerSamples, EndpointSamples, Family, Labels, UniqueLabels, seconds,
};
use crate::state::StatusRecord;

/// The text of the metrics.
pub fn text(statuses: &BTreeMap<String, StatusRecord>, events: u64) -> String {
    let statuses: Vec<_> = statuses.values().filter(|status| !status.removed).collect();
    let mut text = String::new();
    let version = Labels::default().and("version", env!("CARGO_PKG_VERSION"));
    Family::gauge("info", "The version of the program.").write(&mut text, [(version, 1.0)]);
    #[expect(clippy::cast_precision_loss, reason = "2^53 events are enough")]
    Family::counter("events_total", "Events written since the start.")
        .write(&mut text, [(Labels::default(), events as f64)]);
    let mut unique = UniqueLabels::default();
    let endpoints: Vec<_> = statuses.iter().map(|status| samples(status, &mut unique)).collect();
    exposition::write_endpoints(&mut text, &endpoints);
    let labelled =
        || endpoints.iter().zip(&statuses).map(|(samples, status)| (&samples.labels, *status));
    Family::gauge("endpoint_next_run_timestamp_seconds", "When the endpoint is asked next.").write(
        &mut text,
        labelled().filter_map(|(labels, status)| Some((labels, seconds(status.next_run?)))),
    );
    #[expect(clippy::cast_precision_loss, reason = "no endpoint succeeds 2^53 times")]
    Family::counter("endpoint_successes_total", "Rounds that succeeded.")
        .write(&mut text, labelled().map(|(labels, status)| (labels, status.successes as f64)));
    #[expect(clippy::cast_precision_loss, reason = "no endpoint fails 2^53 times")]
    Family::counter("endpoint_failures_total", "Rounds that failed, by kind of error.").write(
        &mut text,
        labelled().flat_map(|(labels, status)| {
            let failures = status.failures.iter();
            failures.map(|(kind, number)| (labels.clone().and("kind", kind), *number as f64))
        }),
    );
    text
}

/// What the metrics say about an endpoint, apart from those that only `watch` has.
fn samples<'a>(status: &'a StatusRecord, unique: &mut UniqueLabels) -> EndpointSamples<'a> {
    let success = status.last_success.as_ref();
    let failure = status.last_failure.as_ref().filter(|_| status.failing_since.is_some());
    let answer = success.map(|success| AnswerSamples {
        objects: success.counts.iter().map(|(kind, number)| (kind.as_str(), *number)).collect(),
        missing: success.missing.iter().map(String::as_str).collect(),
        warnings: success.warnings,
        expiries: &success.expiries,
    });
    EndpointSamples {
        labels: unique.unique(Labels::of_endpoint(&status.id, status.module.as_deref())),
        is_up: status.failing_since.is_none(),
        failing: failure.map(|failure| failure.kind.as_str()),
        last_success: success.map(|success| success.at),
        duration_ms: match failure {
            Some(failure) => failure.duration_ms,
            None => success.and_then(|success| success.duration_ms),
        },
        answer,
    }
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
