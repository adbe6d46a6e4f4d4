//! The format `inventory`: the versioned document itself, in UTF-8.

use std::io::{self, Write};

use gatherer_plugin_api::model::Inventory;
use serde::Serialize;
use serde_json::ser::Serializer;

use super::Rendered;
use super::layout::Indented;

/// Renders the document as it is.
pub fn render(inventory: &Inventory) -> Rendered {
    Rendered { text: to_text(inventory), notes: Vec::new() }
}

/// Writes a document's text, with four spaces of indent and one line break at its end.
pub fn write(document: &impl Serialize, mut writer: impl Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut writer, Indented::default()))?;
    writer.write_all(b"\n")
}

/// A document's text.
pub fn to_text(document: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    write(document, &mut bytes).expect("a vector takes every byte, and every key is a string");
    String::from_utf8(bytes).expect("the writer emits UTF-8 alone")
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
            endpoints: vec![EndpointResult {
                status: EndpointStatus::Complete,
                hosts,
                ..EndpointResult::new("e".into(), Some("File".into()), None)
            }],
        }
    }

    #[test]
    fn the_document_reads_back_as_itself_and_stays_utf8() {
        let mut host = Host::new("1", "kvm-ä");
        host.guests = vec![Guest::new("g", "web")];
        let inventory = inventory(vec![host]);
        let text = render(&inventory).text;
        assert!(text.contains("kvm-ä") && text.ends_with("}\n") && !text.ends_with("\n\n"));
        assert_eq!(serde_json::from_str::<Inventory>(&text).expect("own output"), inventory);
    }
}
