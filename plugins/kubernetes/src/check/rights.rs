//! Which lists an endpoint asks for, and what it loses without the right to read one. No I/O.

use gatherer_plugin_api::Collection;

use crate::collect::Selection;
use crate::objects::Resource;
use crate::objects::kinds;

/// A list that the endpoint asks for.
#[derive(Debug, Clone)]
pub struct NeededList {
    pub list: ListKind,
    /// The name of the resource with its group, as kubectl writes it: `deployments.apps`.
    pub resource: String,
    pub loss: Loss,
    /// Whether the objects are in namespaces, of which the endpoint may select some.
    pub is_namespaced: bool,
}

/// The resource of a needed list.
#[derive(Debug, Clone)]
pub enum ListKind {
    Known(Resource),
    /// Cron jobs, whose version differs from cluster to cluster.
    CronJobs,
    /// The virtual machines of KubeVirt, which may not be installed.
    VirtualMachines,
}

/// What an endpoint loses without a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The whole endpoint fails.
    Endpoint,
    /// The collection is missing.
    Collection(Collection),
    /// The owners of pods may be missing.
    Owners,
}

/// The lists that a selection asks for, in the order in which they are read.
pub fn needed_lists(selection: &Selection) -> Vec<NeededList> {
    let mut needed = vec![known(kinds::NODES, Loss::Endpoint, false)];
    if selection.virtual_machines {
        needed.push(NeededList {
            list: ListKind::VirtualMachines,
            resource: "virtualmachineinstances.kubevirt.io".to_owned(),
            loss: Loss::Collection(Collection::VirtualMachines),
            is_namespaced: true,
        });
    }
    let mut add = |is_selected, resource, collection, is_namespaced| {
        if is_selected {
            needed.push(known(resource, Loss::Collection(collection), is_namespaced));
        }
    };
    add(selection.namespaces, kinds::NAMESPACES, Collection::Namespaces, false);
    add(selection.service_accounts, kinds::SERVICE_ACCOUNTS, Collection::ServiceAccounts, true);
    add(selection.services, kinds::SERVICES, Collection::Services, true);
    add(selection.config_maps, kinds::CONFIG_MAPS, Collection::ConfigMaps, true);
    add(selection.secrets, kinds::SECRETS, Collection::Secrets, true);
    add(selection.pods, kinds::PODS, Collection::Pods, true);
    if selection.controllers || selection.pods {
        let loss = if selection.controllers {
            Loss::Collection(Collection::Controllers)
        } else {
            Loss::Owners
        };
        needed.extend(kinds::CONTROLLERS.into_iter().map(|resource| known(resource, loss, true)));
        needed.push(NeededList {
            list: ListKind::CronJobs,
            resource: "cronjobs.batch".to_owned(),
            loss,
            is_namespaced: true,
        });
    }
    needed
}

fn known(resource: Resource, loss: Loss, is_namespaced: bool) -> NeededList {
    let group = resource.group();
    let dot = if group.is_empty() { "" } else { "." };
    let name = format!("{}{dot}{group}", resource.plural);
    NeededList { list: ListKind::Known(resource), resource: name, loss, is_namespaced }
}

impl NeededList {
    /// The name of the step about the right.
    pub fn step(&self) -> String {
        format!("right: list {}", self.resource)
    }
}

impl Loss {
    /// The consequence of a missing right, for the end of a sentence.
    pub fn text(self) -> String {
        match self {
            Self::Endpoint => "the endpoint would fail".to_owned(),
            Self::Collection(collection) => {
                format!("the collection {} would be missing", String::from(collection))
            }
            Self::Owners => "owners of pods would be missing".to_owned(),
        }
    }
}
