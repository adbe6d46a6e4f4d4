//! What is known by several lists together: which pods a service selects, who uses a secret, what
//! controls a pod. The smaller lists are kept; pods pass through one by one.

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::model::{
    ConfigMap, Controller, Owner, Pod, PodReference, SecretKeys, Service, Use,
};

use crate::map::{self, Owners, Source, TooMany};
use crate::objects;

/// Namespace and name.
type Name = (String, String);

/// How many uses of config maps and secrets, and how many pods of services, are kept in all: some
/// 200 MB of each.
const MOST_KEPT: usize = 1_000_000;

/// What is kept of the lists until all are read.
#[derive(Default)]
pub struct Join {
    /// The `id` of each host, by the name of its node.
    pub host_ids: HashMap<String, String>,
    /// What controls what.
    pub owners: Owners,
    pub services: Services,
    pub config_maps: Keyed<ConfigMap>,
    pub secrets: Keyed<SecretKeys>,
    /// How many uses are kept; none if they are too many.
    uses: Option<usize>,
    /// Controllers of kinds that are not listed, as pods name them, by uid.
    unlisted: BTreeMap<String, Controller>,
}

impl Join {
    /// What a pod uses of what is listed.
    pub fn uses(&self, pod: &objects::Pod<'_>) -> Result<Vec<(Source, String, Use)>, TooMany> {
        if self.uses.is_none() || (self.config_maps.is_empty() && self.secrets.is_empty()) {
            return Ok(Vec::new());
        }
        let namespace = &*pod.metadata.namespace;
        map::uses(pod, |source, name| match source {
            Source::ConfigMap => self.config_maps.has(namespace, name),
            Source::Secret => self.secrets.has(namespace, name),
        })
    }

    /// Notes what a pod has to do with everything else. `others` are its owners of kinds that are not
    /// listed.
    pub fn add(
        &mut self,
        pod: &Pod,
        uses: Result<Vec<(Source, String, Use)>, TooMany>,
        others: &[Owner],
    ) {
        self.services.add(pod);
        let count = uses.as_ref().map_or(MOST_KEPT, Vec::len);
        self.uses = self.uses.map(|kept| kept + count).filter(|kept| *kept < MOST_KEPT);
        if self.uses.is_none() {
            self.forget_uses();
        }
        for (source, name, one) in uses.unwrap_or_default() {
            match source {
                Source::ConfigMap => self.config_maps.add(&pod.namespace, &name, one),
                Source::Secret => self.secrets.add(&pod.namespace, &name, one),
            }
        }
        // A node that keeps a static pod is no controller.
        for owner in others.iter().filter(|_| !pod.is_static) {
            if !self.unlisted.contains_key(&owner.uid) {
                let controller = map::unlisted_controller(&pod.namespace, owner);
                self.unlisted.insert(owner.uid.clone(), controller);
            }
        }
    }

    fn forget_uses(&mut self) {
        self.config_maps.forget_uses();
        self.secrets.forget_uses();
    }

    /// Nothing is known of pods: they are read for the first time, or once more.
    pub fn forget_pods(&mut self) {
        self.services.forget_pods();
        self.forget_uses();
        self.uses = Some(0);
        self.unlisted.clear();
    }

    /// Whether all uses are kept.
    pub fn are_uses_known(&self) -> bool {
        self.uses.is_some()
    }

    /// The controllers that only pods know of.
    pub fn take_unlisted(&mut self) -> Vec<Controller> {
        std::mem::take(&mut self.unlisted).into_values().collect()
    }
}

/// Services, found by the labels that they select.
#[derive(Default)]
pub struct Services {
    all: Vec<(Service, Vec<PodReference>)>,
    /// The places of the services of a namespace by name and value of the first label of their
    /// selectors.
    by_label: HashMap<String, HashMap<String, HashMap<String, Vec<usize>>>>,
    selected: usize,
}

impl Services {
    /// Keeps a service.
    pub fn insert(&mut self, service: Service) {
        if let Some((name, value)) = service.selector.iter().next().filter(|_| selects(&service)) {
            let labels = self.by_label.entry(service.namespace.clone()).or_default();
            let values = labels.entry(name.clone()).or_default();
            values.entry(value.clone()).or_default().push(self.all.len());
        }
        self.all.push((service, Vec::new()));
    }

    fn add(&mut self, pod: &Pod) {
        let Some(labels) = self.by_label.get(&pod.namespace) else { return };
        for (name, value) in &pod.labels {
            let places = labels.get(name).and_then(|values| values.get(value));
            for &place in places.into_iter().flatten() {
                let (service, pods) = &mut self.all[place];
                if map::selects(&service.selector, &pod.labels) {
                    self.selected += 1;
                    if self.selected < MOST_KEPT {
                        pods.push(PodReference { name: pod.name.clone(), uid: pod.uid.clone() });
                    }
                }
            }
        }
    }

    /// Whether all pods that services select are kept.
    pub fn are_pods_known(&self) -> bool {
        self.selected < MOST_KEPT
    }

    fn forget_pods(&mut self) {
        self.selected = 0;
        self.all.iter_mut().for_each(|(_, pods)| *pods = Vec::new());
    }

    /// The services; with their pods, where those are known.
    pub fn take(&mut self, pods_are_known: bool) -> impl Iterator<Item = Service> + use<> {
        std::mem::take(self).all.into_iter().map(move |(mut service, pods)| {
            service.pods = (pods_are_known && selects(&service)).then_some(pods);
            service
        })
    }
}

/// Whether the service stands for pods: the API leaves the selector of an `ExternalName` unread.
fn selects(service: &Service) -> bool {
    !service.selector.is_empty() && service.kind.as_deref() != Some("ExternalName")
}

/// Objects with keys, and who uses them.
pub struct Keyed<T> {
    objects: Vec<(Name, T)>,
    /// By namespace and name; of every object that is listed, and of no other.
    used: HashMap<String, HashMap<String, Vec<Use>>>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { objects: Vec::new(), used: HashMap::new() }
    }
}

impl<T> Keyed<T> {
    /// Keeps these objects, and from now on who uses them.
    pub fn set(&mut self, objects: Vec<T>, name: impl Fn(&T) -> Name) {
        for object in objects {
            let (namespace, name) = name(&object);
            self.used.entry(namespace.clone()).or_default().entry(name.clone()).or_default();
            self.objects.push(((namespace, name), object));
        }
    }

    fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    fn has(&self, namespace: &str, name: &str) -> bool {
        self.used.get(namespace).is_some_and(|names| names.contains_key(name))
    }

    fn add(&mut self, namespace: &str, name: &str, one: Use) {
        if let Some(uses) = self.used.get_mut(namespace).and_then(|names| names.get_mut(name)) {
            uses.push(one);
        }
    }

    fn forget_uses(&mut self) {
        self.used.values_mut().flat_map(HashMap::values_mut).for_each(|uses| *uses = Vec::new());
    }

    /// The objects, each with who uses it, where that is known.
    pub fn take(
        &mut self,
        are_uses_known: bool,
    ) -> impl Iterator<Item = (T, Option<Vec<Use>>)> + use<T> {
        let mut by_name = std::mem::take(&mut self.used);
        std::mem::take(&mut self.objects).into_iter().map(move |((namespace, name), object)| {
            // Two of one name are the same object at two moments.
            let uses = by_name.get_mut(&namespace).and_then(|names| names.remove(&name));
            (object, are_uses_known.then(|| uses.unwrap_or_default()))
        })
    }
}
