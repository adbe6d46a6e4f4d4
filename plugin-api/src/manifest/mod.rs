//! The manifest of a plugin: its modules and their parameters.
//!
//! The manifest is a JSON file next to the plugin's sources. `export_gatherer!` embeds it in
//! the library as an ELF note, so that the runner can read it without loading the library.

mod author_check;
mod conversion;
mod versions;

use serde::{Deserialize, Serialize};

#[doc(hidden)]
pub use author_check::AuthorMistakes;
pub(crate) use author_check::check;

/// The name of the ELF note that contains the manifest. In the file it ends with a NUL.
pub const NOTE_NAME: &str = "Gatherer";
/// The type of the ELF note.
pub const NOTE_TYPE: u32 = 1;
/// The section that contains the note.
pub const NOTE_SECTION: &str = ".note.gatherer";
/// The maximum length of a manifest, in bytes.
pub const MANIFEST_MAX_BYTES: u64 = 256 * 1024;

/// The manifest of a plugin: its modules and their parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["abi", "minimumApi", "modules"])))]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The plugin's name. `export_gatherer!` adds the name of the crate.
    pub name: String,
    /// The plugin's own version. `export_gatherer!` adds the version of the crate.
    pub version: String,
    /// The version of the stable ABI that the library was built for (`ABI_VERSION`).
    pub abi: String,
    /// The oldest version of the plugin API that the plugin works with (`API_VERSION` or earlier).
    pub minimum_api: String,
    /// The modules in the library, at least one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub modules: Vec<Module>,
}

/// A module: one kind of endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// The value of `module` in a request.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = NAME_PATTERN)))]
    pub name: String,
    /// One line that describes the module.
    pub summary: String,
    /// Whether the list of modules for a Manager omits the module.
    #[serde(default)]
    pub advanced: bool,
    /// The parameters, in the order in which a form shows them.
    pub parameters: Vec<Parameter>,
    /// The names of the environment variables that the worker keeps for this module.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}

/// One parameter of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// The name of the member in an endpoint.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = NAME_PATTERN)))]
    pub name: String,
    /// The type of the value.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// The value if the endpoint leaves the parameter unset. The Manager's form shows it.
    #[serde(default)]
    pub default: DefaultValue,
    /// Whether an endpoint must set the parameter, independent of the default.
    #[serde(default)]
    pub required: bool,
    /// Whether the value is secret and must never be shown.
    #[serde(default)]
    pub secret: bool,
    /// Whether the Manager's form omits the parameter.
    #[serde(default)]
    pub advanced: bool,
    /// One or two sentences that describe the parameter.
    pub description: String,
    /// An example value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Values of a path that are not paths, such as `in-cluster`. The runner passes them on unchanged; a file
    /// with such a name is written as `./in-cluster`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
}

/// The type of a parameter. A Manager sends every value as text; the runner converts it to this
/// type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ParameterType {
    /// A string.
    String,
    /// A 64-bit integer, signed or unsigned.
    Integer,
    /// A finite number.
    Number,
    /// `true` or `false`; a string may also be `yes`, `no`, `on`, `off`, `1` or `0`.
    Boolean,
    /// The path of a file. The runner resolves `~/` and relative paths. It does not change text
    /// with a line break, which is the document itself, or text with a scheme (`https://`), which is
    /// a URL.
    Path,
    /// A list of strings; a single string is split at commas.
    List,
}

impl ParameterType {
    /// The type with its article, for messages like "expected an integer".
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

    /// The word used in JSON.
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

/// The default of a parameter: a string, a number or null. A Manager cannot read its list of modules
/// at all if a default is a boolean, a list or an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, expecting = "a default is a string, a number or null")]
pub enum DefaultValue {
    /// No default.
    #[default]
    Null,
    /// A number.
    Number(serde_json::Number),
    /// A string. The empty string means "no default".
    Text(String),
}

/// Why a manifest is invalid, as one sentence whose subject is the plugin's file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Manifest {
    /// Parses and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_str(text).map_err(|error| {
            author_check::wrong_default(text)
                .unwrap_or_else(|| ManifestError(format!("its manifest cannot be read: {error}")))
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The module with this name.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let fail = |message: String| Err(ManifestError(message));
        if self.name.is_empty() || self.version.is_empty() {
            return fail("its manifest has no name or no version".into());
        }
        if self.modules.is_empty() {
            return fail("its manifest has no modules".into());
        }
        for (index, module) in self.modules.iter().enumerate() {
            if !is_plain_name(&module.name) {
                return fail(format!("its manifest has a module whose name {PLAIN_NAME_RULE}"));
            }
            if self.modules[..index].iter().any(|earlier| earlier.name == module.name) {
                return fail(format!("its manifest has a duplicate module {}", module.name));
            }
            module.check_parameters()?;
        }
        Ok(())
    }
}

impl Module {
    /// The parameter with this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    fn check_parameters(&self) -> Result<(), ManifestError> {
        let fail =
            |problem: String| Err(ManifestError(format!("its module {} {problem}", self.name)));
        for (index, parameter) in self.parameters.iter().enumerate() {
            let name = parameter.name.as_str();
            if !is_plain_name(name) {
                return fail(format!("has a parameter whose name {PLAIN_NAME_RULE}"));
            }
            if RESERVED.contains(&name) {
                return fail(format!(
                    "has a parameter {name}, which is reserved for an option of every endpoint"
                ));
            }
            if self.parameters[..index].iter().any(|earlier| earlier.name == name) {
                return fail(format!("has a duplicate parameter {name}"));
            }
        }
        Ok(())
    }
}

/// Members that every endpoint may have, whatever its module. They cannot be names of parameters.
pub const RESERVED: [&str; 7] =
    ["id", "module", "timeout", "retries", "proxy", "ca_file", "insecure"];

/// Options of every endpoint that were added after API 1.0. A plugin that was written before may have a
/// parameter of the same name: then the endpoint's member is that parameter, and the module does not get
/// the option.
pub const ADDED_OPTIONS: [&str; 6] =
    ["client_cert", "client_key", "include", "exclude", "max_lost", "interval"];

/// The rule of [`is_plain_name`], for messages about a name.
const PLAIN_NAME_RULE: &str = "must consist of 1 to 128 letters, digits, - and _";

/// The rule of [`is_plain_name`], for the schema.
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
    fn a_default_is_a_string_a_number_or_null() {
        for good in ["\"\"", "\"x\"", "443", "1.5", "null"] {
            assert!(Manifest::parse(&manifest(good)).is_ok(), "{good}");
        }
        for bad in ["true", "[]", "{}"] {
            assert!(Manifest::parse(&manifest(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_absent_example_and_environment_are_not_written() {
        let manifest = Manifest::parse(&manifest("null")).expect("a manifest");
        let module = serde_json::to_value(&manifest.modules[0]).expect("JSON");
        assert_eq!(module.get("environment"), None);
        assert_eq!(module["parameters"][0].get("example"), None);
    }

    #[test]
    fn a_parameter_may_have_the_name_of_an_added_option() {
        for name in super::ADDED_OPTIONS {
            assert!(!super::RESERVED.contains(&name), "{name}");
            let text = manifest("null").replace("\"a\"", &format!("\"{name}\""));
            let manifest = Manifest::parse(&text).expect(&text);
            assert!(manifest.modules[0].parameter(name).is_some(), "{text}");
        }
    }

    #[test]
    fn rejects_invalid_manifests() {
        let manifest = |name: &str, modules: &str| {
            format!(
                r#"{{"name": "{name}", "version": "1", "abi": "1.0.0", "minimumApi": "1.0.0",
                "modules": [{modules}]}}"#
            )
        };
        let module = |name: &str, parameters: &str| {
            format!(r#"{{"name": "{name}", "summary": "", "parameters": [{parameters}]}}"#)
        };
        let parameter =
            |name: &str| format!(r#"{{"name": "{name}", "type": "string", "description": ""}}"#);
        let errors = [
            manifest("", &module("M", "")),
            manifest("p", ""),
            manifest("p", &module("my module", "")),
            manifest("p", &[module("M", ""), module("M", "")].join(", ")),
            manifest("p", &module("M", &parameter("a b"))),
            manifest("p", &module("M", &parameter("timeout"))),
            manifest("p", &module("M", &[parameter("a"), parameter("a")].join(", "))),
            manifest("p", r#"{"name": "M", "parameters": []}"#),
            "{".to_owned(),
        ]
        .map(|text| Manifest::parse(&text).expect_err(&text).to_string());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
