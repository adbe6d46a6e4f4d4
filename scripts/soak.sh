#!/usr/bin/env bash
# Soaks the release build: runs of 1,000 endpoints, of which some fail and some hang, with signals at
# random times, and counts what is left. See tests/src/soak.rs.
#
#     soak.sh SECONDS|MINUTESm [ENDPOINTS [SEED]]

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

duration=${1:-60}
shift || true
case $duration in
'' | m | *[!0-9]*[!0-9]* | *[!0-9m]) fail "soak.sh: not a number of seconds, or of minutes with an m: $duration" ;;
*m) duration=$((${duration%m} * 60)) ;;
esac

need_toolchain
build_program release
cargo build --locked -q --release -p misbehaving-plugin
# The soaking program itself may be a debug build: it waits, mostly.
cargo build --locked -q -p gatherer-tests --example soak
target=$(target_dir)
case $target in /*) ;; *) target=$PWD/$target ;; esac
GATHERER_BUILD_FOLDER=$target/release exec "$target/debug/examples/soak" "$duration" "$@"
