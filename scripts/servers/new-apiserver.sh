#!/usr/bin/env bash
# Prepares a newer API server for the tests: the program in new-apiserver/, built from Debian sid's packages of the
# library of kube-apiserver, because no newer Debian has the source of kube-apiserver itself. Nothing is installed,
# and root is not needed: Go, etcd and 320 packages of sources (270 MB) are unpacked into a cache in the home folder,
# which keeps only the programs. This is done once, and takes about 4 minutes on 2 cores.
#
#   scripts/servers/new-apiserver.sh          prepare it, and show the progress
#   scripts/servers/new-apiserver.sh --path   print its folder; exit status 1 if it is not ready
#
# The exit status is 3, with the reason as the last line of stderr, if this machine cannot build or run it.

# shellcheck source=scripts/servers/go.sh
. "$(dirname "$0")/go.sh"

# Increase this number if a change to this script or the program requires a new build.
readonly recipe=2
# The Go that these versions of the libraries need.
readonly go_version=1.26
what="newer API server"
cache=$servers/new-apiserver-$recipe
bin=$cache/bin
program=$PWD/scripts/servers/new-apiserver

made() {
    [ -x "$bin/kube-apiserver" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$bin"
    exit
fi
made && exit 0

begin_build "the newer API server" 6

say "Building a newer API server from Debian sid's packages. This happens once and takes about 4 minutes on 2 cores."
suite=sid
# Pretend that no package is installed, so that all dependencies are included.
load_lists deb -o Dir::State::status=/dev/null
library=golang-k8s-apiextensions-apiserver-dev
unpacked=$work/unpacked
apt-get "${apt[@]}" --simulate --no-install-recommends install "$library" >"$work/simulated" 2>>"$log" ||
    cannot "Debian sid does not have $library now: see $log"
# The sources in Go; Go itself is not needed for them.
mapfile -t sources < <(awk '$1 == "Inst" && $2 ~ /^golang-/ && $2 !~ /^golang-(1\.|go$|src$)/ { print $2 }' "$work/simulated")
stage "packages: Go, etcd, ${#sources[@]} libraries"
unpack "$unpacked" "golang-$go_version-go" "golang-$go_version-src" etcd-server "${sources[@]}"
use_go "$go_version" "$unpacked"

# The library's version 0.36.4 is of Kubernetes 1.36.4.
version=$(apt-cache "${apt[@]}" show golang-k8s-apiserver-dev | sed -n 's/^Version: 0\.\([0-9.]*\)-.*/1.\1/p' | head -n 1)
minor=${version#1.}
flags="-s -w -X k8s.io/component-base/version.gitVersion=v$version"
flags+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
export GOPATH=$unpacked/usr/share/gocode
mkdir -p "$GOPATH/src/gatherer"
cp -r "$program" "$GOPATH/src/gatherer/"
cd "$GOPATH/src/gatherer/new-apiserver"
compile "$flags" .

stage "checking"
cd "$cache"
quiet "$unpacked/usr/bin/etcd" --version
install -m 755 "$unpacked/usr/bin/etcd" "$bin/etcd"
printf '%s\n' "$version" >"$bin/version"
# This comes last and is atomic, because the file's existence means that everything is ready.
install -m 755 "$work/built/new-apiserver" "$bin/kube-apiserver.new"
mv "$bin/kube-apiserver.new" "$bin/kube-apiserver"
forget_older new-apiserver
stage "done: $bin, version $version"
