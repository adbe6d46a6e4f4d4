//! What the module makes of complete answers.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::GuestState;
use serde_json::{Value, json};

use super::{
    Cloud, Served, failure, guest, id, instance, names, set, set_id, state, vm, vm_id, warnings,
};

/// The warning that every run has.
const COMPLETENESS: &str = "completeness depends on Reader at subscription scope";

#[test]
fn reads_machines_and_instances_of_all_locations() {
    let served = Cloud::new().serve();
    let gathered = served.gather().expect("a complete answer");
    insta::assert_json_snapshot!(gathered);
    assert_eq!(
        served.requests(),
        [
            "instances of pool",
            "login",
            "machines",
            "sets",
            "sizes of eastus",
            "sizes of westeurope",
            "states",
        ]
    );
}

#[test]
fn a_zone_has_one_host_with_the_machines_of_its_location() {
    for zone in ["eastus", "East US", " EASTUS "] {
        let served = Cloud::new().serve();
        let gathered = served.gather_with(json!({ "zone": zone })).expect("a complete answer");
        assert_eq!(gathered.hosts.len(), 1);
        assert!(gathered.hosts[0].synthetic && !gathered.hosts[0].name.contains('/'));
        assert_eq!(names(&gathered), ["pool_0", "web"]);
        // Nothing is asked about another location.
        assert!(!served.requests().contains(&"sizes of westeurope".to_owned()));
    }
}

#[test]
fn a_zone_without_machines_has_its_host() {
    let served = Cloud::new().serve();
    let gathered = served.gather_with(json!({"zone": "northeurope"})).expect("a complete answer");
    assert_eq!((gathered.hosts.len(), names(&gathered).len()), (1, 0));
    // The scale set is in another location, so its instances are not asked for.
    assert!(!served.requests().contains(&"instances of pool".to_owned()));
}

#[test]
fn an_unknown_zone_is_a_configuration_error_before_anything_is_listed() {
    let served = Cloud::new().serve();
    let error = served.gather_with(json!({"zone": "eastus2"})).expect_err("an unknown zone");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.ends_with("did you mean eastus?"), "{error}");
    assert_eq!(served.requests(), ["locations", "login"]);
}

/// A machine with every member that the module reads.
fn rich_machine() -> Value {
    let mut machine = vm("web", "eastus", 1);
    machine["tags"] = json!({"owner": "shop", "empty": ""});
    machine["zones"] = json!(["2"]);
    let properties = machine["properties"].as_object_mut().expect("an object");
    properties.extend(
        json!({
            "timeCreated": "2024-03-01T10:20:30.1234567+00:00",
            "provisioningState": "Succeeded",
            "licenseType": "SLES_BYOS",
            "priority": "Spot",
            "osProfile": {"computerName": "web01"},
            "storageProfile": {
                "imageReference": {"publisher": "SUSE", "offer": "sles-15-sp5", "sku": "gen2",
                    "version": "latest", "exactVersion": "2024.02.06"},
                "osDisk": {"name": "web-os", "osType": "Linux", "diskSizeGB": 30},
                "dataDisks": [{"name": "b", "lun": 1}, {"name": "a", "lun": 0, "diskSizeGB": "1023"}],
            },
            "virtualMachineScaleSet": {"id": set_id("flex")},
            "networkProfile": {
                "networkInterfaces": [{"id": "/subscriptions/s/networkInterfaces/nic1"}],
                "networkInterfaceConfigurations": [{"properties": {"ipConfigurations": [{"properties": {
                    "subnet": {"id": "/subscriptions/s/virtualNetworks/net1/subnets/front"},
                }}]}}],
            },
        })
        .as_object()
        .expect("an object")
        .clone(),
    );
    machine
}

#[test]
fn a_machine_carries_what_the_lists_say() {
    let machine = rich_machine();
    let served = Cloud::new().with_list("machines", json!([machine])).serve();
    let gathered = served.gather().expect("a complete answer");
    insta::assert_json_snapshot!(guest(&gathered, "web").1);
}

#[test]
fn an_instance_carries_what_its_agent_reports() {
    let mut entry = instance("pool", 0);
    entry["properties"]["instanceView"] = json!({
        "statuses": [{"code": "PowerState/deallocated"}, {"code": "HibernationState/Hibernated"}],
        "computerName": "pool000000", "osName": "sles", "osVersion": "15.5",
    });
    entry["properties"]["networkProfileConfiguration"] = json!({
        "networkInterfaceConfigurations": [{"name": "nic", "properties": {"ipConfigurations": [{"properties": {
            "subnet": {"id": "/subscriptions/s/virtualNetworks/net1/subnets/default"},
        }}]}}],
    });
    let served = Cloud::new().with_list("instances of pool", json!([entry])).serve();
    let gathered = served.gather().expect("a complete answer");
    let (_, guest) = guest(&gathered, "pool_0");
    assert_eq!(guest.state, Some(GuestState::Suspended));
    assert_eq!(guest.source_state.as_deref(), Some("deallocated"));
    assert_eq!(guest.host_name.as_deref(), Some("pool000000"));
    let os = guest.os.as_ref().expect("an operating system");
    assert_eq!((os.name.as_deref(), os.version.as_deref()), (Some("sles"), Some("15.5")));
    assert_eq!(guest.interfaces[0].network.as_deref(), Some("net1/default"));
    assert_eq!(guest.location.cluster.as_deref(), Some("pool"));
    assert_eq!(guest.cpus, Some(1));
}

#[test]
fn the_id_is_the_canonical_vm_id() {
    let mut odd = vm("odd", "eastus", 2);
    odd["properties"]["vmId"] = json!("DDFEBF64-E92B-4A50-9949-6E44BFC61D4G");
    let mut none = vm("none", "eastus", 3);
    none["properties"].as_object_mut().expect("an object").remove("vmId");
    let machines = json!([vm("web", "eastus", 1), odd, none]);
    let states = json!([state("web", &[]), state("odd", &[]), state("none", &[])]);
    let served = Cloud::new().with_list("machines", machines).with_list("states", states).serve();
    let gathered = served.gather().expect("a complete answer");
    let (_, web) = guest(&gathered, "web");
    assert_eq!(web.id, Some(vm_id(1).to_lowercase()));
    assert_eq!(web.uuid, web.id);
    assert_eq!(web.identifiers.other["rawVmId"], vm_id(1));
    let (_, odd) = guest(&gathered, "odd");
    assert_eq!(
        (odd.id.as_deref(), &odd.uuid),
        (Some("DDFEBF64-E92B-4A50-9949-6E44BFC61D4G"), &None)
    );
    let (_, none) = guest(&gathered, "none");
    assert_eq!(none.id, Some(id("none").to_lowercase()));
    let expected = "none: the virtual machine has no vmId: a Manager cannot find its system";
    assert!(warnings(&gathered).contains(&expected.to_owned()), "{:?}", warnings(&gathered));
}

#[test]
fn a_generalized_machine_is_a_template() {
    let states = json!([
        state("web", &["OSState/generalized", "PowerState/deallocated"]),
        state("db", &["powerstate/STOPPED", "ProvisioningState/succeeded"]),
    ]);
    let gathered = Cloud::new().with_list("states", states).serve().gather().expect("complete");
    let (_, web) = guest(&gathered, "web");
    assert!(web.template && web.state == Some(GuestState::Stopped));
    let (_, db) = guest(&gathered, "db");
    assert!(!db.template && db.state == Some(GuestState::Stopped));
}

#[test]
fn only_scale_sets_that_are_not_flexible_are_asked_for_instances() {
    let sets = json!([
        set("old", "eastus", None),
        set("uniform", "eastus", Some("uniform")),
        set("flex", "eastus", Some("FLEXIBLE")),
    ]);
    let served = Cloud::new()
        .with_list("sets", sets)
        .with_list("instances of old", json!([instance("old", 1)]))
        .with_list("instances of uniform", json!([instance("uniform", 2)]))
        .with("instances of flex", failure(400, "BadRequest", "Operation is not allowed"))
        .serve();
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(names(&gathered), ["db", "old_1", "uniform_2", "web"]);
}

#[test]
fn the_cpus_of_a_machine_override_those_of_its_size() {
    let mut machine = vm("web", "eastus", 1);
    machine["properties"]["hardwareProfile"]["vmSizeProperties"] =
        json!({"vCPUsAvailable": 1, "vCPUsPerCore": 1});
    let served = Cloud::new().with_list("machines", json!([machine])).serve();
    let gathered = served.gather().expect("a complete answer");
    let (_, web) = guest(&gathered, "web");
    assert_eq!((web.cpus, web.memory_bytes), (Some(1), Some(8 << 30)));
}

#[test]
fn sizes_that_cannot_be_found_out_are_unknown_with_a_warning() {
    let mut retired = vm("web", "eastus", 1);
    retired["properties"]["hardwareProfile"]["vmSize"] = json!("Basic_A0");
    let served = Cloud::new()
        .with_list("machines", json!([retired, vm("db", "westeurope", 2)]))
        .with("sizes of westeurope", failure(403, "AuthorizationFailed", "no right"))
        .serve();
    let gathered = served.gather().expect("a complete answer");
    for name in ["web", "db"] {
        let (_, guest) = guest(&gathered, name);
        assert_eq!((guest.cpus, guest.memory_bytes), (None, None), "{name}");
    }
    assert_eq!(guest(&gathered, "pool_0").1.cpus, Some(1));
    let port = served.server.port().to_string();
    let warnings = warnings(&gathered).join("\n").replace(&port, "PORT");
    insta::assert_snapshot!(warnings);
}

#[test]
fn the_warning_about_the_completeness_ends_with_the_confirmation() {
    let served = Cloud::new().serve();
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(gathered.warnings.len(), 1);
    assert_eq!(gathered.warnings[0].message, COMPLETENESS);
    let gathered = served.gather_with(json!({"reader_confirmed": true})).expect("complete");
    assert_eq!(gathered.warnings, []);
}

#[test]
fn a_path_before_the_api_is_kept() {
    let cloud = Cloud::new();
    let served = Served::script(move |request| {
        let mut inner = request.clone();
        match request.target.strip_prefix("/azure/stack") {
            Some(rest) => inner.target = rest.to_owned(),
            None => return failure(404, "NotFound", "outside of the path"),
        }
        cloud.answer(&inner)
    });
    let url = served.server.url("/azure/stack/");
    let changes = json!({ "authority_url": url, "endpoint_url": url, "reader_confirmed": true });
    let gathered = served.gather_with(changes).expect("a complete answer");
    assert_eq!(names(&gathered), ["db", "pool_0", "web"]);
}

#[test]
fn the_token_is_for_the_named_endpoint() {
    let served = Cloud::new().serve();
    served.gather().expect("a complete answer");
    let received = served.server.received();
    let login = received.iter().find(|request| request.method == "POST").expect("a login");
    assert_eq!(login.path(), "/example.com/oauth2/v2.0/token");
    let body = String::from_utf8(login.body.clone()).expect("UTF-8");
    let port = served.server.port();
    let scope = format!("scope=https%3A%2F%2F127.0.0.1%3A{port}%2F.default");
    assert!(body.contains(&scope) && body.contains("grant_type=client_credentials"), "{body}");
    for request in received.iter().filter(|request| request.method == "GET") {
        assert_eq!(request.header("authorization"), Some("Bearer token-1"));
        assert!(request.query("api-version").is_some(), "{}", request.target);
    }
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let mut machine = rich_machine();
    machine["id"] = json!(id("rich"));
    let mut entry = instance("pool", 0);
    entry["properties"]["instanceView"]["osName"] = json!("sles");
    entry["properties"]["instanceView"]["osVersion"] = json!("15.5");
    let states = json!([state("rich", &["PowerState/deallocated", "OSState/generalized"])]);
    let served = Cloud::new()
        .with_list("machines", json!([machine]))
        .with_list("states", states)
        .with_list("instances of pool", json!([entry]))
        .serve();
    let gathered = served.gather().expect("a complete answer");
    gatherer_tests::assert_guest_members("Azure", &gathered.hosts, &gathered.detached_guests);
}
