//! Normalizes UUIDs. Plugins do not filter placeholder UUIDs; the output formats decide about them.

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

/// The canonical form of a UUID given as 16 bytes in big-endian order.
pub fn from_bytes(bytes: [u8; 16]) -> String {
    Uuid::from_bytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::{canonical, from_bytes};

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
    fn formats_bytes_in_their_order() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(from_bytes(bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
