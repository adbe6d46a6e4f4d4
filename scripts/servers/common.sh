# shellcheck shell=bash
# Functions that the scripts in this folder share: a lock, progress, a log, and access to Debian's packages
# without installing them. This file is sourced, not run. The script that sources it sets `what`, the
# server's name, and `cache`, its folder.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

servers=$(cache_dir)/servers
# The temporary folder, created by begin_work.
work=

# Exits with status 3 and the reason why this machine cannot run the server.
cannot() {
    printf 'no %s: %s\n' "${what:?}" "$*" >&2
    exit 3
}

need_tools() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found; it is needed to unpack Debian's packages"
    done
}

# Locks, so that only one process prepares the server. After waiting, the caller checks again whether it
# is ready. Child processes inherit the lock, so that the folder is not removed while a compiler that
# outlived its script still uses it.
alone() {
    exec 9>"${cache:?}/lock"
    if ! flock --nonblock 9; then
        say "Waiting: another process is preparing $1."
        flock 9
    fi
}

# Creates an empty temporary folder and log, and removes the files of an interrupted run.
begin_work() {
    work=${cache:?}/work
    log=$cache/log
    begin=$SECONDS
    rm -rf "$work"
    mkdir -p "$work"
    : >"$log"
}

stage() {
    printf '%4d s  %s\n' $((SECONDS - begin)) "$*"
}

# Runs a command with its output in the log. If it fails, the end of the log is shown.
quiet() {
    "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        cannot "'${1##*/}' failed: see $log"
    }
}

# If this is set, packages come from this suite of Debian, whatever the suite of the system is.
suite=

# Writes the sources of packages of the kinds $1 (deb, deb-src): those of the system, or the one of $suite.
write_sources() {
    local kinds=$1 parts=$work/apt/parts file kind files=()
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        [ ! -r "$file" ] || files+=("$file")
    done
    if [ -n "$suite" ]; then
        # The URL is a word of a line `deb URL ...` or `URIs: URL ...`.
        cat ${files[@]+"${files[@]}"} | awk -v suite="$suite" '$1 == "deb" || $1 == "URIs:" {
            for (i = 2; i <= NF; i++) if ($i ~ /\/debian\/?$/) { print "deb", $i, suite, "main"; exit }
        }' >"$parts/all.list"
        return
    fi
    for file in ${files[@]+"${files[@]}"}; do
        case $file in
        # The files consist of paragraphs, so an empty line must separate them.
        *.sources) { sed "s/^Types:.*/Types: $kinds/" "$file" && echo; } >>"$parts/all.sources" ;;
        *)
            for kind in $kinds; do
                sed -n "s/^deb\\([[:space:]]\\)/$kind\\1/p" "$file" >>"$parts/all.list"
            done
            ;;
        esac
    done
}

# Downloads the package lists of the kinds $1 (deb, deb-src) into the temporary folder. The other arguments
# are options for apt-get. It changes nothing in /etc/apt and /var/lib/apt, and does not need root.
load_lists() {
    local kinds=$1
    shift
    stage "packages: lists"
    mkdir -p "$work"/apt/{lists/partial,parts,archives/partial,debs}
    write_sources "$kinds"
    apt=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts"
        -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o "APT::Sandbox::User=$(id -un)"
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@")
    # The command succeeds even without a network, so the downloaded files are checked instead.
    apt-get "${apt[@]}" update >>"$log" 2>&1 || true
    if [ -z "$(find "$work/apt/lists" -maxdepth 1 -name '*_Packages*' -size +0 | head -n 1)" ]; then
        cannot "Debian's package lists could not be downloaded (is this machine offline?): see $log"
    fi
}

# Unpacks Debian packages below a folder.
unpack() {
    local root=$1 deb package
    shift
    if ! apt-cache "${apt[@]}" show "$@" >/dev/null 2>&1; then
        for package in "$@"; do
            apt-cache "${apt[@]}" show "$package" >/dev/null 2>&1 ||
                cannot "this system's package sources do not have $package; those of Debian ${suite:-12} have it"
        done
    fi
    (cd "$work/apt/debs" && quiet apt-get "${apt[@]}" download "$@")
    for deb in "$work"/apt/debs/*.deb; do
        quiet dpkg-deb -x "$deb" "$root"
        rm -f "$deb"
    done
}

# Removes the folders of older recipes, whose names begin with $1.
forget_older() {
    local folder
    for folder in "$servers/$1"-*; do
        [ "$folder" = "$cache" ] || rm -rf "$folder"
    done
}
