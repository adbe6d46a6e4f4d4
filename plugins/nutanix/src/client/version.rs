//! Which version of the API to use: the newest that the server has.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::Method;
use serde::Deserialize;

use super::{Prism, WRONG_SERVER_HINT, list_v3, parse};

/// The newest minor version of API v4 that this module knows.
const NEWEST_MINOR: u32 = 3;

/// The version of a namespace if the server has v4, but not the request for its version.
const FIRST_V4: &str = "v4.0";

/// A version of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiVersion {
    /// v2.0, of Prism Element.
    V2,
    /// v3, of Prism Central.
    V3,
    /// v4, of Prism Central. Each namespace has a version of its own: `v4.1`.
    V4 {
        /// The version of the namespace with the VMs.
        vmm: String,
        /// The version of the namespace with clusters and hosts.
        clustermgmt: String,
    },
}

/// The reply that has the version of a namespace.
#[derive(Deserialize)]
struct VersionReply {
    data: String,
}

/// The version that the parameter `api` asks for. With `auto` the server is asked: v4 if it has it, v3 if it is another
/// Prism Central, else v2, because a Prism Element has v3 too.
pub async fn choose(prism: &Prism<'_>, wanted: &str) -> Result<ApiVersion, GatherError> {
    let version = choose_version(prism, wanted).await;
    version.map_err(|error| match (error.kind, &error.hint) {
        (ErrorKind::Protocol, None) => error.with_hint(WRONG_SERVER_HINT),
        _ => error,
    })
}

async fn choose_version(prism: &Prism<'_>, wanted: &str) -> Result<ApiVersion, GatherError> {
    match wanted.trim() {
        "v2" => Ok(ApiVersion::V2),
        "v3" => Ok(ApiVersion::V3),
        "v4" => {
            let vmm = v4_version(prism, "vmm").await?.unwrap_or_else(|| FIRST_V4.to_owned());
            with_vmm(prism, vmm).await
        }
        "auto" | "" => ask(prism).await,
        _ => Err(GatherError::configuration("the parameter api is not a version of the API")
            .with_hint("it must be auto, v2, v3 or v4")),
    }
}

async fn ask(prism: &Prism<'_>) -> Result<ApiVersion, GatherError> {
    if let Some(vmm) = v4_version(prism, "vmm").await? {
        tracing::info!("using API v4, because the server reports {vmm}");
        return with_vmm(prism, vmm).await;
    }
    match list_v3::is_prism_central(prism).await? {
        Some(true) => {
            tracing::info!("using API v3, because the server is a Prism Central without v4");
            Ok(ApiVersion::V3)
        }
        Some(false) => {
            tracing::info!("using API v2, because the server is a Prism Element");
            Ok(ApiVersion::V2)
        }
        None => {
            tracing::info!("using API v2, because the server has neither v4 nor v3");
            Ok(ApiVersion::V2)
        }
    }
}

async fn with_vmm(prism: &Prism<'_>, vmm: String) -> Result<ApiVersion, GatherError> {
    let clustermgmt = v4_version(prism, "clustermgmt").await?.unwrap_or_else(|| vmm.clone());
    Ok(ApiVersion::V4 { vmm, clustermgmt })
}

/// The version of v4 to use in a namespace: the server's or the newest known one, whichever is lower. `None` if the server
/// has no released version.
async fn v4_version(prism: &Prism<'_>, namespace: &str) -> Result<Option<String>, GatherError> {
    let url = prism.url(&format!("api/{namespace}/unversioned/info"));
    let request = prism.request(Method::OPTIONS, url);
    let Some(response) = prism.response_if_present(&request).await? else { return Ok(None) };
    let reply: VersionReply = parse(&response)?;
    Ok(usable_version(&reply.data))
}

/// `v4.1` for the server's `v4.1`, and the newest known version for a later one. `None` for a preview (`v4.0.b1`).
pub(super) fn usable_version(text: &str) -> Option<String> {
    let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    match major {
        4 => Some(format!("v4.{}", minor.min(NEWEST_MINOR))),
        5.. => Some(format!("v4.{NEWEST_MINOR}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::usable_version;

    #[test]
    fn uses_the_lower_of_both_versions_and_no_preview() {
        for (server, used) in [
            ("v4.0", Some("v4.0")),
            ("v4.2", Some("v4.2")),
            ("v4.99", Some("v4.3")),
            ("v5.0", Some("v4.3")),
            ("v4.0.b1", None),
            ("v3.1", None),
            ("4.1", None),
            ("v4.-1", None),
            ("", None),
        ] {
            assert_eq!(usable_version(server).as_deref(), used, "{server}");
        }
    }
}
