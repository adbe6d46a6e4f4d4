//! The images that somebody knows: a file of what `docker inspect` prints, or of a shorter form
//! that has revisions.

use std::collections::BTreeSet;

use gatherer_plugin_api::model::image::{self, ImageReference};
use serde::Deserialize;

use super::file;
use super::sources::Name;

/// The longest file, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

const EXPECTED: &str = "a list of images as `docker inspect` prints it, or \
    [{\"id\": \"7\", \"name\": \"registry.example.com/app:1\", \"digests\": [\"sha256:...\"], \
    \"revision\": 1}]";

/// What Docker says where it has no name.
const NONE: &str = "<none>";

/// An image that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownImage {
    /// The names, as the file has them.
    pub names: Vec<String>,
    /// Which build of the name it is; the highest is the newest.
    pub revision: Option<u64>,
    /// The id, as the file has it.
    pub id: Option<String>,
    /// The digests under which registries have it.
    pub digests: BTreeSet<String>,
    /// The digest that the id is, if it is one.
    pub config: Option<String>,
    /// What the names mean.
    pub references: BTreeSet<Name>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Id")]
    docker_id: Option<String>,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "RepoDigests")]
    repo_digests: Option<Vec<String>>,
    id: Option<Id>,
    name: Option<String>,
    digests: Option<Vec<String>>,
    revision: Option<serde_json::Value>,
}

/// Somebody's own number of it, perhaps.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(serde_json::Number),
}

/// Reads the images: sorted, each once, though it may have been inspected under several names.
pub fn read(bytes: &[u8]) -> Result<Vec<KnownImage>, String> {
    let entries: Vec<Entry> = file::parse(bytes, EXPECTED)?;
    let mut images = BTreeSet::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let image = known(entry)
            .map_err(|problem| format!("cannot be used: image {} {problem}", index + 1))?;
        images.insert(image);
    }
    Ok(images.into_iter().collect())
}

fn known(entry: Entry) -> Result<KnownImage, String> {
    let inspected = entry.docker_id.is_some();
    let (id, mut names, digests, revision) = if inspected {
        // Podman has labels and more under other names; none of them is of interest.
        (entry.docker_id, entry.tags.unwrap_or_default(), entry.repo_digests, None)
    } else {
        let id = entry.id.map(|id| match id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        });
        (id, entry.name.into_iter().collect(), entry.digests, revision(entry.revision)?)
    };
    let id = id.filter(|id| !id.is_empty());
    let mut digests = digests.unwrap_or_default();
    names.retain(|name| !name.is_empty() && !name.contains(NONE));
    digests.retain(|digest| !digest.contains(NONE));
    names.sort();
    names.dedup();
    if id.is_none() && names.is_empty() && digests.is_empty() {
        return Err("has neither `Id` nor `id`, `name` or `digests`".to_owned());
    }
    let references = names.iter().enumerate().map(|(index, name)| {
        let reference: ImageReference = name.parse().map_err(|error| {
            if inspected {
                format!(
                    "has a tag, number {} of its sorted ones, that names none: {error}",
                    index + 1
                )
            } else {
                format!("has a name that names no image: {error}")
            }
        })?;
        Ok::<_, String>(Name::of(&reference))
    });
    let references = references.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let digests = digests.iter().enumerate().map(|(index, text)| {
        digest(text).ok_or_else(|| format!("has a digest, number {}, that is none", index + 1))
    });
    let digests = digests.collect::<Result<BTreeSet<_>, _>>()?;
    let config = id.as_deref().and_then(own_digest);
    Ok(KnownImage { names, revision, id, digests, config, references })
}

fn revision(value: Option<serde_json::Value>) -> Result<Option<u64>, String> {
    match value {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(revision) => Ok(Some(revision)),
            None => Err("has a `revision` that is no whole number from 0".to_owned()),
        },
    }
}

/// `repository@sha256:...`, or the digest alone.
fn digest(text: &str) -> Option<String> {
    let read = image::image_id(text);
    read.repo_digest.or(read.config_digest)
}

/// The digest that an id is; Podman leaves out the algorithm.
fn own_digest(id: &str) -> Option<String> {
    let is_bare = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let text = if is_bare { format!("sha256:{id}") } else { id.to_owned() };
    image::image_id(&text).config_digest
}

#[cfg(test)]
mod tests {
    use super::{KnownImage, read};

    fn one(text: &str) -> KnownImage {
        let mut images = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(images.len(), 1);
        images.remove(0)
    }

    fn hex(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn what_docker_inspect_prints_is_read_and_its_other_members_are_ignored() {
        let image = one(&format!(
            r#"[{{"Id": "sha256:{a}", "RepoTags": ["app", "r.example:5000/app:2"],
            "RepoDigests": ["r.example:5000/app@sha256:{b}"], "Size": 7, "Config": {{"Env": ["A=b"]}},
            "revision": "no number", "Digest": 1}}]"#,
            a = hex("a"),
            b = hex("b")
        ));
        assert_eq!(image.config, Some(format!("sha256:{}", hex("a"))));
        assert!(image.digests.contains(&format!("sha256:{}", hex("b"))));
        let names: Vec<_> =
            image.references.iter().map(|name| (&*name.repository, &*name.tag)).collect();
        assert_eq!(names, [("docker.io/library/app", "latest"), ("r.example:5000/app", "2")]);
    }

    #[test]
    fn an_image_without_tags_and_digests_is_known_by_its_id_alone() {
        for more in [
            r#", "RepoTags": null, "RepoDigests": null"#,
            "",
            r#", "RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]"#,
        ] {
            let image = one(&format!(r#"[{{"Id": "{}"{more}}}]"#, hex("a")));
            assert_eq!(image.config, Some(format!("sha256:{}", hex("a"))), "without algorithm too");
            assert!(image.references.is_empty() && image.digests.is_empty());
        }
    }

    #[test]
    fn an_id_of_somebodys_own_is_kept_and_compared_with_nothing() {
        let image = one(r#"[{"id": 42, "name": "app", "digests": null, "revision": 3}]"#);
        assert_eq!(
            (image.id.as_deref(), image.config, image.revision),
            (Some("42"), None, Some(3))
        );
    }

    #[test]
    fn an_image_that_was_inspected_twice_is_one() {
        let text = format!(r#"{{"Id": "sha256:{}", "RepoTags": ["a", "b"]}}"#, hex("a"));
        assert_eq!(read(format!("[{text}, {text}]").as_bytes()).map(|images| images.len()), Ok(1));
    }

    #[test]
    fn what_is_wrong_is_said_by_its_place_and_never_quoted() {
        for (text, place) in [
            ("hunter2", "line 1 column 1"),
            ("[{\"id\": 1},\n {\"name\": [\"hunter2\"]}]", "line 2 column"),
            ("{\"hunter2\": 1}", "line 1 column"),
            ("[\"hunter2\"]", "line 1 column"),
            ("[{\"id\": \"1\"}", "line 1 column 12"),
            (r#"[{"id": 1}, {"hunter2": 1}]"#, "image 2 has neither"),
            (r#"[{"name": "Hunter2"}]"#, "image 1 has a name"),
            (r#"[{"digests": ["hunter2"]}]"#, "image 1 has a digest, number 1"),
            (r#"[{"id": 1, "revision": "hunter2"}]"#, "image 1 has a `revision`"),
            (r#"[{"id": 1, "revision": -1}]"#, "image 1 has a `revision`"),
            (r#"[{"Id": "1", "RepoTags": ["a:"]}]"#, "image 1 has a tag, number 1"),
        ] {
            let problem = read(text.as_bytes()).expect_err(text);
            assert!(problem.contains(place), "{problem}");
            assert!(!problem.to_lowercase().contains("hunter2"), "{problem}");
        }
    }
}
