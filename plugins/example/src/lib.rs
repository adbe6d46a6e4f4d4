//! Module Example: one host, with guests of an inventory service or made-up ones.

mod client;
mod map;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::{CheckStep, Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::run;
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
struct Parameters {
    hostname: String,
    guests: u32,
    url: Option<String>,
    token: Option<Secret<String>>,
    delay_ms: u64,
}

/// The module `Example`.
struct Example;

impl Gatherer for Example {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        wait(Duration::from_millis(parameters.delay_ms), context)?;

        let guests = match &parameters.url {
            Some(url) => {
                let guests = client::guests(url, parameters.token.as_ref(), context);
                let guests = run::block_on(context, guests)?;
                tracing::debug!(guests = guests.len(), "the service answered");
                guests.into_iter().map(map::guest).collect()
            }
            None => map::made_up_guests(parameters.guests),
        };
        let id = format!("id-of-{}", parameters.hostname);
        let host = context.host(Host::new(id, parameters.hostname))?;
        for guest in guests {
            if guest.state.is_none() {
                context.warning(&guest.name, "the guest's state is unknown")?;
            }
            context.guest(&host, guest)?;
        }
        Ok(())
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let Some(url) = &parameters.url else {
            context.check_plan(["objects"]);
            let message = format!("{} made-up guests on one host", parameters.guests);
            context.check_step(CheckStep::ok("objects", message));
            return Ok(());
        };
        run::block_on(context, client::check(url, parameters.token.as_ref(), context))
    }
}

/// Waits in short steps, so that the module stops soon after the runner cancels it.
fn wait(delay: Duration, context: &Context) -> Result<(), GatherError> {
    let end = Instant::now() + delay;
    loop {
        context.check_cancelled()?;
        let remaining = end.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Ok(());
        }
        std::thread::sleep(remaining.min(Duration::from_millis(10)));
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Example" => Example },
}
