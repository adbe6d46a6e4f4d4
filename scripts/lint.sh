#!/usr/bin/env bash
# Everything that reads the code without running it; a warning is an error.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
status=0

# Runs one check, and goes on to the next if it fails: one run tells everything that is wrong.
check() {
    title "$*"
    "$@" </dev/null || status=1
}

check cargo fmt --all --check
check cargo clippy --workspace --all-targets --locked --keep-going -- -D warnings
# The fuzz targets, without libFuzzer itself.
check cargo clippy -p gatherer-fuzz --features targets --locked --keep-going -- -D warnings
RUSTDOCFLAGS="-D warnings" check cargo doc --workspace --no-deps --locked --keep-going

# Advisories are left out: they need a database from the network, and change without us.
if cargo deny --version >/dev/null 2>&1; then
    check cargo deny --locked check licenses bans sources
else
    title "cargo deny"
    say "skipped: cargo-deny is not installed, so licences and sources of the dependencies are not checked ('cargo install cargo-deny --locked' takes a minute or two)."
fi

if command -v shellcheck >/dev/null 2>&1; then
    check shellcheck --external-sources scripts/*.sh scripts/servers/*.sh .ci/run
else
    title "shellcheck"
    say "skipped: shellcheck is not installed, so the scripts are not checked ('$(as_root)apt-get install shellcheck')."
fi

title "Summary"
if [ "$status" -eq 0 ]; then
    say "lint: everything that was checked is fine"
else
    say "lint: something above is not fine"
fi
exit "$status"
