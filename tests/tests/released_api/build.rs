//! Builds plugins against a released plugin API, as their authors would: outside of the program's
//! workspace, with a `cargo` of its own. Nothing is downloaded: the crates are those of the program's
//! `Cargo.lock`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::build_folder;

/// The version that the same API is given to stand for a later release.
pub const LATER_VERSION: &str = "1.99.0";

/// What is built.
#[derive(Debug, Clone, Copy)]
pub enum Plugin {
    /// `tests/released-api/<series>/plugin`, for which the API was released.
    Released,
    /// `plugins/example` of this tree, against the released API.
    Example,
    /// The same against an API of [`LATER_VERSION`].
    LaterExample,
}

impl Plugin {
    fn crate_name(self) -> &'static str {
        match self {
            Self::Released => "gatherer-plugin-released",
            Self::Example => "gatherer-plugin-example",
            // A name of its own, since both end in one target folder.
            Self::LaterExample => "gatherer-plugin-later",
        }
    }
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder, by its path there.
pub fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = PathBuf::from(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|below| name.join(below)));
        } else {
            found.insert(name);
        }
    }
    found
}

/// The library of a plugin, built unless it is there. Tests that ask at once wait for each other.
pub fn built(series: &str, plugin: Plugin) -> PathBuf {
    let profile = build_folder();
    let ours = profile.parent().expect("a profile is in the target folder").join("released-api");
    std::fs::create_dir_all(&ours).expect("the target folder is ours");
    let alone = File::create(ours.join("lock")).expect("the target folder is ours");
    alone.lock().expect("a file can be locked");

    let later = matches!(plugin, Plugin::LaterExample);
    let folder = ours.join(if later { format!("{series}-later") } else { series.to_owned() });
    assemble(&folder, &repository().join("tests/released-api").join(series), plugin);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = ours.join(format!("{series}-build"));
    let output = Command::new(cargo)
        .current_dir(&folder)
        .args(["build", "--offline", "--quiet", "-p", plugin.crate_name(), "--target-dir"])
        .arg(&target)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env_remove("CARGO_BUILD_TARGET")
        // A flag that makes warnings errors would ask for changes of what nobody may change.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "a plugin of the released API {series} does not build. If cargo lacks a crate, the program's \
         Cargo.lock has a version of it that the release does not take: keep one that it takes, as a \
         dependency of the tests.\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_same_crates(&folder);
    target.join("debug").join(format!("lib{}.so", plugin.crate_name().replace('-', "_")))
}

/// Puts the release and the example, as an author's crate, into a folder, and touches no file that is
/// right already: cargo would build it again.
fn assemble(folder: &Path, release: &Path, plugin: Plugin) {
    let mut wanted: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut copy = |from: &Path, to: &str| {
        for file in files(from) {
            let bytes = std::fs::read(from.join(&file)).expect("a file that was just listed");
            wanted.push((Path::new(to).join(file), bytes));
        }
    };
    copy(release, "");
    copy(&repository().join("plugins/example"), "authors/example");
    for (path, bytes) in &mut wanted {
        match (path.to_str().expect("UTF-8"), plugin) {
            ("Cargo.toml", _) => {
                let text = std::str::from_utf8(bytes).expect("UTF-8");
                let (members, rest) = text.split_once("\"plugin\"]").expect("the members");
                *bytes = format!("{members}\"plugin\", \"authors/example\"]{rest}").into_bytes();
            }
            ("plugin-api/Cargo.toml", Plugin::LaterExample) => {
                let text = std::str::from_utf8(bytes).expect("UTF-8");
                let released = text.lines().find(|line| line.starts_with("version = "));
                let released = released.expect("a version of its own");
                let later = format!("version = \"{LATER_VERSION}\"");
                *bytes = text.replace(released, &later).into_bytes();
            }
            ("authors/example/Cargo.toml", Plugin::LaterExample) => *bytes = authors_crate(plugin),
            ("authors/example/Cargo.toml", _) => *bytes = authors_crate(Plugin::Example),
            _ => {}
        }
    }
    // cargo keeps to these versions, and drops what is not needed here.
    let lock = std::fs::read(repository().join("Cargo.lock")).expect("the program has a lock file");
    wanted.push(("Cargo.lock".into(), lock));

    let right: BTreeSet<_> = wanted.iter().map(|(path, _)| path.clone()).collect();
    for stray in files(folder).difference(&right) {
        std::fs::remove_file(folder.join(stray)).expect("the target folder is ours");
    }
    for (path, bytes) in wanted {
        let path = folder.join(path);
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            continue;
        }
        std::fs::create_dir_all(path.parent().expect("a file stands in a folder"))
            .and_then(|()| std::fs::write(&path, bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The example's `Cargo.toml` as an author has it, who is not in the program's workspace.
fn authors_crate(plugin: Plugin) -> Vec<u8> {
    let name = plugin.crate_name();
    let manifest = read(&repository().join("plugins/example/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
    format!(
        "[package]\nname = \"{name}\"\nversion = {}\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\ngatherer-plugin-api = {{ path = \"../../plugin-api\" }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\n",
        manifest["version"]
    )
    .into_bytes()
}

/// That cargo took the versions of the program's lock file, and did not choose others.
fn assert_same_crates(folder: &Path) {
    let crates = |lock: &Path| -> BTreeSet<String> {
        let text = read(lock);
        let packages = text.split("[[package]]").skip(1);
        let packages = packages.filter(|package| package.contains("\nsource = "));
        packages
            .map(|package| package.trim().lines().take(2).collect::<Vec<_>>().join(" "))
            .collect()
    };
    let here = crates(&folder.join("Cargo.lock"));
    let ours = crates(&repository().join("Cargo.lock"));
    assert!(here.len() > 5, "{here:?}");
    let others: Vec<_> = here.difference(&ours).collect();
    assert!(others.is_empty(), "not in the program's Cargo.lock: {others:?}");
}
