//! JSON Schemas of the documents, generated from the types. `docs/schema` has copies.

use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::model::Inventory;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::diff::report::DiffReport;
use super::match_images::matches::Matches;
use super::printing;
use crate::cli::SchemaDocument;
use crate::exit::Exit;
use crate::output::checked::CheckDocument;
use crate::output::format::found::FoundLine;
use crate::output::format::{EndpointLine, VirtWhoReport};
use crate::request::RequestSchema;

/// Prints the schema of a document.
pub fn run(document: SchemaDocument) -> Exit {
    printing::print(&text(document))
}

/// The text of a schema.
fn text(document: SchemaDocument) -> String {
    let read = SchemaSettings::draft2020_12();
    // Documents that the program writes have a stricter schema than those that it reads.
    let written = || {
        let written = SchemaSettings::draft2020_12().for_serialize();
        written.with_transform(RecursiveTransform(without_null)).into_generator()
    };
    let schema = match document {
        SchemaDocument::Inventory => written().into_root_schema_for::<Inventory>(),
        SchemaDocument::Ndjson => written().into_root_schema_for::<EndpointLine>(),
        SchemaDocument::Found => written().into_root_schema_for::<FoundLine<'_>>(),
        SchemaDocument::Matches => written().into_root_schema_for::<Matches>(),
        SchemaDocument::Diff => written().into_root_schema_for::<DiffReport>(),
        SchemaDocument::Check => written().into_root_schema_for::<CheckDocument>(),
        SchemaDocument::VirtWho => written().into_root_schema_for::<VirtWhoReport<'_>>(),
        SchemaDocument::Manifest => read.into_generator().into_root_schema_for::<Manifest>(),
        SchemaDocument::Request => read.into_generator().into_root_schema_for::<RequestSchema>(),
    };
    format!("{:#}\n", schema.as_value())
}

/// Removes null from a schema: the program leaves out unknown members.
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
