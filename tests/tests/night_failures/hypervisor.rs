//! Failures at a libvirt daemon.

use gatherer_plugin_support::testing::FullPort;
use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions, Mechanism, USER};
use gatherer_tests::{PluginFolder, Run, skip};
use serde_json::{Value, json};

use super::{Failures, endpoint};

fn run(members: Value) -> Run {
    // The folder must exist until the run ends, so it is never removed by this process.
    let plugins = Box::leak(Box::new(PluginFolder::with(&["libvirt"])));
    Run::gather(&json!([endpoint("Libvirt", members)])).plugins(plugins.path())
}

#[test]
fn a_port_whose_packets_are_dropped_is_explained_with_a_firewall() {
    let full = FullPort::open();
    let uri = format!("qemu+tcp://{}/system", full.address());
    let mut failures = Failures::default();
    let run = || run(json!({"uri": uri, "timeout": 3, "retries": 0}));
    failures.add("packets dropped", run, &["no answer", "firewall"]);
    failures.check("libvirt_firewall");
}

#[test]
fn a_wrong_password_is_named_with_its_user_and_parameter() {
    let options = LibvirtdOptions { sasl: Some(Mechanism::ScramSha256), ..Default::default() };
    let daemon = match Libvirtd::start(&options) {
        Ok(daemon) => daemon,
        Err(reason) => skip!("{reason}"),
    };
    let uri = daemon.tls_uri("127.0.0.1", "pki");
    let folder = daemon.folder().display().to_string();
    let case = |password: &str| {
        let members = json!({"uri": uri, "sasl_username": USER, "sasl_password": password});
        let run = run(members);
        let config = format!("[policy]\ncredential_folders = [{folder:?}]\n");
        std::fs::write(run.home().join("config.toml"), config).expect("the file can be written");
        run.args(["--config", "config.toml"])
    };
    let probe = case("wrong").run();
    if probe.messages().contains("No worthy mechs") || probe.messages().contains("is not installed")
    {
        skip!("libvirt or its SASL mechanisms are not installed");
    }
    let mut failures = Failures::default();
    failures.add("wrong password", || case("hunter2"), &["sasl_password", USER]);
    let expected = failures.rows.clone();
    // Passwords that are words of the sentence leave no gap in it.
    for password in ["authentication", "failed", "password", "daemon", "qemu", "system", "check"] {
        let mut failures = Failures::default();
        failures.add("wrong password", || case(password), &["sasl_password", USER]);
        assert_eq!(failures.rows, expected, "{password}");
    }
    failures.rows = failures.rows.replace(&folder, "<folder>");
    failures.check("libvirt_password");
}
