#!/usr/bin/env bash
# Installs the debug build into temporary folders and runs it from there, as a distribution
# and an operator do. Prints "ok: <rule>" or "not ok: <rule>" for each; test.sh counts them.
# The checks are handed by name to `rule`: shellcheck takes them for dead, and bash does not
# stop inside them at a failure, hence the `&&`.
# shellcheck disable=SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
output=$place/output
status=0

# Checks one rule: the command after its name must succeed.
rule() {
    local name=$1
    shift
    if "$@" >"$output" 2>&1; then
        say "ok: $name"
    else
        say "not ok: $name"
        sed 's/^/    /' "$output"
        status=1
    fi
}

make_install() {
    BUILD_PROFILE=dev make --no-print-directory "$@"
}

has_files() {
    local file
    for file in "$@"; do
        [ -s "$file" ] || { say "$file is missing or empty"; return 1; }
    done
}

# The mode of file $1 must be $2.
mode_is() {
    [ "$(stat -c %a "$1")" = "$2" ] || { stat -c '%n has mode %a' "$1"; return 1; }
}

absent() {
    [ ! -e "$1" ] || { say "$1 is there"; find "$1"; return 1; }
}

# Runs what was installed, without any help from the environment or the tree.
installed() {
    (cd / && env -i PATH=/usr/bin:/bin HOME="$place" "$prefix/bin/virtual-host-gatherer" --logfile "$place/log" "$@")
}

# Standard input must have the text $1, or with a ! before it, must not.
shows() {
    local text expected=0
    [ "$1" != ! ] || { expected=1; shift; }
    text=$(cat)
    case $text in
    *"$1"*) [ "$expected" -eq 0 ] || { printf '%s\n' "should not have: $1" "$text"; return 1; } ;;
    *) [ "$expected" -eq 1 ] || { printf '%s\n' "should have: $1" "$text"; return 1; } ;;
    esac
}

lists_the_real_modules() {
    installed --list-modules | shows '"File"' &&
        installed --list-modules | shows '"Libvirt"' &&
        installed --list-modules | shows ! '"Example"'
}

plugins_come_from_the_library_folder() {
    installed modules File | shows "$prefix/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_file.so"
}

gathers_from_a_file() {
    printf '[{"id": "sample", "module": "File", "url": "%s"}]' "$PWD/demo/hosts.json" |
        installed --infile - | shows '"esx1.example.com"'
}

# Every option of the example is a comment; without the comment sign, each must be known.
runs_with_the_example_configuration() {
    local example=$prefix/etc/virtual-host-gatherer/config.toml.example
    local config=$place/uncommented.toml
    # The folders of the example stand for an operator's own, which must exist.
    sed -e 's/^#\([a-z_]* = \)/\1/; s/^#\(\[\)/\1/' \
        -e "s|^plugin_dirs = .*|plugin_dirs = [\"$prefix/lib64/virtual-host-gatherer/plugins\"]|" "$example" >"$config" &&
        chmod 644 "$config" &&
        cat "$config" &&
        grep '^[a-z]' "$config" &&
        installed --config "$example" --list-modules &&
        installed --config "$config" --list-modules
}

# 1. Where the program will run. lib64 stands for every other folder than the default.
prefix=$place/usr
operator_file=$prefix/etc/virtual-host-gatherer/config.toml
mkdir -p "$(dirname "$operator_file")"
say "# the operator's own" >"$operator_file"
layout=(PREFIX="$prefix" LIBDIR="$prefix/lib64" SYSCONFDIR="$prefix/etc" DESTDIR=)

rule "make install succeeds" make_install install "${layout[@]}"
rule "the installed program lists the real modules, not the example" lists_the_real_modules
rule "its plugins come from the library folder" plugins_come_from_the_library_folder
rule "the installed program gathers from a file" gathers_from_a_file
rule "every option of the example configuration is known" runs_with_the_example_configuration
rule "the operator's configuration is left alone" grep -q "the operator's own" "$operator_file"
rule "the program can be run by everybody" mode_is "$prefix/bin/virtual-host-gatherer" 755
rule "plugins cannot be written by others" mode_is "$prefix/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_file.so" 644
rule "licence is installed" has_files "$prefix/share/doc/virtual-host-gatherer/LICENSE"

# Without cargo, as under sudo, what was built for the folder is installed. The tools that
# the script needs are linked into a folder of their own.
tools=$place/tools
mkdir "$tools"
for tool in bash make sh install sed grep basename dirname paste find head cat rm env; do
    ln -s "$(command -v "$tool")" "$tools/$tool"
done
if [ "$(target_dir)" = target ] || [ -n "${CARGO_TARGET_DIR:-}" ]; then
    rule "without cargo, what was built before is installed" env PATH="$tools" HOME="$place" BUILD_PROFILE=dev make install "${layout[@]}"
    rule "without cargo, another folder is refused in one sentence" bash -c '! "$@"' - env PATH="$tools" HOME="$place" BUILD_PROFILE=dev make install "${layout[@]}" LIBDIR="$prefix/lib32"
fi

rule "make uninstall succeeds" make_install uninstall "${layout[@]}"
rule "uninstall removes the program" absent "$prefix/bin/virtual-host-gatherer"
rule "uninstall removes the plugins' folder" absent "$prefix/lib64/virtual-host-gatherer"
rule "uninstall leaves the operator's configuration" has_files "$operator_file"

# 2. A package's root: everything below DESTDIR, compiled for the paths without it.
root=$place/root
rule "make install into DESTDIR succeeds" make_install install PREFIX=/usr LIBDIR=/usr/lib64 SYSCONFDIR=/etc DESTDIR="$root"
rule "DESTDIR has what a distribution expects" has_files \
    "$root/usr/bin/virtual-host-gatherer" \
    "$root/usr/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_file.so" \
    "$root/usr/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_libvirt.so" \
    "$root/etc/virtual-host-gatherer/config.toml.example" \
    "$root/usr/share/doc/virtual-host-gatherer/LICENSE"
rule "a relative PREFIX is refused" bash -c '! "$@"' - make --no-print-directory install PREFIX=usr DESTDIR="$root"

exit "$status"
