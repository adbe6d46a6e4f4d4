#!/usr/bin/env bash
# Makes real libvirt daemons for the tests possible, once: Debian's packages of libvirtd, QEMU, SASL
# and sshd, with all that they need, unpacked into a folder that the daemons then have as their
# root. Nothing is installed, and it does not matter what is.
#
#   scripts/servers/libvirt.sh          make it, with progress
#   scripts/servers/libvirt.sh --path   print the folder; false if it is not made
#
# Exit status 3, with the reason on stderr, where daemons cannot run on this machine.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "$0")/common.sh"

# Counts up when a change of this script asks for another folder.
readonly recipe=1
what="libvirt daemons"
cache=$servers/libvirt-$recipe
root=$cache/root

# Each daemon has mounts and processes of its own, which only root may give it.
[ "$(id -u)" -eq 0 ] || cannot "only root can run them"
for tool in unshare nsenter mount chroot; do
    command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found"
done
unshare --mount --pid --fork sh -c 'mount -t proc proc /proc && mount --rbind /sys /sys && mount --rbind /dev /dev' 2>/dev/null ||
    cannot "this machine does not let root mount in a namespace of its own"

made() {
    [ -e "$root/.made" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$root"
    exit
fi
made && exit 0

need_tools apt-get dpkg-deb flock tar
mkdir -p "$cache" 2>/dev/null || cannot "$cache cannot be made"
free=$(df --output=avail -k "$cache" | tail -n 1)
[ "$free" -gt 1000000 ] || cannot "1 GB is needed in $cache, and $((free / 1000)) MB are free"
alone "what libvirt daemons need"
made && exit 0

trap 'rm -rf "$work"' EXIT
begin_work
rm -rf "$root"

say "Unpacking libvirtd, QEMU, SASL and sshd from Debian's packages: once, some 80 MB."
# As if nothing were installed: what is to be had is complete, to the C library.
load_lists deb -o Dir::State::status=/dev/null

stage "packages"
# dash, coreutils and debianutils are part of every Debian, so that nothing says that it needs them.
quiet apt-get "${apt[@]}" install --download-only -y --no-install-recommends \
    libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients qemu-system-x86 \
    sasl2-bin libsasl2-modules openssh-server dash coreutils debianutils
debs=("$work"/apt/archives/*.deb)

stage "unpacking ${#debs[@]} packages"
new=$cache/new
rm -rf "$new"
mkdir -p "$new"/usr/{bin,sbin,lib,lib64}
for folder in bin sbin lib lib64; do
    ln -s "usr/$folder" "$new/$folder"
done
for deb in "${debs[@]}"; do
    dpkg-deb --fsys-tarfile "$deb" >"$work/files.tar" 2>>"$log" || cannot "$deb cannot be read"
    quiet tar -C "$new" --keep-directory-symlink --exclude='./usr/share/doc' --exclude='./usr/share/locale' \
        --exclude='./usr/share/man' -xf "$work/files.tar"
done
# What the packages' own scripts would have done.
ln -sf which.debianutils "$new/usr/bin/which"
# Where a daemon's own folders are mounted.
mkdir -p "$new"/{etc,var,run,tmp,dev,proc,sys,root}

stage "checking"
quiet chroot "$new" /usr/sbin/libvirtd --version
quiet chroot "$new" /usr/bin/qemu-system-x86_64 --version
quiet chroot "$new" /usr/bin/which virt-ssh-helper saslpasswd2
: >"$new/.made"
mv "$new" "$root"
forget_older libvirt
stage "done: $root"
