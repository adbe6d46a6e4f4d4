#!/usr/bin/env bash
# Runs all static checks of the code; warnings are errors.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_toolchain
status=0

# Runs one check. If it fails, the script continues, so that one run reports all problems.
check() {
    title "$*"
    "$@" </dev/null || status=1
}

check cargo fmt --all --check
check scripts/own-words.sh --check
check cargo clippy --workspace --all-targets --locked --keep-going -- -D warnings
# The fuzz targets, without libFuzzer itself.
check cargo clippy -p gatherer-fuzz --features targets --locked --keep-going -- -D warnings
RUSTDOCFLAGS="-D warnings" check cargo doc --workspace --no-deps --locked --keep-going

# Advisories are not checked: they need a database from the network, and change without a commit.
if cargo deny --version >/dev/null 2>&1; then
    check cargo deny --locked check licenses bans sources
else
    title "cargo deny"
    say "skipped: cargo-deny is not installed, so licences and sources of the dependencies are not checked ('cargo install cargo-deny --locked' takes a minute or two)."
fi

if command -v reuse >/dev/null 2>&1; then
    check reuse lint --quiet
else
    title "reuse lint"
    say "skipped: reuse is not installed, so it is not checked that every file has a licence ('pipx install reuse')."
fi

if command -v shellcheck >/dev/null 2>&1; then
    check shellcheck --external-sources scripts/*.sh scripts/servers/*.sh .ci/run packaging/ansible/virtual-host-gatherer-ansible
else
    title "shellcheck"
    say "skipped: shellcheck is not installed, so the scripts are not checked ('$(as_root)apt-get install shellcheck')."
fi

title "Summary"
if [ "$status" -eq 0 ]; then
    say "lint: all checks passed"
else
    say "lint: at least one check failed, see above"
fi
exit "$status"
