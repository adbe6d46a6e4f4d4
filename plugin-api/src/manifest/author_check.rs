//! The checks of a manifest for its author: mistakes that the runner tolerates or notices only when an endpoint is
//! queried. The test that `export_gatherer!` adds to a plugin makes them, `plugin verify` and `plugin inspect`.

use serde_json::Value;

use super::{Manifest, ManifestError, Module, Parameter, ParameterType};

/// Checks the complete manifest of a crate. `modules` are the names in `export_gatherer!`.
pub(crate) fn check(text: &str, crate_name: &str, modules: &[&str]) -> Result<(), ManifestError> {
    let manifest = Manifest::parse(text)?;
    manifest.check_versions()?;
    if manifest.name != crate_name {
        return fail(format!(
            "its manifest has the name {}, but the crate is {crate_name}; leave the name out",
            manifest.name
        ));
    }
    if let Some(name) = modules.iter().find(|name| manifest.module(name).is_none()) {
        return fail(format!("its manifest lacks the module {name} of export_gatherer!"));
    }
    if let Some(module) = manifest.modules.iter().find(|known| !modules.contains(&&*known.name)) {
        return fail(format!("its module {} is not in export_gatherer!", module.name));
    }
    let mistakes = AuthorMistakes::of(text, &manifest);
    mistakes.members_and_defaults.into_iter().next().map_or(Ok(()), fail)
}

/// Mistakes in a manifest that the runner tolerates, each as a message.
#[doc(hidden)]
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AuthorMistakes {
    /// Members that no manifest has, and defaults that do not have the type of their parameter.
    pub members_and_defaults: Vec<String>,
    /// Parameters that are secrets by their names, but are not marked as `secret`.
    pub unmarked_secrets: Vec<String>,
}

impl AuthorMistakes {
    /// The mistakes in a manifest that was parsed from this text.
    pub fn of(text: &str, manifest: &Manifest) -> Self {
        let mut mistakes = Self::default();
        let given: Value = serde_json::from_str(text).unwrap_or_default();
        // What was read and is written again has all known members, except for those that are omitted if empty.
        let known = serde_json::to_value(manifest).unwrap_or_default();
        mistakes.add_unknown_members("its manifest", &given, &known, &[]);
        for (index, module) in manifest.modules.iter().enumerate() {
            mistakes.add_module(module, &given["modules"][index], &known["modules"][index]);
        }
        mistakes
    }

    fn add_module(&mut self, module: &Module, given: &Value, known: &Value) {
        let name = format!("its module {}", module.name);
        self.add_unknown_members(&name, given, known, &["environment"]);
        for (index, parameter) in module.parameters.iter().enumerate() {
            let subject = subject(&module.name, &parameter.name);
            let (given, known) = (&given["parameters"][index], &known["parameters"][index]);
            self.add_unknown_members(&subject, given, known, &["example", "words"]);
            if let Some(text) = parameter.default.text()
                && parameter.kind.convert(&text).is_none()
            {
                let kind = parameter.kind.article();
                self.members_and_defaults
                    .push(format!("{subject} has a default that is not {kind}"));
            }
            if is_unmarked_secret(parameter) {
                self.unmarked_secrets.push(format!(
                    "{subject} looks like a secret, but `\"secret\": true` is missing"
                ));
            }
        }
    }

    fn add_unknown_members(
        &mut self,
        subject: &str,
        given: &Value,
        known: &Value,
        omitted: &[&str],
    ) {
        let names = |value: &Value| -> Vec<String> {
            value.as_object().into_iter().flat_map(serde_json::Map::keys).cloned().collect()
        };
        let mut known = names(known);
        known.extend(omitted.iter().map(|name| (*name).to_owned()));
        known.dedup();
        for name in names(given).iter().filter(|name| !known.contains(name)) {
            self.members_and_defaults.push(format!(
                "{subject} has an unknown member {name}; the members are {}",
                known.join(", ")
            ));
        }
    }
}

/// Whether the name of a parameter says that its value is a secret, but the manifest does not. A path is not the
/// secret itself; a document that is given instead counts as secret anyway.
fn is_unmarked_secret(parameter: &Parameter) -> bool {
    const SECRETS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "passwort",
        "secret",
        "token",
        "credential",
        "apikey",
        "privatekey",
        "accesskey",
        "bearer",
    ];
    /// Words that are secrets only as a whole word at the end.
    const LAST_WORDS: [&str; 5] = ["pass", "pwd", "pw", "pin", "key"];
    /// Last words of names for something that belongs to a secret.
    const NOT_SECRETS: [&str; 20] = [
        "file",
        "path",
        "folder",
        "dir",
        "url",
        "uri",
        "endpoint",
        "host",
        "name",
        "id",
        "user",
        "username",
        "type",
        "kind",
        "policy",
        "length",
        "ttl",
        "lifetime",
        "header",
        "namespace",
    ];
    /// Keys that are no secrets.
    const PUBLIC_KEYS: [&str; 7] = ["public", "sort", "label", "primary", "foreign", "host", "tag"];

    if parameter.secret || !matches!(parameter.kind, ParameterType::String | ParameterType::List) {
        return false;
    }
    let words = words(&parameter.name);
    let Some((last, before)) = words.split_last() else { return false };
    let joined = words.concat();
    let contains_secret = SECRETS.iter().any(|secret| joined.contains(secret));
    let is_public_key =
        last == "key" && before.last().is_some_and(|word| PUBLIC_KEYS.contains(&word.as_str()));
    let ends_with_secret = LAST_WORDS.contains(&last.as_str()) && !is_public_key;
    (contains_secret || ends_with_secret) && !NOT_SECRETS.contains(&last.as_str())
}

/// The words of a name, in lower case: `apiKey`, `api_key` and `API-KEY` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower_case = false;
    for letter in name.chars() {
        if !letter.is_ascii_alphanumeric() || (after_lower_case && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
        after_lower_case = letter.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The error of a default whose type the parser rejects, which names the parameter.
pub(super) fn wrong_default(text: &str) -> Option<ManifestError> {
    let manifest: Value = serde_json::from_str(text).ok()?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    for module in manifest["modules"].as_array()? {
        for parameter in module["parameters"].as_array().into_iter().flatten() {
            if matches!(parameter["default"], Value::Bool(_) | Value::Array(_) | Value::Object(_)) {
                let subject = subject(&name(module), &name(parameter));
                let message = "has a default that is not a string, a number or null";
                return Some(ManifestError(format!("{subject} {message}")));
            }
        }
    }
    None
}

fn subject(module: &str, parameter: &str) -> String {
    format!("the parameter {parameter} of its module {module}")
}

fn fail(message: String) -> Result<(), ManifestError> {
    Err(ManifestError(message))
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;
    use super::{AuthorMistakes, check};

    /// A manifest in which a text is replaced, with one module and two parameters.
    fn manifest(from: &str, to: &str) -> String {
        let text = r#"{"name": "p", "version": "1", "abi": "1.0.0", "minimumApi": "1.0.0", "modules": [
            {"name": "M", "summary": "", "environment": [], "parameters": [
                {"name": "first", "type": "string", "description": "", "example": null},
                {"name": "second", "type": "integer", "default": 7, "description": ""}]}]}"#;
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }

    #[test]
    fn accepts_valid_manifests() {
        for (from, to) in [
            ("", ""),
            ("7", "\"7\""),
            ("7", "null"),
            ("7", "\"\""),
            (r#""integer", "default": 7"#, r#""boolean", "default": "true""#),
            (r#""integer", "default": 7"#, r#""list", "default": "a, b""#),
            (r#""name": "second""#, r#""name": "client_cert""#),
        ] {
            assert_eq!(check(&manifest(from, to), "p", &["M"]), Ok(()), "{to}");
        }
    }

    #[test]
    fn every_mistake_has_a_sentence_that_names_the_parameter() {
        let errors: Vec<String> = [
            ("7", "\"seven\""),
            ("7", "1.5"),
            ("7", "true"),
            (r#""default""#, r#""defualt""#),
            ("second", "retries"),
            ("second", "first"),
            ("second", "a b"),
            (r#""environment""#, r#""enviroment""#),
            (r#""abi""#, r#""homepage": "", "abi""#),
            (r#""minimumApi": "1.0.0""#, r#""minimumApi": "9.0.0""#),
            (r#""abi": "1.0.0""#, r#""abi": "0.1.0""#),
            (r#""name": "p""#, r#""name": "q""#),
            ("integer", "int"),
            ("{", ""),
        ]
        .into_iter()
        .map(|(from, to)| check(&manifest(from, to), "p", &["M"]).expect_err(to).to_string())
        .chain([&["M", "N"][..], &[]].map(|modules| {
            check(&manifest("", ""), "p", modules).expect_err("other modules").to_string()
        }))
        .collect();
        insta::assert_snapshot!(errors.join("\n"));
    }

    /// Whether a parameter with this name and type is reported as an unmarked secret.
    fn is_reported(name: &str, kind: &str, secret: bool) -> bool {
        let text = manifest(
            r#""name": "first", "type": "string""#,
            &format!(r#""name": "{name}", "type": "{kind}", "secret": {secret}"#),
        );
        let parsed = Manifest::parse(&text).expect(&text);
        let mistakes = AuthorMistakes::of(&text, &parsed);
        assert_eq!(mistakes.members_and_defaults, [""; 0]);
        assert!(mistakes.unmarked_secrets.iter().all(|message| message.contains(name)));
        !mistakes.unmarked_secrets.is_empty()
    }

    #[test]
    fn a_parameter_with_the_name_of_a_secret_must_be_marked() {
        for name in [
            "password",
            "sasl_password",
            "userPassword",
            "PASSWD",
            "pwd",
            "db-pass",
            "passphrase",
            "token",
            "access_token",
            "authtoken",
            "tokens",
            "client_secret",
            "api_key",
            "apiKey",
            "apikey",
            "key",
            "private-key",
            "credentials",
            "pin",
        ] {
            assert!(is_reported(name, "string", false), "{name}");
            assert!(is_reported(name, "list", false), "{name}");
            assert!(!is_reported(name, "string", true), "{name}");
        }
        for name in [
            "hostname",
            "username",
            "url",
            "token_url",
            "password_file",
            "secret_name",
            "access_key_id",
            "keyring",
            "sort_key",
            "public_key",
            "compass",
            "bypass",
            "passive",
            "pinned",
            "monkey",
        ] {
            assert!(!is_reported(name, "string", false), "{name}");
        }
        assert!(!is_reported("max_tokens", "integer", false));
        assert!(!is_reported("token", "path", false), "the path of a file with the token");
    }

    #[test]
    fn every_mistake_is_reported() {
        let text = manifest(r#""environment""#, r#""enviroment""#)
            .replace("\"default\": 7", "\"secert\": true");
        let parsed = Manifest::parse(&text).expect(&text);
        let mistakes = AuthorMistakes::of(&text, &parsed).members_and_defaults;
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(
            mistakes[0].contains("enviroment") && mistakes[1].contains("secert"),
            "{mistakes:?}"
        );
    }
}
