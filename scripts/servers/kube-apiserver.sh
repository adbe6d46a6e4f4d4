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

# shellcheck source=scripts/servers/go.sh
. "$(dirname "$0")/go.sh"

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

trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
begin_work

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

make_servers() {
    need_compiler_resources 5
    stage "packages: etcd"
    unpack "$work/etcd" etcd-server
    unpack_kubernetes
    make_generated
    compile_kubernetes kube-apiserver

    stage "checking"
    quiet "$work/built/kube-apiserver" --version
    quiet "$work/etcd/usr/bin/etcd" --version
    install -m 755 "$work/etcd/usr/bin/etcd" "$bin/etcd"
    # This comes last and is atomic, because the file's existence means that everything is ready.
    install -m 755 "$work/built/kube-apiserver" "$bin/kube-apiserver.new"
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
