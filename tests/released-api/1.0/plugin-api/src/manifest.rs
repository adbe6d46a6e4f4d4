//! What a plugin says of itself: the modules that it serves and their parameters.
//!
//! The manifest is a JSON file beside the plugin's sources. `export_gatherer!` embeds it in
//! the library as an ELF note, where the runner reads it without loading the library.

use serde::{Deserialize, Serialize};

/// The ELF note that holds the manifest: its name, which includes the final NUL in the file.
pub const NOTE_NAME: &str = "Gatherer";
/// The ELF note's type.
pub const NOTE_TYPE: u32 = 1;
/// The section that holds the note.
pub const NOTE_SECTION: &str = ".note.gatherer";
/// The longest manifest, in bytes.
pub const MANIFEST_MAX_BYTES: u64 = 256 * 1024;

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The plugin's name, by convention its crate's.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// The version of the stable ABI that the library was built for (`ABI_VERSION`).
    pub abi: String,
    /// The oldest plugin API that can serve the plugin (`API_VERSION` or earlier).
    pub minimum_api: String,
    /// The modules that the library serves, at least one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub modules: Vec<Module>,
}

/// One kind of endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// The name in the request's `module`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = NAME_PATTERN)))]
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// The parameters, in the order in which a form shows them.
    pub parameters: Vec<Parameter>,
    /// Environment variables that the worker keeps for this module, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}

/// One parameter of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// The member's name in an endpoint.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = NAME_PATTERN)))]
    pub name: String,
    /// What its value must be.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// What holds where the endpoint leaves it unset, and what the Manager's form shows.
    #[serde(default)]
    pub default: DefaultValue,
    /// Whether an endpoint without it is an error; says nothing about the default.
    #[serde(default)]
    pub required: bool,
    /// Whether the value must never be shown.
    #[serde(default)]
    pub secret: bool,
    /// Whether the Manager's form leaves it out.
    #[serde(default)]
    pub advanced: bool,
    /// One or two sentences for people.
    pub description: String,
    /// An example value, as one would write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// The type of a parameter. The Manager sends every value as text; the runner turns it into
/// what is asked for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ParameterType {
    /// Text.
    String,
    /// A whole number (64 bits).
    Integer,
    /// Any finite number.
    Number,
    /// `true` or `false`; as text also `yes`, `no`, `on`, `off`, `1`, `0`.
    Boolean,
    /// A file's path: `~/` and relative paths are resolved by the runner. Text with a line
    /// break is no path but the document itself, and text with a scheme (`https://`) is a URL:
    /// both are left alone.
    Path,
    /// Several texts; as text separated by commas.
    List,
}

impl ParameterType {
    /// What a person would call it, for "expected ...".
    pub const fn article(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Path => "a path",
            Self::List => "a list of strings",
        }
    }

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Path => "path",
            Self::List => "list",
        }
    }
}

/// A default that the Manager's form can read: text, a number or nothing. A boolean, a list
/// or an object here would make the Manager's whole list of modules unreadable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a default is a string, a number or null")]
pub enum DefaultValue {
    /// No default.
    #[default]
    Null,
    /// A number.
    Number(serde_json::Number),
    /// Text; the empty text means unset.
    Text(String),
}

/// Why a manifest was refused: one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Manifest {
    /// Reads and checks a manifest. The sentence on failure says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_str(text)
            .map_err(|error| ManifestError(format!("its manifest cannot be read: {error}")))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The module of this name.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let fail = |message: String| Err(ManifestError(message));
        if self.name.is_empty() || self.version.is_empty() {
            return fail("its manifest has no name or no version".into());
        }
        if self.modules.is_empty() {
            return fail("its manifest lists no module".into());
        }
        for (index, module) in self.modules.iter().enumerate() {
            if !is_plain_name(&module.name) {
                return fail(
                    "its manifest has a module whose name is not letters, digits, - and _".into(),
                );
            }
            if self.modules[..index].iter().any(|earlier| earlier.name == module.name) {
                return fail(format!("its manifest lists the module {} twice", module.name));
            }
            for (index, parameter) in module.parameters.iter().enumerate() {
                if !is_plain_name(&parameter.name) {
                    return fail(format!(
                        "its module {} has a parameter whose name is not letters, digits, - and _",
                        module.name
                    ));
                }
                if RESERVED.contains(&parameter.name.as_str()) {
                    return fail(format!(
                        "its module {} names a parameter {}, which means something on every endpoint",
                        module.name, parameter.name
                    ));
                }
                if module.parameters[..index].iter().any(|earlier| earlier.name == parameter.name) {
                    return fail(format!(
                        "its module {} lists the parameter {} twice",
                        module.name, parameter.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Members that mean the same on every endpoint, whatever its module.
pub const RESERVED: [&str; 7] =
    ["id", "module", "timeout", "retries", "proxy", "ca_file", "insecure"];

/// What [`is_plain_name`] checks, for the schema.
#[cfg(feature = "schema")]
const NAME_PATTERN: &str = "^[A-Za-z0-9_-]{1,128}$";

fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::Manifest;

    fn manifest(default: &str) -> String {
        format!(
            r#"{{"name": "p", "version": "1", "abi": "1.0.0", "minimumApi": "1.0.0", "modules": [
                {{"name": "M", "summary": "", "parameters": [
                    {{"name": "a", "type": "string", "default": {default}, "description": ""}}]}}]}}"#
        )
    }

    #[test]
    fn a_default_is_text_a_number_or_null() {
        for good in ["\"\"", "\"x\"", "443", "1.5", "null"] {
            assert!(Manifest::parse(&manifest(good)).is_ok(), "{good}");
        }
        for bad in ["true", "[]", "{}"] {
            assert!(Manifest::parse(&manifest(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn common_options_cannot_be_parameters() {
        let text = manifest("null").replace("\"name\": \"a\"", "\"name\": \"timeout\"");
        let error = Manifest::parse(&text).expect_err("reserved");
        assert!(error.to_string().contains("timeout"), "{error}");
    }
}
