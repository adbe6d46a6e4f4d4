//! What means the same on every endpoint, whatever its module.

use std::time::Duration;

use gatherer_plugin_api::{Options, ProxySettings, Secret};

use super::Defaults;
use super::document::{RawObject, Value};
use super::values;
use crate::redact::{Secrets, is_document};

/// The longest timeout, in seconds: a week.
pub const TIMEOUT_MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// What an endpoint's common options say.
pub struct Read {
    /// For the plugin.
    pub options: Options,
    /// The endpoint's own timeout.
    pub timeout: Option<Duration>,
}

/// Reads the common options; what is secret in them goes to `secrets`, what is wrong is a
/// sentence each in `problems`.
pub fn read(
    object: &RawObject<'_>,
    defaults: &Defaults,
    secrets: &mut Secrets,
    problems: &mut Vec<String>,
) -> Read {
    let mut options = Options { proxy: defaults.proxy.clone(), ..Options::default() };
    let mut value = |name: &str| match object.value(name) {
        Value::Object(object) => {
            let value = values::reference(name, &object, defaults, name == "proxy");
            let value = value.unwrap_or_else(|problem| {
                problems.push(problem);
                Value::Unset
            });
            values::text(&value).inspect(|text| secrets.add(text));
            value
        }
        value => value,
    };
    let (timeout, retries, proxy) = (value("timeout"), value("retries"), value("proxy"));
    let (ca_file, insecure) = (value("ca_file"), value("insecure"));
    let mut check = |name: &str, what: &str, is_set: bool, is_good: bool| {
        if is_set && !is_good {
            problems.push(format!("{name} must be {what}"));
        }
    };
    let is_set = |value: &Value<'_>| !matches!(value, Value::Unset);

    let seconds = values::number(&timeout)
        .and_then(|number| number.as_f64())
        .filter(|seconds| *seconds > 0.0 && *seconds <= TIMEOUT_MAX_SECONDS);
    check(
        "timeout",
        "a number of seconds above 0 and at most a week (604800)",
        is_set(&timeout),
        seconds.is_some(),
    );

    options.retries = values::integer(&retries)
        .and_then(|number| number.as_u64())
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number <= 100);
    check("retries", "an integer from 0 to 100", is_set(&retries), options.retries.is_some());

    let proxy_text = values::text(&proxy);
    check(
        "proxy",
        "a URL such as http://proxy.example.com:3128, or none",
        is_set(&proxy),
        proxy_text.as_deref().is_some_and(|text| text == "none" || text.contains("://")),
    );
    match proxy_text {
        Some(none) if none == "none" => options.proxy = ProxySettings::default(),
        // An endpoint's own proxy is meant: no_proxy of the environment is not asked.
        Some(url) => {
            options.proxy =
                ProxySettings { all: Some(Secret::new(url)), ..ProxySettings::default() };
        }
        None => {}
    }

    // Who pastes a certificate here may paste its key with it.
    values::text(&ca_file)
        .filter(|text| is_document(text))
        .iter()
        .for_each(|text| secrets.add(text));
    options.ca_file = values::text(&ca_file).map(|path| values::path_of(&path, defaults));
    check("ca_file", "a path", is_set(&ca_file), options.ca_file.is_some());

    let flag = values::boolean(&insecure);
    check("insecure", "a boolean", is_set(&insecure), flag.is_some());
    options.insecure = flag.unwrap_or(false);

    let proxies = [&options.proxy.http, &options.proxy.https, &options.proxy.all];
    proxies.into_iter().flatten().for_each(|url| secrets.add_url(url.expose()));
    Read { options, timeout: seconds.map(Duration::from_secs_f64) }
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
