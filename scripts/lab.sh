#!/usr/bin/env bash
# Starts a cluster to try things out on, of NODES nodes (1,100) with PODS pods (600): a real API server
# without machines. Besides those pods it has one object for each rule, in the namespaces `cases` and
# `cases-other`. It ends with Ctrl-D or Ctrl-C.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
make_server kube-apiserver || exit 3
# As for the tests, so that neither rebuilds what the other has built.
cargo build --workspace --all-targets --locked
exec "$(target_dir)/debug/examples/lab" "${NODES:-}" "${PODS:-}"
