//! Parsing of image references, and of the image and container ids that runtimes report.
//!
//! The grammar and its defaults are those of the distribution project
//! (<https://github.com/distribution/reference>), which Docker, containerd and CRI-O use. Nothing
//! here queries a registry: references are compared by their text.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

const DOCKER_HUB: &str = "docker.io";
const OLD_DOCKER_HUB: &str = "index.docker.io";
/// The path prefix of Docker Hub's official images, whose names have only one component.
const OFFICIAL: &str = "library/";
const PATH_MAX_BYTES: usize = 255;
const TAG_MAX_BYTES: usize = 128;
const DIGEST_MIN_DIGITS: usize = 32;

/// A reference to an image, normalized: `nginx` is `docker.io/library/nginx`.
///
/// `Display` prints text that parses to the same reference.
///
/// ```
/// use gatherer_image_reference::ImageReference;
///
/// let image: ImageReference = "registry.example:5000/team/app:1.2".parse()?;
/// assert_eq!(image.registry, "registry.example:5000");
/// assert_eq!(image.path, "team/app");
/// assert_eq!(image.tag.as_deref(), Some("1.2"));
///
/// let image: ImageReference = "nginx".parse()?;
/// assert_eq!(image.repository(), "docker.io/library/nginx");
/// assert_eq!(image.tag_or_latest(), Some("latest"));
/// # Ok::<(), gatherer_image_reference::ImageReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ImageReference {
    /// The registry's host, with its port if one is given. Its case is preserved: in `Registry/app`
    /// only the capital letter shows that the first component is a host.
    pub registry: String,
    /// The path in the registry: `library/nginx`.
    pub path: String,
    /// The tag, as written. Absent if none is given.
    pub tag: Option<String>,
    /// The digest, in lower case: `sha256:...`. Absent if none is given.
    pub digest: Option<String>,
}

/// Why a text is not a valid image reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageReferenceError {
    /// The text is an image id, that is 64 hexadecimal digits or a digest, without a repository.
    #[error("an image id without a repository is not a reference")]
    Id,
    /// The text before the first slash can only be a registry, but is not a valid one.
    #[error("the registry must be a host with an optional port")]
    Registry,
    /// The path contains an upper-case letter.
    #[error("the repository name must be in lower case")]
    UpperCase,
    /// The path is empty or has an empty or malformed component.
    #[error("the repository name is not valid")]
    Path,
    /// The path is too long, including `library/`.
    #[error("the repository name is longer than {PATH_MAX_BYTES} characters")]
    PathTooLong,
    /// The tag is empty, too long or malformed.
    #[error("the tag is not valid")]
    Tag,
    /// The text after `@` is not a valid digest.
    #[error("the digest is not valid")]
    Digest,
}

impl ImageReference {
    /// The repository with its registry: `docker.io/library/nginx`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// The tag that the reference implies: `latest` if it has neither a tag nor a digest, and `None`
    /// if it has only a digest.
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
        if is_hex_id(text) || parse_own_digest(text).is_some() {
            return Err(ImageReferenceError::Id);
        }
        let (text, digest) = match text.split_once('@') {
            Some((text, found)) => {
                (text, Some(parse_digest(found).ok_or(ImageReferenceError::Digest)?))
            }
            None => (text, None),
        };
        // A colon before the last slash belongs to a port or an IPv6 address.
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

/// The image that a runtime runs, from the `imageID` of a container's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ImageId {
    /// The repository that the image was pulled from, with its registry: `docker.io/library/nginx`.
    pub repository: Option<String>,
    /// The digest of the image in that repository: of its manifest, or of the index that lists one
    /// manifest per platform.
    pub repo_digest: Option<String>,
    /// The image's own id: the digest of its configuration, which does not depend on where it was
    /// pulled from.
    pub config_digest: Option<String>,
}

/// Parses an `imageID`. `docker-pullable://repo@sha256:...` and bare `repo@sha256:...` contain the
/// digest in a repository. `docker://sha256:...`, bare `sha256:...` and 64 hexadecimal digits, as
/// CRI-O writes it, are the image's own id. For any other text all fields are `None`.
///
/// ```
/// use gatherer_image_reference::image_id;
///
/// let digest = format!("sha256:{:064x}", 7);
/// let pulled = image_id(&format!("docker-pullable://nginx@{digest}"));
/// assert_eq!(pulled.repository.as_deref(), Some("docker.io/library/nginx"));
/// assert_eq!(pulled.repo_digest.as_ref(), Some(&digest));
/// assert_eq!(image_id(&digest).config_digest, Some(digest));
/// ```
pub fn image_id(text: &str) -> ImageId {
    let (own, pulled) = match text.split_once("://") {
        Some(("docker", rest)) => (parse_own_digest(rest), None),
        Some(("docker-pullable", rest)) => (None, rest.parse().ok()),
        Some(_) => (None, None),
        None if is_hex_id(text) => (Some(format!("sha256:{text}")), None),
        None => (parse_own_digest(text), text.parse().ok()),
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

/// Splits the `containerID` of a container's status into the runtime and the runtime's id of the
/// container: `containerd://<id>`, `docker://<id>`, `cri-o://<id>`. Without a scheme the runtime
/// is unknown. An empty part is `None`.
pub fn container_id(text: &str) -> (Option<&str>, Option<&str>) {
    let (runtime, id) = text.split_once("://").unwrap_or(("", text));
    (non_empty(runtime), non_empty(id))
}

fn non_empty(part: &str) -> Option<&str> {
    Some(part.trim()).filter(|part| !part.is_empty())
}

/// Splits a name into registry and path. The registry is Docker Hub unless the name starts with one.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((OLD_DOCKER_HUB, path)) => (DOCKER_HUB, path),
        Some((first, path)) if is_registry(first) => (first, path),
        _ => (DOCKER_HUB, name),
    }
}

/// Whether the first component of a name is a registry: it is `localhost`, or contains a character
/// that a path must not contain.
fn is_registry(component: &str) -> bool {
    component == "localhost"
        || component.bytes().any(|byte| matches!(byte, b'.' | b':') || byte.is_ascii_uppercase())
}

fn is_host_and_port(text: &str) -> bool {
    // The colons of an IPv6 address are inside its brackets.
    let (host, rest) = match text.find(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_is_valid = match rest.strip_prefix(':') {
        Some(port) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
        None => rest.is_empty(),
    };
    port_is_valid && (is_ipv6(host) || host.split('.').all(is_host_component))
}

/// Hexadecimal digits and colons in brackets. The grammar requires nothing more.
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

/// Words of `a-z0-9`, separated by one `.`, by one or two `_`, or by any number of `-`.
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

/// Parses a digest and converts it to lower case, so that equal digests compare equal. The grammar
/// also allows upper-case letters.
fn parse_digest(text: &str) -> Option<String> {
    let (algorithm, digits) = text.split_once(':')?;
    let is_valid = algorithm.split(['-', '_', '+', '.']).all(|component| {
        component.starts_with(|c: char| c.is_ascii_alphabetic())
            && component.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }) && digits.len() >= DIGEST_MIN_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_valid {
        return None;
    }
    let digest = text.to_ascii_lowercase();
    match digest_length(&digest[..algorithm.len()]) {
        Some(length) if length != digits.len() => None,
        _ => Some(digest),
    }
}

/// Parses a digest that is an image id, without a repository. Only known algorithms count: with any
/// other word before the colon the text is a name and a tag, which is often a commit's hash.
fn parse_own_digest(text: &str) -> Option<String> {
    let digest = parse_digest(text)?;
    let (algorithm, _) = digest.split_once(':')?;
    digest_length(algorithm)?;
    Some(digest)
}

/// The number of hexadecimal digits in a digest of this algorithm; `None` for an unknown one.
fn digest_length(algorithm: &str) -> Option<usize> {
    match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    }
}

/// The grammar's identifier: a SHA-256 digest without the name of the algorithm.
fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod parser_tests;
#[cfg(test)]
mod property_tests;
