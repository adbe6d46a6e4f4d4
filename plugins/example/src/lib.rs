//! The smallest complete plugin: one made-up host with as many guests as asked for.

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

struct Example;

impl Gatherer for Example {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let ready = Instant::now() + Duration::from_millis(parameters.delay_ms);
        while Instant::now() < ready {
            context.check_cancelled()?;
            std::thread::sleep(Duration::from_millis(10).min(ready - Instant::now()));
        }

        let host = Host::new(format!("id-of-{}", parameters.hostname), parameters.hostname);
        let host = context.host(host)?;
        for number in 1..=parameters.guests {
            let id = format!("00000000-0000-4000-8000-{number:012}");
            let mut guest = Guest::new(id, format!("guest{number}"));
            guest.state = Some(GuestState::Running);
            context.guest(&host, guest)?;
        }
        Ok(())
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Example" => Example },
}
