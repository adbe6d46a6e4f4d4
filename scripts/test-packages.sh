#!/usr/bin/env bash
# Builds the Debian and the rpm packages from the debug build, and checks names, files and libraries. Prints "ok: <rule>" or
# "not ok: <rule>" for each check, or "skipped: <reason>". With BUILD_PROFILE=release, checks the packages
# of the release build in the same way.
# The checks are passed by name to `rule`, so shellcheck thinks that they are unused.
# shellcheck disable=SC2317

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/rules.sh
. scripts/rules.sh

# A check asks for the output of a pipeline; `grep` that finds nothing, or stops early, is no failure.
set +o pipefail

for tool in dh dpkg-buildpackage rpmbuild rpm2cpio cpio readelf; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        say "skipped: $tool was not found: run '$(as_root)apt-get install debhelper dpkg-dev rpm cpio binutils'"
        exit 0
    fi
done
need_toolchain

export BUILD_PROFILE=${BUILD_PROFILE:-dev}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
output=$place/output

fails() {
    ! "$@"
}

# Succeeds if stdin is empty, and otherwise prints it.
none() {
    local lines
    lines=$(cat)
    [ -z "$lines" ] || { printf '%s\n' "$lines"; return 1; }
}

# Packs into the folder $1 of $place.
pack() {
    PACKAGES_DIR=$place/$1 scripts/"$2".sh
}

# The four runs are in this order because the program is linked again for another LIBDIR.
rule "make rpm succeeds" pack first rpm
rule "packing rpm packages again succeeds" pack second rpm
rule "make deb succeeds" pack first deb
rule "packing Debian packages again succeeds" pack second deb
[ "$status" -eq 0 ] || exit "$status"

same_bytes() {
    local package found=0
    for package in "$place/first"/*."$1"; do
        cmp "$package" "$place/second/$(basename "$package")" || return 1
        found=$((found + 1))
    done
    [ "$found" -gt 2 ] && say "$found packages"
}
rule "Debian packages have the same bytes when they are packed again" same_bytes deb
rule "rpm packages have the same bytes when they are packed again" same_bytes rpm
rm -rf "$place/second"

# Unpack every package into a folder of its name.
debs=("$place"/first/*.deb)
rpms=("$place"/first/*.rpm)
mkdir "$place/deb" "$place/rpm"
for package in "${debs[@]}"; do
    dpkg-deb --extract "$package" "$place/deb/$(dpkg-deb --field "$package" Package)"
done
# rpm's query needs no database, but warns about a missing one.
query() {
    rpm --dbpath "$place/db" -qp --nosignature --nodigest --qf "$2" "$1" 2>/dev/null
}
for package in "${rpms[@]}"; do
    name=$(query "$package" '%{NAME}')
    mkdir "$place/rpm/$name"
    rpm2cpio "$package" | (cd "$place/rpm/$name" && cpio --extract --make-directories --quiet)
done

# 1. Names and capabilities.

# The subpackages of the classic program, of all its releases and branches. Another package requires two of them and imports
# the classic program's Python library.
classic="AmazonEC2 Azure File GoogleCE Kubernetes libcloud Libvirt Nutanix NutanixAHV OpenStack Proxmox SUSECloud VMware VMwareNoSSL Xen"

# Prints names and capabilities of the packages $2..., which are of the kind $1 (deb or rpm), without versions.
capabilities() {
    local kind=$1 package
    shift
    for package in "$@"; do
        if [ "$kind" = deb ]; then
            dpkg-deb --field "$package" Package
            dpkg-deb --field "$package" Provides | tr ',' '\n'
        else
            query "$package" '%{NAME}\n[%{PROVIDENAME}\n]'
        fi
    done | sed 's/^ *//; s/[ (].*//; /^$/d; /^config$/d' | sort -u
}

# Prints those names of stdin that a subpackage of the classic program has.
classic_names() {
    local name
    for name in $classic; do
        printf 'virtual-host-gatherer-%s\n' "$name"
    done >"$place/classic"
    grep -ixFf "$place/classic" || true
}

no_classic_name() {
    capabilities "$@" | classic_names | none
}

# A package that provides a classic name, to see that the check finds it.
bad_deb() {
    mkdir -p "$place/bad/DEBIAN" &&
        printf '%s\n' "Package: virtual-host-gatherer-module-bad" "Version: 1" "Architecture: all" "Maintainer: none <none@example.com>" \
            "Provides: virtual-host-gatherer-Libvirt" "Description: a package of the tests" >"$place/bad/DEBIAN/control" &&
        dpkg-deb --build "$place/bad" "$place/bad.deb"
}
bad_rpm() {
    printf '%s\n' "Name: virtual-host-gatherer-module-bad" "Version: 1" "Release: 1" "Summary: a package of the tests" "License: none" \
        "BuildArch: noarch" "Provides: virtual-host-gatherer-VMWare = 1" "%description" "none" "%files" >"$place/bad.spec" &&
        rpmbuild -bb --quiet --define "_topdir $place/bad-rpm" --define "_rpmdir $place" --define "_rpmfilename bad.rpm.file" "$place/bad.spec"
}

rule "no Debian package has or provides the name of a classic subpackage" no_classic_name deb "${debs[@]}"
rule "no rpm package has or provides the name of a classic subpackage" no_classic_name rpm "${rpms[@]}"
rule "a Debian package that provides a classic name can be built for the next check" bad_deb
rule "an rpm package that provides a classic name can be built for the next check" bad_rpm
rule "a Debian package that provides virtual-host-gatherer-Libvirt is found" fails no_classic_name deb "$place/bad.deb"
rule "an rpm package that provides virtual-host-gatherer-VMWare is found" fails no_classic_name rpm "$place/bad.rpm.file"

# The only names and capabilities, where MODULE stands for the folder of a plugin.
expected_names() {
    local folder
    say virtual-host-gatherer
    scripts/package.sh provides | sed 's/ .*//'
    for folder in $(installed_plugins); do
        say "virtual-host-gatherer-module-$folder"
    done
}
has_the_expected_names() {
    diff <(expected_names | sort -u) <(capabilities "$@")
}
rule "Debian packages are the main package and one for each plugin" has_the_expected_names deb "${debs[@]}"
rule "rpm packages are the main package and one for each plugin" has_the_expected_names rpm "${rpms[@]}"

versions() {
    local package
    for package in "${debs[@]}"; do dpkg-deb --field "$package" Version; done
    for package in "${rpms[@]}"; do query "$package" '%{VERSION}-%{RELEASE}\n'; done
}
has_one_version() {
    versions | grep -vx "$(project_version)-1" | none
}
rule "all packages have the version of the program" has_one_version

# Prints what the modules need and the main package has, of both kinds, and what the sources say.
abi_of_packages() {
    local folder
    printf 'provides %s\n' "$(dpkg-deb --field "$place"/first/virtual-host-gatherer_*.deb Provides)"
    printf 'provides %s\n' "$(query "$place"/first/virtual-host-gatherer-2*.rpm '[%{PROVIDENAME} (%{PROVIDEFLAGS:depflags} %{PROVIDEVERSION})\n]' | grep abi)"
    for folder in $(installed_plugins); do
        printf '%s %s\n' "$folder" "$(dpkg-deb --field "$place"/first/virtual-host-gatherer-module-"$folder"_*.deb Depends | tr ',' '\n' | sed 's/^ //' | grep abi)"
        printf '%s %s\n' "$folder" "$(query "$place"/first/virtual-host-gatherer-module-"$folder"-*.rpm '[%{REQUIRENAME} (%{REQUIREFLAGS:depflags} %{REQUIREVERSION})\n]' | grep abi)"
    done
}
abi_of_sources() {
    local folder
    printf 'provides %s\n' "$(scripts/package.sh provides)" "$(scripts/package.sh provides)"
    for folder in $(installed_plugins); do
        printf '%s %s\n' "$folder" "$(scripts/package.sh requires "$folder")" "$folder" "$(scripts/package.sh requires "$folder")"
    done
}
has_the_abi_of_the_sources() {
    diff <(abi_of_sources) <(abi_of_packages)
}
rule "a module needs the ABI and the API version of its manifest, and the program provides them" has_the_abi_of_the_sources

# 2. Files.

# Prints all files of the packages of the kind $1 with the package's name: "PACKAGE PATH".
files_of() {
    local package
    for package in "$place/$1"/*; do
        (cd "$package" && find . ! -type d | sed "s|^\.|$(basename "$package") |")
    done
}
no_shared_file() {
    files_of "$1" | awk '{ count[$2]++; names[$2] = names[$2] " " $1 } END { for (path in count) if (count[path] > 1) print path names[path] }' | none
}
rule "no file is in two Debian packages" no_shared_file deb
rule "no file is in two rpm packages" no_shared_file rpm

# Each module package has its plugin, and Debian's own documents. Prints the other files, and the modules without plugin.
only_plugins() {
    local kind=$1 folder
    files_of "$kind" | grep '^virtual-host-gatherer-module-' | grep -v "/usr/share/doc/virtual-host-gatherer-module-[a-z0-9]*/\(copyright\|changelog.Debian.gz\)$" |
        while read -r package path; do
            folder=${package#virtual-host-gatherer-module-}
            [ "${path##*/}" = "libgatherer_plugin_${folder//-/_}.so" ] || say "$package $path"
        done
    for folder in $(installed_plugins); do
        files_of "$kind" | grep -q "^virtual-host-gatherer-module-$folder .*/virtual-host-gatherer/plugins/libgatherer_plugin_${folder//-/_}.so$" ||
            say "$folder has no plugin"
    done
}
modules_have_plugins_only() {
    only_plugins "$1" | none
}
rule "each Debian package of a module has its plugin and nothing else" modules_have_plugins_only deb
rule "each rpm package of a module has its plugin and nothing else" modules_have_plugins_only rpm

# Prints the files of both kinds in one form: as make install installs them.
plain_files() {
    files_of "$1" | sed -e 's/^[^ ]* //' -e 's|^/usr/lib64/|/usr/lib/|' -e 's|^/lib/systemd/|/usr/lib/systemd/|' -e 's|/vendor-completions/|/site-functions/|' \
        -e '/\/man\/man/s/\.gz$//' -e '\|/THIRD-PARTY-LICENSES|s/\.gz$//' -e '\|/changelog.Debian.gz$|d' -e '\|/copyright$|d' -e '\|/lintian/overrides/|d' -e '\|/doc/virtual-host-gatherer/LICENSE$|d' | sort
}
has_what_is_installed() {
    env PREFIX=/usr LIBDIR=/usr/lib64 SYSCONFDIR=/etc EXAMPLEDIR=/usr/share/doc/virtual-host-gatherer/examples DESTDIR="$place/installed/all" \
        scripts/package.sh install >/dev/null &&
        diff <(plain_files installed) <(plain_files "$1")
}
mkdir "$place/installed"
rule "the Debian packages have every file of make install" has_what_is_installed deb
rule "the rpm packages have every file of make install" has_what_is_installed rpm
rm -rf "$place/installed"

# Prints mode, owner, group and path of each file in the packages.
modes_of_deb() {
    local package
    for package in "${debs[@]}"; do
        dpkg-deb --contents "$package" | awk '{ split($2, owner, "/"); print $1, owner[1], owner[2], $6 }' | sed 's| \./| /|; s|/$||'
    done
}
modes_of_rpm() {
    local package
    for package in "${rpms[@]}"; do
        query "$package" '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]'
    done
}
# endpoints.d belongs to the group of the services; in a Debian package, the group is set by tmpfiles.d.
usual_modes() {
    "modes_of_$1" | sort -u |
        grep -vE '^(-rw-r--r--|drwxr-xr-x|lrwxrwxrwx) root root |^-rwxr-xr-x root root /usr/bin/|^drwxr-x--- root (root|virtual-host-gatherer) /etc/virtual-host-gatherer/endpoints.d$' | none &&
        "modes_of_$1" | grep -q '^drwxr-x--- root [a-z-]* /etc/virtual-host-gatherer/endpoints.d$'
}
rule "files in Debian packages belong to root, and only root can write to them" usual_modes deb
rule "files in rpm packages belong to root, and only root can write to them" usual_modes rpm

# The crates' paths in the debug build are the usual ones: only package_environment maps them.
paths=("$PWD" "$place")
if [ "$BUILD_PROFILE" = dev ]; then
    say "The debug build of the tests has the paths of crates in its libraries. So only the release build is checked for them."
else
    paths+=("${CARGO_HOME:-$HOME/.cargo}" "${CARGO_TARGET_DIR:-$PWD/target}" "$(rustc --print sysroot)")
fi
no_path_of_this_machine() {
    local path
    for path in "${paths[@]}"; do
        grep -rlF -- "$path" "$place/deb" "$place/rpm"
    done | none
}
finds_a_path() {
    mkdir "$place/deb/extra" && printf 'built in %s/host' "$PWD" >"$place/deb/extra/file" && fails no_path_of_this_machine
    local result=$?
    rm -r "$place/deb/extra"
    return "$result"
}
rule "no file has a path of this machine" no_path_of_this_machine
rule "a file with a path of this machine is found" finds_a_path

# 3. Libraries and their versions.

elf_files() {
    find "$place/deb" "$place/rpm" -type f \( -name '*.so' -o -path '*/bin/virtual-host-gatherer' \)
}
count_of_elf_files() {
    [ "$(elf_files | wc -l)" -eq $((2 * ($(installed_plugins | wc -l) + 1))) ]
}

# Prints the needed libraries of the file $1 that are neither glibc's nor libgcc.
other_libraries() {
    readelf --dynamic --wide "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vxE 'libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|ld-linux-.*\.so\.[0-9]|ld64\.so\.[0-9]' |
        sed "s|^|$1 |"
}
needs_only_glibc() {
    elf_files | while IFS= read -r file; do other_libraries "$file"; done | none
}

# Prints the symbol versions of stdin that glibc $1 or GCC 7 lacks.
newer_versions() {
    local version
    sort -u | while IFS= read -r version; do
        case $version in
        GLIBC_[0-9]*) printf '%s\n%s\n' "${version#GLIBC_}" "$1" | sort -V -C || say "$version" ;;
        GCC_[0-9]*) printf '%s\n%s\n' "${version#GCC_}" 7.0.0 | sort -V -C || say "$version" ;;
        *) say "$version" ;;
        esac
    done
}
symbol_versions() {
    elf_files | xargs -d '\n' readelf --version-info --wide | sed -n 's/.*Name: \([A-Z_]*[0-9][0-9.]*\).*/\1/p'
}
runs_with_old_libraries() {
    [ "$(symbol_versions | wc -l)" -gt 20 ] && symbol_versions | newer_versions "$1" | none
}
rule "every program and plugin is checked" count_of_elf_files
rule "programs and plugins need only glibc and libgcc" needs_only_glibc
rule "no symbol is newer than glibc 2.38, which SLE 15 SP6 has" runs_with_old_libraries 2.38
rule "symbols that glibc 2.17 lacks are found" fails runs_with_old_libraries 2.17
say "The newest version of a symbol is $(symbol_versions | grep '^GLIBC_' | sort -V | tail -n 1)."

# 4. The checks of the built packages find missing plugins.

main=$place/rpm/virtual-host-gatherer
rule "the check of the spec file fails for a package without plugins" fails packaging/check-plugins.sh \
    "$main/usr/bin/virtual-host-gatherer" "$main/usr/lib64/virtual-host-gatherer/plugins"
all=$main/usr/lib64/virtual-host-gatherer/plugins
mkdir -p "$all"
cp "$place"/rpm/virtual-host-gatherer-module-*/usr/lib64/virtual-host-gatherer/plugins/*.so "$all/"
# shellcheck disable=SC2046
rule "the check succeeds with the plugins of all packages" packaging/check-plugins.sh "$main/usr/bin/virtual-host-gatherer" "$all" $(installed_plugins)
echo "not a library" >"$all/libgatherer_plugin_broken.so"
rule "the check fails if a plugin is skipped" fails packaging/check-plugins.sh "$main/usr/bin/virtual-host-gatherer" "$all"

exit "$status"
