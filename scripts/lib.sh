# shellcheck shell=bash
# What the scripts share: sentences for people, checks of the tools, Debian packages.
# Sourced, never run. It changes to the top of the tree.

set -euo pipefail
export HOME="${HOME:-"$(cd ~ && pwd)"}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() {
    printf '%s\n' "$*"
}

# A headline between the steps of a long output.
title() {
    printf '\n== %s\n' "$*"
}

# One sentence, and the exit status of a wrong environment.
fail() {
    printf '%s\n' "$*" >&2
    exit 2
}

# The oldest Rust that builds the workspace.
needed_rust() {
    sed -n '/^rust-version/{s/.*"\([0-9.]*\)".*/\1/p;q;}' Cargo.toml
}

# Stops unless cargo and a C compiler can build the workspace.
need_toolchain() {
    local needed there
    needed=$(needed_rust)
    if ! command -v cargo >/dev/null 2>&1; then
        if [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
            fail "cargo is installed but not in PATH: run '. ${CARGO_HOME:-$HOME/.cargo}/env', then again."
        fi
        fail "cargo was not found: Rust $needed or later is needed; install rustup, then run 'rustup update stable'."
    fi
    # What cargo itself says stands in `there` if it fails, as rustup without a toolchain does.
    if ! there=$(cargo --version 2>&1); then
        fail "cargo does not run (${there%%$'\n'*}): Rust $needed or later is needed; run 'rustup update stable'."
    fi
    there=${there#cargo }
    there=${there%% *}
    if ! printf '%s\n%s\n' "$needed" "${there%%-*}" | sort -V -C; then
        fail "cargo is $there, and $needed or later is needed: run 'rustup update stable'."
    fi
    if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
        fail "No C compiler was found (${CC:-cc}), which Rust needs to link: on Debian, run '$(as_root)apt-get install gcc libc6-dev'."
    fi
}

# "sudo " for everybody but root, to show in a command.
as_root() {
    [ "$(id -u)" -eq 0 ] || printf 'sudo '
}

# Where cargo puts what it builds; relative to the top of the tree if it is inside.
target_dir() {
    local folder
    folder=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    printf '%s\n' "${folder#"$PWD"/}"
}

# The plugins of the workspace, by folder.
plugin_folders() {
    local folder
    for folder in plugins/*/Cargo.toml; do
        basename "$(dirname "$folder")"
    done
}

# Builds program and plugins in the profile $1 (release or dev). demo, bench and install ask
# for the same packages, so that one never rebuilds what another has built.
build_program() {
    local folder packages=()
    for folder in $(plugin_folders); do
        packages+=(-p "gatherer-plugin-$folder")
    done
    cargo build --profile "$1" --locked -p virtual-host-gatherer "${packages[@]}"
}

# Whether the client library of libvirt can be loaded; the plugin looks for it at run time.
have_libvirt() {
    case $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) in
    *libvirt.so.0\ *) ;;
    *) return 1 ;;
    esac
}

# Installs Debian packages as root, quietly unless it fails. False where it cannot.
install_packages() {
    local output
    command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" -eq 0 ] || return 1
    say "Installing with apt-get: $*"
    # The lists may be missing or old: the first try may fail for that alone.
    if output=$(apt_install "$@" 2>&1) || { apt-get update -qq </dev/null >/dev/null 2>&1; output=$(apt_install "$@" 2>&1); }; then
        return 0
    fi
    printf '%s\n' "$output" >&2
    return 1
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# Where things are kept from one run to the next that take long to make.
cache_dir() {
    printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/virtual-host-gatherer"
}

# Makes a server of the tests, scripts/servers/$1.sh, unless it is made. False where it cannot be
# made here, with the sentence that says why in $reason.
make_server() {
    local errors status=0
    errors=$(mktemp)
    scripts/servers/"$1".sh 2>"$errors" </dev/null || status=$?
    cat "$errors" >&2
    reason=$(tail -n 1 "$errors")
    rm -f "$errors"
    [ "$status" -ne 0 ] || return 0
    : "${reason:=scripts/servers/$1.sh ended with exit status $status}"
    return 1
}

# What a person has to run to get libvirt's client library.
libvirt_command() {
    if command -v apt-get >/dev/null 2>&1; then
        printf '%sapt-get install --no-install-recommends libvirt0\n' "$(as_root)"
    else
        printf "your package manager, for the package that has libvirt.so.0 (often 'libvirt-libs')\n"
    fi
}
