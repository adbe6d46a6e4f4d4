//! The check of a manifest in the test that `export_gatherer!` adds to a plugin: the rules of the
//! runner, and mistakes that the runner tolerates or notices only when an endpoint is queried.

use serde_json::Value;

use super::{Manifest, ManifestError, Module};

/// Checks the complete manifest of a crate. `modules` are the names in `export_gatherer!`.
pub(crate) fn check(text: &str, crate_name: &str, modules: &[&str]) -> Result<(), ManifestError> {
    let given: Value = serde_json::from_str(text).unwrap_or_default();
    check_types_of_defaults(&given)?;
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
    // What was read and is written again has all known members, except for those that are omitted if empty.
    let known = serde_json::to_value(&manifest).unwrap_or_default();
    check_members("its manifest", &given, &known, &[])?;
    for (index, module) in manifest.modules.iter().enumerate() {
        if !modules.contains(&module.name.as_str()) {
            return fail(format!("its module {} is not in export_gatherer!", module.name));
        }
        check_module(module, &given["modules"][index], &known["modules"][index])?;
    }
    Ok(())
}

fn check_module(module: &Module, given: &Value, known: &Value) -> Result<(), ManifestError> {
    check_members(&format!("its module {}", module.name), given, known, &["environment"])?;
    for (index, parameter) in module.parameters.iter().enumerate() {
        let subject = subject(&module.name, &parameter.name);
        let (given, known) = (&given["parameters"][index], &known["parameters"][index]);
        check_members(&subject, given, known, &["example"])?;
        if let Some(text) = parameter.default.text()
            && parameter.kind.convert(&text).is_none()
        {
            return fail(format!(
                "{subject} has a default that is not {}",
                parameter.kind.article()
            ));
        }
    }
    Ok(())
}

fn check_members(
    subject: &str,
    given: &Value,
    known: &Value,
    omitted: &[&str],
) -> Result<(), ManifestError> {
    let mut members = given.as_object().into_iter().flat_map(serde_json::Map::keys);
    let is_known = |name: &str| known.get(name).is_some() || omitted.contains(&name);
    match members.find(|name| !is_known(name)) {
        Some(name) => fail(format!("{subject} has an unknown member {name}")),
        None => Ok(()),
    }
}

/// Names the parameter whose default the parser rejects.
fn check_types_of_defaults(manifest: &Value) -> Result<(), ManifestError> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for module in list(&manifest["modules"]) {
        for parameter in list(&module["parameters"]) {
            if matches!(parameter["default"], Value::Bool(_) | Value::Array(_) | Value::Object(_)) {
                let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
                let subject = subject(&name(&module), &name(&parameter));
                return fail(format!(
                    "{subject} has a default that is not a string, a number or null"
                ));
            }
        }
    }
    Ok(())
}

fn subject(module: &str, parameter: &str) -> String {
    format!("the parameter {parameter} of its module {module}")
}

fn fail(message: String) -> Result<(), ManifestError> {
    Err(ManifestError(message))
}

#[cfg(test)]
mod tests {
    use super::check;

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
}
