//! The containers of a pod: each entry of the specification, joined with the status of the same name.

use std::collections::BTreeMap;

use gatherer_image_reference::{
    ImageId, ImageReference, ImageReferenceError, container_id, image_id,
};
use gatherer_plugin_api::model::{Container, ContainerKind, ContainerState, RequestedImage};

use crate::objects::{ContainerSpec, ContainerStatus, ContainerStatusState};

use super::fields::{in_range, non_blank};
use super::warnings::Problem;

/// Appends the containers of one kind in the order of the specification. A container without a status
/// has the fields of its specification only.
pub(super) fn append(
    kind: ContainerKind,
    specs: Vec<ContainerSpec<'_>>,
    statuses: Vec<ContainerStatus<'_>>,
    containers: &mut Vec<Container>,
    problems: &mut Vec<Problem>,
) {
    let mut by_name = BTreeMap::new();
    for status in statuses {
        by_name.entry(status.name.clone()).or_insert(status);
    }
    for spec in specs {
        let status = by_name.remove(&spec.name);
        containers.push(container(kind, &spec, status.as_ref(), problems));
    }
}

fn container(
    kind: ContainerKind,
    spec: &ContainerSpec<'_>,
    status: Option<&ContainerStatus<'_>>,
    problems: &mut Vec<Problem>,
) -> Container {
    // The API's name of a sidecar is "restartable init container".
    let is_sidecar = kind == ContainerKind::Init && &*spec.restart_policy == "Always";
    let kind = if is_sidecar { ContainerKind::Sidecar } else { kind };
    let mut container = Container { name: spec.name.to_string(), kind, ..Container::default() };
    let reported = status.and_then(|status| image(&status.image));
    // A runtime reports an image id in place of a name when the name has moved to another image.
    let has_moved = matches!(reported, Some((_, Err(ImageReferenceError::Id))));
    let (image, reference) = match reported {
        Some((image, Ok(reference))) => (Some(image), Some(reference)),
        Some((image, Err(_))) if !has_moved => (Some(image), None),
        _ => {
            let requested = image(&spec.image);
            let (requested, reference) =
                requested.map(|(image, parsed)| (image, parsed.ok())).unzip();
            (reported.map(|(image, _)| image).or(requested), reference.flatten())
        }
    };
    container.image = image;
    container.requested_image = requested_image(&spec.image);
    let mut pulled = ImageId::default();

    if let Some(status) = status {
        pulled = image_id(&status.image_id);
        container.image_id = non_blank(&status.image_id);
        let (runtime, id) = container_id(&status.container_id);
        container.runtime = runtime.map(str::to_owned);
        container.container_id = id.map(str::to_owned);
        container.state = Some(state(status.state));
        container.ready = status.ready;
        let field = || format!("container {:?}: restartCount", &*spec.name);
        container.restart_count = in_range(status.restart_count, field, problems);
    }

    container.image_config_digest = pulled.config_digest;
    container.image_digest = pulled.repo_digest;
    if let Some(reference) = reference {
        let tag = reference.tag_or_latest().filter(|_| !has_moved);
        container.image_tag = tag.map(str::to_owned);
        container.image_repository = Some(reference.repository());
        // A container whose image is named by digest can run no other image.
        container.image_digest = container.image_digest.or(reference.digest);
    } else {
        container.image_repository = pulled.repository;
    }
    container
}

/// The image that a specification names; `None` if the name is blank.
pub(super) fn requested_image(text: &str) -> Option<RequestedImage> {
    let (text, parsed) = image(text)?;
    let Ok(reference) = parsed else {
        return Some(RequestedImage { text, ..RequestedImage::default() });
    };
    Some(RequestedImage {
        text,
        repository: Some(reference.repository()),
        tag: reference.tag_or_latest().map(str::to_owned),
        digest: reference.digest,
    })
}

/// An image's name as it is written, and the same parsed; `None` if it is blank.
fn image(text: &str) -> Option<(String, Result<ImageReference, ImageReferenceError>)> {
    non_blank(text).map(|name| (name, text.parse()))
}

/// The state. The API reference defines an empty state as waiting.
fn state(state: ContainerStatusState) -> ContainerState {
    match state {
        ContainerStatusState { terminated: Some(_), .. } => ContainerState::Terminated,
        ContainerStatusState { running: Some(_), .. } => ContainerState::Running,
        _ => ContainerState::Waiting,
    }
}
