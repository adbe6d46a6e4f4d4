//! JSON Schemas of the documents, made from the types. `docs/schema` holds copies.

use clap::ValueEnum;
use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::model::Inventory;
use schemars::generate::SchemaSettings;

use crate::request::Request;

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// What `--format inventory` prints
    Inventory,
    /// What a plugin says of itself
    Manifest,
    /// What the infile holds
    Request,
}

/// The schema's text.
pub fn text(document: Document) -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let schema = match document {
        Document::Inventory => generator.into_root_schema_for::<Inventory>(),
        Document::Manifest => generator.into_root_schema_for::<Manifest>(),
        Document::Request => generator.into_root_schema_for::<Request>(),
    };
    format!("{:#}\n", schema.as_value())
}
