#!/usr/bin/env bash
# Builds the Debian packages of this checkout, in target/packages. With the argument "source", makes the source package from
# the archives of scripts/dist.sh instead.
#
# The environment: BUILD_PROFILE=dev packs the debug build, for tests. PACKAGE_VERSION=1.9.0 gives the packages another
# version, to test upgrades.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
# Debian's tools, by the packages that have them.
if ! command -v dh >/dev/null 2>&1 || ! command -v dpkg-buildpackage >/dev/null 2>&1; then
    install_packages debhelper dpkg-dev ||
        fail "debhelper and dpkg-dev, which build Debian packages, are not installed: on Debian, run '$(as_root)apt-get install debhelper dpkg-dev'."
fi

version=$(project_version)
changelog=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
[ "${changelog%-*}" = "$version" ] ||
    fail "packaging/debian/changelog has version $changelog and Cargo.toml has $version: add an entry to the changelog."

folder=$(packages_dir)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$folder/deb-build
source=$work/virtual-host-gatherer-$version
rm -rf "$work"
mkdir -p "$source"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(source_date)}
export SOURCE_DATE_EPOCH

if [ "${1:-}" = source ]; then
    if [ ! -f "$folder/vendor.tar.xz" ] || [ ! -f "$folder/virtual-host-gatherer-$version.tar.xz" ]; then
        scripts/dist.sh
    fi
    cp "$folder/virtual-host-gatherer-$version.tar.xz" "$work/virtual-host-gatherer_$version.orig.tar.xz"
    cp "$folder/vendor.tar.xz" "$work/virtual-host-gatherer_$version.orig-vendor.tar.xz"
    tar --extract --directory "$work" --file "$folder/virtual-host-gatherer-$version.tar.xz"
    tar --extract --directory "$source" --file "$folder/vendor.tar.xz"
    cp -a packaging/debian "$source/debian"
    (cd "$work" && dpkg-source --build "virtual-host-gatherer-$version")
    made=("$work"/*.dsc "$work"/*.orig*.tar.xz "$work"/*.debian.tar.xz)
else
    cp -a packaging/debian "$source/debian"
    if [ -n "${PACKAGE_VERSION:-}" ]; then
        sed -i "1s/(.*)/($PACKAGE_VERSION-1)/" "$source/debian/changelog"
    fi
    # debhelper sets HOME to an empty folder, where rustup and cargo find nothing.
    export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
    target=$(target_dir)
    case $target in /*) ;; *) target=$PWD/$target ;; esac
    # cargo and rustc can come from rustup, which Build-Depends does not know; need_toolchain has checked them.
    (cd "$source" && GATHERER_SOURCE=$OLDPWD CARGO_TARGET_DIR=$target dpkg-buildpackage --build=binary --no-sign \
        --no-check-builddeps)
    made=("$work"/*.deb "$work"/*.changes "$work"/*.buildinfo)
fi

names=$(basename -a "${made[@]}")
mv "${made[@]}" "$folder/"
rm -rf "$work"
title "Debian packages in $folder"
(cd "$folder" && printf '%s\n' "$names" | xargs -d '\n' du -h)
