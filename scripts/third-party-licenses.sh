#!/usr/bin/env bash
# Prints the licences of the crates that are compiled into the program and its plugins: name, version and licence of
# each, and the texts that its source contains, each text once. Packages install the output beside the documents.
#
#     third-party-licenses.sh >THIRD-PARTY-LICENSES
#
# It needs cargo and the sources of the crates, which are in CARGO_HOME after a build, or in the folder vendor.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

selected=(-p virtual-host-gatherer)
for plugin in $(installed_plugins); do
    selected+=(-p "gatherer-plugin-$plugin")
done

# Lines `NAME VERSION LICENCE` of what is compiled in. Our own crates have a path instead of a registry; build scripts and
# macros are not a part of the result, but some contain code that they generate, so they are listed too.
cargo tree --quiet --locked --edges normal,build --prefix none --format '{p}|{l}' "${selected[@]}" |
    sed -n 's/ (proc-macro)//; s/ (\*)//; /(\//d; s/^\([^ ]*\) v\([^ |]*\) *|\(.*\)/\1 \2 \3/p' | sort -u >"$work/crates"
[ -s "$work/crates" ] || fail "cargo tree lists no crates"

# Lines `NAME VERSION FOLDER` of all crates for this platform: those for others need not have been fetched. Each package of the metadata begins with its name, version and id.
cargo metadata --quiet --locked --format-version 1 --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" |
    sed 's/{"name":"\([^"]*\)","version":"\([^"]*\)","id":"/\n@\1 \2 /g' |
    sed -n 's/^@\([^ ]* [^ ]*\) .*"manifest_path":"\([^"]*\)\/Cargo\.toml".*/\1 \2/p' >"$work/folders"

# The texts, by their checksum, with the crates that have them.
mkdir "$work/texts" "$work/users"
while read -r name version licence; do
    folder=$(awk -v name="$name" -v version="$version" '$1 == name && $2 == version { sub(/^[^ ]* [^ ]* /, ""); print; exit }' "$work/folders")
    [ -d "$folder" ] || fail "the source of $name $version was not found"
    find "$folder" -maxdepth 2 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'unlicense*' -o -ipath '*/licenses/*' \) \
        ! -name '*.rs' ! -name '*.html' | sort >"$work/files"
    while IFS= read -r file; do
        # The same text with other line ends or other indentation is the same.
        sum=$(tr -s '[:space:]' ' ' <"$file" | cksum | tr ' ' -)
        [ -e "$work/texts/$sum" ] || tr -d '\r' <"$file" >"$work/texts/$sum"
        printf '%s %s\n' "$name" "$version" >>"$work/users/$sum"
    done <"$work/files"
    [ -s "$work/files" ] || printf '%s %s: %s\n' "$name" "$version" "$licence" >>"$work/without"
done <"$work/crates"

cat <<END
virtual-host-gatherer contains the crates below. Its own licence is Apache-2.0, see the file LICENSE. Where a licence has
a choice (OR), it is used under Apache-2.0 if that is one of the choices, otherwise under the first one. The standard
library of Rust is compiled in too: MIT OR Apache-2.0, https://www.rust-lang.org/policies/licenses. The source of every
crate is in the archive vendor.tar.xz, which \`make dist\` makes beside the archive of the program's source.

$(wc -l <"$work/crates") crates:

END
sed 's/^/    /' "$work/crates"
if [ -s "$work/without" ]; then
    printf '\nThe source of these crates has no text of its licence:\n\n'
    sed 's/^/    /' "$work/without"
fi
for users in "$work"/users/*; do
    printf '%s\t%s\n' "$(head -n 1 "$users")" "$users"
done | sort | while IFS=$'\t' read -r _ users; do
    printf '\n%s\n\nThis text is in:\n' '--------------------------------------------------------------------------------'
    sort -u "$users" | paste -s -d , | sed 's/,/, /g' | fold -s -w 116 | sed 's/^/    /; s/ *$//'
    printf '\n'
    cat "$work/texts/$(basename "$users")"
done
