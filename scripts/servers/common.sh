# shellcheck shell=bash
# What the scripts beside this one share: one of them at a time, progress, a log, and Debian's
# packages without installing any. Sourced, never run. Who sources it sets `what`, the server's
# name, and `cache`, its folder.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

servers=$(cache_dir)/servers
# Made by begin_work.
work=

# Ends with the reason why there are no servers on this machine.
cannot() {
    printf 'no %s: %s\n' "${what:?}" "$*" >&2
    exit 3
}

need_tools() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || cannot "$tool was not found, and it is made of Debian's packages"
    done
}

# One at a time; whoever waited finds it made. Everything that is started here holds the lock, so
# nobody tidies up below a compiler that outlived its script.
alone() {
    exec 9>"${cache:?}/lock"
    if ! flock --nonblock 9; then
        say "Waiting: $1 is being made by another process."
        flock 9
    fi
}

# A folder for what is needed until all is made, without what an interrupted run left.
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

# Runs a command with what it says in the log, which is shown if it fails.
quiet() {
    "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        cannot "'${1##*/}' failed, and $log tells how"
    }
}

# Loads the lists of packages, of the kinds $1 (deb, deb-src), into a private place, with further
# options for apt-get: nothing under /etc/apt or /var/lib/apt changes, and no root is needed.
load_lists() {
    local kinds=$1 file kind
    shift
    stage "packages: lists"
    mkdir -p "$work"/apt/{lists/partial,parts,archives/partial,debs}
    for file in /etc/apt/sources.list.d/*.sources; do
        # An empty line between them: they are paragraphs.
        [ ! -r "$file" ] || { sed "s/^Types:.*/Types: $kinds/" "$file" && echo; } >>"$work/apt/parts/all.sources"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        for kind in $kinds; do
            [ ! -r "$file" ] || sed -n "s/^deb\\([[:space:]]\\)/$kind\\1/p" "$file" >>"$work/apt/parts/all.list"
        done
    done
    apt=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/apt/parts"
        -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o "APT::Sandbox::User=$(id -un)"
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 "$@")
    # It succeeds without a network too; what it got is what counts.
    apt-get "${apt[@]}" update >>"$log" 2>&1 || true
    if [ -z "$(find "$work/apt/lists" -maxdepth 1 -name '*_Packages*' -size +0 | head -n 1)" ]; then
        cannot "the lists of Debian's packages could not be loaded (is this machine offline?), and $log tells how"
    fi
}

# Removes what older recipes made, whose folders begin with $1.
forget_older() {
    local folder
    for folder in "$servers/$1"-*; do
        [ "$folder" = "$cache" ] || rm -rf "$folder"
    done
}
