//! Whatever files the endpoints of an inventory are divided into, merging gives the same bytes again.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    EndpointResult, EndpointRun, EndpointStatus, Guest, Host, Inventory, RunInfo, Shard, Timestamp,
    Warning,
};
use proptest::prelude::*;

use super::combine::combine;
use super::files::Source;
use crate::commands::inventory_document;
use crate::output::format::document_text;
use crate::output::{inventory, links};

/// A few UUIDs, of which one is a placeholder, so that machines of several endpoints have the same one.
fn uuid() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("00000000-0000-0000-0000-000000000000".to_owned()),
        (1..4_u8).prop_map(|number| format!("4c4c4544-0042-3510-8051-b4c04f4d31{number:02}")),
    ]
}

fn host() -> impl Strategy<Value = Host> {
    let guests = prop::collection::vec((uuid(), "[ab]"), 0..3);
    (uuid(), "[hi]", guests, any::<bool>()).prop_map(|(id, name, guests, is_node)| {
        let guest =
            |(id, name): (String, String)| Guest { uuid: Some(id.clone()), ..Guest::new(id, name) };
        let mut host =
            Host { guests: guests.into_iter().map(guest).collect(), ..Host::new(id.clone(), name) };
        if is_node {
            host.identifiers.system_uuid = Some(id);
        }
        host
    })
}

fn endpoint(id: String) -> impl Strategy<Value = EndpointResult> {
    let own = prop::collection::vec(("[hi]", "[xy]"), 0..2);
    (prop::collection::vec(host(), 0..3), own, 0..4_u8).prop_map(move |(hosts, own, kind)| {
        let mut result = EndpointResult::new(id.clone(), Some("File".to_owned()), None);
        result.run = Some(EndpointRun {
            started_at: Timestamp::UNIX_EPOCH,
            duration_ms: 1,
            retries: None,
            expiries: Vec::new(),
        });
        result.warnings =
            own.into_iter().map(|(object, message)| Warning { object, message }).collect();
        if kind == 0 {
            result.error = Some(GatherError::configuration("no"));
        } else {
            (result.status, result.hosts) = (EndpointStatus::Complete, hosts);
            inventory::warn_of_shared_ids(&mut result);
        }
        result
    })
}

/// Endpoints, each with the number of the file that it is in. One id may be that of two endpoints of a file.
fn divided() -> impl Strategy<Value = Vec<(EndpointResult, usize)>> {
    let endpoints = prop::collection::btree_set("[a-f]{1,2}", 0..7).prop_flat_map(|ids| {
        ids.into_iter().map(|id| (endpoint(id), 0..4_usize)).collect::<Vec<_>>()
    });
    (endpoints, any::<bool>()).prop_map(|(mut endpoints, repeats)| {
        if repeats && let Some(first) = endpoints.first().cloned() {
            endpoints.push(first);
        }
        endpoints
    })
}

fn run_info() -> RunInfo {
    RunInfo { started_at: Timestamp::UNIX_EPOCH, finished_at: Timestamp::UNIX_EPOCH }
}

/// The document of a run with these endpoints.
fn document(endpoints: Vec<EndpointResult>, shard: Option<Shard>) -> String {
    let mut inventory: Inventory = inventory::assemble(endpoints, Some(run_info()));
    inventory.shard = shard;
    if links::can_be_found(&inventory) {
        links::add_links(&mut inventory);
    }
    document_text(&inventory)
}

/// The document of merging documents.
fn merged(documents: &[String]) -> String {
    let source = |(number, text): (usize, &String)| Source {
        name: format!("{number}.json"),
        inventory: inventory_document::read(text.as_bytes()).expect("an inventory"),
    };
    let sources = documents.iter().enumerate().map(source).collect();
    let combined = combine(sources).expect("no contradiction");
    let run = combined.run.or_else(|| documents.is_empty().then(run_info));
    let mut inventory = inventory::assemble(combined.endpoints, run);
    links::add_links(&mut inventory);
    document_text(&inventory)
}

proptest! {
    #[test]
    fn merging_any_division_in_any_order_gives_the_inventory(
        endpoints in divided(),
        are_shards in any::<bool>(),
        order in Just((0..4).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let all: Vec<_> = endpoints.iter().map(|(endpoint, _)| endpoint.clone()).collect();
        let expected = document(all, None);
        let file = |number: usize| {
            let own = endpoints.iter().filter(|(_, file)| *file == number);
            let own = own.map(|(endpoint, _)| endpoint.clone()).collect();
            let index = u32::try_from(number).expect("a small number");
            document(own, are_shards.then_some(Shard { index, count: 4 }))
        };
        let documents: Vec<String> = order.iter().map(|number| file(*number)).collect();
        let whole = merged(&documents);
        prop_assert_eq!(&whole, &expected);
        // A merged document can be merged again: alone, with itself, and after two halves were merged.
        prop_assert_eq!(merged(std::slice::from_ref(&whole)), expected.clone());
        prop_assert_eq!(merged(&[whole.clone(), whole]), expected.clone());
        let halves = [merged(&documents[..1]), merged(&documents[1..])];
        prop_assert_eq!(merged(&halves), expected);
    }
}
