//! What controls what: the chain of owners of a pod, from the lists of controllers alone.

use std::collections::HashMap;

use gatherer_plugin_api::model::Owner;

use crate::objects::{Metadata, OwnerReference};

/// How long a chain may be. Real ones have two or three links.
const MOST_LINKS: usize = 32;

/// Every controller that was listed, by UID.
#[derive(Debug, Clone, Default)]
pub struct Owners(HashMap<Box<str>, Known>);

/// There may be as many of these as pods: an owner of its own takes room only where there is one.
#[derive(Debug, Clone)]
struct Known {
    kind: Box<str>,
    name: Box<str>,
    controller: Option<Box<Reference>>,
}

#[derive(Debug, Clone)]
struct Reference {
    kind: Box<str>,
    name: Box<str>,
    uid: Box<str>,
    is_listed: bool,
}

/// A controller, to be remembered.
#[derive(Debug, Clone)]
pub struct Entry(Box<str>, Known);

impl Entry {
    /// Of the controller of this kind.
    pub fn new(kind: &str, metadata: &Metadata<'_>) -> Self {
        let controller = controlling(&metadata.owner_references).map(|reference| {
            let OwnerReference { kind, name, uid, .. } = reference;
            Box::new(Reference {
                kind: (**kind).into(),
                name: (**name).into(),
                uid: (**uid).into(),
                is_listed: is_listed(reference),
            })
        });
        let known = Known { kind: kind.into(), name: (*metadata.name).into(), controller };
        Self((*metadata.uid).into(), known)
    }
}

/// A link of a chain of owners.
struct Link<'l> {
    kind: &'l str,
    name: &'l str,
    uid: &'l str,
    /// Whether it is of a kind that is listed, whether it was found in its list or not.
    is_listed: bool,
}

impl Link<'_> {
    fn owner(&self) -> Owner {
        let text = str::to_owned;
        Owner { kind: text(self.kind), name: text(self.name), uid: text(self.uid) }
    }
}

impl Owners {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers a controller that was listed.
    pub fn insert(&mut self, Entry(uid, known): Entry) {
        self.0.insert(uid, known);
    }

    /// The chain of controllers, from the one that these references name to the top. References
    /// without `controller: true` are none of it: they only say what an object goes with.
    ///
    /// It ends where nothing controls the last link; at an owner that was not listed, which is the
    /// last link as the reference names it; where it comes back to a link that it has; and after
    /// 32 links.
    pub fn chain(&self, references: &[OwnerReference<'_>]) -> Vec<Owner> {
        self.links(references).iter().map(Link::owner).collect()
    }

    /// The controllers of that chain whose kind is in no list: they are known from here alone.
    pub fn others(&self, references: &[OwnerReference<'_>]) -> Vec<Owner> {
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
            if chain.len() == MOST_LINKS || chain.iter().any(|other| other.uid == link.uid) {
                break;
            }
            if let Some(Known { kind, name, controller }) = self.0.get(link.uid) {
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

/// Whether what the reference names is in one of the lists that are read: a kind's name alone says
/// little, others have a `StatefulSet` and a `Job` of their own.
fn is_listed(reference: &OwnerReference<'_>) -> bool {
    let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    matches!(
        (group, &*reference.kind),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job" | "CronJob")
            | ("", "ReplicationController")
    )
}

/// The reference to what manages the object. The API allows one at most.
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
