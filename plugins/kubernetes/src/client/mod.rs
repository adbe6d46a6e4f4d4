//! I/O: asks the API server that a kubeconfig names for its nodes.

mod certificate;
mod connect;
mod credentials;
mod document;
mod fetching;
mod list;
mod oidc;
mod page;
mod proxy;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::run;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::kubeconfig::Access;
use connect::Connection;
pub use list::Taker;

/// The wait for one answer where the endpoint has no deadline.
const LONGEST_REQUEST: Duration = Duration::from_mins(5);

/// Gives all nodes of the cluster as they were at one moment, page after page. What was given is
/// void if it fails, and whenever the taker is told to start over.
pub fn nodes(
    access: &Access,
    page_size: u32,
    context: &Context,
    taker: Arc<dyn Taker>,
) -> Result<(), GatherError> {
    // Before anything else: what is logged from here on is free of them.
    for secret in &access.secrets {
        context.secret(secret.expose());
    }
    run::block_on(context, async move {
        let connection = Connection::new(access, context).await?;
        list::nodes(&connection, page_size, &taker).await
    })
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
