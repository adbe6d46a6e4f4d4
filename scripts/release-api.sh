#!/usr/bin/env bash
# Archives the plugin API of the last commit as a release, in tests/released-api/MAJOR.MINOR.tar.gz. The
# tests build plugins from it permanently. Run it when the crate's minor number is new. Afterwards raise the
# crate's patch number, since the tests require that the current version is not the released one.
#
# The argument is a folder with a plugin that uses everything that the release offers. To write it, begin with
# the folder `plugin` of the archive before.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -eq 1 ] || fail "usage: scripts/release-api.sh PLUGIN_FOLDER (a path relative to the top of the tree)"
plugin=$1
[ -f "$plugin/Cargo.toml" ] || fail "$plugin/Cargo.toml is missing: PLUGIN_FOLDER must be a plugin's crate"

series=$(git show HEAD:plugin-api/Cargo.toml | sed -n '/^version *=/{s/.*"\([0-9]*\.[0-9]*\)\..*/\1/p;q;}')
archive=tests/released-api/$series.tar.gz
[ ! -e "$archive" ] || fail "The plugin API $series is released: $archive must not change."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$work/$series
mkdir -p "$folder/plugin"
git archive --prefix="$series/" HEAD plugin-api/src image-reference/src | tar -x -C "$work"
# The example of the first release, which needs no crate but the plugin API.
tar -xzf tests/released-api/1.0.tar.gz -C "$folder" --strip-components 1 1.0/example
cp -r "$plugin/." "$folder/plugin"
rm -rf "$folder/plugin/target" "$folder/plugin/Cargo.lock"

# The manifests of the API and of the crate that it re-exports, without patch number, tests and lints, which
# change with the compiler. Comments on the version are about the tree.
for crate in plugin-api image-reference; do
    git show "HEAD:$crate/Cargo.toml" | awk -v version="$series.0" '
        /^\[/ { skip = ($0 == "[dev-dependencies]" || $0 == "[lints]") }
        skip { next }
        /^#/ { comment = comment $0 "\n"; next }
        /^version *=/ { print "version = \"" version "\""; comment = ""; next }
        { printf "%s", comment; comment = ""; print }
    ' | cat -s | sed -e '${/^$/d;}' >"$folder/$crate/Cargo.toml"
done

# The workspace, with the entries of the tables that the crates use.
table() {
    git show HEAD:Cargo.toml | awk -v table="[$1]" '/^\[/ { inside = ($0 == table) } inside && !/^\[/ && !/^#/ && NF'
}
used=$(sed -n 's/^\([a-z_-]*\)\(\.workspace\| = { workspace\).*/\1/p' "$folder"/*/Cargo.toml | sort -u)
{
    printf '# The workspace of the plugin API %s as it was released.\n' "$series.0"
    printf '\n[workspace]\nresolver = "3"\nmembers = ["plugin-api", "plugin"]\n'
    printf '\n[workspace.package]\n'
    table workspace.package
    printf '\n[workspace.dependencies]\n'
    for name in $used; do
        table workspace.dependencies | grep -E "^$name *=" || true
    done
} >"$folder/Cargo.toml"

# The same commit gives the same bytes.
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' \
    --mtime="@$(git log -1 --format=%ct)" -C "$work" -c "$series" | gzip -n -9 >"$archive"
say "The plugin API $series is archived in $archive. Add it to RELEASES in tests/tests/released_api/build.rs:"
say "Release { series: \"$series\", sha256: \"$(sha256sum "$archive" | cut -d' ' -f1)\" }"
