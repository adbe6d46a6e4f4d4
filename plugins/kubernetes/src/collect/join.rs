//! What is known by several lists together: which pods a service selects, who uses a secret, what
//! controls a pod. The smaller lists are kept; pods pass through one by one.

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::model::{
    ConfigMap, Controller, Pod, PodReference, SecretKeys, Service, Use,
};

use super::listed::is_listed;
use crate::map::{self, Owners, Source};

/// Namespace and name.
type Name = (String, String);

/// What is kept of the lists until all are read.
#[derive(Default)]
pub struct Join {
    /// The `id` of each host, by the name of its node.
    pub host_ids: BTreeMap<String, String>,
    /// What controls what.
    pub owners: Owners,
    pub services: Services,
    pub config_maps: Keyed<ConfigMap>,
    pub secrets: Keyed<SecretKeys>,
    /// Controllers of kinds that are not listed, as pods name them, by uid.
    unlisted: BTreeMap<String, Controller>,
}

impl Join {
    /// Notes what a pod has to do with everything else.
    pub fn add(&mut self, pod: &Pod, uses: Vec<(Source, String, Use)>) {
        self.services.add(pod);
        for (source, name, used) in uses {
            let of = (pod.namespace.clone(), name);
            match source {
                Source::ConfigMap => self.config_maps.add(&of, used),
                Source::Secret => self.secrets.add(&of, used),
            }
        }
        // A node that keeps a static pod is no controller.
        let owners = pod.owners.iter().filter(|owner| !pod.is_static && !is_listed(&owner.kind));
        for owner in owners {
            if !self.unlisted.contains_key(&owner.uid) {
                let controller = map::unlisted_controller(&pod.namespace, owner);
                self.unlisted.insert(owner.uid.clone(), controller);
            }
        }
    }

    /// Whether it matters what a pod uses.
    pub fn keeps_uses(&self) -> bool {
        self.config_maps.is_wanted || self.secrets.is_wanted
    }

    /// Forgets every pod.
    pub fn forget_pods(&mut self) {
        self.services.forget_pods();
        self.config_maps.used.clear();
        self.secrets.used.clear();
        self.unlisted.clear();
    }

    /// The controllers that only pods know of.
    pub fn take_unlisted(&mut self) -> impl Iterator<Item = Controller> + use<> {
        std::mem::take(&mut self.unlisted).into_values()
    }
}

/// Services, found by the labels that they select.
#[derive(Default)]
pub struct Services {
    services: Vec<(Service, Vec<PodReference>)>,
    /// The places of the services of a namespace by the first label of their selectors.
    by_label: HashMap<String, HashMap<(String, String), Vec<usize>>>,
}

impl Services {
    /// Keeps a service.
    pub fn insert(&mut self, service: Service) {
        if let Some((name, value)) = service.selector.iter().next() {
            let labels = self.by_label.entry(service.namespace.clone()).or_default();
            labels.entry((name.clone(), value.clone())).or_default().push(self.services.len());
        }
        self.services.push((service, Vec::new()));
    }

    fn add(&mut self, pod: &Pod) {
        let Some(labels) = self.by_label.get(&pod.namespace) else { return };
        for label in &pod.labels {
            let key = (label.0.clone(), label.1.clone());
            for &place in labels.get(&key).into_iter().flatten() {
                let (service, pods) = &mut self.services[place];
                if map::selects(&service.selector, &pod.labels) {
                    pods.push(PodReference { name: pod.name.clone(), uid: pod.uid.clone() });
                }
            }
        }
    }

    fn forget_pods(&mut self) {
        self.services.iter_mut().for_each(|(_, pods)| *pods = Vec::new());
    }

    /// The services; with their pods, where those are known.
    pub fn take(&mut self, pods_are_known: bool) -> impl Iterator<Item = Service> + use<> {
        let services = std::mem::take(self).services;
        services.into_iter().map(move |(mut service, pods)| {
            let selects = pods_are_known && !service.selector.is_empty();
            service.pods = selects.then_some(pods);
            service
        })
    }
}

/// Objects with keys, and who uses them.
pub struct Keyed<T> {
    objects: Vec<(Name, T)>,
    /// Also of what is not there: pods may name what has gone, or is not read yet.
    used: HashMap<Name, Vec<Use>>,
    /// Whether uses are worth being kept.
    is_wanted: bool,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { objects: Vec::new(), used: HashMap::new(), is_wanted: false }
    }
}

impl<T> Keyed<T> {
    /// Keeps these objects, and from now on who uses them.
    pub fn set(&mut self, objects: Vec<T>, name: impl Fn(&T) -> Name) {
        self.objects = objects.into_iter().map(|object| (name(&object), object)).collect();
        self.is_wanted = true;
    }

    fn add(&mut self, of: &Name, one: Use) {
        if !self.is_wanted {
            return;
        }
        match self.used.get_mut(of) {
            Some(uses) => uses.push(one),
            None => drop(self.used.insert(of.clone(), vec![one])),
        }
    }

    /// The objects, each with who uses it, where the pods are known.
    pub fn take(
        &mut self,
        pods_are_known: bool,
    ) -> impl Iterator<Item = (T, Option<Vec<Use>>)> + use<T> {
        let mut by_name = std::mem::take(&mut self.used);
        std::mem::take(&mut self.objects).into_iter().map(move |(name, object)| {
            // Two of one name would be the same object at two moments.
            (object, pods_are_known.then(|| by_name.remove(&name).unwrap_or_default()))
        })
    }
}
