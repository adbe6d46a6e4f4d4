#!/usr/bin/env bash
# Installs or removes the program, its plugins, the operator's example and the documents.
#
#     install.sh build|install|uninstall
#
# The environment, set by make, has the folders and the profile: DESTDIR, PREFIX, LIBDIR, SYSCONFDIR,
# BUILD_PROFILE (release, or dev for the tests).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

destdir=${DESTDIR:-}
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
sysconfdir=${SYSCONFDIR:-/etc}
profile=${BUILD_PROFILE:-release}

for folder in "$prefix" "$libdir" "$sysconfdir"; do
    case $folder in
    /*) ;;
    *) fail "PREFIX, LIBDIR and SYSCONFDIR must be absolute paths, not '$folder'." ;;
    esac
done

bindir=$prefix/bin
plugindir=$libdir/virtual-host-gatherer/plugins
confdir=$sysconfdir/virtual-host-gatherer
docdir=$prefix/share/doc/virtual-host-gatherer

# Lists the plugins to install: all except the example, which is for authors.
installed_plugins() {
    plugin_folders | grep -vx example
}

library() {
    printf 'libgatherer_plugin_%s.so\n' "${1//-/_}"
}

# Prints cargo's output folder for the profile.
built_dir() {
    local target=${CARGO_TARGET_DIR:-target}
    if command -v cargo >/dev/null 2>&1; then
        target=$(target_dir)
    fi
    if [ "$profile" = dev ]; then
        printf '%s/debug\n' "$target"
    else
        printf '%s/%s\n' "$target" "$profile"
    fi
}

build() {
    need_toolchain
    # The paths of the plugin folder and of the operator's file are compiled into the program.
    GATHERER_INSTALL_PLUGIN_DIR=$plugindir GATHERER_CONFIG_FILE=$confdir/config.toml \
        build_program "$profile"
    printf '%s\n' "$plugindir $confdir" >"$(built_dir)/.install-folders"
}

# `sudo make install` often has no cargo in its PATH. Then the output of `make build` is installed.
build_or_reuse() {
    local built
    built=$(built_dir)
    if command -v cargo >/dev/null 2>&1; then
        build
    elif [ "$(cat "$built/.install-folders" 2>/dev/null)" = "$plugindir $confdir" ]; then
        say "cargo is not in PATH: installing the output of 'make build'."
    else
        fail "cargo is not in PATH, and there is no build for $plugindir: run 'make build PREFIX=$prefix LIBDIR=$libdir SYSCONFDIR=$sysconfdir' as a user that has cargo, then install again."
    fi
}

install_all() {
    local built plugin document
    build_or_reuse
    built=$(built_dir)

    install -d -m 755 "$destdir$bindir" "$destdir$plugindir" "$destdir$confdir" "$destdir$docdir"
    install -m 755 "$built/virtual-host-gatherer" "$destdir$bindir/virtual-host-gatherer"
    install -m 755 packaging/ansible/virtual-host-gatherer-ansible "$destdir$bindir/"
    for plugin in $(installed_plugins); do
        install -m 644 "$built/$(library "$plugin")" "$destdir$plugindir/"
    done

    # The operator's own config.toml in the same folder is never changed.
    install -m 644 packaging/config.toml.example "$destdir$confdir/config.toml.example"

    install -m 644 LICENSE "$destdir$docdir/"
    for document in README.md ARCHITECTURE.md; do
        [ ! -f "$document" ] || install -m 644 "$document" "$destdir$docdir/"
    done
    [ ! -d docs ] || find docs -type f | while IFS= read -r document; do
        install -D -m 644 "$document" "$destdir$docdir/$document"
    done

    say "Installed:"
    say "    program   $destdir$bindir/virtual-host-gatherer"
    say "    script    $destdir$bindir/virtual-host-gatherer-ansible (an inventory for Ansible)"
    say "    plugins   $destdir$plugindir ($(installed_plugins | paste -s -d ' '))"
    say "    example   $destdir$confdir/config.toml.example"
    say "    documents $destdir$docdir"
}

uninstall_all() {
    local plugin
    rm -f "$destdir$bindir/virtual-host-gatherer" "$destdir$bindir/virtual-host-gatherer-ansible" \
        "$destdir$confdir/config.toml.example"
    for plugin in $(installed_plugins); do
        rm -f "$destdir$plugindir/$(library "$plugin")"
    done
    rm -rf "$destdir$docdir"
    # Folders that contain other plugins or the operator's config.toml stay.
    rmdir --ignore-fail-on-non-empty "$destdir$plugindir" 2>/dev/null || true
    rmdir --ignore-fail-on-non-empty "$destdir$libdir/virtual-host-gatherer" "$destdir$confdir" 2>/dev/null || true
    say "Removed from $destdir$prefix; config.toml and other plugins stay."
}

case ${1:-} in
build) build ;;
install) install_all ;;
uninstall) uninstall_all ;;
*) fail "usage: install.sh build|install|uninstall" ;;
esac
