//! Checks the endpoints in parallel, each with its own worker process.

use std::rc::Rc;

use gatherer_plugin_api::model::EndpointResult;
use gatherer_plugin_api::{CheckLog, GatherError, StepStatus};
use tracing::Instrument as _;

use super::{Budget, Library, Memory, Stop, SupervisorSettings, in_parallel, run_worker};
use crate::logging::spans;
use crate::output::checked::EndpointCheck;
use crate::request::Endpoint;
use crate::run::protocol::CHECK;

/// Checks all endpoints and delivers one result for each, with its position, in the order in which they finish.
pub async fn check_all(
    endpoints: Vec<(usize, Endpoint, Rc<Library>)>,
    settings: SupervisorSettings,
    deliver: impl Fn(usize, EndpointCheck) + 'static,
) {
    let budget = Rc::new(Budget::of(Memory::of_process()));
    let (jobs, stop) = (settings.jobs, settings.stop.clone());
    in_parallel(endpoints, jobs, &stop, async move |(position, endpoint, library), started| {
        let checked = match started {
            Ok(()) => {
                let span = spans::endpoint(&endpoint.id, Some(&endpoint.module));
                check(&endpoint, &library, &settings, Rc::clone(&budget)).instrument(span).await
            }
            Err(stopped) => {
                result(&endpoint, &library, CheckLog::default(), Err(Stop::error(stopped)))
            }
        };
        settings.progress.done(checked.status == StepStatus::Failed);
        deliver(position, checked);
    })
    .await;
}

/// The check of an endpoint whose entry cannot be used.
pub fn check_of_failed_entry(failed: EndpointResult) -> EndpointCheck {
    let EndpointResult { id, module, plugin, error, .. } = failed;
    let error = error.unwrap_or_else(|| GatherError::configuration("the reason is unknown"));
    let steps = CheckLog::of_failed_entry(&error);
    EndpointCheck { id, module, plugin, status: StepStatus::Failed, steps, expiries: Vec::new() }
}

/// Checks one endpoint.
async fn check(
    endpoint: &Endpoint,
    library: &Library,
    settings: &SupervisorSettings,
    budget: Rc<Budget>,
) -> EndpointCheck {
    tracing::debug!("starting a worker for {}", library.path);
    let outcome = run_worker(endpoint, Some(CHECK), library, settings, Rc::clone(&budget)).await;
    // A check that sends hosts has no use for them.
    let ended = outcome.result.map(|answer| budget.give_back(answer.memory_bytes));
    EndpointCheck { expiries: outcome.expiries, ..result(endpoint, library, outcome.check, ended) }
}

fn result(
    endpoint: &Endpoint,
    library: &Library,
    log: CheckLog,
    ended: Result<(), GatherError>,
) -> EndpointCheck {
    let names = (endpoint.id.as_str(), endpoint.module.as_str());
    EndpointCheck::new(names, &library.software, &endpoint.warnings, log, ended)
}
