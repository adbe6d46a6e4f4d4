//! The places of hosts and guests: datacenters, clusters and folders, by the chain of their parents.

use std::collections::HashMap;

use gatherer_plugin_api::model::Location;

/// The most parents of an object. vCenter allows fewer; a chain may have no end in a broken answer.
const MAX_PARENTS: usize = 100;

/// A datacenter, cluster or folder.
#[derive(Debug, Clone)]
pub struct Place {
    /// The type.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The id of the place that contains it.
    pub parent: Option<String>,
}

/// All places by their ids.
#[derive(Debug, Default)]
pub struct Places {
    places: HashMap<String, Place>,
}

impl Places {
    /// Adds a place.
    pub fn add(&mut self, id: String, place: Place) {
        self.places.insert(id, place);
    }

    /// The location of an object with this parent. A datacenter's own folders for hosts and for machines are not part of
    /// the folder's path.
    pub fn location(&self, parent: Option<&str>) -> Location {
        let mut location = Location::default();
        let mut folders = Vec::new();
        let mut next = parent;
        for _ in 0..MAX_PARENTS {
            let Some(place) = next.and_then(|id| self.places.get(id)) else { break };
            match place.kind.as_str() {
                "ClusterComputeResource" => location.cluster = Some(place.name.clone()),
                "Datacenter" => {
                    location.datacenter = Some(place.name.clone());
                    folders.pop();
                    break;
                }
                "Folder" => folders.push(place.name.as_str()),
                _ => {}
            }
            next = place.parent.as_deref();
        }
        if location.datacenter.is_some() && !folders.is_empty() {
            folders.reverse();
            location.folder = Some(folders.join("/"));
        }
        location
    }
}
