//! The objects on the nodes of a cluster, written like controllers and kubelets do: [`load`] creates any number
//! of applications, [`cases`] creates one object per rule.

pub mod cases;
pub mod load;
mod objects;
mod readers;
pub mod virtual_machines;

pub use readers::READERS;

use http::Method;
use serde_json::Value;

use super::{ApiServer, Cluster};

/// Objects, each with the path of its list.
type PlannedObjects = Vec<(String, Value)>;

/// The number of pods of the shared cluster in addition to those of [`cases`]: two pages of 500.
pub const SHARED_PODS: usize = 600;

impl Cluster {
    /// Creates this number of pods, rounded up to a multiple of [`load::REPLICAS`], on the first `nodes`
    /// nodes, with their controllers, services, config maps and secrets: see [`load`].
    pub fn create_workloads(&self, pods: usize, nodes: usize) {
        self.create_workloads_from(0, pods, nodes);
    }

    /// Creates more pods when the cluster already has `first` of them.
    pub fn create_workloads_from(&self, first: usize, pods: usize, nodes: usize) {
        load::create(self, first, pods, nodes);
    }

    /// Creates the objects of [`cases`], users with limited rights and virtual machines. The first three nodes
    /// must exist. A new API server has only the objects of [`cases`].
    pub fn create_cases(&self) {
        cases::create(self);
        if ApiServer::selected() == ApiServer::Old {
            readers::create(self);
            virtual_machines::create(self);
        }
    }

    /// Creates each object and writes its status. Returns the UIDs in the order of the objects.
    fn create_all_with_status(
        &self,
        objects: impl IntoIterator<Item = (String, Value)>,
    ) -> Vec<String> {
        self.api.create_all_with_status(objects.into_iter())
    }

    /// All objects of a list, such as `/api/v1/pods`, read with one request.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut list = self.api.expect(Method::GET, path, None);
        match list["items"].take() {
            Value::Array(items) => items,
            other => panic!("GET {path}: items is {other}"),
        }
    }

    /// The number of objects in a list.
    pub fn count(&self, path: &str) -> usize {
        let list = self.api.expect(Method::GET, &format!("{path}?limit=1"), None);
        let rest = list["metadata"]["remainingItemCount"].as_u64().unwrap_or_default();
        let first = list["items"].as_array().map_or(0, Vec::len);
        first + usize::try_from(rest).expect("a list fits into memory")
    }

    /// One object of a list, such as `/api/v1/pods`, by namespace and name.
    pub fn object(&self, path: &str, namespace: &str, name: &str) -> Value {
        let found = self.list(path).into_iter().find(|object| {
            let metadata = &object["metadata"];
            metadata["namespace"] == *namespace && metadata["name"] == *name
        });
        found.unwrap_or_else(|| panic!("{path} has no {namespace}/{name}"))
    }

    /// Deletes an object by its path, without a grace period.
    pub fn delete(&self, path: &str) {
        self.api.expect(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), None);
    }
}
