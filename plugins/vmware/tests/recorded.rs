//! Recorded answers of real systems: the module reads them, with the lists made of the recorded properties.
//!
//! The expected values come from the files, which are not part of the repository.

use std::path::{Path, PathBuf};

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_plugin_support::uuid;
use gatherer_plugin_support::xml::{self, Document, Limits, Node};
use gatherer_plugin_vmware::VMware;
use gatherer_tests::{recorded, skip};
use serde_json::json;

const UNAVAILABLE: &str = "GATHERER_RECORDED names no folder of recorded answers";

fn text(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    let bytes = gatherer_plugin_support::file::read(&path, 1 << 20);
    let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8(bytes).expect("a recorded answer is UTF-8")
}

/// An element `propSet`. `attributes` are those of the value.
fn property(path: &str, attributes: &str, value: &str) -> String {
    format!("<propSet><name>{path}</name><val{attributes}>{value}</val></propSet>")
}

/// An element `objects`.
fn object(kind: &str, id: &str, properties: &str) -> String {
    format!("<objects><obj type=\"{kind}\">{id}</obj>{properties}</objects>")
}

/// The content of an element as it is in the document.
fn content<'a>(node: Node<'a, '_>) -> &'a str {
    let inner = source(node).split_once('>').map_or("", |(_, inner)| inner);
    inner.rsplit_once("</").map_or("", |(inner, _)| inner)
}

fn parse(text: &str) -> Document<'_> {
    xml::parse(text, Limits::default()).expect("a recorded answer is XML")
}

/// The first element with this name.
fn find<'a, 'input>(document: &'a Document<'input>, name: &str) -> Node<'a, 'input> {
    let is = |node: &Node| node.tag_name().name() == name;
    document.descendants().find(is).unwrap_or_else(|| panic!("{name} is missing"))
}

/// The text of an element as it is in the document.
fn source<'a>(node: Node<'a, '_>) -> &'a str {
    &node.document().input_text()[node.range()]
}

/// The elements `propSet` for the leaves below a recorded structure: `summary.config.uuid` and so on.
fn leaves(prefix: &str, structure: Node) -> String {
    let mut properties = String::new();
    for member in structure.children().filter(Node::is_element) {
        let name = member.tag_name().name();
        let path = format!("{prefix}.{name}");
        // Lists: the items are repeated elements.
        let array = match path.as_str() {
            "config.hardware.device" => Some("VirtualDevice"),
            "guest.net" => Some("GuestNicInfo"),
            "hardware.cpuPkg" => Some("HostCpuPackage"),
            _ => None,
        };
        if let Some(kind) = array {
            if member.prev_siblings().skip(1).any(|before| before.tag_name().name() == name) {
                continue;
            }
            let items: Vec<String> = xml::children(structure, name)
                .map(|item| format!("<{kind}>{}</{kind}>", content(item)))
                .collect();
            properties.push_str(&property(&path, "", &items.concat()));
            continue;
        }
        let reference = member.attribute("type").map(|kind| format!(" type=\"{kind}\""));
        properties.push_str(&property(&path, &reference.unwrap_or_default(), content(member)));
        if member.has_children() {
            properties.push_str(&leaves(&path, member));
        }
    }
    properties
}

/// An answer with these objects.
fn objects(method: &str, objects: &str) -> Action {
    let body = format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <{method}Response xmlns=\"urn:vim25\"><returnval>{objects}</returnval></{method}Response>\
         </soapenv:Body></soapenv:Envelope>"
    );
    Action::answer(200, body)
}

/// A server that answers with recorded files, and with these objects as the inventory.
struct Replay {
    folder: PathBuf,
    content: &'static str,
    login: &'static str,
    /// Pairs of type and id.
    view: Vec<(String, String)>,
    objects: String,
}

impl Replay {
    fn answer(&self, request: &ReceivedRequest) -> Action {
        let file = |name: &str| Action::answer(200, text(&self.folder, name));
        if request.method == "GET" {
            return file("vimServiceVersions.xml");
        }
        let body = String::from_utf8_lossy(&request.body);
        let calls = |method: &str| body.contains(&format!("<{method} xmlns"));
        match () {
            () if calls("RetrieveServiceContent") => file(self.content),
            () if calls("Login") && !body.contains("right") => {
                Action::answer(500, text(&self.folder, "Login-InvalidLogin-fault.xml"))
            }
            () if calls("Login") => {
                file(self.login).header("set-cookie", "vmware_soap_session=\"1\"; Path=/")
            }
            () if calls("CreateContainerView") => file("CreateContainerView-container-4.xml"),
            () if calls("HasPrivilegeOnEntity") => Action::answer(
                200,
                "<Envelope><Body><HasPrivilegeOnEntityResponse><returnval>true</returnval>\
                 </HasPrivilegeOnEntityResponse></Body></Envelope>",
            ),
            () if calls("RetrieveEntityPermissions") => Action::answer(
                200,
                "<Envelope><Body><RetrieveEntityPermissionsResponse/></Body></Envelope>",
            ),
            () if body.contains("<pathSet>view</pathSet>") => {
                let reference = |(kind, id): &(String, String)| {
                    format!(
                        "<ManagedObjectReference type=\"{kind}\" xsi:type=\"ManagedObjectReference\">{id}\
                         </ManagedObjectReference>"
                    )
                };
                let view: Vec<String> = self.view.iter().map(reference).collect();
                let view = view.concat();
                objects(
                    "RetrievePropertiesEx",
                    &format!(
                        "<objects><obj type=\"ContainerView\">v</obj><propSet><name>view</name>\
                         <val xsi:type=\"ArrayOfManagedObjectReference\">{view}</val></propSet></objects>"
                    ),
                )
            }
            () if calls("RetrievePropertiesEx") => objects("RetrievePropertiesEx", &self.objects),
            () => file("DestroyView-container-7.xml"),
        }
    }

    fn gather(self, password: &str) -> Result<Gathered, GatherError> {
        let server = TlsServer::start(move |request| self.answer(request));
        let ca_file = Some(server.ca_file().display().to_string());
        let recorder = Recorder::new().options(Options { ca_file, ..Options::default() });
        recorder.gather::<VMware>(json!({
            "hostname": "127.0.0.1", "port": server.port(), "username": "u", "password": password,
        }))
    }
}

/// vCenter 8.0.3 with one host and one machine, which is a cluster's agent.
fn vcenter_8(folder: PathBuf) -> Replay {
    let recorded = |kind: &str, property: &str| {
        let file = text(&folder, &format!("Fetch-{kind}-{property}-8.0.2.xml"));
        let document = parse(&file);
        leaves(property, find(&document, "returnval"))
    };
    let runtime = text(&folder, "Fetch-VirtualMachine-runtime-8.0.2.xml");
    // The recorded host is another one than that of the machine.
    let runtime = parse(&runtime);
    let host = find(&runtime, "host").text().expect("an id").to_owned();
    let properties: String =
        ["hardware", "summary"].map(|property| recorded("HostSystem", property)).concat();
    // The host's own state is part of its summary.
    let properties = properties.replace("<name>summary.runtime.", "<name>runtime.");
    let properties = property("name", "", "a host") + &properties;
    let hosts = object("HostSystem", &host, &properties);
    let name = text(&folder, "Fetch-VirtualMachine-name-8.0.2.xml");
    let name = parse(&name);
    let name = find(&name, "returnval").text().expect("a name").to_owned();
    let properties: String = ["config", "guest", "runtime", "summary"]
        .map(|property| recorded("VirtualMachine", property))
        .concat();
    let machines = object("VirtualMachine", "vm-19", &(property("name", "", &name) + &properties));
    let pair = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());
    Replay {
        view: vec![pair("HostSystem", &host), pair("VirtualMachine", "vm-19")],
        folder,
        content: "RetrieveServiceContent-8.0.2.xml",
        login: "Login-8.0.2.xml",
        objects: hosts + &machines,
    }
}

#[test]
fn reads_a_vcenter_8_with_an_agent_of_a_cluster() {
    let Some(folder) = recorded("vmware") else { skip!("{UNAVAILABLE}") };
    let summary = text(&folder, "Fetch-HostSystem-summary-8.0.2.xml");
    let summary = parse(&summary);
    let of_host = |name: &str| find(&summary, name).text().expect("a value").to_owned();
    let config = text(&folder, "Fetch-VirtualMachine-config-8.0.2.xml");
    let config = parse(&config);

    let gathered = vcenter_8(folder).gather("right").expect("a complete answer");
    let [host] = &gathered.hosts[..] else { panic!("{} hosts", gathered.hosts.len()) };
    assert_eq!(host.id, of_host("uuid"));
    assert_eq!(host.cpu.model.as_deref(), Some(&*of_host("cpuModel")));
    assert_eq!(host.cpu.threads.map(|number| number.to_string()), Some(of_host("numCpuThreads")));
    assert_eq!(host.memory_bytes.map(|number| number.to_string()), Some(of_host("memorySize")));
    assert_eq!(host.cpu.vendor.as_deref(), Some("intel"));
    assert_eq!(host.source_state.as_deref(), Some("connected"));
    let os = host.os.as_ref().expect("a system");
    assert_eq!(os.name.as_deref(), Some("VMware ESXi"));
    let [guest] = &host.guests[..] else { panic!("{} guests", host.guests.len()) };
    assert!(guest.agent && !guest.template);
    // The version of its virtual hardware is 11, so the UUID is as vSphere shows it.
    assert_eq!(guest.id.as_deref(), find(&config, "uuid").text());
    let disk = find(&config, "capacityInBytes").text().expect("a disk has a size");
    assert_eq!(guest.disks[0].capacity_bytes.map(|bytes| bytes.to_string()).as_deref(), Some(disk));
    assert_eq!(guest.state, Some(gatherer_plugin_api::model::GuestState::Running));
}

#[test]
fn a_wrong_password_of_a_vcenter_8_is_an_authentication_error() {
    let Some(folder) = recorded("vmware") else { skip!("{UNAVAILABLE}") };
    let error = vcenter_8(folder).gather("wrong").expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
}

#[test]
fn reads_an_esxi_5_5_with_ids_and_names_that_are_not_ascii() {
    let Some(folder) = recorded("vmware") else { skip!("{UNAVAILABLE}") };
    let updates = text(&folder, "virt-who-esx_waitforupdatesexresponse_0.xml");
    let updates = parse(&updates);
    let (mut objects, mut view, mut ids) = (String::new(), Vec::new(), Vec::new());
    for update in updates.descendants().filter(|node| node.tag_name().name() == "objectSet") {
        let object = xml::child(update, "obj").expect("an object");
        let (kind, id) = (object.attribute("type").expect("a type"), object.text().expect("an id"));
        let mut properties = String::new();
        for change in xml::children(update, "changeSet") {
            let name = xml::text(change, &["name"]).expect("a name");
            // The other program reads other properties with the same values.
            let path = match name {
                "config.uuid" => "summary.config.uuid",
                "hardware.systemInfo.uuid" => "summary.hardware.uuid",
                "hardware.cpuInfo.numCpuPackages" => "summary.hardware.numCpuPkgs",
                name => name,
            };
            let value = source(xml::child(change, "val").expect("a value"));
            properties.extend(["<propSet><name>", path, "</name>", value, "</propSet>"]);
        }
        if kind == "VirtualMachine" {
            properties.push_str(&property("runtime.host", " type=\"HostSystem\"", "ha-host"));
            properties.push_str(&property("config.version", "", "vmx-08"));
            ids.push(id.to_owned());
        }
        view.push((kind.to_owned(), id.to_owned()));
        objects.push_str(&self::object(kind, id, &properties));
    }
    let replay = Replay {
        content: "virt-who-esx_retrieveservicecontent.xml",
        login: "virt-who-esx_loginresponse.xml",
        view,
        objects,
        folder,
    };
    let gathered = replay.gather("right").expect("a complete answer");
    assert!(gathered.hosts.len() >= 4, "{} hosts", gathered.hosts.len());
    let host = gathered.hosts.iter().find(|host| !host.guests.is_empty()).expect("guests");
    let own = |id: &Option<String>| id.clone().expect("an id");
    let found: Vec<String> =
        host.guests.iter().map(|guest| own(&guest.identifiers.managed_object)).collect();
    assert_eq!(found, ids);
    assert!(host.guests.iter().all(|guest| uuid::canonical(&own(&guest.id)) == guest.id));
    assert_eq!(host.cpu.sockets, Some(1));
    assert!(!host.name.is_ascii(), "{}", host.name);
    let without_uuid = gathered.hosts.iter().filter(|host| host.identifiers.uuid.is_none());
    assert_eq!(without_uuid.map(|host| host.id.as_str()).collect::<Vec<_>>(), ["ha-host4"]);
}
