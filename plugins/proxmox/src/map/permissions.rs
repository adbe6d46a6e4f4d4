//! Decides whether a user or token sees everything. The API leaves out guests that it may not see, and answers 200.

use gatherer_plugin_api::{ErrorKind, GatherError};

use super::replies::{AclEntry, Permissions};
use super::values;
use crate::credentials::Credentials;

/// Seeing a guest, and its configuration.
const VM_AUDIT: &str = "VM.Audit";
/// Seeing the state of nodes and of the cluster.
const SYS_AUDIT: &str = "Sys.Audit";

/// The privileges that are needed, each on everything below a path.
pub const PRIVILEGES: [(&str, &str); 2] = [(VM_AUDIT, "/vms"), (SYS_AUDIT, "/nodes")];

/// What the credentials allow beyond the guests and nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Whether the state of the cluster can be read: `Sys.Audit` on `/` itself.
    pub has_cluster_status: bool,
}

/// Checks that the credentials may see all guests and nodes. Otherwise the error is a `permission` one.
pub fn check(permissions: &Permissions, credentials: &Credentials) -> Result<View, GatherError> {
    let missing = PRIVILEGES.iter().filter(|(name, path)| !has_on_all(permissions, name, path));
    let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        let why = format!("has no {} on everything", missing.join(" and no "));
        return Err(incomplete_view(credentials, &why));
    }
    for privilege in PRIVILEGES {
        check_privilege(permissions, credentials, privilege)?;
    }
    let has_cluster_status =
        permissions.get("/").is_some_and(|privileges| privileges.contains_key(SYS_AUDIT));
    Ok(View { has_cluster_status })
}

/// Checks one of the [`PRIVILEGES`].
pub fn check_privilege(
    permissions: &Permissions,
    credentials: &Credentials,
    (privilege, path): (&str, &str),
) -> Result<(), GatherError> {
    if !has_on_all(permissions, privilege, path) {
        return Err(incomplete_view(credentials, &format!("has no {privilege} on everything")));
    }
    // A role on a path replaces the inherited ones.
    for (found, privileges) in permissions {
        let is_directly_below = found
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|name| !name.contains('/'));
        if is_directly_below && !privileges.contains_key(privilege) {
            let why = format!("has no {privilege} on {}, where it has another role", shown(found));
            return Err(incomplete_view(credentials, &why));
        }
    }
    Ok(())
}

/// Checks that no path has the role `NoAccess` for these credentials. The permissions leave out such a path, but have every
/// other one that is in the list of roles.
pub fn check_acl(
    acl: &[AclEntry],
    permissions: &Permissions,
    credentials: &Credentials,
) -> Result<(), GatherError> {
    for AclEntry { path, roleid } in acl {
        let may_hide = match path.split('/').collect::<Vec<_>>()[..] {
            ["", "vms", _] => true,
            // Without rights on the root, the permissions have no pools at all.
            ["", "pool", ..] => roleid == "NoAccess",
            _ => false,
        };
        if may_hide && !permissions.contains_key(path) {
            let why = format!("has no rights on {}", shown(path));
            return Err(incomplete_view(credentials, &why));
        }
    }
    Ok(())
}

/// A path of the server for a message.
fn shown(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Whether a privilege applies to everything below `path`, which is directly below the root.
fn has_on_all(permissions: &Permissions, privilege: &str, path: &str) -> bool {
    let propagates = |path: &str| {
        let granted = permissions.get(path).and_then(|privileges| privileges.get(privilege));
        granted.is_some_and(values::flag)
    };
    if permissions.contains_key(path) {
        return propagates(path);
    }
    // The API lists this path too if it has any privilege, which it inherits from the root. So if other paths
    // below the root are listed and this one is not, the role NoAccess is set on it.
    let is_blocked = ["/access", "/nodes", "/storage", "/vms"]
        .iter()
        .any(|other| *other != path && permissions.contains_key(*other));
    propagates("/") && !is_blocked
}

fn incomplete_view(credentials: &Credentials, why: &str) -> GatherError {
    let (who, hint) = match credentials {
        Credentials::Password { user, .. } => (
            format!("the user {user}"),
            "grant VM.Audit and Sys.Audit on / with propagation (the role PVEAuditor has both)",
        ),
        Credentials::Token { id, .. } => (
            format!("the API token {id}"),
            "grant VM.Audit and Sys.Audit on / with propagation (the role PVEAuditor has both), to the \
             token and to its owner: a token with privilege separation has only what both have",
        ),
    };
    let message = format!("{who} {why}: the list of guests would be incomplete");
    GatherError::new(ErrorKind::Permission, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::Secret;
    use serde_json::json;

    use super::*;

    fn user() -> Credentials {
        Credentials::Password { user: "g@pve".into(), password: Secret::new("pw".into()) }
    }

    fn view(permissions: serde_json::Value) -> Result<View, GatherError> {
        check(&serde_json::from_value(permissions).expect("permissions"), &user())
    }

    #[test]
    fn an_auditor_of_everything_sees_everything() {
        let both = json!({"VM.Audit": 1, "Sys.Audit": 1, "Datastore.Audit": 1});
        for permissions in [
            json!({"/": both}),
            json!({"/": both, "/access": both, "/nodes": both, "/vms": both, "/vms/100": {"VM.Audit": 0}}),
            json!({"/": {"VM.Audit": "1", "Sys.Audit": true}}),
        ] {
            assert_eq!(view(permissions), Ok(View { has_cluster_status: true }));
        }
        let parts = json!({"/vms": {"VM.Audit": 1}, "/nodes": {"Sys.Audit": 1}});
        assert_eq!(view(parts), Ok(View { has_cluster_status: false }));
    }

    #[test]
    fn a_filtered_view_is_a_permission_error() {
        let both = json!({"VM.Audit": 1, "Sys.Audit": 1});
        let mut messages = Vec::new();
        for permissions in [
            json!({}),
            json!({"/access": {"User.Modify": 1}}),
            // Without propagation.
            json!({"/": {"VM.Audit": 0, "Sys.Audit": 0}}),
            json!({"/": {"VM.Audit": 0, "Sys.Audit": 1}, "/nodes": {"Sys.Audit": 1}}),
            json!({"/": {"Sys.Audit": 1}, "/pool/web": {"VM.Audit": 1}, "/vms/100": {"VM.Audit": 1}}),
            json!({"/": {"VM.Audit": 1}}),
            // NoAccess on /vms, or another role.
            json!({"/": both, "/access": both, "/nodes": both}),
            json!({"/": both, "/access": both, "/nodes": both, "/vms": {"VM.Console": 1}}),
            json!({"/": both, "/vms": both, "/nodes": both, "/vms/105": {"VM.Console": 1}}),
            json!({"/": both, "/vms": both, "/nodes": both, "/nodes/pve2": {"Sys.Console": 1}}),
        ] {
            let error = view(permissions.clone()).expect_err("filtered");
            assert_eq!(error.kind, ErrorKind::Permission, "{permissions}");
            messages.push(error.message);
        }
        messages.dedup();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn a_path_with_a_role_and_without_rights_hides_guests() {
        let both = json!({"VM.Audit": 1, "Sys.Audit": 1});
        let permissions = json!({"/": both, "/vms": both, "/vms/100": both, "/pool/web": both});
        let permissions = serde_json::from_value(permissions).expect("permissions");
        let check = |path: &str, role: &str| {
            let acl = [AclEntry { path: path.to_owned(), roleid: role.to_owned() }];
            check_acl(&acl, &permissions, &user()).map_err(|error| error.kind)
        };
        for (path, role) in [
            ("/", "PVEAuditor"),
            ("/vms/100", "NoAccess"),
            ("/pool/web", "NoAccess"),
            ("/pool/db", "PVEVMUser"),
            ("/storage/local", "NoAccess"),
        ] {
            assert_eq!(check(path, role), Ok(()), "{path}");
        }
        for (path, role) in
            [("/vms/101", "NoAccess"), ("/vms/101", "Custom"), ("/pool/db", "NoAccess")]
        {
            assert_eq!(check(path, role), Err(ErrorKind::Permission), "{path}");
        }
    }

    #[test]
    fn the_hint_for_a_token_names_its_privilege_separation() {
        let token =
            Credentials::Token { id: "g@pve!t".into(), secret: Secret::new("secret".into()) };
        let error = check(&Permissions::default(), &token).expect_err("nothing is allowed");
        insta::assert_snapshot!(format!("{}\n{}", error.message, error.hint.unwrap_or_default()));
    }
}
