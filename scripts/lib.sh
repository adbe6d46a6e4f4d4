# shellcheck shell=bash
# Functions that the scripts share: messages, checks of the tools, Debian packages. This file is sourced,
# not run. It changes to the top folder of the repository.

set -euo pipefail
export HOME="${HOME:-"$(cd ~ && pwd)"}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() {
    printf '%s\n' "$*"
}

# Prints a headline between the steps of a long output.
title() {
    printf '\n== %s\n' "$*"
}

# Prints a message and exits with status 2, for mistakes in the environment or the arguments.
fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

# Prints the oldest Rust version that builds the workspace.
needed_rust() {
    sed -n '/^rust-version/{s/.*"\([0-9.]*\)".*/\1/p;q;}' Cargo.toml
}

# Fails unless cargo and a C compiler can build the workspace.
need_toolchain() {
    local needed found
    needed=$(needed_rust)
    if ! command -v cargo >/dev/null 2>&1; then
        if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
            fail "cargo is installed but not in PATH: run '. ${CARGO_HOME:-$HOME/.cargo}/env', then try again."
        fi
        fail "cargo was not found. Rust $needed or later is needed: install rustup, then run 'rustup update stable'."
    fi
    # If cargo fails, as with a rustup without a toolchain, `found` has its error message.
    if ! found=$(cargo --version 2>&1); then
        fail "cargo does not run (${found%%$'\n'*}). Rust $needed or later is needed: run 'rustup update stable'."
    fi
    found=${found#cargo }
    found=${found%% *}
    if ! printf '%s\n%s\n' "$needed" "${found%%-*}" | sort -V -C; then
        fail "cargo has version $found, and $needed or later is needed: run 'rustup update stable'."
    fi
    if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
        fail "No C compiler was found (${CC:-cc}), which Rust needs to link: on Debian, run '$(as_root)apt-get install gcc libc6-dev'."
    fi
}

# Prints "sudo " unless the user is root, for commands in messages.
as_root() {
    [ "$(id -u)" -eq 0 ] || printf 'sudo '
}

# Prints cargo's target folder; relative to the top folder if it is inside.
target_dir() {
    local folder
    folder=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    printf '%s\n' "${folder#"$PWD"/}"
}

# Lists the folders of the workspace's plugins.
plugin_folders() {
    local folder
    for folder in plugins/*/Cargo.toml; do
        basename "$(dirname "$folder")"
    done
}

# Lists the plugins to install: all except the example, which is for authors.
installed_plugins() {
    plugin_folders | grep -vx example
}

# Builds program and plugins in the profile $1 (release or dev). demo, bench and install build the same
# packages, so that none of them has to rebuild.
build_program() {
    local folder packages=()
    for folder in $(plugin_folders); do
        packages+=(-p "gatherer-plugin-$folder")
    done
    cargo build --profile "$1" --locked -p virtual-host-gatherer "${packages[@]}"
}

# True if libvirt's client library, which the plugin loads at run time, is installed.
have_libvirt() {
    case $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) in
    *libvirt.so.0\ *) ;;
    *) return 1 ;;
    esac
}

# Installs Debian packages as root, without output unless it fails. False if it cannot.
install_packages() {
    local output
    command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ] || return 1
    say "Installing with apt-get: $*"
    # The first attempt may fail because the package lists are missing or old.
    if output=$(apt_install "$@" 2>&1) || { apt-get update -qq </dev/null >/dev/null 2>&1; output=$(apt_install "$@" 2>&1); }; then
        return 0
    fi
    printf '%s\n' "$output" >&2
    return 1
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# Prints the folder for results that take long to produce and are kept between runs.
cache_dir() {
    printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/virtual-host-gatherer"
}

# Prepares the server $1 of the tests with scripts/servers/$1.sh, unless that is already done. False if
# this machine cannot run it; $reason then has the message.
make_server() {
    local errors status=0
    errors=$(mktemp)
    scripts/servers/"$1".sh 2>"$errors" </dev/null || status=$?
    cat "$errors" >&2
    reason=$(tail -n 1 "$errors")
    rm -f "$errors"
    [ "$status" -ne 0 ] || return 0
    : "${reason:=scripts/servers/$1.sh exited with status $status}"
    return 1
}

# Prints the command that installs libvirt's client library.
libvirt_command() {
    if command -v apt-get >/dev/null 2>&1; then
        printf '%sapt-get install --no-install-recommends libvirt0\n' "$(as_root)"
    else
        printf "your package manager, for the package that has libvirt.so.0 (often 'libvirt-libs')\n"
    fi
}

# Prints the version of the program, which is the version of its packages.
project_version() {
    sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml
}

# Prints the folder of archives and packages.
packages_dir() {
    printf "%s\n" "${PACKAGES_DIR:-${CARGO_TARGET_DIR:-target}/packages}"
}

# Prints the time of the last commit in seconds since 1970: from git, or in an unpacked source archive from
# packaging/source-date, which `git archive` fills in.
source_date() {
    local date
    if [ "$(git rev-parse --show-cdup 2>/dev/null || printf no)" = "" ]; then
        git log -1 --format=%ct
        return
    fi
    date=$(cat packaging/source-date)
    case $date in
    *[!0-9]* | "") fail "packaging/source-date has no time, and this is no git checkout: set SOURCE_DATE_EPOCH." ;;
    esac
    printf '%s\n' "$date"
}

# Sets and exports the environment of every build that is distributed, in the profile $1 (release if it is missing):
# two builds of one commit with the same compilers then have the same bytes, wherever the folders are. If there is a
# folder vendor/, the crates are taken from there, and cargo does not use the network.
package_environment() {
    local profile=${1:-release} target crates sysroot commit folder separator=$'\x1f' flags
    umask 022
    export LC_ALL=C.UTF-8 TZ=UTC
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(source_date)}
    export SOURCE_DATE_EPOCH
    # The debug build of the tests is packed as it is: other flags would build all crates again.
    [ "$profile" != dev ] || return 0

    export CARGO_INCREMENTAL=0
    target=${CARGO_TARGET_DIR:-$PWD/target}
    if [ -d vendor ]; then
        crates=("$PWD/vendor")
        export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} CARGO_NET_OFFLINE=true
        # cargo reads the replacement of a registry from a file only.
        CARGO_HOME=$target/vendored-cargo-home
        export CARGO_HOME
        mkdir -p "$CARGO_HOME"
        printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "%s"\n' "$PWD/vendor" \
            >"$CARGO_HOME/config.toml"
    else
        # Unpacks the crates, so that their folders can be listed.
        cargo fetch --quiet --locked --target "$(rustc -vV | sed -n 's/^host: //p')"
        crates=("${CARGO_HOME:-$HOME/.cargo}"/registry/src/*)
    fi

    # If several prefixes match a path, rustc uses the last one. So the target folder, which can be inside the
    # source folder, is the last.
    sysroot=$(rustc --print sysroot)
    commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
    flags=${CARGO_ENCODED_RUSTFLAGS:-$(printf '%s' "${RUSTFLAGS:-}" | tr -s ' ' "$separator")}
    export CC_SHELL_ESCAPED_FLAGS=1
    for folder in "$sysroot/lib/rustlib/src/rust=/rustc/$commit" "$PWD=/source" "${crates[@]/%/=/crates}" "$target=/target"; do
        flags+=${flags:+$separator}--remap-path-prefix=$folder
        CFLAGS="${CFLAGS:+$CFLAGS }-ffile-prefix-map=$(printf %q "$folder")"
    done
    export CARGO_ENCODED_RUSTFLAGS=$flags CFLAGS
    unset RUSTFLAGS
}
