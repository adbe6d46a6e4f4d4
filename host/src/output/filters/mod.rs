//! Filters of an endpoint: which of its hosts and guests are kept. Pure functions of one result.

#[cfg(test)]
mod filters_tests;
mod pattern;
mod selection;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{
    CollectionStatus, EndpointResult, EndpointStatus, Filtered, Guest, GuestState, Host, HostState,
    Identifiers,
};
use gatherer_plugin_api::{Collection, GatherError};
use serde::Serialize;

use crate::output::inventory::count;

pub use pattern::Pattern;
use selection::Selection;

/// The word for a state that the source does not report.
const UNKNOWN_STATE: &str = "unknown";

/// What a pattern is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKey {
    /// The name, or a host's short name.
    Name,
    /// The id, the UUID, or one of the identifiers.
    Id,
    /// The cluster; of a guest without one, that of its host.
    Cluster,
    /// A label: `KEY=VALUE`, or `KEY` if the pattern has no `=`.
    Label,
    /// The word of the inventory for the state.
    State,
}

impl FilterKey {
    /// All keys, in the order of messages.
    pub const ALL: [Self; 5] = [Self::Name, Self::Id, Self::Cluster, Self::Label, Self::State];

    /// The key as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
            Self::Cluster => "cluster",
            Self::Label => "label",
            Self::State => "state",
        }
    }

    /// Whether an object keeps its value while it exists. A Manager deletes what is filtered, so it must not depend on
    /// values that change: a guest that is switched off would vanish.
    pub const fn is_stable(self) -> bool {
        matches!(self, Self::Name | Self::Id | Self::Cluster)
    }
}

/// A key with its patterns, of which one must match.
#[derive(Debug, Clone)]
pub struct FilterRule {
    /// The key.
    pub key: FilterKey,
    /// The patterns, at least one.
    pub patterns: Vec<Pattern>,
}

/// One option: `include` or `exclude`.
#[derive(Debug, Clone, Default)]
pub struct FilterOption {
    /// The rules for hosts.
    pub hosts: Vec<FilterRule>,
    /// The rules for guests.
    pub guests: Vec<FilterRule>,
    /// Whether this is the default of the operator's file, which need not match at every endpoint.
    pub is_default: bool,
}

impl FilterOption {
    /// The rules with the name of their objects, `hosts` or `guests`.
    pub fn rules(&self) -> impl Iterator<Item = (&'static str, &FilterRule)> {
        let hosts = self.hosts.iter().map(|rule| ("hosts", rule));
        hosts.chain(self.guests.iter().map(|rule| ("guests", rule)))
    }
}

/// The filters of an endpoint. An object is kept if every rule of `include` for its kind matches it, and no rule of
/// `exclude` does.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// What is kept.
    pub include: FilterOption,
    /// What is left out.
    pub exclude: FilterOption,
}

impl Filters {
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.options().all(|(_, option)| option.rules().next().is_none())
    }

    /// The options with their names.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, &FilterOption)> {
        [("include", &self.include), ("exclude", &self.exclude)].into_iter()
    }

    /// Redacts the patterns in messages.
    pub fn redact(&mut self, redacted: impl Fn(&str) -> String) {
        for option in [&mut self.include, &mut self.exclude] {
            let rules = option.hosts.iter_mut().chain(&mut option.guests);
            for pattern in rules.flat_map(|rule| &mut rule.patterns) {
                pattern.set_shown(redacted(pattern.shown()));
            }
        }
    }

    /// Leaves out hosts with their guests, and guests, of a complete result, and counts them. Workloads stay, because an
    /// image is in use even if it runs on a host that is left out. The error is that of an endpoint of which nothing
    /// would be left: a Manager would delete all of it.
    pub fn apply(&self, result: &mut EndpointResult) -> Result<(), GatherError> {
        if result.status != EndpointStatus::Complete || self.is_empty() {
            return Ok(());
        }
        let mut hosts = Selection::of_hosts(self);
        let mut guests = Selection::of_guests(self);
        let (host_count, mut guest_count) = (result.hosts.len(), result.detached_guests.len());
        let real_hosts = count_real(&result.hosts);
        let mut filtered = Filtered::default();
        let mut left_out = BTreeSet::new();
        let mut kept_guests = 0;
        // Whether a pseudo-host is kept that an `include` matches, and not only because it is one.
        let mut keeps_included = false;
        result.hosts.retain_mut(|host| {
            guest_count += host.guests.len();
            let verdict = hosts.verdict(|key| host_values(key, host));
            // The real host of a pseudo-host's guests may be one that is included.
            let is_kept = !verdict.is_excluded && (verdict.is_included || host.synthetic);
            let cluster = host.location.cluster.as_deref();
            let before = host.guests.len();
            host.guests.retain(|guest| {
                let verdict = guests.verdict(|key| guest_values(key, guest, cluster));
                verdict.is_included && !verdict.is_excluded
            });
            if is_kept {
                keeps_included |= hosts.has_include() && verdict.is_included;
                kept_guests += host.guests.len();
                filtered.guests += (before - host.guests.len()) as u64;
            } else {
                filtered.hosts += 1;
                filtered.guests += before as u64;
                left_out.insert(std::mem::take(&mut host.name));
            }
            is_kept
        });
        let before = result.detached_guests.len();
        result.detached_guests.retain(|guest| {
            let verdict = guests.verdict(|key| guest_values(key, guest, None));
            verdict.is_included && !verdict.is_excluded
        });
        kept_guests += result.detached_guests.len();
        filtered.guests += (before - result.detached_guests.len()) as u64;

        if !hosts.includes_any() {
            return Err(hosts.no_match(host_count));
        }
        if host_count > 0 && result.hosts.is_empty() {
            return Err(nothing_left(host_count));
        }
        // A pseudo-host that stays by itself must not hide that a Manager would delete every real host.
        if real_hosts > 0 && count_real(&result.hosts) == 0 && !keeps_included {
            return Err(nothing_left(real_hosts));
        }
        // If not all guests are known, the missing ones may be those that match.
        if are_guests_known(result) {
            if guests.has_include() && (!guests.includes_any() || kept_guests == 0) {
                return Err(guests.no_match(guest_count));
            }
            result.warnings.extend(guests.unmatched());
        }
        result.warnings.extend(hosts.unmatched());
        forget_hosts(result, &left_out);
        result.filtered = Some(filtered);
        Ok(())
    }
}

/// The number of hosts that a Manager gets, without pseudo-hosts.
fn count_real(hosts: &[Host]) -> usize {
    hosts.iter().filter(|host| !host.synthetic && host.represented_by.is_none()).count()
}

/// Whether the answer has all guests.
fn are_guests_known(result: &EndpointResult) -> bool {
    let guests = result.collections.get(Collection::VirtualMachines.as_str());
    guests.is_none_or(CollectionStatus::is_complete)
}

/// The error of an endpoint whose hosts are all left out by `exclude`, or by both options together.
fn nothing_left(hosts: usize) -> GatherError {
    GatherError::configuration(format!(
        "the filters leave nothing: {} of the endpoint, and all are left out",
        count(hosts, "host")
    ))
    .with_hint("change include or exclude; to give up the endpoint, remove it from the request")
}

/// Removes the ids of hosts that were left out from the pods that run on them.
fn forget_hosts(result: &mut EndpointResult, left_out: &BTreeSet<String>) {
    let kept: BTreeSet<&str> = result.hosts.iter().map(|host| host.name.as_str()).collect();
    for host in result.workloads.pods.iter_mut().filter_map(|pod| pod.host.as_mut()) {
        if left_out.contains(&host.name) && !kept.contains(host.name.as_str()) {
            host.id = None;
        }
    }
}

/// The values of a host.
fn host_values(key: FilterKey, host: &Host) -> Vec<Cow<'_, str>> {
    match key {
        FilterKey::Name => texts([Some(&*host.name), host.short_name.as_deref()]),
        FilterKey::Id => ids([Some(&*host.id), None], &host.identifiers),
        FilterKey::Cluster => texts([host.location.cluster.as_deref()]),
        FilterKey::Label => labels(&host.labels),
        FilterKey::State => host.state.map_or_else(unknown_state, |state| vec![state_word(&state)]),
    }
}

/// The values of a guest, and of the cluster of its host.
fn guest_values<'a>(
    key: FilterKey,
    guest: &'a Guest,
    cluster: Option<&'a str>,
) -> Vec<Cow<'a, str>> {
    match key {
        FilterKey::Name => texts([Some(&*guest.name)]),
        FilterKey::Id => ids([guest.id.as_deref(), guest.uuid.as_deref()], &guest.identifiers),
        FilterKey::Cluster => texts([guest.location.cluster.as_deref().or(cluster)]),
        FilterKey::Label => labels(&guest.labels),
        FilterKey::State => {
            guest.state.map_or_else(unknown_state, |state| vec![state_word(&state)])
        }
    }
}

fn texts<const N: usize>(texts: [Option<&str>; N]) -> Vec<Cow<'_, str>> {
    texts.into_iter().flatten().map(Cow::Borrowed).collect()
}

/// Ids and all identifiers.
fn ids<'a>(ids: [Option<&'a str>; 2], identifiers: &'a Identifiers) -> Vec<Cow<'a, str>> {
    let all = ids.into_iter().flatten().chain(identifiers.values());
    all.map(Cow::Borrowed).collect()
}

fn labels(labels: &BTreeMap<String, String>) -> Vec<Cow<'_, str>> {
    labels.iter().map(|(key, value)| Cow::Owned(format!("{key}={value}"))).collect()
}

/// The inventory's word for a state.
pub fn state_word<S: Serialize>(state: &S) -> Cow<'static, str> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => Cow::Owned(word),
        _ => Cow::Borrowed(UNKNOWN_STATE),
    }
}

fn unknown_state() -> Vec<Cow<'static, str>> {
    vec![Cow::Borrowed(UNKNOWN_STATE)]
}

/// The words for the states of `hosts` or `guests`.
pub fn state_words(of: &str) -> Vec<String> {
    let words: Vec<_> = match of {
        "hosts" => {
            [HostState::Up, HostState::Maintenance, HostState::Down, HostState::Disconnected]
                .iter()
                .map(state_word)
                .chain(unknown_state())
                .collect()
        }
        _ => GuestState::ALL.iter().map(state_word).collect(),
    };
    words.into_iter().map(Cow::into_owned).collect()
}
