//! The smallest complete plugin: one made-up host with a given number of guests.

use std::time::{Duration, Instant};

use gatherer_plugin_api::model::{Guest, GuestState, Host};
use gatherer_plugin_api::{Context, GatherError, Gatherer};
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
struct Parameters {
    hostname: String,
    guests: u32,
    delay_ms: u64,
}

/// The module `Example`.
struct Example;

impl Gatherer for Example {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        wait(Duration::from_millis(parameters.delay_ms), context)?;

        let id = format!("id-of-{}", parameters.hostname);
        let host = context.host(Host::new(id, parameters.hostname))?;
        for number in 1..=parameters.guests {
            let id = format!("00000000-0000-4000-8000-{number:012}");
            let mut guest = Guest::new(id, format!("guest{number}"));
            guest.state = Some(GuestState::Running);
            context.guest(&host, guest)?;
        }
        Ok(())
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
