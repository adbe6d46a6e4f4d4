//! Reads the entries of several files, in which ids are unique together.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::EndpointResult;

use super::infile_json;
use super::infile_text::InfileText;
use super::{Defaults, Entry, EntryId, entry, fail_duplicates};
use crate::plugins::Catalog;

/// The text of one file.
pub struct FragmentText {
    /// The name of the file.
    pub name: String,
    /// The text, or why the file cannot be used: the predicate of a sentence whose subject is the file.
    pub text: Result<String, String>,
}

/// Reads the entries of all files, in their order. A file that cannot be used is a failed entry whose id is the name of the
/// file, so that every format and command shows it.
pub fn read_fragments(
    fragments: &[FragmentText],
    catalog: &Catalog,
    defaults: &Defaults,
) -> Vec<Entry> {
    let infiles: Vec<_> = fragments
        .iter()
        .map(|fragment| (&fragment.name, fragment.text.as_deref().map(InfileText::new)))
        .collect();
    let mut entries = Vec::new();
    let (mut objects, mut ids, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (name, infile) in &infiles {
        let read = match infile {
            Ok(infile) => infile_json::objects(infile).map_err(|error| error.to_string()),
            Err(reason) => Err((*reason).to_owned()),
        };
        match read {
            Ok(read) => {
                for (index, object) in read.into_iter().enumerate() {
                    ids.push(EntryId::of(&object));
                    objects.push(object);
                    places.push(format!("{name} (position {})", index + 1));
                }
            }
            Err(reason) => entries.push(unusable(name, &reason)),
        }
    }
    fail_duplicates(
        &mut ids,
        |shown| format!("in {}", shown.join(", ")),
        |index| places[index].clone(),
    );
    let read = objects.iter().zip(ids).map(|(object, id)| entry(object, id, catalog, defaults));
    entries.extend(read);
    entries
}

/// The failed entry for a file that cannot be used.
fn unusable(name: &str, reason: &str) -> Entry {
    let message = format!("the file {name} {reason}");
    let hint = "correct the file, or remove it; its endpoints were not queried, and are missing in the result";
    Entry::UnusableFile(Box::new(EndpointResult {
        error: Some(GatherError::configuration(message).with_hint(hint)),
        ..EndpointResult::new(name.to_owned(), None, None)
    }))
}
