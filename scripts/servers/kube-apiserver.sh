#!/usr/bin/env bash
# Makes a real kube-apiserver and etcd for the tests, once: the first is built from Debian's source
# package, since no binary of it is packaged. Nothing is installed and no root is needed: the
# packages that this takes (Go, etcd) are unpacked into a cache in the home directory.
#
#   scripts/servers/kube-apiserver.sh          make them, with progress
#   scripts/servers/kube-apiserver.sh --path   print the folder that has them; false if not made
#
# Exit status 3, with the reason on stderr, where they cannot be made on this machine.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../lib.sh"

# What the source calls itself; Debian's version number says "1.20.5+really1.20.2".
readonly kubernetes=1.20.2
# Counts up when a change of this script asks for another build.
readonly recipe=1
cache=$(cache_dir)/servers/kubernetes-$kubernetes-$recipe
bin=$cache/bin

made() {
    [ -x "$bin/kube-apiserver" ] && [ -x "$bin/etcd" ]
}

if [ "${1:-}" = --path ]; then
    made && printf '%s\n' "$bin"
    exit
fi
made && exit 0

cannot() {
    printf 'no kube-apiserver: %s\n' "$*" >&2
    exit 3
}

[ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ] || cannot "Go of Debian is used for x86_64 and aarch64 only"
for tool in apt-get dpkg dpkg-deb flock; do
    command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found: it is built from Debian's source package"
done
mkdir -p "$cache/bin"
free=$(df --output=avail -k "$cache" | tail -n 1)
[ "$free" -gt 6000000 ] || cannot "building needs 6 GB in $cache, and $((free / 1000000)) GB are free"

# One build at a time; whoever waited finds it made.
exec 9>"$cache/lock"
flock 9
made && exit 0

work=$cache/work
rm -rf "$work"
mkdir -p "$work"
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
begin=$SECONDS
log=$cache/build.log
: >"$log"

stage() {
    printf '%4d s  %s\n' $((SECONDS - begin)) "$*"
}

# Runs a command with what it says in the log, which is shown if it fails.
quiet() {
    "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        cannot "'$1' failed; the whole log is $log"
    }
}

say "Building kube-apiserver $kubernetes from Debian's source package: once, some 6 minutes on 2 cores."
stage "packages: lists"
# A private state: nothing under /etc/apt or /var/lib/apt changes, and no root is needed.
mkdir -p "$work"/apt/{lists/partial,parts,archives/partial,debs}
cat /etc/apt/sources.list.d/*.sources >"$work/apt/parts/all.sources" 2>/dev/null || true
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    grep -E '^deb ' >"$work/apt/parts/all.list" || true
sed -i 's/^Types:.*/Types: deb deb-src/' "$work/apt/parts/all.sources"
sed -n 's/^deb /deb-src /p' "$work/apt/parts/all.list" >"$work/apt/parts/sources.list"
apt=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts"
    -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::Retries=5)
quiet apt-get "${apt[@]}" update

# Unpacks Debian packages below a folder.
unpack() {
    local root=$1 deb
    shift
    (cd "$work/apt/debs" && quiet apt-get "${apt[@]}" download "$@")
    for deb in "$work"/apt/debs/*.deb; do
        quiet dpkg-deb -x "$deb" "$root"
        rm -f "$deb"
    done
}

stage "packages: Go, etcd"
tools=$work/tools
unpack "$tools" golang-1.19-go golang-1.19-src etcd-server golang-github-modern-go-reflect2-dev patch xz-utils
export PATH=$PATH:$tools/usr/bin
# Go's folder is one of links to another package's.
mkdir "$work/go"
cp -rL "$tools/usr/lib/go-1.19/." "$work/go/" 2>>"$log" || true
cp -r "$tools/usr/share/go-1.19/." "$work/go/"
export GOROOT=$work/go GOPATH=$work/gopath GOCACHE=$work/gocache GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' GOPROXY=off GOTOOLCHAIN=local
go=$GOROOT/bin/go
quiet "$go" version

stage "source"
# Compiled in a real folder below GOPATH: Go and its generators look at where they are.
source=$GOPATH/src/k8s.io/kubernetes
mkdir -p "$source" "$work/source"
(cd "$work/source" && quiet apt-get "${apt[@]}" --download-only source kubernetes)
orig=$(find "$work/source" -name "kubernetes_*$kubernetes*.orig.tar.*" | head -n 1)
[ -n "$orig" ] || cannot "Debian's source package is not of version $kubernetes any more"
quiet tar -C "$source" --strip-components=1 -xf "$orig"
quiet tar -C "$source" -xf "$(find "$work/source" -name 'kubernetes_*.debian.tar.*' | head -n 1)"
cd "$source"
while read -r patch _; do
    case $patch in '' | '#'*) continue ;; esac
    quiet patch -p1 --no-backup-if-mismatch -i "debian/patches/$patch"
done <debian/patches/series
# The reflect2 in the source makes every program crash that Go 1.18 or later builds; Debian's
# package of it is mended.
rm -rf vendor/github.com/modern-go/reflect2
cp -r "$tools/usr/share/gocode/src/github.com/modern-go/reflect2" vendor/github.com/modern-go/

# The one generated file that the source package lacks.
generated=pkg/generated/openapi/zz_generated.openapi.go
if [ ! -s "$generated" ]; then
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
fi

version=k8s.io/kubernetes/vendor/k8s.io
flags="-s -w"
for package in "$version/component-base/version" "$version/client-go/pkg/version"; do
    flags+=" -X $package.gitVersion=v$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=20"
done
total=$("$go" list -deps ./cmd/kube-apiserver | wc -l)
stage "compiling: $total packages"
: >"$work/compiled"
"$go" build -v -trimpath -ldflags "$flags" -o "$work/kube-apiserver" ./cmd/kube-apiserver >>"$log" 2>"$work/compiled" &
compiler=$!
told=$SECONDS
while kill -0 "$compiler" 2>/dev/null; do
    sleep 1
    if [ $((SECONDS - told)) -ge 15 ]; then
        told=$SECONDS
        stage "compiling: $(wc -l <"$work/compiled") of $total packages"
    fi
done
wait "$compiler" || {
    tail -n 20 "$work/compiled" >&2
    cannot "it does not compile"
}

stage "checking"
quiet "$work/kube-apiserver" --version
quiet "$tools/usr/bin/etcd" --version
install -m 755 "$tools/usr/bin/etcd" "$bin/etcd"
# Last, and at once: its being there says that all is made.
install -m 755 "$work/kube-apiserver" "$bin/kube-apiserver.new"
mv "$bin/kube-apiserver.new" "$bin/kube-apiserver"
stage "done: $bin"
