# shellcheck shell=sh
# Runs libvirtd, and sshd if it is configured, in separate namespaces. This shell is their first
# process, so the kernel ends all other processes in them when it ends. It ends when its stdin is
# closed, which the test keeps open.
#
#   sh start.sh ROOT OWN SHARED
#
# ROOT: the unpacked packages. OWN: this daemon's folder. SHARED: libvirt's cache of QEMU's capabilities;
# all daemons share it, because detecting them takes a second.
set -eu
root=$1 own=$2 shared=$3

trap 'exit 0' TERM
exec 3<&0 </dev/null
(
    trap - TERM
    read -r _ <&3 || true
    kill -TERM 1
) &

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
for folder in etc var run tmp root; do
    mount --bind "$own/$folder" "$root/$folder"
done
mount --bind "$shared" "$root/var/cache/libvirt/qemu/capabilities"

while read -r user password; do
    printf '%s' "$password" | chroot "$root" /usr/sbin/saslpasswd2 -p -c -a libvirt "$user"
done <"$own/etc/sasl-users"

if [ -e "$own/etc/ssh/sshd_config" ]; then
    for key in host_key accepted_key refused_key gatherer_key; do
        chroot "$root" /usr/bin/ssh-keygen -q -t ed25519 -N '' -C '' -f "/etc/ssh/$key"
    done
    cp "$own/etc/ssh/accepted_key.pub" "$own/etc/ssh/root.keys"
    # The line that docs/modules/Libvirt.md recommends.
    printf 'restrict,command="virt-ssh-helper -r qemu:///system" ' |
        cat - "$own/etc/ssh/gatherer_key.pub" >"$own/etc/ssh/gatherer.keys"
    chroot "$root" /usr/sbin/sshd -D -e 3<&- &
fi
chroot "$root" /usr/sbin/libvirtd --listen 3<&- &
# As the first process of the namespace this shell must also reap orphans; waiting does that.
while :; do
    wait || true
done
