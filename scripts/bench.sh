#!/usr/bin/env bash
# Measures the release build as whole processes: see tests/examples/bench/. Arguments choose a part:
# processes, kubernetes, workloads, libvirt. With PODS=100000 in the environment, workloads goes on to
# as many pods, which takes a quarter of an hour; PODS=2000 is the quick look.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
build_program release
# The measuring program itself may be a debug build: it waits, mostly.
cargo build --locked -q -p gatherer-tests --example bench
# What is compared with needs servers; where these cannot be had the table says so.
scripts/servers/kube-apiserver.sh || true
scripts/servers/libvirt.sh || true
target=$(target_dir)
exec "$target/debug/examples/bench" "$target/release/virtual-host-gatherer" "$@"
