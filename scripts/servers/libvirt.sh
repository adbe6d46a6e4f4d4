#!/usr/bin/env bash
# Prepares real libvirt daemons for the tests: unpacks Debian's packages of libvirtd, QEMU, SASL and sshd,
# with all their dependencies, into a folder that becomes the root folder of the daemons. Nothing is
# installed, and the machine's installed packages do not matter. This is done once.
#
#   scripts/servers/libvirt.sh          prepare the folder, and show the progress
#   scripts/servers/libvirt.sh --path   print the folder; exit status 1 if it is not ready
#
# The exit status is 3, with the reason on stderr, if this machine cannot run the daemons.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "$0")/common.sh"

# Increase this number if a change to this script requires a new folder.
readonly recipe=1
what="libvirt daemons"
cache=$servers/libvirt-$recipe
root=$cache/root

# Each daemon runs in separate mount and process namespaces, which only root can create.
[ "$(id -u)" -eq 0 ] || cannot "only root can run them"
for tool in unshare nsenter mount chroot; do
    command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found"
done
unshare --mount --pid --fork sh -c 'mount -t proc proc /proc && mount --rbind /sys /sys && mount --rbind /dev /dev' 2>/dev/null ||
    cannot "root may not mount in a separate namespace on this machine"

made() {
    [ -e "$root/.made" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$root"
    exit
fi
made && exit 0

need_tools apt-get dpkg-deb flock tar
mkdir -p "$cache" 2>/dev/null || cannot "$cache cannot be created"
free=$(df --output=avail -k "$cache" | tail -n 1)
[ "$free" -gt 1000000 ] || cannot "1 GB is needed in $cache, but only $((free / 1000)) MB are free"
alone "the libvirt daemons"
made && exit 0

trap 'rm -rf "$work"' EXIT
begin_work
rm -rf "$root"

say "Unpacking libvirtd, QEMU, SASL and sshd from Debian's packages. This happens once, and downloads about 80 MB."
# Pretend that no package is installed, so that all dependencies are included, down to the C library.
load_lists deb -o Dir::State::status=/dev/null

stage "packages"
# dash, coreutils and debianutils are part of every Debian system, so no package depends on them.
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
# The packages' own scripts would create this link.
ln -sf which.debianutils "$new/usr/bin/which"
# Mount points for a daemon's folders.
mkdir -p "$new"/{etc,var,run,tmp,dev,proc,sys,root}

stage "checking"
quiet chroot "$new" /usr/sbin/libvirtd --version
quiet chroot "$new" /usr/bin/qemu-system-x86_64 --version
quiet chroot "$new" /usr/bin/which virt-ssh-helper saslpasswd2
: >"$new/.made"
mv "$new" "$root"
forget_older libvirt
stage "done: $root"
