//! References of the form `{"file": PATH}`. The runner only collects them. The worker reads the files within the
//! endpoint's deadline, because a file on a network or FUSE file system may hang.

use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::{GatherError, GatherRequest};
use serde::{Deserialize, Serialize};

use super::file_reference::FileReference;
use super::infile_json::Value;
use super::values::{self, BaseFolders};
use super::{invalid, options};
use crate::request::redact::Secrets;

/// The file references of one endpoint.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct References {
    /// In the order of the manifest, with the common options at the end.
    pub files: Vec<FileReference>,
    /// The base folders of relative paths in the files.
    pub folders: BaseFolders,
}

impl References {
    /// Whether there are no references.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Reads the files and adds their values to the request. Secrets are added to `secrets`, even if this fails.
    pub fn read_into(
        &self,
        request: &mut GatherRequest,
        manifest: &str,
        secrets: &mut Secrets,
    ) -> Result<(), GatherError> {
        let manifest = Manifest::parse(manifest)
            .map_err(|_| GatherError::internal("the manifest cannot be read a second time"))?;
        let module = manifest.module(&request.module).ok_or_else(|| {
            GatherError::internal("the manifest does not have the endpoint's module")
        })?;
        let mut problems = Vec::new();
        for reference in &self.files {
            let name = reference.name.as_str();
            let value = match reference.read() {
                Ok(text) if text.is_empty() => Value::Unset,
                Ok(text) => Value::Text(text),
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            if let Some(parameter) = module.parameter(name) {
                let value = values::complete(parameter, value, true, &self.folders, secrets);
                values::insert(parameter, module, value, &mut request.parameters, &mut problems);
            } else {
                if let Some(text) = values::text(&value) {
                    secrets.add(&text);
                }
                let (folders, options) = (&self.folders, &mut request.options);
                options::set(name, &value, folders, options, secrets, &mut problems);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(invalid(&problems, module)) }
    }
}
