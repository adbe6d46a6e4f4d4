//! Assigns `hostIdentifier`, the Manager's key of a host. It is unique within an endpoint and never empty.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::Host;

use crate::output::placeholder_ids::is_placeholder;

use super::text::{IDENTIFIER, abridged, collisions, cut, number_duplicates};

/// The identity of a host without an id and a name.
const NO_IDENTITY: &str = "unknown";

/// An identifier that changes with every boot, so it is not used.
const BOOT_ID: &str = "bootId";

/// The identifiers of one host in the order of preference; unusable ones are `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidates([Option<String>; 9]);

impl Candidates {
    /// The source's own id, then system UUID, Kubernetes UID, managed object, UUID, instance id, the other identifiers, the
    /// name, and the short name.
    pub fn of(host: &Host) -> Self {
        let identifiers = &host.identifiers;
        let usable = |text: &str| (!is_placeholder(text)).then(|| super::text::storable(text));
        let option = |text: &Option<String>| text.as_deref().and_then(usable);
        let other = identifiers.other.iter().filter(|(name, _)| *name != BOOT_ID);
        let other = other.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("-");
        // A name is used even if it looks like a placeholder UUID, because there is nothing better.
        let name = |text: &String| (!text.trim().is_empty()).then(|| super::text::storable(text));
        Self([
            usable(&host.id),
            option(&identifiers.system_uuid),
            option(&identifiers.kubernetes_uid),
            option(&identifiers.managed_object),
            option(&identifiers.uuid),
            option(&identifiers.instance_id),
            usable(&other),
            name(&host.name),
            host.short_name.as_ref().and_then(name),
        ])
    }

    /// The first usable identifier at or after a position.
    fn next(&self, from: usize) -> Option<(usize, &str)> {
        (from..self.0.len()).find_map(|slot| Some((slot, self.0[slot].as_deref()?)))
    }
}

/// The placeholders in the ids of all hosts of the document, with the number of hosts that have each.
#[derive(Debug, Default)]
pub struct Placeholders(BTreeMap<String, usize>);

impl Placeholders {
    /// Counts the placeholders of these hosts.
    pub fn of<'a>(hosts: impl Iterator<Item = &'a Host>) -> Self {
        let mut counts = BTreeMap::new();
        for host in hosts {
            let ids = [Some(host.id.as_str()), host.identifiers.previous.as_deref()];
            let ids: BTreeSet<_> = ids.into_iter().flatten().filter_map(placeholder).collect();
            for id in ids {
                *counts.entry(id).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// Whether several hosts have this placeholder.
    fn is_ambiguous(&self, id: &str) -> bool {
        placeholder(id).and_then(|id| self.0.get(&id)).is_some_and(|count| *count > 1)
    }
}

/// A placeholder, in one notation. `None` if the text identifies a host, or is blank.
fn placeholder(id: &str) -> Option<String> {
    let letters = id.chars().filter(char::is_ascii_alphanumeric);
    (is_placeholder(id) && !id.trim().is_empty())
        .then(|| letters.map(|letter| letter.to_ascii_lowercase()).collect())
}

/// An older identity of the same host, if the Manager can look it up. If the host's id is a placeholder, the classic
/// program printed it as `hostIdentifier`, so that a Manager may know the host by it; for a Kubernetes node it is not
/// used, because a Manager looks for these in all clusters. A placeholder of several hosts identifies none of them.
pub fn fallback(host: &Host, is_kubernetes: bool, placeholders: &Placeholders) -> Option<String> {
    let previous = host.identifiers.previous.as_deref().filter(|previous| !previous.is_empty());
    let replaced = || (!is_kubernetes && placeholder(&host.id).is_some()).then_some(&*host.id);
    let older = previous.or_else(replaced)?;
    (!placeholders.is_ambiguous(older) && cut(older, IDENTIFIER) == older)
        .then(|| super::text::storable(older))
}

/// An assigned identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The identifier.
    pub text: String,
    /// Whether the source's own id is not usable.
    pub is_replaced: bool,
    /// Whether another host had the same identifier.
    pub is_duplicate: bool,
}

/// Assigns an identity to each host, in their order. If several hosts have the same one, each gets the suffix `-<its next
/// identifier>`; identifiers that all of them share are skipped. Hosts with the same identifiers are numbered. An identity
/// that is too long is cut and ends with a fingerprint.
pub fn assign(hosts: &[Candidates]) -> Vec<HostIdentity> {
    let mut next = Vec::new();
    let mut texts = Vec::new();
    for host in hosts {
        let (slot, text) = host.next(0).unwrap_or((host.0.len(), NO_IDENTITY));
        next.push(slot + 1);
        texts.push(text.to_owned());
    }
    let are_replaced: Vec<bool> = next.iter().map(|next| *next != 1).collect();
    let mut are_duplicates = vec![false; hosts.len()];
    loop {
        let mut grown = false;
        for holders in collisions(&texts) {
            for &holder in &holders {
                are_duplicates[holder] = true;
            }
            grown |= add_next_identifier(hosts, &holders, &mut next, &mut texts);
        }
        if !grown {
            break;
        }
    }
    for text in &mut texts {
        *text = abridged(text, IDENTIFIER);
    }
    number_duplicates(&mut texts, "-", IDENTIFIER);
    texts
        .into_iter()
        .zip(are_replaced)
        .zip(are_duplicates)
        .map(|((text, is_replaced), is_duplicate)| HostIdentity { text, is_replaced, is_duplicate })
        .collect()
}

/// Appends the next identifier to hosts with the same identity, if each has one. False if nothing changed.
fn add_next_identifier(
    hosts: &[Candidates],
    holders: &[usize],
    next: &mut [usize],
    texts: &mut [String],
) -> bool {
    loop {
        let found: Option<Vec<(usize, &str)>> =
            holders.iter().map(|&holder| hosts[holder].next(next[holder])).collect();
        let Some(found) = found else { return false };
        let are_equal = found.iter().all(|(_, text)| *text == found[0].1);
        for (&holder, (slot, text)) in holders.iter().zip(&found) {
            next[holder] = slot + 1;
            if !are_equal {
                texts[holder] = format!("{}-{text}", texts[holder]);
            }
        }
        if !are_equal {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::Host;

    use super::{Candidates, assign};

    fn host(id: &str, system: &str, kubernetes: &str, name: &str) -> Candidates {
        let mut host = Host::new(id, name);
        let option = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        host.identifiers.system_uuid = option(system);
        host.identifiers.kubernetes_uid = option(kubernetes);
        Candidates::of(&host)
    }

    fn texts(hosts: &[Candidates]) -> Vec<String> {
        assign(hosts).into_iter().map(|identity| identity.text).collect()
    }

    #[test]
    fn uses_the_sources_own_id_unchanged() {
        assert_eq!(texts(&[host("93CE9D1D06B94F0EA3D6", "s", "k", "n")]), ["93CE9D1D06B94F0EA3D6"]);
    }

    #[test]
    fn skips_a_missing_or_placeholder_id() {
        for placeholder in [
            "",
            " ",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "00000000000000000000000000000000",
            "03000200-0400-0500-0006-000700080009",
            "{00000000-0000-0000-0000-000000000000}",
            "Not Settable",
        ] {
            let assigned = assign(&[host(placeholder, "s", "k", "n")]);
            assert_eq!(assigned[0].text, "s", "{placeholder:?}");
            assert!(assigned[0].is_replaced);
            assert_eq!(texts(&[host(placeholder, placeholder, "", "n")]), ["n"]);
        }
    }

    #[test]
    fn a_host_without_any_identifier_gets_an_identity() {
        assert_eq!(texts(&[host("", "", "", "")]), ["unknown"]);
        assert_eq!(
            texts(&[host("", "", "", ""), host("", "", "", "")]),
            ["unknown-1", "unknown-2"]
        );
    }

    #[test]
    fn hosts_with_a_duplicate_id_get_their_next_identifier() {
        let hosts = [host("m", "s1", "", "a"), host("x", "s", "", "c"), host("m", "s2", "", "b")];
        assert_eq!(texts(&hosts), ["m-s1", "x", "m-s2"]);
        assert_eq!(
            assign(&hosts).iter().map(|identity| identity.is_duplicate).collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    #[test]
    fn skips_an_identifier_that_all_hosts_share() {
        assert_eq!(
            texts(&[host("m", "s", "k1", "a"), host("m", "s", "k2", "b")]),
            ["m-k1", "m-k2"]
        );
    }

    #[test]
    fn does_not_use_the_boot_id() {
        let mut host = Host::new("", "n1");
        host.identifiers.other.insert("bootId".into(), "1b645389".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "n1");
    }

    #[test]
    fn extends_a_suffixed_identity_that_another_host_has() {
        let texts =
            texts(&[host("m", "s1", "", "a"), host("m", "s2", "", "b"), host("m-s1", "", "", "c")]);
        assert_eq!(texts, ["m-s1-a", "m-s2", "m-s1-c"]);
    }

    #[test]
    fn cuts_a_long_identity_and_keeps_it_unique() {
        let long = "i".repeat(1001);
        let texts = texts(&[
            host(&format!("{long}1"), "", "", "a"),
            host(&format!("{long}2"), "", "", "b"),
        ]);
        assert!(texts.iter().all(|text| text.len() == 1000) && texts[0] != texts[1], "{texts:?}");
    }

    #[test]
    fn prefers_every_identifier_to_the_name() {
        let mut host = Host::new("00000000-0000-0000-0000-000000000000", "n");
        host.identifiers.other.insert("manager".into(), "m1".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "m1");
        host.identifiers.instance_id = Some("i-1".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "i-1");
        host.identifiers.uuid = Some("u".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "u");
    }

    #[test]
    fn numbers_hosts_with_the_same_identifiers() {
        let host = host("m", "s", "k", "a");
        assert_eq!(texts(&[host.clone(), host]), ["m-1", "m-2"]);
    }
}
