//! JSON Schemas of the documents, made from the types. `docs/schema` holds copies.

use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::model::Inventory;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::match_images::matches::Matches;
use super::printing;
use crate::cli::Document;
use crate::exit::Exit;
use crate::output::format::EndpointLine;
use crate::request::Request;

/// Prints the schema of a document.
pub fn run(document: Document) -> Exit {
    printing::print(&text(document))
}

/// The schema's text.
fn text(document: Document) -> String {
    let read = SchemaSettings::draft2020_12();
    // What is written is known more closely than what could be read.
    let written = || {
        let written = SchemaSettings::draft2020_12().for_serialize();
        written.with_transform(RecursiveTransform(without_null)).into_generator()
    };
    let schema = match document {
        Document::Inventory => written().into_root_schema_for::<Inventory>(),
        Document::Ndjson => written().into_root_schema_for::<EndpointLine>(),
        Document::Matches => written().into_root_schema_for::<Matches>(),
        Document::Manifest => read.into_generator().into_root_schema_for::<Manifest>(),
        Document::Request => read.into_generator().into_root_schema_for::<Request>(),
    };
    format!("{:#}\n", schema.as_value())
}

/// What is unknown is absent, never null.
fn without_null(schema: &mut Schema) {
    let is_null = |value: &Value| *value == "null" || value["type"] == "null";
    let Some(object) = schema.as_object_mut() else { return };
    for key in ["type", "anyOf"] {
        let Some(Value::Array(choices)) = object.get_mut(key) else { continue };
        choices.retain(|choice| !is_null(choice));
        if let [only] = choices.as_mut_slice() {
            let only = only.take();
            object.remove(key);
            match only {
                Value::Object(members) => object.extend(members),
                word => drop(object.insert(key.to_owned(), word)),
            }
        }
    }
}
