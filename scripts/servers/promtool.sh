#!/usr/bin/env bash
# Prepares promtool, which checks metrics and alert rules: unpacks it from Debian's package of Prometheus. This is done
# once.
#
#   scripts/servers/promtool.sh          prepare it
#   scripts/servers/promtool.sh --path   print its path; exit status 1 if it is not ready
#
# The exit status is 3, with the reason on stderr, if this machine cannot prepare it.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "$0")/common.sh"

what=promtool
cache=$servers/promtool-1
promtool=$cache/promtool

made() {
    [ -x "$promtool" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$promtool"
    exit
fi
made && exit 0

need_tools apt-get apt-cache dpkg-deb flock
mkdir -p "$cache" 2>/dev/null || cannot "$cache cannot be created"
alone promtool
made && exit 0

trap 'rm -rf "$work"' EXIT
begin_work
say "Downloading promtool for the tests. This happens once, and downloads about 25 MB."
load_lists deb
stage "package"
unpack "$work/root" prometheus
mv "$work/root/usr/bin/promtool" "$promtool"
forget_older promtool
stage "done"
