//! What is asked, in which order, and when the answers are complete.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::cloud::{CloudNames, ZoneHosts};
use gatherer_plugin_support::counts::count;
use serde_json::Value;

use crate::client::{Client, READER_HINT};
use crate::map::location::{self, Location};
use crate::map::machine::{ListedState, Machine};
use crate::map::resource_id::ResourceId;
use crate::map::size::{Size, Sizes};
use crate::map::state::PowerState;
use crate::map::values;
use crate::settings::Settings;

/// The texts of the Manager's format.
const NAMES: CloudNames = CloudNames { kind: "azure", name: "Azure", service: "Azure Cloud" };

/// How many machines may have a state without being in the list of machines. They are asked for one by one.
const MAX_UNLISTED: usize = 100;

/// The warning of every run, because the service leaves out what the application may not see, without an error.
const COMPLETENESS: &str = "completeness depends on Reader at subscription scope";

/// Everything that was read.
pub struct Collected {
    /// The virtual machines and the instances of scale sets, of the endpoint's location.
    pub machines: Vec<Machine>,
    /// The objects and messages of warnings.
    pub warnings: Vec<(String, String)>,
    /// The endpoint's location; `None` for all.
    pub location: Option<String>,
    /// How many scale sets have instances of their own.
    pub scale_sets: usize,
}

/// A scale set.
struct ScaleSet {
    id: ResourceId,
    location: String,
    /// Whether its instances are in the list of virtual machines.
    is_flexible: bool,
    /// How many instances it should have.
    capacity: u64,
}

/// A scale set with its instances.
struct ListedSet {
    set: ScaleSet,
    instances: Vec<Machine>,
}

impl ScaleSet {
    fn parse(entry: &Value) -> Result<Self, GatherError> {
        let id = ResourceId::of(entry, "a scale set")?;
        let location = location::of(entry, &format!("the scale set {}", id.as_str()))?;
        let mode = values::text(entry, "/properties/orchestrationMode");
        // Scale sets that are older than the mode are uniform.
        let is_flexible = mode.is_some_and(|mode| mode.eq_ignore_ascii_case("flexible"));
        let capacity = values::positive(entry, "/sku/capacity").unwrap_or(0);
        Ok(Self { id, location, is_flexible, capacity })
    }
}

/// Reads everything, after the location was found.
pub async fn read(
    client: &Client<'_>,
    settings: &Settings,
    location: Option<String>,
    context: &Context,
) -> Result<Collected, GatherError> {
    let mut warnings = Vec::new();
    if !settings.reader_confirmed {
        warnings.push((context.endpoint().to_owned(), COMPLETENESS.to_owned()));
    }
    let machine_key = |machine: &Machine| machine.id.key();
    let (machines, states, scale_sets) = tokio::try_join!(
        client.machines(Machine::parse, machine_key),
        client.states(ListedState::parse, |state| state.id.key()),
        scale_sets(client),
    )?;
    let machines = with_states(client, machines, states, &mut warnings).await?;
    let is_wanted = |of: &str| location.as_deref().is_none_or(|location| location == of);
    let (asked, elsewhere): (Vec<_>, Vec<_>) = scale_sets
        .into_iter()
        .filter(|set| !set.is_flexible)
        .partition(|set| is_wanted(&set.location));
    let number = asked.len();
    let listed = Box::pin(instances(client, context, asked)).await?;
    for set in &listed {
        warnings.extend(check_number(set, settings.reader_confirmed)?);
    }
    let mut instances: Vec<_> = listed.into_iter().flat_map(|set| set.instances).collect();
    instances.sort_by_key(|machine| machine.id.key());

    let has_any = !machines.is_empty()
        || !instances.is_empty()
        || elsewhere.iter().any(|set| set.capacity > 0);
    if !has_any && !settings.reader_confirmed {
        let message = "the list of virtual machines is empty: the subscription has none, or the \
                       application may not see them";
        return Err(GatherError::new(ErrorKind::Permission, message).with_hint(format!(
            "{READER_HINT}, and set reader_confirmed if it has that role and the subscription is really empty"
        )));
    }
    let mut machines: Vec<_> = machines
        .into_iter()
        .filter(|machine| is_wanted(&machine.location))
        .chain(instances)
        .collect();
    set_sizes(client, context, &mut machines, &mut warnings).await?;
    warnings.extend(identity_warning(&machines));
    Ok(Collected { machines, warnings, location, scale_sets: number })
}

/// The name of the endpoint's location; `None` for all.
pub async fn location(
    client: &Client<'_>,
    settings: &Settings,
) -> Result<Option<String>, GatherError> {
    match &settings.zone {
        None => Ok(None),
        Some(zone) => {
            let locations = client.locations(Location::parse).await?;
            location::find(zone, &locations).map(Some)
        }
    }
}

/// Sends everything.
pub fn send(collected: Collected, context: &Context) -> Result<(), GatherError> {
    for (object, message) in collected.warnings {
        context.warning(object, message)?;
    }
    let mut hosts = ZoneHosts::new(context, NAMES, collected.location.as_deref())?;
    for machine in collected.machines {
        if let Some(host) = hosts.of_zone(&machine.location)? {
            context.guest(&host, machine.guest)?;
        }
    }
    Ok(())
}

async fn scale_sets(client: &Client<'_>) -> Result<Vec<ScaleSet>, GatherError> {
    client.scale_sets(ScaleSet::parse, |set| set.id.key()).await
}

/// Joins the machines with their states. A machine that is only in the list of states is asked for: it may have been created
/// or deleted between the lists.
async fn with_states(
    client: &Client<'_>,
    mut machines: Vec<Machine>,
    states: Vec<ListedState>,
    warnings: &mut Vec<(String, String)>,
) -> Result<Vec<Machine>, GatherError> {
    let mut states: BTreeMap<String, ListedState> =
        states.into_iter().map(|state| (state.id.key(), state)).collect();
    let mut without_state = BTreeSet::new();
    for machine in &mut machines {
        if let Some(state) = states.remove(&machine.id.key()) {
            machine.set_state(&state.power);
        } else {
            machine.set_state(&PowerState::UNKNOWN);
            without_state.insert(machine.guest.name.clone());
        }
    }
    warnings.extend(aggregated(
        &without_state,
        "is not in the list of states, so its state is unknown",
    ));
    if states.len() > MAX_UNLISTED {
        let number = count(states.len(), "virtual machine");
        let message = format!("the list of virtual machines lacks {number} of the list of states");
        return Err(GatherError::new(ErrorKind::Unavailable, message).with_hint(READER_HINT));
    }
    let mut unlisted = BTreeSet::new();
    for state in states.into_values() {
        let Some(entry) = client.machine(&state.id).await? else {
            tracing::info!("{} was deleted between the lists", state.id.as_str());
            continue;
        };
        let mut machine = Machine::parse(&entry)?;
        machine.set_state(&state.power);
        unlisted.insert(machine.guest.name.clone());
        machines.push(machine);
    }
    warnings.extend(aggregated(
        &unlisted,
        "is in the list of states only: it was created while the lists were read, or the list is not complete",
    ));
    Ok(machines)
}

/// One warning for all objects with the same problem.
fn aggregated(names: &BTreeSet<String>, problem: &str) -> Option<(String, String)> {
    let first = names.first()?.clone();
    let others = match names.len() - 1 {
        0 => String::new(),
        others => format!(" ({} more)", count(others, "virtual machine")),
    };
    Some((first, format!("the virtual machine {problem}{others}")))
}

/// The instances of these scale sets, which have their own lists. A scale set that was deleted in the meantime is left out,
/// if a second list confirms that.
async fn instances(
    client: &Client<'_>,
    context: &Context,
    sets: Vec<ScaleSet>,
) -> Result<Vec<ListedSet>, GatherError> {
    let number = sets.len();
    let queue = RefCell::new(sets.into_iter().enumerate());
    let (found, missing) = (RefCell::new(BTreeMap::new()), RefCell::new(Vec::new()));
    let failed = RefCell::new(BTreeMap::new());
    let reader = async || {
        while failed.borrow().is_empty() {
            let Some((index, set)) = queue.borrow_mut().next() else { return };
            context.progress(&format!("scale set {} of {number}", index + 1));
            let key = |machine: &Machine| machine.id.key();
            match client.instances(&set.id, Machine::parse, key).await {
                Ok(Some(instances)) => {
                    found.borrow_mut().insert(index, ListedSet { set, instances });
                }
                Ok(None) => missing.borrow_mut().push(set.id),
                Err(error) => {
                    failed.borrow_mut().insert(index, error);
                }
            }
        }
    };
    // Four requests at a time; the service allows 25 a second in the long run.
    tokio::join!(reader(), reader(), reader(), reader());
    // The first in the list, so that the same answers give the same error.
    if let Some((_, error)) = failed.into_inner().pop_first() {
        return Err(error);
    }

    let missing = missing.into_inner();
    if !missing.is_empty() {
        let listed: BTreeSet<_> =
            scale_sets(client).await?.into_iter().map(|set| set.id.key()).collect();
        if let Some(set) = missing.iter().find(|id| listed.contains(&id.key())) {
            let message = format!("the scale set {} is listed, but cannot be read", set.as_str());
            return Err(GatherError::new(ErrorKind::Unavailable, message));
        }
        tracing::info!("{} deleted while they were read", count(missing.len(), "scale set"));
    }
    Ok(found.into_inner().into_values().collect())
}

/// Compares the number of instances with the one that the scale set should have. For lack of a right the list is empty,
/// without an error. While a scale set grows or shrinks the numbers differ, too.
fn check_number(
    listed: &ListedSet,
    reader_confirmed: bool,
) -> Result<Option<(String, String)>, GatherError> {
    let capacity = listed.set.capacity;
    let number = listed.instances.len();
    if u64::try_from(number).is_ok_and(|number| number >= capacity) {
        return Ok(None);
    }
    if number == 0 && !reader_confirmed {
        let id = listed.set.id.as_str();
        let message = format!(
            "the scale set {id} has a capacity of {capacity}, but its list of instances is empty"
        );
        return Err(GatherError::new(ErrorKind::Permission, message).with_hint(format!(
            "{READER_HINT}, and set reader_confirmed if it has that role and the scale set really has no instance"
        )));
    }
    let message = format!(
        "the scale set has a capacity of {capacity}, and {} in its list",
        count(number, "instance")
    );
    Ok(Some((listed.set.id.name().to_owned(), message)))
}

/// Sets the CPUs and the memory by the sizes of each location. What cannot be found out is unknown, with a warning.
async fn set_sizes(
    client: &Client<'_>,
    context: &Context,
    machines: &mut [Machine],
    warnings: &mut Vec<(String, String)>,
) -> Result<(), GatherError> {
    let locations: BTreeSet<_> = machines
        .iter()
        .filter(|machine| machine.needs_size())
        .map(|machine| machine.location.clone())
        .collect();
    for location in locations {
        context.progress(&format!("sizes of {location}"));
        let sizes = match client.sizes(&location, Size::parse, |size| size.name.clone()).await {
            Ok(sizes) => sizes,
            Err(error) => {
                context.check_cancelled()?;
                let message = format!("CPUs and memory are unknown: {}", error.message);
                warnings.push((location, message));
                continue;
            }
        };
        let sizes: Sizes = sizes.into_iter().map(|size| (size.name.clone(), size)).collect();
        let mut unknown = BTreeSet::new();
        let of_location = machines.iter_mut().filter(|machine| machine.location == location);
        for machine in of_location.filter(|machine| machine.needs_size()) {
            if !machine.set_size(&sizes) {
                unknown.insert(machine.size.clone().unwrap_or_else(|| "none".to_owned()));
            }
        }
        if !unknown.is_empty() {
            let names: Vec<_> = unknown.into_iter().take(10).collect();
            let names = names.join(", ");
            let message = format!(
                "CPUs and memory are unknown for sizes that the location does not list: {names}"
            );
            warnings.push((location, message));
        }
    }
    Ok(())
}

/// The warning about machines without a `vmId`.
fn identity_warning(machines: &[Machine]) -> Option<(String, String)> {
    let without_id = |machine: &&Machine| machine.guest.identifiers.instance_id.is_none();
    let names: BTreeSet<_> =
        machines.iter().filter(without_id).map(|machine| machine.guest.name.clone()).collect();
    aggregated(&names, "has no vmId: a Manager cannot find its system")
}
