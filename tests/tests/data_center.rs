//! Modules VMware, NutanixAHV, Proxmox and Xen in one run, as a Manager calls them, each with a simulator or a fake.

use std::path::Path;

use base64::Engine as _;
use gatherer_plugin_support::testing::TlsServer;
use gatherer_tests::fakes::echo;
use gatherer_tests::fakes::fakepve::{FAKEPVE_GUESTS, FAKEPVE_PASSWORD, FAKEPVE_USER, FakePve};
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixInventory};
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use gatherer_tests::{Judge, Run, skip};
use rcgen::{CertificateParams, KeyPair};
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

/// An endpoint with these parameters.
fn endpoint(server: &TlsServer, id: &str, module: &str, parameters: &Value) -> Value {
    let mut endpoint =
        json!({"id": id, "module": module, "ca_file": server.ca_file(), "retries": 0});
    let members = endpoint.as_object_mut().expect("an object");
    members.extend(parameters.as_object().expect("an object").clone());
    endpoint
}

/// Endpoints of all modules that log in to the server with the canary.
fn endpoints_with_passwords(server: &TlsServer) -> Vec<Value> {
    let endpoint =
        |id: &str, module: &str, parameters: Value| endpoint(server, id, module, &parameters);
    let (host, port, url) = ("127.0.0.1", server.port(), server.url(""));
    let user = json!({"hostname": host, "port": port, "username": "me", "password": CANARY});
    let ticket = json!({"host": host, "port": port, "username": "me@pve", "password": CANARY});
    let token =
        json!({"host": host, "port": port, "api_token_id": "me@pve!t", "api_token_secret": CANARY});
    let auth_url = format!("{url}/v3");
    let project =
        json!({"auth_url": auth_url, "username": "me", "password": CANARY, "project": "p"});
    let credential = json!({
        "auth_url": auth_url, "application_credential_id": "me", "application_credential_secret": CANARY,
    });
    let keys = json!({
        "access_key_id": "ASIAEXAMPLE", "secret_access_key": CANARY, "session_token": CANARY,
        "region": "eu-central-1", "endpoint_url": url,
    });
    let application = json!({
        "subscription_id": "s", "application_id": "a", "tenant_id": "t", "secret_key": CANARY,
        "authority_url": url, "endpoint_url": url,
    });
    let mut broken_key = application.clone();
    broken_key["certificate"] = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n").into();
    let mut endpoints = vec![
        endpoint("pve", "Proxmox", ticket),
        endpoint("pve token", "Proxmox", token),
        endpoint("vcenter", "VMware", user.clone()),
        endpoint("pool", "Xen", user.clone()),
        endpoint("cloud", "SUSECloud", user.clone()),
        endpoint("openstack", "OpenStack", project),
        endpoint("openstack credential", "OpenStack", credential),
        endpoint("ec2", "AmazonEC2", keys),
        endpoint("azure with a broken key", "Azure", broken_key),
        endpoint("azure", "Azure", application),
    ];
    for api in ["auto", "v2", "v3", "v4"] {
        let mut prism = endpoint(&format!("prism {api}"), "NutanixAHV", user.clone());
        prism["api"] = api.into();
        endpoints.push(prism);
    }
    endpoints
}

/// Endpoints that log in to the server with tokens that a key signed.
fn endpoints_with_keys(server: &TlsServer, folder: &Path) -> Vec<Value> {
    let url = server.url("");
    let key = KeyPair::from_pem(GceFake::key_pkcs8()).expect("an RSA key");
    let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
    let azure = json!({
        "subscription_id": "s", "application_id": "a", "tenant_id": "t", "authority_url": url, "endpoint_url": url,
        "certificate": format!("{}{}", key.serialize_pem(), certificate.pem()),
    });
    let account = GceFake::new(GceInventory::sample());
    let gce = |path: &Path| {
        json!({
            "cert_path": path, "project_id": "p", "endpoint_url": url, "token_url": format!("{url}/token"),
            "service_account_email": account.email,
        })
    };
    let (json_file, pem_file) = (folder.join("key.json"), folder.join("key.pem"));
    std::fs::write(&json_file, account.key_file(&url).to_string()).expect("a file");
    std::fs::write(&pem_file, GceFake::key_pkcs1()).expect("a file");
    vec![
        endpoint(server, "azure certificate", "Azure", &azure),
        endpoint(server, "gce", "GoogleCE", &gce(&json_file)),
        endpoint(server, "gce pem", "GoogleCE", &gce(&pem_file)),
    ]
}

/// The signatures of the tokens with which clients proved that they have a key.
fn signatures(server: &TlsServer) -> Vec<String> {
    let received = server.received();
    let tokens = received.iter().filter_map(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let (_, assertion) = body.split_once("assertion=ey")?;
        let token = assertion.split('&').next()?;
        token.rsplit('.').next().map(str::to_owned)
    });
    tokens.collect()
}

const CONTENT_TYPES: [&str; 4] =
    ["application/json", "application/problem+json", "text/xml", "text/plain"];

#[test]
fn no_credential_is_shown_if_a_server_repeats_all_of_them() {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("me:{CANARY}"));
    let folder = tempfile::tempdir().expect("a folder");
    for status in [200, 400, 401, 403, 500] {
        for content_type in CONTENT_TYPES {
            let serve = |known: &'static str| {
                TlsServer::start(move |request| echo(known, status, content_type, request))
            };
            let (server, key_server) = (serve(CANARY), serve(""));
            let mut endpoints = endpoints_with_passwords(&server);
            endpoints.extend(endpoints_with_keys(&key_server, folder.path()));
            let outcome = Run::gather(&Value::Array(endpoints))
                .args(["-v", "-v", "--format", "inventory"])
                .run();
            let inventory = outcome.inventory();
            for endpoint in inventory["endpoints"].as_array().expect("a list") {
                assert_eq!(endpoint["status"], "failed", "{status} {content_type}: {endpoint:#}");
            }
            let signatures = signatures(&key_server);
            assert!(signatures.len() >= 3, "{} tokens: {inventory:#}", signatures.len());
            let mut parts = vec!["Canary", "anary-", "7f3a91", &basic[..basic.len() - 4]];
            // A line of each form of the key.
            let keys = [GceFake::key_pkcs8(), GceFake::key_pkcs1()];
            parts.extend(keys.map(|key| key.lines().nth(3).expect("a line")));
            parts.extend(signatures.iter().map(|signature| &signature[..20]));
            let stdout = String::from_utf8_lossy(&outcome.stdout);
            for (stream, text) in
                [("stdout", &*stdout), ("stderr", &outcome.stderr), ("log", &outcome.log)]
            {
                for part in &parts {
                    assert!(
                        !text.contains(part),
                        "{status} {content_type}: {stream} has a part of a credential: {:?}",
                        text.lines().find(|line| line.contains(part))
                    );
                }
            }
        }
    }
}
