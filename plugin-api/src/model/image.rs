//! References to images, and what container runtimes say of the image and container that run.
//!
//! The grammar and its defaults are the distribution project's
//! (<https://github.com/distribution/reference>), which Docker, containerd and CRI-O read names
//! by. Nothing here asks a registry: two references are compared by what they say.

use std::fmt;
use std::str::FromStr;

const DOCKER_HUB: &str = "docker.io";
const OLD_DOCKER_HUB: &str = "index.docker.io";
/// Where Docker Hub keeps what is named by a single word.
const OFFICIAL: &str = "library/";
const PATH_MAX_BYTES: usize = 255;
const TAG_MAX_BYTES: usize = 128;
const DIGEST_MIN_DIGITS: usize = 32;

/// A reference to an image, normalized: `nginx` is `docker.io/library/nginx`.
///
/// It prints as text that reads as the same reference.
///
/// ```
/// use gatherer_plugin_api::model::image::ImageReference;
///
/// let image: ImageReference = "registry.example:5000/team/app:1.2".parse()?;
/// assert_eq!(image.registry, "registry.example:5000");
/// assert_eq!(image.path, "team/app");
/// assert_eq!(image.tag.as_deref(), Some("1.2"));
///
/// let image: ImageReference = "nginx".parse()?;
/// assert_eq!(image.repository(), "docker.io/library/nginx");
/// assert_eq!(image.tag_or_latest(), Some("latest"));
/// # Ok::<(), gatherer_plugin_api::model::image::ImageReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ImageReference {
    /// The registry's host, with its port where one is named. Its case is kept as written: of
    /// `Registry/app` only the capital tells that it is a host.
    pub registry: String,
    /// The path in the registry: `library/nginx`.
    pub path: String,
    /// The tag, as written. Absent: none was named.
    pub tag: Option<String>,
    /// The digest, in lower case: `sha256:...`. Absent: none was named.
    pub digest: Option<String>,
}

/// Why a text is no reference to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageReferenceError {
    /// The text is an image's id, 64 hexadecimal digits or a digest, and names no repository.
    #[error("an image's id names no repository")]
    Id,
    /// What stands before the first slash can only be a registry, and is none.
    #[error("the registry is no host with an optional port")]
    Registry,
    /// The path holds a capital.
    #[error("a repository's name is in lower case")]
    UpperCase,
    /// The path is empty or has an empty or malformed component.
    #[error("the repository's name breaks the grammar")]
    Path,
    /// The path is too long, `library/` included.
    #[error("the repository's name is longer than {PATH_MAX_BYTES} characters")]
    PathTooLong,
    /// The tag is empty, too long or malformed.
    #[error("the tag breaks the grammar")]
    Tag,
    /// What stands after `@` is no digest.
    #[error("the digest breaks the grammar")]
    Digest,
}

impl ImageReference {
    /// The repository with its registry: `docker.io/library/nginx`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The tag that is meant: `latest` if the reference has neither a tag nor a digest, and none
    /// if it has a digest alone.
    pub fn tag_or_latest(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, Some(_)) => None,
            (None, None) => Some("latest"),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, ImageReferenceError> {
        if is_hex_id(text) || own_digest(text).is_some() {
            return Err(ImageReferenceError::Id);
        }
        let (text, digest) = match text.split_once('@') {
            Some((text, found)) => {
                (text, Some(read_digest(found).ok_or(ImageReferenceError::Digest)?))
            }
            None => (text, None),
        };
        // A colon before the last slash is a port's, or an IPv6 address's.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => {
                if !is_tag(tag) {
                    return Err(ImageReferenceError::Tag);
                }
                (name, Some(tag.to_owned()))
            }
            _ => (text, None),
        };
        let (registry, path) = split_registry(name);
        if !is_host_and_port(registry) {
            return Err(ImageReferenceError::Registry);
        }
        if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ImageReferenceError::UpperCase);
        }
        if !path.split('/').all(is_path_component) {
            return Err(ImageReferenceError::Path);
        }
        let official = if registry == DOCKER_HUB && !path.contains('/') { OFFICIAL } else { "" };
        let path = format!("{official}{path}");
        if path.len() > PATH_MAX_BYTES {
            return Err(ImageReferenceError::PathTooLong);
        }
        Ok(Self { registry: registry.to_owned(), path, tag, digest })
    }
}

/// What a runtime says of the image that it runs, as `imageID` of a container's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ImageId {
    /// The repository that it was pulled from, with its registry: `docker.io/library/nginx`.
    pub repository: Option<String>,
    /// The digest under which that repository has it: of its manifest, or of the index that
    /// lists one manifest per platform.
    pub repo_digest: Option<String>,
    /// The image's own id: the digest of its configuration, the same wherever it was pulled
    /// from.
    pub config_digest: Option<String>,
}

/// Reads `imageID`. `docker-pullable://repo@sha256:...` and bare `repo@sha256:...` hold a
/// repository's digest; `docker://sha256:...` and bare `sha256:...` are the image's own id, and so
/// are 64 hexadecimal digits alone, as CRI-O writes it. Of anything else nothing is known.
///
/// ```
/// use gatherer_plugin_api::model::image::image_id;
///
/// let digest = format!("sha256:{:064x}", 7);
/// let pulled = image_id(&format!("docker-pullable://nginx@{digest}"));
/// assert_eq!(pulled.repository.as_deref(), Some("docker.io/library/nginx"));
/// assert_eq!(pulled.repo_digest.as_ref(), Some(&digest));
/// assert_eq!(image_id(&digest).config_digest, Some(digest));
/// ```
pub fn image_id(text: &str) -> ImageId {
    let (own, pulled) = match text.split_once("://") {
        Some(("docker", rest)) => (own_digest(rest), None),
        Some(("docker-pullable", rest)) => (None, rest.parse().ok()),
        Some(_) => (None, None),
        None if is_hex_id(text) => (Some(format!("sha256:{text}")), None),
        None => (own_digest(text), text.parse().ok()),
    };
    match pulled {
        Some(ImageReference { registry, path, digest: Some(digest), .. }) => ImageId {
            repository: Some(format!("{registry}/{path}")),
            repo_digest: Some(digest),
            config_digest: None,
        },
        _ => ImageId { config_digest: own, ..ImageId::default() },
    }
}

/// Takes `containerID` of a container's status apart into the runtime and its id of the
/// container: `containerd://<id>`, `docker://<id>`, `cri-o://<id>`. Without a scheme the runtime
/// is unknown; what is empty is absent.
pub fn container_id(text: &str) -> (Option<&str>, Option<&str>) {
    let (runtime, id) = text.split_once("://").unwrap_or(("", text));
    (said(runtime), said(id))
}

fn said(part: &str) -> Option<&str> {
    Some(part.trim()).filter(|part| !part.is_empty())
}

/// Splits at the first slash if a registry stands before it; else the registry is Docker Hub.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((OLD_DOCKER_HUB, path)) => (DOCKER_HUB, path),
        Some((first, path)) if names_registry(first) => (first, path),
        _ => (DOCKER_HUB, name),
    }
}

/// Whether the first component cannot be a path's, or is the one word kept for a host.
fn names_registry(component: &str) -> bool {
    component == "localhost"
        || component.bytes().any(|byte| matches!(byte, b'.' | b':') || byte.is_ascii_uppercase())
}

fn is_host_and_port(text: &str) -> bool {
    // The colons of an IPv6 address stand within its brackets.
    let (host, rest) = match text.find(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = rest.strip_prefix(':');
    let port_is_right = match port {
        Some(port) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
        None => rest.is_empty(),
    };
    port_is_right && (is_ipv6(host) || host.split('.').all(is_host_component))
}

/// Any hexadecimal digits and colons in brackets: the grammar asks for no more.
fn is_ipv6(text: &str) -> bool {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).is_some_and(|address| {
        !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    })
}

fn is_host_component(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Words of `a-z0-9`, with one `.`, one or two `_` or any number of `-` between two of them.
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|byte| is_word(byte)).count();
        let (word, separated) = rest.split_at(word);
        if word.is_empty() || separated.is_empty() {
            return !word.is_empty();
        }
        let separator = separated.iter().take_while(|byte| !is_word(byte)).count();
        let (separator, next) = separated.split_at(separator);
        if !matches!(separator, b"." | b"_" | b"__") && separator.iter().any(|byte| *byte != b'-') {
            return false;
        }
        rest = next;
    }
}

fn is_tag(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= TAG_MAX_BYTES
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// A digest in lower case. The grammar takes capitals too; that the same bytes compare as the
/// same digest is worth more than how they were written.
fn read_digest(text: &str) -> Option<String> {
    let (algorithm, digits) = text.split_once(':')?;
    let is_right = algorithm.split(['-', '_', '+', '.']).all(|component| {
        component.starts_with(|c: char| c.is_ascii_alphabetic())
            && component.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }) && digits.len() >= DIGEST_MIN_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest = is_right.then(|| text.to_ascii_lowercase())?;
    let algorithm = &digest[..algorithm.len()];
    digits_of(algorithm).is_none_or(|length| length == digits.len()).then_some(digest)
}

/// A digest that stands for itself. Only of the algorithms in use: with any other word before
/// the colon the text is a name, tagged with what is often a commit's hash.
fn own_digest(text: &str) -> Option<String> {
    let digest = read_digest(text)?;
    let (algorithm, _) = digest.split_once(':')?;
    digits_of(algorithm).is_some().then_some(digest)
}

/// How many hexadecimal digits a digest of the algorithm has.
fn digits_of(algorithm: &str) -> Option<usize> {
    match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    }
}

/// The grammar's identifier: a SHA-256 without its algorithm's name.
fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
