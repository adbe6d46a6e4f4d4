#!/usr/bin/env bash
# Builds a container image of the program and its plugins, with the libraries that they need and nothing else: an
# archive in OCI layout that skopeo, podman, ctr and docker read. It needs no daemon and no root, but a Debian whose
# packages it copies. The same sources and packages give the same bytes.
#
#     image.sh [ARCHIVE]       default: virtual-host-gatherer-VERSION-ARCHITECTURE.tar in cargo's target folder
#
# The environment, set by make:
#     IMAGE_NAME       the name in the archive, without a tag; default: localhost/virtual-host-gatherer
#     IMAGE_LIBVIRT    no: without module Libvirt, libvirt's client library and ssh
#     IMAGE_LEVEL      the level of compression, 1 to 9; default: 6
#     IMAGE_LIBDIR     the folder of the plugins' folder in the image; default: /usr/lib
#     BUILD_PROFILE    release, or dev for the tests

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

profile=${BUILD_PROFILE:-release}
with_libvirt=${IMAGE_LIBVIRT:-yes}
# Not LIBDIR, which make sets for an installation on this machine.
libdir=${IMAGE_LIBDIR:-/usr/lib}
# The user of the image. It has a name, because ssh refuses to run without one.
readonly user=65532

need_toolchain
for tool in dpkg dpkg-query tar gzip ldd sha256sum find sort strip; do
    command -v "$tool" >/dev/null 2>&1 || fail "$tool was not found: the image is built from the packages of a Debian."
done
[ "$(readlink -f /lib)" = /usr/lib ] || fail "this system has /lib beside /usr/lib: build the image on Debian 12 or later."
[ "$with_libvirt" = yes ] || [ "$with_libvirt" = no ] || fail "IMAGE_LIBVIRT must be yes or no, not '$with_libvirt'."
if [ "$with_libvirt" = yes ]; then
    have_libvirt || fail "libvirt's client library is missing: run '$(libvirt_command)', or set IMAGE_LIBVIRT=no."
    command -v ssh >/dev/null 2>&1 || fail "ssh is missing: run '$(as_root)apt-get install openssh-client', or set IMAGE_LIBVIRT=no."
fi
[ -d /usr/share/ca-certificates/mozilla ] || fail "the certificates of authorities are missing: run '$(as_root)apt-get install ca-certificates'."

# The names that OCI has for Debian's architectures.
case $(dpkg --print-architecture) in
amd64) platform='"architecture":"amd64"' ;;
arm64) platform='"architecture":"arm64"' ;;
armhf) platform='"architecture":"arm","variant":"v7"' ;;
i386) platform='"architecture":"386"' ;;
*) platform="\"architecture\":\"$(dpkg --print-architecture)\"" ;;
esac

package_environment "$profile"
export LC_ALL=C
epoch=$SOURCE_DATE_EPOCH
version=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"name":"virtual-host-gatherer","version":"\([^"]*\)".*/\1/')
archive=${1:-$(target_dir)/virtual-host-gatherer-$version-$(dpkg --print-architecture).tar}
name=${IMAGE_NAME:-localhost/virtual-host-gatherer}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The two layers: a new version of the program leaves the first one as it is.
system=$work/system
program=$work/program
layout=$work/layout
mkdir -p "$system" "$program" "$layout/blobs/sha256"

# --- the program

# Some build scripts depend on the variable, so with it the debug build would be built anew.
[ "$profile" != dev ] || unset SOURCE_DATE_EPOCH
unset DOCDIR MANDIR BASHCOMPDIR ZSHCOMPDIR FISHCOMPDIR UNITDIR SYSUSERSDIR TMPFILESDIR LOGROTATEDIR
DESTDIR=$program PREFIX=/usr LIBDIR=$libdir SYSCONFDIR=/etc BUILD_PROFILE=$profile \
    make --no-print-directory install >"$work/install.log" || { cat "$work/install.log"; exit 1; }
# What a container has no use for: documents, scripts for other programs, units.
find "$program" -mindepth 1 \( -type f -o -type l \) \
    ! -path "$program/usr/bin/virtual-host-gatherer" ! -path "$program$libdir/virtual-host-gatherer/*" \
    ! -path "$program/usr/share/doc/virtual-host-gatherer/LICENSE*" \
    ! -path "$program/usr/share/doc/virtual-host-gatherer/THIRD-PARTY-LICENSES" -delete
[ "$with_libvirt" = yes ] || rm "$program$libdir/virtual-host-gatherer/plugins/libgatherer_plugin_libvirt.so"
find "$program" -mindepth 1 -type d -empty -delete
mapfile -t objects < <(find "$program" -type f \( -name '*.so' -o -path '*/bin/*' \))
# cargo has done this in the release build.
strip --strip-unneeded "${objects[@]}"

# --- the system

# Prints the path below /usr of a file that may be named by /lib or /bin.
merged() {
    printf '%s/%s\n' "$(readlink -f "$(dirname "$1")")" "$(basename "$1")"
}

# Prints the libraries that programs and libraries load at their start, and the loader.
needed_libraries() {
    local object output
    for object in "$@"; do
        output=$(env -u LD_LIBRARY_PATH -u LD_PRELOAD ldd "$object" 2>&1) || case $output in
        *"not a dynamic"*) continue ;;
        *) fail "ldd $object: $output" ;;
        esac
        case $output in
        *"not found"*) fail "a library of $object is missing: $output" ;;
        esac
        printf '%s\n' "$output" | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
    done | sort -u
}

# The files of Debian's packages that the image has: paths on this machine.
: >"$work/copied"

# Copies files with their paths, links as files.
copy() {
    local file mode
    for file in "$@"; do
        mode=644
        [ ! -x "$file" ] || mode=755
        install -D -m "$mode" "$file" "$system$(merged "$file")"
        printf '%s\n' "$file" >>"$work/copied"
    done
}

roots=("${objects[@]}")
if [ "$with_libvirt" = yes ]; then
    library=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p | awk '$1 == "libvirt.so.0" && !found { print $NF; found = 1 }')
    ssh=$(command -v ssh)
    mapfile -t sasl < <(find "$(dirname "$(merged "$library")")/sasl2" -name '*.so' 2>/dev/null | sort)
    copy "$library" "$ssh" ${sasl[@]+"${sasl[@]}"}
    mapfile -t data < <(find /usr/share/libvirt -type f | sort)
    copy ${data[@]+"${data[@]}"}
    roots+=("$library" "$ssh" ${sasl[@]+"${sasl[@]}"})
fi
needed_libraries "${roots[@]}" >"$work/libraries"
mapfile -t libraries <"$work/libraries"
copy "${libraries[@]}"
for link in bin lib lib64 sbin; do
    [ ! -L "/$link" ] || ln -s "usr/$link" "$system/$link"
    mkdir -p "$system/usr/$link"
done
mkdir -p "$system"/{etc,tmp,var/lib/dpkg/status.d,proc,sys,dev,run,home/virtual-host-gatherer}

# Mozilla's authorities of the package, and not those that this machine trusts in addition.
mkdir -p "$system/etc/ssl/certs"
find /usr/share/ca-certificates/mozilla -name '*.crt' -print0 | sort -z | xargs -0 cat >"$system/etc/ssl/certs/ca-certificates.crt"
find /usr/share/ca-certificates/mozilla -name '*.crt' -print -quit >>"$work/copied"

cat >"$system/etc/passwd" <<EOF
root:x:0:0:root:/nonexistent:/usr/sbin/nologin
virtual-host-gatherer:x:$user:$user::/home/virtual-host-gatherer:/usr/sbin/nologin
EOF
cat >"$system/etc/group" <<EOF
root:x:0:
virtual-host-gatherer:x:$user:
EOF
say "hosts: files dns" >"$system/etc/nsswitch.conf"
cat /etc/os-release >"$system/etc/os-release"
chmod 644 "$system"/etc/{passwd,group,nsswitch.conf,os-release} "$system/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$system/usr/share"
cp -R /usr/share/common-licenses "$system/usr/share/"
find "$system/usr/share/common-licenses" -type f -exec chmod 644 {} +

# The records of the packages, for scanners of images, and their copyright files. dpkg may know a file by its name before
# /lib became a link.
while IFS= read -r file; do
    merged=$(merged "$file")
    printf '%s\n' "$file" "$merged" "${merged#/usr}"
done <"$work/copied" >"$work/names"
# The status is 1 if one of the names is unknown.
xargs -d '\n' dpkg-query -S <"$work/names" >"$work/owners" 2>/dev/null || true
# Of each three names one must have an owner, in a line `PACKAGE: NAME`.
awk '
    NR == FNR { at = index($0, ": "); package = substr($0, 1, at - 1); sub(/,.*/, "", package); owner[substr($0, at + 2)] = package; next }
    { found = found == "" ? owner[$0] : found; names = names " " $0 }
    FNR % 3 == 0 {
        if (found == "") { print "no Debian package has one of" names > "/dev/stderr"; exit 2 }
        print found
        found = names = ""
    }
    END { print "base-files" }
' "$work/owners" "$work/names" | sort -u >"$work/packages"
while IFS= read -r package; do
    plain=${package%%:*}
    dpkg-query -s "$package" >"$system/var/lib/dpkg/status.d/$plain"
    install -D -m 644 "/usr/share/doc/$plain/copyright" "$system/usr/share/doc/$plain/copyright"
done <"$work/packages"
find "$system" -mindepth 1 -type d -exec chmod 755 {} +
find "$program" -mindepth 1 -type d -exec chmod 755 {} +
chmod 1777 "$system/tmp"

# --- the archive

# Writes an archive of a folder to stdout. Only names, modes, links and contents of the files matter.
pack() {
    (cd "$1" && find . -mindepth 1 -maxdepth 1 -printf '%f\0' | sort -z |
        tar --create --null --files-from=- --format=gnu --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner)
}

digest() {
    sha256sum "$@" | cut -d ' ' -f 1
}

# Moves a file into the layout. Prints its descriptor.
blob() {
    local hash
    hash=$(digest "$1")
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s}' "$2" "$hash" "$(stat -c %s "$1")"
    mv "$1" "$layout/blobs/sha256/$hash"
}

# Prints the path of a descriptor's blob in the layout.
blob_path() {
    sed 's/.*"sha256:\([0-9a-f]*\)".*/blobs\/sha256\/\1/' <<<"$1"
}

created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
layers=() ids=() history=()
for part in system program; do
    pack "$work/$part" >"$work/layer.tar"
    ids+=("\"sha256:$(digest "$work/layer.tar")\"")
    gzip -n "-${IMAGE_LEVEL:-6}" "$work/layer.tar"
    layers+=("$(blob "$work/layer.tar.gz" layer.v1.tar+gzip)")
    history+=("{\"created\":\"$created\",\"created_by\":\"scripts/image.sh: $part\"}")
done
comma() {
    local IFS=,
    printf '%s' "$*"
}
labels="\"org.opencontainers.image.title\":\"virtual-host-gatherer\",\"org.opencontainers.image.version\":\"$version\""
labels+=",\"org.opencontainers.image.created\":\"$created\""
printf '{"created":"%s",%s,"os":"linux","config":{"User":"%s","Env":["PATH=/usr/bin","HOME=/home/virtual-host-gatherer"],"Entrypoint":["/usr/bin/virtual-host-gatherer"],"WorkingDir":"/","Labels":{%s}},"rootfs":{"type":"layers","diff_ids":[%s]},"history":[%s]}' \
    "$created" "$platform" "$user:$user" "$labels" "$(comma "${ids[@]}")" "$(comma "${history[@]}")" >"$work/config"
config=$(blob "$work/config" config.v1+json)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$config" "$(comma "${layers[@]}")" >"$work/manifest"
manifest=$(blob "$work/manifest" manifest.v1+json)
names="\"io.containerd.image.name\":\"$name:$version\",\"org.opencontainers.image.ref.name\":\"$version\""
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s,"annotations":{%s},"platform":{%s,"os":"linux"}}]}' \
    "${manifest%\}}" "$names" "$platform" >"$layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
# For `docker load` before version 25, which does not read the layout.
printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["%s","%s"]}]' "$(blob_path "$config")" "$name:$version" \
    "$(blob_path "${layers[0]}")" "$(blob_path "${layers[1]}")" >"$layout/manifest.json"
mkdir -p "$(dirname "$archive")"
pack "$layout" >"$archive.new"
mv "$archive.new" "$archive"

# --- the report

# Prints the sum of the sizes of files in MB.
megabytes() {
    stat -L -c %s -- "$@" 2>/dev/null | awk '{ sum += $1 } END { printf "%.1f MB", sum / 1e6 }'
}
mapfile -t plugins < <(find "$program" -name '*.so')
mapfile -t base < <(needed_libraries "${objects[@]}")
mapfile -t everything < <(find "$system" "$program" -type f)
mapfile -t certificates < <(find "$system/etc/ssl" -type f)
say "$archive: $(megabytes "$archive"), unpacked $(megabytes "${everything[@]}")"
say "    name       $name:$version, manifest sha256:$(basename "$(blob_path "$manifest")")"
say "    program    $(megabytes "$program/usr/bin/virtual-host-gatherer")"
say "    plugins    $(megabytes "${plugins[@]}") (${#plugins[@]})"
say "    libraries  $(megabytes "${base[@]}") (glibc and what the program needs itself)"
if [ "$with_libvirt" = yes ]; then
    mapfile -t more < <(printf '%s\n' "${libraries[@]}" "$library" "$ssh" ${sasl[@]+"${sasl[@]}"} ${data[@]+"${data[@]}"} | sort -u | comm -23 - <(printf '%s\n' "${base[@]}" | sort -u))
    say "    libvirt    $(megabytes "${more[@]}") (libvirt's client library, ssh, SASL and their libraries; IMAGE_LIBVIRT=no leaves them out)"
fi
say "    CA         $(megabytes "${certificates[@]}")"
say "    packages   $(wc -l <"$work/packages") of Debian $(. /etc/os-release && printf '%s' "${VERSION_ID:-}")"
