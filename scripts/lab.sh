#!/usr/bin/env bash
# Starts a cluster to try things out on, of NODES nodes (1,100): a real API server without machines.
# It ends with Ctrl-D or Ctrl-C.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
make_server kube-apiserver || exit 3
cargo build --workspace --locked
cargo build --workspace --locked --example lab
exec "$(target_dir)/debug/examples/lab" ${NODES:+"$NODES"}
