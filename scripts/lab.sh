#!/usr/bin/env bash
# Starts a cluster for experiments, with NODES nodes (default 1,100) and PODS pods (default 600): a real
# API server without machines. In addition to those pods it has one object for each rule, in the
# namespaces `cases` and `cases-other`. Ctrl-D or Ctrl-C ends it.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
make_server kube-apiserver || exit 3
# The same build as for the tests, so that neither has to rebuild.
cargo build --workspace --all-targets --locked
exec "$(target_dir)/debug/examples/lab" "${NODES:-}" "${PODS:-}"
