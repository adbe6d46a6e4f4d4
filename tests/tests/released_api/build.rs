//! Builds plugins against a released plugin API, as their authors do: outside the program's workspace,
//! with a `cargo` process of their own. Nothing is downloaded: the crates are those of the program's
//! `Cargo.lock`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::build_folder;
use tempfile::TempDir;

/// The version that the released API gets when it plays the role of a later release.
pub const LATER_VERSION: &str = "1.99.0";

/// A released plugin API: `tests/released-api/<series>.tar.gz`.
#[derive(Debug)]
pub struct Release {
    /// The major and minor version.
    pub series: &'static str,
    /// The SHA-256 of the archive. Never change it: `tests/released-api/README.md` has the reason.
    pub sha256: &'static str,
}

/// Every release, the first one first. A release stays in this list permanently.
pub const RELEASES: [Release; 1] = [Release {
    series: "1.0",
    sha256: "39f14de53c742debcd9b1e7a316f017615aedb4599edffec0f5a9ea97a431964",
}];

/// Release 1.0.
pub const V1_0: &Release = &RELEASES[0];

impl Release {
    /// The version of the released crate.
    pub fn version(&self) -> String {
        format!("{}.0", self.series)
    }

    /// Unpacks the archive after checking that it is unchanged. Its files are in the folder `<series>`.
    pub fn unpack(&self) -> TempDir {
        let archive = archives().join(format!("{}.tar.gz", self.series));
        let sum = output(Command::new("sha256sum").arg(&archive));
        assert_eq!(
            sum.split_whitespace().next(),
            Some(self.sha256),
            "{} changed. Plugins were built from this release, so it must not: \
             tests/released-api/README.md",
            archive.display()
        );
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        output(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()));
        folder
    }
}

/// Runs a command to its end and returns its standard output.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("the command prints UTF-8")
}

/// The plugins that can be built.
#[derive(Debug, Clone, Copy)]
pub enum Plugin {
    /// `plugin` of the archive, which was written for the release.
    Released,
    /// `example` of the archive, the example as it was at the release, built against the released API.
    Example,
    /// The same example, built against the released API under the number [`LATER_VERSION`].
    LaterExample,
    /// The same example, whose parameter `hostname` is called `client_cert`, as an option of every
    /// endpoint is that was added after the release.
    RenamedExample,
}

impl Plugin {
    fn crate_name(self) -> &'static str {
        match self {
            Self::Released => "gatherer-plugin-released",
            Self::Example => "gatherer-plugin-example",
            // Another name, since both are built into one target folder.
            Self::LaterExample => "gatherer-plugin-later",
            Self::RenamedExample => "gatherer-plugin-renamed",
        }
    }
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository exists")
}

/// The folder with the archives of the releases.
pub fn archives() -> PathBuf {
    repository().join("tests/released-api")
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder, by its path relative to the folder.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("the folder can be listed").path();
        let name = PathBuf::from(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|below| name.join(below)));
        } else {
            found.insert(name);
        }
    }
    found
}

/// Builds a plugin unless it is up to date, and returns its library. Concurrent calls wait for each
/// other.
pub fn built(release: &Release, plugin: Plugin) -> PathBuf {
    let series = release.series;
    let profile = build_folder();
    let base = profile.parent().expect("a profile is in the target folder").join("released-api");
    std::fs::create_dir_all(&base).expect("the target folder is writable");
    let lock = File::create(base.join("lock")).expect("the target folder is writable");
    lock.lock().expect("a file can be locked");

    let folder = base.join(match plugin {
        Plugin::Released | Plugin::Example => series.to_owned(),
        Plugin::LaterExample => format!("{series}-later"),
        Plugin::RenamedExample => format!("{series}-renamed"),
    });
    let unpacked = release.unpack();
    assemble(&folder, &unpacked.path().join(series), plugin);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = base.join(format!("{series}-build"));
    let output = Command::new(cargo)
        .current_dir(&folder)
        .args(["build", "--offline", "--quiet", "-p", plugin.crate_name(), "--target-dir"])
        .arg(&target)
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env_remove("CARGO_BUILD_TARGET")
        // A flag that makes warnings errors would require changes of the released source.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "a plugin of the released API {series} does not build. If cargo lacks a crate, the program's \
         Cargo.lock has a version of it that the release does not accept: keep one that it accepts, \
         as a dependency of the tests.\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_same_crates(&folder);
    target.join("debug").join(format!("lib{}.so", plugin.crate_name().replace('-', "_")))
}

/// Puts the release, and its example as the crate of another author, into a folder. Files that are
/// already right keep their time stamps, so that cargo does not build them again.
fn assemble(folder: &Path, release: &Path, plugin: Plugin) {
    let mut wanted: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for file in files(release) {
        let bytes = std::fs::read(release.join(&file)).expect("the file was just unpacked");
        let place = match file.strip_prefix("example") {
            Ok(below) => Path::new("authors/example").join(below),
            Err(_) => file,
        };
        wanted.push((place, bytes));
    }
    for (path, bytes) in &mut wanted {
        match (path.to_str().expect("paths of the release are UTF-8"), plugin) {
            ("Cargo.toml", _) => {
                let text = std::str::from_utf8(bytes).expect("Cargo.toml is UTF-8");
                let (members, rest) = text.split_once("\"plugin\"]").expect("the list of members");
                *bytes = format!("{members}\"plugin\", \"authors/example\"]{rest}").into_bytes();
            }
            ("plugin-api/Cargo.toml", Plugin::LaterExample) => {
                let text = std::str::from_utf8(bytes).expect("Cargo.toml is UTF-8");
                let released = text.lines().find(|line| line.starts_with("version = "));
                let released = released.expect("the crate has a version");
                let later = format!("version = \"{LATER_VERSION}\"");
                *bytes = text.replace(released, &later).into_bytes();
            }
            ("authors/example/Cargo.toml", _) => {
                let name = match plugin {
                    Plugin::LaterExample | Plugin::RenamedExample => plugin,
                    Plugin::Released | Plugin::Example => Plugin::Example,
                };
                *bytes = authors_manifest(name.crate_name(), release).into_bytes();
            }
            (
                "authors/example/manifest.json" | "authors/example/src/lib.rs",
                Plugin::RenamedExample,
            ) => {
                let text = std::str::from_utf8(bytes).expect("the example is UTF-8");
                *bytes = text.replace("hostname", "client_cert").into_bytes();
            }
            _ => {}
        }
    }
    // cargo takes these versions, and drops the crates that are not needed here.
    let lock = std::fs::read(repository().join("Cargo.lock")).expect("the program has a lock file");
    wanted.push(("Cargo.lock".into(), lock));

    let expected: BTreeSet<_> = wanted.iter().map(|(path, _)| path.clone()).collect();
    for stale in files(folder).difference(&expected) {
        std::fs::remove_file(folder.join(stale)).expect("the target folder is writable");
    }
    for (path, bytes) in wanted {
        let path = folder.join(path);
        if std::fs::read(&path).is_ok_and(|present| present == bytes) {
            continue;
        }
        std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .and_then(|()| std::fs::write(&path, bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The `Cargo.toml` of the example as the crate of an author outside the program's workspace.
fn authors_manifest(name: &str, release: &Path) -> String {
    let manifest = read(&release.join("example/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
    format!(
        "[package]\nname = \"{name}\"\nversion = {}\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\ngatherer-plugin-api = {{ path = \"../../plugin-api\" }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\n",
        manifest["version"]
    )
}

/// Panics unless cargo took every crate in the version of the program's lock file.
fn assert_same_crates(folder: &Path) {
    let crates = |lock: &Path| -> BTreeSet<String> {
        let text = read(lock);
        let packages = text.split("[[package]]").skip(1);
        let packages = packages.filter(|package| package.contains("\nsource = "));
        packages
            .map(|package| package.trim().lines().take(2).collect::<Vec<_>>().join(" "))
            .collect()
    };
    let taken = crates(&folder.join("Cargo.lock"));
    let locked = crates(&repository().join("Cargo.lock"));
    assert!(taken.len() > 5, "{taken:?}");
    let unexpected: Vec<_> = taken.difference(&locked).collect();
    assert!(unexpected.is_empty(), "not in the program's Cargo.lock: {unexpected:?}");
}
