//! The containers of a pod: what its specification asks for, joined with what its kubelet says.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::image::{
    ImageId, ImageReference, ImageReferenceError, container_id, image_id,
};
use gatherer_plugin_api::model::{Container, ContainerKind, ContainerState};

use crate::objects::{ContainerSpec, ContainerStatus, ContainerStatusState};

use super::known;
use super::small::fitting;

/// Appends the containers of one kind in the specification's order, each with the status of its
/// name. One without is reported with what the specification says.
pub(super) fn joined(
    kind: ContainerKind,
    wanted: Vec<ContainerSpec<'_>>,
    seen: Vec<ContainerStatus<'_>>,
    containers: &mut Vec<Container>,
    warnings: &mut Vec<String>,
) {
    let mut by_name = BTreeMap::new();
    for status in seen {
        by_name.entry(status.name.clone()).or_insert(status);
    }
    containers.extend(
        wanted.into_iter().map(|wanted| {
            container(kind, &wanted, by_name.remove(&wanted.name).as_ref(), warnings)
        }),
    );
}

fn container(
    kind: ContainerKind,
    wanted: &ContainerSpec<'_>,
    status: Option<&ContainerStatus<'_>>,
    warnings: &mut Vec<String>,
) -> Container {
    let mut container = Container { name: wanted.name.to_string(), kind, ..Container::default() };
    let said = status.and_then(|status| image(&status.image));
    // A runtime says an id, and no name, where the name has moved on to another image.
    let has_moved = matches!(said, Some((_, Err(ImageReferenceError::Id))));
    let (image, reference) = match said {
        Some((image, Ok(reference))) => (Some(image), Some(reference)),
        Some((image, Err(_))) if !has_moved => (Some(image), None),
        _ => {
            let asked = image(&wanted.image);
            let (asked, reference) = asked.map(|(image, read)| (image, read.ok())).unzip();
            (said.map(|(image, _)| image).or(asked), reference.flatten())
        }
    };
    container.image = image;
    let mut pulled = ImageId::default();

    if let Some(status) = status {
        pulled = image_id(&status.image_id);
        container.image_id = known(&status.image_id);
        let (runtime, id) = container_id(&status.container_id);
        container.runtime = runtime.map(str::to_owned);
        container.container_id = id.map(str::to_owned);
        container.state = Some(state(status.state));
        container.ready = status.ready;
        let what = || format!("the restartCount of its container {:?}", &*wanted.name);
        container.restart_count = fitting(status.restart_count, what, warnings);
    }

    container.image_config_digest = pulled.config_digest;
    container.image_digest = pulled.repo_digest;
    if let Some(reference) = reference {
        let tag = reference.tag_or_latest().filter(|_| !has_moved);
        container.image_tag = tag.map(str::to_owned);
        container.image_repository = Some(reference.repository());
        // Of an image that is named by its digest no other one can run.
        container.image_digest = container.image_digest.or(reference.digest);
    } else {
        container.image_repository = pulled.repository;
    }
    container
}

/// An image's name as it is written, and as it reads.
fn image(text: &str) -> Option<(String, Result<ImageReference, ImageReferenceError>)> {
    known(text).map(|name| (name, text.parse()))
}

/// The API's rule: of what says nothing else, that it waits.
fn state(state: ContainerStatusState) -> ContainerState {
    match state {
        ContainerStatusState { terminated: Some(_), .. } => ContainerState::Terminated,
        ContainerStatusState { running: Some(_), .. } => ContainerState::Running,
        _ => ContainerState::Waiting,
    }
}
