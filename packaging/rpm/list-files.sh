#!/bin/sh
# Prints the section "files" of the main package: every file in the buildroot $1 except for the plugins in the folder $2, and
# every folder that no basic package of a distribution has.

set -eu

root=$1
plugins=$2

# Folders of the package "filesystem" of distributions, and of systemd.
basic="/usr /usr/bin /usr/lib /usr/lib64 /usr/share /usr/share/doc /usr/share/man /usr/share/man/man1 /usr/share/man/man5
    /usr/share/man/man8 /etc /etc/logrotate.d /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d
    /usr/share/licenses"

cd "$root"
find . -mindepth 1 | LC_ALL=C sort | while IFS= read -r path; do
    path=${path#.}
    case $path in
    "$plugins"/libgatherer_plugin_*.so) continue ;;
    */endpoints.d) printf '%%attr(0750, root, virtual-host-gatherer) %%dir %s\n' "$path"; continue ;;
    esac
    if [ -d "$root$path" ]; then
        for folder in $basic; do
            [ "$path" != "$folder" ] || continue 2
        done
        printf '%%dir %s\n' "$path"
        continue
    fi
    case $path in
    /etc/*) printf '%%config(noreplace) %s\n' "$path" ;;
    */LICENSE) printf '%%license %s\n' "$path" ;;
    /usr/share/doc/*) printf '%%doc %s\n' "$path" ;;
    # rpmbuild compresses manual pages.
    /usr/share/man/*) printf '%s*\n' "$path" ;;
    *) printf '%s\n' "$path" ;;
    esac
done
