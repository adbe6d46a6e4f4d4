#!/usr/bin/env bash
# Prepares the judges of the manifests in packaging/kubernetes: kubectl of the newest Debian, which renders them, and
# kubernetes-validate from PyPI, which compares them with the schemas of each version of Kubernetes. Nothing is
# installed. This is done once, and takes about 20 seconds.
#
#   scripts/servers/manifest-judges.sh          prepare them
#   scripts/servers/manifest-judges.sh --path   print their folder, with kubectl and kubernetes-validate; exit status 1 if it
#                                               is not ready
#
# The exit status is 3, with the reason on stderr, if this machine cannot run them.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "$0")/common.sh"

what="judges of manifests"
# With the schemas of Kubernetes 1.37.
readonly validator=kubernetes-validate==1.37.0
cache=$servers/manifest-judges-1
bin=$cache/bin

made() {
    [ -e "$cache/.made" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$bin"
    exit
fi
made && exit 0

need_tools apt-get apt-cache dpkg-deb flock
python3 -c 'import ensurepip, venv' 2>/dev/null || cannot "Python cannot create an environment: $(as_root)apt-get install python3-venv"
mkdir -p "$bin" 2>/dev/null || cannot "$cache cannot be created"
alone "$what"
made && exit 0

trap 'rm -rf "$work"' EXIT
begin_work
say "Downloading kubectl and kubernetes-validate for the tests. This happens once, and downloads about 35 MB."
suite=sid
# Pretend that no package is installed, because a package of another suite cannot be.
load_lists deb -o Dir::State::status=/dev/null
stage "package"
unpack "$work/root" kubectl
# A static program, so it does not need the libraries of its suite.
install -m 755 "$work/root/usr/bin/kubectl" "$bin/kubectl"
quiet "$bin/kubectl" version --client
stage "kubernetes-validate"
rm -rf "$cache/venv"
quiet python3 -m venv "$cache/venv"
quiet "$cache/venv/bin/pip" install --disable-pip-version-check "$validator"
ln -sf ../venv/bin/kubernetes-validate "$bin/kubernetes-validate"
quiet "$bin/kubernetes-validate" --help
touch "$cache/.made"
forget_older manifest-judges
stage "done"
