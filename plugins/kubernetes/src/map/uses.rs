//! Which config maps and secrets a pod uses, and where.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{PodReference, Use};

use crate::objects::{ContainerSpec, Pod, Volume, VolumeMount};

use super::known;

/// What is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A config map.
    ConfigMap,
    /// A secret.
    Secret,
}

/// How many uses one pod may make. Its whole text has 1.5 MiB at most in a cluster, and every mount of
/// a volume may be of a thousand sources.
const MOST_USES: usize = 10_000;

/// A pod uses more than are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Every use that a pod makes of a config map or a secret of its namespace that is `listed`: what it
/// is, its name, and where. Volumes come first, then each container's environment, then the secrets
/// that images are pulled with. A volume that no container mounts is used by the pod as a whole.
pub fn uses(
    pod: &Pod<'_>,
    listed: impl Fn(Source, &str) -> bool,
) -> Result<Vec<(Source, String, Use)>, TooMany> {
    let mut found = Found { pod, listed, mounts: BTreeMap::new(), uses: Vec::new() };
    for container in containers(pod) {
        for mount in &container.volume_mounts {
            found.mounts.entry(&mount.name).or_default().push((container, mount));
        }
    }
    for volume in &pod.spec.volumes {
        found.volume(volume)?;
    }
    for container in containers(pod) {
        found.environment(container)?;
    }
    for secret in &pod.spec.image_pull_secrets {
        found.push(Source::Secret, &secret.name, Use::default)?;
    }
    Ok(found.uses)
}

fn containers<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = &'p ContainerSpec<'a>> {
    let spec = &pod.spec;
    spec.init_containers.iter().chain(&spec.containers).chain(&spec.ephemeral_containers)
}

/// A container and how it mounts a volume.
type Mount<'p, 'a> = (&'p ContainerSpec<'a>, &'p VolumeMount<'a>);

struct Found<'p, 'a, L> {
    pod: &'p Pod<'a>,
    listed: L,
    /// By the names of the volumes.
    mounts: BTreeMap<&'p str, Vec<Mount<'p, 'a>>>,
    uses: Vec<(Source, String, Use)>,
}

impl<'p, L: Fn(Source, &str) -> bool> Found<'p, '_, L> {
    fn push(
        &mut self,
        source: Source,
        name: &str,
        place: impl FnOnce() -> Use,
    ) -> Result<(), TooMany> {
        if !(self.listed)(source, name) {
            return Ok(());
        }
        if self.uses.len() == MOST_USES {
            return Err(TooMany);
        }
        let metadata = &self.pod.metadata;
        let pod = PodReference { name: metadata.name.to_string(), uid: metadata.uid.to_string() };
        self.uses.push((source, name.to_owned(), Use { pod, ..place() }));
        Ok(())
    }

    fn volume(&mut self, volume: &'p Volume<'_>) -> Result<(), TooMany> {
        let mut sources = sources(volume);
        sources.retain(|(source, name)| (self.listed)(*source, name));
        if sources.is_empty() {
            return Ok(());
        }
        let mounts = self.mounts.get(&*volume.name).cloned().unwrap_or_default();
        for (container, mount) in &mounts {
            let place = || Use {
                container: known(&container.name),
                mount_path: known(&mount.mount_path),
                sub_path: known(&mount.sub_path).or_else(|| known(&mount.sub_path_expr)),
                ..Use::default()
            };
            sources.iter().try_for_each(|(source, name)| self.push(*source, name, place))?;
        }
        if mounts.is_empty() {
            sources.iter().try_for_each(|(source, name)| self.push(*source, name, Use::default))?;
        }
        Ok(())
    }

    fn environment(&mut self, container: &ContainerSpec<'_>) -> Result<(), TooMany> {
        let place = |variable: &str| Use {
            container: known(&container.name),
            env: known(variable),
            ..Use::default()
        };
        for variable in &container.env {
            let from = &variable.value_from;
            for (source, named) in [
                (Source::ConfigMap, &from.config_map_key_ref),
                (Source::Secret, &from.secret_key_ref),
            ] {
                if !named.name.is_empty() {
                    self.push(source, &named.name, || place(&variable.name))?;
                }
            }
        }
        for from in &container.env_from {
            for (source, named) in
                [(Source::ConfigMap, &from.config_map_ref), (Source::Secret, &from.secret_ref)]
            {
                if !named.name.is_empty() {
                    self.push(source, &named.name, || place("*"))?;
                }
            }
        }
        Ok(())
    }
}

/// What a volume has keys of, each once: a projected volume may name one several times.
fn sources<'v>(volume: &'v Volume<'_>) -> BTreeSet<(Source, &'v str)> {
    let own = [
        (Source::Secret, &*volume.secret.secret_name),
        (Source::ConfigMap, &*volume.config_map.name),
    ];
    let projected = volume.projected.sources.iter().flat_map(|one| {
        [(Source::Secret, &*one.secret.name), (Source::ConfigMap, &*one.config_map.name)]
    });
    let logins = volume.logins().map(|name| (Source::Secret, name));
    own.into_iter().chain(projected).chain(logins).filter(|(_, name)| !name.is_empty()).collect()
}
