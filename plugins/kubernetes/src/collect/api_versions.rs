//! Kinds of objects whose API version differs from cluster to cluster.

use gatherer_plugin_api::GatherError;

use crate::client::Client;
use crate::objects::Resource;

/// Cron jobs, which are in `batch/v1` from Kubernetes 1.21 on and in `batch/v1beta1` before. Every server has
/// `batch/v1`, because it also contains jobs.
pub async fn cron_jobs(client: &Client) -> Result<Resource, GatherError> {
    for api_version in ["batch/v1", "batch/v1beta1"] {
        let resources = client.resources(api_version).await?;
        if resources.iter().any(|resource| resource == "cronjobs") {
            return Ok(Resource::new("CronJob", "a cron job", "cronjobs", api_version));
        }
    }
    Err(GatherError::protocol("the server has no cronjobs in batch/v1 or batch/v1beta1"))
}

/// KubeVirt's virtual machines that are running or starting; `None` if KubeVirt is not installed.
pub async fn virtual_machines(client: &Client) -> Result<Option<Resource>, GatherError> {
    let resource = Resource::new(
        "VirtualMachineInstance",
        "a virtual machine instance",
        "virtualmachineinstances",
        "",
    );
    for api_version in client.versions("kubevirt.io").await? {
        let resources = client.resources(&api_version).await?;
        if resources.iter().any(|name| name == resource.plural) {
            return Ok(Some(Resource { api_version: api_version.into(), ..resource }));
        }
    }
    // If only KubeVirt's operator is installed, the group exists without this resource.
    Ok(None)
}
