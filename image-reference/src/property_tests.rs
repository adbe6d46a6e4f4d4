//! Property tests of the parser: compared with the grammar as a regular expression, and on any text.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::{ImageReference, ImageReferenceError, container_id, image_id};

fn parse(text: &str) -> Result<ImageReference, ImageReferenceError> {
    text.parse()
}

/// The grammar as one regular expression: registry, path, tag, digest's algorithm and digits.
static GRAMMAR: LazyLock<Regex> = LazyLock::new(|| {
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
    let host = format!(r"(?:{label}(?:\.{label})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?");
    let word = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let algorithm = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*";
    let grammar = format!(
        "^({host})/({word}(?:/{word})*)\
         (?::([A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?\
         (?:@({algorithm}):([0-9A-Fa-f]{{32,}}))?$"
    );
    Regex::new(&grammar).unwrap()
});

/// Whether the regular expression matches a text whose registry has a dot, so that no default applies.
fn matches_grammar(text: &str) -> bool {
    GRAMMAR.captures(text).is_some_and(|found| {
        let digits = found.get(5).map_or(0, |digits| digits.len());
        let algorithm = found.get(4).map(|algorithm| algorithm.as_str().to_ascii_lowercase());
        let has_valid_length = match algorithm.as_deref() {
            Some("sha256") => digits == 64,
            Some("sha384") => digits == 96,
            Some("sha512") => digits == 128,
            _ => true,
        };
        has_valid_length && found[2].len() <= 255
    })
}

fn registries() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("localhost".to_owned()),
        "[a-zA-Z0-9]{1,4}\\.[a-z]([a-z-]{0,4}[a-z])?(:[0-9]{1,5})?",
        "[a-z0-9]{1,8}:[0-9]{1,5}",
        "\\[[0-9a-fA-F]{0,4}:[0-9a-fA-F:]{0,8}\\](:[0-9]{1,5})?",
    ]
}

fn paths() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,4}((\\.|_|__|-{1,3}|/)[a-z0-9]{1,4}){0,6}"
}

fn digests() -> impl Strategy<Value = String> {
    prop_oneof!["sha256:[0-9a-f]{64}", "sha512:[0-9a-f]{128}", "[a-z][a-z0-9]{0,3}:[0-9a-f]{32,40}"]
}

proptest! {
    #[test]
    fn a_reference_made_of_valid_parts_parses_into_them(
        registry in registries(),
        path in paths(),
        tag in prop::option::of("[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}"),
        digest in prop::option::of(digests()),
    ) {
        let mut text = format!("{registry}/{path}");
        for (sign, part) in [(':', &tag), ('@', &digest)] {
            if let Some(part) = part {
                text.push(sign);
                text.push_str(part);
            }
        }
        let image = parse(&text).unwrap();
        prop_assert_eq!(image.to_string(), text);
        prop_assert_eq!(image.repository(), format!("{registry}/{path}"));
        prop_assert_eq!(image.registry, registry);
        prop_assert_eq!(image.path, path);
        prop_assert_eq!(image.tag, tag);
        prop_assert_eq!(image.digest, digest);
    }

    #[test]
    fn display_prints_text_that_parses_to_the_same_reference(
        text in "(([a-cA-C0-9.:_-]|localhost|docker\\.io|\\[::1\\]){1,3}/)?[ab0-9]{1,2}([a._-]{0,2}[b/]){0,3}\
                 (:[a-zA-Z0-9._-]{1,3})?(@[a-zA-Z]{1,3}:[0-9a-fA-F]{31,33})?"
    ) {
        if let Ok(image) = parse(&text) {
            prop_assert_eq!(parse(&image.to_string()), Ok(image));
        }
    }

    #[test]
    fn accepts_exactly_the_references_of_the_grammar(
        text in "[a-cA0.:_/@-]{0,24}(@sha(256|38)(:|[+.]x:)([0-9a-fA-F]{31,33}|[0-9a-fA-F]{63,65}))?"
    ) {
        let text = format!("r.io/{text}");
        prop_assert_eq!(parse(&text).is_ok(), matches_grammar(&text), "{}", text);
    }

    #[test]
    fn accepts_exactly_the_registries_of_the_grammar(
        // A dot or a colon makes it a registry, whatever the other characters are.
        host in prop_oneof![
            "[aB0-]{0,3}[.:][aB0.:-]{0,4}",
            "\\[?[a0g]{0,2}:[a0:g]{0,3}\\]{0,2}:{0,2}[0a]{0,2}",
        ],
    ) {
        let text = format!("{host}/a");
        prop_assert_eq!(parse(&text).is_ok(), matches_grammar(&text), "{}", text);
    }

    #[test]
    fn any_text_can_be_parsed_without_a_panic(
        text in any::<String>(),
        sign in "[@:/]{0,2}|://|@sha256:|docker://",
    ) {
        for text in [text.clone(), format!("{sign}{text}"), format!("{text}{sign}"), format!("a{sign}{text}")] {
            if let Ok(image) = parse(&text) {
                prop_assert_eq!(parse(&image.to_string()), Ok(image));
            }
            let id = image_id(&text);
            prop_assert!(id.repo_digest.is_none() || id.config_digest.is_none());
            let (runtime, id) = container_id(&text);
            prop_assert!(runtime != Some("") && id != Some(""));
        }
    }
}
