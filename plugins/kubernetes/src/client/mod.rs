//! I/O: asks the API server that a kubeconfig names for its nodes.

mod certificate;
mod connect;
mod credentials;
mod document;
mod list;
mod page;
mod proxy;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::run;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::kubeconfig::Access;
use crate::node::Node;
use connect::Connection;

/// All nodes of the cluster, sorted by name, then uid; or an error, never some of them.
pub fn nodes(access: &Access, page_size: u32, context: &Context) -> Result<Vec<Node>, GatherError> {
    // Before anything else: what is logged from here on is free of them.
    for secret in &access.secrets {
        context.secret(secret.expose());
    }
    let mut nodes = run::block_on(context, async {
        let connection = Connection::new(access, context).await?;
        list::nodes(&connection, page_size).await
    })?;
    nodes.sort_by(|a, b| {
        let (a, b) = (&a.metadata, &b.metadata);
        a.name.cmp(&b.name).then_with(|| a.uid.cmp(&b.uid))
    });
    Ok(nodes)
}

/// The header for a token.
fn bearer(token: &SecretString) -> Result<HeaderValue, GatherError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            GatherError::configuration(
                "the kubeconfig's user: the token of its tokenFile holds a character that cannot \
                 be sent",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}
