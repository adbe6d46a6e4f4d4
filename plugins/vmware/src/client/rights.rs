//! Checks that the account may see everything. The server leaves out what an account may not see, without an error.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::xml::{self, Node};

use super::{CallError, Login, Vsphere, soap};

/// The right to see an object and to read its properties.
const READ: &str = "System.Read";
/// What gives the right on everything.
const REMEDY: &str = "give the account the role Read-only (it has System.Read) on the root folder, with \"Propagate to \
                      children\"";

/// A role that an account or a group has on the root folder.
#[derive(Debug, PartialEq, Eq)]
struct RootRole {
    principal: String,
    is_group: bool,
    propagates: bool,
}

/// Fails if the account may not read the root folder, and returns a warning if its role there does not apply to the
/// objects below.
pub async fn check(vsphere: &Vsphere, login: &Login) -> Result<Option<String>, GatherError> {
    let content = &vsphere.content;
    let Some(manager) = &content.authorization_manager else { return Ok(None) };
    let arguments = format!(
        "{}<sessionId>{}</sessionId><privId>{READ}</privId>",
        soap::reference("entity", &content.root_folder),
        soap::escape(&login.key)
    );
    let method = "HasPrivilegeOnEntity";
    let read = |answer: Node| Ok(xml::text(answer, &["returnval"]) == Some("true"));
    match vsphere.call(Some(login), method, manager, &arguments, read).await {
        Ok(true) => {}
        Ok(false) => return Err(no_right()),
        Err(CallError::Fault(fault)) if fault.is("NoPermission") => return Err(no_right()),
        // Not every ESXi host has the method. All accounts of a host see all of it.
        Err(CallError::Fault(fault)) if !content.is_vcenter && !fault.is("NotAuthenticated") => {
            tracing::debug!("{method}: {fault}");
            return Ok(None);
        }
        Err(error) => return Err(error.into_error(method)),
    }
    if !content.is_vcenter {
        return Ok(None);
    }

    let method = "RetrieveEntityPermissions";
    let entity = soap::reference("entity", &content.root_folder);
    let arguments = format!("{entity}<inherited>true</inherited>");
    let roles = |answer: Node| Ok(xml::children(answer, "returnval").map(root_role).collect());
    let roles: Vec<RootRole> = match vsphere
        .call(Some(login), method, manager, &arguments, roles)
        .await
    {
        Ok(roles) => roles,
        Err(CallError::Fault(fault)) if fault.is("NoPermission") => {
            return Ok(Some(format!(
                "whether the account may see every object could not be checked ({method}: {fault}); {REMEDY}"
            )));
        }
        Err(error) => return Err(error.into_error(method)),
    };
    if is_limited_to_root(&roles, &login.account) {
        return Ok(Some(format!(
            "the account's role on the root folder does not apply to the objects below, so hosts and virtual machines \
             may be missing; {REMEDY}"
        )));
    }
    Ok(None)
}

fn no_right() -> GatherError {
    let message = format!(
        "the account has no right {READ} on the root folder, so the server would hide objects"
    );
    GatherError::new(ErrorKind::Permission, message).with_hint(REMEDY)
}

fn root_role(permission: Node) -> RootRole {
    RootRole {
        principal: xml::text(permission, &["principal"]).unwrap_or_default().to_owned(),
        is_group: xml::text(permission, &["group"]) == Some("true"),
        propagates: xml::text(permission, &["propagate"]) == Some("true"),
    }
}

/// Whether no role that the account may have on the root folder applies to the objects below. A role of the account
/// itself takes precedence over those of its groups, which are not known, so any group may be one of them.
fn is_limited_to_root(roles: &[RootRole], account: &str) -> bool {
    let own = |role: &&RootRole| !role.is_group && role.principal.eq_ignore_ascii_case(account);
    match roles.iter().find(own) {
        Some(own) => !own.propagates,
        None => !roles.iter().any(|role| role.is_group && role.propagates),
    }
}

#[cfg(test)]
mod tests {
    use super::{RootRole, is_limited_to_root};

    #[test]
    fn the_accounts_own_role_takes_precedence_over_those_of_groups() {
        let role = |principal: &str, is_group, propagates| RootRole {
            principal: principal.to_owned(),
            is_group,
            propagates,
        };
        let admins = || role("VSPHERE.LOCAL\\Administrators", true, true);
        for (roles, is_limited) in [
            (vec![], true),
            (vec![admins()], false),
            (vec![role("VSPHERE.LOCAL\\readers", true, false)], true),
            (vec![role("VSPHERE.LOCAL\\readers", true, false), admins()], false),
            (vec![admins(), role("vsphere.local\\Inventory", false, false)], true),
            (vec![role("vsphere.local\\Inventory", false, true)], false),
            (vec![role("VSPHERE.LOCAL\\other", false, true)], true),
        ] {
            let limited = is_limited_to_root(&roles, "VSPHERE.LOCAL\\inventory");
            assert_eq!(limited, is_limited, "{roles:?}");
        }
    }
}
