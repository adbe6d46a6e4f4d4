#!/usr/bin/env bash
# What debian/rules and the spec file call:
#
#     package.sh build|install      runs scripts/install.sh in the environment of package_environment
#     package.sh provides           the capability that a plugin needs, with the version that the program has
#     package.sh requires FOLDER    the same, with the version that the plugin plugins/FOLDER needs
#
# docs/abi.md explains the versions: the name of the capability has the ABI, and its version is that of the plugin API.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# Prints the name of the capability.
abi_name() {
    local major
    major=$(sed -n 's/^pub const ABI_VERSION: &str = "\([0-9]*\).*/\1/p' plugin-api/src/abi.rs)
    [ -n "$major" ] || fail "The ABI's version was not found in plugin-api/src/abi.rs."
    printf 'virtual-host-gatherer-abi-%s\n' "$major"
}

# Prints the first version in the file $1 after the key $2.
version_in() {
    local version
    version=$(sed -n "s/^ *\"\\{0,1\\}$2\"\\{0,1\\} *[:=] *\"\\([0-9.]*\\)\".*/\\1/p;T;q" "$1")
    [ -n "$version" ] || fail "$1 has no $2."
    printf '%s\n' "$version"
}

case ${1:-} in
build | install)
    # The tools of a package build have a temporary home folder, so the caller names Rust's folders.
    need_toolchain
    package_environment "${BUILD_PROFILE:-release}"
    scripts/install.sh "$1"
    ;;
provides)
    name=$(abi_name)
    version=$(version_in plugin-api/Cargo.toml version)
    # API_VERSION has no patch number.
    say "$name (= ${version%.*}.0)"
    ;;
requires)
    name=$(abi_name)
    version=$(version_in "plugins/$2/manifest.json" minimumApi)
    say "$name (>= $version)"
    ;;
*) fail "usage: package.sh build|install|provides|requires FOLDER" ;;
esac
