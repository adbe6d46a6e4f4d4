//! Tests of the state folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Guest, Host, Inventory, Pod,
};
use gatherer_plugin_api::{Collection, ErrorKind, GatherError};
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, StateFolder) {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = StateFolder::open(&parent.path().join("state")).expect("it can be created");
    (parent, folder)
}

fn answer(id: &str, guests: &[&str]) -> EndpointResult {
    let mut host = Host::new("h1", "host one");
    host.guests = guests.iter().map(|guest| Guest::new(*guest, *guest)).collect();
    let new = EndpointResult::new(id.to_owned(), Some("File".to_owned()), None);
    EndpointResult { status: EndpointStatus::Complete, hosts: vec![host], ..new }
}

fn pods(mut result: EndpointResult, pods: Option<&[&str]>) -> EndpointResult {
    let pod = |name: &&str| Pod { name: (*name).to_owned(), ..Pod::default() };
    result.workloads.pods = pods.unwrap_or_default().iter().map(pod).collect();
    let status = match pods {
        Some(_) => CollectionStatus { status: Completeness::Complete, error: None },
        None => CollectionStatus {
            status: Completeness::Failed,
            error: Some(GatherError::new(ErrorKind::Permission, "no")),
        },
    };
    result.collections.insert(Collection::Pods.as_str().to_owned(), status);
    result
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn the_last_answer_is_read_again_and_is_an_inventory() {
    let (_parent, folder) = folder();
    let locked = folder.lock("a/b").expect("a lock");
    assert_eq!(locked.last(), None);
    let first = answer("a/b", &["g1"]);
    assert!(locked.replace(&first, 1).expect("writable"));
    let second = answer("a/b", &["g1", "g2"]);
    assert!(locked.replace(&second, 2).expect("writable"));
    let kept = locked.kept().expect("an answer");
    assert_eq!((&kept.result, kept.state.round), (&second, 2));
    let path = folder.path().join("endpoints/%a%2fb.json");
    let text = whole_file::read(&path).expect("readable").expect("it exists");
    let inventory: Inventory = serde_json::from_slice(&text).expect("an inventory");
    assert_eq!(inventory.endpoints, [second]);
}

#[test]
fn only_the_owner_has_access() {
    let (_parent, folder) = folder();
    let locked = folder.lock("e").expect("a lock");
    locked.replace(&answer("e", &[]), 1).expect("writable");
    locked.record(&answer("e", &[]), None).expect("writable");
    for name in ["", "endpoints", "next", "status", "locks"] {
        assert_eq!(mode(&folder.path().join(name)), 0o700, "{name}");
    }
    for name in ["endpoints/e.json", "status/e.json", "locks/e"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    for inside in ["", "endpoints"] {
        let path = parent.path().join(format!("state-{inside}"));
        fs::create_dir_all(path.join(inside)).expect("writable");
        let permissions = fs::Permissions::from_mode(0o770);
        fs::set_permissions(path.join(inside), permissions).expect("its owner");
        let problem = StateFolder::open(&path).err().expect("refused").to_string();
        assert!(problem.contains("writable by others"), "{problem}");
    }
    let file = parent.path().join("file");
    fs::write(&file, "").expect("writable");
    assert!(StateFolder::open(&file).is_err());
}

#[test]
fn unreadable_state_starts_anew() {
    let (_parent, folder) = folder();
    let locked = folder.lock("e").expect("a lock");
    locked.replace(&answer("e", &["g"]), 7).expect("writable");
    locked.record(&answer("e", &["g"]), None).expect("writable");
    let epoch = locked.status().epoch;
    for text in ["", "{", "null", r#"{"endpoints": []}"#] {
        fs::write(folder.path().join("endpoints/e.json"), text).expect("writable");
        fs::write(folder.path().join("status/e.json"), text).expect("writable");
        assert_eq!(locked.last(), None, "{text}");
        assert_eq!(locked.status().round, 0, "{text}");
        assert_ne!(locked.status().epoch, epoch, "{text}");
    }
    assert!(locked.replace(&answer("e", &["g"]), 8).expect("writable"));
    assert_eq!(locked.kept().expect("an answer").state.round, 8);
}

#[test]
fn an_answer_of_another_endpoint_is_not_used() {
    let (_parent, folder) = folder();
    folder.lock("e").expect("a lock").replace(&answer("e", &[]), 1).expect("writable");
    let endpoints = folder.path().join("endpoints");
    fs::copy(endpoints.join("e.json"), endpoints.join("f.json")).expect("a copy");
    assert_eq!(folder.lock("f").expect("a lock").last(), None);
}

#[test]
fn incomplete_collections_keep_their_last_items() {
    let (_parent, folder) = folder();
    let locked = folder.lock("e").expect("a lock");
    locked.replace(&pods(answer("e", &["g1"]), Some(&["p1", "p2"])), 1).expect("writable");
    locked.replace(&pods(answer("e", &["g2"]), None), 2).expect("writable");
    assert_eq!(locked.last(), Some(pods(answer("e", &["g2"]), Some(&["p1", "p2"]))));
    locked.replace(&answer("e", &["g3"]), 3).expect("writable");
    assert_eq!(locked.last(), Some(pods(answer("e", &["g3"]), Some(&["p1", "p2"]))));
    locked.replace(&pods(answer("e", &["g3"]), Some(&[])), 4).expect("writable");
    assert_eq!(locked.last(), Some(pods(answer("e", &["g3"]), Some(&[]))));
}

#[test]
fn a_prepared_answer_becomes_the_last_one_when_it_is_committed() {
    let (_parent, folder) = folder();
    let locked = folder.lock("e").expect("a lock");
    locked.replace(&answer("e", &["g1"]), 1).expect("writable");
    let state = AnswerState { round: 2, ..locked.kept().expect("an answer").state };
    let next = KeptAnswer { result: answer("e", &["g2"]), state };
    locked.prepare(&next).expect("writable");
    assert_eq!(locked.last(), Some(answer("e", &["g1"])));
    assert_eq!(locked.next(), Some(next.clone()));
    locked.commit().expect("writable");
    assert_eq!((locked.kept(), locked.next()), (Some(next), None));
}

#[test]
fn a_run_does_not_replace_answers_in_a_folder_of_watch() {
    let (parent, folder) = folder();
    let path = parent.path().join("state");
    folder.lock("e").expect("a lock").replace(&answer("e", &["g1"]), 1).expect("writable");
    let watched = StateFolder::open_for_watch(&path, &()).expect("free");
    assert!(StateFolder::open_for_watch(&path, &()).is_err());
    assert!(!folder.lock("e").expect("a lock").replace(&answer("e", &[]), 2).expect("writable"));
    drop(watched);
    assert!(!folder.lock("e").expect("a lock").replace(&answer("e", &[]), 2).expect("writable"));
    assert_eq!(folder.lock("e").expect("a lock").last(), Some(answer("e", &["g1"])));
    let watched = StateFolder::open_for_watch(&path, &()).expect("free again");
    assert!(watched.lock("e").expect("a lock").replace(&answer("e", &[]), 2).expect("writable"));
}

#[test]
fn the_status_has_the_last_success_and_the_last_failure() {
    let (_parent, folder) = folder();
    let locked = folder.lock("e").expect("a lock");
    let failed = EndpointResult {
        error: Some(GatherError::new(ErrorKind::Timeout, "late").with_hint("wait")),
        ..EndpointResult::new("e".to_owned(), Some("File".to_owned()), None)
    };
    locked.record(&pods(answer("e", &["g1", "g2"]), Some(&["p"])), None).expect("writable");
    locked.record(&failed, None).expect("writable");
    let since = locked.status().failing_since;
    assert!(since.is_some());
    locked.record(&failed, None).expect("writable");
    let [status] =
        <[StatusRecord; 1]>::try_from(folder.statuses().expect("readable")).expect("one endpoint");
    assert_eq!((status.round, status.successes, status.failures["timeout"]), (3, 1, 2));
    assert_eq!(status.failing_since, since);
    let success = status.last_success.expect("a success");
    assert_eq!((success.counts["hosts"], success.counts["guests"]), (1, 2));
    assert_eq!(success.counts["pods"], 1);
    let failure = status.last_failure.expect("a failure");
    assert_eq!((failure.kind.as_str(), failure.hint.as_deref()), ("timeout", Some("wait")));
    locked.record(&answer("e", &[]), None).expect("writable");
    assert_eq!(locked.status().failing_since, None);
}

#[test]
fn a_missing_folder_is_not_created_to_be_read() {
    let parent = tempfile::tempdir().expect("a folder");
    let path = parent.path().join("missing");
    assert!(StateFolder::open_existing(&path).is_err());
    assert!(StateFolder::open_existing(parent.path()).is_err());
    assert!(!path.exists());
}
