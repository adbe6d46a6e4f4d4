#!/usr/bin/env bash
# Fuzzes everything that parses untrusted input, with libFuzzer and the stable toolchain.
#
#     fuzz.sh SECONDS [TARGET...]
#
# Each target runs for SECONDS, JOBS of them at the same time. An input that fails is saved in
# fuzz/found/, where `make test` replays it. The exit status is 1 if an input failed.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

duration=${1:-60}
shift || true
selected=("$@")
case $duration in '' | *[!0-9]*) fail "fuzz.sh: SECONDS must be a whole number, not '$duration'" ;; esac

need_toolchain
if ! command -v "${CXX:-c++}" >/dev/null 2>&1 && ! install_packages g++; then
    fail "No C++ compiler was found (${CXX:-c++}), which libFuzzer needs: on Debian, run '$(as_root)apt-get install g++'."
fi

# The flags that `cargo fuzz build --sanitizer none` sets; the stable compiler has these LLVM passes
# too. With --target they apply to the targets, not to build scripts.
coverage=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    # Comparisons with a constant text remain calls of bcmp, which libFuzzer observes to try that text.
    -Cllvm-args=-max-loads-per-memcmp=0
)
machine=$(rustc -vV | sed -n 's/^host: //p')
target=$(target_dir)
title "Building the targets (some minutes the first time)"
RUSTFLAGS="${coverage[*]}" cargo build --locked --profile fuzz --target "$machine" \
    -p gatherer-fuzz --features engine

work=$target/fuzz-work
mkdir -p "$work"
jobs=${JOBS:-$(nproc)}
status=0
summary=()

# Replaces this process by the target $2 of the binary $1. Its log is $work/$2.log.
fuzz() {
    local binary=$1 name=$2 folders=("$work/corpus/$2" "fuzz/seeds/$2")
    mkdir -p "$work/corpus/$name" "fuzz/found/$name"
    [ -z "$(ls -A "fuzz/found/$name")" ] || folders+=("fuzz/found/$name")
    # An input that takes 10 s of wall time is a failure even on a loaded machine: the target itself
    # already fails at 1 s of CPU time.
    exec env FUZZ_TARGET="$name" "$binary" -max_total_time="$duration" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="fuzz/found/$name/" "${folders[@]}" \
        </dev/null >"$work/$name.log" 2>&1
}

# Prints the last number after the word $2 in the log of the target $1.
figure() {
    grep -oE "$2[: ]+[0-9]+" "$work/$1.log" | tail -n 1 | grep -oE '[0-9]+$' || printf -- '-'
}

# Adds the target $1, which exited with status $2, to the summary.
report() {
    local name=$1 code=$2 found
    found=$(sed -n "s/.*Test unit written to //p" "$work/$name.log" | tail -n 1)
    # The folder is empty unless an input failed.
    rmdir "fuzz/found/$name" 2>/dev/null || true
    rmdir fuzz/found 2>/dev/null || true
    if [ "$code" -ne 0 ]; then
        status=1
        found=${found:-"exit status $code, see $work/$name.log"}
        title "$name: FOUND ($found)"
        grep -A 5 -E '^thread .* panicked at|ERROR: libFuzzer' "$work/$name.log" | head -n 20 || true
        say "Complete log: $work/$name.log"
    else
        found=-
    fi
    summary+=("$(printf '%-16s %12s %9s %8s %8s %7s  %s' "$name" "$(figure "$name" number_of_executed_units)" \
        "$(figure "$name" average_exec_per_sec)" "$(figure "$name" cov)" "$(figure "$name" corp)" \
        "$(figure "$name" peak_rss_mb)" "$found")")
}

declare -A running=()
# The trap calls this function, which shellcheck does not notice.
# shellcheck disable=SC2317
stop() {
    [ ${#running[@]} -eq 0 ] || kill "${!running[@]}" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Waits until one target ends.
wait_for_one() {
    local pid code=0
    wait -n -p pid "${!running[@]}" || code=$?
    report "${running[$pid]}" "$code"
    unset "running[$pid]"
}

title "Fuzzing for $duration s each, $jobs at the same time"
known=()
for crate in host support ec2 azure file gce kubernetes libvirt nutanix openstack proxmox vmware; do
    binary=$target/$machine/fuzz/fuzz-$crate
    for name in $("$binary" 2>/dev/null); do
        known+=("$name")
        case " ${selected[*]} " in "  " | *" $name "*) ;; *) continue ;; esac
        while [ ${#running[@]} -ge "$jobs" ]; do wait_for_one; done
        fuzz "$binary" "$name" &
        running[$!]=$name
    done
done
while [ ${#running[@]} -gt 0 ]; do wait_for_one; done
[ ${#summary[@]} -gt 0 ] || fail "fuzz.sh: unknown target: ${selected[*]}; the targets are: ${known[*]}"

title "Summary"
printf '%-16s %12s %9s %8s %8s %7s  %s\n' target executions "a second" edges corpus "peak MB" "found"
printf '%s\n' "${summary[@]}" | sort
if [ "$status" -ne 0 ]; then
    say "The inputs that failed are saved. To run one again: FUZZ_TARGET=NAME BINARY FILE, with a BINARY in $target/$machine/fuzz/."
else
    say "${#summary[@]} targets, no input failed"
fi
exit "$status"
