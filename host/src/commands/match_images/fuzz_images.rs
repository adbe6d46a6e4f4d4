//! Fuzz targets: the list of known images, matching it with an inventory, and image references.

use gatherer_image_reference::{self as image, ImageReference};
use serde_json::{Value, json};

use super::matches::Matches;
use super::physical_hosts::PhysicalHosts;
use super::{inventory_file, known, table};
use crate::output::format::{self, TableStyle};

/// Reads a list of known images.
pub fn images(input: &[u8]) {
    let Ok(images) = known::read(input) else { return };
    assert!(images.is_sorted(), "the images are sorted");
    let entries: Vec<Value> = images
        .iter()
        .map(|image| {
            // The shorter format has only one name.
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
        assert_eq!(known::read(&text), Ok(images), "the list can be read again");
    }
}

/// Matches a list of known images with an inventory. The input has both, separated by a NUL.
pub fn match_images(input: &[u8]) {
    let nul = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (images, inventory) = input.split_at(nul);
    let Ok(images) = known::read(images) else { return };
    let Ok(document) = inventory_file::read(inventory.get(1..).unwrap_or_default()) else { return };
    let matches =
        Matches::new(&images, document.sources.into_iter(), &PhysicalHosts::new(&document.links));
    assert_eq!(matches.images.len(), images.len(), "every known image is reported once");
    serde_json::from_str::<Value>(&format::document_text(&matches)).expect("the report is JSON");
    let mut shown = Vec::new();
    let style = TableStyle { width: 80, color: false };
    table::write(&matches, style, &mut shown).expect("writing to memory");
    let shown = String::from_utf8(shown).expect("the table is text");
    assert!(!shown.contains(|sign: char| sign.is_control() && sign != '\n'), "{shown:?}");
}

/// Parses an image reference, an image id and a container id.
pub fn image_reference(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = image::container_id(text);
    let id = image::image_id(text);
    let written = match (&id.repository, &id.repo_digest, &id.config_digest) {
        (Some(repository), Some(digest), None) => Some(format!("{repository}@{digest}")),
        (None, None, Some(digest)) => Some(digest.clone()),
        (None, None, None) => None,
        _ => panic!("an id must be a digest of a repository or the image's own: {id:?}"),
    };
    if let Some(written) = written {
        assert_eq!(image::image_id(&written), id, "written as {written}");
    }
    let Ok(reference) = text.parse::<ImageReference>() else { return };
    let written = reference.to_string();
    let again = written.parse::<ImageReference>();
    assert_eq!(again.as_ref(), Ok(&reference), "written as {written}");
}
