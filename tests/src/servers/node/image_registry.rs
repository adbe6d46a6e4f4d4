//! Container images, and the registry from which a node pulls them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer};
use serde_json::{Value, json};

/// An image in the registry.
#[derive(Debug, Clone)]
pub struct PushedImage {
    /// The repository with the registry, without tag and digest.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest that the tag refers to: of the index, or of the manifest if the image is for one platform.
    pub digest: String,
    /// The digest of the manifest for this machine's platform.
    pub platform_digest: String,
}

impl PushedImage {
    /// `repository:tag`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }
}

/// The content of a registry, before it is started.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Content by digest, with its media type.
    blobs: BTreeMap<String, (String, Vec<u8>)>,
    /// Digests by `repository:tag`.
    tags: BTreeMap<String, String>,
}

/// The running registry, and the address in the names of its images.
#[derive(Debug)]
pub(super) struct RunningRegistry {
    server: ScriptedServer,
}

/// A part of an image by its digest, as manifests refer to it.
type Descriptor = Value;

impl Registry {
    fn add(&mut self, media_type: &str, content: Vec<u8>) -> Descriptor {
        let digest = digest(&content);
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": content.len()});
        self.blobs.insert(digest, (media_type.to_owned(), content));
        descriptor
    }

    /// Adds a layer with these files: the path in the image, and the file to copy.
    pub(super) fn layer(&mut self, files: &[(String, PathBuf)]) -> Descriptor {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, source) in files {
            let target = folder.path().join(path.trim_start_matches('/'));
            let parent = target.parent().expect("a file is in a folder");
            std::fs::create_dir_all(parent).expect("a new folder");
            std::fs::copy(source, &target)
                .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        }
        let mut tar = Command::new("tar");
        let archive = tar.arg("-C").arg(folder.path()).args(["-cf", "-", "."]).output();
        let archive = archive.expect("tar runs");
        assert!(archive.status.success(), "{archive:?}");
        self.add("application/vnd.oci.image.layer.v1.tar", archive.stdout)
    }

    /// Adds an image of one layer for this machine, with this configuration (`Entrypoint`, `Labels`...). Returns the
    /// descriptor of its manifest.
    fn manifest(&mut self, layer: &Descriptor, architecture: &str, config: &Value) -> Descriptor {
        let config = json!({
            "architecture": architecture, "os": "linux", "config": config,
            // The layer is not compressed, so this digest is also the one of the layer.
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let config =
            self.add("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer],
        });
        self.add(media_type, manifest.to_string().into_bytes())
    }

    /// Adds an image of one platform. Returns its digest.
    pub(super) fn image(&mut self, name: &str, layer: &Descriptor, config: &Value) -> String {
        let manifest = self.manifest(layer, architecture(), config);
        self.tag(name, &manifest)
    }

    /// Adds an image of two platforms whose manifest for this machine has a digest that sorts before the digest of
    /// the index. Returns the digests of index and manifest.
    pub(super) fn index(
        &mut self,
        name: &str,
        layer: &Descriptor,
        config: &Value,
    ) -> (String, String) {
        for attempt in 0.. {
            let mut config = config.clone();
            config["Labels"] = json!({"attempt": attempt.to_string()});
            let manifests = ["amd64", "arm64"].map(|architecture| {
                let mut manifest = self.manifest(layer, architecture, &config);
                manifest["platform"] = json!({"architecture": architecture, "os": "linux"});
                manifest
            });
            let own =
                manifests.iter().find(|one| one["platform"]["architecture"] == architecture());
            let own = text(&own.expect("an architecture of the tests")["digest"]);
            let media_type = "application/vnd.oci.image.index.v1+json";
            let index = json!({
                "schemaVersion": 2, "mediaType": media_type, "manifests": manifests,
            });
            let index = self.add(media_type, index.to_string().into_bytes());
            if own < text(&index["digest"]) {
                return (self.tag(name, &index), own);
            }
        }
        unreachable!("every second attempt succeeds")
    }

    fn tag(&mut self, name: &str, content: &Descriptor) -> String {
        let digest = text(&content["digest"]);
        self.tags.insert(name.to_owned(), digest.clone());
        digest
    }

    /// Starts the registry on a free port of 127.0.0.1.
    pub(super) fn start(self) -> RunningRegistry {
        RunningRegistry { server: ScriptedServer::http(move |request| self.answer(request)) }
    }

    /// The part of the OCI distribution specification that is needed for pulling.
    fn answer(&self, request: &ReceivedRequest) -> Action {
        if request.path() == "/v2/" {
            return Action::answer(200, "{}");
        }
        let parts: Vec<&str> = request.path().rsplitn(3, '/').collect();
        let [reference, "manifests" | "blobs", repository] = parts[..] else {
            return Action::answer(404, "");
        };
        let repository = repository.trim_start_matches("/v2/");
        let digest = self.tags.get(&format!("{repository}:{reference}"));
        let digest = digest.map_or(reference, String::as_str);
        let Some((media_type, content)) = self.blobs.get(digest) else {
            return Action::json(404, &json!({"errors": [{"code": "MANIFEST_UNKNOWN"}]}));
        };
        if request.method == "HEAD" {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-type: {media_type}\r\n\
                 docker-content-digest: {digest}\r\nconnection: close\r\n\r\n",
                content.len()
            );
            return Action::Raw(head.into_bytes());
        }
        Action::answer(200, content.clone())
            .header("content-type", media_type)
            .header("docker-content-digest", digest)
    }
}

impl RunningRegistry {
    /// `127.0.0.1:port`.
    pub(super) fn address(&self) -> String {
        self.server.address().to_string()
    }
}

/// The files that a program or library needs to run: itself at `path`, and the libraries that `ldd` lists.
pub(super) fn with_libraries(path: &str, file: &Path) -> Vec<(String, PathBuf)> {
    let output = Command::new("ldd").arg(file).output().expect("ldd runs");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    // `name => /path (address)`, or `/path (address)` for the loader.
    let libraries = lines.lines().filter_map(|line| {
        let found = line.rsplit("=> ").next()?.trim().split(" (").next()?;
        found.starts_with('/').then(|| (found.to_owned(), PathBuf::from(found)))
    });
    libraries.chain([(path.to_owned(), file.to_owned())]).collect()
}

/// The name that Go and image indexes use for this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

fn digest(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in ring::digest::digest(&ring::digest::SHA256, content).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
