#!/usr/bin/env bash
# Keeps the plugin API as it is now as a release: its source goes to tests/released-api/MAJOR.MINOR,
# where the tests build it for good. To be run when the crate's minor number is new; afterwards
# the crate's patch number has to be raised, since the tests want to cross versions.
#
# A release is never changed: --again takes the copy a second time, before anybody else has it.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

again=
case $* in
'') ;;
--again) again=yes ;;
*) fail "usage: scripts/release-api.sh [--again]" ;;
esac

version=$(sed -n '/^version *=/{s/.*"\([0-9.]*\)".*/\1/p;q;}' plugin-api/Cargo.toml)
series=${version%.*}
folder=tests/released-api/$series

if [ -e "$folder/plugin-api" ] && [ -z "$again" ]; then
    fail "The plugin API $series.0 is released: $folder is never changed. (Before anybody else has it: --again.)"
fi
if [ ! -f "$folder/plugin/Cargo.toml" ]; then
    fail "$folder/plugin is missing: write a plugin there that uses what $series can, beginning with a copy of the release before."
fi

rm -rf "$folder/plugin-api" "$folder/Cargo.lock" "$folder/target"
mkdir -p "$folder/plugin-api"
cp -r plugin-api/src "$folder/plugin-api/src"

# The manifest, as the release: no patch number, no tests, and no lints of ours, which change with the
# compiler. Comments on the version are about the tree.
awk -v version="$series.0" '
    /^\[/ { skip = ($0 == "[dev-dependencies]" || $0 == "[lints]") }
    skip { next }
    /^#/ { comment = comment $0 "\n"; next }
    /^version *=/ { print "version = \"" version "\""; comment = ""; next }
    { printf "%s", comment; comment = ""; print }
' plugin-api/Cargo.toml | cat -s | sed -e '${/^$/d;}' >"$folder/plugin-api/Cargo.toml"

# The workspace, with the tables that the two crates take something from.
table() {
    awk -v table="[$1]" '/^\[/ { inside = ($0 == table) } inside && !/^\[/ && !/^#/ && NF' Cargo.toml
}
used=$(sed -n 's/^\([a-z_-]*\)\(\.workspace\| = { workspace\).*/\1/p' "$folder"/plugin*/Cargo.toml | sort -u)
{
    printf '# The workspace of the plugin API %s as it was released. Never edited: ../README.md says why.\n' "$series.0"
    printf '\n[workspace]\nresolver = "3"\nmembers = ["plugin-api", "plugin"]\n'
    printf '\n[workspace.package]\n'
    table workspace.package
    printf '\n[workspace.dependencies]\n'
    for name in $used; do
        table workspace.dependencies | grep -E "^$name *=" || true
    done
} >"$folder/Cargo.toml"

(cd "$folder" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum) >"$folder.sums"
mv "$folder.sums" "$folder/SHA256SUMS"
say "The plugin API $series.0 stands in $folder."
