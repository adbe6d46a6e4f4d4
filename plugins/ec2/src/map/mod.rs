//! Pure: from the answers of EC2 to the model.

pub mod dedicated_host;
pub mod instance;
pub mod instance_type;
pub mod replies;

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_support::cloud::CloudNames;
use gatherer_plugin_support::xml::{Node, child, children, text};

/// What a Manager calls this cloud.
pub const NAMES: CloudNames = CloudNames { kind: "aws", name: "Amazon AWS", service: "EC2" };

/// The architecture as `uname -m` prints it.
pub fn architecture(word: &str) -> &str {
    match word {
        "i386" => "i686",
        "arm64" => "aarch64",
        "x86_64_mac" => "x86_64",
        // The kernel of macOS has this name for it.
        "arm64_mac" => "arm64",
        other => other,
    }
}

/// The tags, by key.
fn tags(node: Node<'_, '_>) -> BTreeMap<String, String> {
    // Blanks at the ends are part of a tag.
    let exact = |tag, name| child(tag, name).and_then(|element| element.text());
    let tags = items(node, "tagSet").filter_map(|tag| {
        let value = exact(tag, "value").unwrap_or_default();
        Some((exact(tag, "key")?.to_owned(), value.to_owned()))
    });
    tags.collect()
}

/// The items of a list. An absent list is empty.
fn items<'a, 'input>(node: Node<'a, 'input>, list: &str) -> impl Iterator<Item = Node<'a, 'input>> {
    child(node, list).into_iter().flat_map(|list| children(list, "item"))
}

/// A number that is not negative. Anything else is unknown.
fn number(node: Node<'_, '_>, path: &[&str]) -> Option<u64> {
    text(node, path)?.parse().ok()
}

/// A count that is positive. EC2 writes 0 for counts that it does not know.
fn count(node: Node<'_, '_>, path: &[&str]) -> Option<u32> {
    number(node, path).and_then(|number| u32::try_from(number).ok()).filter(|count| *count > 0)
}

fn owned(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    text(node, path).map(str::to_owned)
}

fn time(node: Node<'_, '_>, path: &[&str]) -> Option<Timestamp> {
    text(node, path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::architecture;

    #[test]
    fn architectures_are_those_of_uname() {
        for (word, expected) in [
            ("x86_64", "x86_64"),
            ("i386", "i686"),
            ("arm64", "aarch64"),
            ("x86_64_mac", "x86_64"),
            ("arm64_mac", "arm64"),
            ("riscv64", "riscv64"),
        ] {
            assert_eq!(architecture(word), expected);
        }
    }
}
