#!/usr/bin/env bash
# Installs or removes the program, its plugins, the operator's example, the documents, the manual pages, the
# completions of shells, and the files for services.
#
#     install.sh build|install|uninstall
#
# The environment, set by make, has the folders and the profile: DESTDIR, BUILD_PROFILE (release, or dev for the
# tests), and the variables below. The build uses cargo's variables, such as RUSTFLAGS and CARGO_NET_OFFLINE.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

destdir=${DESTDIR:-}
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
sysconfdir=${SYSCONFDIR:-/etc}
profile=${BUILD_PROFILE:-release}

docdir=${DOCDIR:-$prefix/share/doc/virtual-host-gatherer}
mandir=${MANDIR:-$prefix/share/man}
bashcompdir=${BASHCOMPDIR:-$prefix/share/bash-completion/completions}
zshcompdir=${ZSHCOMPDIR:-$prefix/share/zsh/site-functions}
fishcompdir=${FISHCOMPDIR:-$prefix/share/fish/vendor_completions.d}
unitdir=${UNITDIR:-$prefix/lib/systemd/system}
sysusersdir=${SYSUSERSDIR:-$prefix/lib/sysusers.d}
tmpfilesdir=${TMPFILESDIR:-$prefix/lib/tmpfiles.d}
logrotatedir=${LOGROTATEDIR:-$sysconfdir/logrotate.d}
exampledir=${EXAMPLEDIR:-$sysconfdir/virtual-host-gatherer}

for folder in "$prefix" "$libdir" "$sysconfdir" "$docdir" "$mandir" "$bashcompdir" "$zshcompdir" "$fishcompdir" \
    "$unitdir" "$sysusersdir" "$tmpfilesdir" "$logrotatedir" "$exampledir"; do
    case $folder in
    /*) ;;
    *) fail "PREFIX, LIBDIR, SYSCONFDIR and the other folders must be absolute paths, not '$folder'." ;;
    esac
done

bindir=$prefix/bin
plugindir=$libdir/virtual-host-gatherer/plugins
confdir=$sysconfdir/virtual-host-gatherer
units=(virtual-host-gatherer.service virtual-host-gatherer.timer virtual-host-gatherer-watch.service)

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
    # Some build scripts depend on the time of a package, so the debug build would be built anew with it.
    (
        [ "$profile" != dev ] || unset SOURCE_DATE_EPOCH
        GATHERER_INSTALL_PLUGIN_DIR=$plugindir GATHERER_CONFIG_FILE=$confdir/config.toml \
            build_program "$profile"
    )
    scripts/third-party-licenses.sh >"$(built_dir)/THIRD-PARTY-LICENSES"
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

# Installs a file with mode 644, with the paths of this installation in it instead of those of packages.
install_with_paths() {
    local to=$destdir$2
    install -d -m 755 "$(dirname "$to")"
    sed -e "s|/usr/bin/|$bindir/|g" -e "s|/etc/virtual-host-gatherer|$confdir|g" "$1" >"$to"
    chmod 644 "$to"
}

# Prints the files that uninstall removes, one in a line.
other_files() {
    local unit
    printf '%s\n' "$bashcompdir/virtual-host-gatherer" "$zshcompdir/_virtual-host-gatherer" \
        "$fishcompdir/virtual-host-gatherer.fish" "$sysusersdir/virtual-host-gatherer.conf" \
        "$tmpfilesdir/virtual-host-gatherer.conf" "$logrotatedir/virtual-host-gatherer"
    for unit in "${units[@]}"; do
        printf '%s\n' "$unitdir/$unit"
    done
}

# The program writes its manual pages and completions itself.
install_shell_files() {
    local program=$1
    install -d -m 755 "$destdir$bashcompdir" "$destdir$zshcompdir" "$destdir$fishcompdir" "$destdir$mandir/man1" "$destdir$mandir/man5"
    umask 022
    "$program" man-pages "$destdir$mandir"
    "$program" completions bash >"$destdir$bashcompdir/virtual-host-gatherer"
    "$program" completions zsh >"$destdir$zshcompdir/_virtual-host-gatherer"
    "$program" completions fish >"$destdir$fishcompdir/virtual-host-gatherer.fish"
}

install_service_files() {
    local unit
    for unit in "${units[@]}"; do
        install_with_paths "packaging/systemd/$unit" "$unitdir/$unit"
    done
    install_with_paths packaging/systemd/virtual-host-gatherer.sysusers "$sysusersdir/virtual-host-gatherer.conf"
    install_with_paths packaging/systemd/virtual-host-gatherer.tmpfiles "$tmpfilesdir/virtual-host-gatherer.conf"
    install_with_paths packaging/logrotate/virtual-host-gatherer "$logrotatedir/virtual-host-gatherer"
}

install_all() {
    local built plugin document
    build_or_reuse
    built=$(built_dir)

    install -d -m 755 "$destdir$bindir" "$destdir$plugindir" "$destdir$confdir" "$destdir$docdir" "$destdir$exampledir"
    install -m 755 "$built/virtual-host-gatherer" "$destdir$bindir/virtual-host-gatherer"
    install -m 755 packaging/ansible/virtual-host-gatherer-ansible "$destdir$bindir/"
    for plugin in $(installed_plugins); do
        install -m 644 "$built/$(library "$plugin")" "$destdir$plugindir/"
    done
    install_shell_files "$built/virtual-host-gatherer"
    install_service_files

    # The operator's own config.toml in the same folder is never changed.
    install -m 644 packaging/config.toml.example "$destdir$exampledir/config.toml.example"

    install -m 644 LICENSE "$built/THIRD-PARTY-LICENSES" "$destdir$docdir/"
    for document in README.md ARCHITECTURE.md; do
        [ ! -f "$document" ] || install -m 644 "$document" "$destdir$docdir/"
    done
    [ ! -d docs ] || find docs -type f | while IFS= read -r document; do
        install -D -m 644 "$document" "$destdir$docdir/$document"
    done
    # Requests to try and to copy.
    install -d -m 755 "$destdir$docdir/examples"
    install -m 644 demo/*.json "$destdir$docdir/examples/"

    say "Installed:"
    say "    program   $destdir$bindir/virtual-host-gatherer"
    say "    script    $destdir$bindir/virtual-host-gatherer-ansible (an inventory for Ansible)"
    say "    plugins   $destdir$plugindir ($(installed_plugins | paste -s -d ' '))"
    say "    example   $destdir$exampledir/config.toml.example"
    say "    documents $destdir$docdir"
    say "    manual    $destdir$mandir"
    say "    services  $destdir$unitdir (${units[*]})"
}

uninstall_all() {
    local plugin file
    rm -f "$destdir$bindir/virtual-host-gatherer" "$destdir$bindir/virtual-host-gatherer-ansible" \
        "$destdir$exampledir/config.toml.example"
    for plugin in $(installed_plugins); do
        rm -f "$destdir$plugindir/$(library "$plugin")"
    done
    rm -f "$destdir$mandir"/man1/virtual-host-gatherer.1 "$destdir$mandir"/man1/virtual-host-gatherer-*.1 \
        "$destdir$mandir/man5/virtual-host-gatherer-config.5"
    other_files | while IFS= read -r file; do
        rm -f "$destdir$file"
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
