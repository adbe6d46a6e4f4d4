//! Tests of the module against vcsim, with VMware's own client as the second reader.

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_vmware::VMware;
use gatherer_tests::servers::vcsim::{USER, Vcsim, VcsimOptions};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Value, json};

fn gather(vcsim: &Vcsim, password: &Value) -> Result<Gathered, GatherError> {
    let parameters = json!({
        "hostname": "127.0.0.1", "port": vcsim.port(), "username": USER, "password": password,
    });
    let options = Options { ca_file: Some(vcsim.ca_file()), ..Options::default() };
    Recorder::new().options(options).gather::<VMware>(parameters)
}

fn password(vcsim: &Vcsim) -> Value {
    vcsim.endpoint()["password"].clone()
}

/// Gathers from a simulator, and compares the guests with those that pyvmomi reads.
fn compare(options: &VcsimOptions) -> Option<Gathered> {
    let vcsim = match Vcsim::start(options) {
        Ok(vcsim) => vcsim,
        Err(reason) => {
            gatherer_tests::note_skipped(&reason);
            return None;
        }
    };
    let gathered = gather(&vcsim, &password(&vcsim)).expect("a complete answer");
    assert_eq!(gathered.hosts.len(), vcsim.hosts());
    let guests = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
    assert_eq!(guests.len(), vcsim.guests());
    match Judge::new() {
        Ok(judge) => {
            let arguments = vcsim.judge_arguments();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            assert_eq!(guests, judge.read("vmware.py", &arguments));
        }
        Err(reason) => gatherer_tests::note_skipped(&reason),
    }
    Some(gathered)
}

#[test]
fn reads_the_same_guests_of_a_vcenter_as_pyvmomi() {
    compare(&VcsimOptions::default());
}

#[test]
fn reads_the_same_guests_of_an_esxi_host_as_pyvmomi() {
    compare(&VcsimOptions { is_esxi: true, ..VcsimOptions::default() });
}

#[test]
fn a_wrong_password_is_an_authentication_error() {
    let vcsim = match Vcsim::start(&VcsimOptions::default()) {
        Ok(vcsim) => vcsim,
        Err(reason) => skip!("{reason}"),
    };
    let error = gather(&vcsim, &json!("wrong")).expect_err("a wrong password");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
}
