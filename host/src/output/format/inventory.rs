//! The format `inventory`: the versioned document in UTF-8.

use std::io::{self, Write};

use gatherer_plugin_api::model::Inventory;
use serde::Serialize;
use serde_json::ser::Serializer;

use super::Rendered;
use super::layout::Indented;

/// Renders the document.
pub fn render(inventory: &Inventory) -> Rendered {
    Rendered { text: to_text(inventory), notes: Vec::new() }
}

/// Writes a document, indented by four spaces, with one line break at its end.
pub fn write(document: &impl Serialize, mut writer: impl Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut writer, Indented::default()))?;
    writer.write_all(b"\n")
}

/// The text of a document.
pub fn to_text(document: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    write(document, &mut bytes).expect("writing to a vector cannot fail, and all keys are strings");
    String::from_utf8(bytes).expect("the serializer writes UTF-8")
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{
        EndpointResult, EndpointStatus, Guest, Host, Inventory, SCHEMA_VERSION, Software,
    };

    use super::render;

    fn inventory(hosts: Vec<Host>) -> Inventory {
        Inventory {
            schema_version: SCHEMA_VERSION.into(),
            generator: Software { name: "virtual-host-gatherer".into(), version: None },
            run: None,
            shard: None,
            links: Vec::new(),
            endpoints: vec![EndpointResult {
                status: EndpointStatus::Complete,
                hosts,
                ..EndpointResult::new("e".into(), Some("File".into()), None)
            }],
        }
    }

    #[test]
    fn the_document_can_be_read_again_and_is_utf8() {
        let mut host = Host::new("1", "kvm-ä");
        host.guests = vec![Guest::new("g", "web")];
        let inventory = inventory(vec![host]);
        let text = render(&inventory).text;
        assert!(text.contains("kvm-ä") && text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert_eq!(
            serde_json::from_str::<Inventory>(&text).expect("the output can be read"),
            inventory
        );
    }
}
