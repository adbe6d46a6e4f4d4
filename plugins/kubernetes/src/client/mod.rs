//! I/O: asks the API server that a kubeconfig names for its objects.

mod certificate;
mod connect;
mod credentials;
mod discovery;
mod document;
mod exec;
mod fetching;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod list;
mod oidc;
mod page;
mod proxy;
mod resource;
mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_api::{Context, GatherError};
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::kubeconfig::Access;
use connect::Connection;
pub use list::ItemSink;
pub use resource::{Listed, Resource};

/// The wait for one answer where the endpoint has no deadline.
const LONGEST_REQUEST: Duration = Duration::from_mins(5);

/// Speaks with the API server of a kubeconfig.
pub struct Client<'a> {
    connection: Connection<'a>,
    page_size: u32,
}

impl<'a> Client<'a> {
    /// Gets the credentials, where a program has to be asked for them. Nothing is sent yet.
    pub async fn new(
        access: &'a Access,
        page_size: u32,
        context: &'a Context,
    ) -> Result<Self, GatherError> {
        // Before anything else: what is logged from here on is free of them.
        for secret in &access.secrets {
            context.secret(secret.expose());
        }
        Ok(Self { connection: Connection::new(access, context).await?, page_size })
    }

    /// Gives all items of a list as they were at one moment, page after page. What was given is
    /// void if it fails, and whenever the sink is told to start over.
    pub async fn list<L: Listed>(
        &self,
        resource: &Resource,
        sink: Arc<dyn ItemSink<L>>,
    ) -> Result<(), GatherError> {
        list::list(&self.connection, resource, self.page_size, &sink).await
    }

    /// Which resources a group and version has (`batch/v1`). That the server does not have it is an
    /// error.
    pub async fn resources(&self, api_version: &str) -> Result<Vec<String>, GatherError> {
        discovery::resources(&self.connection, api_version).await
    }

    /// Which versions of a group the server has (`kubevirt.io/v1`), the one that it prefers first;
    /// none if it has no such group.
    pub async fn versions(&self, group: &str) -> Result<Vec<String>, GatherError> {
        discovery::versions(&self.connection, group).await
    }

    /// Whether there is a namespace of this name. An error if the server does not say it, as to a
    /// user without the right to get it.
    pub async fn has_namespace(&self, name: &str) -> Result<bool, GatherError> {
        page::is_there(&self.connection, &format!("/api/v1/namespaces/{name}")).await
    }
}

/// The header for a token.
fn bearer(token: &SecretString) -> Result<HeaderValue, GatherError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            GatherError::configuration(
                "the kubeconfig's user: its token holds a character that cannot be sent",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}
