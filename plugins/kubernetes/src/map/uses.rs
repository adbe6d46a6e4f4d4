//! Which config maps and secrets a pod uses, and where.

use std::collections::BTreeSet;

use gatherer_plugin_api::model::{PodReference, Use};

use crate::objects::{ContainerSpec, Pod, Volume};

use super::known;

/// What is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A config map.
    ConfigMap,
    /// A secret.
    Secret,
}

/// Every use that a pod makes of a config map or a secret of its namespace: what it is, its name,
/// and where. Volumes come first, then each container's environment, then the secrets that images
/// are pulled with. A volume that no container mounts is used by the pod as a whole.
pub fn uses(pod: &Pod<'_>) -> Vec<(Source, String, Use)> {
    let mut found = Found { pod, uses: Vec::new() };
    for volume in &pod.spec.volumes {
        found.volume(volume);
    }
    for container in containers(pod) {
        found.environment(container);
    }
    for secret in &pod.spec.image_pull_secrets {
        found.push(Source::Secret, &secret.name, Use::default());
    }
    found.uses
}

fn containers<'p, 'a>(pod: &'p Pod<'a>) -> impl Iterator<Item = &'p ContainerSpec<'a>> {
    let spec = &pod.spec;
    spec.init_containers.iter().chain(&spec.containers).chain(&spec.ephemeral_containers)
}

struct Found<'p, 'a> {
    pod: &'p Pod<'a>,
    uses: Vec<(Source, String, Use)>,
}

impl Found<'_, '_> {
    fn push(&mut self, source: Source, name: &str, place: Use) {
        let Some(name) = known(name) else { return };
        let metadata = &self.pod.metadata;
        let pod = PodReference { name: metadata.name.to_string(), uid: metadata.uid.to_string() };
        self.uses.push((source, name, Use { pod, ..place }));
    }

    fn volume(&mut self, volume: &Volume<'_>) {
        let sources = sources(volume);
        if sources.is_empty() {
            return;
        }
        let mut mounted = false;
        for container in containers(self.pod) {
            for mount in container.volume_mounts.iter().filter(|one| one.name == volume.name) {
                mounted = true;
                for (source, name) in &sources {
                    self.push(
                        *source,
                        name,
                        Use {
                            container: known(&container.name),
                            mount_path: known(&mount.mount_path),
                            sub_path: known(&mount.sub_path)
                                .or_else(|| known(&mount.sub_path_expr)),
                            ..Use::default()
                        },
                    );
                }
            }
        }
        if !mounted {
            for (source, name) in sources {
                self.push(source, name, Use::default());
            }
        }
    }

    fn environment(&mut self, container: &ContainerSpec<'_>) {
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
                    self.push(source, &named.name, place(&variable.name));
                }
            }
        }
        for from in &container.env_from {
            for (source, named) in
                [(Source::ConfigMap, &from.config_map_ref), (Source::Secret, &from.secret_ref)]
            {
                if !named.name.is_empty() {
                    self.push(source, &named.name, place("*"));
                }
            }
        }
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
    own.into_iter().chain(projected).filter(|(_, name)| !name.is_empty()).collect()
}
