//! The images that somebody knows: a file of what `docker inspect` prints, or of a shorter form
//! that has revisions.

use std::collections::BTreeSet;

use gatherer_plugin_api::model::image::{self, ImageReference};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::json_file;
use super::sources::{Name, own_digest};

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
    #[serde(rename = "RepoTags", default)]
    tags: Member,
    #[serde(rename = "RepoDigests", default)]
    repo_digests: Member,
    id: Option<Id>,
    name: Option<String>,
    digests: Option<Vec<String>>,
    revision: Option<serde_json::Value>,
}

/// A list that Docker prints, which may be null.
#[derive(Default)]
struct Member {
    is_there: bool,
    texts: Vec<String>,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let texts = Option::deserialize(from)?.unwrap_or_default();
        Ok(Self { is_there: true, texts })
    }
}

impl Entry {
    /// Of two forms in one entry each half could mean another image.
    fn check_form(&self) -> Result<(), String> {
        let of_docker = [
            ("Id", self.docker_id.is_some()),
            ("RepoTags", self.tags.is_there),
            ("RepoDigests", self.repo_digests.is_there),
        ];
        let own = [
            ("id", self.id.is_some()),
            ("name", self.name.is_some()),
            ("digests", self.digests.is_some()),
            ("revision", self.revision.is_some()),
        ];
        let first = |members: &[(&'static str, bool)]| {
            members.iter().find(|(_, is_there)| *is_there).map(|(name, _)| *name)
        };
        if let (Some(docker), Some(own)) = (first(&of_docker), first(&own)) {
            return Err(format!(
                "has both `{docker}`, as `docker inspect` prints it, and `{own}` of the other form; \
                 an image stands in one of the two"
            ));
        }
        if self.docker_id.is_some() && !self.tags.is_there && !self.repo_digests.is_there {
            return Err(
                "has an `Id`, but neither `RepoTags` nor `RepoDigests`; a container that is \
                inspected is no image"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// An entry that is an object. A list of values, in the order of our members even, is none.
struct Object(Option<Entry>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object, A::Error> {
                let entry = Entry::deserialize(MapAccessDeserializer::new(members))?;
                Ok(Object(Some(entry)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Object, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Object(None))
            }
        }
        from.deserialize_any(Members)
    }
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
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        json_file::parse::<IgnoredAny>(bytes, EXPECTED)?;
        return Err(format!(
            "cannot be used: a list of images is wanted, within [ ] even if there is one or none; \
             expected {EXPECTED}"
        ));
    }
    let entries: Vec<Object> = json_file::parse(bytes, EXPECTED)?;
    let mut images = BTreeSet::new();
    for (index, Object(entry)) in entries.into_iter().enumerate() {
        let named =
            entry.ok_or_else(|| "is a list of values, and no object with their names".to_owned());
        let image = named
            .and_then(known)
            .map_err(|problem| format!("cannot be used: image {} {problem}", index + 1))?;
        images.insert(image);
    }
    Ok(images.into_iter().collect())
}

fn known(entry: Entry) -> Result<KnownImage, String> {
    entry.check_form()?;
    let inspected = entry.docker_id.is_some();
    let (id, mut names, digests, revision) = if inspected {
        // Podman has labels and more under other names; none of them is of interest.
        (entry.docker_id, entry.tags.texts, Some(entry.repo_digests.texts), None)
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
        Ok::<_, String>(reference)
    });
    let references = references.collect::<Result<Vec<_>, _>>()?;
    let digests = digests.iter().enumerate().map(|(index, text)| {
        digest(text).ok_or_else(|| format!("has a digest, number {}, that is none", index + 1))
    });
    let mut digests = digests.collect::<Result<BTreeSet<_>, _>>()?;
    // A name may say which content it means, as the digests do.
    digests.extend(references.iter().filter_map(|reference| reference.digest.clone()));
    let references = references.iter().filter_map(Name::of).collect();
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

/// `repository@sha256:...`, or the digest alone. Digits without an algorithm are an image's own id.
fn digest(text: &str) -> Option<String> {
    let read = image::image_id(text);
    read.repo_digest.or(read.config_digest).filter(|_| text.contains(':'))
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
            "Revision": "no number", "Digest": 1}}]"#,
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
            r#", "RepoTags": []"#,
            r#", "RepoDigests": null"#,
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
            ("{\"hunter2\": 1}", "a list of images is wanted"),
            (r#"{"hunter2": 1"#, "is not JSON: EOF"),
            ("[\"hunter2\"]", "line 1 column"),
            ("[{\"id\": \"1\"}", "line 1 column 12"),
            (r#"[{"id": 1}, {"hunter2": 1}]"#, "image 2 has neither"),
            (r#"[{"name": "Hunter2"}]"#, "image 1 has a name"),
            (r#"[{"digests": ["hunter2"]}]"#, "image 1 has a digest, number 1"),
            (r#"[{"id": 1, "revision": "hunter2"}]"#, "image 1 has a `revision`"),
            (r#"[{"id": 1, "revision": -1}]"#, "image 1 has a `revision`"),
            (r#"[{"Id": "1", "RepoTags": ["a:"]}]"#, "image 1 has a tag, number 1"),
            ("[{\"id\": 1}, [\"hunter2\", [\"app\"], []]]", "image 2 is a list of values"),
        ] {
            let problem = read(text.as_bytes()).expect_err(text);
            assert!(problem.contains(place), "{problem}");
            assert!(!problem.to_lowercase().contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn the_digest_in_a_name_is_one_of_the_images() {
        let (a, b) = (format!("sha256:{}", hex("a")), format!("sha256:{}", hex("b")));
        let image = one(&format!(r#"[{{"name": "web:1@{a}", "digests": ["{b}"]}}]"#));
        assert_eq!(image.digests, [a.clone(), b].into());
        assert_eq!(image.references.len(), 1, "its tag counts too");
        let image = one(&format!(r#"[{{"name": "web@{a}"}}]"#));
        assert_eq!((image.digests.len(), image.references.len()), (1, 0));
        let image = one(&format!(r#"[{{"Id": "x", "RepoTags": ["web:1@{a}"]}}]"#));
        assert_eq!(image.digests, [a].into());
    }

    #[test]
    fn an_own_id_among_the_digests_of_registries_is_refused() {
        let text = format!(r#"[{{"name": "web:1", "digests": ["{}"]}}]"#, hex("a"));
        let problem = read(text.as_bytes()).expect_err("no digest of a registry");
        assert!(problem.contains("has a digest, number 1, that is none"), "{problem}");
    }

    #[test]
    fn an_entry_of_two_forms_is_refused_with_the_members_that_do_not_go_together() {
        for (entry, one, other) in [
            (r#""Id": "hunter2", "RepoTags": [], "name": "hunter2""#, "`Id`", "`name`"),
            (r#""Id": "hunter2", "RepoTags": [], "digests": []"#, "`Id`", "`digests`"),
            (r#""Id": "hunter2", "RepoTags": [], "revision": 7"#, "`Id`", "`revision`"),
            (r#""Id": "hunter2", "RepoTags": [], "id": 7"#, "`Id`", "`id`"),
            (r#""id": "hunter2", "RepoTags": ["hunter2"]"#, "`RepoTags`", "`id`"),
            (r#""name": "hunter2", "RepoDigests": null"#, "`RepoDigests`", "`name`"),
        ] {
            let problem = read(format!("[{{{entry}}}]").as_bytes()).expect_err(entry);
            assert!(problem.contains("image 1 has both"), "{problem}");
            assert!(problem.contains(one) && problem.contains(other), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_container_that_was_inspected_is_refused() {
        let text = format!(r#"[{{"Id": "{}", "Name": "/web", "State": {{}}}}]"#, hex("a"));
        let problem = read(text.as_bytes()).expect_err("no image");
        assert!(problem.contains("neither `RepoTags` nor `RepoDigests`"), "{problem}");
    }

    #[test]
    fn what_is_no_list_is_answered_with_what_is_wanted() {
        for text in ["{}", "null", " 7", "\"hunter2\"", "\n{\"id\": 1, \"name\": \"hunter2\"}"] {
            let problem = read(text.as_bytes()).expect_err(text);
            assert!(problem.contains("a list of images is wanted, within [ ]"), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(read(b" []"), Ok(Vec::new()));
    }
}
