//! Joins pods with the lists that were read before: which pods a service selects, which pods use a secret, which
//! controllers own a pod. Pods are joined one at a time and are not stored.

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::model::{
    ConfigMap, Controller, Owner, Pod, PodReference, SecretKeys, Service, Use,
};

use crate::map::{self, KeyedKind, ObjectUse, Owners, TooManyUses, Warnings};
use crate::objects;

/// The most uses of config maps and secrets in all, and the most pods of services in all: about 200 MB
/// each.
const MAX_STORED: usize = 1_000_000;

/// What pods are joined with.
pub struct Join {
    /// The `id` of each host, by the name of its node.
    host_ids: HashMap<String, String>,
    owners: Owners,
    services: ServiceIndex,
    config_maps: NameIndex,
    secrets: NameIndex,
    found: FoundInPods,
}

/// What the pods of a complete list refer to.
#[derive(Default)]
pub struct FoundInPods {
    /// The pods of each service, by the service's index.
    pub pods_of_services: References<PodReference>,
    /// The uses of each config map and of each secret, by the object's index. The secrets come after the
    /// config maps.
    pub uses: References<Use>,
    /// Controllers of kinds that are not listed, from the owner references of pods, by UID.
    pub unlisted_controllers: BTreeMap<String, Controller>,
}

impl Join {
    /// Joins with these lists, of which each may be empty.
    pub fn new(
        host_ids: HashMap<String, String>,
        owners: Owners,
        services: &[Service],
        config_maps: &[ConfigMap],
        secrets: &[SecretKeys],
    ) -> Self {
        let config_map_names = config_maps.iter().map(|one| (&one.namespace, &one.name));
        let secret_names = secrets.iter().map(|one| (&one.namespace, &one.name));
        let mut join = Self {
            host_ids,
            owners,
            services: ServiceIndex::new(services),
            config_maps: name_index(config_map_names, 0),
            secrets: name_index(secret_names, config_maps.len()),
            found: FoundInPods::default(),
        };
        join.found.pods_of_services = References::new(services.len());
        join.found.uses = References::new(config_maps.len() + secrets.len());
        join
    }

    /// What was found in the pods that were joined.
    pub fn found(self) -> FoundInPods {
        self.found
    }

    /// Removes everything that came from pods, because their list is read again.
    pub fn start_over(&mut self) {
        self.found.pods_of_services.clear();
        self.found.uses.clear();
        self.found.unlisted_controllers.clear();
    }

    /// Maps a pod, and stores what it refers to.
    pub fn add(&mut self, pod: objects::Pod<'_>) -> (Pod, Warnings) {
        let uses = self.uses(&pod);
        let unlisted_owners = self.owners.unlisted(&pod.metadata.owner_references);
        let (pod, warnings) = map::pod(pod, &self.owners, &self.host_ids);
        self.add_uses(&pod, uses);
        self.services.add(&pod, &mut self.found.pods_of_services);
        // The owner of a static pod is its node, which is not a controller.
        if !pod.is_static {
            self.add_controllers(&pod, &unlisted_owners);
        }
        (pod, warnings)
    }

    /// The uses that a pod makes of the config maps and secrets in the lists.
    fn uses(&self, pod: &objects::Pod<'_>) -> Result<Vec<ObjectUse>, TooManyUses> {
        if self.config_maps.is_empty() && self.secrets.is_empty() {
            return Ok(Vec::new());
        }
        let namespace = &*pod.metadata.namespace;
        map::uses(pod, |kind, name| self.index(kind, namespace, name).is_some())
    }

    fn index(&self, kind: KeyedKind, namespace: &str, name: &str) -> Option<usize> {
        let names = match kind {
            KeyedKind::ConfigMap => &self.config_maps,
            KeyedKind::Secret => &self.secrets,
        };
        names.get(namespace)?.get(name).copied()
    }

    fn add_uses(&mut self, pod: &Pod, uses: Result<Vec<ObjectUse>, TooManyUses>) {
        let Ok(uses) = uses else { return self.found.uses.stop_storing() };
        for (kind, name, one) in uses {
            if let Some(index) = self.index(kind, &pod.namespace, &name) {
                self.found.uses.add(index, one);
            }
        }
    }

    fn add_controllers(&mut self, pod: &Pod, owners: &[Owner]) {
        let controllers = &mut self.found.unlisted_controllers;
        for owner in owners {
            if !controllers.contains_key(&owner.uid) {
                let controller = map::unlisted_controller(&pod.namespace, owner);
                controllers.insert(owner.uid.clone(), controller);
            }
        }
    }
}

/// References from pods to the objects of a list, by the object's index.
pub struct References<T> {
    by_object: Vec<Vec<T>>,
    /// How many references are stored; `None` if there were too many, and none is stored.
    count: Option<usize>,
}

impl<T> Default for References<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> References<T> {
    fn new(objects: usize) -> Self {
        Self { by_object: std::iter::repeat_with(Vec::new).take(objects).collect(), count: Some(0) }
    }

    fn add(&mut self, index: usize, one: T) {
        match self.count {
            None => {}
            Some(count) if count + 1 >= MAX_STORED => self.stop_storing(),
            Some(count) => {
                self.count = Some(count + 1);
                self.by_object[index].push(one);
            }
        }
    }

    fn clear(&mut self) {
        *self = Self::new(self.by_object.len());
    }

    fn stop_storing(&mut self) {
        self.clear();
        self.count = None;
    }

    /// The references to each object; `None` if there were too many.
    pub fn complete(self) -> Option<Vec<Vec<T>>> {
        self.count.map(|_| self.by_object)
    }
}

/// The indices of objects in their list, by namespace and name.
type NameIndex = HashMap<String, HashMap<String, usize>>;

fn name_index<'a>(
    names: impl Iterator<Item = (&'a String, &'a String)>,
    first: usize,
) -> NameIndex {
    let mut index = NameIndex::new();
    for (position, (namespace, name)) in names.enumerate() {
        // Two entries of one name are the same object at two points in time.
        let of_namespace = index.entry(namespace.clone()).or_default();
        of_namespace.entry(name.clone()).or_insert(first + position);
    }
    index
}

/// The selectors of services, by the labels that they select.
struct ServiceIndex {
    /// By the service's index.
    selectors: Vec<BTreeMap<String, String>>,
    /// Indices of services, by namespace and by name and value of the first label of the selector.
    by_label: HashMap<String, HashMap<String, HashMap<String, Vec<usize>>>>,
}

impl ServiceIndex {
    fn new(services: &[Service]) -> Self {
        let mut by_label: HashMap<_, HashMap<_, HashMap<_, Vec<_>>>> = HashMap::new();
        for (index, service) in services.iter().enumerate().filter(|(_, one)| selects_pods(one)) {
            let Some((name, value)) = service.selector.first_key_value() else { continue };
            let labels = by_label.entry(service.namespace.clone()).or_default();
            let values = labels.entry(name.clone()).or_default();
            values.entry(value.clone()).or_default().push(index);
        }
        let selectors = services.iter().map(|service| service.selector.clone()).collect();
        Self { selectors, by_label }
    }

    /// Adds the pod to each service that selects it.
    fn add(&self, pod: &Pod, pods: &mut References<PodReference>) {
        let Some(labels) = self.by_label.get(&pod.namespace) else { return };
        for (name, value) in &pod.labels {
            let indices = labels.get(name).and_then(|values| values.get(value));
            for &index in indices.into_iter().flatten() {
                if map::selects(&self.selectors[index], &pod.labels) {
                    pods.add(index, PodReference { name: pod.name.clone(), uid: pod.uid.clone() });
                }
            }
        }
    }
}

/// Whether the service has pods. Kubernetes ignores the selector of an `ExternalName`.
pub fn selects_pods(service: &Service) -> bool {
    !service.selector.is_empty() && service.kind.as_deref() != Some("ExternalName")
}
