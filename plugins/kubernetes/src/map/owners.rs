//! Which controller owns which: the chain of owners of a pod, from the lists of controllers only.

use std::collections::HashMap;

use gatherer_plugin_api::model::Owner;

use crate::objects::{ObjectMeta, OwnerReference};

/// The longest chain that is followed. Real chains have two or three links.
const MAX_LINKS: usize = 32;

/// Every controller that was listed, by its UID.
#[derive(Debug, Clone, Default)]
pub struct Owners(HashMap<Box<str>, ListedController>);

/// There can be as many of these as pods, so the controller's own owner is boxed: most have none.
#[derive(Debug, Clone)]
struct ListedController {
    kind: Box<str>,
    name: Box<str>,
    controller: Option<Box<ControllerReference>>,
}

#[derive(Debug, Clone)]
struct ControllerReference {
    kind: Box<str>,
    name: Box<str>,
    uid: Box<str>,
    is_listed: bool,
}

/// A controller that was listed, for [`Owners::insert`].
#[derive(Debug, Clone)]
pub struct OwnerEntry {
    uid: Box<str>,
    controller: ListedController,
}

impl OwnerEntry {
    /// The entry for a controller of this kind.
    pub fn new(kind: &str, metadata: &ObjectMeta<'_>) -> Self {
        let controller = controlling(&metadata.owner_references).map(|reference| {
            let OwnerReference { kind, name, uid, .. } = reference;
            Box::new(ControllerReference {
                kind: (**kind).into(),
                name: (**name).into(),
                uid: (**uid).into(),
                is_listed: is_listed(reference),
            })
        });
        let controller =
            ListedController { kind: kind.into(), name: (*metadata.name).into(), controller };
        Self { uid: (*metadata.uid).into(), controller }
    }
}

/// A link of a chain of owners.
struct Link<'l> {
    kind: &'l str,
    name: &'l str,
    uid: &'l str,
    /// Whether objects of its kind are listed, even if this one was not in the list.
    is_listed: bool,
}

impl Link<'_> {
    fn owner(&self) -> Owner {
        let text = str::to_owned;
        Owner { kind: text(self.kind), name: text(self.name), uid: text(self.uid) }
    }
}

impl Owners {
    /// Without any controller.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a controller that was listed.
    pub fn insert(&mut self, entry: OwnerEntry) {
        self.0.insert(entry.uid, entry.controller);
    }

    /// The chain of controllers, from the one in these references to the top. References without
    /// `controller: true` are skipped: they only decide when the object is garbage collected.
    ///
    /// The chain ends at a controller that no other one controls; at an owner that was not listed, which is
    /// included as its reference names it; before a link that it already contains; and after 32 links.
    pub fn chain(&self, references: &[OwnerReference<'_>]) -> Vec<Owner> {
        self.links(references).iter().map(Link::owner).collect()
    }

    /// The controllers of that chain whose kind is not listed: only such references mention them.
    pub fn unlisted(&self, references: &[OwnerReference<'_>]) -> Vec<Owner> {
        let links = self.links(references);
        links.iter().filter(|link| !link.is_listed).map(Link::owner).collect()
    }

    fn links<'l>(&'l self, references: &'l [OwnerReference<'_>]) -> Vec<Link<'l>> {
        let mut chain: Vec<Link<'_>> = Vec::new();
        let mut next = controlling(references).map(|reference| Link {
            kind: &reference.kind,
            name: &reference.name,
            uid: &reference.uid,
            is_listed: is_listed(reference),
        });
        while let Some(mut link) = next.take() {
            if chain.len() == MAX_LINKS || chain.iter().any(|other| other.uid == link.uid) {
                break;
            }
            if let Some(ListedController { kind, name, controller }) = self.0.get(link.uid) {
                link.kind = kind;
                link.name = name;
                next = controller.as_deref().map(|reference| Link {
                    kind: &reference.kind,
                    name: &reference.name,
                    uid: &reference.uid,
                    is_listed: reference.is_listed,
                });
            }
            chain.push(link);
        }
        chain
    }
}

/// Whether objects of the reference's kind are listed. The name of the kind is not enough: other API groups
/// define a `StatefulSet` and a `Job`, too.
fn is_listed(reference: &OwnerReference<'_>) -> bool {
    let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    matches!(
        (group, &*reference.kind),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job" | "CronJob")
            | ("", "ReplicationController")
    )
}

/// The reference to the object's controller. The API allows at most one.
pub(super) fn controlling<'r, 'a>(
    references: &'r [OwnerReference<'a>],
) -> Option<&'r OwnerReference<'a>> {
    references.iter().find(|reference| reference.controller)
}

pub(super) fn owner(reference: &OwnerReference<'_>) -> Owner {
    Owner {
        kind: reference.kind.to_string(),
        name: reference.name.to_string(),
        uid: reference.uid.to_string(),
    }
}
