//! Module AmazonEC2 in the program, as a Manager calls it, with a fake of EC2.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer, TlsServer};
use gatherer_tests::fakes::ec2::{Ec2Fake, Ec2Fault, Ec2Inventory, ImdsFake, ROLE_ARN};
use gatherer_tests::{Outcome, PluginFolder, Run, assert_no_guest_is_lost};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A served fake.
struct Cloud {
    fake: Arc<Ec2Fake>,
    server: TlsServer,
}

impl Cloud {
    fn start(fake: Ec2Fake) -> Self {
        let fake = Arc::new(fake);
        let shared = Arc::clone(&fake);
        Self { fake, server: TlsServer::start(move |request| shared.answer(request)) }
    }

    fn sample() -> Self {
        Self::start(Ec2Fake::new(Ec2Inventory::sample()))
    }

    /// An endpoint whose values are texts, as a Manager sends them.
    fn endpoint(&self, zone: &str) -> Value {
        let key = self.fake.key();
        let mut endpoint = self.endpoint_without_key(zone);
        endpoint["access_key_id"] = json!(key.id);
        endpoint["secret_access_key"] = json!(key.secret);
        endpoint
    }

    fn endpoint_without_key(&self, zone: &str) -> Value {
        let url = format!("https://127.0.0.1:{}", self.server.port());
        json!({
            "id": "cloud", "module": "AmazonEC2", "region": "eu-central-1", "zone": zone,
            "access_key_id": "", "secret_access_key": null, "endpoint_url": url,
            "ca_file": self.server.ca_file(), "retries": "0",
        })
    }
}

fn gather(endpoint: &Value) -> Outcome {
    let plugins = PluginFolder::with(&["ec2"]);
    Run::gather(&json!([endpoint])).plugins(plugins.path()).run()
}

#[test]
fn a_manager_gets_the_instances_of_a_zone_on_the_host_that_it_knows() {
    let cloud = Cloud::sample();
    let outcome = gather(&cloud.endpoint("eu-central-1a"));
    let document = outcome.document();
    let hosts = document["cloud"].as_ref().expect("the endpoint is complete");
    assert_eq!(hosts.keys().collect::<Vec<_>>(), ["cloud"]);
    assert_eq!(hosts["cloud"].host_identifier, "cloud");
    assert_eq!(hosts["cloud"].vms.len(), 13, "also those on a dedicated host");
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    insta::assert_json_snapshot!(printed["cloud"]);
}

#[test]
fn no_instance_is_lost_on_the_way_to_a_manager() {
    assert_no_guest_is_lost(Cloud::sample().endpoint(""), 17);
    assert_no_guest_is_lost(Cloud::sample().endpoint("eu-central-1b"), 3);
    let mut with_hosts = Cloud::sample();
    let mut endpoint = with_hosts.endpoint("");
    endpoint["dedicated_hosts"] = json!("true");
    assert_no_guest_is_lost(endpoint, 17);
    with_hosts = Cloud::start(Ec2Fake::new(Ec2Inventory::of_size(100)));
    assert_no_guest_is_lost(with_hosts.endpoint(""), 100);
}

#[test]
fn a_manager_gets_dedicated_hosts_with_their_sockets_if_the_endpoint_wants_them() {
    let cloud = Cloud::sample();
    let mut endpoint = cloud.endpoint("eu-central-1a");
    endpoint["dedicated_hosts"] = json!(true);
    let outcome = gather(&endpoint);
    let document = outcome.document();
    let hosts = document["cloud"].as_ref().expect("complete");
    assert_eq!(hosts.keys().collect::<Vec<_>>(), ["cloud", "licences & keys"]);
    assert_eq!((hosts["cloud"].vms.len(), hosts["licences & keys"].vms.len()), (11, 2));
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let host = &printed["cloud"]["licences & keys"];
    assert_eq!(host["totalCpuSockets"], 2);
    assert_eq!(host["totalCpuCores"], 48);
    assert_eq!(
        (&host["type"], &host["os"], &host["osVersion"]),
        (&json!("aws"), &json!("Amazon AWS"), &json!("EC2"))
    );
}

/// The operator's file with the permission to use the identity of the machine.
fn allowing_config(run: &Run) -> std::path::PathBuf {
    let path = run.home().join("config.toml");
    std::fs::write(&path, "[policy]\nallow_machine_identity = true\n").expect("writable");
    gatherer_tests::plugins::set_mode(&path, 0o644);
    path
}

#[test]
fn the_identity_of_the_machine_is_used_only_with_the_operators_permission() {
    let cloud = Cloud::sample();
    let key = cloud.fake.issue_key(SignedDuration::from_hours(1));
    let metadata = ImdsFake::new(vec![key.clone()]);
    let metadata = ScriptedServer::http(move |request| metadata.answer(request));
    let plugins = PluginFolder::with(&["ec2"]);
    let endpoint = cloud.endpoint_without_key("");
    let run = || {
        Run::gather(&json!([endpoint]))
            .plugins(plugins.path())
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url("/"))
            .args(["-vv", "--format", "inventory"])
    };
    let outcome = run().run();
    assert_eq!(outcome.failure("cloud").kind, "configuration");
    assert!(metadata.received().is_empty() && cloud.server.received().is_empty());

    let run = run();
    let config = allowing_config(&run);
    let outcome = run.arg("--config").arg(config).run();
    assert_eq!(outcome.endpoint("cloud")["status"], "complete", "{}", outcome.describe());
    let shown = outcome.describe() + &outcome.log;
    for secret in [&key.secret, key.token.as_ref().expect("temporary")] {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
}

#[test]
fn a_profile_and_a_web_identity_are_used_with_the_operators_permission() {
    let cloud = Cloud::sample();
    let plugins = PluginFolder::with(&["ec2"]);
    let url = format!("https://127.0.0.1:{}", cloud.server.port());
    let key = cloud.fake.key();
    let role = json!({"role_arn": ROLE_ARN, "sts_endpoint_url": url});
    for (members, is_role) in [(json!({"profile": "cloud"}), false), (role, true)] {
        let mut endpoint = cloud.endpoint_without_key("");
        let run = Run::new();
        let token = run.home().join("token");
        std::fs::write(&token, &cloud.fake.web_identity_token).expect("writable");
        let file = run.home().join("credentials");
        let text = format!(
            "[cloud]\naws_access_key_id={}\naws_secret_access_key={}\n",
            key.id, key.secret
        );
        std::fs::write(&file, text).expect("writable");
        endpoint
            .as_object_mut()
            .expect("an object")
            .extend(members.as_object().expect("an object").clone());
        if is_role {
            endpoint["web_identity_token_file"] = json!(token);
        }
        let config = allowing_config(&run);
        let outcome = run
            .plugins(plugins.path())
            .args(["-i", "-", "-vv", "--format", "inventory", "--config"])
            .arg(config)
            .env("AWS_SHARED_CREDENTIALS_FILE", &file)
            .stdin(json!([endpoint]).to_string())
            .run();
        assert_eq!(outcome.endpoint("cloud")["status"], "complete", "{}", outcome.describe());
        let shown = outcome.describe() + &outcome.log;
        for secret in [&key.secret, &cloud.fake.web_identity_token] {
            assert!(!shown.contains(secret.as_str()), "{shown}");
        }
    }
}

/// Repeats everything that the client sent, as an error of EC2 or as a list.
fn echo(status: u16, request: &ReceivedRequest, secrets: &str) -> Action {
    let body = String::from_utf8_lossy(&request.body);
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let sent = format!("{secrets} {body} {}", headers.join(" ")).replace(['&', '<'], " ");
    let body = if status == 200 {
        format!(
            "<DescribeInstancesResponse><reservationSet><{sent}/></reservationSet></DescribeInstancesResponse>"
        )
    } else {
        format!(
            "<Response><Errors><Error><Code>{sent}</Code><Message>{sent}</Message></Error></Errors></Response>"
        )
    };
    Action::answer(status, body)
}

#[test]
fn no_credential_is_shown_if_the_service_repeats_all_of_them() {
    let (secret, token) = ("Canary-7f3a91-of-a-key", "Canary-52bd10-of-a-session");
    let plugins = PluginFolder::with(&["ec2"]);
    for status in [200, 400, 401, 403, 503] {
        let server =
            TlsServer::start(move |request| echo(status, request, &format!("{secret} {token}")));
        let endpoint = json!({
            "id": "cloud", "module": "AmazonEC2", "region": "eu-central-1", "access_key_id": "ASIAEXAMPLE",
            "secret_access_key": secret, "session_token": token, "retries": 0,
            "endpoint_url": format!("https://127.0.0.1:{}", server.port()), "ca_file": server.ca_file(),
        });
        let run = Run::gather(&json!([endpoint])).plugins(plugins.path());
        let outcome = run.args(["-v", "-v", "--format", "inventory"]).run();
        assert_eq!(outcome.endpoint("cloud")["status"], "failed");
        let signature = server.received()[0].header("authorization").expect("signed").to_owned();
        let (_, signature) = signature.split_once("Signature=").expect("a signature");
        let shown = outcome.describe() + &outcome.log;
        for part in ["Canary", "7f3a91", "52bd10", signature] {
            assert!(!shown.contains(part), "{status}: {part}: {shown}");
        }
    }
}

#[test]
fn a_refused_key_fails_only_its_endpoint() {
    let cloud = Cloud::sample();
    let mut wrong = cloud.endpoint("");
    wrong["id"] = json!("wrong");
    wrong["secret_access_key"] = json!("another/secret");
    let plugins = PluginFolder::with(&["ec2"]);
    let endpoints = json!([cloud.endpoint(""), wrong]);
    let document = Run::gather(&endpoints).plugins(plugins.path()).run().document();
    assert!(document["cloud"].is_some() && document["wrong"].is_none());
    let denied = Cloud::start(
        Ec2Fake::new(Ec2Inventory::sample()).with(Ec2Fault::Denied("DescribeInstances")),
    );
    let run = Run::gather(&json!([denied.endpoint("")])).plugins(plugins.path());
    let outcome = run.args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("cloud").kind, "permission");
}

#[test]
fn plugin_verify_gathers_from_a_region_twice_and_cancels_it() {
    let cloud = Cloud::sample();
    let library = gatherer_tests::plugins::library("ec2");
    let run = Run::new().args(["plugin", "verify"]).arg(library).args(["--request", "ec2.json"]);
    let request = json!([cloud.endpoint("")]).to_string();
    std::fs::write(run.home().join("ec2.json"), request).expect("writable");
    let outcome = run.run().expect_code(0);
    let text = outcome.stdout_text();
    assert!(text.contains("\nok       AmazonEC2 cloud: gathers the same answer again\n"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("skipped")), "{text}");
}
