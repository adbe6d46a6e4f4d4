//! The client of an API server: reads whole lists of objects and the discovery documents.

mod connect;
mod credential_program;
mod credential_source;
mod credentials;
mod discovery;
mod list;
mod page;
mod page_parser;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod response_fuzzing;
mod reviews;
mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod token_renewal;

use std::sync::Arc;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::http::UsedCredential;

use crate::kubeconfig::Access;
use crate::objects::Resource;
use connect::Connection;
pub use list::ItemSink;
pub use reviews::ObjectCount;

/// The names of the steps that [`check_connection`] makes.
pub fn connection_steps(access: &Access) -> Result<Vec<&'static str>, GatherError> {
    Ok(gatherer_plugin_support::http::connection_steps(&connect::server_url(access)?))
}

/// Makes the steps of a check before the login.
pub async fn check_connection(access: &Access, context: &Context) -> Result<(), GatherError> {
    report_secrets(access, context);
    connect::check_connection(access, context).await
}

/// Reports the secrets of a kubeconfig, before anything else, so that everything logged from then on is redacted.
fn report_secrets(access: &Access, context: &Context) {
    for secret in &access.secrets {
        context.secret(secret.expose());
    }
}

/// A client of the API server that a kubeconfig names.
pub struct Client {
    connection: Arc<Connection>,
    page_size: u32,
}

impl Client {
    /// Prepares the connection and runs the kubeconfig's credential program, if it has one. Sends
    /// nothing to the API server yet.
    pub async fn new(
        access: &Access,
        page_size: u32,
        context: &Context,
    ) -> Result<Self, GatherError> {
        report_secrets(access, context);
        let connection = Connection::new(access, context).await?;
        Ok(Self { connection: Arc::new(connection), page_size })
    }

    /// Reads a whole list, page by page, and returns the sink with its items. All items come from the
    /// same `resourceVersion`. If this fails, the caller must discard what the sink has passed on; the
    /// sink itself does that on [`ItemSink::start_over`].
    pub async fn list<S: ItemSink>(&self, resource: &Resource, sink: S) -> Result<S, GatherError> {
        list::list(&self.connection, std::slice::from_ref(resource), self.page_size, sink).await
    }

    /// Reads the lists of several namespaces as one list.
    pub async fn list_in_namespaces<S: ItemSink>(
        &self,
        resource: &Resource,
        namespaces: &[String],
        sink: S,
    ) -> Result<S, GatherError> {
        let in_namespace =
            |name: &String| Resource { namespace: Some(name.clone()), ..resource.clone() };
        let resources: Vec<_> = namespaces.iter().map(in_namespace).collect();
        list::list(&self.connection, &resources, self.page_size, sink).await
    }

    /// Fails if the run was cancelled or the endpoint's time is over. `objects` names the objects that
    /// would be requested next.
    pub fn check_time(&self, objects: &str) -> Result<(), GatherError> {
        list::check_time(&self.connection.context, objects)
    }

    /// The names of the resources of a group and version (`batch/v1`). It is an error if the server
    /// does not have that version.
    pub async fn resources(&self, api_version: &str) -> Result<Vec<String>, GatherError> {
        discovery::resources(&self.connection, api_version).await
    }

    /// The versions of a group that the server offers (`kubevirt.io/v1`), the preferred one first.
    /// Empty if the server does not have the group.
    pub async fn versions(&self, group: &str) -> Result<Vec<String>, GatherError> {
        discovery::versions(&self.connection, group).await
    }

    /// The name of the user, as the server knows it; `None` if the server accepts the credentials and does not tell.
    pub async fn user(&self) -> Result<Option<String>, GatherError> {
        reviews::user(&self.connection).await
    }

    /// The credentials of the last request.
    pub fn used_credentials(&self) -> Vec<UsedCredential> {
        self.connection.used_credentials()
    }

    /// Why the user may not list the objects of a resource; `None` if it may. A refusal is that of the list itself, as a
    /// run would get it.
    pub async fn refusal(&self, resource: &Resource) -> Result<Option<GatherError>, GatherError> {
        if reviews::may_list(&self.connection, resource).await? == Some(true) {
            return Ok(None);
        }
        match reviews::count(&self.connection, resource).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind == ErrorKind::Permission => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// The version of the API server.
    pub async fn version(&self) -> Result<String, GatherError> {
        reviews::version(&self.connection).await
    }

    /// The number of objects in a list.
    pub async fn count(&self, resource: &Resource) -> Result<ObjectCount, GatherError> {
        reviews::count(&self.connection, resource).await
    }

    /// Whether the namespace exists. It is an error if the server does not answer that, for example
    /// because the user may not get the namespace.
    pub async fn has_namespace(&self, name: &str) -> Result<bool, GatherError> {
        page::object_exists(&self.connection, &format!("/api/v1/namespaces/{name}")).await
    }
}
