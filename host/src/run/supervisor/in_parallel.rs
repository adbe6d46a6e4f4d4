//! Handles the endpoints of a run in parallel, as many at a time as there are jobs.

use std::rc::Rc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Stop;

/// Handles each endpoint in a task of its own. A task has a job until it ends. If all workers are to stop before it gets
/// one, it is called with the reason, which is absent if the sender of `stop` is gone.
pub async fn in_parallel<E: 'static>(
    endpoints: Vec<E>,
    jobs: usize,
    stop: &watch::Receiver<Option<Stop>>,
    handle: impl AsyncFn(E, Result<(), Option<Stop>>) + 'static,
) {
    let jobs = Rc::new(Semaphore::new(jobs));
    let handle = Rc::new(handle);
    let mut tasks = JoinSet::new();
    for endpoint in endpoints {
        let (jobs, handle, mut stop) = (Rc::clone(&jobs), Rc::clone(&handle), stop.clone());
        tasks.spawn_local(async move {
            let job = tokio::select! {
                biased;
                Ok(stopped) = stop.wait_for(Option::is_some) => Err(*stopped),
                job = jobs.acquire() => Ok(job),
            };
            handle(endpoint, job.as_ref().map(|_| ()).map_err(|stopped| *stopped)).await;
            drop(job);
        });
    }
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
