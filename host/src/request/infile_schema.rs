//! The infile's shape for other people's tools: `virtual-host-gatherer schema request`. The
//! program itself reads the infile more leniently, see `document`.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// What the infile holds.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(title = "Request")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum Request {
    /// Several endpoints.
    List(Vec<RequestedEndpoint>),
    /// One endpoint.
    One(Box<RequestedEndpoint>),
}

/// One endpoint.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RequestedEndpoint {
    /// The endpoint's identity in the result; unset: a fresh UUID.
    #[serde(default)]
    id: Option<TextOrNumber>,
    /// The module that can ask the endpoint, as `modules` lists them.
    module: String,
    /// How long the endpoint may take, in seconds.
    #[serde(default)]
    timeout: Option<Value>,
    /// How often requests may be repeated in all.
    #[serde(default)]
    retries: Option<Value>,
    /// The proxy's URL, or `none` to use none.
    #[serde(default)]
    proxy: Option<Value>,
    /// A file of further certificate authorities, PEM.
    #[serde(default)]
    ca_file: Option<Value>,
    /// Whether certificates are not verified.
    #[serde(default)]
    insecure: Option<Value>,
    /// The module's parameters, as `modules NAME` lists them.
    #[serde(flatten)]
    parameters: BTreeMap<String, Option<Value>>,
}

/// An id.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub enum TextOrNumber {
    /// Text.
    Text(String),
    /// A number, which stands for its text.
    Number(serde_json::Number),
}

/// A value: null and "" are unset; text is turned into the type that is asked for.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Number(serde_json::Number),
    /// A boolean.
    Boolean(bool),
    /// A list.
    List(Vec<TextOrNumber>),
    /// A reference.
    Reference(Reference),
}

/// Where the value is to be read.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum Reference {
    /// The file that holds it, without its last line end.
    File(String),
    /// The environment variable that holds it.
    Env(String),
}
