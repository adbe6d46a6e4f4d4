//! Faults after the list was read: the "second page" is the configuration of a guest.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_proxmox::Proxmox;
use gatherer_plugin_support::testing::{Action, FaultyServer, PageFaults};
use gatherer_tests::JudgedGuest;
use gatherer_tests::fakes::proxmox::{FakeProxmox, Release, refusal};
use serde_json::json;

use super::{Served, parameters};

fn gather(server: &FaultyServer) -> Result<Vec<JudgedGuest>, gatherer_plugin_api::GatherError> {
    let mut parameters = parameters(server.address.port());
    if server.wrong_password {
        parameters["password"] = json!("wrong");
    }
    let recorder = Recorder::new().options(server.options.clone());
    let gathered = recorder.gather::<Proxmox>(parameters).map_err(|mut error| {
        // Several requests are under way when the service dies, and any of them may be the first to fail.
        if error.kind == ErrorKind::Connection && error.message.contains("reset by peer") {
            error.message = "any request: no connection".into();
        }
        error
    })?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &[]))
}

#[test]
fn each_fault_between_the_list_and_the_configurations_has_its_result() {
    let service = || {
        let fake = FakeProxmox::cluster(Release::Nine);
        let script: gatherer_plugin_support::testing::Script =
            Box::new(move |request| fake.answer(request));
        script
    };
    let report = PageFaults::new(service, |request| request.path().ends_with("/qemu/101/config"))
        .permission_denied(refusal(403, "Permission check failed (/vms/101, VM.Audit)"))
        .session_expired(refusal(401, "permission denied - invalid PVE ticket"), |request| {
            request.path() == "/api2/json/access/ticket"
        })
        .check(gather);
    insta::assert_snapshot!(report);
}

/// Answers one path with this, and the others correctly.
fn with_answer(
    path: &'static str,
    answer: Action,
) -> Result<usize, gatherer_plugin_api::GatherError> {
    let fake = FakeProxmox::cluster(Release::Nine);
    let served =
        Served::script(
            move |request| {
                if request.path() == path { answer.clone() } else { fake.answer(request) }
            },
        );
    served.gather().map(|gathered| super::guests(&gathered))
}

const PATHS: [&str; 8] = [
    "/api2/json/access/permissions",
    "/api2/json/access/acl",
    "/api2/json/version",
    "/api2/json/cluster/status",
    "/api2/json/cluster/resources",
    "/api2/json/nodes",
    "/api2/json/nodes/pve-a/status",
    "/api2/json/nodes/pve-a/qemu/100/config",
];

#[test]
fn an_answer_without_its_data_is_an_error_and_never_an_empty_list() {
    for path in PATHS {
        for body in
            ["{}", r#"{"data":null}"#, r#"{"errors":{}}"#, "[]", "null", "", r#"{"data":"x"}"#]
        {
            let error = with_answer(path, Action::answer(200, body)).expect_err(path);
            assert_eq!(error.kind, ErrorKind::Protocol, "{path}: {body}: {error}");
        }
    }
}

#[test]
fn hostile_answers_are_errors() {
    let nested = format!("{{\"data\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let twice = r#"{"data":{},"data":{}}"#;
    for path in PATHS {
        for answer in [
            Action::answer(200, nested.clone()),
            Action::answer(200, twice),
            Action::answer(200, b"\xff\xfe".to_vec()),
            Action::gzip_bomb(),
            Action::answer(204, ""),
            Action::redirect("http://127.0.0.1:1/"),
        ] {
            let error = with_answer(path, answer).expect_err(path);
            assert_eq!(error.kind, ErrorKind::Protocol, "{path}: {error}");
        }
    }
}

#[test]
fn wrong_types_of_details_leave_them_unknown() {
    let odd = json!({"data": [
        {"type": "qemu", "vmid": 100, "node": "pve-a", "name": {"a": 1}, "status": [], "template": {},
            "maxcpu": "many", "maxmem": -1, "uptime": null, "tags": 7, "pool": [], "lock": {}},
    ]});
    let fake = FakeProxmox::cluster(Release::Nine);
    let served = Served::script(move |request| match request.path() {
        "/api2/json/cluster/resources" => Action::json(200, &odd),
        path if path.ends_with("/config") => Action::json(
            200,
            &json!({"data": {"name": [], "smbios1": {}, "vmgenid": 0, "memory": {}, "cores": "x",
                "net0": [1], "scsi0": null, "ostype": false}}),
        ),
        path if path.ends_with("/status") && path.contains("/nodes/") => Action::json(
            200,
            &json!({"data": {"cpuinfo": "x", "memory": [], "pveversion": 9, "current-kernel": 1, "kversion": {}}}),
        ),
        _ => fake.answer(request),
    });
    let gathered = served.gather().expect("complete");
    let (guest, _) = super::guest(&gathered, 100);
    assert_eq!((guest.name.as_str(), guest.id.as_deref()), ("VM 100", Some("lab/100")));
    assert_eq!((guest.cpus, guest.memory_bytes, guest.template), (None, None, false));
    assert_eq!(guest.labels.keys().collect::<Vec<_>>(), ["7"]);
}

#[test]
fn statuses_of_the_api_have_their_kinds() {
    let mut messages = Vec::new();
    for (path, status, kind) in [
        ("/api2/json/access/permissions", 501, ErrorKind::Unsupported),
        ("/api2/json/nodes/pve-a/status", 500, ErrorKind::Unavailable),
        ("/api2/json/nodes/pve-a/status", 596, ErrorKind::Unavailable),
        ("/api2/json/nodes/pve-a/qemu/100/config", 599, ErrorKind::Unavailable),
        ("/api2/json/cluster/resources", 595, ErrorKind::Unavailable),
        ("/api2/json/cluster/status", 403, ErrorKind::Permission),
    ] {
        let error = with_answer(path, refusal(status, "as the test wants")).expect_err(path);
        assert_eq!(error.kind, kind, "{path}: {status}: {error}");
        let (_, message) = error.message.split_once("/api2").expect("a path");
        messages.push(format!("{message} ({})", error.hint.unwrap_or_default()));
    }
    insta::assert_snapshot!(messages.join("\n"));
}
