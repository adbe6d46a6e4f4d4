//! `ARCHITECTURE.md` is a map of what is there.

use std::collections::BTreeSet;

use super::{files, read, repository, section};

#[test]
fn the_map_names_what_is_there_and_nothing_else() {
    let map = read("ARCHITECTURE.md");
    let files = files(&repository());
    let top = |folder: &str| -> BTreeSet<String> {
        let folder = repository().join(folder);
        let below = files.iter().filter_map(|path| path.strip_prefix(&folder).ok());
        below
            .map(|path| match path.iter().count() {
                1 => path.display().to_string(),
                _ => format!("{}/", path.iter().next().expect("a folder").display()),
            })
            .collect()
    };
    let missing = |folder: &str, name: &String| -> bool {
        let own = section(&map, &format!("\n### `{folder}/`"));
        !own.contains(&format!("`{name}`")) && !own.contains(&format!("`src/{name}`"))
    };
    for folder in ["host", "plugin-api", "plugin-support"] {
        let names = top(&format!("{folder}/src"));
        let missing: Vec<_> =
            names.iter().filter(|name| *name != "lib.rs" && missing(folder, name)).collect();
        assert!(missing.is_empty(), "the map lacks of {folder}/src: {missing:?}");
    }
    for plugin in top("plugins") {
        let name = format!("`plugins/{}`", plugin.trim_end_matches('/'));
        assert!(map.contains(&name), "the map lacks {name}");
    }
    let paths: Vec<String> = files.iter().map(|path| format!("/{}", path.display())).collect();
    let is_path = |code: &&str| {
        let ends = [".rs", ".toml", ".toml.example", "/"];
        !code.contains(' ') && ends.iter().any(|end| code.ends_with(end))
    };
    let named = map.split('`').skip(1).step_by(2).filter(is_path);
    for name in named {
        let wanted = format!("/{name}");
        let there = |path: &String| match wanted.strip_suffix('/') {
            Some(_) => path.contains(&wanted),
            None => path.ends_with(&wanted),
        };
        assert!(paths.iter().any(there), "the map names {name}, which is not there");
    }
}
