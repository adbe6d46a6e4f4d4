#!/usr/bin/env bash
# Makes real libvirt daemons for the tests possible, once: Debian's packages of libvirtd, QEMU, SASL
# and sshd, with all that they need, unpacked into a folder that the daemons then have as their
# root. Nothing is installed, and it does not matter what is.
#
#   scripts/servers/libvirt.sh          make it, with progress
#   scripts/servers/libvirt.sh --path   print the folder; false if it is not made
#
# Exit status 3, with the reason on stderr, where daemons cannot run on this machine.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../lib.sh"

# Counts up when a change of this script asks for another folder.
readonly recipe=1
cache=$(cache_dir)/servers/libvirt-$recipe
root=$cache/root

cannot() {
    printf 'no libvirt daemons: %s\n' "$*" >&2
    exit 3
}

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

for tool in apt-get dpkg-deb flock tar; do
    command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found: they come out of Debian's packages"
done
mkdir -p "$cache"
free=$(df --output=avail -k "$cache" | tail -n 1)
[ "$free" -gt 1000000 ] || cannot "1 GB is needed in $cache, and $((free / 1000)) MB are free"

# One at a time; whoever waited finds it made.
exec 9>"$cache/lock"
flock 9
made && exit 0

work=$cache/work
rm -rf "$work" "$root"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
begin=$SECONDS
log=$cache/log
: >"$log"

stage() {
    printf '%4d s  %s\n' $((SECONDS - begin)) "$*"
}

# Runs a command with what it says in the log, which is shown if it fails.
quiet() {
    "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        cannot "'$1' failed; the whole log is $log"
    }
}

say "Unpacking libvirtd, QEMU, SASL and sshd from Debian's packages: once, some 80 MB."
stage "lists of packages"
# A private state, in which nothing is installed: nothing under /etc/apt or /var/lib changes, and
# what is to be had is complete, to the C library.
mkdir -p "$work"/apt/{lists/partial,parts,archives/partial}
for file in /etc/apt/sources.list.d/*.sources; do
    # An empty line ends a paragraph; a file's last one may be missing.
    [ ! -r "$file" ] || { cat "$file" && echo; } >>"$work/apt/parts/all.sources"
done
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    grep -E '^deb ' >"$work/apt/parts/all.list" || true
apt=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts"
    -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt" -o Dir::State::status=/dev/null
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::Retries=5)
quiet apt-get "${apt[@]}" update

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
stage "done: $root"
