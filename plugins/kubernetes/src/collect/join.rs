//! Joins lists: which pods a service selects, which pods use a secret, which controllers own a pod. The smaller
//! lists are stored; pods are processed one at a time.

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::model::{
    ConfigMap, Controller, Owner, Pod, PodReference, SecretKeys, Service, Use,
};

use crate::map::{self, KeyedKind, ObjectUse, Owners, TooManyUses};
use crate::objects;

/// Namespace and name.
type ObjectName = (String, String);

/// The most uses of config maps and secrets in all, and the most pods of services in all: about 200 MB
/// each.
const MAX_STORED: usize = 1_000_000;

/// The objects and references that are stored until all lists are read.
#[derive(Default)]
pub struct Join {
    /// The `id` of each host, by the name of its node.
    pub host_ids: HashMap<String, String>,
    /// The controllers, for chains of owners.
    pub owners: Owners,
    pub services: ServicePods,
    pub config_maps: UsedObjects<ConfigMap>,
    pub secrets: UsedObjects<SecretKeys>,
    /// How many uses are stored; `None` if there are too many, or before pods are read.
    use_count: Option<usize>,
    /// Controllers of kinds that are not listed, from the owner references of pods, by UID.
    unlisted_controllers: BTreeMap<String, Controller>,
}

impl Join {
    /// The uses that a pod makes of the config maps and secrets in the lists.
    pub fn uses(&self, pod: &objects::Pod<'_>) -> Result<Vec<ObjectUse>, TooManyUses> {
        if self.use_count.is_none() || (self.config_maps.is_empty() && self.secrets.is_empty()) {
            return Ok(Vec::new());
        }
        let namespace = &*pod.metadata.namespace;
        map::uses(pod, |kind, name| match kind {
            KeyedKind::ConfigMap => self.config_maps.contains(namespace, name),
            KeyedKind::Secret => self.secrets.contains(namespace, name),
        })
    }

    /// Adds a pod to the objects that it belongs to. `unlisted_owners` are its owners of kinds that are
    /// not listed.
    pub fn add(
        &mut self,
        pod: &Pod,
        uses: Result<Vec<ObjectUse>, TooManyUses>,
        unlisted_owners: &[Owner],
    ) {
        self.services.add(pod);
        let added = uses.as_ref().map_or(MAX_STORED, Vec::len);
        self.use_count =
            self.use_count.map(|count| count + added).filter(|count| *count < MAX_STORED);
        if self.use_count.is_none() {
            self.forget_uses();
        }
        for (kind, name, one) in uses.unwrap_or_default() {
            match kind {
                KeyedKind::ConfigMap => self.config_maps.add(&pod.namespace, &name, one),
                KeyedKind::Secret => self.secrets.add(&pod.namespace, &name, one),
            }
        }
        // The owner of a static pod is its node, which is not a controller.
        for owner in unlisted_owners.iter().filter(|_| !pod.is_static) {
            if !self.unlisted_controllers.contains_key(&owner.uid) {
                let controller = map::unlisted_controller(&pod.namespace, owner);
                self.unlisted_controllers.insert(owner.uid.clone(), controller);
            }
        }
    }

    fn forget_uses(&mut self) {
        self.config_maps.forget_uses();
        self.secrets.forget_uses();
    }

    /// Removes everything that came from pods: call it before pods are read, for the first time or again.
    pub fn forget_pods(&mut self) {
        self.services.forget_pods();
        self.forget_uses();
        self.use_count = Some(0);
        self.unlisted_controllers.clear();
    }

    /// Whether all uses are stored. If not, there were too many, and none is.
    pub fn uses_are_complete(&self) -> bool {
        self.use_count.is_some()
    }

    /// The controllers that only pods mention.
    pub fn take_unlisted_controllers(&mut self) -> Vec<Controller> {
        std::mem::take(&mut self.unlisted_controllers).into_values().collect()
    }
}

/// Services with their pods, indexed by the labels that they select.
#[derive(Default)]
pub struct ServicePods {
    all: Vec<(Service, Vec<PodReference>)>,
    /// Indices into `all`, by namespace and by name and value of the first label of the selector.
    by_label: HashMap<String, HashMap<String, HashMap<String, Vec<usize>>>>,
    pod_count: usize,
}

impl ServicePods {
    /// Adds a service.
    pub fn insert(&mut self, service: Service) {
        if let Some((name, value)) =
            service.selector.iter().next().filter(|_| selects_pods(&service))
        {
            let labels = self.by_label.entry(service.namespace.clone()).or_default();
            let values = labels.entry(name.clone()).or_default();
            values.entry(value.clone()).or_default().push(self.all.len());
        }
        self.all.push((service, Vec::new()));
    }

    fn add(&mut self, pod: &Pod) {
        let Some(labels) = self.by_label.get(&pod.namespace) else { return };
        for (name, value) in &pod.labels {
            let indices = labels.get(name).and_then(|values| values.get(value));
            for &index in indices.into_iter().flatten() {
                let (service, pods) = &mut self.all[index];
                if map::selects(&service.selector, &pod.labels) {
                    self.pod_count += 1;
                    if self.pod_count < MAX_STORED {
                        pods.push(PodReference { name: pod.name.clone(), uid: pod.uid.clone() });
                    }
                }
            }
        }
    }

    /// Whether all pods that services select are stored.
    pub fn pods_are_complete(&self) -> bool {
        self.pod_count < MAX_STORED
    }

    fn forget_pods(&mut self) {
        self.pod_count = 0;
        self.all.iter_mut().for_each(|(_, pods)| *pods = Vec::new());
    }

    /// The services, with their pods if `with_pods` is true.
    pub fn take(&mut self, with_pods: bool) -> impl Iterator<Item = Service> + use<> {
        std::mem::take(self).all.into_iter().map(move |(mut service, pods)| {
            service.pods = (with_pods && selects_pods(&service)).then_some(pods);
            service
        })
    }
}

/// Whether the service has pods. Kubernetes ignores the selector of an `ExternalName`.
fn selects_pods(service: &Service) -> bool {
    !service.selector.is_empty() && service.kind.as_deref() != Some("ExternalName")
}

/// Config maps or secrets, with the pods that use them.
pub struct UsedObjects<T> {
    objects: Vec<(ObjectName, T)>,
    /// The uses of every object in `objects`, by namespace and name.
    uses: HashMap<String, HashMap<String, Vec<Use>>>,
}

impl<T> Default for UsedObjects<T> {
    fn default() -> Self {
        Self { objects: Vec::new(), uses: HashMap::new() }
    }
}

impl<T> UsedObjects<T> {
    /// Stores these objects. From now on, their uses are stored, too.
    pub fn set(&mut self, objects: Vec<T>, name: impl Fn(&T) -> ObjectName) {
        for object in objects {
            let (namespace, name) = name(&object);
            self.uses.entry(namespace.clone()).or_default().entry(name.clone()).or_default();
            self.objects.push(((namespace, name), object));
        }
    }

    fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    fn contains(&self, namespace: &str, name: &str) -> bool {
        self.uses.get(namespace).is_some_and(|names| names.contains_key(name))
    }

    fn add(&mut self, namespace: &str, name: &str, one: Use) {
        if let Some(uses) = self.uses.get_mut(namespace).and_then(|names| names.get_mut(name)) {
            uses.push(one);
        }
    }

    fn forget_uses(&mut self) {
        self.uses.values_mut().flat_map(HashMap::values_mut).for_each(|uses| *uses = Vec::new());
    }

    /// The objects, each with its uses if `with_uses` is true.
    pub fn take(
        &mut self,
        with_uses: bool,
    ) -> impl Iterator<Item = (T, Option<Vec<Use>>)> + use<T> {
        let mut uses = std::mem::take(&mut self.uses);
        std::mem::take(&mut self.objects).into_iter().map(move |((namespace, name), object)| {
            // Two entries of one name are the same object at two points in time.
            let uses = uses.get_mut(&namespace).and_then(|names| names.remove(&name));
            (object, with_uses.then(|| uses.unwrap_or_default()))
        })
    }
}
