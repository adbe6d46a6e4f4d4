#!/usr/bin/env bash
# Builds the container image of the debug build, and runs the program in it: as another user, with a read-only root file
# system and without the files of this machine. Prints "ok: <rule>" or "not ok: <rule>" for each check, or "skipped:
# <reason>"; test.sh counts them.
# The checks are passed by name to `rule`. Therefore shellcheck thinks that they are unused, and bash
# does not stop inside them at a failure, so their commands are joined by `&&`.
# The script of the namespace has variables of its own, and a check that runs in a subshell changes no status.
# shellcheck disable=SC2016,SC2030,SC2031,SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/rules.sh
. scripts/rules.sh

need_toolchain
if ! command -v dpkg-query >/dev/null 2>&1 || ! have_libvirt || ! command -v ssh >/dev/null 2>&1 || ! command -v strip >/dev/null 2>&1; then
    say "skipped: the image needs the Debian packages libvirt0, openssh-client, ca-certificates and binutils"
    exit 0
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
output=$place/output

# Builds the image as archive $1, in the layout of the installation's test, so that nothing has to be built again. Its
# layers are compressed little, which is faster.
build_image() {
    IMAGE_LIBDIR=/usr/lib64 BUILD_PROFILE=dev IMAGE_LEVEL=1 scripts/image.sh "$1"
}

# Standard input must contain the text $1.
shows() {
    local text
    text=$(cat)
    case $text in
    *"$1"*) ;;
    *) printf '%s\n' "should have: $1" "$text"; return 1 ;;
    esac
}

# Prints a member of a JSON file: the text after "$2":" up to the next quote.
member() {
    sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$1"
}

blob() {
    printf '%s/layout/blobs/sha256/%s\n' "$place" "${1#sha256:}"
}

unpack_layers() {
    local manifest layer
    mkdir -p "$place/layout" "$root" && tar -xf "$place/image.tar" -C "$place/layout" || return 1
    manifest=$(blob "$(grep -o '"manifests":\[{[^}]*' "$place/layout/index.json" | grep -o 'sha256:[0-9a-f]*')")
    config=$(blob "$(grep -o '"config":{[^}]*' "$manifest" | grep -o 'sha256:[0-9a-f]*')")
    grep -o '"layers":.*' "$manifest" | grep -o 'sha256:[0-9a-f]*' >"$place/layers"
    while IFS= read -r layer; do
        tar -xzf "$(blob "$layer")" -C "$root" || return 1
    done <"$place/layers"
}

every_blob_has_its_digest() {
    local file count=0
    for file in "$place"/layout/blobs/sha256/*; do
        printf '%s  %s\n' "$(basename "$file")" "$file" | sha256sum --check --status || { say "$file"; return 1; }
        count=$((count + 1))
    done
    [ "$count" -eq 4 ] || { say "$count blobs"; return 1; }
}

# Another folder for temporary files and another mask must not matter.
builds_the_same_again() {
    mkdir "$place/another"
    (umask 077 && TMPDIR=$place/another build_image "$place/again.tar") &&
        sha256sum "$place/image.tar" "$place/again.tar" && cmp "$place/image.tar" "$place/again.tar"
}

has_only_what_the_program_needs() {
    local unexpected
    unexpected=$(cd "$root" && find . -type f ! -path './usr/lib/*.so*' ! -path './usr/lib64/*.so*' ! -path './usr/share/doc/*/*' \
        ! -path './usr/share/common-licenses/*' ! -path './usr/share/libvirt/*' ! -path './var/lib/dpkg/status.d/*' \
        ! -path ./usr/bin/ssh ! -path ./usr/bin/virtual-host-gatherer ! -path './etc/passwd' ! -path './etc/group' \
        ! -path './etc/nsswitch.conf' ! -path './etc/os-release' ! -path './etc/ssl/certs/ca-certificates.crt')
    [ -z "$unexpected" ] || { say "$unexpected"; return 1; }
}

has_no_shell_and_no_setuid_file() {
    local found
    found=$(find "$root" -perm /6000 -o -name '*sh' -type f ! -name ssh -o -name busybox -o -perm -o+w ! -type l ! -path "$root/tmp")
    [ -z "$found" ] || { say "$found"; return 1; }
}

# Every library that a file of the image needs is in the image's folders of libraries.
every_needed_library_is_inside() {
    local file needed checked=0
    while IFS= read -r file; do
        while IFS= read -r needed; do
            checked=$((checked + 1))
            [ -n "$(find "$root/usr/lib" "$root/usr/lib64" -maxdepth 2 -name "$needed" -print -quit)" ] ||
                { say "$file needs $needed"; return 1; }
        done < <(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    done < <(find "$root/usr" -type f \( -name '*.so*' -o -path '*/bin/*' \))
    say "$checked"
    [ "$checked" -gt 100 ]
}

has_copyright() {
    [ -s "$root/usr/share/doc/$1/copyright" ] || { say "the copyright file of $1"; return 1; }
}

# Every library and program that came from Debian has the record of its package.
records_packages() {
    local package
    for package in libc6 libvirt0 openssh-client ca-certificates libssl3 base-files; do
        [ "$package" != libssl3 ] || [ ! -e "/usr/share/doc/libssl3t64" ] || package=libssl3t64
        grep -q "^Version: $(dpkg-query -W -f "\${Version}" "$package" | head -n 1)" "$root/var/lib/dpkg/status.d/$package" ||
            { say "the record of $package"; return 1; }
        has_copyright "$package" || return 1
    done
}

# The file that the image's authorities are replaced by, if it is set.
bundle=

# Runs the program in the image's root as its user, with a file system that cannot be written except for /tmp, which is
# in memory and has the files of the test. Kubernetes would also remove all capabilities, which a user other than root has not.
gatherer() {
    local file needed checked=0
    while IFS= read -r file; do
        for needed in $(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
            checked=$((checked + 1))
            [ -n "$(find "$root/usr/lib" "$root/usr/lib64" -maxdepth 2 -name "$needed" -print -quit)" ] ||
                { say "$file needs $needed"; return 1; }
        done
    done < <(find "$root/usr" -type f \( -name '*.so*' -o -path '*/bin/*' \))
    say "$checked"
    [ "$checked" -gt 100 ]
}

has_copyright() {
    [ -s "$root/usr/share/doc/$1/copyright" ] || { say "the copyright file of $1"; return 1; }
}

# Every library and program that came from Debian has the record of its package.
records_packages() {
    local package
    for package in libc6 libvirt0 openssh-client ca-certificates libssl3 base-files; do
        [ "$package" != libssl3 ] || [ ! -e "/usr/share/doc/libssl3t64" ] || package=libssl3t64
        grep -q "^Version: $(dpkg-query -W -f "\${Version}" "$package" | head -n 1)" "$root/var/lib/dpkg/status.d/$package" ||
            { say "the record of $package"; return 1; }
        has_copyright "$package" || return 1
    done
}

# Runs the command in the image's root as its user, without any capability, and with a file system that cannot be
# written. The first arguments are NAME=VALUE pairs of its environment.
gatherer() {
    unshare --mount --pid --fork --kill-child --uts --ipc bash -euc '
        root=$1; user=$2; bundle=$3; shift 3
        mount --bind "$root" "$root"
        mount -t proc -o ro proc "$root/proc"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        for device in null zero urandom; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mkdir "$root/tmp/work"; cp "$root.work/"* "$root/tmp/work/"
        [ -z "$bundle" ] || mount --bind "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
        mount -o remount,bind,ro "$root"
        ! touch "$root/etc/x" 2>/dev/null || { echo "the root can be written"; exit 1; }
        exec setpriv --no-new-privs chroot --userspec="$user:$user" "$root" "$@"
    ' - "$root" "$(member "$config" User | cut -d: -f1)" "$bundle" /usr/bin/virtual-host-gatherer "$@"
}

lists_all_modules() {
    local module
    gatherer modules --json >"$place/modules" || { cat "$place/modules"; return 1; }
    while IFS= read -r module; do
        grep -q "\"$module\": {" "$place/modules" || { say "$module is missing"; cat "$place/modules"; return 1; }
    done < <(sed -n 's/^ \{12\}"name": "\(.*\)",$/\1/p' plugins/*/manifest.json | grep -vx Example)
    grep -q '"VMware": {' "$place/modules" && ! grep -q '"Example": {' "$place/modules"
}

gathers_from_a_file() {
    gatherer -i /tmp/work/file.json --format inventory >"$place/inventory" && shows '"complete"' <"$place/inventory" &&
        shows '"esx1.example.com"' <"$place/inventory"
}

gathers_from_the_test_hypervisor() {
    gatherer -i /tmp/work/libvirt.json --format inventory >"$place/inventory" && shows '"complete"' <"$place/inventory" &&
        shows '6695eb01-f6a4-8304-79aa-97f2502e193f' <"$place/inventory"
}

connects_by_ssh() {
    gatherer -i /tmp/work/ssh.json --format inventory >"$place/inventory" &&
        shows 'ssh: connect to host 127.0.0.1 port 1: Connection refused' <"$place/inventory"
}

# Starts a web server with a certificate of a new authority.
start_web_server() {
    (
        cd "$root.work" || exit 1
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -keyout key.pem -out ca.pem \
            -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE
        exec openssl s_server -WWW -quiet -accept "127.0.0.1:$1" -cert ca.pem -key key.pem
    ) >"$place/server" 2>&1 &
    server=$!
    local deadline=$((SECONDS + 10))
    while [ "$SECONDS" -lt "$deadline" ]; do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || return 0
        sleep 0.1
    done
    cat "$place/server"
    return 1
}

refuses_an_unknown_authority() {
    gatherer -i /tmp/work/tls.json --format inventory >"$place/inventory" && shows '"tls"' <"$place/inventory"
}

# The same file, with one more authority.
trusts_the_authorities_of_the_image() {
    bundle=$place/bundle
    cat "$root/etc/ssl/certs/ca-certificates.crt" "$root.work/ca.pem" >"$bundle"
    chmod 644 "$bundle"
    gatherer -i /tmp/work/tls.json --format inventory >"$place/inventory" && shows '"complete"' <"$place/inventory"
}

root=$place/root
rule "the image can be built without root and without a daemon" build_image "$place/image.tar"
[ "$status" -eq 0 ] || exit 1
sed -n 's/^/    /p' "$output"
rule "its layers can be unpacked" unpack_layers
rule "every blob has its digest" every_blob_has_its_digest
rule "a second build gives the same bytes" builds_the_same_again
rule "it has only what the program needs" has_only_what_the_program_needs
rule "it has no shell, no setuid file and no file that other users may write to" has_no_shell_and_no_setuid_file
rule "every library that is needed is inside" every_needed_library_is_inside
rule "it has the records and copyright files of its Debian packages" records_packages

if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true 2>/dev/null; then
    say "skipped: only root can run the image here, in a separate namespace"
    exit "$status"
fi
mkdir "$root.work"
cp demo/hosts.json "$root.work/hosts.json"
printf '[{"id": "sample", "module": "File", "url": "hosts.json"}]' >"$root.work/file.json"
printf '[{"id": "test", "module": "Libvirt", "uri": "test:///default"}]' >"$root.work/libvirt.json"
printf '[{"id": "ssh", "module": "Libvirt", "uri": "qemu+ssh://127.0.0.1:1/system"}]' >"$root.work/ssh.json"
rule "the modules of all plugins are listed" lists_all_modules
rule "it gathers from a file" gathers_from_a_file
rule "it gathers from libvirt's test hypervisor" gathers_from_the_test_hypervisor
rule "a qemu+ssh URI fails because of the connection, not because of a missing program" connects_by_ssh
if command -v openssl >/dev/null 2>&1; then
    port=$((20000 + $$ % 20000))
    printf '[{"id": "tls", "module": "File", "url": "https://127.0.0.1:%s/hosts.json"}]' "$port" >"$root.work/tls.json"
    server=
    trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$place"' EXIT
    rule "a web server with a certificate starts" start_web_server "$port"
    rule "a certificate of an unknown authority is refused" refuses_an_unknown_authority
    rule "the authorities in the image's file are trusted" trusts_the_authorities_of_the_image
else
    say "skipped: openssl, which makes the certificate of a web server, is not installed"
fi
exit "$status"
