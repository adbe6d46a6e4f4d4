//! The parameters and options of an endpoint as the log shows them.

use gatherer_plugin_api::manifest::{ADDED_OPTIONS, Module, RESERVED};

use super::infile_json::{RawObject, Value};
use super::values;
use crate::output::escape::escape;
use crate::request::redact::{Redactor, is_document, is_user_name};

/// The maximum length of a value in the log, in bytes.
const VALUE_MAX_BYTES: usize = 256;

/// A secret that is not shown at all.
const STARS: &str = "***";

/// The parameters and options that are set in an entry, in the order of the entry.
#[derive(Clone, Default)]
pub struct ShownMembers(Vec<(String, ShownValue)>);

#[derive(Clone)]
enum ShownValue {
    /// A value that may contain secrets.
    Text(String),
    /// A value whose type says enough.
    Words(&'static str),
}

impl ShownMembers {
    /// Those of an entry of this module. Members that are not parameters are left out: one may be a password with a
    /// mistyped name.
    pub(super) fn of(object: &RawObject<'_>, module: &Module) -> Self {
        let mut members = Vec::new();
        for key in object.keys().filter(|key| !matches!(*key, "id" | "module")) {
            let parameter = module.parameter(key);
            let is_known =
                parameter.is_some() || RESERVED.contains(&key) || ADDED_OPTIONS.contains(&key);
            let is_secret = parameter.map_or(key == "client_key", |parameter| parameter.secret);
            let value = match object.value(key) {
                Value::Unset => continue,
                _ if !is_known => continue,
                Value::Object(reference) if reference.keys().eq(["env"]) => {
                    ShownValue::Words("(from the environment)")
                }
                Value::Object(_) if parameter.is_none() && matches!(key, "include" | "exclude") => {
                    ShownValue::Text(object.json(key).unwrap_or_default().to_owned())
                }
                Value::Object(_) => ShownValue::Words("(from a file)"),
                _ if is_secret => ShownValue::Words(STARS),
                Value::Boolean(true) => ShownValue::Words("true"),
                Value::Boolean(false) => ShownValue::Words("false"),
                value => match values::text(&value) {
                    Some(text) if is_document(&text) => ShownValue::Words("(a document)"),
                    Some(text) => ShownValue::Text(text),
                    None => ShownValue::Words("(a list)"),
                },
            };
            members.push((key.to_owned(), value));
        }
        Self(members)
    }

    /// One text, without secrets.
    pub fn redacted(&self, redactor: &Redactor) -> String {
        let shown = self.0.iter().map(|(name, value)| match value {
            ShownValue::Words(words) => format!("{name}={words}"),
            ShownValue::Text(text) => {
                let text = redactor.redact_beginning(&without_url_secrets(text), VALUE_MAX_BYTES);
                format!("{name}=\"{}\"", escape(&text))
            }
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }
}

/// A URL without its password, query and fragment, which may be too short for the redactor. Of a URL that is not
/// valid, only the scheme is shown.
fn without_url_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        // A colon before the at sign: a user and a password.
        return if text.split_once(':').is_some_and(|(_, rest)| rest.contains('@')) {
            STARS.to_owned()
        } else {
            text.to_owned()
        };
    };
    let (place, query) = match rest.find(['?', '#']) {
        Some(end) => (&rest[..end], STARS),
        None => (rest, ""),
    };
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) if is_user_name(user) => (format!("{user}@"), host),
        Some((_, host)) => ("***@".to_owned(), host),
        None => (String::new(), authority),
    };
    if !is_host(host) || path.contains('@') || (!query.is_empty() && rest.contains('@')) {
        return format!("{scheme}://{STARS}");
    }
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{scheme}://{user}{host}{path}{mark}{query}")
}

/// Whether this is a host, maybe with a port; or nothing, as in `file:///path`.
fn is_host(text: &str) -> bool {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => {
            if port.parse::<u16>().is_err() {
                return false;
            }
            name
        }
        _ => text,
    };
    let is_address = name.starts_with('[') && name.ends_with(']');
    is_address || !name.contains([':', '[', ']', '\\'])
}

#[cfg(test)]
mod tests {
    use super::without_url_secrets;

    #[test]
    fn shows_no_user_password_query_or_fragment_of_a_url() {
        for (text, shown) in [
            ("https://host.example:8443/a/b", "https://host.example:8443/a/b"),
            ("file:///srv/hosts.json", "file:///srv/hosts.json"),
            ("qemu+ssh://root@host/system", "qemu+ssh://root@host/system"),
            ("https://ghp0123456789abcdef0123@host/x", "https://***@host/x"),
            ("https://u:pw@[2001:db8::1]:1/x", "https://***@[2001:db8::1]:1/x"),
            ("https://host/x?token", "https://host/x?***"),
            ("https://host/x#token", "https://host/x?***"),
            ("https://u:p/w@host/x", "https://***"),
            ("https://host/?a@pw", "https://***"),
            ("https://u:p?w@host/x", "https://***"),
            ("http://127.0.0.1:1:pw/", "http://***"),
            ("http://u:pw@127.0.0.1:99999/", "http://***"),
            ("HTTP:user:pw@127.0.0.1", "***"),
            ("user:pw@127.0.0.1:80/x", "***"),
            ("admin@vsphere.local", "admin@vsphere.local"),
            ("/srv/a:b", "/srv/a:b"),
        ] {
            assert_eq!(without_url_secrets(text), shown, "{text}");
        }
    }
}
