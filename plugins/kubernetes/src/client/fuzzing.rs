//! Fuzz targets: what an API server answers.

use std::collections::HashMap;
use std::fmt::Debug;
use std::marker::PhantomData;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_support::http::{Limits, Place};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::document::{self, Head};
use super::resource::{Listed, Resource};
use super::status::{Refusal, Subject};
use crate::collect::collected_resources as lists;
use crate::map::{self, Owners};
use crate::objects::node::NodeList;

pub use super::discovery::fuzz as discovery;

/// A page of a list. The first byte says of which.
pub fn page(input: &[u8]) {
    let Some((&which, bytes)) = input.split_first() else { return };
    match which % 8 {
        0 => read::<NodeList>(bytes, &Resource::nodes(), |node| crosses(&map::host(node).host)),
        1 => read::<lists::PodList>(bytes, &lists::PODS, |pod| {
            let _ = map::uses(&pod, |_, _| true);
            let (pod, _) = map::pod(pod, &Owners::new(), &HashMap::<String, String>::new());
            crosses(&pod);
        }),
        2 => read::<lists::ControllerList>(bytes, &lists::CONTROLLERS[0], |item| {
            crosses(&map::controller("Deployment", item).0);
        }),
        3 => {
            read::<lists::ServiceList>(bytes, &lists::SERVICES, |item| {
                crosses(&map::service(item).0);
            });
        }
        4 => read::<lists::NamespaceList>(bytes, &lists::NAMESPACES, |item| {
            crosses(&map::namespace(item).0);
        }),
        5 => read::<lists::ServiceAccountList>(bytes, &lists::SERVICE_ACCOUNTS, |item| {
            crosses(&map::service_account(item));
        }),
        6 => read::<lists::KeyedObjectList>(bytes, &lists::SECRETS, |item| {
            crosses(&map::secret(item));
        }),
        _ => {
            let mut machines = Resource::new(
                "VirtualMachineInstance",
                "a virtual machine instance",
                "virtualmachineinstances",
                "",
            );
            machines.api_version = "kubevirt.io/v1".into();
            read::<lists::VirtualMachineList>(bytes, &machines, |item| {
                crosses(&map::guest(item).1);
            });
        }
    }
}

/// What an API server says where it does not say 200. The first two bytes are the status.
pub fn status(input: &[u8]) {
    let Some(([high, low], body)) = input.split_first_chunk::<2>() else { return };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes([*high, *low])) else { return };
    let place = Place::new("GET https://h/api/v1/nodes", true, Limits::default());
    for subject in [Subject::Discovery, Subject::List(&lists::PODS)] {
        let refusal = Refusal::new(&place, subject, status, &HeaderMap::new(), body);
        assert!(refusal.error.message.len() < 8192, "an endless sentence");
        assert!(!refusal.missing || status == StatusCode::NOT_FOUND);
    }
}

/// Fails unless the runner reads this as it is.
fn crosses<T: Serialize + DeserializeOwned + PartialEq + Debug>(found: &T) {
    let json = serde_json::to_string(found).expect("the model is JSON");
    let again: T = serde_json::from_str(&json).expect("the runner reads it");
    assert_eq!(&again, found, "it crosses as it is");
}

/// Reads a page, and compares what it says of the next one with what was seen at a glance.
fn read<L: Listed>(bytes: &[u8], resource: &Resource, take: impl FnMut(L::Item<'_>)) {
    let mut reader = Reader::<L, _> { begun: false, take, list: PhantomData };
    let glance = document::next_at_a_glance(bytes);
    match document::read(bytes, resource, "GET https://h/", &mut reader) {
        Ok(head) => {
            assert!(reader.begun, "the head comes before the end");
            if let Some(glance) = glance {
                assert_eq!(Some(glance), head.next, "the next page is another one");
            }
        }
        Err(error) => assert!(error.message.len() < 4096, "{}", error.message),
    }
}

/// Takes the items of a page.
struct Reader<L, F> {
    begun: bool,
    take: F,
    list: PhantomData<L>,
}

impl<L: Listed, F: FnMut(L::Item<'_>)> document::Reader for Reader<L, F> {
    type Stop = GatherError;
    type Listed = L;

    fn begin(&mut self, _: &Head) -> Result<(), GatherError> {
        assert!(!self.begun, "the head comes once");
        self.begun = true;
        Ok(())
    }

    fn take(&mut self, item: L::Item<'_>) -> Result<(), GatherError> {
        assert!(self.begun, "the head comes first");
        let (name, uid) = L::identity(&item);
        assert!(!name.is_empty() && !uid.is_empty(), "an item has a name and a uid");
        (self.take)(item);
        Ok(())
    }
}
