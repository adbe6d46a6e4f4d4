#!/usr/bin/env bash
# Makes the archives that distributions build from, in target/packages:
#
#     virtual-host-gatherer-VERSION.tar.xz   the files of the last commit
#     vendor.tar.xz                          the source of every crate in Cargo.lock, in the folder vendor/
#
# With the argument "source", it makes only the first. The same commit gives the same bytes.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(git rev-parse --show-cdup 2>/dev/null || printf no)" = "" ] ||
    fail "The archives are made from the last commit, and this folder is not a git checkout."
command -v xz >/dev/null 2>&1 || install_packages xz-utils ||
    fail "xz was not found: on Debian, run '$(as_root)apt-get install xz-utils'."
[ -z "$(git status --porcelain)" ] || say "Files that are not committed are not in the archives."

umask 022
export LC_ALL=C.UTF-8 TZ=UTC
name=virtual-host-gatherer-$(project_version)
folder=$(packages_dir)
mkdir -p "$folder"

# Compresses stdin in one thread, because the number of threads changes the bytes.
pack() {
    xz --threads=1 -6 >"$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    say "$(du -h "$folder/$1" | cut -f 1)  $folder/$1"
}

git -c tar.umask=0022 archive --format=tar --prefix="$name/" HEAD | pack "$name.tar.xz"

[ "${1:-}" != source ] || exit 0
need_toolchain
date=$(source_date)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# With its version in the name of each folder, as in cargo's own cache: paths in the build are the same.
cargo vendor --quiet --locked --versioned-dirs "$work/vendor" >/dev/null
tar --create --directory "$work" --format=gnu --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX vendor | pack vendor.tar.xz
