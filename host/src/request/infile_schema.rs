//! The JSON Schema of the infile, printed by `virtual-host-gatherer schema request` for other tools. The program itself
//! accepts more: see `infile_json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// The infile: a list of endpoints or one endpoint.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Request")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum RequestSchema {
    /// Several endpoints.
    List(Vec<RequestedEndpoint>),
    /// One endpoint.
    One(Box<RequestedEndpoint>),
}

/// One endpoint.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RequestedEndpoint {
    /// The endpoint's id in the result. If it is not set, the endpoint gets a new UUID.
    #[serde(default)]
    id: Option<TextOrNumber>,
    /// The name of the module, as listed by `modules`.
    module: String,
    /// The time limit of the endpoint in seconds.
    #[serde(default)]
    timeout: Option<ValueSchema>,
    /// How many requests may be repeated in total.
    #[serde(default)]
    retries: Option<ValueSchema>,
    /// The URL of the proxy, or `none`.
    #[serde(default)]
    proxy: Option<ValueSchema>,
    /// A PEM file with additional certificate authorities.
    #[serde(default)]
    ca_file: Option<ValueSchema>,
    /// A PEM file with the client certificate, or its text. It may contain the key too.
    #[serde(default)]
    client_cert: Option<ValueSchema>,
    /// A PEM file with the key of the client certificate, or its text.
    #[serde(default)]
    client_key: Option<ValueSchema>,
    /// If true, certificates are not verified.
    #[serde(default)]
    insecure: Option<ValueSchema>,
    /// The module's parameters, as `modules NAME` lists them.
    #[serde(flatten)]
    parameters: BTreeMap<String, Option<ValueSchema>>,
}

/// An id.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub enum TextOrNumber {
    /// A string.
    Text(String),
    /// A number, which is converted to a string.
    Number(serde_json::Number),
}

/// A value. null and "" mean "not set"; strings are converted to the type of the parameter.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Value")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum ValueSchema {
    /// A string.
    Text(String),
    /// A number.
    Number(serde_json::Number),
    /// A boolean.
    Boolean(bool),
    /// A list.
    List(Vec<TextOrNumber>),
    /// A reference.
    Reference(ReferenceSchema),
}

/// A reference to the value.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Reference")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum ReferenceSchema {
    /// The value is the text of this file, without the last line end.
    File(String),
    /// The value is that of this environment variable.
    Env(String),
}
