#!/usr/bin/env bash
# Builds everything, runs every test, and counts what ran, what failed and what was skipped.
#
# Real servers come first: what they are made of takes minutes once and is kept. A cluster that the
# tests only read is started here for all of them.
#
# A test whose server cannot be had writes the line "test: reason" to GATHERER_SKIP_FILE and
# returns; the runner takes it for passed, so it is counted over to skipped here.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain

# Without libvirt's library, SASL's mechanisms or ssh the tests that need them say that they are
# skipped, and why.
missing=()
have_libvirt || missing+=(libvirt0)
[ -n "$(find /usr/lib /usr/lib64 -path '*/sasl2/libdigestmd5.so' -print -quit 2>/dev/null)" ] || missing+=(libsasl2-modules)
command -v ssh >/dev/null 2>&1 || missing+=(openssh-client)
[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}" || true

target=$(target_dir)
log=$target/test-output.txt
summary=$target/test-summary.txt
skips=$PWD/$target/test-skips.txt
case $target in /*) skips=$target/test-skips.txt ;; esac
rm -f "$summary"

title "Servers for the tests"
if make_server kube-apiserver; then
    say "kube-apiserver and etcd are in: $(scripts/servers/kube-apiserver.sh --path)"
else
    export GATHERER_NO_KUBERNETES=$reason
fi
if make_server libvirt; then
    say "libvirt daemons can be run from: $(scripts/servers/libvirt.sh --path)"
else
    export GATHERER_NO_LIBVIRT=$reason
fi

# Before anything is written there: cargo puts its CACHEDIR.TAG, by which the program knows a
# build folder with plugins, only into a target folder that it makes itself.
# With everything that the tests are built of, so that nothing is built twice.
title "Building program, plugins and tests"
cargo build --workspace --all-targets --locked

: >"$skips"
export GATHERER_SKIP_FILE=$skips

passed=0
failed=0
skipped=0
status=0
unfinished=()

# Adds up "N <word>" for the words of the extended regular expression $1, in what $2 prints.
total() {
    # None is no failure: it would end the script.
    { grep -oE "[0-9]+ ($1)" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# Runs a command with its output on the terminal and, without colours, in the log. Its
# status is remembered, and the rest goes on: one run tells everything that is wrong. A failure
# without the expression $1 in the log is not one of counted tests, and is said at the end.
run() {
    local code=0 failure=$1
    shift
    "$@" </dev/null 2>&1 | tee "$log.raw" || code=$?
    sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$log.raw" >"$log"
    rm -f "$log.raw"
    if [ "$code" -ne 0 ]; then
        status=$code
        grep -qE "$failure" "$log" || unfinished+=("$* (exit status $code)")
    fi
}

# Counts the "test result:" lines of cargo test.
count_libtest() {
    local results
    results=$(grep '^test result:' "$log" || true)
    passed=$((passed + $(printf '%s\n' "$results" | total passed)))
    failed=$((failed + $(printf '%s\n' "$results" | total failed)))
    skipped=$((skipped + $(printf '%s\n' "$results" | total ignored)))
}

colour=auto
[ -t 1 ] && colour=always

lab_pid=

# It ends when its stdin closes too: that is the end of this script, however it comes.
stop_cluster() {
    [ -n "$lab_pid" ] || return 0
    kill "$lab_pid" 2>/dev/null || true
    wait "$lab_pid" 2>/dev/null || true
    lab_pid=
}
trap stop_cluster EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Starts the cluster that the tests share. Without it each test process starts its own.
start_cluster() {
    local folder
    coproc LAB { exec "$target/debug/examples/lab" --folder-only; }
    lab_pid=$!
    if read -r folder <&"${LAB[0]}"; then
        export GATHERER_TEST_CLUSTER=$folder
        say "A cluster for all tests runs in $folder"
    else
        stop_cluster
        say "No cluster for all tests could be started: each test starts one, and tells why it cannot."
    fi
}

if [ -z "${GATHERER_NO_KUBERNETES:-}" ]; then
    title "Starting a cluster"
    start_cluster
fi

if cargo nextest --version >/dev/null 2>&1; then
    title "Tests (cargo nextest)"
    run '^ *Summary .* [0-9]+ tests? run:' cargo nextest run --workspace --locked --no-fail-fast --color "$colour"
    line=$(grep -E '^ *Summary \[' "$log" | tail -n 1 || true)
    passed=$((passed + $(printf '%s\n' "$line" | total passed)))
    failed=$((failed + $(printf '%s\n' "$line" | total 'failed|exec failed|timed out')))
    skipped=$((skipped + $(printf '%s\n' "$line" | total skipped)))
else
    title "Tests (cargo test; cargo nextest is faster and is not installed)"
    run '^test result: FAILED' cargo test --workspace --locked --no-fail-fast --tests --color "$colour"
    count_libtest
fi

title "Examples in the documentation"
run '^test result: FAILED' cargo test --workspace --locked --no-fail-fast --doc --color "$colour"
count_libtest

title "Installing, and running from there"
run '^not ok: ' scripts/test-install.sh
passed=$((passed + $(grep -c '^ok: ' "$log" || true)))
failed=$((failed + $(grep -c '^not ok: ' "$log" || true)))

reasons=$(grep -c . "$skips" || true)
passed=$((passed - reasons))
skipped=$((skipped + reasons))

title "Summary"
if [ "$reasons" -gt 0 ]; then
    # A test's path has :: but no ": ", so the first of these ends it.
    sed -n '/./s/^\([^ ]*\): \(.*\)$/skipped: \2 (\1)/p' "$skips"
fi
for command in ${unfinished[@]+"${unfinished[@]}"}; do
    say "Did not come to its end, so the count is not the whole truth: $command"
done
say "$passed passed, $failed failed, $skipped skipped" | tee "$summary"
exit "$status"
