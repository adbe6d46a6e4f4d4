//! Ids of Azure's resources: `/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/N`. Their case
//! differs between answers.

use gatherer_plugin_api::GatherError;
use serde_json::Value;

use super::values;

/// The id of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceId(String);

impl ResourceId {
    /// The id of an entry of a list. `what` is the entry for messages, with its article.
    pub fn of(entry: &Value, what: &str) -> Result<Self, GatherError> {
        let invalid = |why: &str| GatherError::protocol(format!("{what} {why}"));
        let id = values::text(entry, "/id").ok_or_else(|| invalid("has no id"))?;
        let rest = id.strip_prefix('/').filter(|rest| rest.contains('/'));
        let is_part = |part: &str| !part.is_empty() && !matches!(part, "." | "..");
        let is_path = rest.is_some_and(|rest| rest.split('/').all(is_part));
        if !is_path || id.contains(char::is_control) {
            return Err(invalid("has an id that is not the path of a resource"));
        }
        Ok(Self(id))
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id for comparisons.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The parts of the path.
    pub fn parts(&self) -> Vec<&str> {
        self.0.split('/').skip(1).collect()
    }

    /// The part after the one with this name, whose case does not matter.
    pub fn part(&self, name: &str) -> Option<&str> {
        part(&self.0, name)
    }

    /// The last part.
    pub fn name(&self) -> &str {
        last_part(&self.0)
    }
}

/// The part of an id after the one with this name, whose case does not matter.
pub fn part<'a>(id: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = id.split('/');
    parts.find(|part| part.eq_ignore_ascii_case(name))?;
    parts.next().filter(|part| !part.is_empty())
}

/// The last part of an id.
pub fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_has_named_parts() {
        let id = "/subscriptions/S/resourcegroups/My (Group)/providers/Microsoft.Compute/virtualMachines/N";
        let id = ResourceId::of(&json!({ "id": id }), "a machine").expect("an id");
        assert_eq!(id.part("resourceGroups"), Some("My (Group)"));
        assert_eq!(id.part("virtualMachineScaleSets"), None);
        assert_eq!((id.name(), id.parts().len()), ("N", 8));
        assert!(
            id.key().ends_with(
                "/resourcegroups/my (group)/providers/microsoft.compute/virtualmachines/n"
            )
        );
    }

    #[test]
    fn rejects_texts_that_are_not_paths() {
        for id in [
            json!(null),
            json!(7),
            json!(""),
            json!("x"),
            json!("/x"),
            json!("//h/x"),
            json!("/a/../b"),
            json!("/a/./b"),
            json!("/a/b/"),
            json!("https://h/a"),
            json!("/a/b\n"),
            json!("/a/\u{7}"),
        ] {
            let entry = json!({ "id": id });
            let result = ResourceId::of(&entry, "a machine");
            // Surrounding blanks are ignored.
            assert_eq!(result.is_ok(), id == json!("/a/b\n"), "{id}");
        }
    }
}
