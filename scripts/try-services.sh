#!/usr/bin/env bash
# Tries the services of the Debian packages in target/packages with a real systemd: it is the first process of
# namespaces of its own, in a fresh Debian. Prints "ok: <rule>" or "not ok: <rule>" for each check.
#
#     try-services.sh [bookworm|trixie]
#
# Only root can run it, on a kernel with control groups of version 1 or 2. All processes end with this script, however
# it ends, and it removes its folders and control groups.
# The checks are passed by name to `rule`. Therefore shellcheck thinks that they are unused, and bash does not stop
# inside them at a failure, so their commands are joined by `&&`.
# shellcheck disable=SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/rules.sh
. scripts/rules.sh

# Makes the folder $1 the root, and becomes its systemd. This is the first process of a process namespace.
become_systemd() {
    local root=$1 device
    mount --make-rprivate /
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null zero full random urandom tty; do
        : >"dev/$device"
        mount --bind "/dev/$device" "dev/$device"
    done
    ln -s /proc/self/fd dev/fd
    mkdir dev/shm dev/pts dev/mqueue
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    mount -t tmpfs -o mode=1777 tmpfs dev/shm
    mount -t tmpfs -o mode=755 tmpfs run
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        mount -t cgroup2 cgroup2 sys/fs/cgroup
    else
        mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    fi
    ip link set lo up
    hostname gatherer-test
    mkdir -p old-root
    pivot_root . old-root
    umount -l /old-root
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
}

if [ "${1:-}" = --inside ]; then
    become_systemd "$2"
fi

suite=${1:-bookworm}
built=$(packages_dir)
[ "$(id -u)" -eq 0 ] || fail "Only root can start systemd in namespaces."
ls "$built"/virtual-host-gatherer_*.deb >/dev/null 2>&1 || fail "There are no packages in $built: run 'make deb' first."

place=$(mktemp -d)
root=$place/root
output=$place/output
systemd=
unshared=

# Removes the control groups that systemd made.
remove_groups() {
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || return 0
    mkdir -p "$place/groups"
    mount -t cgroup -o none,name=systemd cgroup "$place/groups" || return 0
    find "$place/groups" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
    umount "$place/groups"
}

tidy() {
    # The kernel then kills all processes of the process namespace.
    [ -z "$systemd" ] || kill -KILL "$systemd" 2>/dev/null || true
    [ -z "$unshared" ] || kill -KILL "$unshared" 2>/dev/null || true
    wait
    remove_groups
    rm -rf --one-file-system "$place"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command beside systemd.
inside() {
    nsenter --target "$systemd" --mount --pid --net --ipc --uts --root --wd \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

# Repeats a command until it succeeds, for at most 30 seconds.
eventually() {
    local _
    for _ in $(seq 150); do
        ! "$@" || return 0
        sleep 0.2
    done
    return 1
}

# Sets $systemd to the first process of the namespaces. (The file has no size.)
has_child() {
    systemd=$(tr -d " " <"/proc/$unshared/task/$unshared/children") && [ -n "$systemd" ]
}

started() {
    case $(inside systemctl is-system-running 2>/dev/null) in running | degraded) ;; *) return 1 ;; esac
}

inactive() {
    local unit
    for unit in "$@"; do
        ! inside systemctl is-active "$unit" && [ "$(inside systemctl is-enabled "$unit")" != enabled ] || return 1
    done
}

are_stopped() {
    local unit
    for unit in "$@"; do
        ! inside systemctl is-active "$unit" || return 1
    done
}

# The owner, group and mode of the file $1 must be $2.
owned() {
    [ "$(inside stat -c '%U:%G %a' "$1")" = "$2" ] || { inside stat -c '%n is %U:%G %a' "$1"; return 1; }
}

has() {
    inside grep -q "$1" "$2" || { inside cat "$2"; return 1; }
}

# The watch service has written an event with this text.
has_event() {
    inside grep -qs "$1" /var/log/virtual-host-gatherer/events.ndjson
}

exposure_below() {
    inside systemd-analyze security --no-pager --threshold="$2" "$1" | tail -n 1
}

run_once() {
    inside systemctl start virtual-host-gatherer.service || {
        inside journalctl --no-pager --unit virtual-host-gatherer.service
        return 1
    }
}

watch_is_up() {
    inside systemctl enable --now virtual-host-gatherer-watch.service &&
        eventually inside sh -c 'systemctl show --property StatusText virtual-host-gatherer-watch | grep "2 endpoints"'
}

rename_guest() {
    inside sed -i "s/\"$1\"/\"$2\"/" /etc/virtual-host-gatherer/endpoints.d/hosts
}

rotate() {
    inside logrotate --force /etc/logrotate.d/virtual-host-gatherer &&
        inside test -s /var/log/virtual-host-gatherer/events.ndjson.1 &&
        owned /var/log/virtual-host-gatherer/events.ndjson "$owner 640"
}

restarts_after_a_crash() {
    inside systemctl kill --kill-whom=main --signal=KILL virtual-host-gatherer-watch.service &&
        eventually inside sh -c 'systemctl show --property NRestarts virtual-host-gatherer-watch | grep =1' &&
        eventually inside systemctl is-active virtual-host-gatherer-watch.service
}

# Prints the first process of the watch service.
watch_process() {
    inside systemctl show --property MainPID --value virtual-host-gatherer-watch.service
}

upgrade_restarts_the_service() {
    local before
    before=$(watch_process)
    inside sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --install /packages/virtual-host-gatherer_*.deb' </dev/null || return 1
    if ! inside systemctl is-active virtual-host-gatherer-watch.service || [ "$before" = "$(watch_process)" ]; then
        inside journalctl --no-pager --lines 20 --unit virtual-host-gatherer-watch.service
        return 1
    fi
}

upgrade_starts_no_service() {
    inside sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --install /packages/virtual-host-gatherer_*.deb' </dev/null &&
        ! inside systemctl is-active virtual-host-gatherer-watch.service
}

stops_cleanly() {
    inside systemctl stop virtual-host-gatherer-watch.service &&
        inside sh -c 'systemctl show --property Result virtual-host-gatherer-watch | grep =success'
}

# Unpacks a fresh Debian into the root, which is made once and kept, and installs the packages.
install_in_root() {
    local base
    base=$(cache_dir)/debian-$suite-systemd.tar
    if [ ! -s "$base" ]; then
        command -v debootstrap >/dev/null 2>&1 || install_packages debootstrap || fail "debootstrap is not installed."
        say "Making a Debian $suite in $base. This happens once."
        mkdir -p "$(cache_dir)"
        debootstrap --variant=minbase --include=systemd-sysv,dbus,logrotate,libvirt0,openssh-client,ca-certificates \
            "$suite" "$place/base" >"$output" 2>&1 </dev/null || {
            tail -n 20 "$output"
            fail "debootstrap could not make a Debian $suite."
        }
        tar -C "$place/base" -cf "$base.new" .
        mv "$base.new" "$base"
        rm -rf --one-file-system "$place/base"
    fi
    mkdir "$root"
    tar -C "$root" -xf "$base"
    mkdir "$root/packages"
    cp "$built"/virtual-host-gatherer_*.deb "$built"/virtual-host-gatherer-module-{file,libvirt}_*.deb "$root/packages/"
    mount --bind /proc "$root/proc"
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
        sh -c 'dpkg --install /packages/*.deb' >"$output" 2>&1 </dev/null || { cat "$output"; false; }
    umount "$root/proc"
}

owner=virtual-host-gatherer:virtual-host-gatherer
install_in_root

unshare --mount --pid --net --ipc --uts --fork --kill-child "$0" --inside "$root" </dev/null >"$place/systemd.log" 2>&1 &
unshared=$!
eventually has_child || fail "No namespaces could be made: $(cat "$place/systemd.log")"
eventually started || fail "systemd did not start: $(cat "$place/systemd.log")"
say "systemd $(inside systemctl --version | sed -n '1s/^systemd \([^ ]*\).*/\1/p') of Debian $(inside cat /etc/debian_version)"

rule "the package starts and enables no unit" inactive virtual-host-gatherer.service virtual-host-gatherer.timer virtual-host-gatherer-watch.service
rule "only root and the services can read the requests" owned /etc/virtual-host-gatherer/endpoints.d "root:virtual-host-gatherer 750"
rule "the units have no mistakes" inside systemd-analyze verify --man=no virtual-host-gatherer.service virtual-host-gatherer.timer virtual-host-gatherer-watch.service
rule "the exposure of the service is below 2" exposure_below virtual-host-gatherer.service 20
rule "the exposure of the watch service is below 2" exposure_below virtual-host-gatherer-watch.service 20

cp demo/hosts.json "$root/etc/virtual-host-gatherer/endpoints.d/hosts"
cat >"$root/etc/virtual-host-gatherer/endpoints.d/all.json" <<'END_OF_REQUEST'
[{"id": "kvm", "module": "Libvirt", "uri": "test:///default"}, {"id": "file", "module": "File", "url": "hosts"}]
END_OF_REQUEST
inside chgrp virtual-host-gatherer /etc/virtual-host-gatherer/endpoints.d/hosts /etc/virtual-host-gatherer/endpoints.d/all.json
chmod 640 "$root"/etc/virtual-host-gatherer/endpoints.d/*

rule "the service lists the hosts of all endpoints" run_once
rule "the log says that all endpoints are complete" has "2 complete, 0 failed" /var/log/virtual-host-gatherer/gatherer.log
rule "the inventory has a guest" has '"database"' /var/lib/virtual-host-gatherer/inventory.json
rule "only the user of the services can write the inventory" owned /var/lib/virtual-host-gatherer/inventory.json "$owner 640"
rule "the timer can be enabled" inside systemctl enable --now virtual-host-gatherer.timer
rule "the timer has a next time" inside sh -c 'systemctl list-timers --no-pager | grep virtual-host-gatherer'

mkdir -p "$root/etc/systemd/system/virtual-host-gatherer-watch.service.d"
printf '[Service]\nEnvironment="OPTIONS=--interval 1"\n' >"$root/etc/systemd/system/virtual-host-gatherer-watch.service.d/interval.conf"
inside systemctl daemon-reload
rule "the watch service starts and reports its endpoints" watch_is_up
rename_guest database archive
rule "a change becomes an event" eventually has_event archive
rule "logrotate keeps owner and mode" rotate
rename_guest archive vault
rule "after the rotation, events are in the new file" eventually has_event vault
rule "a crash of the watch service is followed by a restart" restarts_after_a_crash
rename_guest vault cellar
rule "the restarted watch service finds changes" eventually has_event cellar
rule "an upgrade restarts a service that runs" upgrade_restarts_the_service
rule "the watch service stops cleanly" stops_cleanly
rule "no process of the services is left" inside sh -c '! systemctl status virtual-host-gatherer-watch | grep -q "├─"'

rule "an upgrade starts no service that does not run" upgrade_starts_no_service

inside systemctl start virtual-host-gatherer-watch.service
rule "removing the package succeeds" inside env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get remove -y -qq "virtual-host-gatherer*" </dev/null'
rule "removing the package stops its service and timer" are_stopped virtual-host-gatherer-watch.service virtual-host-gatherer.timer
rule "removing the package leaves the requests and the inventory" inside test -s /etc/virtual-host-gatherer/endpoints.d/all.json -a -s /var/lib/virtual-host-gatherer/inventory.json

exit "$status"
