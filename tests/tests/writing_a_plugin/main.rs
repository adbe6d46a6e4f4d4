//! Checks `docs/writing-a-plugin.md`: its Rust code is that of compiled files, its options exist, and its commands
//! make a working plugin outside the tree.

/// The collection that the page shows.
mod services;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use gatherer_tests::Run;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced code blocks of a language on the page.
fn blocks(language: &str) -> Vec<String> {
    let page = read("docs/writing-a-plugin.md");
    let mut blocks = Vec::new();
    let mut inside: Option<(bool, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside.take()) {
            (Some(info), None) => inside = Some((info == language, String::new())),
            (Some(_), Some((true, block))) => blocks.push(block),
            (None, Some((wanted, block))) => inside = Some((wanted, block + line + "\n")),
            (Some(_), Some((false, _))) | (None, None) => {}
        }
    }
    assert!(inside.is_none(), "a code block of the page is not closed");
    assert!(!blocks.is_empty(), "the page has no code block with {language}");
    blocks
}

/// Nothing is downloaded: the crates are those of the program's `Cargo.lock`.
#[test]
fn the_example_can_be_built_tested_and_run_as_the_page_says() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let repository = repository.canonicalize().expect("the repository exists");
    let folder = tempfile::tempdir().expect("a temporary folder");
    symlink(&repository, folder.path().join("virtual-host-gatherer")).expect("a new link");
    let plugin = folder.path().join("gatherer-plugin-example");
    let commands = blocks("sh");
    let [_, create, test_and_run, ..] = commands.as_slice() else {
        panic!("the blocks of commands")
    };
    shell(create, folder.path());
    std::fs::write(plugin.join("Cargo.toml"), &blocks("toml")[0]).expect("written");
    std::fs::write(plugin.join("Cargo.lock"), read("Cargo.lock")).expect("written");
    // The output is kept, so that the next run builds only the crates of this repository.
    let profile = gatherer_tests::build_folder();
    let target = profile.parent().expect("a profile is in the target folder");
    let target = target.join("writing-a-plugin");
    std::fs::create_dir_all(&target).expect("the target folder is writable");
    symlink(&target, plugin.join("target")).expect("a new link");

    let program = "virtual-host-gatherer/target/debug/virtual-host-gatherer";
    assert!(test_and_run.contains(program), "{test_and_run}");
    let built = gatherer_tests::program();
    let test_and_run = test_and_run.replace(program, built.to_str().expect("UTF-8"));
    let stdout = shell(&test_and_run, folder.path());
    assert!(stdout.contains("a_truncated_page_fails_the_whole_list ... ok"), "{stdout}");
    let page = read("docs/writing-a-plugin.md");
    let (_, table) = page.split_once("  NAME      STATE    ID\n").expect("the page has the table");
    let (table, _) = table.split_once("```").expect("the block ends");
    assert!(stdout.ends_with(table), "{stdout}");

    let verify = commands.iter().find(|block| block.contains("> endpoints.json"));
    let verify = verify.expect("the page verifies the example with an endpoint");
    let is_variable = |line: &&str| line.starts_with("gatherer=") || line.starts_with("plugins=");
    let variables: Vec<_> = test_and_run.lines().filter(is_variable).collect();
    let stdout = shell(&format!("{}\n{verify}", variables.join("\n")), folder.path());
    let failed = stdout.lines().find(|line| line.starts_with("not ok"));
    assert_eq!(failed, None, "{stdout}");
    assert!(stdout.contains(" passes: "), "{stdout}");

    assert_a_profile_that_aborts_is_rejected(&plugin);
}

/// Panics unless the build of a plugin whose panics could not be caught stops with an explanation.
fn assert_a_profile_that_aborts_is_rejected(plugin: &Path) {
    // Only the plugin is compiled with it, because the libraries are there already.
    let output = Command::new("cargo")
        .args(["rustc", "--lib", "--", "-C", "panic=abort"])
        .current_dir(plugin)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains("a plugin must be built with `panic = \"unwind\"`"), "{stderr}");
}

/// Runs commands of the page, and returns what they print.
fn shell(commands: &str, folder: &Path) -> String {
    let output = Command::new("sh")
        .args(["-e", "-c", commands])
        .current_dir(folder)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("GATHERER_LOGFILE", folder.join("log"))
        // The table as on a terminal of this width.
        .env("COLUMNS", "100")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("sh can be started");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands}: {stdout}\n{stderr}");
    stdout
}

#[test]
fn every_rust_block_of_the_page_is_part_of_a_compiled_file() {
    let sources = [
        "plugins/example/src/lib.rs",
        "plugins/example/src/client.rs",
        "plugins/example/src/map.rs",
        "plugins/example/src/tests.rs",
        "tests/tests/writing_a_plugin/services.rs",
    ]
    .map(read);
    for block in blocks("rust") {
        let found = sources.iter().any(|source| source.contains(&block));
        assert!(found, "not part of a compiled file:\n{block}");
    }
}

#[test]
fn the_page_has_the_current_versions() {
    let manifest = read("plugins/example/manifest.json");
    let manifest: Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
    assert_eq!(manifest["abi"], gatherer_plugin_api::ABI_VERSION);
}

#[test]
fn every_option_on_the_page_exists() {
    let help = Run::new().without_logfile().arg("--help").run().expect_code(0);
    let commands = blocks("sh").concat();
    let words = commands.lines().filter(|line| line.contains("gatherer -")).flat_map(|line| {
        line.split_whitespace().filter(|word| word.starts_with("--")).map(str::to_owned)
    });
    let words: Vec<_> = words.collect();
    assert!(words.len() >= 4, "{words:?}");
    for word in words {
        assert!(help.stdout_text().contains(&word), "{word}");
    }
}
