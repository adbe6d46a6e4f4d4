//! Table tests of image references and ids.

use super::{ImageId, ImageReference, ImageReferenceError as Error, container_id, image_id};

const SHA256: &str = "sha256:b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7";
const HEX: &str = "b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7";

fn parse(text: &str) -> Result<ImageReference, Error> {
    text.parse()
}

/// Replaces `{D}` by a SHA-256 digest and `{H}` by its 64 digits.
fn expand(text: &str) -> String {
    text.replace("{D}", SHA256).replace("{H}", HEX)
}

#[test]
fn parses_references_with_dockers_defaults() {
    // Text, registry, path, tag, digest.
    let table: &[(&str, &str, &str, &str, &str)] = &[
        // Defaults.
        ("nginx", "docker.io", "library/nginx", "", ""),
        ("nginx:1.25", "docker.io", "library/nginx", "1.25", ""),
        ("nginx@{D}", "docker.io", "library/nginx", "", "{D}"),
        ("nginx:1.25@{D}", "docker.io", "library/nginx", "1.25", "{D}"),
        ("team/app", "docker.io", "team/app", "", ""),
        ("team/sub/app:v1", "docker.io", "team/sub/app", "v1", ""),
        ("docker.io/nginx", "docker.io", "library/nginx", "", ""),
        ("docker.io/library/nginx", "docker.io", "library/nginx", "", ""),
        ("docker.io/team/app", "docker.io", "team/app", "", ""),
        ("index.docker.io/nginx:1", "docker.io", "library/nginx", "1", ""),
        ("index.docker.io/team/app", "docker.io", "team/app", "", ""),
        ("registry-1.docker.io/nginx", "registry-1.docker.io", "nginx", "", ""),
        ("docker.io:443/nginx", "docker.io:443", "nginx", "", ""),
        ("library/nginx", "docker.io", "library/nginx", "", ""),
        // A registry or the first component of a path.
        ("quay.io/app", "quay.io", "app", "", ""),
        (
            "registry.example:5000/team/app:1.2@{D}",
            "registry.example:5000",
            "team/app",
            "1.2",
            "{D}",
        ),
        ("registry:5000/a", "registry:5000", "a", "", ""),
        ("registry:5000/a:5000", "registry:5000", "a", "5000", ""),
        ("registry:5000/a@{D}", "registry:5000", "a", "", "{D}"),
        ("a:5000", "docker.io", "library/a", "5000", ""),
        ("registry/a", "docker.io", "registry/a", "", ""),
        ("localhost", "docker.io", "library/localhost", "", ""),
        ("localhost:5000", "docker.io", "library/localhost", "5000", ""),
        ("localhost/a", "localhost", "a", "", ""),
        ("localhost:5000/a:b", "localhost:5000", "a", "b", ""),
        ("localhosts/a", "docker.io", "localhosts/a", "", ""),
        ("example.com", "docker.io", "library/example.com", "", ""),
        ("example.com:8080", "docker.io", "library/example.com", "8080", ""),
        ("Registry/a", "Registry", "a", "", ""),
        ("LOCALHOST/a", "LOCALHOST", "a", "", ""),
        ("Docker.io/nginx", "Docker.io", "nginx", "", ""),
        ("EU-1.Example.COM:443/a/b", "EU-1.Example.COM:443", "a/b", "", ""),
        ("xn--n3h.com/a", "xn--n3h.com", "a", "", ""),
        ("0:0/0:0", "0:0", "0", "0", ""),
        ("r:999999/a", "r:999999", "a", "", ""),
        ("10.0.0.1/a", "10.0.0.1", "a", "", ""),
        ("127.0.0.1:5000/a:b", "127.0.0.1:5000", "a", "b", ""),
        ("[::1]/a", "[::1]", "a", "", ""),
        ("[::1]:5000/a", "[::1]:5000", "a", "", ""),
        ("[2001:DB8::1]:5000/team/a:1@{D}", "[2001:DB8::1]:5000", "team/a", "1", "{D}"),
        // Separators in paths.
        ("a_b/c__d/e.f/g-h/i----j", "docker.io", "a_b/c__d/e.f/g-h/i----j", "", ""),
        ("a-b.c_d__e", "docker.io", "library/a-b.c_d__e", "", ""),
        ("1/2", "docker.io", "1/2", "", ""),
        ("r.io/a.b", "r.io", "a.b", "", ""),
        // Tags.
        ("a:_.-", "docker.io", "library/a", "_.-", ""),
        ("a:V1.0-RC_2", "docker.io", "library/a", "V1.0-RC_2", ""),
        ("a:latest", "docker.io", "library/a", "latest", ""),
        ("a:{H}", "docker.io", "library/a", "{H}", ""),
        ("{H}:1", "docker.io", "library/{H}", "1", ""),
        ("library/{H}", "docker.io", "library/{H}", "", ""),
        (
            "a:d41d8cd98f00b204e9800998ecf8427e",
            "docker.io",
            "library/a",
            "d41d8cd98f00b204e9800998ecf8427e",
            "",
        ),
        ("sha256:abc", "docker.io", "library/sha256", "abc", ""),
        ("sha256@{D}", "docker.io", "library/sha256", "", "{D}"),
        // Digests of other algorithms.
        (
            "a@md5:d41d8cd98f00b204e9800998ecf8427e",
            "docker.io",
            "library/a",
            "",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
        ),
        ("a@x+y.z-u_v:{H}", "docker.io", "library/a", "", "x+y.z-u_v:{H}"),
        ("a@sha512:{H}{H}", "docker.io", "library/a", "", "sha512:{H}{H}"),
    ];
    let set = |part: &str| Some(expand(part)).filter(|part| !part.is_empty());
    for (text, registry, path, tag, digest) in table {
        let expected = ImageReference {
            registry: (*registry).to_owned(),
            path: expand(path),
            tag: set(tag),
            digest: set(digest),
        };
        assert_eq!(parse(&expand(text)), Ok(expected), "{text}");
    }
}

#[test]
fn rejects_invalid_references_and_names_the_invalid_part() {
    let table: &[(&str, Error)] = &[
        ("", Error::Path),
        (" ", Error::Path),
        (" nginx", Error::Path),
        ("nginx ", Error::Path),
        ("nginx\n", Error::Path),
        ("/", Error::Path),
        ("/a", Error::Path),
        ("a/", Error::Path),
        ("a//b", Error::Path),
        ("docker.io/", Error::Path),
        ("localhost/", Error::Path),
        ("r:5000/", Error::Path),
        ("-a", Error::Path),
        ("a-", Error::Path),
        ("_a/b", Error::Path),
        ("a..b", Error::Path),
        ("a___b", Error::Path),
        ("a._b", Error::Path),
        ("a-_b", Error::Path),
        ("r.io/.a", Error::Path),
        ("r.io/a:b/c", Error::Path),
        ("a/b:1/c", Error::Path),
        ("caf\u{e9}", Error::Path),
        (":1", Error::Path),
        ("@{D}", Error::Path),
        ("a:1:2", Error::Path),
        ("[::1]:5000", Error::Path),
        ("[a]/b", Error::Path),
        ("UPPER", Error::UpperCase),
        ("Nginx:1", Error::UpperCase),
        ("team/App", Error::UpperCase),
        ("r.io/App@{D}", Error::UpperCase),
        ("a:", Error::Tag),
        ("r:5000/a:", Error::Tag),
        ("a:@{D}", Error::Tag),
        ("a:.1", Error::Tag),
        ("a:-1", Error::Tag),
        ("a:1+2", Error::Tag),
        ("a:\u{e9}", Error::Tag),
        ("a@", Error::Digest),
        ("a:1@", Error::Digest),
        ("a@@{D}", Error::Digest),
        ("a@{D}@{D}", Error::Digest),
        ("a@{D}:1", Error::Digest),
        ("a@{D}/b", Error::Digest),
        ("a@{H}", Error::Digest),
        ("a@:{H}", Error::Digest),
        ("a@256:{H}", Error::Digest),
        ("a@sha256+:{H}", Error::Digest),
        ("a@sha256:{H}0", Error::Digest),
        ("a@sha256:d41d8cd98f00b204e9800998ecf8427e", Error::Digest),
        ("a@SHA256:d41d8cd98f00b204e9800998ecf8427e", Error::Digest),
        ("a@sha384:{H}", Error::Digest),
        ("a@sha512:{H}", Error::Digest),
        ("a@md5:d41d8cd98f00b204e9800998ecf8427", Error::Digest),
        ("a@md5:g41d8cd98f00b204e9800998ecf8427e", Error::Digest),
        ("https://r.io/a", Error::Registry),
        ("docker://{D}", Error::Registry),
        ("a:tag/b", Error::Registry),
        ("r:/a", Error::Registry),
        ("r:50x/a", Error::Registry),
        ("r.io:1:2/a", Error::Registry),
        (".r/a", Error::Registry),
        ("r./a", Error::Registry),
        ("r..io/a", Error::Registry),
        ("-r.io/a", Error::Registry),
        ("r-.io/a", Error::Registry),
        ("a_b.io/a", Error::Registry),
        ("user@r.io/a", Error::Digest),
        ("::1/a", Error::Registry),
        ("[]:1/a", Error::Registry),
        ("[::1/a", Error::Registry),
        ("[::1]5000/a", Error::Registry),
        ("[fe80::1%eth0]:1/a", Error::Registry),
        ("[::ffff:10.0.0.1]/a", Error::Registry),
        ("{H}", Error::Id),
        ("{D}", Error::Id),
        ("SHA256:{H}", Error::Id),
        ("sha512:{H}{H}", Error::Id),
    ];
    for (text, expected) in table {
        assert_eq!(parse(&expand(text)), Err(*expected), "{text:?}");
    }
}

#[test]
fn digests_are_case_insensitive() {
    let upper_case = format!("a@SHA256:{}", HEX.to_ascii_uppercase());
    assert_eq!(parse(&upper_case), parse(&format!("a@{SHA256}")));
}

#[test]
fn a_path_has_at_most_255_characters_without_the_registry() {
    let at_most = "a".repeat(255);
    let host = "h".repeat(300) + ".io";
    assert_eq!(parse(&format!("{host}/{at_most}")).map(|image| image.path), Ok(at_most.clone()));
    assert_eq!(parse(&format!("{host}/{at_most}a")), Err(Error::PathTooLong));
    let word = "a".repeat(255 - "library/".len());
    assert_eq!(parse(&word).map(|image| image.path.len()), Ok(255));
    assert_eq!(parse(&format!("{word}a")), Err(Error::PathTooLong));
}

#[test]
fn a_tag_has_at_most_128_characters() {
    let at_most = "t".repeat(128);
    assert_eq!(parse(&format!("a:{at_most}")).map(|image| image.tag), Ok(Some(at_most.clone())));
    assert_eq!(parse(&format!("a:{at_most}t")), Err(Error::Tag));
}

#[test]
fn the_tag_defaults_to_latest_without_a_digest() {
    for (text, expected) in [
        ("nginx", Some("latest")),
        ("nginx:1.25", Some("1.25")),
        ("nginx:1.25@{D}", Some("1.25")),
        ("nginx@{D}", None),
    ] {
        let image = parse(&expand(text)).unwrap();
        assert_eq!(image.tag_or_latest(), expected, "{text}");
        assert_eq!(image.repository(), "docker.io/library/nginx", "{text}");
    }
}

#[test]
fn display_prints_the_full_reference_without_a_default_tag() {
    for (text, printed) in [
        ("nginx", "docker.io/library/nginx"),
        ("index.docker.io/team/app:1", "docker.io/team/app:1"),
        ("[::1]:5000/a@{D}", "[::1]:5000/a@{D}"),
        ("r:1/a:2@{D}", "r:1/a:2@{D}"),
    ] {
        assert_eq!(parse(&expand(text)).unwrap().to_string(), expand(printed));
    }
}

#[test]
fn parses_image_ids() {
    let pulled = |repository: &str| ImageId {
        repository: Some(repository.to_owned()),
        repo_digest: Some(SHA256.to_owned()),
        config_digest: None,
    };
    let own = ImageId { config_digest: Some(SHA256.to_owned()), ..ImageId::default() };
    let table = [
        ("docker-pullable://nginx@{D}", pulled("docker.io/library/nginx")),
        ("docker-pullable://r.io:5000/a/b@{D}", pulled("r.io:5000/a/b")),
        ("docker.io/library/nginx@{D}", pulled("docker.io/library/nginx")),
        ("[::1]:5000/a:1.2@{D}", pulled("[::1]:5000/a")),
        ("docker://{D}", own.clone()),
        ("{D}", own.clone()),
        ("{H}", own.clone()),
        ("sha256:B5B2B2C507A0944348E0303114D8D93AAAA081732B86451D9BCE1F432A537BC7", own),
    ];
    for (text, expected) in table {
        assert_eq!(image_id(&expand(text)), expected, "{text}");
    }
}

#[test]
fn other_image_ids_are_unknown() {
    for text in [
        "",
        " ",
        "\t\n",
        " {D}",
        "{H}0",
        "nginx",
        "nginx:1.25",
        "nginx@sha256:abc",
        "Nginx@{D}",
        "sha256:abc",
        "sha256:",
        "docker://",
        "docker://nginx@{D}",
        "docker://{H}",
        "docker-pullable://",
        "docker-pullable://{D}",
        "docker-pullable://nginx",
        "docker-pullable://nginx:1@",
        "containerd://{D}",
        "docker://docker://{D}",
        "://{D}",
    ] {
        assert_eq!(image_id(&expand(text)), ImageId::default(), "{text:?}");
    }
}

#[test]
fn splits_container_ids_into_runtime_and_id() {
    for (text, expected) in [
        ("containerd://4f2a", (Some("containerd"), Some("4f2a"))),
        ("docker://4f2a", (Some("docker"), Some("4f2a"))),
        ("cri-o://4f2a", (Some("cri-o"), Some("4f2a"))),
        ("4f2a", (None, Some("4f2a"))),
        ("rkt://a:b://c", (Some("rkt"), Some("a:b://c"))),
        ("docker://", (Some("docker"), None)),
        ("://4f2a", (None, Some("4f2a"))),
        ("://", (None, None)),
        ("", (None, None)),
        (" ", (None, None)),
    ] {
        assert_eq!(container_id(text), expected, "{text:?}");
    }
}
