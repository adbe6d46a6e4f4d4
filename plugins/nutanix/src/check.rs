//! The steps of a check.

use std::collections::BTreeSet;

use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError};
use gatherer_plugin_support::counts::{count, objects_step};
use gatherer_plugin_support::http::{Client, connection_steps};

use crate::Parameters;
use crate::client::{self, ApiVersion, ListKind};
use crate::map::Answer;

/// Checks the connection, the version of the API, the login, the right to view each kind of object, and whether the lists
/// belong together.
pub async fn check(parameters: &Parameters, context: &Context) -> Result<(), GatherError> {
    let prism = crate::prism(parameters, context)?;
    let plan = |kinds: &[ListKind]| {
        let connection = connection_steps(prism.base()).into_iter().map(str::to_owned);
        let rights = kinds.iter().map(|kind| kind.step());
        let own = ["product", "login"].map(str::to_owned).into_iter().chain(rights);
        context.check_plan(connection.chain(own).chain(["objects".to_owned()]));
    };
    plan(&ListKind::ALL);
    Client::new(context)?.check_connection(prism.base()).await?;

    let version = match client::choose(&prism, &parameters.api).await {
        Err(error) if error.kind == ErrorKind::Authentication => {
            context.check_step(CheckStep::not_tried("product", ""));
            return Err(error);
        }
        version => version?,
    };
    let kinds = version.lists();
    plan(kinds);
    context.check_step(CheckStep::ok("product", product(&version)));
    let mut is_missing = false;
    for (index, kind) in kinds.iter().enumerate() {
        let allowed = client::probe(&prism, &version, *kind).await;
        // The first list shows whether the server accepts the password.
        match &allowed {
            _ if index > 0 => {}
            Err(error) if error.kind == ErrorKind::Authentication => {}
            Err(error) if error.kind != ErrorKind::Permission => {
                context.check_step(CheckStep::not_tried("login", ""));
            }
            _ => {
                let message = format!("the server accepts the password of {}", parameters.username);
                context.check_step(CheckStep::ok("login", message));
            }
        }
        context.check_step(match allowed {
            Ok(()) => CheckStep::ok(kind.step(), "the user may view them"),
            Err(error) if error.kind == ErrorKind::Permission => {
                is_missing = true;
                CheckStep::failed(kind.step(), &error)
            }
            Err(error) => return Err(error),
        });
    }
    if is_missing {
        return Ok(());
    }
    let answer = crate::complete_answer(&prism, &version).await?;
    let warnings = answer.warnings.iter();
    let warnings = warnings.map(|warning| (warning.object.as_str(), warning.message.as_str()));
    context.check_step(objects_step(counted(&answer), warnings));
    Ok(())
}

fn product(version: &ApiVersion) -> String {
    match version {
        ApiVersion::V2 => "Prism Element, API v2".to_owned(),
        ApiVersion::V3 => "Prism Central, API v3".to_owned(),
        ApiVersion::V4 { vmm, clustermgmt } => {
            format!("Prism Central, API v4 (vmm {vmm}, clustermgmt {clustermgmt})")
        }
    }
}

/// The numbers of objects, with the versions of the hypervisors.
fn counted(answer: &Answer) -> String {
    let real: Vec<_> = answer.hosts.iter().filter(|host| !host.synthetic).collect();
    let versions = real.iter().filter_map(|host| host.os.as_ref()?.version.as_deref());
    let versions: Vec<&str> = versions.collect::<BTreeSet<_>>().into_iter().collect();
    let guests: usize = answer.hosts.iter().map(|host| host.guests.len()).sum();
    let versions =
        if versions.is_empty() { String::new() } else { format!(" ({})", versions.join(", ")) };
    format!("{}{versions}, {}", count(real.len(), "host"), count(guests, "virtual machine"))
}
