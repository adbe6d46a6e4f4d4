# shellcheck shell=sh
# Runs libvirtd, and sshd if it is configured, in namespaces of their own, of which this shell is
# the first process: when it ends, the kernel ends everything in them. It ends when its stdin
# does, which the test holds open.
#
#   sh start.sh ROOT OWN SHARED
#
# ROOT: the unpacked packages. OWN: this daemon's folder. SHARED: what libvirt learnt of QEMU, which
# takes it a second, and which all daemons may have from each other.
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
    # The line of docs/modules/Libvirt.md.
    printf 'restrict,command="virt-ssh-helper -r qemu:///system" ' |
        cat - "$own/etc/ssh/gatherer_key.pub" >"$own/etc/ssh/gatherer.keys"
    chroot "$root" /usr/sbin/sshd -D -e 3<&- &
fi
chroot "$root" /usr/sbin/libvirtd --listen 3<&- &
# Waiting also buries what was orphaned, as the first process has to.
while :; do
    wait || true
done
