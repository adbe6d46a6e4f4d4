//! The command lines of the containers, with other folders: the program knows every option and the operator's file.

use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

use crate::{items, object, rendered, rendered_or_skip, text};

/// The folders of a pod, as folders of this machine.
struct Volumes(tempfile::TempDir);

impl Volumes {
    /// The volumes of the rendered objects: the operator's file, and a request of File endpoints.
    fn of(objects: &[Value]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["etc/virtual-host-gatherer", "requests", "results", "merged"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a new folder");
        }
        let volumes = Self(folder);
        let is_config = |one: &&Value| one["kind"] == "ConfigMap";
        let config = objects.iter().find(is_config).expect("a ConfigMap");
        volumes.put("etc/virtual-host-gatherer/config.toml", text(&config["data"]["config.toml"]));
        let hosts = json!({"esx1": {"name": "esx1", "vms": {}}});
        volumes.put("requests/hosts.data", &hosts.to_string());
        let endpoints: Vec<Value> = (0..20)
            .map(|number| json!({"id": format!("file-{number}"), "module": "File", "url": "hosts.data"}))
            .collect();
        volumes.put("requests/files.json", &json!(endpoints).to_string());
        volumes
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, content: &str) {
        std::fs::write(self.path().join(name), content).expect("the file can be written");
    }

    /// Runs the container of a CronJob with the variables of a pod of an Indexed Job.
    fn run(&self, cron_job: &Value, index: usize) -> Outcome {
        let container =
            &cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        let plugins = PluginFolder::with(&["file", "kubernetes"]);
        let mut run =
            Run::new().plugins(plugins.path()).env("JOB_COMPLETION_INDEX", index.to_string());
        let mut variables = vec![("JOB_COMPLETION_INDEX", index.to_string())];
        for variable in items(&container["env"]) {
            variables.push((text(&variable["name"]), text(&variable["value"]).to_owned()));
        }
        for argument in items(&container["args"]) {
            let mut argument = text(argument).to_owned();
            for (name, value) in &variables {
                argument = argument.replace(&format!("$({name})"), value);
            }
            for folder in ["/etc/virtual-host-gatherer", "/requests", "/results", "/merged"] {
                let here = format!("{}{folder}", self.path().display());
                if argument == folder || argument.contains(&format!("={folder}")) {
                    argument = argument.replacen(folder, &here, 1);
                }
            }
            run = run.arg(argument);
        }
        run.run()
    }
}

fn document(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_pods_of_the_shards_write_their_inventories() {
    let objects = rendered_or_skip!(rendered("base"));
    let volumes = Volumes::of(&objects);
    let gather = object(&objects, "CronJob", "virtual-host-gatherer");
    let mut ids = Vec::new();
    for index in 0..4 {
        volumes.run(gather, index).expect_code(0);
        let inventory = document(&volumes.path().join(format!("results/shard-{index}.json")));
        assert_eq!(inventory["shard"], json!({"index": index, "count": 4}));
        ids.extend(items(&inventory["endpoints"]).iter().map(|one| text(&one["id"]).to_owned()));
    }
    ids.sort();
    let mut expected: Vec<String> = (0..20).map(|number| format!("file-{number}")).collect();
    expected.sort();
    assert_eq!(ids, expected);
}

#[test]
fn the_merge_reads_the_inventories_of_the_pods() {
    let objects = rendered_or_skip!(rendered("base"));
    let volumes = Volumes::of(&objects);
    let gather = object(&objects, "CronJob", "virtual-host-gatherer");
    let merge = object(&objects, "CronJob", "virtual-host-gatherer-merge");
    for index in [0, 1, 3] {
        volumes.run(gather, index).expect_code(0);
    }
    let merged = || {
        volumes.run(merge, 0).expect_code(0);
        let inventory = document(&volumes.path().join("merged/inventory.json"));
        let endpoints = items(&inventory["endpoints"]).to_vec();
        assert_eq!(endpoints.len(), 20);
        assert!(inventory["shard"].is_null());
        let failed = |one: &&Value| one["status"] == "failed";
        endpoints
            .iter()
            .filter(failed)
            .map(|one| text(&one["error"]["message"]).to_owned())
            .collect::<Vec<_>>()
    };
    let messages = merged();
    assert!(!messages.is_empty());
    assert!(messages.iter().all(|message| message.contains("shard 2 of 0..3")), "{messages:?}");
    volumes.run(gather, 2).expect_code(0);
    assert_eq!(merged(), [""; 0]);
}
