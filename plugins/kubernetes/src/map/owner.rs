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
}

impl Owners {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers a controller that was listed.
    pub fn insert(&mut self, kind: &str, metadata: &Metadata<'_>) {
        let controller = controlling(&metadata.owner_references).map(|reference| {
            let OwnerReference { kind, name, uid, .. } = reference;
            Box::new(Reference {
                kind: (**kind).into(),
                name: (**name).into(),
                uid: (**uid).into(),
            })
        });
        let known = Known { kind: kind.into(), name: (*metadata.name).into(), controller };
        self.0.insert((*metadata.uid).into(), known);
    }

    /// The chain of controllers, from the one that these references name to the top. References
    /// without `controller: true` are none of it: they only say what an object goes with.
    ///
    /// It ends where nothing controls the last link; at an owner that was not listed, which is the
    /// last link as the reference names it; where it comes back to a link that it has; and after
    /// 32 links.
    pub fn chain(&self, references: &[OwnerReference<'_>]) -> Vec<Owner> {
        let mut chain: Vec<Owner> = Vec::new();
        let mut next = controlling(references).map(owner);
        while let Some(link) = next.take() {
            if chain.len() == MOST_LINKS || chain.iter().any(|other| other.uid == link.uid) {
                break;
            }
            let known = self.0.get(link.uid.as_str());
            next = known.and_then(|known| known.controller.as_deref()).map(|reference| Owner {
                kind: reference.kind.to_string(),
                name: reference.name.to_string(),
                uid: reference.uid.to_string(),
            });
            chain.push(match known {
                Some(Known { kind, name, .. }) => {
                    Owner { kind: kind.to_string(), name: name.to_string(), uid: link.uid }
                }
                None => link,
            });
        }
        chain
    }
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
