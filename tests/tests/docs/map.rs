//! Checks the code map in `ARCHITECTURE.md` against the files of the repository.

use std::collections::BTreeSet;

use super::{files, read, repository, section};

#[test]
fn the_map_names_exactly_the_existing_modules_and_files() {
    let map = read("ARCHITECTURE.md");
    let files = files(&repository());
    let top = |folder: &str| -> BTreeSet<String> {
        let folder = repository().join(folder);
        let below = files.iter().filter_map(|path| path.strip_prefix(&folder).ok());
        below
            .map(|path| match path.iter().count() {
                1 => path.display().to_string(),
                _ => format!("{}/", path.iter().next().expect("the path is not empty").display()),
            })
            .collect()
    };
    let missing = |folder: &str, name: &String| -> bool {
        let own = section(&map, &format!("\n### `{folder}/`"));
        !own.contains(&format!("`{name}`")) && !own.contains(&format!("`src/{name}`"))
    };
    let unnamed = ["lib.rs", "snapshots/"];
    for folder in ["host", "plugin-api", "plugin-support"] {
        let names = top(&format!("{folder}/src"));
        let missing: Vec<_> = names
            .iter()
            .filter(|name| !unnamed.contains(&name.as_str()) && missing(folder, name))
            .collect();
        assert!(missing.is_empty(), "missing in the map of {folder}/src: {missing:?}");
    }
    for plugin in top("plugins") {
        let name = format!("`plugins/{}`", plugin.trim_end_matches('/'));
        assert!(map.contains(&name), "{name} is missing in the map");
    }
    let paths: Vec<String> = files.iter().map(|path| format!("/{}", path.display())).collect();
    let is_path = |code: &&str| {
        let ends = [".rs", ".toml", ".toml.example", "/"];
        !code.contains(' ') && ends.iter().any(|end| code.ends_with(end))
    };
    let named = map.split('`').skip(1).step_by(2).filter(is_path);
    for name in named {
        let wanted = format!("/{name}");
        let matches = |path: &String| match wanted.strip_suffix('/') {
            Some(_) => path.contains(&wanted),
            None => path.ends_with(&wanted),
        };
        assert!(paths.iter().any(matches), "the map names {name}, which does not exist");
    }
}
