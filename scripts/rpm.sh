#!/usr/bin/env bash
# Builds the rpm packages of this checkout, in target/packages. With the argument "source", makes the source package from the
# archives of scripts/dist.sh instead.
#
# The environment: BUILD_PROFILE=dev packs the debug build, for tests. PACKAGE_VERSION=1.9.0 gives the packages another
# version, to test upgrades.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
command -v rpmbuild >/dev/null 2>&1 || install_packages rpm ||
    fail "rpmbuild was not found: install your distribution's package rpm-build, or on Debian run '$(as_root)apt-get install rpm'."

spec=packaging/rpm/virtual-host-gatherer.spec
version=$(project_version)
grep -q "package_version $version}\$" "$spec" || fail "$spec does not have the version $version of Cargo.toml: change package_version and the changelog."

folder=$(packages_dir)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$folder/rpm-build
rm -rf "$work"
mkdir -p "$work"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(source_date)}
export SOURCE_DATE_EPOCH

# The same bytes on every machine and at every time.
options=(--define "_topdir $work" --define "_rpmdir $work" --define "_srcrpmdir $work" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm'
    --define '_buildhost reproducible' --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1'
    --define '_binary_payload w19.zstdio' --define '_source_payload w.ufdio')

if [ "${1:-}" = source ]; then
    if [ ! -f "$folder/vendor.tar.xz" ] || [ ! -f "$folder/virtual-host-gatherer-$version.tar.xz" ]; then
        scripts/dist.sh
    fi
    rpmbuild -bs --nodeps "${options[@]}" --define "_sourcedir $folder" "$spec"
else
    [ -z "${PACKAGE_VERSION:-}" ] || options+=(--define "package_version $PACKAGE_VERSION")
    [ "${BUILD_PROFILE:-release}" != dev ] || options+=(--define '_binary_payload w1.gzdio')
    target=$(target_dir)
    case $target in /*) ;; *) target=$PWD/$target ;; esac
    # cargo and rustc can come from rustup, which BuildRequires does not know; need_toolchain has checked them.
    CARGO_TARGET_DIR=$target rpmbuild -bb --build-in-place --nodeps "${options[@]}" "$spec"
fi

names=$(cd "$work" && ls ./*.rpm)
mv "$work"/*.rpm "$folder/"
rm -rf "$work"
title "rpm packages in $folder"
(cd "$folder" && printf '%s\n' "$names" | xargs -d '\n' du -h)
