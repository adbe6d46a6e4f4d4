//! Warns of guests of one endpoint that have the same id, in any notation.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use gatherer_plugin_api::model::{EndpointResult, Guest, Warning};

use crate::output::escape::capped;

/// The maximum number of guests of one endpoint that get a warning of their own.
const WARNINGS_MAX: usize = 1000;

/// A guest, and the name of its host if it has one.
type PlacedGuest<'a> = (Option<&'a str>, &'a Guest);

/// Adds a warning for each guest whose id another guest of the endpoint has. All of them stay in the result, but a
/// Manager knows a guest by its id only.
pub fn warn_of_shared_ids(endpoint: &mut EndpointResult) {
    let mut groups = BTreeMap::<String, Vec<PlacedGuest<'_>>>::new();
    let hasher = RandomState::new();
    let ids = guests(endpoint).filter_map(|(_, guest)| id(guest)).map(in_one_notation);
    let shared = shared_hashes(ids, &hasher);
    if shared.is_empty() {
        return;
    }
    for (host, guest) in guests(endpoint) {
        if let Some(id) = id(guest).map(in_one_notation)
            && shared.contains(&hasher.hash_one(&id))
        {
            groups.entry(id).or_default().push((host, guest));
        }
    }
    groups.retain(|_, holders| holders.len() > 1);
    let mut left_out = 0;
    let mut warnings = Vec::new();
    for mut holders in groups.into_values() {
        // The warnings do not depend on the order in which the guests arrived.
        holders.sort_by_key(|(host, guest)| (&guest.name, *host, other_id(guest), id(guest)));
        let room = WARNINGS_MAX - warnings.len();
        left_out += holders.len().saturating_sub(room);
        warnings.extend(holders.iter().take(room).map(|holder| warning(holder, &holders)));
    }
    if left_out > 0 {
        let message = format!("{left_out} more guests have the id of another guest");
        warnings.push(Warning { object: endpoint.id.clone(), message });
    }
    endpoint.warnings.append(&mut warnings);
}

/// All guests of the endpoint.
fn guests(endpoint: &EndpointResult) -> impl Iterator<Item = PlacedGuest<'_>> {
    let on_hosts = endpoint
        .hosts
        .iter()
        .flat_map(|host| host.guests.iter().map(|guest| (Some(host.name.as_str()), guest)));
    on_hosts.chain(endpoint.detached_guests.iter().map(|guest| (None, guest)))
}

/// The id by which a Manager knows the guest.
fn id(guest: &Guest) -> Option<&str> {
    let ids = [guest.id.as_deref(), guest.uuid.as_deref()];
    ids.into_iter().flatten().find(|id| !id.is_empty())
}

/// The id as a Manager compares it: without dashes. The digits of a UUID can be in upper case.
fn in_one_notation(id: &str) -> String {
    let mut id: String = id.chars().filter(|character| *character != '-').collect();
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        id.make_ascii_lowercase();
    }
    id
}

/// The hashes that occur more than once. Hashes are kept instead of texts because an endpoint may have very many
/// guests, almost always with different ids.
fn shared_hashes(ids: impl Iterator<Item = String>, hasher: &RandomState) -> HashSet<u64> {
    let mut sorted: Vec<u64> = ids.map(|id| hasher.hash_one(id)).collect();
    sorted.sort_unstable();
    let repeated = sorted.windows(2).filter(|pair| pair[0] == pair[1]);
    repeated.map(|pair| pair[0]).collect()
}

/// The name and the text of another identifier, by which the guest can be found in its source.
fn other_id(guest: &Guest) -> Option<(&'static str, &str)> {
    let identifiers = &guest.identifiers;
    let named = [
        ("kubernetesUid", &identifiers.kubernetes_uid),
        ("managedObject", &identifiers.managed_object),
        ("instanceId", &identifiers.instance_id),
    ];
    named.into_iter().find_map(|(name, text)| Some((name, text.as_deref()?)))
}

/// The warning about one of the guests with the same id.
fn warning((host, guest): &PlacedGuest<'_>, holders: &[PlacedGuest<'_>]) -> Warning {
    let own_id = id(guest).unwrap_or_default();
    let has_one_notation = holders.iter().all(|(_, holder)| id(holder) == Some(own_id));
    let notation = if has_one_notation { "" } else { " in another notation" };
    let place = match host {
        Some(name) => format!("this one is on host {name:?}"),
        None => "this one is on no host".to_owned(),
    };
    let other = other_id(guest).map(|(name, text)| format!(" ({name} {text:?})"));
    let message = format!(
        "another guest of this endpoint has the id {own_id:?}{notation}, so a Manager takes them for one; \
         {place}{}",
        other.unwrap_or_default()
    );
    let object = if guest.name.is_empty() { own_id } else { &guest.name };
    Warning { object: fitted(object.to_owned()), message: fitted(message) }
}

/// The text, cut to the length of a warning and without further memory.
fn fitted(text: String) -> String {
    let mut text = capped(text);
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Guest, Host};

    use super::{WARNINGS_MAX, warn_of_shared_ids};

    fn endpoint(hosts: Vec<Vec<Guest>>, detached_guests: Vec<Guest>) -> EndpointResult {
        let host = |(number, guests)| {
            let name = format!("h{}", number + 1);
            Host { guests, ..Host::new(format!("id-of-{name}"), name) }
        };
        EndpointResult {
            status: EndpointStatus::Complete,
            hosts: hosts.into_iter().enumerate().map(host).collect(),
            detached_guests,
            ..EndpointResult::new("e".into(), None, None)
        }
    }

    /// The warnings as `object: message`.
    fn warnings(mut endpoint: EndpointResult) -> Vec<String> {
        warn_of_shared_ids(&mut endpoint);
        let warnings = endpoint.warnings.into_iter();
        warnings.map(|warning| format!("{}: {}", warning.object, warning.message)).collect()
    }

    fn with_uid(mut guest: Guest, uid: &str) -> Guest {
        guest.identifiers.kubernetes_uid = Some(uid.into());
        guest
    }

    #[test]
    fn each_guest_with_the_id_of_another_has_a_warning() {
        let only_uuid = Guest { uuid: Some("u1".into()), ..Guest::default() };
        let hosts = vec![
            vec![with_uid(Guest::new("u1", "web"), "k1"), Guest::new("u2", "db")],
            vec![Guest::new("u1", "copy"), with_uid(Guest::new("u1", "web"), "k2")],
            vec![only_uuid, Guest { id: Some(String::new()), ..Guest::default() }],
        ];
        let without_id = vec![Guest::new("", "a"), Guest { id: None, ..Guest::new("", "b") }];
        let detached = [vec![Guest::new("u1", "new")], without_id].concat();
        let found = warnings(endpoint(hosts.clone(), detached.clone()));
        insta::assert_snapshot!(found.join("\n"));
        let mut reversed = endpoint(hosts, detached);
        reversed.hosts.reverse();
        reversed.hosts.iter_mut().for_each(|host| host.guests.reverse());
        assert_eq!(warnings(reversed), found);
    }

    #[test]
    fn ids_in_different_notations_are_the_same() {
        let spellings = [
            "4c4c4544-0042-3510-8051-b4c04f4d3132",
            "4C4C4544-0042-3510-8051-B4C04F4D3132",
            "4c4c4544004235108051b4c04f4d3132",
        ];
        for first in spellings {
            for second in spellings {
                let hosts = vec![vec![Guest::new(first, "web")], vec![Guest::new(second, "db")]];
                let found = warnings(endpoint(hosts, vec![]));
                assert_eq!(found.len(), 2, "{first} {second}");
                assert!(found[0].starts_with("db: ") && found[0].contains(second), "{found:?}");
                let is_other = found.iter().all(|text| text.contains("in another notation"));
                assert_eq!(is_other, first != second, "{found:?}");
            }
        }
        let hosts = vec![vec![Guest::new("vm-1", "a")], vec![Guest::new("vm1", "b")]];
        assert_eq!(warnings(endpoint(hosts, vec![])).len(), 2);
        // A Manager distinguishes upper and lower case, and other texts than UUIDs may do so too.
        let hosts = vec![vec![Guest::new("VM1", "a")], vec![Guest::new("vm1", "b")]];
        assert_eq!(warnings(endpoint(hosts, vec![])), [] as [&str; 0]);
    }

    #[test]
    fn guests_of_one_host_are_told_apart() {
        let twins = ["k1", "k2"].map(|uid| with_uid(Guest::new("u", "web"), uid));
        let found: BTreeSet<_> =
            warnings(endpoint(vec![twins.to_vec()], vec![])).into_iter().collect();
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn guests_with_different_ids_have_no_warning() {
        let hosts = vec![vec![Guest::new("1", "web")], vec![Guest::new("2", "web")]];
        assert_eq!(warnings(endpoint(hosts, vec![Guest::new("3", "web")])), [] as [&str; 0]);
    }

    #[test]
    fn limits_the_number_of_warnings_and_counts_the_others() {
        let guests = (0..WARNINGS_MAX + 5).map(|number| Guest::new("u", format!("g{number}")));
        let found = warnings(endpoint(vec![guests.collect()], vec![]));
        assert_eq!(found.len(), WARNINGS_MAX + 1);
        assert!(found[WARNINGS_MAX].starts_with("e: 5 more "), "{}", found[WARNINGS_MAX]);
    }
}
