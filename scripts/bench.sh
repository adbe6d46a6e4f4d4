#!/usr/bin/env bash
# Measures whole processes of the release build: see tests/examples/bench/. The arguments select parts:
# processes, kubernetes, workloads, libvirt, vmware, ec2, moto, openstack, formats, shards. The environment variable PODS sets the number of pods up
# to which workloads measures: PODS=100000 takes 15 minutes, PODS=2000 is quick.
# ENDPOINTS is the number of endpoints of shards: with 5000 that takes several minutes, with 500 it is quick.
# BESIDE is the path of a second program, such as an older build, that is measured in the same turns.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
build_program release
# A debug build of the measuring program is enough: it mostly waits.
cargo build --locked -q -p gatherer-tests --example bench
# The comparisons need servers; if these are not available, the table says so.
scripts/servers/kube-apiserver.sh || true
scripts/servers/libvirt.sh || true
scripts/servers/vcsim.sh || true
scripts/servers/judges.sh || true
target=$(target_dir)
exec "$target/debug/examples/bench" "$target/release/virtual-host-gatherer" "$@"
