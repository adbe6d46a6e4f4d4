//! I/O: the machine types of instances, which have their CPUs and memory.

use std::collections::{BTreeSet, HashMap};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};

use crate::client::Compute;
use crate::failure::Wanted;
use crate::map::instance::{Instance, MachineTypeName};
use crate::map::machine_type::MachineType;

/// Adds CPUs, memory and architecture to the instances. One request for each type of a zone, because the lists of types do not
/// have custom ones. Returns the error if the account may not read a machine type: CPUs and memory are unknown then.
pub async fn add(
    compute: &Compute<'_>,
    instances: &mut [Instance],
    context: &Context,
) -> Result<Option<GatherError>, GatherError> {
    let names: BTreeSet<MachineTypeName> =
        instances.iter().filter_map(|instance| instance.machine_type.clone()).collect();
    let (mut types, mut denied) = (HashMap::new(), None);
    for (index, name) in names.iter().enumerate() {
        context.check_cancelled()?;
        context.progress(&format!("machine type {} of {}", index + 1, names.len()));
        let url = compute.url(&["zones", &name.zone, "machineTypes", &name.name]);
        match compute.read(&url, Wanted::MachineType, MachineType::parse).await {
            Ok(Some(found)) => {
                types.insert(name, found);
            }
            Ok(None) => tracing::debug!("the machine type {} does not exist any more", name.name),
            Err(error) if error.kind == ErrorKind::Permission => {
                denied = Some(error);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    for instance in instances {
        let found = instance.machine_type.as_ref().and_then(|name| types.get(name));
        if let Some(found) = found {
            found.describe(&mut instance.guest);
        }
    }
    Ok(denied)
}
