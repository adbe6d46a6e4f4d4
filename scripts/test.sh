#!/usr/bin/env bash
# Builds everything, runs all tests, and counts the passed, failed and skipped ones.
#
# It prepares the real servers first, which takes minutes the first time. It also starts one cluster, for
# all tests that only read from it.
#
# If the server of a test is not available, the test writes the line "test: reason" to GATHERER_SKIP_FILE
# and returns. The test runner counts it as passed; this script counts it as skipped.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain

# Tests that need libvirt's library, SASL mechanisms or ssh are skipped if these are missing.
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
if make_server vcsim; then
    say "vcsim is: $(scripts/servers/vcsim.sh --path)"
else
    export GATHERER_NO_VCSIM=$reason
fi

if ! make_server judges; then
    export GATHERER_NO_JUDGES=$reason
fi
if ! make_server promtool; then
    export GATHERER_NO_PROMTOOL=$reason
fi
if ! make_server manifest-judges; then
    export GATHERER_NO_MANIFEST_JUDGES=$reason
fi

# Build before writing to the target folder: the program recognizes a build folder with plugins by its
# CACHEDIR.TAG, which cargo creates only if it creates the folder. Build all targets at once, so that
# nothing is built twice.
title "Building program, plugins and tests"
cargo build --workspace --all-targets --locked

: >"$skips"
export GATHERER_SKIP_FILE=$skips

passed=0
failed=0
skipped=0
status=0
unfinished=()

# Reads text from stdin and prints the sum of N in all "N <word>", where <word> matches the extended
# regular expression $1.
total() {
    # grep fails if nothing matches, which must not end the script.
    { grep -oE "[0-9]+ ($1)" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# Runs a command with its output on the terminal and, without colours, in the log. If it fails, the script
# continues, so that one run reports all problems, and exits with the command's status at the end. If the
# log does not match the expression $1 then, the failure is not counted as a test, and is listed in the
# summary.
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

# Adds the "test result:" lines of cargo test to the counts.
count_libtest() {
    local results
    results=$(grep '^test result:' "$log" || true)
    passed=$((passed + $(printf '%s\n' "$results" | total passed)))
    failed=$((failed + $(printf '%s\n' "$results" | total failed)))
    skipped=$((skipped + $(printf '%s\n' "$results" | total ignored)))
}

# Adds the summary of cargo nextest, which stays in $line, to the counts, without the skipped tests.
count_nextest() {
    line=$(grep -E '^ *Summary \[' "$log" | tail -n 1 || true)
    passed=$((passed + $(printf '%s\n' "$line" | total passed)))
    failed=$((failed + $(printf '%s\n' "$line" | total 'failed|exec failed|timed out')))
}

# Adds the lines "ok: " and "not ok: " of our own scripts to the counts.
count_rules() {
    passed=$((passed + $(grep -c '^ok: ' "$log" || true)))
    failed=$((failed + $(grep -c '^not ok: ' "$log" || true)))
}

colour=auto
[ -t 1 ] && colour=always

lab_pid=

# The cluster also ends when its stdin closes, so it ends with this script in any case.
stop_cluster() {
    [ -n "$lab_pid" ] || return 0
    kill "$lab_pid" 2>/dev/null || true
    wait "$lab_pid" 2>/dev/null || true
    lab_pid=
}
trap stop_cluster EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Starts the cluster that the tests share. If that fails, each test process starts its own.
start_cluster() {
    local folder
    coproc LAB { exec "$target/debug/examples/lab" --folder-only; }
    lab_pid=$!
    if read -r folder <&"${LAB[0]}"; then
        export GATHERER_TEST_CLUSTER=$folder
        say "The shared cluster runs in $folder"
    else
        stop_cluster
        say "The shared cluster could not be started: each test starts its own, or reports why it cannot."
    fi
}

if [ -z "${GATHERER_NO_KUBERNETES:-}" ]; then
    title "Starting the shared cluster"
    start_cluster
fi

if cargo nextest --version >/dev/null 2>&1; then
    title "Tests (cargo nextest)"
    run '^ *Summary .* [0-9]+ tests? run:' cargo nextest run --workspace --locked --no-fail-fast --color "$colour"
    count_nextest
    skipped=$(printf '%s\n' "$line" | total skipped)
else
    title "Tests (cargo test; cargo nextest is faster and is not installed)"
    run '^test result: FAILED' cargo test --workspace --locked --no-fail-fast --tests --color "$colour"
    count_libtest
fi
ignored=$skipped

# The tests of module Kubernetes once more, with a newer API server if it was prepared.
newer=
if [ -n "${GATHERER_NO_KUBERNETES:-}" ]; then
    newer=$GATHERER_NO_KUBERNETES
elif ! cargo nextest --version >/dev/null 2>&1; then
    newer="cargo nextest, which selects the tests, is not installed"
elif ! scripts/servers/new-apiserver.sh --path >/dev/null; then
    newer="it was not built: run scripts/servers/new-apiserver.sh once, which takes about 4 minutes"
else
    title "Tests of module Kubernetes on the newer API server $(cat "$(scripts/servers/new-apiserver.sh --path)/version")"
    stop_cluster
    export GATHERER_API_SERVER=new
    unset GATHERER_TEST_CLUSTER
    start_cluster
    # The snapshots are those of the old server.
    INSTA_UPDATE=no run '^ *Summary .* [0-9]+ tests? run:' cargo nextest run --profile new-apiserver \
        --workspace --locked --no-fail-fast --color "$colour" --test 'kubernetes*' --test match_images
    count_nextest
    stop_cluster
    unset GATHERER_API_SERVER GATHERER_TEST_CLUSTER
fi

title "Examples in the documentation"
run '^test result: FAILED' cargo test --workspace --locked --no-fail-fast --doc --color "$colour"
count_libtest

title "Installation"
run '^not ok: ' scripts/test-install.sh
count_rules

title "Packages"
# make exports the profile of an installation.
run '^not ok: ' env BUILD_PROFILE=dev scripts/test-packages.sh
count_rules
package_skip=$(sed -n 's/^skipped: //p' "$log")
[ -z "$package_skip" ] || skipped=$((skipped + 1))

title "Container image"
run '^not ok: ' scripts/test-image.sh
passed=$((passed + $(grep -c '^ok: ' "$log" || true)))
failed=$((failed + $(grep -c '^not ok: ' "$log" || true)))
# The script says why it skips a part.
sed -n 's/^skipped: /image: /p' "$log" >>"$skips"
passed=$((passed + $(grep -c '^skipped: ' "$log" || true)))

reasons=$(grep -c . "$skips" || true)
passed=$((passed - reasons))
skipped=$((skipped + reasons))

title "Summary"
if [ "$reasons" -gt 0 ]; then
    # A test's path can contain :: but not ": ", so the first ": " ends it.
    sed -n '/./s/^\([^ ]*\): \(.*\)$/skipped: \2 (\1)/p' "$skips"
fi
[ "$ignored" -eq 0 ] || say "skipped: $ignored tests of a real Kubernetes node, which run only with 'make test-node'"
[ -z "$package_skip" ] || say "skipped: the tests of packages: $package_skip"
[ -z "$newer" ] || say "skipped: the Kubernetes tests on a newer API server: $newer"
for command in ${unfinished[@]+"${unfinished[@]}"}; do
    say "Did not finish, so the counts are incomplete: $command"
done
say "$passed passed, $failed failed, $skipped skipped" | tee "$summary"
exit "$status"
