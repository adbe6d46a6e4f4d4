//! Pure: from the objects of a pool to hosts and guests, which are sent to the context.

mod devices;
mod guest;
mod host;

use std::collections::{HashMap, HashSet};

use gatherer_plugin_api::model::{GuestState, Identifiers};
use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::uuid::canonical_or_raw;

use crate::pool::PoolRecords;
use crate::record::{Class, Record};
use devices::Devices;

/// Sends all hosts and guests. The pseudo-host for guests without a host is always sent, so that a Manager does not
/// remove it and add it again.
pub fn send(records: &PoolRecords, context: &Context) -> Result<(), GatherError> {
    let cluster = records.pools.iter().find_map(|pool| pool.text("name_label"));
    let mut places = HashMap::new();
    let mut disconnected = HashSet::new();
    for record in records.hosts.iter() {
        let metrics = record.reference("metrics").and_then(|it| records.host_metrics.get(it));
        let host = host::host(record, metrics, cluster)?;
        if host::is_disconnected(metrics)? {
            let message = "the pool has lost the connection to this host, so the states of its \
                           guests are unknown";
            context.warning(&host.name, message)?;
            disconnected.insert(record.reference);
        }
        places.insert(record.reference, context.host(host)?);
    }
    let detached = context.host(host::detached())?;
    let devices = Devices::of(records);
    for record in records.vms.iter() {
        context.check_cancelled()?;
        if !guest::is_listed(record)? {
            continue;
        }
        let mut guest = guest::guest(record, records, &devices, cluster)?;
        let host = record.reference("resident_on");
        if host.is_some_and(|host| disconnected.contains(host)) {
            guest.state = Some(GuestState::Unknown);
        }
        let place = host.and_then(|host| places.get(host)).unwrap_or(&detached);
        context.guest(place, guest)?;
    }
    Ok(())
}

/// The number of records that are guests.
pub fn count_guests(vms: &Class) -> Result<usize, GatherError> {
    let mut guests = 0;
    for record in vms.iter() {
        guests += usize::from(guest::is_listed(record)?);
    }
    Ok(guests)
}

/// The uuid of an object in canonical form, if it is one.
fn canonical_uuid(
    record: Record<'_>,
    identifiers: &mut Identifiers,
) -> Result<Option<String>, GatherError> {
    let text = record.required_text("uuid")?;
    Ok(canonical_or_raw(text, "rawUuid", &mut identifiers.other))
}
