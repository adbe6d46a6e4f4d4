//! Explains why a record does not fit the model: which member has which value, and what was expected.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The maximum number of characters of a value, or of serde's message, in an explanation.
const SHOWN_CHARACTERS: usize = 100;

/// Explains an error of parsing this record: `host/memoryBytes is "lots", expected u64`. `redact` removes secrets
/// from texts of the record before they are truncated.
pub fn misfit(json: &str, error: &serde_json::Error, redact: impl Fn(&str) -> String) -> String {
    if !error.is_data() {
        return format!("not valid JSON at column {}", error.column());
    }
    let text = error.to_string();
    // The position, which is that of the member.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let mut path = String::new();
    let value = find(json, json, error.column(), &mut path);
    let is_typed = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    let problem = match (text.rsplit_once(", expected "), value) {
        (Some((_, expected)), Some(value)) if is_typed => {
            let value = match value.as_bytes().first() {
                Some(b'{') => "an object".to_owned(),
                Some(b'[') => "a list".to_owned(),
                _ => truncated(&redact(value)),
            };
            format!("is {value}, expected {expected}")
        }
        _ => format!(": {}", truncated(&redact(text))),
    };
    match (path.is_empty(), problem.strip_prefix(": ")) {
        (true, Some(problem)) => problem.to_owned(),
        (true, None) => format!("the record {problem}"),
        (false, Some(_)) => format!("{}{problem}", truncated(&redact(&path))),
        (false, None) => format!("{} {problem}", truncated(&redact(&path))),
    }
}

/// Finds the innermost value that reaches to this offset in a document, and appends its path. `json` is a value
/// within the document. `None` if the text is not valid JSON.
fn find<'a>(document: &str, json: &'a str, offset: usize, path: &mut String) -> Option<&'a str> {
    let members: Vec<(String, &RawValue)> = match json.as_bytes().first()? {
        b'{' => {
            serde_json::from_str::<BTreeMap<String, &RawValue>>(json).ok()?.into_iter().collect()
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            items.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in members {
        let value = value.get();
        let start = value.as_ptr().addr() - document.as_ptr().addr();
        if (start..=start + value.len()).contains(&offset) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&name);
            return find(document, value, offset, path);
        }
    }
    Some(json)
}

fn truncated(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::misfit;
    use crate::Record;

    #[test]
    fn an_explanation_names_the_member_its_value_and_what_is_expected() {
        let host = |members: &str| {
            format!(r#"{{"record":"host","hostRef":"0","host":{{"id":"i","name":"n"{members}}}}}"#)
        };
        let long = format!(r#","memoryBytes":"{}""#, "x".repeat(1000));
        let explanations: Vec<_> = [
            host(r#","memoryBytes":"lots""#),
            host(r#","memoryBytes":-1"#),
            host(r#","memoryBytes": [1] "#),
            host(&long),
            host(r#","cpu":{"cores":1.5}"#),
            host(r#","cpu":true"#),
            host(r#","addresses":[{"address":"::1"},{"address":{}}]"#),
            host(r#","state":"asleep""#),
            host(r#","labels":{"a":"b","c":null}"#),
            host(r#","createdAt":"yesterday""#),
            host(r#","name":"again""#),
            host(r#","memoryBytes":"the password hunter2""#),
            r#"{"record":"host","hostRef":"0","host":{"id":"i"}}"#.to_owned(),
            r#"{"record":"host","host":{"id":"i","name":"n"}}"#.to_owned(),
            r#"{"record":"guest","hostRef":7}"#.to_owned(),
            r#"{"record":"item","item":{"surprise":{"name":"a"}}}"#.to_owned(),
            r#"{"record":"surprise"}"#.to_owned(),
            "[]".to_owned(),
            "not a record".to_owned(),
            String::new(),
        ]
        .iter()
        .map(|json| {
            let error = serde_json::from_str::<Record>(json).expect_err(json);
            misfit(json, &error, |text| text.replace("hunter2", "***"))
        })
        .collect();
        insta::assert_snapshot!(explanations.join("\n"));
    }
}
