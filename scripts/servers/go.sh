# shellcheck shell=bash
# Functions that compile programs of Kubernetes with Go, both from Debian's packages. This file is sourced, not run,
# like common.sh, which it includes.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The source's own version. (Debian's version number is "1.20.5+really1.20.2".)
readonly kubernetes=1.20.2

compiler=

# Removes the temporary folder. The compiler runs in the background, where it does not get the signals that this
# script gets.
tidy() {
    if [ -n "$compiler" ]; then
        kill "$compiler" 2>/dev/null || true
        wait "$compiler" 2>/dev/null || true
    fi
    rm -rf "$work"
}

# Begins to prepare $1, which needs $2 GB of free space, in the folder $bin. Exits if another process has prepared it
# meanwhile, which the script's function `made` tells.
begin_build() {
    need_tools apt-get apt-cache dpkg-deb flock
    mkdir -p "${bin:?}" 2>/dev/null || cannot "$bin cannot be created"
    alone "$1"
    if made; then
        exit 0
    fi
    trap tidy EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    begin_work
    need_compiler_resources "$2"
}

# Fails if this machine cannot compile: needs $1 GB of free space.
need_compiler_resources() {
    local free
    case $(uname -m) in
    x86_64 | aarch64) ;;
    *) cannot "the machine is $(uname -m); only x86_64 and aarch64 were tested" ;;
    esac
    free=$(df --output=avail -k "${cache:?}" | tail -n 1)
    [ "$free" -gt "$1"000000 ] || cannot "building needs $1 GB in $cache, but only $((free / 1000000)) GB are free"
}

# Uses the Go of version $1, whose packages were unpacked below the folder $2.
use_go() {
    # Go's folder contains links to the folder of another package.
    mkdir "$work/go"
    cp -rL "$2/usr/lib/go-$1/." "$work/go/" 2>>"$log" || true
    cp -r "$2/usr/share/go-$1/." "$work/go/"
    export GOROOT=$work/go GOPATH=$work/gopath GOCACHE=$work/gocache GOTMPDIR=$work GOENV=off \
        GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOPROXY=off GOTOOLCHAIN=local
    go=$GOROOT/bin/go
    quiet "$go" version
}

# Compiles packages into $work/built, with the linker's flags $1. It runs in the background, and reports the
# progress.
compile() {
    local flags=$1 total reported code=0
    shift
    mkdir -p "$work/built"
    total=$("$go" list -deps "$@" 2>>"$log" | wc -l)
    stage "compiling: $total packages"
    : >"$work/compiled"
    "$go" build -v -trimpath -ldflags "$flags" -o "$work/built/" "$@" >>"$log" 2>"$work/compiled" &
    compiler=$!
    reported=$SECONDS
    while kill -0 "$compiler" 2>/dev/null; do
        sleep 1
        if [ $((SECONDS - reported)) -ge 15 ]; then
            reported=$SECONDS
            stage "compiling: $(wc -l <"$work/compiled") of $total packages"
        fi
    done
    wait "$compiler" || code=$?
    compiler=
    if [ "$code" -ne 0 ]; then
        cat "$work/compiled" >>"$log"
        tail -n 20 "$work/compiled" >&2
        cannot "compiling failed (exit status $code): see $log"
    fi
}

# Unpacks Go and the source of Kubernetes, and changes to its folder.
unpack_kubernetes() {
    local orig patch source tools=$work/tools
    stage "packages: Go"
    unpack "$tools" golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev patch xz-utils
    # The machine's own tools take precedence over the unpacked ones.
    export PATH=$PATH:$tools/usr/bin
    use_go 1.19 "$tools"

    stage "source"
    # Compile in a real folder below GOPATH: Go and its generators depend on the path.
    source=$GOPATH/src/k8s.io/kubernetes
    mkdir -p "$source" "$work/source"
    (cd "$work/source" && quiet apt-get "${apt[@]}" --download-only source kubernetes)
    orig=$(find "$work/source" -name "kubernetes_*$kubernetes*.orig.tar.*" | head -n 1)
    [ -n "$orig" ] || cannot "Debian's source package no longer has version $kubernetes"
    quiet tar -C "$source" --strip-components=1 -xf "$orig"
    quiet tar -C "$source" -xf "$(find "$work/source" -name 'kubernetes_*.debian.tar.*' | head -n 1)"
    cd "$source"
    while read -r patch _; do
        case $patch in '' | '#'*) continue ;; esac
        quiet patch -p1 --no-backup-if-mismatch -i "debian/patches/$patch"
    done <debian/patches/series
    # With Go 1.18 or later, programs crash with the reflect2 of this source. Debian's package of reflect2 is
    # fixed.
    rm -rf vendor/github.com/modern-go/reflect2
    cp -r "$tools/usr/share/gocode/src/github.com/modern-go/reflect2" vendor/github.com/modern-go/
}

# Compiles programs of Kubernetes into $work/built.
compile_kubernetes() {
    local package=k8s.io/kubernetes/vendor/k8s.io flags="-s -w" path
    for path in "$package/component-base/version" "$package/client-go/pkg/version"; do
        flags+=" -X $path.gitVersion=v$kubernetes -X $path.gitMajor=1 -X $path.gitMinor=20"
    done
    compile "$flags" "${@/#/./cmd/}"
}
