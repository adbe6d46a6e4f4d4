#!/bin/sh
# Checks that a built or an installed program has plugins and can use all of them. Package builds and their tests call it:
#
#     check-plugins.sh [--installed] PROGRAM FOLDER [MODULE-FOLDER...]
#
# FOLDER has the plugins; with --installed, the program must find it by itself. Each MODULE-FOLDER names a plugin that must be there, as its folder in plugins/ does. It fails if there is
# no plugin, if one is missing, if the program skips one, or if it cannot gather with the one that needs no server.

set -eu

installed=false
if [ "$1" = --installed ]; then
    installed=true
    shift
fi
program=$1
plugins=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    printf '%s\n' "check-plugins: $*" >&2
    exit 1
}

# Runs the program with its own configuration and log file. An empty configuration hides that of the machine.
: >"$work/config.toml"
run() {
    $installed || set -- "$@" --plugin-dir "$plugins"
    env -u GATHERER_PLUGIN_PATH "$program" "$@" --config "$work/config.toml" --logfile "$work/log"
}

found=0
run modules >"$work/modules" || fail "$program modules exited with status $?"
for file in "$plugins"/libgatherer_plugin_*.so; do
    [ -e "$file" ] || fail "no plugin was found in $plugins"
    grep -qF ", $file" "$work/modules" || fail "the program does not use $file: $(cat "$work/modules")"
    found=$((found + 1))
done
if grep -A 20 '^Skipped:' "$work/modules"; then
    fail "the program skipped plugins of $plugins"
fi

for folder in "$@"; do
    file=$plugins/libgatherer_plugin_$(printf '%s' "$folder" | tr - _).so
    [ -f "$file" ] || fail "the plugin $file is missing"
done

if [ -f "$plugins/libgatherer_plugin_file.so" ]; then
    printf '{"host1": {"name": "host1", "hostIdentifier": "1", "cpuArch": "x86_64", "vms": {"guest1": "420f9f0d-0001"}}}' >"$work/hosts.json"
    printf '[{"id": "sample", "module": "File", "url": "%s"}]' "$work/hosts.json" >"$work/request.json"
    run --infile "$work/request.json" >"$work/answer" || fail "the program exited with status $?"
    grep -qF '"guest1": "420f9f0d-0001"' "$work/answer" || fail "the answer lacks the guest: $(cat "$work/answer")"
fi

printf '%s\n' "check-plugins: the program uses all $found plugins in $plugins"
