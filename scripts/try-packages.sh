#!/usr/bin/env bash
# Installs the packages in target/packages as a user does, and tries them: the Debian packages in fresh Debian 12 and 13, the rpm
# packages in an empty folder. Prints what it does, and each finding; exits with status 1 if one of them is wrong. Only root can run
# it, and it needs the network for Debian's packages. It builds the packages if they are missing.
#
#     try-packages.sh [bookworm|trixie|rpm]...

# The checks and the handler of the traps are called by name, and commands in single quotes are for other shells. So shellcheck
# thinks that functions are unused, and that variables are not expanded.
# shellcheck disable=SC2016,SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/rules.sh
. scripts/rules.sh

[ "$(id -u)" -eq 0 ] || fail "try-packages.sh mounts file systems and changes its root folder, which only root can do."
command -v debootstrap >/dev/null 2>&1 || install_packages debootstrap || fail "debootstrap was not found."
command -v rpm >/dev/null 2>&1 || install_packages rpm || fail "rpm was not found."

version=$(project_version)
older=1.9.0
folder=$(packages_dir)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# The older packages are of the same build. Packages of one kind are built together because the other kind links the program again.
older_folder=$folder/older
[ -f "$(echo "$folder/virtual-host-gatherer-$version-1".*.rpm)" ] || scripts/rpm.sh
[ -f "$(echo "$older_folder/virtual-host-gatherer-$older-1".*.rpm)" ] || PACKAGES_DIR=$older_folder PACKAGE_VERSION=$older scripts/rpm.sh
[ -f "$(echo "$folder/virtual-host-gatherer_$version-1"_*.deb)" ] || scripts/deb.sh
[ -f "$(echo "$older_folder/virtual-host-gatherer_$older-1"_*.deb)" ] || PACKAGES_DIR=$older_folder PACKAGE_VERSION=$older scripts/deb.sh

work=$(mktemp -d /var/tmp/try-packages.XXXXXX)
output=$work/output

# Everything below the folder is unmounted before it is removed, so that nothing of this machine can be removed.
clean_up() {
    local point
    # Later mounts first.
    awk -v work="$work" 'index($2, work "/") == 1 { print $2 }' /proc/mounts | tac | while IFS= read -r point; do
        umount "$point" || umount --lazy "$point"
    done
    if grep -q " $work/" /proc/mounts; then
        say "$work has mounts and was not removed."
        return
    fi
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Prints the last lines of what the last rule printed.
show() {
    tail -n "${1:-5}" "$work/output" | sed 's/^/    /'
}
fails() {
    ! "$@"
}

# Unpacks the base system of the Debian release $1 into the folder $root.
base_system() {
    local release=$1 cache
    cache=$(cache_dir)/debian-$release.tar
    if [ ! -f "$cache" ]; then
        title "Making a base system of Debian $release"
        mkdir -p "$(dirname "$cache")"
        debootstrap --variant=minbase "$release" "$work/base" >"$work/debootstrap.log" 2>&1 || {
            tail "$work/debootstrap.log"
            fail "debootstrap could not make a base system."
        }
        tar --create --directory "$work/base" --file "$cache.new" .
        mv "$cache.new" "$cache"
        rm -rf --one-file-system "$work/base"
    fi
    mkdir "$root"
    tar --extract --directory "$root" --file "$cache"
}

# Prepares a Debian of the release $1 in $root, with the packages.
debian() {
    root=$work/$1
    base_system "$1"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/tmp"
    mount --bind /dev "$root/dev"
    # No service may start in the folder.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    mkdir -p "$root/packages/older" "$root/source"
    cp "$folder"/*"_$version-1"_*.deb "$root/packages/"
    cp "$older_folder"/*"_$older-1"_*.deb "$root/packages/older/"
    cp -a packaging "$root/source/packaging"
    cp -a packaging/debian "$root/source/debian"
    in_root apt-get update -qq >"$work/output" 2>&1
}

# Runs a command in the Debian, with a usual environment.
in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" \
        https_proxy="${https_proxy:-}" chroot "$root" "$@" </dev/null
}
as_plain_user() {
    in_root setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/tmp "$@"
}

# Runs the command line of the unit $1 as its user, for at most 8 seconds, as systemd would: with its folders, without its
# restrictions. SIGTERM must end it with status 0 or 143.
unit_command() {
    local unit=$1 command status=0
    # One line, with the unit's variables in it.
    command=$(sed -e ':a;/\\$/{N;s/\\\n//;ba}' "$root/$unitdir/$unit" | sed -n 's/^ExecStart=//p' |
        sed -e 's|\${ENDPOINTS}|/etc/virtual-host-gatherer/endpoints.d|' -e 's|\$OPTIONS||')
    say "$command"
    # shellcheck disable=SC2086
    in_root setpriv --reuid virtual-host-gatherer --regid virtual-host-gatherer --clear-groups env HOME=/var/lib/virtual-host-gatherer \
        timeout --preserve-status 8 $command || status=$?
    say "status $status"
    [ "$status" -eq 0 ] || [ "$status" -eq 143 ]
}
has_modules() {
    as_plain_user virtual-host-gatherer --list-modules --logfile /tmp/log >"$work/modules" && grep '"module"' "$work/modules" &&
        [ "$(grep -c '"module"' "$work/modules")" -eq 11 ]
}
no_plugin_is_skipped() {
    as_plain_user virtual-host-gatherer modules --logfile /tmp/log >"$work/modules" && fails grep Skipped "$work/modules"
}
gathers_from_a_file() {
    printf '{"host1": {"name": "host1", "hostIdentifier": "1", "cpuArch": "x86_64", "vms": {"guest1": "420f9f0d-0001"}}}' >"$root/tmp/hosts.json"
    printf '[{"id": "file", "module": "File", "url": "/tmp/hosts.json"}]' >"$root/tmp/request.json"
    as_plain_user virtual-host-gatherer --infile /tmp/request.json --logfile /tmp/log --format table && grep guest1 "$root/tmp/hosts.json"
}
gathers_from_libvirt() {
    printf '[{"id": "test", "module": "Libvirt", "uri": "test:///default"}]' >"$root/tmp/request.json"
    as_plain_user virtual-host-gatherer --infile /tmp/request.json --logfile /tmp/log --format table
    as_plain_user virtual-host-gatherer --infile /tmp/request.json --logfile /tmp/log | grep '"vms"'
}
autopkgtest() {
    in_root sh -c 'cd /source && debian/tests/installed'
}
operator_files() {
    (cd "$root/etc/virtual-host-gatherer" && find . -type f -exec md5sum {} + | sort)
}
keeps_operator_files() {
    diff "$work/before" <(operator_files) && operator_files
}
endpoints_mode() {
    in_root stat -c '%a %U:%G %n' /etc/virtual-host-gatherer/endpoints.d | grep '^750 root:virtual-host-gatherer '
}
no_unit_is_enabled() {
    ! in_root find /etc/systemd -name '*virtual-host-gatherer*' | grep .
}
installed_version() {
    in_root dpkg-query -W -f '${Version}\n' virtual-host-gatherer | grep -x "$1-1"
}
left() {
    in_root sh -c "find / -xdev -name '*virtual-host-gatherer*' ! -path '/packages/*' ! -path '/source/*' ! -path '/proc/*' ! -path '/tmp/*' | sort; getent passwd virtual-host-gatherer" || true
}

try_debian() {
    local release=$1
    title "Debian $release"
    debian "$release"
    in_root sh -c '. /etc/os-release; echo "$PRETTY_NAME, $(dpkg-query -W -f "glibc \${Version}" libc6)"'
    rule "apt installs only the main package" in_root sh -c "apt-get install -y -qq --no-install-recommends ./packages/virtual-host-gatherer_$version-1_*.deb"
    unitdir=$(in_root dpkg-query -L virtual-host-gatherer | sed -n 's|/virtual-host-gatherer.timer$||p')
    rule "the package's test fails without modules" fails autopkgtest
    show 1
    in_root apt-get purge -y -qq virtual-host-gatherer >"$work/output" 2>&1

    rule "apt installs the older packages" in_root sh -c 'apt-get install -y -qq --no-install-recommends ./packages/older/*.deb libvirt0'
    rule "the older packages are installed" installed_version "$older"
    printf '# the operator has this file\n' >"$root/etc/virtual-host-gatherer/config.toml"
    printf '[{"id": "unit", "module": "Libvirt", "uri": "test:///default"}]' >"$root/etc/virtual-host-gatherer/endpoints.d/unit.json"
    chmod 640 "$root/etc/virtual-host-gatherer/endpoints.d/unit.json"
    in_root chgrp virtual-host-gatherer /etc/virtual-host-gatherer/endpoints.d/unit.json
    operator_files >"$work/before"

    rule "apt upgrades to this version" in_root sh -c 'apt-get install -y -qq --no-install-recommends ./packages/*.deb'
    show 3
    rule "this version is installed" installed_version "$version"
    rule "the upgrade keeps the operator's files" keeps_operator_files
    show 2
    rule "the folder of requests can be read by the services' group only" endpoints_mode
    show 1
    rule "no unit is enabled" no_unit_is_enabled
    rule "a plain user lists the modules" has_modules
    show 11
    rule "a plain user shows the modules and no plugin is skipped" no_plugin_is_skipped
    rule "a plain user gathers from a file" gathers_from_a_file
    show 6
    rule "a plain user gathers from libvirt's test hypervisor" gathers_from_libvirt
    show 8
    rule "the unit that lists once runs" unit_command virtual-host-gatherer.service
    show 3
    rule "it wrote the inventory" in_root grep -c '"schemaVersion"' /var/lib/virtual-host-gatherer/inventory.json
    rule "the unit that watches runs until SIGTERM" unit_command virtual-host-gatherer-watch.service
    show 3
    rule "it wrote events" in_root grep -c '' /var/log/virtual-host-gatherer/events.ndjson
    show 1
    rule "the package's test succeeds" autopkgtest
    show 14
    rule "dpkg finds no changed file" sh -c '! "$@" | grep .' - chroot "$root" dpkg --verify virtual-host-gatherer 'virtual-host-gatherer-module-*'

    rule "apt removes the packages" in_root sh -c 'apt-get remove -y -qq "virtual-host-gatherer*"'
    say "After remove there is:"
    left | sed 's/^/    /'
    rule "remove keeps the operator's files" keeps_operator_files
    rule "apt purges the packages" in_root sh -c 'apt-get purge -y -qq "virtual-host-gatherer*"'
    say "After purge there is:"
    left | sed 's/^/    /'
    rule "purge keeps the operator's files" keeps_operator_files
}

# The database and the files of rpm are in the folder $root. Debian's rpm warns that it should not be used to install packages.
rpm_options=()
in_rpm() {
    local code=0
    rpm --root "$root" --dbpath /var/lib/rpm "$@" >"$work/rpm-output" 2>&1 || code=$?
    grep -vE '^rpm: (RPM should|However)' "$work/rpm-output" || true
    return "$code"
}
try_rpm() {
    local fake=$work/fake
    title "rpm packages in a folder with the tools that their scripts need (those of Debian 12), without check of dependencies"
    root=$work/rpm
    base_system bookworm
    mkdir -p "$root/var/lib/rpm"
    rule "rpm installs the older packages" in_rpm --install --nodeps "$older_folder"/*-"$older-1".*.rpm
    show 3
    mkdir -p "$root/etc/virtual-host-gatherer/endpoints.d"
    printf '# the operator has this file\n' >"$root/etc/virtual-host-gatherer/config.toml"
    printf '[]' >"$root/etc/virtual-host-gatherer/endpoints.d/unit.json"
    operator_files >"$work/before"
    rule "rpm upgrades to this version" in_rpm --upgrade --nodeps "$folder"/*-"$version-1".*.rpm
    rule "every package has this version" sh -c '! rpm --root "$1" --dbpath /var/lib/rpm -qa | grep -v "'"-$version-1"'" | grep .' - "$root"
    in_rpm -qa | sort | sed 's/^/    /'
    rule "the upgrade keeps the operator's files" keeps_operator_files
    rule "rpm -V finds no changed file" sh -c '! rpm --root "$1" --dbpath /var/lib/rpm -Va --nodeps | grep .' - "$root"
    echo "changed" >>"$root/usr/bin/virtual-host-gatherer-ansible"
    rule "rpm -V finds a changed file" fails sh -c '! rpm --root "$1" --dbpath /var/lib/rpm -Va --nodeps | grep .' - "$root"
    show 1
    rule "the folder of requests can be read by the services' group only" endpoints_mode
    show 1
    rule "the program in the folder uses all plugins" packaging/check-plugins.sh "$root/usr/bin/virtual-host-gatherer" "$root/usr/lib64/virtual-host-gatherer/plugins"
    show 1
    say "Files of the main package, without documents and manual pages:"
    in_rpm -q --list virtual-host-gatherer | grep -vE '/share/(man|doc)/' | sed 's/^/    /'
    say "Files of the modules:"
    in_rpm -qa 'virtual-host-gatherer-module-*' --queryformat '[%{FILENAMES}\n]' | sort | sed 's/^/    /'
    rule "rpm removes the packages" sh -c 'rpm --root "$1" --dbpath /var/lib/rpm --erase --nodeps $(rpm --root "$1" --dbpath /var/lib/rpm -qa)' - "$root"
    rule "remove keeps the operator's files" keeps_operator_files
    say "After remove there is:"
    (cd "$root" && find . -name '*virtual-host-gatherer*' -o -path '*/virtual-host-gatherer/*') | sort | sed 's/^/    /'

    title "rpm packages in place of the classic program, with rpm's own check of dependencies"
    mkdir "$fake"
    # There is no shell in the folders of this part.
    rpm_options=(--noscripts)
    # Packages with the names and dependencies of the classic program and of the package that imports its Python library, and
    # one that stands for the rest of a system.
    fake_rpm base 1 "" "$(rpm -qp --qf '[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\n]' "$folder"/*-"$version-1".*.rpm 2>/dev/null |
        grep -vE '^(virtual-host-gatherer|rpmlib)' | awk '{ print "Provides: " $1 }' | sort -u)"
    fake_rpm virtual-host-gatherer 1.0.29
    fake_rpm virtual-host-gatherer-Libvirt 1.0.29 "" "Requires: virtual-host-gatherer = 1.0.29"
    fake_rpm virtual-host-gatherer-VMware 1.0.29 "" "Requires: virtual-host-gatherer = 1.0.29"
    fake_rpm virtual-host-gatherer-libcloud 1.0.29 "" "Requires: virtual-host-gatherer = 1.0.29"
    fake_rpm scc-hypervisor-collector-common 1 "" "Requires: virtual-host-gatherer-Libvirt
Requires: virtual-host-gatherer-VMware"
    fake_rpm uyuni 1 "" "Requires: virtual-host-gatherer"
    classic_machine virtual-host-gatherer uyuni
    rule "the classic main package alone is upgraded" in_rpm --upgrade "${rpm_options[@]}" "$folder/virtual-host-gatherer-$version-1".*.rpm
    in_rpm -qa | sort | sed 's/^/    /'
    classic_machine virtual-host-gatherer virtual-host-gatherer-Libvirt virtual-host-gatherer-VMware virtual-host-gatherer-libcloud uyuni
    rule "with classic subpackages, the main package alone is refused" fails in_rpm --upgrade "${rpm_options[@]}" "$folder/virtual-host-gatherer-$version-1".*.rpm
    show 4
    rule "with classic subpackages, all packages replace them" in_rpm --upgrade "${rpm_options[@]}" "$folder"/*-"$version-1".*.rpm
    in_rpm -qa | sort | sed 's/^/    /'
    classic_machine virtual-host-gatherer virtual-host-gatherer-Libvirt virtual-host-gatherer-VMware scc-hypervisor-collector-common
    rule "with a package that needs the classic subpackages, the upgrade is refused" fails in_rpm --upgrade "${rpm_options[@]}" "$folder"/*-"$version-1".*.rpm
    show 4
    rule "the classic packages are still installed" in_rpm -q virtual-host-gatherer-Libvirt virtual-host-gatherer-VMware
    show 2
    root=$work/rpm-new
    mkdir -p "$root/var/lib/rpm"
    in_rpm --install "${rpm_options[@]}" "$fake"/base-1-*.rpm
    in_rpm --install "${rpm_options[@]}" "$folder"/*-"$version-1".*.rpm >/dev/null 2>&1
    rule "that package cannot be installed beside this program" fails in_rpm --install "${rpm_options[@]}" "$fake"/scc-hypervisor-collector-common-1-*.rpm
    show 3
}

# Builds an empty package of the name $1 and the version $2; $4 has more lines of the preamble.
fake_rpm() {
    printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: stands for another package\nLicense: none\nBuildArch: noarch\nAutoReqProv: no\n%s\n%%description\nnone\n%%files\n' \
        "$1" "$2" "${4:-}" >"$work/fake.spec"
    rpmbuild -bb --quiet --define "_topdir $work/fake-build" --define "_rpmdir $work/fake" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.rpm' \
        "$work/fake.spec" >/dev/null
}
# Makes a new folder $root with the base and the fake packages of the names $1...
classic_machine() {
    local name files=()
    root=$work/classic
    rm -rf --one-file-system "$root"
    mkdir -p "$root/var/lib/rpm"
    for name in base "$@"; do
        files+=("$work/fake/$name"-[0-9]*.rpm)
    done
    in_rpm --install "${rpm_options[@]}" "${files[@]}"
}

[ $# -gt 0 ] || set -- bookworm trixie rpm
for what in "$@"; do
    case $what in
    rpm) try_rpm ;;
    *) try_debian "$what" ;;
    esac
done
exit "$status"
