//! Modules VMware, NutanixAHV, Proxmox and Xen in one run, as a Manager calls them, each with a simulator or a fake.

use base64::Engine as _;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::fakepve::{FAKEPVE_GUESTS, FAKEPVE_PASSWORD, FAKEPVE_USER, FakePve};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixInventory};
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use gatherer_tests::{Judge, Run, skip};
use serde_json::{Value, json};

#[test]
fn a_manager_gets_all_guests_of_four_data_centers_in_one_run() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let vcsim = match Vcsim::start(&VcsimOptions::default()) {
        Ok(vcsim) => vcsim,
        Err(reason) => skip!("{reason}"),
    };
    let proxmox = FakePve::start(&judge, false);
    let prism = NutanixFake::central_v4(NutanixInventory::sample(), 2);
    let (prism_user, prism_password) = (prism.username.clone(), prism.password.clone());
    let prism = TlsServer::start(move |request| prism.answer(request));
    let xapi = XapiFake::new(XapiInventory::sample());
    let xapi = TlsServer::start(move |request| xapi.answer(request));
    let endpoints = json!([
        vcsim.endpoint(),
        {"id": "prism", "module": "NutanixAHV", "hostname": "127.0.0.1", "port": prism.port().to_string(),
            "username": prism_user, "password": prism_password, "ca_file": prism.ca_file()},
        {"id": "pve", "module": "Proxmox", "host": "127.0.0.1", "port": proxmox.port().to_string(),
            "username": FAKEPVE_USER, "password": FAKEPVE_PASSWORD, "ca_file": proxmox.ca_file(),
            "api_token_id": null, "api_token_secret": "", "verify_ssl": null},
        {"id": "pool", "module": "Xen", "hostname": "127.0.0.1", "port": xapi.port().to_string(),
            "username": "inventory", "password": "pa55-of-xapi", "ca_file": xapi.ca_file()},
    ]);
    let outcome = Run::gather(&endpoints).run();
    let document = outcome.document();
    let guests = |id: &str| -> usize {
        let hosts = document[id].as_ref().unwrap_or_else(|| panic!("{id}: {}", outcome.log));
        hosts.values().map(|host| host.vms.len()).sum()
    };
    assert_eq!(guests("vcenter"), vcsim.guests());
    // Those of ESXi are listed too.
    assert_eq!(guests("prism"), NutanixInventory::sample().guests.len());
    assert_eq!(guests("pve"), FAKEPVE_GUESTS);
    assert_eq!(guests("pool"), XapiInventory::sample().guests().count());
    let types: Vec<&str> = ["vcenter", "prism", "pve", "pool"]
        .into_iter()
        .map(|id| {
            let hosts = document[id].as_ref().expect("complete");
            hosts.values().next().expect("a host").kind.as_str()
        })
        .collect();
    assert_eq!(types, ["vmware", "nutanix", "proxmox", "xen"]);
}

const CANARY: &str = "Canary-7f3a91";

/// Repeats everything that the client sent, and with it every credential: in the body, and in each place that a message
/// could quote.
fn echo(status: u16, content_type: &str, request: &ReceivedRequest) -> Action {
    let body = String::from_utf8_lossy(&request.body);
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let sent = format!("{CANARY} {} {} {body}", request.target, headers.join(" "));
    let json = json!({
        "error": {"code": sent, "message": sent, "data": [sent]}, "message": sent, "errors": {"password": sent},
        "data": sent, "result": sent, "state": sent, "message_list": [{"message": sent, "reason": sent}],
    });
    let body = match content_type {
        "application/json" => json.to_string(),
        "text/xml" => {
            let sent = sent.replace('&', "&amp;").replace('<', "&lt;");
            format!(
                "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"><soapenv:Body>\
                 <soapenv:Fault><faultcode>{sent}</faultcode><faultstring>{sent}</faultstring></soapenv:Fault>\
                 </soapenv:Body></soapenv:Envelope>"
            )
        }
        _ => sent,
    };
    Action::answer(status, body).header("content-type", content_type)
}

#[test]
fn no_credential_is_shown_if_a_server_repeats_all_of_them() {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("me:{CANARY}"));
    for status in [200, 400, 401, 403, 500] {
        for content_type in ["application/json", "text/xml", "text/plain"] {
            let server = TlsServer::start(move |request| echo(status, content_type, request));
            let endpoint = |id: &str, module: &str, more: Value| {
                let mut endpoint = json!({"id": id, "module": module, "port": server.port(),
                    "ca_file": server.ca_file(), "retries": 0});
                let members = endpoint.as_object_mut().expect("an object");
                members.extend(more.as_object().expect("an object").clone());
                endpoint
            };
            let mut endpoints = vec![
                endpoint(
                    "pve",
                    "Proxmox",
                    json!({"host": "127.0.0.1", "username": "me@pve", "password": CANARY}),
                ),
                endpoint(
                    "token",
                    "Proxmox",
                    json!({"host": "127.0.0.1", "api_token_id": "me@pve!t",
                    "api_token_secret": CANARY}),
                ),
            ];
            let user = json!({"hostname": "127.0.0.1", "username": "me", "password": CANARY});
            endpoints.push(endpoint("vcenter", "VMware", user.clone()));
            endpoints.push(endpoint("pool", "Xen", user.clone()));
            for api in ["auto", "v2", "v3", "v4"] {
                let mut prism = endpoint(&format!("prism {api}"), "NutanixAHV", user.clone());
                prism["api"] = api.into();
                endpoints.push(prism);
            }
            let url = server.url("");
            endpoints.push(endpoint(
                "shop",
                "Azure",
                json!({"subscription_id": "s", "application_id": "me", "tenant_id": "t", "secret_key": CANARY,
                    "authority_url": url, "endpoint_url": url, "port": null}),
            ));
            let outcome = Run::gather(&Value::Array(endpoints))
                .args(["-v", "-v", "--format", "inventory"])
                .run();
            let inventory = outcome.inventory();
            for endpoint in inventory["endpoints"].as_array().expect("a list") {
                assert_eq!(endpoint["status"], "failed", "{status} {content_type}: {endpoint:#}");
            }
            let stdout = String::from_utf8_lossy(&outcome.stdout);
            for (stream, text) in
                [("stdout", &*stdout), ("stderr", &outcome.stderr), ("log", &outcome.log)]
            {
                for part in ["Canary", "anary-", "7f3a91", &basic[..basic.len() - 4]] {
                    assert!(
                        !text.contains(part),
                        "{status} {content_type}: {stream} has a part of the password: {:?}",
                        text.lines().find(|line| line.contains(part))
                    );
                }
            }
        }
    }
}
