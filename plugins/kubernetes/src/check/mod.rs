//! Checks a cluster: the kubeconfig, the connection, the login, the version, the right to read each list that the
//! endpoint asks for, and how many objects there are.

#[cfg(test)]
mod check_tests;
mod rights;

use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;

use crate::client::{self, Client, ObjectCount};
use crate::collect::{self, Parameters, Selection};
use crate::kubeconfig::{self, Access};
use crate::objects::Resource;
use rights::{ListKind, Loss, NeededList, needed_lists};

/// Checks the cluster of an endpoint.
pub fn cluster(parameters: &Parameters, context: &Context) -> Result<(), GatherError> {
    let page_size = parameters.page_size()?;
    let selection = parameters.selection()?;
    let needed = needed_lists(&selection);
    context.check_plan(plan(&["name", "port", "tls"], &needed));
    let name = parameters.context.as_deref().filter(|name| !name.is_empty());
    let access = kubeconfig::read(&parameters.kubeconfig, name, context)?;
    context.check_plan(plan(&client::connection_steps(&access)?, &needed));
    context.check_step(kubeconfig_step(&access));
    run::block_on(context, async {
        client::check_connection(&access, context).await?;
        let client = Client::new(&access, page_size, context).await?;
        let user = client.user().await?;
        context.check_step(login_step(&client, user.as_deref(), &access, context));
        context.check_step(product_step(&client).await);
        let check = RightsCheck { client: &client, selection: &selection };
        let mut counted = Vec::new();
        for list in &needed {
            counted.extend(check.right(list, context).await?);
        }
        if !counted.is_empty() {
            context.check_step(check.objects_step(&counted).await?);
        }
        Ok(())
    })
}

fn plan(connection: &[&str], needed: &[NeededList]) -> Vec<String> {
    let names = ["kubeconfig"].iter().chain(connection).chain(&["login", "product"]);
    let mut steps: Vec<String> = names.map(|name| (*name).to_owned()).collect();
    steps.extend(needed.iter().map(NeededList::step));
    steps.push("objects".to_owned());
    steps
}

fn kubeconfig_step(access: &Access) -> CheckStep {
    if access.is_in_pod {
        let message = format!("the service account of this pod, and its server {}", access.server);
        return CheckStep::ok("kubeconfig", message);
    }
    let Access { context, cluster, user, warnings, .. } = access;
    let user = if user.is_empty() { "no user".to_owned() } else { format!("the user {user}") };
    let message = format!("the context {context} has the cluster {cluster} and {user}");
    if warnings.is_empty() {
        return CheckStep::ok("kubeconfig", message);
    }
    let warnings: Vec<_> =
        warnings.iter().map(|warning| format!("{}: {}", warning.object, warning.message)).collect();
    let message = format!("{message}; {}", warnings.join("; "));
    CheckStep::warning("kubeconfig", message, "change the kubeconfig")
}

fn login_step(
    client: &Client,
    user: Option<&str>,
    access: &Access,
    context: &Context,
) -> CheckStep {
    let credential = client.used_credentials().into_iter().next();
    let name =
        credential.as_ref().map_or("requests without credentials", |used| used.name.as_str());
    let message = match user {
        Some(user) => format!("the server accepts {name}: the user is {user}"),
        None => format!("the server accepts {name}"),
    };
    match credential {
        // A client certificate has a step of its own. Other tokens are renewed: by a program, by the identity provider, or in
        // their file.
        Some(token) if access.fixed_token().is_some() => {
            token.accepted_step("login", &message, context)
        }
        _ => CheckStep::ok("login", message),
    }
}

async fn product_step(client: &Client) -> CheckStep {
    match client.version().await {
        Ok(version) => CheckStep::ok("product", format!("Kubernetes {version}")),
        Err(error) if error.kind == ErrorKind::Permission => CheckStep::warning(
            "product",
            error.message,
            "no run needs the version; to see it here, bind the ClusterRole system:discovery to the user",
        ),
        Err(error) => CheckStep::failed("product", &error),
    }
}

/// The check of the rights of a user.
struct RightsCheck<'a> {
    client: &'a Client,
    selection: &'a Selection,
}

impl RightsCheck<'_> {
    /// Makes the step about the right to read a list. Returns the lists whose objects can be counted.
    async fn right(
        &self,
        needed: &NeededList,
        context: &Context,
    ) -> Result<Vec<Resource>, GatherError> {
        let found = match &needed.list {
            ListKind::Known(resource) => Ok(Some(resource.clone())),
            ListKind::CronJobs => collect::cron_jobs(self.client).await.map(Some),
            ListKind::VirtualMachines => collect::virtual_machines(self.client).await,
        };
        let resource = match found {
            Ok(Some(resource)) => resource,
            Ok(None) => {
                let message = "not needed: the cluster has no KubeVirt, and so no virtual machines";
                context.check_step(CheckStep::ok(needed.step(), message));
                return Ok(Vec::new());
            }
            Err(error) => {
                context.check_step(refused_step(needed, error));
                return Ok(Vec::new());
            }
        };
        let namespaces = &self.selection.only_namespaces;
        // A right in the whole cluster is one in each namespace.
        let Some(everywhere) = self.client.refusal(&resource).await? else {
            let place = if needed.is_namespaced { " in all namespaces" } else { "" };
            context.check_step(CheckStep::ok(needed.step(), format!("granted{place}")));
            return Ok(self.selected(&resource, needed));
        };
        let mut refusals = vec![everywhere];
        if needed.is_namespaced && !namespaces.is_empty() {
            refusals.clear();
            for resource in self.selected(&resource, needed) {
                refusals.extend(self.client.refusal(&resource).await?);
            }
        }
        let others = refusals.len().saturating_sub(1);
        let Some(mut error) = refusals.into_iter().next() else {
            let message = format!("granted in the namespaces {}", namespaces.join(", "));
            context.check_step(CheckStep::ok(needed.step(), message));
            return Ok(self.selected(&resource, needed));
        };
        if others > 0 {
            error.message = format!("{}; {others} more namespaces refuse it too", error.message);
        }
        context.check_step(refused_step(needed, error));
        Ok(Vec::new())
    }

    /// The lists of the selected namespaces and labels.
    fn selected(&self, resource: &Resource, needed: &NeededList) -> Vec<Resource> {
        let mut resource = resource.clone();
        if !needed.is_namespaced {
            return vec![resource];
        }
        resource.label_selector.clone_from(&self.selection.label_selector);
        let namespaces = &self.selection.only_namespaces;
        if namespaces.is_empty() {
            return vec![resource];
        }
        let in_namespace =
            |name: &String| Resource { namespace: Some(name.clone()), ..resource.clone() };
        namespaces.iter().map(in_namespace).collect()
    }

    /// Counts the objects of the lists that the user may read, without those whose responses contain secret values.
    async fn objects_step(&self, lists: &[Resource]) -> Result<CheckStep, GatherError> {
        let mut counts: Vec<(&str, ObjectCount)> = Vec::new();
        for list in lists.iter().filter(|list| !list.is_secret) {
            let count = self.client.count(list).await?;
            match counts.last_mut().filter(|(plural, _)| *plural == list.plural) {
                Some((_, sum)) => {
                    sum.objects += count.objects;
                    sum.has_more |= count.has_more;
                }
                None => counts.push((list.plural, count)),
            }
        }
        let text = |(plural, count): &(&str, ObjectCount)| {
            let or_more = if count.has_more { " or more" } else { "" };
            format!("{plural}: {}{or_more}", count.objects)
        };
        let counts: Vec<String> = counts.iter().map(text).collect();
        let mut message = counts.join(", ");
        let missing = self.missing_namespaces().await;
        if missing.is_empty() {
            return Ok(CheckStep::ok("objects", message));
        }
        message = format!("{message}; these namespaces do not exist: {}", missing.join(", "));
        Ok(CheckStep::warning("objects", message, "check the endpoint's namespaces"))
    }

    /// The selected namespaces that do not exist, as far as the user may see that.
    async fn missing_namespaces(&self) -> Vec<&str> {
        let mut missing = Vec::new();
        for name in &self.selection.only_namespaces {
            if matches!(self.client.has_namespace(name).await, Ok(false)) {
                missing.push(name.as_str());
            }
        }
        missing
    }
}

/// The step about a list that cannot be read. Without owners, a run delivers everything else.
fn refused_step(needed: &NeededList, mut error: GatherError) -> CheckStep {
    error.message = format!("{}; {}", error.message, needed.loss.text());
    if needed.loss != Loss::Owners {
        return CheckStep::failed(needed.step(), &error);
    }
    CheckStep::warning(needed.step(), error.message, error.hint.unwrap_or_default())
}
