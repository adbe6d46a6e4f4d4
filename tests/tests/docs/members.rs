//! Checks that the documents name all modules: the table of members with its tests, and the page on installation.

use serde_json::Value;

use super::shown::installed_plugins;
use super::{files, read, repository, section};

/// The modules of each installed plugin.
fn modules_of_plugins() -> Vec<Vec<String>> {
    let modules = |plugin: String| {
        let manifest = read(&format!("plugins/{plugin}/manifest.json"));
        let manifest: Value = serde_json::from_str(&manifest).expect("a manifest is JSON");
        let modules = manifest["modules"].as_array().expect("modules is a list").iter();
        modules.map(|it| it["name"].as_str().expect("the name is a string").to_owned()).collect()
    };
    installed_plugins().into_iter().map(modules).collect()
}

#[test]
fn each_module_has_a_column_of_the_members_and_a_test_of_it() {
    let inventory = read("docs/inventory.md");
    let table = section(&inventory, "### Which module reports what");
    let header = table.lines().find(|line| line.starts_with("| member")).expect("a table");
    let mut columns: Vec<_> = header.trim_matches('|').split('|').map(str::trim).skip(1).collect();
    for modules in modules_of_plugins() {
        // The modules of one plugin report the same.
        let column = columns.iter().position(|column| modules.iter().any(|name| name == column));
        let column = column.unwrap_or_else(|| panic!("{modules:?} have no column"));
        let call = format!("assert_guest_members(\"{}\"", columns.remove(column));
        let is_called = files(&repository().join("plugins")).into_iter().any(|path| {
            path.extension().is_some_and(|extension| extension == "rs")
                && read(path.to_str().expect("the path is UTF-8")).contains(&call)
        });
        assert!(is_called, "{modules:?}: no test has {call}...)");
    }
    assert_eq!(columns, [""; 0], "columns of no module");
}

#[test]
fn the_page_on_installation_names_exactly_the_installed_modules() {
    let page = read("docs/manager-installation.md");
    let (_, rest) = page.split_once("This release has ").expect("a list of the modules");
    let (list, _) = rest.split_once('.').expect("the end of a sentence");
    let list = list.replace(" and ", ", ").replace('\n', " ");
    let mut installed: Vec<_> = modules_of_plugins().into_iter().flatten().collect();
    installed.sort();
    assert_eq!(list.split(", ").map(str::trim).collect::<Vec<_>>(), installed);
}
