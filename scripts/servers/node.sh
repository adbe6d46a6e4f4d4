#!/usr/bin/env bash
# Prepares the programs of a real Kubernetes node for `make test-node`: kubelet and kube-controller-manager, built
# from Debian's source package, and containerd, runc, network plugins and busybox of Debian's packages. Nothing is
# installed: the programs are kept in a cache in the home folder. This is done once.
#
#   scripts/servers/node.sh          prepare them, and show the progress
#   scripts/servers/node.sh --path   print their folder; exit status 1 if they are not ready
#
# The exit status is 3, with the reason as the last line of stderr, if this machine cannot build or run them.

# shellcheck source=scripts/servers/go.sh
. "$(dirname "$0")/go.sh"

# Increase this number if a change to this script requires a new build.
readonly recipe=1
what="Kubernetes node"
cache=$servers/node-$kubernetes-$recipe
bin=$cache/bin

# True if root may create control groups in the hierarchy $1.
may_create_cgroup() {
    mkdir "$1/gatherer-probe-$$" 2>/dev/null && rmdir "$1/gatherer-probe-$$"
}

# Fails if this machine cannot run a node.
check_machine() {
    local tool hierarchy controller
    [ "$(id -u)" -eq 0 ] || cannot "only root can run one"
    for tool in unshare mount ip tar timeout; do
        command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found"
    done
    unshare --mount --pid --net --fork --mount-proc \
        sh -c 'mount -t tmpfs none /run && ip link set lo up && ip link add veth0 type veth peer name veth1 && ip link add bridge0 type bridge' 2>/dev/null ||
        cannot "root may not mount file systems and create network devices in separate namespaces on this machine"
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        for controller in cpu cpuset memory pids; do
            grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || cannot "the control groups have no controller $controller"
        done
        may_create_cgroup /sys/fs/cgroup || cannot "root may not create control groups on this machine"
    else
        for controller in cpu cpuacct cpuset memory pids systemd; do
            hierarchy=/sys/fs/cgroup/$controller
            [ -d "$hierarchy" ] || cannot "the control groups have no hierarchy $controller"
            may_create_cgroup "$hierarchy" || cannot "root may not create control groups in $hierarchy"
        done
    fi
}

made() {
    [ -e "$bin/.made" ]
}

check_machine
if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$bin"
    exit
fi
made && exit 0

begin_build "the Kubernetes node" 6

say "Building kubelet and kube-controller-manager $kubernetes from Debian's source package. This happens once and takes about 7 minutes on 2 cores."
load_lists "deb deb-src"

stage "packages: containerd"
unpacked=$work/unpacked
unpack "$unpacked" containerd runc containernetworking-plugins busybox-static
unpack_kubernetes
compile_kubernetes kubelet kube-controller-manager

stage "checking"
cd "$cache"
rm -rf "$bin"
mkdir "$bin"
install -m 755 "$work"/built/{kubelet,kube-controller-manager} "$unpacked"/usr/sbin/runc "$unpacked"/bin/busybox \
    "$unpacked"/usr/bin/{containerd,containerd-shim-runc-v2,ctr} "$unpacked"/usr/lib/cni/{bridge,host-local,loopback} "$bin"
for program in kubelet kube-controller-manager containerd runc ctr; do
    quiet "$bin/$program" --version
done
quiet "$bin/busybox" true
: >"$bin/.made"
forget_older node
stage "done: $bin"
