//! Recorded answers of a real cloud of the release Zed, which are not part of the repository.

use std::path::Path;

use gatherer_plugin_api::testing::Gathered;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::file;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::skip;
use serde_json::{Value, json};

use super::{Served, guests, sample};

/// The recorded answers of a cloud: names of files, without `.json`.
#[derive(Clone, Copy)]
struct Recording {
    newest: &'static str,
    token: (u16, &'static str),
    first_page: (u16, &'static str),
    hypervisors: (u16, &'static str),
    services: Option<&'static str>,
}

/// Everything that was recorded with microversion 2.87.
const ZED: Recording = Recording {
    newest: "2.93",
    token: (201, "token-admin"),
    first_page: (200, "servers-2.87-page1"),
    hypervisors: (200, "hypervisors-2.87"),
    services: None,
};

fn read(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    let bytes = file::read(&path, 1024 * 1024).expect("the answer was recorded");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn gather(folder: &Path, recording: Recording) -> Result<Gathered, GatherError> {
    let folder = folder.to_owned();
    let served = Served::script(sample(), move |_, request| {
        let answer = |(status, name): (u16, &str)| Action::json(status, &read(&folder, name));
        let is_next = request.query("marker").is_some();
        match request.path() {
            "/v3/auth/tokens" => {
                let (status, name) = recording.token;
                let host = request.header("host").expect("a host");
                let text = read(&folder, name).to_string();
                let text = text.replace("http://127.0.0.1:8774", &format!("https://{host}"));
                Action::answer(status, text).header("x-subject-token", "gAAAAABrecorded")
            }
            "/v2.1/" => {
                let mut version = read(&folder, "nova-version");
                version["version"]["version"] = json!(recording.newest);
                Action::json(200, &version)
            }
            // Two pages were recorded of the newest version, and one of the others.
            "/v2.1/servers/detail" if is_next || !recording.first_page.1.contains("2.87") => {
                let (status, name) = recording.first_page;
                let name = if is_next { "servers-2.87-page2" } else { name };
                let mut page = read(&folder, name);
                if let Some(page) = page.as_object_mut() {
                    page.remove("servers_links");
                }
                Action::json(status, &page)
            }
            "/v2.1/servers/detail" => answer(recording.first_page),
            "/v2.1/os-hypervisors/detail" => answer(recording.hypervisors),
            "/v2.1/os-services" => match recording.services {
                Some(name) => answer((200, name)),
                None => Action::json(200, &json!({"services": []})),
            },
            "/v2.1/flavors/detail" => Action::json(200, &json!({"flavors": []})),
            path if path.starts_with("/v2.1/servers/") => {
                Action::json(200, &json!({"server": {"status": "ACTIVE"}}))
            }
            _ => answer((406, "microversion-406")),
        }
    });
    served.without_retries().suse_cloud()
}

#[test]
fn reads_the_recorded_cloud_with_every_version() {
    let Some(folder) = gatherer_tests::recorded("openstack") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for (newest, first_page, hypervisors, number) in [
        ("2.93", "servers-2.87-page1", "hypervisors-2.87", 20),
        ("2.87", "servers-2.87-page1", "hypervisors-2.53", 20),
        ("2.68", "servers-2.53-page1", "hypervisors-2.53", 10),
        ("2.1", "servers-2.1-page1", "hypervisors-2.1", 10),
    ] {
        let recording = Recording {
            newest,
            first_page: (200, first_page),
            hypervisors: (200, hypervisors),
            ..ZED
        };
        let gathered = gather(&folder, recording).expect("a complete answer");
        assert_eq!((gathered.hosts.len(), guests(&gathered).len()), (3, number), "{newest}");
        assert_eq!(gathered.detached_guests, [], "{newest}");
        for host in &gathered.hosts {
            let cpu = &host.cpu;
            assert_eq!([cpu.sockets, cpu.cores, cpu.threads], [Some(4); 3], "{newest}");
            assert_eq!(host.memory_bytes, Some(800_000 * 1024 * 1024), "{newest}");
        }
        let sized = guests(&gathered).into_iter().filter(|(_, guest)| guest.cpus.is_some()).count();
        assert_eq!(sized, if newest == "2.1" { 0 } else { number }, "{newest}");
    }
}

#[test]
fn the_recorded_pages_lack_servers_that_the_hypervisors_have() {
    let Some(folder) = gatherer_tests::recorded("openstack") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let hypervisors = (200, "hypervisors-2.53-with-servers");
    let error =
        gather(&folder, Recording { hypervisors, ..ZED }).expect_err("4 servers are missing");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("up to 3 servers more"), "{error}");
}

#[test]
fn recorded_refusals_have_the_right_kind() {
    let Some(folder) = gatherer_tests::recorded("openstack") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let forbidden = ErrorKind::Permission;
    for (recording, kind, part) in [
        (Recording { token: (401, "token-401"), ..ZED }, ErrorKind::Authentication, "user admin"),
        (
            Recording { first_page: (403, "servers-reader"), ..ZED },
            forbidden,
            "os_compute_api:servers:detail:get_all_tenants",
        ),
        (
            Recording { hypervisors: (403, "hypervisors-403"), ..ZED },
            forbidden,
            "os_compute_api:os-hypervisors:list-detail",
        ),
        (
            Recording { hypervisors: (406, "microversion-406"), ..ZED },
            ErrorKind::Configuration,
            "maximum is 2.93",
        ),
    ] {
        let error = gather(&folder, recording).expect_err(part);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(part), "{error}");
    }
}

/// Nova's own samples.
#[test]
fn a_published_cell_that_is_down_fails_the_endpoint() {
    let Some(folder) = gatherer_tests::recorded("openstack") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for recording in [
        Recording { first_page: (200, "down-cell-servers-detail"), ..ZED },
        Recording { first_page: (200, "nova-sample-servers-v2.69-servers-details-resp"), ..ZED },
        Recording { services: Some("down-cell-services"), ..ZED },
    ] {
        let error = gather(&folder, recording).expect_err("a cell is down");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        if recording.services.is_some() {
            assert!(error.message.contains("host1, host2"), "{error}");
        } else {
            assert!(error.message.contains("1 server"), "{error}");
        }
    }
    // The samples of later versions are those of a user who may not see hosts.
    for sample in ["v2.96", "v2.100"] {
        let first_page = match sample {
            "v2.96" => "nova-sample-servers-v2.96-servers-details-resp",
            _ => "nova-sample-servers-v2.100-servers-details-resp",
        };
        let error = gather(&folder, Recording { first_page: (200, first_page), ..ZED });
        assert_eq!(error.expect_err(sample).kind, ErrorKind::Permission);
    }
}
