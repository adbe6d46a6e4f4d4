//! A machine that gives little.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

#[test]
fn few_open_files_mean_fewer_workers_at_once_and_no_failure() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints: Value = (0..40)
        .map(|number| {
            let id = format!("e{number}");
            json!({"id": id, "module": "Example", "hostname": "h", "delay_ms": 100})
        })
        .collect();
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--jobs", "40"])
        .through(["sh", "-c", "ulimit -n 96 && exec \"$0\" \"$@\""])
        .run()
        .expect_code(0);
    let document = outcome.document();
    assert_eq!(document.len(), 40);
    assert!(document.values().all(Option::is_some), "{}", outcome.describe());
    assert!(outcome.stderr.contains("96 open files are allowed"), "{}", outcome.describe());
}
