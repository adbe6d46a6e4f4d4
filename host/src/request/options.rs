//! What means the same on every endpoint, whatever its module.

use std::time::Duration;

use gatherer_plugin_api::{Options, ProxySettings, Secret};

use super::Defaults;
use super::infile_json::{RawObject, Value};
use super::references::FileReference;
use super::values::{self, Folders, Reference};
use crate::request::redact::{Secrets, is_document};

/// The longest timeout, in seconds: a week.
pub const TIMEOUT_MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// Files are read by the worker under the endpoint's deadline, which must be known before.
const TIMEOUT_IN_FILE: &str =
    "timeout must be a value or {\"env\": NAME}: it cannot stand in a file";

/// What an endpoint's common options say.
pub struct Read {
    /// For the plugin.
    pub options: Options,
    /// The endpoint's own timeout.
    pub timeout: Option<Duration>,
}

/// Reads the common options; what is secret in them goes to `secrets`, what is wrong is a
/// sentence each in `problems`. Those that stand in files go to `references`.
pub fn read(
    object: &RawObject<'_>,
    defaults: &Defaults,
    references: &mut Vec<FileReference>,
    secrets: &mut Secrets,
    problems: &mut Vec<String>,
) -> Read {
    let mut options = Options { proxy: defaults.proxy.clone(), ..Options::default() };
    let mut timeout = None;
    for name in ["timeout", "retries", "proxy", "ca_file", "insecure"] {
        let value = match object.value(name) {
            Value::Object(object) => {
                match values::reference(name, &object, &defaults.folders, name == "proxy") {
                    Ok(Reference::Value(value)) => {
                        if let Some(text) = values::text(&value) {
                            secrets.add(&text);
                        }
                        value
                    }
                    Ok(Reference::File(_)) if name == "timeout" => {
                        problems.push(TIMEOUT_IN_FILE.to_owned());
                        continue;
                    }
                    Ok(Reference::File(file)) => {
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
        if name == "timeout" {
            timeout = seconds(&value, problems);
        } else {
            set(name, &value, &defaults.folders, &mut options, secrets, problems);
        }
    }
    let proxies = [&options.proxy.http, &options.proxy.https, &options.proxy.all];
    proxies.into_iter().flatten().for_each(|url| secrets.add_url(url.expose()));
    Read { options, timeout: timeout.map(Duration::from_secs_f64) }
}

fn seconds(timeout: &Value<'_>, problems: &mut Vec<String>) -> Option<f64> {
    let seconds = values::number(timeout)
        .and_then(|number| number.as_f64())
        .filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_MAX_SECONDS);
    let what = "a number of seconds above 0 and at most a week (604800)";
    check("timeout", what, timeout, seconds.is_some(), problems);
    seconds
}

fn check(name: &str, what: &str, value: &Value<'_>, is_good: bool, problems: &mut Vec<String>) {
    if !matches!(value, Value::Unset) && !is_good {
        problems.push(format!("{name} must be {what}"));
    }
}

/// Sets one common option, other than the timeout. What is not set keeps its default.
pub fn set(
    name: &str,
    value: &Value<'_>,
    folders: &Folders,
    options: &mut Options,
    secrets: &mut Secrets,
    problems: &mut Vec<String>,
) {
    let text = values::text(value);
    match name {
        "retries" => {
            options.retries = values::integer(value)
                .and_then(|number| number.as_u64())
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number <= 100);
            check(name, "an integer from 0 to 100", value, options.retries.is_some(), problems);
        }
        "proxy" => {
            let is_good =
                text.as_deref().is_some_and(|text| text == "none" || text.contains("://"));
            let what = "a URL such as http://proxy.example.com:3128, or none";
            check(name, what, value, is_good, problems);
            match text {
                Some(none) if none == "none" => options.proxy = ProxySettings::default(),
                // An endpoint's own proxy is meant: no_proxy of the environment is not asked.
                Some(url) => {
                    secrets.add_url(&url);
                    options.proxy =
                        ProxySettings { all: Some(Secret::new(url)), ..ProxySettings::default() };
                }
                None => {}
            }
        }
        "ca_file" => {
            // Who pastes a certificate here may paste its key with it.
            text.iter().filter(|text| is_document(text)).for_each(|text| secrets.add(text));
            options.ca_file = text.map(|path| values::path_of(&path, folders));
            check(name, "a path", value, options.ca_file.is_some(), problems);
        }
        "insecure" => {
            let flag = values::boolean(value);
            check(name, "a boolean", value, flag.is_some(), problems);
            options.insecure = flag.unwrap_or(false);
        }
        // What is common to all endpoints besides is not an option: id, module.
        _ => {}
    }
}

/// The proxies of our own environment, in both spellings, the lower case one first.
pub fn proxies_of_environment() -> ProxySettings {
    let variable = |name: &str| {
        let upper = name.to_ascii_uppercase();
        [name, &upper]
            .into_iter()
            // A web server puts a request's `Proxy:` header there.
            .filter(|name| *name != "HTTP_PROXY" || std::env::var_os("REQUEST_METHOD").is_none())
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.trim().is_empty())
    };
    // A proxy without a scheme is an HTTP one.
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
