#!/usr/bin/env bash
# Prepares a real kube-apiserver, etcd and kubectl for the tests. kube-apiserver is built from Debian's source
# package, because Debian has no binary package of it. Nothing is installed, and root is not needed: the
# required packages (Go, etcd, kubectl, and openssl if it is missing) are unpacked into a cache in the home
# folder, which keeps only the programs. This is done once.
#
#   scripts/servers/kube-apiserver.sh          prepare them, and show the progress
#   scripts/servers/kube-apiserver.sh --path   print their folder; exit status 1 if they are not ready
#
# The exit status is 3, with the reason as the last line of stderr, if this machine cannot build or run them.

# shellcheck source=scripts/servers/common.sh
. "$(dirname "$0")/common.sh"

# The source's own version. (Debian's version number is "1.20.5+really1.20.2".)
readonly kubernetes=1.20.2
# Increase this number if a change to this script requires a new build.
readonly recipe=1
what="kube-apiserver"
cache=$servers/kubernetes-$kubernetes-$recipe
bin=$cache/bin

have_servers() {
    [ -x "$bin/kube-apiserver" ] && [ -x "$bin/etcd" ]
}

# The tests create keys with openssl. The one in the cache takes precedence, so it must work.
have_openssl() {
    if [ -e "$bin/openssl" ]; then
        "$bin/openssl" version >/dev/null 2>&1
    else
        command -v openssl >/dev/null 2>&1
    fi
}

have_kubectl() {
    [ -x "$bin/kubectl" ]
}

made() {
    have_servers && have_openssl && have_kubectl
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$bin"
    exit
fi
made && exit 0

need_tools apt-get apt-cache dpkg-deb flock
mkdir -p "$bin" 2>/dev/null || cannot "$bin cannot be created"

alone kube-apiserver
made && exit 0

compiler=

# The compiler runs in the background, where it does not get the signals that this script gets.
tidy() {
    if [ -n "$compiler" ]; then
        kill "$compiler" 2>/dev/null || true
        wait "$compiler" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
begin_work

# Unpacks Debian packages below a folder.
unpack() {
    local root=$1 deb package
    shift
    for package in "$@"; do
        apt-cache "${apt[@]}" show "$package" >/dev/null 2>&1 ||
            cannot "this system's package sources do not have $package; those of Debian 12 have it"
    done
    (cd "$work/apt/debs" && quiet apt-get "${apt[@]}" download "$@")
    for deb in "$work"/apt/debs/*.deb; do
        quiet dpkg-deb -x "$deb" "$root"
        rm -f "$deb"
    done
}

# Unpacks openssl and its library, with a wrapper script that sets the library path.
make_openssl() {
    local root=$work/openssl
    stage "packages: openssl"
    unpack "$root" openssl libssl3
    rm -rf "$bin/openssl" "$bin/openssl.d"
    mkdir "$bin/openssl.d"
    install -m 755 "$root/usr/bin/openssl" "$bin/openssl.d/openssl"
    find "$root/usr/lib" -name 'lib*.so.3' -exec install -m 644 {} "$bin/openssl.d" \;
    cat >"$work/openssl.sh" <<'SCRIPT'
#!/bin/sh
here=$(dirname "$0")/openssl.d
LD_LIBRARY_PATH=$here OPENSSL_CONF=/dev/null exec "$here/openssl" "$@"
SCRIPT
    install -m 755 "$work/openssl.sh" "$bin/openssl"
    have_openssl || cannot "openssl from Debian's package does not run on this machine"
}

# Unpacks kubectl, the judge of what a kubeconfig may contain.
make_kubectl() {
    stage "packages: kubectl"
    unpack "$work/kubectl" kubernetes-client
    quiet "$work/kubectl/usr/bin/kubectl" version --client
    install -m 755 "$work/kubectl/usr/bin/kubectl" "$bin/kubectl.new"
    mv "$bin/kubectl.new" "$bin/kubectl"
}

# Generates the only generated file that the source package does not have.
make_generated() {
    local generated=pkg/generated/openapi/zz_generated.openapi.go packages
    [ ! -s "$generated" ] || return 0
    stage "generating $generated"
    quiet "$go" build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    packages=$({
        grep -Rl --include='*.go' --exclude-dir=vendor --exclude-dir=testdata '+k8s:openapi-gen=' cmd pkg plugin
        for folder in vendor/k8s.io/*/; do
            case $folder in */code-generator/ | */sample-apiserver/ | */kube-openapi/ | */gengo/) continue ;; esac
            grep -Rl --include='*.go' --exclude-dir=testdata --exclude-dir=_examples '+k8s:openapi-gen=' "$folder" || true
        done
    } | xargs -n 1 dirname | LC_ALL=C sort -u | sed 's,^,k8s.io/kubernetes/,' | tr '\n' , | sed 's/,$//')
    quiet "$work/openapi-gen" --logtostderr -i "$packages" -p k8s.io/kubernetes/pkg/generated/openapi \
        -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations"
}

# Compiles in the background, and reports the progress.
compile() {
    local package=k8s.io/kubernetes/vendor/k8s.io flags="-s -w" total reported path code=0
    for path in "$package/component-base/version" "$package/client-go/pkg/version"; do
        flags+=" -X $path.gitVersion=v$kubernetes -X $path.gitMajor=1 -X $path.gitMinor=20"
    done
    total=$("$go" list -deps ./cmd/kube-apiserver 2>>"$log" | wc -l)
    stage "compiling: $total packages"
    : >"$work/compiled"
    "$go" build -v -trimpath -ldflags "$flags" -o "$work/kube-apiserver" ./cmd/kube-apiserver >>"$log" 2>"$work/compiled" &
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

make_servers() {
    local free orig patch source tools=$work/tools
    case $(uname -m) in
    x86_64 | aarch64) ;;
    *) cannot "the machine is $(uname -m); only x86_64 and aarch64 were tested" ;;
    esac
    free=$(df --output=avail -k "$cache" | tail -n 1)
    [ "$free" -gt 5000000 ] || cannot "building needs 5 GB in $cache, but only $((free / 1000000)) GB are free"

    stage "packages: Go, etcd"
    unpack "$tools" golang-1.19-go golang-1.19-src etcd-server golang-github-modern-go-reflect2-dev patch xz-utils
    # The machine's own tools take precedence over the unpacked ones.
    export PATH=$PATH:$tools/usr/bin
    # Go's folder contains links to the folder of another package.
    mkdir "$work/go"
    cp -rL "$tools/usr/lib/go-1.19/." "$work/go/" 2>>"$log" || true
    cp -r "$tools/usr/share/go-1.19/." "$work/go/"
    export GOROOT=$work/go GOPATH=$work/gopath GOCACHE=$work/gocache GOTMPDIR=$work GOENV=off \
        GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOPROXY=off GOTOOLCHAIN=local
    go=$GOROOT/bin/go
    quiet "$go" version

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
    make_generated
    compile

    stage "checking"
    quiet "$work/kube-apiserver" --version
    quiet "$tools/usr/bin/etcd" --version
    install -m 755 "$tools/usr/bin/etcd" "$bin/etcd"
    # This comes last and is atomic, because the file's existence means that everything is ready.
    install -m 755 "$work/kube-apiserver" "$bin/kube-apiserver.new"
    mv "$bin/kube-apiserver.new" "$bin/kube-apiserver"
    cd "$cache"
}

have_servers || say "Building kube-apiserver $kubernetes from Debian's source package. This happens once and takes about 5 minutes on 2 cores."
load_lists "deb deb-src"
have_openssl || make_openssl
have_kubectl || make_kubectl
have_servers || make_servers
forget_older kubernetes
stage "done: $bin"
