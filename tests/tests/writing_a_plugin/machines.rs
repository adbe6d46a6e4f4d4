//! Module Machines: the hosts and guests of a machine database with a web service.

use gatherer_plugin_api::model::{Guest, GuestState, Host};
use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::{http, json, retry, run};
use serde::Deserialize;

#[derive(Deserialize)]
struct Parameters {
    url: String,
    token: Option<Secret<String>>,
}

struct Machines;

impl Gatherer for Machines {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let machines = run::block_on(context, machines(&parameters, context))?;
        tracing::debug!(machines = machines.len(), "the database answered");
        for machine in machines {
            if machine.uuid.is_none() {
                context.warning(&machine.name, "has no UUID: its name is used as its id")?;
            }
            context.host(host(machine))?;
        }
        Ok(())
    }
}

/// I/O: one request, repeated within the endpoint's budget of retries.
async fn machines(parameters: &Parameters, context: &Context) -> Result<Vec<Machine>, GatherError> {
    let url = parameters.url.parse().map_err(|_| {
        GatherError::configuration("the parameter url is not a URL")
            .with_hint("it must begin with http:// or https://")
    })?;
    let mut request = http::Request::get(url).max_body_bytes(16 * 1024 * 1024);
    if let Some(token) = &parameters.token {
        request = request.header("authorization", &format!("Bearer {}", token.expose()));
    }
    let client = http::Client::new(context)?;
    let attempt = async || client.send(request.clone()).await?.error_for_status();
    let answer = retry::idempotent(context, attempt).await?;
    json::read(answer.body(), answer.description())
}

#[derive(Deserialize)]
struct Machine {
    name: String,
    uuid: Option<String>,
    memory_mib: Option<u64>,
    #[serde(default)]
    virtual_machines: Vec<VirtualMachine>,
}

#[derive(Deserialize)]
struct VirtualMachine {
    uuid: String,
    name: String,
    status: String,
}

/// Pure: from the reply of the database to the model.
fn host(machine: Machine) -> Host {
    let id = machine.uuid.unwrap_or_else(|| machine.name.clone());
    let mut host = Host::new(id, machine.name);
    host.memory_bytes = machine.memory_mib.and_then(|mib| mib.checked_mul(1024 * 1024));
    host.guests = machine.virtual_machines.into_iter().map(guest).collect();
    host
}

fn guest(machine: VirtualMachine) -> Guest {
    let mut guest = Guest::new(machine.uuid, machine.name);
    guest.state = match machine.status.as_str() {
        "up" => Some(GuestState::Running),
        "down" => Some(GuestState::Stopped),
        _ => None,
    };
    guest.source_state = Some(machine.status);
    guest
}

#[cfg(test)]
mod tests {
    #[test]
    fn maps_a_machine_to_a_host_and_leaves_missing_values_unknown() {
        let reply = r#"[{"name": "kvm1", "uuid": "4c4c4544-0042-3510-8051-b4c04f4d3132",
            "virtual_machines": [{"uuid": "6f0c54c5", "name": "web", "status": "asleep"}]}]"#;
        let mut machines: Vec<super::Machine> =
            serde_json::from_str(reply).expect("the reply is valid");
        let host = super::host(machines.remove(0));
        assert_eq!(host.id, "4c4c4544-0042-3510-8051-b4c04f4d3132");
        assert_eq!(host.memory_bytes, None);
        assert_eq!(host.guests[0].state, None);
        assert_eq!(host.guests[0].source_state.as_deref(), Some("asleep"));
    }

    #[test]
    fn machines_implements_gatherer() {
        fn require<G: gatherer_plugin_api::Gatherer>() {}
        require::<super::Machines>();
    }
}
