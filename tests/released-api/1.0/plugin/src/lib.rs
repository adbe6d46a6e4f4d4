//! A plugin as an author of plugin API 1.0 could write it: it uses all that there was, so that a later
//! program shows whether it still serves it.

mod everything;

use std::time::Duration;

use gatherer_plugin_api::model::{
    ConfigMap, Container, Controller, Guest, GuestState, Host, Namespace, Pod, PodReference,
    Service, Use,
};
use gatherer_plugin_api::{Context, ErrorKind, GatherError, Gatherer, RECORD_MAX_BYTES, Secret};
use serde::Deserialize;
use serde_json::Number;

#[derive(Deserialize)]
struct Parameters {
    hostname: String,
    guests: u32,
    mhz: Number,
    #[serde(default)]
    running: bool,
    #[serde(default)]
    tags: Vec<String>,
    token: Option<Secret<String>>,
    end: String,
}

struct Released;

impl Gatherer for Released {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        if parameters.end == "everything" {
            return everything::hand_over(context);
        }
        context.progress("asking");
        tracing::info!(endpoint = context.endpoint(), module = context.module(), "gathering");
        if let Some(token) = &parameters.token {
            // One that the program can find by itself and one that only the plugin knows.
            let learned: String = token.expose().chars().rev().collect();
            context.secret(&learned);
            tracing::warn!("the token is {}", token.expose());
            context.warning("token", format!("turned round it is {learned}"))?;
        }

        // What is read first turns out to be half of it.
        context.host(Host::new("void", "taken back"))?;
        context.start_over()?;

        let mut host = Host::new(format!("id-of-{}", parameters.hostname), &parameters.hostname);
        host.cpu.frequency_mhz = Some(parameters.mhz);
        host.labels = parameters.tags.into_iter().map(|tag| (tag, String::new())).collect();
        host.guests = vec![Guest::new("first", "handed over with the host")];
        let host = context.host(host)?;
        for number in 1..=parameters.guests {
            let mut guest = Guest::new(format!("guest-{number}"), format!("guest{number}"));
            guest.state =
                Some(if parameters.running { GuestState::Running } else { GuestState::Stopped });
            context.guest(&host, guest)?;
        }
        workloads(context)?;
        context.count_retry();

        match parameters.end.as_str() {
            "error" => Err(GatherError::new(ErrorKind::Permission, "the endpoint says no")
                .with_hint("ask for the right")
                .with_retryable(false)),
            "panic" => panic!("the author's mistake"),
            "cancelled" => loop {
                context.check_cancelled()?;
                assert!(context.remaining().is_some() && context.deadline().is_some());
                std::thread::sleep(Duration::from_millis(5));
            },
            _ => Ok(()),
        }
    }
}

/// Collections: whole ones, one started again, one with an item that is too long, one that cannot be
/// read.
fn workloads(context: &Context) -> Result<(), GatherError> {
    let namespace = |name: &str| Namespace {
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
        ..Namespace::default()
    };
    context.item(namespace("void"))?;
    context.start_collection_over("namespaces")?;
    context.item(namespace("default"))?;
    context.collection_end("namespaces", Ok(()))?;

    let container = Container { name: "app".to_owned(), ..Container::default() };
    context.item(Pod {
        namespace: "default".to_owned(),
        name: "web".to_owned(),
        uid: "uid-of-web".to_owned(),
        containers: vec![container],
        ..Pod::default()
    })?;
    context.collection_end("pods", Ok(()))?;

    // More than goes into one record.
    let pods = (0..250).map(|n| PodReference { name: n.to_string(), uid: n.to_string() });
    context.item(Service {
        namespace: "default".to_owned(),
        name: "front".to_owned(),
        uid: "uid-of-front".to_owned(),
        pods: Some(pods.collect()),
        ..Service::default()
    })?;
    context.collection_end("services", Ok(()))?;
    let uses = (0..250).map(|n| Use { env: Some(n.to_string()), ..Use::default() });
    context.item(ConfigMap {
        namespace: "default".to_owned(),
        name: "settings".to_owned(),
        uid: "uid-of-settings".to_owned(),
        keys: (0..250).map(|n| format!("key-{n}")).collect(),
        used_by: Some(uses.collect()),
    })?;
    context.collection_end("config-maps", Ok(()))?;

    let mut long = Controller { name: "long".to_owned(), ..Controller::default() };
    context.item(long.clone())?;
    long.kind = "x".repeat(RECORD_MAX_BYTES);
    match context.item(long) {
        Err(error) if error.item_too_long => context.collection_end("controllers", Err(error))?,
        other => other?,
    }

    let refused = GatherError::new(ErrorKind::Permission, "secrets may not be listed");
    context.collection_end("secrets", Err(refused))
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Released" => Released },
}
