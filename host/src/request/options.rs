//! Reads the options that every endpoint has, whatever its module.

use std::time::Duration;

use gatherer_plugin_api::manifest::{ADDED_OPTIONS, Module, ParameterType};
use gatherer_plugin_api::{Options, ProxySettings, Secret};

use super::Defaults;
use super::file_reference::FileReference;
use super::filter_option;
use super::infile_json::{RawObject, Value};
use super::values::{self, BaseFolders, ResolvedReference};
use crate::output::changes::lost::{self, MaxLost};
use crate::output::filters::Filters;
use crate::request::redact::{Secrets, is_document};

/// The maximum timeout in seconds: a week.
pub const TIMEOUT_MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// The worker reads files within the endpoint's deadline, so what the runner needs cannot be in a file.
fn in_file(name: &str) -> String {
    format!("{name} must be a value or {{\"env\": NAME}}: it cannot be read from a file")
}

/// The common options of an endpoint.
pub struct CommonOptions {
    /// The options for the plugin.
    pub options: Options,
    /// The endpoint's own timeout.
    pub timeout: Option<Duration>,
    /// Which of its hosts and guests are kept.
    pub filters: Filters,
    /// How many of its hosts and guests it may lose.
    pub max_lost: Option<MaxLost>,
    /// The endpoint's own interval of `watch`.
    pub interval: Option<Duration>,
}

/// Reads the common options of an endpoint of this module. Secrets in them are added to `secrets`, a message for each mistake to `problems`, and options
/// that are in files to `references`.
pub fn read(
    object: &RawObject<'_>,
    module: &Module,
    defaults: &Defaults,
    references: &mut Vec<FileReference>,
    secrets: &mut Secrets,
    problems: &mut Vec<String>,
) -> CommonOptions {
    let mut options = Options { proxy: defaults.proxy.clone(), ..Options::default() };
    let mut filters = defaults.filters.clone();
    let (mut timeout, mut interval, mut max_lost) = (None, None, defaults.max_lost);
    // A parameter of the module with the name of an added option takes its place.
    let added = ADDED_OPTIONS.into_iter().filter(|name| module.parameter(name).is_none());
    for name in ["timeout", "retries", "proxy", "ca_file", "insecure"].into_iter().chain(added) {
        let filter = match name {
            "include" => Some(&mut filters.include),
            "exclude" => Some(&mut filters.exclude),
            _ => None,
        };
        if let Some(filter) = filter {
            match filter_option::read(object, name, &defaults.folders) {
                Ok(Some(own)) => *filter = own,
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
            continue;
        }
        let value = match object.value(name) {
            Value::Object(object) => {
                let is_secret = matches!(name, "proxy" | "client_key");
                match values::reference(name, &object, &defaults.folders, is_secret) {
                    Ok(ResolvedReference::Value(value)) => {
                        if let Some(text) = values::text(&value) {
                            secrets.add(&text);
                        }
                        value
                    }
                    Ok(ResolvedReference::File(_))
                        if matches!(name, "timeout" | "interval" | "max_lost") =>
                    {
                        problems.push(in_file(name));
                        continue;
                    }
                    Ok(ResolvedReference::File(file)) => {
                        references.push(file);
                        continue;
                    }
                    Err(problem) => {
                        problems.push(problem);
                        continue;
                    }
                }
            }
            value => value,
        };
        match name {
            "timeout" => timeout = seconds(name, &value, problems),
            "interval" => interval = seconds(name, &value, problems),
            "max_lost" => {
                let own = values::text(&value).and_then(|text| MaxLost::parse(&text));
                check(name, lost::EXPECTED, &value, own.is_some(), problems);
                max_lost = own.or(max_lost);
            }
            _ => set(name, &value, &defaults.folders, &mut options, secrets, problems),
        }
    }
    let proxies = [&options.proxy.http, &options.proxy.https, &options.proxy.all];
    proxies.into_iter().flatten().for_each(|url| secrets.add_url(url.expose()));
    CommonOptions {
        options,
        filters,
        max_lost,
        timeout: timeout.map(Duration::from_secs_f64),
        interval: interval.map(Duration::from_secs_f64),
    }
}

/// Parses the timeout or the interval.
fn seconds(name: &str, value: &Value<'_>, problems: &mut Vec<String>) -> Option<f64> {
    let seconds = values::convert(value, ParameterType::Number)
        .and_then(|number| number.as_f64())
        .filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_MAX_SECONDS);
    let expected = "a number of seconds above 0 and at most a week (604800)";
    check(name, expected, value, seconds.is_some(), problems);
    seconds
}

/// Adds a problem if a value is set but not valid.
fn check(
    name: &str,
    expected: &str,
    value: &Value<'_>,
    is_valid: bool,
    problems: &mut Vec<String>,
) {
    if !matches!(value, Value::Unset) && !is_valid {
        problems.push(format!("{name} must be {expected}"));
    }
}

/// Sets one common option other than the timeout. An unset value keeps the default.
pub fn set(
    name: &str,
    value: &Value<'_>,
    folders: &BaseFolders,
    options: &mut Options,
    secrets: &mut Secrets,
    problems: &mut Vec<String>,
) {
    let text = values::text(value);
    match name {
        "retries" => {
            options.retries = values::convert(value, ParameterType::Integer)
                .and_then(|number| number.as_u64())
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number <= 100);
            check(name, "an integer from 0 to 100", value, options.retries.is_some(), problems);
        }
        "proxy" => {
            let is_valid =
                text.as_deref().is_some_and(|text| text == "none" || text.contains("://"));
            let expected = "a URL such as http://proxy.example.com:3128, or none";
            check(name, expected, value, is_valid, problems);
            match text {
                Some(none) if none == "none" => options.proxy = ProxySettings::default(),
                // With the endpoint's own proxy, no_proxy of the environment is not used.
                Some(url) => {
                    secrets.add_url(&url);
                    options.proxy =
                        ProxySettings { all: Some(Secret::new(url)), ..ProxySettings::default() };
                }
                None => {}
            }
        }
        "ca_file" => {
            // If the value is a pasted certificate, its key may be pasted with it.
            text.iter().filter(|text| is_document(text)).for_each(|text| secrets.add(text));
            options.ca_file = text.map(|path| values::path_of(&path, folders));
            check(name, "a path", value, options.ca_file.is_some(), problems);
        }
        "client_cert" | "client_key" => {
            // A text that does not begin like a path may be a key without its first line.
            let is_secret = |text: &str| {
                is_document(text) || name == "client_key" && !values::begins_like_path(text)
            };
            text.iter().filter(|text| is_secret(text)).for_each(|text| secrets.add(text));
            let path = text.map(|path| Secret::new(values::path_of(&path, folders)));
            check(name, "a path, or the text of a PEM file", value, path.is_some(), problems);
            if name == "client_cert" {
                options.client_cert = path;
            } else {
                options.client_key = path;
            }
        }
        "insecure" => {
            let flag =
                values::convert(value, ParameterType::Boolean).and_then(|flag| flag.as_bool());
            check(name, "a boolean", value, flag.is_some(), problems);
            options.insecure = flag.unwrap_or(false);
        }
        // The other reserved names, id and module, are not options.
        _ => {}
    }
}

/// The proxies from the environment. Lower-case variables take precedence over upper-case ones.
pub fn proxies_of_environment() -> ProxySettings {
    let variable = |name: &str| {
        let upper = name.to_ascii_uppercase();
        [name, &upper]
            .into_iter()
            // A web server that runs a CGI program puts the `Proxy:` header of a request into this variable.
            .filter(|name| *name != "HTTP_PROXY" || std::env::var_os("REQUEST_METHOD").is_none())
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.trim().is_empty())
    };
    // The default scheme is HTTP.
    let url = |name: &str| {
        variable(name)
            .map(|url| Secret::new(if url.contains("://") { url } else { format!("http://{url}") }))
    };
    ProxySettings {
        http: url("http_proxy"),
        https: url("https_proxy"),
        all: url("all_proxy"),
        no_proxy: variable("no_proxy"),
    }
}
