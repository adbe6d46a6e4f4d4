#!/usr/bin/env bash
# Installs the debug build into temporary folders and runs it from there, as a distribution and an
# operator do. Prints "ok: <rule>" or "not ok: <rule>" for each check; test.sh counts them.
# The checks are passed by name to `rule`. Therefore shellcheck thinks that they are unused, and bash
# does not stop inside them at a failure, so their commands are joined by `&&`.
# shellcheck disable=SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/rules.sh
. scripts/rules.sh

need_toolchain
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
output=$place/output

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

all_modes_are() {
    local mode=$1 file
    shift
    for file in "$@"; do
        mode_is "$file" "$mode" || return 1
    done
}

all_absent() {
    local file
    for file in "$@"; do
        absent "$file" || return 1
    done
}

# A crate of the program, a crate of a plugin only, and the text of a licence.
lists_the_licences() {
    shows "    clap 4." <"$1" && shows "    kube 5." <"$1" && shows "Permission is hereby granted" <"$1" &&
        shows ! "    jsonschema" <"$1"
}

names_the_installed_program() {
    local unit
    for unit in virtual-host-gatherer virtual-host-gatherer-watch; do
        unit=$prefix/lib/systemd/system/$unit.service
        shows "ExecStart=$prefix/bin/virtual-host-gatherer " <"$unit" &&
            shows "ENDPOINTS=$prefix/etc/virtual-host-gatherer/endpoints.d" <"$unit" || return 1
    done
    shows "d $prefix/etc/virtual-host-gatherer/endpoints.d 0750 root" <"$prefix/lib/tmpfiles.d/virtual-host-gatherer.conf"
}

absent() {
    [ ! -e "$1" ] || { say "$1 exists"; find "$1"; return 1; }
}

# Runs the installed program with an empty environment, outside the repository.
installed() {
    (cd / && env -i PATH=/usr/bin:/bin HOME="$place" "$prefix/bin/virtual-host-gatherer" --logfile "$place/log" "$@")
}

# Standard input must contain the text $1; with ! as the first argument, it must not.
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

gathers_the_example() {
    installed --infile "$prefix/share/doc/virtual-host-gatherer/examples/request.json" --format table | shows 'esx1.example.com'
}

# The script finds the program beside itself, and the program its plugins.
answers_ansible() {
    printf '[{"id": "sample", "module": "File", "url": "%s"}]' "$PWD/demo/hosts.json" >"$place/endpoints.json" &&
        (cd / && env -i PATH=/usr/bin:/bin HOME="$place" VHG_INFILE="$place/endpoints.json" \
            "$prefix/bin/virtual-host-gatherer-ansible" --host esx1.example.com) | shows '"vhg_kind":"host"'
}

# Every option of the example is a comment. After the # is removed, the program must accept each option.
runs_with_the_example_configuration() {
    local example=$prefix/etc/virtual-host-gatherer/config.toml.example
    local config=$place/uncommented.toml
    # The plugin folders in the example do not exist here, so they are replaced.
    sed -e 's/^#\([a-z_]* = \)/\1/; s/^#\(\[\)/\1/' \
        -e "s|^plugin_dirs = .*|plugin_dirs = [\"$prefix/lib64/virtual-host-gatherer/plugins\"]|" "$example" >"$config" &&
        chmod 644 "$config" &&
        cat "$config" &&
        grep '^[a-z]' "$config" &&
        installed --config "$example" --list-modules &&
        installed --config "$config" --list-modules
}

# 1. Installation without DESTDIR, with lib64 as an example of a folder other than the default.
prefix=$place/usr
operator_file=$prefix/etc/virtual-host-gatherer/config.toml
mkdir -p "$(dirname "$operator_file")"
say "# the operator's own" >"$operator_file"
layout=(PREFIX="$prefix" LIBDIR="$prefix/lib64" SYSCONFDIR="$prefix/etc" DESTDIR=)
shared=("$prefix/share/man/man1/virtual-host-gatherer.1" "$prefix/share/man/man1/virtual-host-gatherer-guard-list.1"
    "$prefix/share/man/man5/virtual-host-gatherer-config.5"
    "$prefix/share/bash-completion/completions/virtual-host-gatherer"
    "$prefix/share/zsh/site-functions/_virtual-host-gatherer"
    "$prefix/share/fish/vendor_completions.d/virtual-host-gatherer.fish"
    "$prefix/lib/systemd/system/virtual-host-gatherer.service" "$prefix/lib/systemd/system/virtual-host-gatherer.timer"
    "$prefix/lib/systemd/system/virtual-host-gatherer-watch.service"
    "$prefix/lib/sysusers.d/virtual-host-gatherer.conf" "$prefix/lib/tmpfiles.d/virtual-host-gatherer.conf"
    "$prefix/etc/logrotate.d/virtual-host-gatherer")

rule "make install succeeds" make_install install "${layout[@]}"
rule "the installed program lists the real modules, not the example" lists_the_real_modules
rule "its plugins come from the library folder" plugins_come_from_the_library_folder
rule "the installed program gathers from a file" gathers_from_a_file
rule "the installed inventory script answers Ansible" answers_ansible
rule "every option of the example configuration is known" runs_with_the_example_configuration
rule "install does not change the operator's configuration" grep -q "the operator's own" "$operator_file"
rule "every user can run the program" mode_is "$prefix/bin/virtual-host-gatherer" 755
rule "every user can run the inventory script" mode_is "$prefix/bin/virtual-host-gatherer-ansible" 755
rule "other users cannot write to plugins" mode_is "$prefix/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_file.so" 644
rule "the licences are installed" has_files "$prefix/share/doc/virtual-host-gatherer/LICENSE" \
    "$prefix/share/doc/virtual-host-gatherer/THIRD-PARTY-LICENSES"
rule "the licences of all crates are listed" lists_the_licences "$prefix/share/doc/virtual-host-gatherer/THIRD-PARTY-LICENSES"
rule "the manual pages, completions and files of services are installed" has_files "${shared[@]}"
rule "every user can read them" all_modes_are 644 "${shared[@]}"
rule "the files of services have the paths of the installation" names_the_installed_program

# Without cargo in PATH, as under sudo, the existing build is installed. A separate folder has links to
# only those tools that the script needs.
tools=$place/tools
mkdir "$tools"
for tool in bash make sh install sed grep basename dirname paste find head cat rm env chmod; do
    ln -s "$(command -v "$tool")" "$tools/$tool"
done
if [ "$(target_dir)" = target ] || [ -n "${CARGO_TARGET_DIR:-}" ]; then
    rule "without cargo, the existing build is installed" env PATH="$tools" HOME="$place" BUILD_PROFILE=dev make install "${layout[@]}"
    rule "without cargo, a folder without a build is refused" bash -c '! "$@"' - env PATH="$tools" HOME="$place" BUILD_PROFILE=dev make install "${layout[@]}" LIBDIR="$prefix/lib32"
fi

# A user has written a page of their own.
say x >"$prefix/share/man/man1/other.1"
rule "make uninstall succeeds" make_install uninstall "${layout[@]}"
rule "uninstall removes the program" absent "$prefix/bin/virtual-host-gatherer"
rule "uninstall removes the inventory script" absent "$prefix/bin/virtual-host-gatherer-ansible"
rule "uninstall removes the plugins' folder" absent "$prefix/lib64/virtual-host-gatherer"
rule "uninstall removes manual pages, completions and files of services" all_absent "${shared[@]}"
rule "uninstall leaves the pages of other programs" has_files "$prefix/share/man/man1/other.1"
rule "uninstall leaves the operator's configuration" has_files "$operator_file"

# 2. Installation into a package's root: all files are below DESTDIR, which is not compiled in.
root=$place/root
rule "make install into DESTDIR succeeds" make_install install PREFIX=/usr LIBDIR=/usr/lib64 SYSCONFDIR=/etc DESTDIR="$root"
rule "DESTDIR has the files that a distribution expects" has_files \
    "$root/usr/bin/virtual-host-gatherer" \
    "$root/usr/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_file.so" \
    "$root/usr/lib64/virtual-host-gatherer/plugins/libgatherer_plugin_libvirt.so" \
    "$root/etc/virtual-host-gatherer/config.toml.example" \
    "$root/usr/share/doc/virtual-host-gatherer/LICENSE"
root=$place/elsewhere
rule "every folder can be set" make_install install PREFIX=/usr LIBDIR=/usr/lib64 SYSCONFDIR=/etc DESTDIR="$root" \
    DOCDIR=/d/doc MANDIR=/d/man BASHCOMPDIR=/d/bash ZSHCOMPDIR=/d/zsh FISHCOMPDIR=/d/fish UNITDIR=/d/unit \
    SYSUSERSDIR=/d/sysusers TMPFILESDIR=/d/tmpfiles LOGROTATEDIR=/d/logrotate
rule "the files are in the folders that are set" has_files "$root/d/doc/LICENSE" "$root/d/man/man1/virtual-host-gatherer.1" \
    "$root/d/bash/virtual-host-gatherer" "$root/d/zsh/_virtual-host-gatherer" "$root/d/fish/virtual-host-gatherer.fish" \
    "$root/d/unit/virtual-host-gatherer.timer" "$root/d/sysusers/virtual-host-gatherer.conf" \
    "$root/d/tmpfiles/virtual-host-gatherer.conf" "$root/d/logrotate/virtual-host-gatherer"
rule "the usual folders do not exist then" all_absent "$root/usr/share" "$root/usr/lib" "$root/etc/logrotate.d"
rule "units of packages are installed as they are" cmp packaging/systemd/virtual-host-gatherer.service "$root/d/unit/virtual-host-gatherer.service"
rule "a relative PREFIX is refused" bash -c '! "$@"' - make --no-print-directory install PREFIX=usr DESTDIR="$root"

exit "$status"
