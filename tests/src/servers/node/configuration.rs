//! The configuration files of containerd, its network and the kubelet.

use std::path::Path;

use serde_json::json;

use super::PushedImage;

/// Writes `containerd.toml`, `cni/bridge.conflist`, `resolv.conf` and `kubelet.json`.
pub(super) fn write(
    folder: &Path,
    programs: &Path,
    pki: &Path,
    control_group: &str,
    pause: &PushedImage,
) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    write("containerd.toml", &containerd(folder, programs, pause));
    write("cni/bridge.conflist", &network(folder).to_string());
    write("resolv.conf", "");
    write("kubelet.json", &kubelet(folder, pki, control_group).to_string());
}

fn containerd(folder: &Path, programs: &Path, pause: &PushedImage) -> String {
    let (folder, programs, pause) = (folder.display(), programs.display(), pause.name());
    // Copying each image (the snapshotter `native`) works on every file system. Where root lacks CAP_SYS_RESOURCE,
    // the score for the OOM killer cannot be lowered.
    format!(
        r#"version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{programs}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{programs}/runc"
"#
    )
}

/// A bridge, so that each pod has its own address.
fn network(folder: &Path) -> serde_json::Value {
    json!({"cniVersion": "0.4.0", "name": "pods", "plugins": [{
        "type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false,
        "ipam": {
            "type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}], "dataDir": folder.join("addresses"),
        },
    }]})
}

fn kubelet(folder: &Path, pki: &Path, control_group: &str) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": false}, "x509": {"clientCAFile": pki.join("ca.crt")}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": control_group,
        "failSwapOn": false,
        "resolvConf": folder.join("resolv.conf"),
        "staticPodPath": folder.join("manifests"),
        "volumePluginDir": folder.join("volume-plugins"),
        // Changes are visible soon.
        "fileCheckFrequency": "1s",
        "nodeStatusUpdateFrequency": "1s",
        // A nearly full disk must not matter.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "100Mi", "imagefs.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
    })
}
