//! Fuzz targets: the list of known images, and an inventory whose containers are compared with it.

use serde_json::{Value, json};

use super::report::Matches;
use super::{document, known, table};
use crate::format::{self, TableStyle};

/// The list of known images alone.
pub fn images(input: &[u8]) {
    let Ok(images) = known::read(input) else { return };
    assert!(images.is_sorted(), "the images are sorted");
    let entries: Vec<Value> = images
        .iter()
        .map(|image| {
            // The other form has one name.
            let name = if image.names.len() > 1 { return json!(null) } else { image.names.first() };
            let digests: Vec<_> =
                image.digests.iter().map(|digest| format!("app@{digest}")).collect();
            json!({
                "id": image.id, "name": name, "digests": digests, "revision": image.revision,
            })
        })
        .filter(|entry| !entry.is_null())
        .collect();
    if entries.len() == images.len() {
        let text = serde_json::to_vec(&entries).expect("JSON");
        assert_eq!(known::read(&text), Ok(images), "images are read as they are written");
    }
}

/// The list of known images, a NUL, and an inventory.
pub fn match_images(input: &[u8]) {
    let nul = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (images, inventory) = input.split_at(nul);
    let Ok(images) = known::read(images) else { return };
    let Ok(sources) = document::read(inventory.get(1..).unwrap_or_default()) else { return };
    let matches = Matches::new(&images, sources.into_iter());
    assert_eq!(matches.images.len(), images.len(), "every known image is reported once");
    serde_json::from_str::<Value>(&format::document_text(&matches)).expect("the report is JSON");
    let mut shown = Vec::new();
    let style = TableStyle { width: 80, color: false };
    table::write(&matches, style, &mut shown).expect("writing to memory");
    let shown = String::from_utf8(shown).expect("the table is text");
    assert!(!shown.contains(|sign: char| sign.is_control() && sign != '\n'), "{shown:?}");
}
