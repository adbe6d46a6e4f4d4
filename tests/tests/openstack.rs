//! Modules SUSECloud and OpenStack in the program, as a Manager calls it, with a fake of OpenStack.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory};
use gatherer_tests::{PluginFolder, Run, assert_no_guest_is_lost};
use serde_json::{Value, json};

const PASSWORD: &str = "pa55-of-keystone";
const TOKEN: &str = "gAAAAABcanary-of-keystone";

fn serve_fake(inventory: OpenstackInventory) -> TlsServer {
    let fake = Arc::new(OpenstackFake::new(inventory));
    TlsServer::start(move |request| fake.answer(request))
}

/// The sample without the servers that are on no host, which a Manager does not get.
fn placed_sample() -> OpenstackInventory {
    let mut inventory = OpenstackInventory::sample();
    inventory.servers.retain(|server| server.host.is_some());
    inventory
}

/// An endpoint whose values are texts, as a Manager sends them.
fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "cloud1", "module": "SUSECloud", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": "admin", "password": PASSWORD,
        "protocol": "https", "tenant": "admin", "ca_file": server.ca_file(), "retries": "0",
    })
}

/// The same cloud as an endpoint of module OpenStack.
fn open_stack_endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "cloud2", "module": "OpenStack", "username": "admin", "password": PASSWORD,
        "auth_url": format!("https://127.0.0.1:{}/v3", server.port()), "project": "admin",
        "ca_file": server.ca_file(), "retries": "0",
    })
}

#[test]
fn a_manager_gets_hypervisors_with_their_servers_and_no_others() {
    let server = serve_fake(OpenstackInventory::sample());
    let plugins = PluginFolder::with(&["openstack"]);
    let endpoints = json!([endpoint(&server)]);
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).run();
    let document = outcome.document();
    let hosts = document["cloud1"].as_ref().expect("the endpoint is complete");
    assert_eq!(hosts.len(), 4);
    assert_eq!(hosts.values().map(|host| host.vms.len()).sum::<usize>(), 8);
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    insta::assert_json_snapshot!(printed["cloud1"]);

    let inventory = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    let detached = &inventory.endpoint("cloud1")["detachedGuests"];
    assert_eq!(detached.as_array().map(Vec::len), Some(3));
}

#[test]
fn no_server_on_a_hypervisor_is_lost_on_the_way_to_a_manager() {
    for (inventory, guests) in [(placed_sample(), 8), (OpenstackInventory::of_size(70), 70)] {
        let server = serve_fake(inventory);
        assert_no_guest_is_lost(endpoint(&server), guests);
        assert_no_guest_is_lost(open_stack_endpoint(&server), guests);
    }
}

#[test]
fn no_server_of_a_project_is_lost_on_the_way_to_a_manager() {
    let server = serve_fake(OpenstackInventory::sample());
    let mut endpoint = open_stack_endpoint(&server);
    endpoint["username"] = json!("reader");
    endpoint["project"] = json!("shop");
    endpoint["tenant_only"] = json!("true");
    assert_no_guest_is_lost(endpoint, 7);
}

#[test]
fn both_modules_print_the_same_hosts() {
    let server = serve_fake(OpenstackInventory::sample());
    let endpoints = json!([endpoint(&server), open_stack_endpoint(&server)]);
    let outcome = Run::gather(&endpoints).run();
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    assert!(printed["cloud1"].is_object());
    assert_eq!(printed["cloud1"], printed["cloud2"]);
}

/// A cloud that repeats these secrets wherever it can. It is complete if the hypervisor's name is no secret.
fn repeats(secrets: &str, host: &str, request: &ReceivedRequest) -> Action {
    let port = request.header("host").expect("a host");
    let url = format!("https://{port}/compute/v2.1");
    let endpoint =
        json!({"interface": "public", "region": secrets, "region_id": secrets, "url": url});
    let server = |id: &str| {
        json!({
            "id": id, "name": secrets, "status": secrets, "tenant_id": secrets, "tags": [secrets],
            "metadata": {secrets: secrets}, "addresses": {secrets: [{"addr": secrets}]},
            "OS-EXT-SRV-ATTR:hypervisor_hostname": host, "OS-EXT-SRV-ATTR:hostname": secrets,
        })
    };
    let id = if host == secrets { json!(null) } else { json!(secrets) };
    match request.path() {
        "/v3/auth/tokens" => {
            let catalog = json!([{"type": "compute", "endpoints": [endpoint]}]);
            let token = json!({"token": {"catalog": catalog, "project": {"name": secrets}}});
            Action::json(201, &token).header("x-subject-token", TOKEN)
        }
        "/compute/v2.1/" => Action::json(
            200,
            &json!({"version": {"id": "v2.1", "version": "2.93", "min_version": "2.1"}}),
        ),
        "/compute/v2.1/servers/detail" => Action::json(200, &json!({"servers": [server(secrets)]})),
        "/compute/v2.1/os-services" => {
            let service = json!({"binary": "nova-compute", "host": secrets, "status": secrets, "zone": secrets});
            Action::json(200, &json!({"services": [service]}))
        }
        "/compute/v2.1/os-hypervisors/detail" if id.is_null() => {
            let message = format!("{secrets} is not known");
            Action::json(409, &json!({"conflict": {"code": 409, "message": message}}))
        }
        "/compute/v2.1/os-hypervisors/detail" => Action::json(
            200,
            &json!({"hypervisors": [{
                "id": id, "hypervisor_hostname": host, "hypervisor_type": secrets, "host_ip": secrets,
                "service": {"host": host}, "cpu_info": {"model": secrets, "vendor": secrets},
                "state": "up", "status": secrets,
            }]}),
        ),
        _ => Action::answer(404, secrets),
    }
}

#[test]
fn secrets_that_a_cloud_repeats_are_not_logged() {
    let secrets = format!("{PASSWORD} {TOKEN}");
    for host in ["compute1", &secrets] {
        let (repeated, name) = (secrets.clone(), host.to_owned());
        let server = TlsServer::start(move |request| repeats(&repeated, &name, request));
        for format in ["gatherer", "inventory", "table"] {
            let outcome = Run::gather(&json!([endpoint(&server)]))
                .args(["-v", "-v", "--format", format])
                .run()
                .expect_code(0);
            for text in [&outcome.stderr, &outcome.log] {
                assert!(!text.contains(PASSWORD) && !text.contains(TOKEN), "{format}: {text}");
            }
            if format != "inventory" {
                continue;
            }
            if host == "compute1" {
                assert_eq!(outcome.endpoint("cloud1")["status"], "complete");
            } else {
                let failure = outcome.failure("cloud1");
                assert!(failure.message.contains("***"), "{}", failure.message);
            }
        }
    }
}

/// The document has the password in a place of its own, and the runner logs the parameters of an endpoint.
#[test]
fn the_password_of_a_clouds_yaml_is_not_logged() {
    let server = serve_fake(OpenstackInventory::sample());
    let document = format!(
        "clouds:\n  lab:\n    auth:\n      auth_url: https://127.0.0.1:{}/v3\n      username: admin\n      \
         password: {PASSWORD}\n      project_name: admin\n",
        server.port()
    );
    for username in ["admin", "another"] {
        let endpoint = json!({
            "id": "cloud3", "module": "OpenStack", "clouds_yaml": document, "username": username,
            "ca_file": server.ca_file(), "retries": "0",
        });
        let outcome = Run::gather(&json!([endpoint])).args(["-v", "-v"]).run().expect_code(0);
        assert_eq!(outcome.document()["cloud3"].is_some(), username == "admin");
        for text in [&outcome.stderr, &outcome.log] {
            assert!(!text.contains(PASSWORD) && !text.contains("gAAAAAB"), "{text}");
        }
    }
}

#[test]
fn a_refused_login_fails_only_its_endpoint() {
    let server = serve_fake(OpenstackInventory::sample());
    let mut wrong = endpoint(&server);
    wrong["id"] = json!("wrong");
    wrong["password"] = json!("another-password");
    let endpoints = json!([endpoint(&server), wrong]);
    let document = Run::gather(&endpoints).run().document();
    assert!(document["cloud1"].is_some());
    assert!(document["wrong"].is_none());
    let outcome = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("wrong").kind, "authentication");
}

#[test]
fn odd_servers_reach_a_manager_in_any_order() {
    let printed = [false, true].map(|is_reversed| {
        let fake = OpenstackFake::new(placed_sample());
        let server = TlsServer::start(move |request| {
            let mut answer = fake.answer(request);
            let Action::Answer { body, .. } = &mut answer else { return answer };
            let Ok(mut reply) = serde_json::from_slice::<Value>(body) else { return answer };
            for list in ["servers", "hypervisors"] {
                let Some(items) = reply[list].as_array_mut() else { continue };
                let names =
                    ["", "same", "same", "a\nb\u{7}", "\u{1f600}\u{202e}"].map(str::to_owned);
                let mut names =
                    names.into_iter().chain(std::iter::repeat_with(|| "x".repeat(10_000)));
                for item in items.iter_mut() {
                    if list == "servers" {
                        item["name"] = json!(names.next());
                    }
                    if item["vcpus"].is_number() {
                        item["memory_mb"] = json!(u64::MAX);
                        item["vcpus"] = json!(u32::MAX);
                    }
                }
                if is_reversed {
                    items.reverse();
                }
            }
            *body = reply.to_string().into_bytes();
            answer
        });
        assert_no_guest_is_lost(endpoint(&server), 8);
        String::from_utf8(Run::gather(&json!([endpoint(&server)])).run().stdout).expect("ASCII")
    });
    assert_eq!(printed[0], printed[1]);
}
