#!/usr/bin/env bash
# Runs the tests of a real Kubernetes node: a kubelet, containerd and pods, with the API server of the other tests.
# Only root can run them. The exit status is 3, with the reason on stderr, if this machine cannot.
#
# All processes run in separate mount, process and network namespaces, which end with this script. Files that the
# node writes outside of its own folder are in memory, and the kubelet sees its own copy of the kernel's settings
# that it changes. So nothing is left, however the script ends; only its control groups are removed by the script.

# The functions of the trap seem unreachable to the linter.
# shellcheck disable=SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# How long the tests may take, including the start of the node.
readonly limit=15m

# Prepares the namespaces and runs a command in them. This is the first process of its process namespace.
inside() {
    local setting value
    mount -t tmpfs none /run
    mount -t tmpfs none /var/log
    mkdir /run/var-lib /run/var-lib-work
    mount -t overlay none -o lowerdir=/var/lib,upperdir=/run/var-lib,workdir=/run/var-lib-work /var/lib

    while read -r setting value; do
        printf '%s\n' "$value" >"/run/${setting//\//-}"
        [ ! -e "/proc/sys/$setting" ] || mount --bind "/run/${setting//\//-}" "/proc/sys/$setting"
    done <<'SETTINGS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS

    # The node needs an address of its own and a default route, which leads nowhere.
    ip link set lo up
    ip link add node0 type veth peer name node0-peer
    ip link set node0 up
    ip link set node0-peer up
    ip address add 192.168.77.1/24 dev node0
    ip route add default dev node0

    timeout "$limit" "$@"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
    exit
fi

need_toolchain
make_server kube-apiserver || exit 3
make_server node || exit 3
# The same build as for the other tests, so that neither has to rebuild.
title "Building program, plugins and tests"
cargo build --workspace --all-targets --locked

folder=$(mktemp -d "${TMPDIR:-/tmp}/gatherer-node-XXXXXX")
group=gatherer-node-$$
child=

# Prints the folders of the control groups in all hierarchies.
group_folders() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        printf '%s\n' "/sys/fs/cgroup/$group"
    else
        printf '%s\n' /sys/fs/cgroup/*/ | sed "s,\$,$group,"
    fi
}

remove_groups() {
    local path
    for path in $(group_folders); do
        [ ! -d "$path" ] || find "$path" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
    done
}

tidy() {
    local attempt
    # This also kills the first process of the process namespace, and with it the kernel kills all others.
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    for attempt in $(seq 50); do
        ! remove_groups || break
        [ "$attempt" -lt 50 ] || say "These control groups could not be removed: $(group_folders | tr '\n' ' ')"
        sleep 0.1
    done
    rm -rf "$folder"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

title "Building the container image"
if ! have_libvirt || ! command -v ssh >/dev/null 2>&1; then
    export IMAGE_LIBVIRT=no
fi
IMAGE_LIBDIR=/usr/lib64 IMAGE_LEVEL=1 BUILD_PROFILE=dev scripts/image.sh "$folder/image.tar"

for path in $(group_folders); do
    mkdir "$path"
done
title "Tests of a real node"
# All tests share the node, so they are threads of one process, unlike those of cargo nextest.
export TMPDIR=$folder GATHERER_NODE_CGROUP=/$group GATHERER_NODE_IMAGE=$folder/image.tar
GATHERER_NODE_PROGRAMS=$(scripts/servers/node.sh --path)
export GATHERER_NODE_PROGRAMS
setpriv --pdeathsig KILL unshare --mount --pid --net --fork --kill-child --mount-proc "$0" --inside \
    cargo test --workspace --locked --offline --test real_node -- --ignored &
child=$!
status=0
wait "$child" || status=$?
child=
exit "$status"
