//! Real servers under `watch`: the events are exactly the changes that were made.

use gatherer_tests::event_consumer::{EventConsumer, known_of_inventory};
use gatherer_tests::servers::kubernetes::{Cluster, Method};
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use gatherer_tests::{Judge, PluginFolder, Run, Running, cluster_or_skip, processes, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::WatchFolder;

/// A `watch` of one endpoint that asks it all the time.
struct Watched {
    folder: WatchFolder,
    running: Running,
    id: String,
    endpoint: Value,
}

impl Watched {
    fn start(plugin: &str, mut endpoint: Value) -> Self {
        let plugins = PluginFolder::with(&[plugin]);
        let folder = WatchFolder { plugins, ..WatchFolder::new() };
        endpoint["interval"] = json!(0.2);
        folder.write("in", &json!([endpoint]));
        let running = folder.watch_to_file(&[]).within(std::time::Duration::from_mins(3)).start();
        let id = endpoint["id"].as_str().expect("an id").to_owned();
        let watched = Self { folder, running, id, endpoint };
        watched
            .wait_for(|types| types.iter().any(|kind| kind.starts_with("endpoint.snapshot.end")));
        watched
    }

    /// The types and subjects of the events after the snapshot, except for heartbeats.
    fn types(&self) -> Vec<String> {
        let text = self.folder.events_text();
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let types = EventConsumer::of_lines(whole).types.into_iter();
        let types = types.map(|(kind, _, subject)| format!("{kind} {subject}").trim().to_owned());
        types.filter(|kind| kind != "endpoint.unchanged").collect()
    }

    fn wait_for(&self, condition: impl Fn(&[String]) -> bool) {
        self.running.wait_until("an event", |_| condition(&self.types()).then_some(()));
    }

    /// The number of events so far.
    fn count(&self) -> usize {
        self.types().len()
    }

    /// Makes a change while no worker runs, so that the program sees all of it or nothing.
    fn between_rounds<T>(&self, change: impl FnOnce() -> T) -> T {
        self.running.wait_until("a moment without workers", |running| {
            // A worker may need the program to end, so it is stopped only if it has none.
            running.signal(Signal::STOP);
            let is_idle = processes::children(running.pid()).is_empty();
            if !is_idle {
                running.signal(Signal::CONT);
            }
            is_idle.then_some(())
        });
        let changed = change();
        self.running.signal(Signal::CONT);
        changed
    }

    /// Waits until there are this many events more, and one more round. Returns them.
    fn next(&self, before: usize, count: usize) -> Vec<String> {
        self.wait_for(|types| types.len() >= before + count);
        let rounds = || self.folder.events_text().matches("endpoint.unchanged").count();
        let earlier = rounds();
        self.running.wait_until("another round", |_| (rounds() > earlier).then_some(()));
        let mut new = self.types()[before..].to_vec();
        new.sort();
        new
    }

    /// Ends the program, and checks that all events give what a run gathers.
    fn finish(self) {
        self.running.signal(Signal::TERM);
        self.running.finish().expect_code(0);
        let run = Run::gather(&json!([self.endpoint])).plugins(self.folder.plugins.path());
        let gathered = run.args(["--format", "inventory"]).run().endpoint(&self.id);
        let consumer = self.folder.consumer();
        let (mut known, mut expected) =
            (consumer.endpoints[&self.id].clone(), known_of_inventory(&gathered));
        for endpoint in [&mut known, &mut expected] {
            for (object, _) in endpoint.objects.values_mut() {
                if let Some(attributes) = object["attributes"].as_object_mut() {
                    attributes.remove("uptime");
                }
            }
        }
        assert_eq!(known, expected);
    }
}

#[test]
fn the_events_of_a_real_api_server_are_the_changes_that_were_made() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(3, 4000);
    cluster.create("/api/v1/namespaces", &json!({"metadata": {"name": "shop"}}));
    let kubeconfig = cluster.kubeconfig("token");
    let endpoint = json!({"id": "c", "module": "Kubernetes", "kubeconfig": kubeconfig,
        "collect": "namespaces,pods,services"});
    let watched = Watched::start("kubernetes", endpoint);
    let pods = "/api/v1/namespaces/shop/pods";
    let pod = json!({"metadata": {"name": "web"}, "spec": {"nodeName": "node-000001",
        "automountServiceAccountToken": false, "containers": [{"name": "c", "image": "nginx"}]}});
    let uid = |object: &Value| object["metadata"]["uid"].as_str().expect("a uid").to_owned();

    let before = watched.count();
    let created = uid(&cluster.create(pods, &pod));
    assert_eq!(watched.next(before, 1), [format!("pod.created pod/{created}")]);

    let before = watched.count();
    let service = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}});
    let service = uid(&cluster.create("/api/v1/namespaces/shop/services", &service));
    cluster.create_nodes_from(3, 1, 4000);
    let new = watched.next(before, 2);
    assert!(new[0].starts_with("host.created host/"), "{new:?}");
    assert_eq!(new[1..], [format!("service.created service/{service}")]);

    let before = watched.count();
    let mut changed: Value = read(&cluster, &format!("{pods}/web"));
    changed["metadata"]["labels"] = json!({"release": "2"});
    request(&cluster, Method::PUT, &format!("{pods}/web"), Some(&changed));
    assert_eq!(watched.next(before, 1), [format!("pod.updated pod/{created}")]);

    // A heartbeat changes nothing.
    let before = watched.count();
    let mut node = cluster.node("node-000000");
    for condition in node["status"]["conditions"].as_array_mut().expect("a list") {
        condition["lastHeartbeatTime"] = json!("2030-01-01T00:00:00Z");
    }
    request(&cluster, Method::PUT, "/api/v1/nodes/node-000000/status", Some(&node));
    let deleted = json!({"gracePeriodSeconds": 0});
    request(&cluster, Method::DELETE, &format!("{pods}/web"), Some(&deleted));
    cluster.delete_node("node-000002");
    let gone = watched.next(before, 2);
    assert!(gone[0].starts_with("host.deleted host/"), "{gone:?}");
    assert_eq!(gone[1..], [format!("pod.deleted pod/{created}")]);

    // The same name is another pod.
    let before = watched.count();
    let again = uid(&cluster.create(pods, &pod));
    assert_eq!(watched.next(before, 1), [format!("pod.created pod/{again}")]);
    watched.finish();
}

fn request(cluster: &Cluster, method: Method, path: &str, body: Option<&Value>) {
    let (status, text) = cluster.request(method, path, body).expect("a response");
    assert!((200..300).contains(&status), "{path}: {status} {text}");
}

fn read(cluster: &Cluster, path: &str) -> Value {
    let (status, text) = cluster.request(Method::GET, path, None).expect("a response");
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_events_of_vcsim_are_the_changes_that_were_made() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let vcsim = match Vcsim::start(&VcsimOptions::default()) {
        Ok(vcsim) => vcsim,
        Err(reason) => skip!("{reason}"),
    };
    let change = |change: &str, name: &str| {
        let mut command = judge.command("vmware_changes.py");
        let output = command.args(vcsim.judge_arguments()).args([change, name]).output();
        let output = output.expect("Python can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{change} {name}: {errors}\n{}", vcsim.log());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let watched = Watched::start("vmware", vcsim.endpoint());
    let consumer = watched.folder.consumer();
    let objects = &consumer.endpoints["vcenter"].objects;
    let is_in_cluster =
        |host: &Option<String>| host.as_ref().is_some_and(|host| host.contains("_C0_"));
    let mut guests = objects.iter().filter(|((kind, ..), (data, host))| {
        kind == "guest" && is_in_cluster(host) && data["state"] == "running"
    });
    let mut guest =
        || guests.next().map(|((_, id, name), _)| (id.clone(), name.clone())).expect("a guest");

    let change = |kind: &str, name: &str| watched.between_rounds(|| change(kind, name));

    let (id, name) = guest();
    let before = watched.count();
    change("power-off", &name);
    assert_eq!(watched.next(before, 1), [format!("guest.updated guest/{id}")]);

    let (id, name) = guest();
    let before = watched.count();
    let target = change("migrate", &name);
    assert_eq!(watched.next(before, 1), [format!("guest.migrated guest/{id}")]);
    let key = ("guest".to_owned(), id, name);
    let known = watched.folder.consumer();
    assert_eq!(known.endpoints["vcenter"].objects[&key].1, Some(target));

    let before = watched.count();
    change("create", "a-new-machine");
    let new = watched.next(before, 1);
    assert!(new.len() == 1 && new[0].starts_with("guest.created guest/"), "{new:?}");

    let (id, name) = guest();
    let before = watched.count();
    change("delete", &name);
    assert_eq!(watched.next(before, 1), [format!("guest.deleted guest/{id}")]);
    watched.finish();
}

#[test]
fn the_sdk_of_cloudevents_reads_every_event() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let folder = WatchFolder::new();
    folder.write("in", &json!([{"id": "an id/ä", "module": "File", "url": folder.path("e.json")}]));
    let host = |guests: Value| json!({"h\u{1} %#": {"name": "h", "hostIdentifier": "h\u{1} %#ä", "vms": guests}});
    for document in [
        host(json!({"a": "1", "b": "2"})),
        json!("broken"),
        host(json!({"a": "1", "c": "2", "d": "3"})),
        host(json!({"a": "1", "c": "2", "d": "3"})),
        json!({"other": {"name": "other", "hostIdentifier": "o", "vms": {"a": "1"}}}),
    ] {
        folder.write("e.json", &document);
        folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
    }
    folder.write("in", &json!([]));
    folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
    let output = judge.command("cloudevents_reader.py").arg(folder.path("events")).output();
    let output = output.expect("Python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = folder.events_text();
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(read.len(), events.len());
    for (read, event) in read.iter().zip(&events) {
        for member in ["id", "source", "type", "round", "data"] {
            assert_eq!(read[member], event[member], "{event:#}");
        }
        assert_eq!(&read["subject"], event.get("subject").unwrap_or(&Value::Null));
    }
    let types: std::collections::BTreeSet<_> =
        folder.consumer().types.into_iter().map(|(kind, ..)| kind).collect();
    for kind in [
        "endpoint.failed",
        "endpoint.recovered",
        "endpoint.removed",
        "endpoint.unchanged",
        "guest.created",
        "guest.deleted",
        "guest.migrated",
        "guest.updated",
        "host.deleted",
    ] {
        assert!(types.contains(kind), "{kind}: {types:?}");
    }
}
