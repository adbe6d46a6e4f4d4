//! The fake of OpenStack: the project's own client reads its whole inventory, and it refuses what keystone and nova
//! refuse.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::openstack::{
    OpenstackFake, OpenstackFault as Fault, OpenstackInventory, OpenstackServer,
};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Value, json};

/// The servers that a list of all projects has, sorted.
fn judged(inventory: &OpenstackInventory) -> Vec<JudgedGuest> {
    let judged = |server: &OpenstackServer| JudgedGuest {
        name: server.name.clone(),
        id: Some(server.id.clone()),
        host: server.host.as_ref().map(|place| place.hypervisor.clone()),
        state: Some(server.status.clone()),
        cpus: Some(server.flavor.vcpus),
        memory_bytes: Some(server.flavor.ram_mb << 20),
    };
    let mut all: Vec<_> = inventory.listed_servers().map(judged).collect();
    all.sort();
    all
}

/// What the client sends as its login: an administrator's password, or an application credential.
const PASSWORD: [&str; 5] = ["admin", "Default", "pa55-of-keystone", "admin", "Default"];
const OPERATOR: [&str; 5] = ["operator", "operations", "pa55-of-keystone", "admin", "Default"];
const CREDENTIAL: [&str; 2] = ["cccccccc000040008000000000000001", "secret-of-admin"];

/// Compares what the client reads over TLS with the fake's inventory. Returns the paths and queries of its requests.
fn assert_the_client_agrees(
    judge: &Judge,
    fake: OpenstackFake,
    [region, interface]: [&str; 2],
    login: &[&str],
) -> Vec<String> {
    let expected = match region {
        "RegionTwo" => judged(fake.second_region.as_ref().expect("two regions")),
        _ => judged(&fake.inventory),
    };
    let path = fake.identity_path.clone();
    let fake = Arc::new(fake);
    let server = TlsServer::start(move |request| fake.answer(request));
    let auth_url = format!("https://localhost:{}{path}/v3", server.port());
    let ca_file = server.ca_file().to_str().expect("a UTF-8 path");
    let arguments = [&[&auth_url, ca_file, region, interface], login].concat();
    let read = judge.read("openstack.py", &arguments);
    assert_eq!(read, expected);
    server.received().into_iter().map(|request| request.target).collect()
}

#[test]
fn openstacks_own_client_reads_the_whole_inventory() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let fake = |page_size| {
        let mut fake = OpenstackFake::new(OpenstackInventory::sample());
        fake.page_size = page_size;
        fake
    };
    let one = ["RegionOne", "public"];
    let requests = assert_the_client_agrees(&judge, fake(4), one, &PASSWORD);
    let pages = requests.iter().filter(|target| target.contains("/servers/detail?")).count();
    assert_eq!(pages, 3, "11 servers in pages of 4: {requests:?}");
    assert_the_client_agrees(&judge, fake(1000), one, &CREDENTIAL);
    let mut older = fake(3);
    older.identity_path = "/identity".to_owned();
    older.project_in_url = true;
    older.max_minor = 87;
    assert_the_client_agrees(&judge, older, one, &OPERATOR);
    let mut regions = fake(1000);
    regions.second_region = Some(OpenstackInventory::of_size(7));
    let requests = assert_the_client_agrees(&judge, regions, ["RegionTwo", "internal"], &PASSWORD);
    assert!(requests.iter().any(|target| target.starts_with("/two/internal/compute/v2.1/servers")));
    let mut many = OpenstackFake::new(OpenstackInventory::of_size(300));
    many.page_size = 100;
    assert_the_client_agrees(&judge, many, one, &PASSWORD);
}

/// A client of a fake, with the requests that a test needs.
struct Client {
    fake: OpenstackFake,
    token: String,
    headers: Vec<(String, String)>,
}

impl Client {
    /// A client that logged in as this user, in this user's project.
    fn of(fake: OpenstackFake, user: &str) -> Self {
        let user = fake.inventory.user(user).expect("a user of the fake").clone();
        let login = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": user.name, "domain": {"id": user.domain.id}, "password": user.password,
            }}},
            "scope": {"project": {"id": user.project}},
        }});
        let mut client = Self { fake, token: String::new(), headers: Vec::new() };
        let (status, headers, _) = client.send("POST", "/v3/auth/tokens", &login);
        assert_eq!(status, 201);
        let token = headers.into_iter().find(|(name, _)| name == "X-Subject-Token");
        client.token = token.expect("a token").1;
        client
    }

    /// The same client with this microversion, in the header of all services.
    fn at(mut self, version: &str) -> Self {
        self.headers = vec![("openstack-api-version".to_owned(), format!("compute {version}"))];
        self
    }

    fn send(
        &self,
        method: &str,
        target: &str,
        body: &Value,
    ) -> (u16, Vec<(String, String)>, Value) {
        let mut headers = self.headers.clone();
        headers.push(("x-auth-token".to_owned(), self.token.clone()));
        headers.push(("host".to_owned(), "cloud.example.com".to_owned()));
        let request = ReceivedRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: body.to_string().into_bytes(),
            ..ReceivedRequest::default()
        };
        let Action::Answer { status, headers, body } = self.fake.answer(&request) else {
            panic!("not an answer");
        };
        (status, headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn get(&self, resource: &str) -> (u16, Value) {
        let (status, _, body) =
            self.send("GET", &format!("/compute/v2.1/{resource}"), &Value::Null);
        (status, body)
    }

    fn status(&self, resource: &str) -> u16 {
        self.get(resource).0
    }
}

fn sample() -> OpenstackFake {
    OpenstackFake::new(OpenstackInventory::sample())
}

fn sample_with(set: impl FnOnce(&mut OpenstackFake)) -> OpenstackFake {
    let mut fake = sample();
    set(&mut fake);
    fake
}

fn ids(answer: &Value) -> Vec<String> {
    let servers = answer["servers"].as_array().expect("servers");
    servers.iter().map(|server| server["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn nova_refuses_what_a_microversion_does_not_have() {
    let refused = |version: &str| {
        let (status, answer) = Client::of(sample(), "admin").at(version).get("servers/detail");
        (status, answer.to_string())
    };
    let (status, answer) = refused("9.99");
    assert_eq!(status, 406);
    assert!(
        answer.contains(
            "Version 9.99 is not supported by the API. Minimum is 2.1 and maximum is 2.93."
        )
    );
    for (version, status) in
        [("2.94", 406), ("2.93", 200), ("latest", 200), ("2", 400), ("2.01", 400)]
    {
        assert_eq!(refused(version).0, status, "{version}");
    }
    let cases = [
        ("2.74", "servers/detail?colour=red", 200),
        ("2.75", "servers/detail?colour=red", 400),
        ("2.1", "servers/detail?services=1", 400),
        ("2.1", "servers/detail?_x=1", 400),
        ("2.93", "servers/detail?limit=-1", 400),
        ("2.93", "servers/detail?all_tenants=perhaps", 400),
        ("2.93", "servers/detail?all_tenants=", 200),
        ("2.93", "servers/detail?name=web", 501),
        ("2.52", "os-hypervisors/detail?colour=red", 200),
        ("2.53", "os-hypervisors/detail?colour=red", 400),
        ("2.53", "os-hypervisors/detail?with_servers=1&limit=1", 200),
        ("2.53", "os-hypervisors/detail?with_servers=perhaps", 400),
        ("2.74", "os-services?colour=red", 200),
        ("2.75", "os-services?colour=red", 400),
        ("2.75", "os-services?binary=nova-compute&host=compute1", 200),
        ("2.93", "flavors/detail?is_public=None", 200),
        ("2.93", "os-cells", 404),
    ];
    for (version, resource, status) in cases {
        let client = Client::of(sample(), "admin").at(version);
        assert_eq!(client.status(resource), status, "{version} {resource}");
    }
}

#[test]
fn an_old_nova_reads_only_its_own_header() {
    let old = || sample_with(|fake| fake.max_minor = 25);
    let client = Client::of(old(), "admin").at("2.25");
    let flavor = client.get("servers/detail").1["servers"][0].clone();
    assert_eq!(flavor.get("description"), None, "2.1");
    let mut client = Client::of(old(), "admin");
    client.headers = vec![("x-openstack-nova-api-version".to_owned(), "2.25".to_owned())];
    let server = client.get("servers/detail").1["servers"][0].clone();
    assert_eq!(server["description"], Value::Null);
    assert!(server.get("description").is_some(), "2.25");
}

#[test]
fn keystone_refuses_wrong_logins_without_saying_what_is_wrong() {
    let user = |name: &str, domain: &str, password: &str| {
        json!({"methods": ["password"], "password": {"user": {
            "name": name, "domain": {"name": domain}, "password": password,
        }}})
    };
    let admin = || user("admin", "Default", "pa55-of-keystone");
    let scope =
        |name: &str, domain: &str| json!({"project": {"name": name, "domain": {"id": domain}}});
    let right = scope("admin", "default");
    let credential = |secret: &str| {
        let id = CREDENTIAL[0];
        let credential = json!({"id": id, "secret": secret});
        json!({"methods": ["application_credential"], "application_credential": credential})
    };
    let no_domain =
        json!({"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}});
    let cases = [
        (admin(), right.clone(), 201),
        (admin(), Value::Null, 201),
        (user("admin", "Default", "wrong"), right.clone(), 401),
        (user("admin", "operations", "pa55-of-keystone"), right.clone(), 401),
        (user("operator", "operations", "pa55-of-keystone"), right.clone(), 201),
        (user("operator", "Default", "pa55-of-keystone"), right.clone(), 401),
        (admin(), scope("shop", "default"), 401),
        (admin(), scope("admin", "operations"), 401),
        (admin(), json!({"system": {"all": true}}), 401),
        (admin(), json!({"project": {"name": "admin"}}), 400),
        (no_domain, right.clone(), 400),
        (credential(CREDENTIAL[1]), Value::Null, 201),
        (credential("wrong"), Value::Null, 401),
        (credential(CREDENTIAL[1]), right, 403),
    ];
    let client = Client { fake: sample(), token: String::new(), headers: Vec::new() };
    for (identity, scope, expected) in cases {
        let mut login = json!({"auth": {"identity": identity}});
        if !scope.is_null() {
            login["auth"]["scope"] = scope;
        }
        let (status, _, answer) = client.send("POST", "/v3/auth/tokens", &login);
        assert_eq!(status, expected, "{login} {answer}");
        if status == 401 {
            let message = "The request you have made requires authentication.";
            let error = json!({"code": 401, "message": message, "title": "Unauthorized"});
            assert_eq!(answer, json!({"error": error}));
        }
    }
    assert_eq!(client.fake.logins(), 4);
}

#[test]
fn a_token_ends() {
    let mut client = Client::of(sample_with(|fake| fake.token_requests = Some(2)), "admin");
    let statuses: Vec<_> = (0..3).map(|_| client.status("os-services")).collect();
    assert_eq!(statuses, [200, 200, 401]);
    client.token = "gAAAA-of-yesterday".to_owned();
    assert_eq!(client.status("os-services"), 401);
    let client = Client::of(sample(), "admin");
    let target = "/v3/auth/tokens";
    assert_eq!(client.send("DELETE", target, &Value::Null).0, 401, "without a subject");
    let mut revoking = Client::of(sample(), "admin");
    revoking.headers = vec![("x-subject-token".to_owned(), revoking.token.clone())];
    assert_eq!(revoking.send("DELETE", target, &Value::Null).0, 204);
    assert_eq!((revoking.status("os-services"), revoking.fake.open_tokens()), (401, 0));
    let client = Client::of(sample_with(|fake| fake.token_seconds = 0), "admin");
    assert_eq!(client.status("os-services"), 401);
}

#[test]
fn a_reader_sees_only_a_part_and_is_told_so_only_if_it_asks_for_more() {
    let reader = || Client::of(sample(), "reader").at("2.93");
    let policy = |resource: &str| {
        let (status, answer) = reader().get(resource);
        assert_eq!(status, 403, "{resource}");
        answer["forbidden"]["message"].as_str().expect("a message").to_owned()
    };
    let refusal =
        "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.";
    assert_eq!(policy("servers/detail?all_tenants=1"), refusal);
    assert!(policy("os-hypervisors/detail").contains("os_compute_api:os-hypervisors:list-detail"));
    assert!(policy("os-services").contains("os_compute_api:os-services:list"));
    let (status, answer) = reader().get("servers/detail");
    assert_eq!((status, ids(&answer).len()), (200, 7), "those of its project");
    let text = answer.to_string();
    assert!(!text.contains("OS-EXT-SRV-ATTR:host\""), "{text}");
    assert!(!text.contains("hypervisor_hostname") && !text.contains("host_status"), "{text}");
    assert!(text.contains("OS-EXT-SRV-ATTR:hostname"), "from 2.90 on for everyone");
    assert!(!reader().at("2.89").get("servers/detail").1.to_string().contains("OS-EXT-SRV-ATTR"));
}

#[test]
fn pages_are_linked_by_the_last_server_and_a_link_keeps_the_parameters() {
    let client = |mut fake: OpenstackFake| {
        fake.page_size = 4;
        Client::of(fake, "admin").at("2.93")
    };
    let first = client(sample());
    let (_, answer) = first.get("servers/detail?all_tenants=1");
    let last = ids(&answer)[3].clone();
    let origin = "https://cloud.example.com/compute/v2.1";
    let link = |origin: &str, query: &str| json!([{"rel": "next", "href": format!("{origin}/servers/detail?{query}")}]);
    assert_eq!(answer["servers_links"], link(origin, &format!("all_tenants=1&marker={last}")));
    let (_, answer) = first.get(&format!("servers/detail?marker={last}&limit=2&all_tenants=1"));
    assert_eq!(ids(&answer).len(), 2);
    let query = format!("all_tenants=1&limit=2&marker={}", ids(&answer)[1]);
    assert_eq!(answer["servers_links"], link(origin, &query));
    let (status, answer) = first.get("servers/detail?marker=unknown");
    assert_eq!(
        (status, &answer["badRequest"]["message"]),
        (400, &json!("marker [unknown] not found"))
    );
    let internal = client(sample().with(Fault::InternalLinks));
    let (_, answer) = internal.get("servers/detail?all_tenants=1");
    let origin = "http://nova.internal.example.com:8774/v2.1";
    assert_eq!(answer["servers_links"], link(origin, &format!("all_tenants=1&marker={last}")));
    // Before 2.33 hypervisors have no pages.
    for (version, count) in [("2.32", 4), ("2.33", 3), ("2.53", 3)] {
        let client = Client::of(sample_with(|fake| fake.page_size = 3), "admin").at(version);
        let (_, answer) = client.get("os-hypervisors/detail");
        assert_eq!(answer["hypervisors"].as_array().map(Vec::len), Some(count), "{version}");
        assert_eq!(answer.get("hypervisors_links").is_some(), count == 3, "{version}");
    }
}

#[test]
fn the_servers_of_a_down_cell_are_left_out_in_silence_unless_a_request_has_only_all_tenants() {
    let down = |page_size| {
        let mut fake = sample();
        fake.down_cells = vec!["cell2".to_owned()];
        fake.page_size = page_size;
        fake
    };
    let cases = [
        (1000, "2.68", "all_tenants=1", 9, 0),
        (1000, "2.69", "all_tenants=1", 11, 2),
        (1000, "2.69", "all_tenants=1&limit=1000", 9, 0),
        (1000, "2.69", "all_tenants=1&colour=red", 11, 2),
        // Only as many as the servers of the other cells leave room for.
        (10, "2.93", "all_tenants=1", 10, 1),
        (9, "2.93", "all_tenants=1", 9, 0),
        (8, "2.93", "all_tenants=1", 8, 0),
    ];
    for (page_size, version, query, all, unknown) in cases {
        let client = Client::of(down(page_size), "admin").at(version);
        let (_, answer) = client.get(&format!("servers/detail?{query}"));
        let servers = answer["servers"].as_array().expect("servers");
        let is_unknown = |server: &&Value| server["status"] == "UNKNOWN";
        let found = (servers.len(), servers.iter().filter(is_unknown).count());
        assert_eq!(found, (all, unknown), "{page_size} {version} {query}");
    }
    let client = Client::of(down(1000), "admin").at("2.93");
    let server = client.get("servers/detail?all_tenants=1").1["servers"][0].clone();
    let members: Vec<_> = server.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(members, ["created", "id", "links", "status", "tenant_id"]);
    let services = |version: &str| {
        let client = Client::of(down(1000), "admin").at(version);
        let services = client.get("os-services?binary=nova-compute").1["services"].clone();
        services.as_array().expect("services").iter().filter(|it| it["status"] == "UNKNOWN").count()
    };
    assert_eq!([services("2.68"), services("2.69")], [0, 2]);
    assert_eq!(client.status("os-hypervisors/detail"), 500);
}

#[test]
fn the_members_of_hypervisors_depend_on_the_microversion() {
    let read = |version: &str, query: &str| {
        let client = Client::of(sample(), "admin").at(version);
        client.get(&format!("os-hypervisors/detail{query}")).1["hypervisors"].clone()
    };
    let all = read("2.1", "");
    assert_eq!(all[0]["id"], 1);
    let text = all[0]["cpu_info"].as_str().expect("text");
    let info: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!((&info["topology"]["cores"], &all[3]["cpu_info"]), (&json!(16), &json!("")));
    let all = read("2.28", "?with_servers=1");
    assert_eq!((&all[0]["cpu_info"], &all[3]["cpu_info"]), (&info, &json!({})));
    assert_eq!((&all[0]["id"], all[0].get("servers")), (&json!(1), None));
    let all = read("2.53", "?with_servers=1");
    assert_eq!(all[0]["id"], "eeeeeeee-0000-4000-8000-000000000001");
    assert_eq!((&all[3]["hypervisor_type"], &all[3]["vcpus"]), (&json!("ironic"), &json!(0)));
    assert_eq!(all[3]["servers"][0]["name"], "metal");
    let all = read("2.87", "");
    assert!(all[0]["running_vms"].is_u64());
    let all = read("2.88", "?with_servers=1");
    for name in ["cpu_info", "vcpus", "memory_mb", "running_vms"] {
        assert_eq!(all[0].get(name), None, "{name}");
    }
    assert!(all[0]["uptime"].is_string());
    let failing = sample().with(Fault::UptimeFails);
    assert_eq!(Client::of(failing, "admin").at("2.88").status("os-hypervisors/detail"), 500);
}

#[test]
fn a_deleted_server_that_can_be_restored_is_only_on_its_hypervisor_and_shown_by_its_id() {
    let id = "11111111-0000-4000-8000-000000000001";
    let client = Client::of(sample(), "admin").at("2.93");
    let listed = client.get("servers/detail?all_tenants=1").1;
    assert!(!ids(&listed).iter().any(|listed| listed == id));
    let on = client.get("os-hypervisors/detail?with_servers=1").1["hypervisors"][0].clone();
    assert!(on["servers"].to_string().contains(id), "{on}");
    let (status, shown) = client.get(&format!("servers/{id}"));
    assert_eq!((status, &shown["server"]["status"]), (200, &json!("SOFT_DELETED")));
    assert_eq!(client.status("servers/unknown"), 404);
    let of_another_project = "11111111-0000-4000-8000-000000000008";
    assert_eq!(client.status(&format!("servers/{of_another_project}")), 200);
    let reader = Client::of(sample(), "reader");
    assert_eq!(reader.status(&format!("servers/{of_another_project}")), 404);
    for (version, status) in [("2.68", 500), ("2.69", 200)] {
        let down = sample_with(|fake| fake.down_cells = vec!["cell1".to_owned()]);
        let client = Client::of(down, "admin").at(version);
        assert_eq!(client.status(&format!("servers/{of_another_project}")), status, "{version}");
    }
}

#[test]
fn flavors_are_part_of_a_server_from_2_47_on() {
    let of = |version: &str| {
        let client = Client::of(sample(), "admin").at(version);
        let servers = client.get("servers/detail?all_tenants=1").1;
        let backup = &servers["servers"][4];
        (backup["flavor"].clone(), client.get("flavors/detail?is_public=None").1)
    };
    let (flavor, flavors) = of("2.46");
    assert_eq!(flavor.get("vcpus"), None);
    let listed = flavors["flavors"].as_array().expect("flavors");
    assert!(listed.iter().all(|listed| listed["id"] != flavor["id"]), "it was deleted");
    assert_eq!(listed.len(), 2);
    let (flavor, _) = of("2.47");
    assert_eq!((&flavor["vcpus"], &flavor["original_name"]), (&json!(4), &json!("deleted")));
    let client = Client::of(sample(), "admin");
    let public = client.get("flavors/detail").1;
    assert_eq!(public["flavors"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_projects_id_in_the_path_must_be_that_of_the_token() {
    let client = Client::of(sample(), "admin");
    let own = "bbbbbbbb000040008000000000000001";
    let other = "bbbbbbbb000040008000000000000002";
    assert_eq!(client.status(&format!("{own}/servers/detail")), 200);
    assert_eq!(client.status(&format!("{other}/servers/detail")), 400);
}

#[test]
fn faults_happen_on_later_pages() {
    let pages = |fault| {
        let fake = sample_with(|fake| fake.page_size = 4).with(fault);
        let client = Client::of(fake, "admin").at("2.93");
        let mut query = "all_tenants=1".to_owned();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            let (status, answer) = client.get(&format!("servers/detail?{query}"));
            let servers = answer.get("servers").and_then(Value::as_array);
            sizes.push(servers.map_or(status.into(), Vec::len));
            let Some(href) = answer["servers_links"][0]["href"].as_str() else { break };
            href.split_once('?').expect("a query").1.clone_into(&mut query);
        }
        sizes
    };
    assert_eq!(pages(Fault::EmptyPageInBetween), [4, 0, 4, 3]);
    assert_eq!(pages(Fault::SameObjectTwice), [4, 5, 4]);
    assert_eq!(pages(Fault::NoList), [4, 4, 200]);
    assert_eq!(pages(Fault::SelfLink), [4, 4, 4, 4, 4, 4]);
    assert_eq!(pages(Fault::MarkerDeleted), [4, 400]);
    assert_eq!(pages(Fault::NoServers), [0]);
    assert_eq!(pages(Fault::OverLimit), [413]);
    let hypervisors = |fault| {
        let client = Client::of(sample().with(fault), "admin").at("2.87");
        client.get("os-hypervisors/detail").1["hypervisors"].as_array().map(Vec::len)
    };
    assert_eq!(hypervisors(Fault::HypervisorMissing), Some(3));
    assert_eq!(hypervisors(Fault::NoHypervisors), Some(0));
    let texts = Client::of(sample().with(Fault::NumbersAsText), "admin").at("2.87");
    assert_eq!(texts.get("servers/detail").1["servers"][0]["flavor"]["vcpus"], "4");
}

/// Every member of a recorded object is in the fake's objects of this kind, in at least one of them.
fn assert_has_all_members(recorded: &Value, ours: &[Value], path: &str) {
    match recorded {
        Value::Object(members) => {
            for (name, value) in members {
                let inner: Vec<_> =
                    ours.iter().filter_map(|object| object.get(name)).cloned().collect();
                assert!(!inner.is_empty(), "{path}/{name} is missing");
                assert_has_all_members(value, &inner, &format!("{path}/{name}"));
            }
        }
        Value::Array(items) => {
            let inner: Vec<_> =
                ours.iter().filter_map(Value::as_array).flatten().cloned().collect();
            for item in items.iter().filter(|item| item.is_object()) {
                assert_has_all_members(item, &inner, path);
            }
        }
        _ => {}
    }
}

#[test]
fn has_every_member_of_the_recorded_answers() {
    let Some(folder) = gatherer_tests::recorded("openstack") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let recorded = |name: &str| -> Value {
        let bytes = std::fs::read(folder.join(name)).expect("a recorded answer");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let all = "servers/detail?all_tenants=1&limit=10";
    let hypervisors = "os-hypervisors/detail";
    let answers = [
        ("servers-2.1-page1.json", "2.1", all),
        ("servers-2.53-page1.json", "2.53", all),
        ("servers-2.87-page1.json", "2.87", all),
        ("nova-sample-servers-v2.96-servers-details-resp.json", "2.96", all),
        ("hypervisors-2.1.json", "2.1", hypervisors),
        ("hypervisors-2.53.json", "2.53", hypervisors),
        ("hypervisors-2.53-with-servers.json", "2.53", "os-hypervisors/detail?with_servers=1"),
        ("hypervisors-2.87.json", "2.87", hypervisors),
        (
            "nova-sample-os-hypervisors-v2.88-hypervisors-detail-with-servers-resp.json",
            "2.88",
            "os-hypervisors/detail?with_servers=1",
        ),
        ("nova-version.json", "2.1", ""),
    ];
    for (name, version, resource) in answers {
        let mut fake = sample_with(|fake| fake.max_minor = 96);
        if resource == all {
            fake.page_size = 10;
        }
        let (status, ours) = Client::of(fake, "admin").at(version).get(resource);
        assert_eq!(status, 200, "{name}");
        let mut recorded = recorded(name);
        // The user's own words.
        if let Some(metadata) = recorded.pointer_mut("/servers/0/metadata") {
            *metadata = json!({});
        }
        assert_has_all_members(&recorded, &[ours], name);
    }
    let down = sample_with(|fake| fake.down_cells = vec!["cell2".to_owned()]);
    let client = Client::of(down, "admin").at("2.69");
    let answer = client.get("servers/detail?all_tenants=1").1;
    let unknown = json!({"servers": [answer["servers"][0]]});
    let name = "nova-sample-servers-v2.69-servers-details-resp.json";
    assert_has_all_members(&recorded(name), &[unknown], name);
    let name = "down-cell-services.json";
    assert_has_all_members(&recorded(name), &[client.get("os-services").1], name);
    for (name, target, status) in
        [("keystone-root.json", "/", 300), ("keystone-v3.json", "/v3", 200)]
    {
        let (found, _, ours) = client.send("GET", target, &Value::Null);
        assert_eq!(found, status, "{name}");
        assert_has_all_members(&recorded(name), &[ours], name);
    }
    let login = json!({"auth": {"identity": {
        "methods": ["application_credential"],
        "application_credential": {"id": CREDENTIAL[0], "secret": CREDENTIAL[1]},
    }}});
    let (_, _, ours) = client.send("POST", "/v3/auth/tokens", &login);
    assert_has_all_members(&recorded("token-admin.json"), &[ours], "token-admin.json");
    // The same refusals, word by word.
    let client = Client::of(sample(), "reader").at("2.93");
    for (name, resource) in [
        ("servers-reader.json", "servers/detail?all_tenants=1"),
        ("hypervisors-403.json", hypervisors),
    ] {
        assert_eq!(client.get(resource).1, recorded(name), "{name}");
    }
    let client = client.at("9.99");
    assert_eq!(client.get(all).1, recorded("microversion-406.json"));
}
