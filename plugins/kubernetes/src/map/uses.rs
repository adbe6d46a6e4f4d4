//! Which config maps and secrets a pod uses, and where.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{PodReference, Use};

use crate::objects::{ContainerSpec, Pod, Volume, VolumeMount};

use super::fields::non_blank;

/// Whether an object with keys is a config map or a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyedKind {
    /// A config map.
    ConfigMap,
    /// A secret.
    Secret,
}

/// The use of a config map or a secret by a pod: its kind, its name, and where the pod uses it.
pub type ObjectUse = (KeyedKind, String, Use);

/// The most uses of one pod. A pod has at most 1.5 MiB in a cluster, but each of its mounts can be of a volume
/// with a thousand sources.
const MAX_USES: usize = 10_000;

/// A pod has more than `MAX_USES` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyUses;

/// Every use that a pod makes of the config maps and secrets of its namespace for which `is_listed` is true.
/// Volumes come first, then the environment of each container, then the secrets for pulling images.
/// A volume that no container mounts is a use by the pod as a whole.
pub fn uses(
    pod: &Pod<'_>,
    is_listed: impl Fn(KeyedKind, &str) -> bool,
) -> Result<Vec<ObjectUse>, TooManyUses> {
    let mut collector = UseCollector { pod, is_listed, mounts: BTreeMap::new(), uses: Vec::new() };
    for container in containers(pod) {
        for mount in &container.volume_mounts {
            collector.mounts.entry(&mount.name).or_default().push((container, mount));
        }
    }
    for volume in &pod.spec.volumes {
        collector.add_volume(volume)?;
    }
    for container in containers(pod) {
        collector.add_environment(container)?;
    }
    for secret in &pod.spec.image_pull_secrets {
        collector.add(KeyedKind::Secret, &secret.name, Use::default)?;
    }
    Ok(collector.uses)
}

fn containers<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = &'p ContainerSpec<'a>> {
    let spec = &pod.spec;
    spec.init_containers.iter().chain(&spec.containers).chain(&spec.ephemeral_containers)
}

/// A container and one of its mounts.
type ContainerMount<'p, 'a> = (&'p ContainerSpec<'a>, &'p VolumeMount<'a>);

struct UseCollector<'p, 'a, L> {
    pod: &'p Pod<'a>,
    is_listed: L,
    /// The mounts of each volume, by the volume's name.
    mounts: BTreeMap<&'p str, Vec<ContainerMount<'p, 'a>>>,
    uses: Vec<ObjectUse>,
}

impl<'p, L: Fn(KeyedKind, &str) -> bool> UseCollector<'p, '_, L> {
    fn add(
        &mut self,
        kind: KeyedKind,
        name: &str,
        place: impl FnOnce() -> Use,
    ) -> Result<(), TooManyUses> {
        if !(self.is_listed)(kind, name) {
            return Ok(());
        }
        if self.uses.len() == MAX_USES {
            return Err(TooManyUses);
        }
        let metadata = &self.pod.metadata;
        let pod = PodReference { name: metadata.name.to_string(), uid: metadata.uid.to_string() };
        self.uses.push((kind, name.to_owned(), Use { pod, ..place() }));
        Ok(())
    }

    fn add_volume(&mut self, volume: &'p Volume<'_>) -> Result<(), TooManyUses> {
        let mut sources = sources(volume);
        sources.retain(|(kind, name)| (self.is_listed)(*kind, name));
        if sources.is_empty() {
            return Ok(());
        }
        let mounts = self.mounts.get(&*volume.name).cloned().unwrap_or_default();
        for (container, mount) in &mounts {
            let place = || Use {
                container: non_blank(&container.name),
                mount_path: non_blank(&mount.mount_path),
                sub_path: non_blank(&mount.sub_path).or_else(|| non_blank(&mount.sub_path_expr)),
                ..Use::default()
            };
            sources.iter().try_for_each(|(kind, name)| self.add(*kind, name, place))?;
        }
        if mounts.is_empty() {
            sources.iter().try_for_each(|(kind, name)| self.add(*kind, name, Use::default))?;
        }
        Ok(())
    }

    fn add_environment(&mut self, container: &ContainerSpec<'_>) -> Result<(), TooManyUses> {
        let place = |variable: &str| Use {
            container: non_blank(&container.name),
            env: non_blank(variable),
            ..Use::default()
        };
        for variable in &container.env {
            let from = &variable.value_from;
            for (kind, reference) in [
                (KeyedKind::ConfigMap, &from.config_map_key_ref),
                (KeyedKind::Secret, &from.secret_key_ref),
            ] {
                if !reference.name.is_empty() {
                    self.add(kind, &reference.name, || place(&variable.name))?;
                }
            }
        }
        for from in &container.env_from {
            for (kind, reference) in [
                (KeyedKind::ConfigMap, &from.config_map_ref),
                (KeyedKind::Secret, &from.secret_ref),
            ] {
                if !reference.name.is_empty() {
                    self.add(kind, &reference.name, || place("*"))?;
                }
            }
        }
        Ok(())
    }
}

/// The config maps and secrets of a volume, without duplicates: a projected volume may name one several times.
fn sources<'v>(volume: &'v Volume<'_>) -> BTreeSet<(KeyedKind, &'v str)> {
    let direct = [
        (KeyedKind::Secret, &*volume.secret.secret_name),
        (KeyedKind::ConfigMap, &*volume.config_map.name),
    ];
    let projected = volume.projected.sources.iter().flat_map(|one| {
        [(KeyedKind::Secret, &*one.secret.name), (KeyedKind::ConfigMap, &*one.config_map.name)]
    });
    let logins = volume.login_secrets().map(|name| (KeyedKind::Secret, name));
    let all = direct.into_iter().chain(projected).chain(logins);
    all.filter(|(_, name)| !name.is_empty()).collect()
}
