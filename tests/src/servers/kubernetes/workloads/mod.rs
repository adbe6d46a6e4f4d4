//! What runs on a cluster's nodes, written as controllers and kubelets would: [`load`] makes as much
//! of it as is asked for, [`cases`] one object for each rule.

pub mod cases;
pub mod load;
mod objects;
mod readers;
pub mod virtual_machines;

pub use readers::READERS;

use reqwest::Method;
use serde_json::Value;

use super::Cluster;

/// Objects by the path of the list that they go to.
type Planned = Vec<(String, Value)>;

/// How many pods the shared cluster has besides those of [`cases`]: two pages of the usual 500.
pub const SHARED_PODS: usize = 600;

impl Cluster {
    /// Creates this many pods, rounded up to a multiple of [`load::REPLICAS`], on the first `nodes`
    /// nodes, and what makes, names and configures them: see [`load`].
    pub fn create_workloads(&self, pods: usize, nodes: usize) {
        self.create_workloads_from(0, pods, nodes);
    }

    /// The same with `first` pods there already.
    pub fn create_workloads_from(&self, first: usize, pods: usize, nodes: usize) {
        load::create(self, first, pods, nodes);
    }

    /// Creates what [`cases`] lists, users of few rights and virtual machines. The cluster has its
    /// first nodes.
    pub fn create_cases(&self) {
        cases::create(self);
        readers::create(self);
        virtual_machines::create(self);
    }

    /// Creates each object and writes its status; their UIDs in the same order.
    fn make_all(&self, objects: impl IntoIterator<Item = (String, Value)>) -> Vec<String> {
        self.api.make_all(objects.into_iter())
    }

    /// All objects of a list, such as `/api/v1/pods`, as the API server has them now, in one answer.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut list = self.api.expect(Method::GET, path, None);
        match list["items"].take() {
            Value::Array(items) => items,
            other => panic!("GET {path}: items is {other}"),
        }
    }

    /// How many objects are in a list.
    pub fn count(&self, path: &str) -> usize {
        let list = self.api.expect(Method::GET, &format!("{path}?limit=1"), None);
        let rest = list["metadata"]["remainingItemCount"].as_u64().unwrap_or_default();
        let first = list["items"].as_array().map_or(0, Vec::len);
        first + usize::try_from(rest).expect("a list fits into memory")
    }

    /// The object of this name in a namespace, from a list as [`Self::list`] takes it.
    pub fn object(&self, path: &str, namespace: &str, name: &str) -> Value {
        let found = self.list(path).into_iter().find(|object| {
            let metadata = &object["metadata"];
            metadata["namespace"] == *namespace && metadata["name"] == *name
        });
        found.unwrap_or_else(|| panic!("{path} has no {namespace}/{name}"))
    }

    /// Deletes an object at once, by its own path.
    pub fn delete(&self, path: &str) {
        self.api.expect(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), None);
    }
}
