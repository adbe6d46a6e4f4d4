#!/usr/bin/env bash
# Prepares vcsim, a simulator of vCenter, for the tests: the program in vcsim/, built from Debian's package of the
# library govmomi. Nothing is installed, and root is not needed: Go and the library are unpacked into a cache in the
# home folder, which keeps only the program. This is done once, and takes about 2 minutes on 2 cores.
#
#   scripts/servers/vcsim.sh          prepare it, and show the progress
#   scripts/servers/vcsim.sh --path   print the path of the program; exit status 1 if it is not ready
#
# The exit status is 3, with the reason as the last line of stderr, if this machine cannot build or run it.

# shellcheck source=scripts/servers/go.sh
. "$(dirname "$0")/go.sh"

# Increase this number if a change to this script or the program requires a new build.
readonly recipe=1
what="vcsim"
cache=$servers/vcsim-$recipe
bin=$cache/bin
program=$PWD/scripts/servers/vcsim

made() {
    [ -x "$bin/vcsim" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$bin/vcsim"
    exit
fi
made && exit 0

begin_build "vcsim" 2

say "Building vcsim from Debian's package of govmomi. This happens once and takes about 2 minutes on 2 cores."
load_lists deb
unpacked=$work/unpacked
stage "packages: Go, govmomi"
unpack "$unpacked" golang-1.19-go golang-1.19-src golang-github-vmware-govmomi-dev golang-github-google-uuid-dev
use_go 1.19 "$unpacked"

export GOPATH=$unpacked/usr/share/gocode
mkdir -p "$GOPATH/src/gatherer"
cp -r "$program" "$GOPATH/src/gatherer/"
cd "$GOPATH/src/gatherer/vcsim"
compile "-s -w" .

stage "checking"
cd "$cache"
quiet "$work/built/vcsim" -version
# This comes last and is atomic, because the file's existence means that everything is ready.
install -m 755 "$work/built/vcsim" "$bin/vcsim.new"
mv "$bin/vcsim.new" "$bin/vcsim"
forget_older vcsim
stage "done: $bin/vcsim"
