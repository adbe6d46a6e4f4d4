//! A server that answers with the recorded answers of a real cloud of OpenStack.

use std::path::Path;

use gatherer_plugin_support::testing::{Action, TlsServer};
use serde_json::{Value, json};

use crate::text;

/// A recorded server that is on a hypervisor.
pub struct RecordedServer {
    pub uuid: String,
    pub name: String,
    pub hypervisor: String,
}

fn read(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The first server of the first page.
pub fn first_server(folder: &Path) -> RecordedServer {
    let page = read(folder, "servers-2.87-page1");
    let server = &page["servers"][0];
    let own = |name: &str| text(&server[name]).to_owned();
    RecordedServer {
        uuid: own("id"),
        name: own("name"),
        hypervisor: own("OS-EXT-SRV-ATTR:hypervisor_hostname"),
    }
}

/// Serves the answers.
pub fn serve(folder: &Path) -> TlsServer {
    let folder = folder.to_owned();
    TlsServer::start(move |request| {
        let answer = |name: &str| Action::json(200, &read(&folder, name));
        let is_next = request.query("marker").is_some();
        match request.path() {
            "/v3/auth/tokens" => {
                let host = request.header("host").expect("a host");
                let token = read(&folder, "token-admin").to_string();
                let token = token.replace("http://127.0.0.1:8774", &format!("https://{host}"));
                Action::answer(201, token).header("x-subject-token", "gAAAAABrecorded")
            }
            "/v2.1/" => answer("nova-version"),
            "/v2.1/servers/detail" => {
                let number = if is_next { 2 } else { 1 };
                let mut page = read(&folder, &format!("servers-2.87-page{number}"));
                // There are two pages.
                if is_next && let Some(page) = page.as_object_mut() {
                    page.remove("servers_links");
                }
                Action::json(200, &page)
            }
            "/v2.1/os-hypervisors/detail" => answer("hypervisors-2.87"),
            "/v2.1/os-services" => Action::json(200, &json!({"services": []})),
            "/v2.1/flavors/detail" => Action::json(200, &json!({"flavors": []})),
            _ => Action::json(200, &json!({"server": {"status": "ACTIVE"}})),
        }
    })
}

/// The endpoint of the cloud.
pub fn endpoint(id: &str, server: &TlsServer) -> Value {
    json!({
        "id": id, "module": "SUSECloud", "hostname": "127.0.0.1", "port": server.port(),
        "username": "admin", "password": "recorded", "protocol": "https", "tenant": "admin",
        "ca_file": server.ca_file(), "retries": 0,
    })
}
