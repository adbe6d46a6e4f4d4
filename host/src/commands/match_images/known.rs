//! Reads the list of known images: the output of `docker inspect`, or a shorter format that has revisions.

use std::collections::BTreeSet;

use gatherer_image_reference::{self as image, ImageReference};
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::sources::{ImageName, id_digest};
use crate::commands::json_file;

/// The maximum size of the file, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The expected content, for messages.
const EXPECTED: &str = "a list of images as printed by `docker inspect`, or \
    [{\"id\": \"7\", \"name\": \"registry.example.com/app:1\", \"digests\": [\"sha256:...\"], \
    \"revision\": 1}]";

/// Docker prints this if an image has no name.
const NONE: &str = "<none>";

/// A known image.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownImage {
    /// The names, as in the file.
    pub names: Vec<String>,
    /// The revision; the highest of a name is the newest.
    pub revision: Option<u64>,
    /// The id, as in the file.
    pub id: Option<String>,
    /// The digests that registries use.
    pub digests: BTreeSet<String>,
    /// The digest of the image's configuration, if the id is a digest.
    pub config: Option<String>,
    /// Repository and tag of each name.
    pub references: BTreeSet<ImageName>,
}

/// One entry of the list, in either format.
#[derive(Deserialize)]
struct ImageEntry {
    #[serde(rename = "Id")]
    docker_id: Option<String>,
    #[serde(rename = "RepoTags", default)]
    tags: DockerList,
    #[serde(rename = "RepoDigests", default)]
    repo_digests: DockerList,
    id: Option<ImageNumber>,
    name: Option<String>,
    digests: Option<Vec<String>>,
    revision: Option<serde_json::Value>,
}

/// A list in the output of Docker, which may be null.
#[derive(Default)]
struct DockerList {
    is_present: bool,
    texts: Vec<String>,
}

impl<'de> Deserialize<'de> for DockerList {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let texts = Option::deserialize(from)?.unwrap_or_default();
        Ok(Self { is_present: true, texts })
    }
}

impl ImageEntry {
    /// Rejects an entry with members of both formats, because they could mean different images.
    fn check_format(&self) -> Result<(), String> {
        let of_docker = [
            ("Id", self.docker_id.is_some()),
            ("RepoTags", self.tags.is_present),
            ("RepoDigests", self.repo_digests.is_present),
        ];
        let own = [
            ("id", self.id.is_some()),
            ("name", self.name.is_some()),
            ("digests", self.digests.is_some()),
            ("revision", self.revision.is_some()),
        ];
        let first = |members: &[(&'static str, bool)]| {
            members.iter().find(|(_, is_present)| *is_present).map(|(name, _)| *name)
        };
        if let (Some(docker), Some(own)) = (first(&of_docker), first(&own)) {
            return Err(format!(
                "has both `{docker}` of the format of `docker inspect` and `{own}` of the other format; \
                 only one format is allowed for an image"
            ));
        }
        if self.docker_id.is_some() && !self.tags.is_present && !self.repo_digests.is_present {
            return Err(
                "has an `Id`, but neither `RepoTags` nor `RepoDigests`: it describes a container, not \
                an image"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// An entry, or `None` if it is a list. Serde would accept a list of values for a struct.
struct ObjectEntry(Option<ImageEntry>);

impl<'de> Deserialize<'de> for ObjectEntry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = ObjectEntry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<ObjectEntry, A::Error> {
                let entry = ImageEntry::deserialize(MapAccessDeserializer::new(members))?;
                Ok(ObjectEntry(Some(entry)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<ObjectEntry, A::Error> {
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(ObjectEntry(None))
            }
        }
        from.deserialize_any(EntryVisitor)
    }
}

/// The id of an image: a text or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum ImageNumber {
    Text(String),
    Number(serde_json::Number),
}

/// Reads the images. The result is sorted and has no duplicates. The error is a message without its subject.
pub fn read(bytes: &[u8]) -> Result<Vec<KnownImage>, String> {
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        json_file::parse::<IgnoredAny>(bytes, EXPECTED)?;
        return Err(format!(
            "cannot be used: it must be a list, in [ ] even for a single image; expected {EXPECTED}"
        ));
    }
    let entries: Vec<ObjectEntry> = json_file::parse(bytes, EXPECTED)?;
    let mut images = BTreeSet::new();
    for (index, ObjectEntry(entry)) in entries.into_iter().enumerate() {
        let image = entry
            .ok_or_else(|| "must be an object, not a list".to_owned())
            .and_then(known_image)
            .map_err(|problem| format!("cannot be used: image {} {problem}", index + 1))?;
        images.insert(image);
    }
    Ok(images.into_iter().collect())
}

/// Converts an entry. The error is a message without its subject.
fn known_image(entry: ImageEntry) -> Result<KnownImage, String> {
    entry.check_format()?;
    let inspected = entry.docker_id.is_some();
    let (id, mut names, digests, revision) = if inspected {
        // Podman prints additional members, which are not needed.
        (entry.docker_id, entry.tags.texts, Some(entry.repo_digests.texts), None)
    } else {
        let id = entry.id.map(|id| match id {
            ImageNumber::Text(text) => text,
            ImageNumber::Number(number) => number.to_string(),
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
                format!("has an invalid tag, number {} in sorted order: {error}", index + 1)
            } else {
                format!("has an invalid name: {error}")
            }
        })?;
        Ok::<_, String>(reference)
    });
    let references = references.collect::<Result<Vec<_>, _>>()?;
    let digests = digests.iter().enumerate().map(|(index, text)| {
        digest(text).ok_or_else(|| format!("has an invalid digest, number {}", index + 1))
    });
    let mut digests = digests.collect::<Result<BTreeSet<_>, _>>()?;
    // A digest in a name is one of the digests.
    digests.extend(references.iter().filter_map(|reference| reference.digest.clone()));
    let references = references.iter().filter_map(ImageName::of).collect();
    let config = id.as_deref().and_then(id_digest);
    Ok(KnownImage { names, revision, id, digests, config, references })
}

/// Parses a revision. The error is a message without its subject.
fn revision(value: Option<serde_json::Value>) -> Result<Option<u64>, String> {
    match value {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(revision) => Ok(Some(revision)),
            None => {
                Err("has an invalid `revision`, which must be a whole number from 0".to_owned())
            }
        },
    }
}

/// Parses `repository@sha256:...` or a digest alone. Digits without an algorithm are an image's own id, so they
/// are rejected.
fn digest(text: &str) -> Option<String> {
    let parsed = image::image_id(text);
    parsed.repo_digest.or(parsed.config_digest).filter(|_| text.contains(':'))
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
    fn reads_the_output_of_docker_inspect_and_ignores_other_members() {
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
    fn accepts_an_image_that_has_only_an_id() {
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
    fn keeps_an_id_that_is_not_a_digest_and_does_not_match_by_it() {
        let image = one(r#"[{"id": 42, "name": "app", "digests": null, "revision": 3}]"#);
        assert_eq!(
            (image.id.as_deref(), image.config, image.revision),
            (Some("42"), None, Some(3))
        );
    }

    #[test]
    fn removes_duplicate_images() {
        let text = format!(r#"{{"Id": "sha256:{}", "RepoTags": ["a", "b"]}}"#, hex("a"));
        assert_eq!(read(format!("[{text}, {text}]").as_bytes()).map(|images| images.len()), Ok(1));
    }

    #[test]
    fn errors_have_the_position_and_do_not_quote_the_file() {
        for (text, place) in [
            ("hunter2", "line 1 column 1"),
            ("[{\"id\": 1},\n {\"name\": [\"hunter2\"]}]", "line 2 column"),
            ("{\"hunter2\": 1}", "it must be a list"),
            (r#"{"hunter2": 1"#, "is not JSON: EOF"),
            ("[\"hunter2\"]", "line 1 column"),
            ("[{\"id\": \"1\"}", "line 1 column 12"),
            (r#"[{"id": 1}, {"hunter2": 1}]"#, "image 2 has neither"),
            (r#"[{"name": "Hunter2"}]"#, "image 1 has an invalid name"),
            (r#"[{"digests": ["hunter2"]}]"#, "image 1 has an invalid digest, number 1"),
            (r#"[{"id": 1, "revision": "hunter2"}]"#, "image 1 has an invalid `revision`"),
            (r#"[{"id": 1, "revision": -1}]"#, "image 1 has an invalid `revision`"),
            (r#"[{"Id": "1", "RepoTags": ["a:"]}]"#, "image 1 has an invalid tag, number 1"),
            ("[{\"id\": 1}, [\"hunter2\", [\"app\"], []]]", "image 2 must be an object"),
        ] {
            let problem = read(text.as_bytes()).expect_err(text);
            assert!(problem.contains(place), "{problem}");
            assert!(!problem.to_lowercase().contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn adds_the_digest_in_a_name_to_the_digests() {
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
    fn rejects_an_image_id_in_the_list_of_digests() {
        let text = format!(r#"[{{"name": "web:1", "digests": ["{}"]}}]"#, hex("a"));
        let problem = read(text.as_bytes()).expect_err("not a registry's digest");
        assert!(problem.contains("has an invalid digest, number 1"), "{problem}");
    }

    #[test]
    fn rejects_an_entry_with_members_of_both_formats() {
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
    fn rejects_an_inspected_container() {
        let text = format!(r#"[{{"Id": "{}", "Name": "/web", "State": {{}}}}]"#, hex("a"));
        let problem = read(text.as_bytes()).expect_err("not an image");
        assert!(problem.contains("neither `RepoTags` nor `RepoDigests`"), "{problem}");
    }

    #[test]
    fn rejects_everything_except_a_list() {
        for text in ["{}", "null", " 7", "\"hunter2\"", "\n{\"id\": 1, \"name\": \"hunter2\"}"] {
            let problem = read(text.as_bytes()).expect_err(text);
            assert!(problem.contains("it must be a list, in [ ]"), "{problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
        assert_eq!(read(b" []"), Ok(Vec::new()));
    }
}
