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
    /// Keeps only the hosts and guests that match.
    #[serde(default)]
    include: Option<FilterSchema>,
    /// Leaves out the hosts, with their guests, and the guests that match.
    #[serde(default)]
    exclude: Option<FilterSchema>,
    /// How many of its hosts, and of its guests, the endpoint may lose since its last whole answer: a share such as `20%`,
    /// a number, or both: `20%,5`.
    #[serde(default)]
    max_lost: Option<ValueSchema>,
    /// The time between two rounds of `watch` in seconds.
    #[serde(default)]
    interval: Option<ValueSchema>,
    /// If true, certificates are not verified.
    #[serde(default)]
    insecure: Option<ValueSchema>,
    /// The module's parameters, as `modules NAME` lists them.
    #[serde(flatten)]
    parameters: BTreeMap<String, Option<ValueSchema>>,
}

/// A filter.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Filter")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum FilterSchema {
    /// The filter.
    Object(Box<FilterRulesSchema>),
    /// The name of an environment variable with the JSON text of the filter.
    Reference(EnvironmentSchema),
    /// The JSON text of the filter. "" means "not set".
    Text(String),
}

/// A reference to an environment variable.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EnvironmentReference")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct EnvironmentSchema {
    /// The name of the variable.
    env: String,
}

/// The rules for each kind of object.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FilterRules")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct FilterRulesSchema {
    /// The rules for hosts.
    #[serde(default)]
    hosts: Option<FilterKeysSchema>,
    /// The rules for guests.
    #[serde(default)]
    guests: Option<FilterKeysSchema>,
}

/// Patterns with `*`, `?` and `[...]` by what they are compared with. Upper and lower case are not distinguished.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FilterKeys")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct FilterKeysSchema {
    /// The name, or a host's short name.
    #[serde(default)]
    name: Option<PatternsSchema>,
    /// The id, the UUID, or one of the identifiers.
    #[serde(default)]
    id: Option<PatternsSchema>,
    /// The cluster; of a guest without one, that of its host.
    #[serde(default)]
    cluster: Option<PatternsSchema>,
    /// A label: `KEY=VALUE`, or `KEY` if the pattern has no `=`. Not in the Manager's format.
    #[serde(default)]
    label: Option<PatternsSchema>,
    /// The word of the inventory for the state. Not in the Manager's format.
    #[serde(default)]
    state: Option<PatternsSchema>,
}

/// The patterns of a key.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Patterns")]
#[expect(dead_code, reason = "only its schema is used")]
pub enum PatternsSchema {
    /// A list of patterns.
    List(Vec<TextOrNumber>),
    /// Patterns, separated by commas.
    Text(String),
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
