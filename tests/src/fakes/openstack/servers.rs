//! The list of servers, whose members differ with the microversion and the user's rights.

use std::collections::BTreeMap;

use gatherer_plugin_support::testing::Action;
use serde_json::{Value, json};

use super::inventory::{OpenstackPolicy, OpenstackPort, OpenstackServer};
use super::nova::{Call, not_found, unexpected};
use super::{OpenstackFault, bad_request, nova_error};

/// The parameters of the list in all microversions.
const PARAMETERS: [&str; 42] = [
    "access_ip_v4",
    "access_ip_v6",
    "all_tenants",
    "auto_disk_config",
    "availability_zone",
    "changes-since",
    "config_drive",
    "created_at",
    "deleted",
    "description",
    "display_description",
    "display_name",
    "flavor",
    "host",
    "hostname",
    "image",
    "image_ref",
    "ip",
    "ip6",
    "kernel_id",
    "key_name",
    "launch_index",
    "launched_at",
    "limit",
    "locked_by",
    "marker",
    "name",
    "node",
    "power_state",
    "progress",
    "project_id",
    "ramdisk_id",
    "reservation_id",
    "root_device_name",
    "soft_deleted",
    "sort_dir",
    "sort_key",
    "status",
    "task_state",
    "tenant_id",
    "terminated_at",
    "user_id",
];
/// Further parameters of the list, with the minor number from which on it has them.
const NEWER_PARAMETERS: [(u32, &str); 8] = [
    (1, "uuid"),
    (1, "vm_state"),
    (26, "tags"),
    (26, "tags-any"),
    (26, "not-tags"),
    (26, "not-tags-any"),
    (66, "changes-before"),
    (73, "locked"),
];
/// Tables of the database that are no filters, although nova knows their names.
const TABLES: [&str; 7] = [
    "block_device_mapping",
    "services",
    "metadata",
    "system_metadata",
    "info_cache",
    "security_groups",
    "pci_devices",
];

pub(super) fn list(call: &Call<'_>) -> Action {
    let known = match parameters(call) {
        Ok(known) => known,
        Err(refusal) => return refusal,
    };
    let all_tenants = match call.flag("all_tenants") {
        // Without a value it is set.
        Err(_) if call.request.query("all_tenants").is_some_and(|value| value.is_empty()) => true,
        Err(refusal) => return refusal,
        Ok(flag) => flag == Some(true),
    };
    if all_tenants && let Err(refusal) = call.require(OpenstackPolicy::AllTenants) {
        return refusal;
    }
    if call.fake.happens_once(OpenstackFault::OverLimit, "servers") {
        let answer = nova_error(413, "overLimit", "This request was rate-limited.");
        return answer.header("Retry-After", "1");
    }
    if let Some(other) =
        known.iter().find(|name| !["all_tenants", "limit", "marker"].contains(&name.as_str()))
    {
        return Action::answer(501, format!("this fake does not filter by {other}"));
    }
    if call.request.query("marker").is_some()
        && call.fake.happens_once(OpenstackFault::MarkerDeleted, "servers")
    {
        call.fake.state().deleted = call.request.query("marker");
    }
    let deleted = call.fake.state().deleted.clone();
    let is_shown = |server: &&OpenstackServer| {
        (all_tenants || server.project == call.project) && Some(&server.id) != deleted.as_ref()
    };
    let (down, up): (Vec<_>, Vec<_>) = call
        .inventory
        .listed_servers()
        .filter(is_shown)
        .partition(|server| call.is_down(&server.cell));
    let up = if call.fake.has(OpenstackFault::NoServers) { Vec::new() } else { up };
    // The servers of down cells are left out, unless the request has nothing but `all_tenants`. Even then only as many
    // of them are there as the other servers leave room for on the first page.
    let mut before = Vec::new();
    if call.minor >= 69 && known.iter().all(|name| name == "all_tenants") {
        let room = call.fake.page_size.saturating_sub(up.len());
        before.extend(down.iter().take(room).map(|server| render_of_down_cell(call, server)));
    }
    let ids: Vec<_> = up.iter().map(|server| server.id.as_str()).collect();
    call.page("servers", "servers/detail", &ids, |index| render(call, up[index]), before)
}

/// One server, which may be a deleted one that can be restored.
pub(super) fn show(call: &Call<'_>, id: &str) -> Action {
    let deleted = call.fake.state().deleted.clone();
    let is_visible = |server: &&OpenstackServer| {
        server.id == id
            && Some(&server.id) != deleted.as_ref()
            && (call.user.may(OpenstackPolicy::AllTenants) || server.project == call.project)
    };
    let Some(server) = call.inventory.servers.iter().find(is_visible) else {
        return not_found(&format!("Instance {id} could not be found."));
    };
    match call.is_down(&server.cell) {
        false => Action::json(200, &json!({"server": render(call, server)})),
        true if call.minor >= 69 => {
            Action::json(200, &json!({"server": render_of_down_cell(call, server)}))
        }
        true => unexpected("nova.exception.NovaException"),
    }
}

/// The names of the request's parameters that nova knows in this microversion.
fn parameters(call: &Call<'_>) -> Result<Vec<String>, Action> {
    let newer =
        NEWER_PARAMETERS.iter().filter(|(minor, _)| call.minor >= *minor).map(|(_, name)| *name);
    let known: Vec<&str> = PARAMETERS.into_iter().chain(newer).collect();
    let mut names = Vec::new();
    for (name, _) in call.request.query_pairs() {
        if TABLES.contains(&name.as_str()) || name.starts_with('_') {
            return Err(bad_request(&format!("Invalid filter field: {name}.")));
        }
        if known.contains(&name.as_str()) {
            names.push(name);
        } else if call.minor >= 75 {
            return Err(bad_request(&format!(
                "Additional properties are not allowed ('{name}' was unexpected)"
            )));
        }
    }
    Ok(names)
}

fn render_of_down_cell(call: &Call<'_>, server: &OpenstackServer) -> Value {
    json!({
        "id": server.id,
        "status": "UNKNOWN",
        "tenant_id": server.project,
        "created": server.created,
        "links": call.links("servers", &server.id),
    })
}

fn render(call: &Call<'_>, server: &OpenstackServer) -> Value {
    let minor = call.minor;
    let is_root_on_volume = server.image.is_none();
    let mut rendered = json!({
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "tenant_id": server.project,
        "user_id": call.user.id,
        "metadata": server.metadata.iter().cloned().collect::<BTreeMap<_, _>>(),
        "hostId": if server.host.is_some() { "ac1f3ce8338e3ac098aa226ed66542814cb4574448c5a808ce8e0b8e" } else { "" },
        "image": match &server.image {
            Some(id) => json!({"id": id, "links": [
                {"rel": "bookmark", "href": format!("{}/images/{id}", call.root)},
            ]}),
            None => json!(""),
        },
        "flavor": flavor(call, server),
        "created": server.created,
        "updated": server.created,
        "addresses": addresses(&server.ports),
        "accessIPv4": "",
        "accessIPv6": "",
        "links": call.links("servers", &server.id),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": if server.host.is_some() { "nova" } else { "" },
        "config_drive": "",
        "key_name": null,
        "OS-SRV-USG:launched_at": server.host.as_ref().map(|_| "2026-11-20T07:51:07.000000"),
        "OS-SRV-USG:terminated_at": null,
        "OS-EXT-STS:task_state": (server.status == "BUILD").then_some("scheduling"),
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": volumes(call, server),
    });
    let mut add = |name: &str, value: Value| rendered[name] = value;
    if ["ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"]
        .contains(&server.status.as_str())
    {
        add("progress", json!(0));
    }
    if server.status == "ERROR" {
        let created = &server.created;
        add(
            "fault",
            json!({"code": 500, "created": created, "message": "No valid host was found. "}),
        );
    }
    if !server.ports.is_empty() {
        add("security_groups", json!([{"name": "default"}]));
    }
    let place = server.host.as_ref();
    if call.user.may(OpenstackPolicy::ServerAttributes) {
        add("OS-EXT-SRV-ATTR:host", json!(place.map(|place| &place.service)));
        add("OS-EXT-SRV-ATTR:hypervisor_hostname", json!(place.map(|place| &place.hypervisor)));
        add("OS-EXT-SRV-ATTR:instance_name", json!(format!("instance-{}", &server.id[28..])));
        if minor >= 3 {
            add("OS-EXT-SRV-ATTR:reservation_id", json!("r-kjumvfdz"));
            add("OS-EXT-SRV-ATTR:launch_index", json!(0));
            add("OS-EXT-SRV-ATTR:kernel_id", json!(""));
            add("OS-EXT-SRV-ATTR:ramdisk_id", json!(""));
            add("OS-EXT-SRV-ATTR:root_device_name", json!("/dev/vda"));
            add("OS-EXT-SRV-ATTR:user_data", Value::Null);
        }
        if minor >= 16 {
            add("host_status", json!(if place.is_some() { "UP" } else { "" }));
        }
    }
    // From 2.90 on for everyone.
    if (minor >= 3 && call.user.may(OpenstackPolicy::ServerAttributes)) || minor >= 90 {
        add("OS-EXT-SRV-ATTR:hostname", json!(server.name.to_ascii_lowercase()));
    }
    for (since, name, value) in [
        (9, "locked", json!(false)),
        (19, "description", Value::Null),
        (26, "tags", json!(server.tags)),
        (63, "trusted_image_certificates", Value::Null),
        (73, "locked_reason", Value::Null),
        (96, "pinned_availability_zone", Value::Null),
        (100, "scheduler_hints", json!({})),
    ] {
        if minor >= since {
            add(name, value);
        }
    }
    if minor >= 98 && !is_root_on_volume {
        rendered["image"]["properties"] = json!({"architecture": "x86_64"});
    }
    rendered
}

/// From 2.47 on the flavor as it was when the server was created, before only its id.
fn flavor(call: &Call<'_>, server: &OpenstackServer) -> Value {
    let flavor = &server.flavor;
    if call.minor < 47 {
        let href = format!("{}/flavors/{}", call.root, flavor.id);
        return json!({"id": flavor.id, "links": [{"rel": "bookmark", "href": href}]});
    }
    json!({
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mb,
        "disk": flavor.disk_gb,
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": {},
    })
}

fn volumes(call: &Call<'_>, server: &OpenstackServer) -> Value {
    let volumes = server.volumes.iter().map(|id| {
        let mut volume = json!({"id": id});
        if call.minor >= 3 {
            volume["delete_on_termination"] = json!(false);
        }
        volume
    });
    volumes.collect()
}

fn addresses(ports: &[OpenstackPort]) -> Value {
    let mut networks = json!({});
    for port in ports {
        let mut add = |address: &str, kind: &str| {
            let entry = json!({
                "version": if address.contains(':') { 6 } else { 4 },
                "addr": address,
                "OS-EXT-IPS:type": kind,
                "OS-EXT-IPS-MAC:mac_addr": port.mac,
            });
            let network = &mut networks[&port.network];
            if network.is_null() {
                *network = json!([]);
            }
            network.as_array_mut().expect("a list").push(entry);
        };
        port.fixed.iter().for_each(|address| add(address, "fixed"));
        if let Some(address) = &port.floating {
            add(address, "floating");
        }
    }
    networks
}
