//! Fuzz targets for the responses of an API server.

use std::collections::HashMap;
use std::fmt::Debug;

use gatherer_plugin_support::http::{Exchange, Timeouts};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::page_parser;
use super::status::{StatusRefusal, Subject};
use crate::map::{self, Owners};
use crate::objects::Resource;
use crate::objects::kinds::{self, Listed};

pub use super::discovery::fuzz as discovery;

/// Fuzz target: a page of a list. The first byte selects the list.
pub fn page(input: &[u8]) {
    let Some((&selector, bytes)) = input.split_first() else { return };
    match selector % 8 {
        0 => parse::<kinds::NodeList>(bytes, &kinds::NODES, |node| {
            assert_round_trips(&map::host(node, true).host);
        }),
        1 => parse::<kinds::PodList>(bytes, &kinds::PODS, |pod| {
            let _ = map::uses(&pod, |_, _| true);
            let (pod, _) = map::pod(pod, &Owners::new(), &HashMap::<String, String>::new());
            assert_round_trips(&pod);
        }),
        2 => parse::<kinds::ControllerList>(bytes, &kinds::CONTROLLERS[0], |item| {
            assert_round_trips(&map::controller("Deployment", item).0);
        }),
        3 => {
            parse::<kinds::ServiceList>(bytes, &kinds::SERVICES, |item| {
                assert_round_trips(&map::service(item).0);
            });
        }
        4 => parse::<kinds::NamespaceList>(bytes, &kinds::NAMESPACES, |item| {
            assert_round_trips(&map::namespace(item).0);
        }),
        5 => parse::<kinds::ServiceAccountList>(bytes, &kinds::SERVICE_ACCOUNTS, |item| {
            assert_round_trips(&map::service_account(item));
        }),
        6 => parse::<kinds::KeyedObjectList>(bytes, &kinds::SECRETS, |item| {
            assert_round_trips(&map::secret(item));
        }),
        _ => {
            let mut machines = Resource::new(
                "VirtualMachineInstance",
                "a virtual machine instance",
                "virtualmachineinstances",
                "",
            );
            machines.api_version = "kubevirt.io/v1".into();
            parse::<kinds::VirtualMachineList>(bytes, &machines, |item| {
                assert_round_trips(&map::guest(item).1);
            });
        }
    }
}

/// Fuzz target: a response without status 200. The first two bytes are the status.
pub fn status(input: &[u8]) {
    let Some(([high, low], body)) = input.split_first_chunk::<2>() else { return };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes([*high, *low])) else { return };
    let exchange = Exchange::new("GET https://h/api/v1/nodes", true, Timeouts::default());
    for subject in [Subject::Discovery, Subject::List(&kinds::PODS)] {
        let refusal = StatusRefusal::new(&exchange, subject, status, &HeaderMap::new(), body);
        assert!(refusal.error.message.len() < 8192, "the message is too long");
        assert!(!refusal.missing || status == StatusCode::NOT_FOUND);
    }
}

/// Fails unless the runner parses the record's JSON to an equal value.
fn assert_round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(found: &T) {
    let json = serde_json::to_string(found).expect("the model can be written as JSON");
    let parsed: T = serde_json::from_str(&json).expect("the runner can parse it");
    assert_eq!(&parsed, found, "the JSON does not round-trip");
}

/// Parses a page, and passes each item to a function.
fn parse<L: Listed>(bytes: &[u8], resource: &Resource, mut take: impl FnMut(L::Item<'_>)) {
    let parsed = page_parser::parse::<L>(bytes, resource, "GET https://h/", |item| {
        let (name, uid) = L::identity(&item);
        assert!(!name.is_empty() && !uid.is_empty(), "an item has no name or no uid");
        take(item);
        Ok(())
    });
    if let Err(error) = parsed {
        assert!(error.message.len() < 4096, "{}", error.message);
    }
}
