//! Checks that the account may see everything. The server leaves out what an account may not see, without an error.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::xml::{self, Node};

use super::{CallError, Login, Vsphere, soap};

/// The rights that the account needs on the root folder: to see an object, and to read its properties. Every role that
/// has the second has the first too.
pub const NEEDED: [&str; 2] = ["System.View", READ];
const READ: &str = "System.Read";
/// What gives the rights on everything.
pub const REMEDY: &str = "give the account the role Read-only (it has System.Read) on the root folder, with \"Propagate to \
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
    match has(vsphere, login, READ).await? {
        Some(true) => {}
        Some(false) => return Err(missing(READ)),
        None => return Ok(None),
    }
    let limit = limit(vsphere, login).await?;
    Ok(limit.map(|limit| format!("{limit}; {REMEDY}")))
}

/// Whether the account has a right on the root folder. `None` for an ESXi host that cannot say so: all accounts of a host see
/// all of it.
pub async fn has(
    vsphere: &Vsphere,
    login: &Login,
    right: &str,
) -> Result<Option<bool>, GatherError> {
    let content = &vsphere.content;
    let Some(manager) = &content.authorization_manager else { return Ok(None) };
    let arguments = format!(
        "{}<sessionId>{}</sessionId><privId>{right}</privId>",
        soap::reference("entity", &content.root_folder),
        soap::escape(&login.key)
    );
    let method = "HasPrivilegeOnEntity";
    let read = |answer: Node| Ok(xml::text(answer, &["returnval"]) == Some("true"));
    match vsphere.call(Some(login), method, manager, &arguments, read).await {
        Ok(has_right) => Ok(Some(has_right)),
        Err(CallError::Fault(fault)) if fault.is("NoPermission") => Ok(Some(false)),
        // Not every ESXi host has the method.
        Err(CallError::Fault(fault)) if !content.is_vcenter && !fault.is("NotAuthenticated") => {
            tracing::debug!("{method}: {fault}");
            Ok(None)
        }
        Err(error) => Err(error.into_error(method)),
    }
}

/// Why the account may not see everything, although it has the rights on the root folder.
pub async fn limit(vsphere: &Vsphere, login: &Login) -> Result<Option<String>, GatherError> {
    let content = &vsphere.content;
    let Some(manager) = content.authorization_manager.as_ref().filter(|_| content.is_vcenter)
    else {
        return Ok(None);
    };
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
                "whether the account may see every object could not be checked ({method}: {fault})"
            )));
        }
        Err(error) => return Err(error.into_error(method)),
    };
    Ok(is_limited_to_root(&roles, &login.account).then(|| {
        "the account's role on the root folder does not apply to the objects below, so hosts and virtual machines may be \
         missing"
            .to_owned()
    }))
}

/// The error of an account without a right on the root folder.
pub fn missing(right: &str) -> GatherError {
    let message = format!(
        "the account has no right {right} on the root folder, so the server would hide objects"
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
