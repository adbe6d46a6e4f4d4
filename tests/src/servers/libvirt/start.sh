# Runs libvirtd, and sshd if it is configured, in namespaces of their own, of which this shell is
# the first process: when it ends, the kernel ends everything in them. It ends when its stdin
# does, which the test holds open.
#
#   sh start.sh ROOT OWN      ROOT: the unpacked packages; OWN: this daemon's folder
set -eu
root=$1 own=$2

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

while read -r user password; do
    printf '%s' "$password" | chroot "$root" /usr/sbin/saslpasswd2 -p -c -f /etc/sasldb2 -a libvirt "$user"
done <"$own/etc/users"

[ ! -e "$own/etc/ssh/sshd_config" ] || chroot "$root" /usr/sbin/sshd -D -e 3<&- &
chroot "$root" /usr/sbin/libvirtd --listen 3<&- &
# Waiting also buries what was orphaned, as the first process has to.
while :; do
    wait || true
done
