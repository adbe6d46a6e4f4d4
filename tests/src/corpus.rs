//! Replays the committed cases of fuzz targets, so that every bug that was found stays fixed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A target's name, and the function that takes one input and panics if it finds a bug.
pub type Target = (&'static str, fn(&[u8]));

/// Runs each target on its seeds and its found cases. Panics if a target has no seeds, and with the
/// names of all cases that fail.
pub fn replay(targets: &[Target]) {
    let mut failed = Vec::new();
    for (name, target) in targets {
        let seeds = cases("seeds", name);
        assert!(!seeds.is_empty(), "fuzz/seeds/{name} has no seeds");
        for case in seeds.into_iter().chain(cases("found", name)) {
            let input = fs::read(&case).expect("the case can be read");
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                failed.push(format!("{name}: {}", case.display()));
            }
        }
    }
    assert!(failed.is_empty(), "these cases fail:\n{}", failed.join("\n"));
}

/// The paths of a target's committed cases, sorted. A target without found cases has no folder.
fn cases(kind: &str, target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let Ok(entries) = fs::read_dir(root.join(kind).join(target)) else { return Vec::new() };
    let mut cases: Vec<_> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    cases.sort();
    cases
}
