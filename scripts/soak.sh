#!/usr/bin/env bash
# Soak test of the release build: repeats runs of 1,000 endpoints, of which some fail and some hang, with
# signals at random times, and counts what they leave behind. See tests/src/soak.rs.
#
#     soak.sh SECONDS|MINUTESm [ENDPOINTS [SEED]]

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

duration=${1:-60}
shift || true
case $duration in
'' | m | *[!0-9]*[!0-9]* | *[!0-9m]) fail "soak.sh: the duration must be a number of seconds, or of minutes with the suffix m, not '$duration'" ;;
*m) duration=$((${duration%m} * 60)) ;;
esac

need_toolchain
build_program release
cargo build --locked -q --release -p misbehaving-plugin
# A debug build of the soak program is enough: it mostly waits.
cargo build --locked -q -p gatherer-tests --example soak
target=$(target_dir)
case $target in /*) ;; *) target=$PWD/$target ;; esac
GATHERER_BUILD_FOLDER=$target/release exec "$target/debug/examples/soak" "$duration" "$@"
