//! Normalizes UUIDs. Plugins do not filter placeholder UUIDs; the output formats decide about them.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The canonical form (lower case, with dashes) of a UUID in any usual spelling: upper case,
/// without dashes, in braces, or as a URN. `None` if the text is not a valid UUID.
///
/// ```
/// use gatherer_plugin_support::uuid::canonical;
/// let expected = Some("4c4c4544-0042-3510-8051-b4c04f4d3132".to_owned());
/// assert_eq!(canonical("4C4C4544-0042-3510-8051-B4C04F4D3132"), expected);
/// assert_eq!(canonical("{4c4c454400423510-8051-b4c04f4d3132}"), None);
/// ```
pub fn canonical(text: &str) -> Option<String> {
    Uuid::try_parse(text.trim()).ok().map(|uuid| uuid.to_string())
}

/// The canonical form of a UUID, as [`canonical`]. A text in another spelling, or one that is not a UUID, is
/// also kept verbatim, in `other` under `raw_name`. Blank text is ignored.
///
/// ```
/// use gatherer_plugin_api::model::Identifiers;
/// use gatherer_plugin_support::uuid::canonical_or_raw;
/// let mut identifiers = Identifiers::default();
/// identifiers.uuid = canonical_or_raw("ESX-7", "rawUuid", &mut identifiers.other);
/// assert_eq!((&identifiers.uuid, identifiers.other["rawUuid"].as_str()), (&None, "ESX-7"));
/// ```
pub fn canonical_or_raw(
    text: &str,
    raw_name: &str,
    other: &mut BTreeMap<String, String>,
) -> Option<String> {
    let canonical = canonical(text);
    if canonical.as_deref() != Some(text) && !text.trim().is_empty() {
        other.insert(raw_name.to_owned(), text.to_owned());
    }
    canonical
}

/// The canonical form of a UUID given as 16 bytes in big-endian order.
pub fn from_bytes(bytes: [u8; 16]) -> String {
    Uuid::from_bytes(bytes).to_string()
}

/// The canonical form of a UUID with the bytes of its first three groups in reverse order: some systems store
/// these groups as little-endian numbers, and others show the stored bytes in their order. `None` if the text is
/// not a valid UUID.
///
/// ```
/// use gatherer_plugin_support::uuid::swap_first_groups;
/// let swapped = Some("03020100-0504-0706-0809-0a0b0c0d0e0f".to_owned());
/// assert_eq!(swap_first_groups("00010203-0405-0607-0809-0a0b0c0d0e0f"), swapped);
/// ```
pub fn swap_first_groups(text: &str) -> Option<String> {
    let uuid = Uuid::try_parse(text.trim()).ok()?;
    Some(Uuid::from_bytes(uuid.to_bytes_le()).to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{canonical, canonical_or_raw, from_bytes, swap_first_groups};

    #[test]
    fn every_usual_spelling_has_one_canonical_form() {
        for text in [
            "4c4c4544-0042-3510-8051-b4c04f4d3132",
            "4C4C4544-0042-3510-8051-B4C04F4D3132",
            "4c4c4544004235108051b4c04f4d3132",
            "{4C4C4544-0042-3510-8051-B4C04F4D3132}",
            "urn:uuid:4c4c4544-0042-3510-8051-b4c04f4d3132",
            " 4c4c4544-0042-3510-8051-b4c04f4d3132\n",
        ] {
            let form = canonical(text);
            assert_eq!(form.as_deref(), Some("4c4c4544-0042-3510-8051-b4c04f4d3132"), "{text}");
        }
    }

    #[test]
    fn rejects_texts_that_are_not_uuids() {
        for text in ["", "x", "4c4c4544-0042-3510-8051-b4c04f4d313", "Not Specified"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn keeps_the_raw_text_unless_it_is_canonical_or_blank() {
        for (text, form, raw) in [
            ("4c4c4544-0042-3510-8051-b4c04f4d3132", true, None),
            (
                "4C4C454400423510-8051-b4c04f4d3132",
                false,
                Some("4C4C454400423510-8051-b4c04f4d3132"),
            ),
            (
                "4C4C4544-0042-3510-8051-B4C04F4D3132",
                true,
                Some("4C4C4544-0042-3510-8051-B4C04F4D3132"),
            ),
            (" Not Specified", false, Some(" Not Specified")),
            (" \n", false, None),
            ("", false, None),
        ] {
            let mut other = BTreeMap::new();
            assert_eq!(canonical_or_raw(text, "raw", &mut other).is_some(), form, "{text}");
            assert_eq!(other.get("raw").map(String::as_str), raw, "{text}");
        }
    }

    #[test]
    fn swapping_twice_gives_the_same_uuid() {
        let uuid = "4C4C4544-0042-3510-8051-B4C04F4D3132";
        let swapped = swap_first_groups(uuid).expect("a UUID");
        assert_eq!(swapped, "44454c4c-4200-1035-8051-b4c04f4d3132");
        assert_eq!(swap_first_groups(&swapped), canonical(uuid));
        assert_eq!(swap_first_groups("Not Specified"), None);
    }

    #[test]
    fn formats_bytes_in_their_order() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(from_bytes(bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
